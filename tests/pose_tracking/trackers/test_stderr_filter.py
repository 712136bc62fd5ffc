"""Library chatter is held back; everything else reaches standard error, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import pytest

from pose_tracking.trackers.stderr_filter import without_library_chatter

CHATTER = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"W0000 00:00:1795258885.191341   21983 inference_feedback_manager.cc:114] Feedback manager requires a model\n"
    b"I0000 00:00:1795258885.191341   21983 gl_context.cc:357] GL version\n"
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
)


def test_chatter_is_dropped_and_other_lines_pass_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    with without_library_chatter():
        os.write(2, b"one\n" + CHATTER)
        os.write(2, CHATTER + b"two\n" + b"E0000 00:00:17 broken graph\n")
    assert capfd.readouterr().err == "one\ntwo\nE0000 00:00:17 broken graph\n"


def test_chatter_that_comes_into_the_middle_of_a_line_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    warning, record, _, line = CHATTER.splitlines(keepends=True)
    with without_library_chatter():
        for piece in (b"\rtrack: 10%", warning, record, b"\rtrack: 20%\n"):
            os.write(2, piece)
        # TensorFlow Lite writes its line in three pieces, and other threads of the graph do not wait for the last.
        for piece in (line[:6], record, line[6:-1], record, line[-1:], b"W0000 of this is said twice\n"):
            os.write(2, piece)
    assert capfd.readouterr().err == "\rtrack: 10%\rtrack: 20%\nW0000 of this is said twice\n"


def test_standard_error_is_restored_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with without_library_chatter():
            os.write(2, b"before\n")
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"


def test_nesting_restores_once(capfd: pytest.CaptureFixture[str]) -> None:
    with without_library_chatter():
        with without_library_chatter():
            os.write(2, CHATTER + b"inner\n")
        os.write(2, CHATTER)
    os.write(2, b"outer\n")
    assert capfd.readouterr().err == "inner\nouter\n"


def test_threads_take_turns_and_lose_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def work(number: int) -> None:
        for _ in range(20):
            with without_library_chatter():
                os.write(2, CHATTER + b"line %d\n" % number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines) == sorted(f"line {number}" for number in range(4) for _ in range(20))


def test_no_descriptor_is_left_open() -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc on this system")
    with without_library_chatter():
        pass
    before = count()
    for _ in range(50):
        with without_library_chatter():
            pass
    assert count() == before


def test_process_without_standard_error_works() -> None:
    script = """
        import os
        from pose_tracking.trackers.stderr_filter import without_library_chatter
        os.close(2)
        with without_library_chatter():
            print("done")
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, check=False)
    assert result.stdout == b"done\n"
    assert result.returncode == 0


def test_the_last_words_of_a_program_that_ends_without_its_threads_are_heard() -> None:
    script = f"""
import os, threading
from pose_tracking.trackers.stderr_filter import pass_on_now, without_library_chatter
holding = threading.Event()
def hold():
    with without_library_chatter(), without_library_chatter():
        os.write(2, {CHATTER!r} + b"before\\n")
        holding.set()
        threading.Event().wait()
threading.Thread(target=hold).start()
holding.wait()
os.write(2, b"error: stopped\\n")
pass_on_now()
os.write(2, b"after\\n")
os._exit(3)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (3, b"before\nerror: stopped\nafter\n")
