"""Streams that are closed, readers that leave, and signals at any time."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.animator.cli.stand_in import ANIMATE


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_cleans_up_and_ends_with_its_code(tmp_path: Path, signum: signal.Signals, code: int) -> None:
    script = f"""
import sys, time, types
from pathlib import Path
from animator.cli import main
temporary = Path({str(tmp_path)!r}) / "half-written.tmp"
def animate(job, *, progress, trust):
    try:
        temporary.touch()
        time.sleep(60)
    finally:
        temporary.unlink()
sys.modules["animator.pipeline"] = types.ModuleType("animator.pipeline")
sys.modules["animator.pipeline"].animate = animate
sys.exit(main({ANIMATE!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    temporary = tmp_path / "half-written.tmp"
    deadline_s = time.monotonic() + 60
    while not temporary.exists() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    process.send_signal(signum)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, f"error: stopped by {signum.name}\n")
    assert not temporary.exists()


@pytest.mark.skipif(not hasattr(signal, "SIGCHLD"), reason="Windows tells nobody of children")
def test_children_that_the_same_signal_ends_are_no_news(tmp_path: Path) -> None:
    """`timeout` and systemd tell the whole group to end; torch raises when a worker of a DataLoader was killed."""
    script = f"""
import os, signal, sys, time, types
from animator.cli import main
def complain(signum, frame):
    raise RuntimeError("DataLoader worker is killed by signal")
def animate(job, *, progress, trust):
    signal.signal(signal.SIGCHLD, complain)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    finally:
        os.kill(os.getpid(), signal.SIGCHLD)
        time.sleep(0.1)
sys.modules["animator.pipeline"] = types.ModuleType("animator.pipeline")
sys.modules["animator.pipeline"].animate = animate
sys.exit(main({ANIMATE!r}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (143, "error: stopped by SIGTERM\n")


def run_in_shell(command: str) -> subprocess.CompletedProcess[str]:
    """A shell line in which `$ANIMATOR` is the program."""
    environment = {**os.environ, "ANIMATOR": f"{sys.executable} -m animator"}
    return subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=120)


def test_closed_streams_lead_nowhere() -> None:
    done = run_in_shell("$ANIMATOR --version >&- && $ANIMATOR inspect /nowhere.mp4 --json >&- 2>&-; echo $?")
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_nobody_reading_is_told_by_the_exit_code() -> None:
    done = run_in_shell("$ANIMATOR doctor --json | true; echo ${PIPESTATUS[0]}")
    assert done.stdout == "141\n"
    assert "Traceback" not in done.stderr


def test_what_the_terminals_alphabet_lacks_is_spelled_out(tmp_path: Path) -> None:
    (tmp_path / "人.json").write_text('[{"keypoints": [' + "1.0," * 50 + '1.0], "image_id": 1}]')
    path = shlex.quote(str(tmp_path / "人.json"))
    done = run_in_shell(f"export PYTHONIOENCODING=latin-1; $ANIMATOR inspect {path} && $ANIMATOR inspect {path} --json")
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, last = done.stdout.splitlines()
    assert first == rf"{tmp_path}/\u4eba.json: poses"
    assert json.loads(last)["path"] == str(tmp_path / "人.json")


def test_the_end_does_not_wait_for_the_memory_of_libraries_to_be_looked_through() -> None:
    script = (
        "import atexit, gc, sys, types\n"
        "cli = sys.modules['animator.cli'] = types.ModuleType('animator.cli')\n"
        "cli.main = lambda: 7\n"
        "class Chatty:\n"
        "    def __del__(self): print('looked through')\n"
        "gc.disable()\n"
        "thing = Chatty(); thing.self = thing; del thing\n"
        "atexit.register(print, 'tidied up')\n"
        "from animator.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (7, "tidied up\n", "")


@pytest.mark.parametrize(("code", "daemon"), [(143, False), (130, False), (143, True)])
def test_who_stopped_the_program_does_not_wait_for_a_thread_that_is_at_something_long(code: int, daemon: bool) -> None:
    script = (
        "import atexit, sys, threading, types\n"
        "cli = sys.modules['animator.cli'] = types.ModuleType('animator.cli')\n"
        # Where Python would not wait, such as for a progress bar's thread, all is ended as ever.
        f"if {daemon}: atexit.register(print, 'tidied up')\n"
        "def stopped():\n"
        f"    threading.Thread(target=threading.Event().wait, daemon={daemon}).start()\n"
        "    print('as far as it came')\n"
        f"    return {code}\n"
        "cli.main = stopped\n"
        "from animator.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout == "as far as it came\n" + "tidied up\n" * daemon


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_the_program_starts_ends_it_in_one_line(signum: signal.Signals, code: int) -> None:
    script = (
        "import os, sys\n"
        "class Interrupter:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == 'animator.cli': os.kill(os.getpid(), {signum.value})\n"
        "sys.meta_path.insert(0, Interrupter())\n"
        "from animator.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"error: stopped by {signum.name}\n")
