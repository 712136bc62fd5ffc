"""Work beside the caller's: it goes on meanwhile, and its errors come soon."""

from __future__ import annotations

import threading

import pytest

from animator.beside import Beside
from animator.progress import SilentProgress


def test_work_goes_on_while_the_caller_does_something_else() -> None:
    met = threading.Barrier(3, timeout=10)
    with Beside() as beside:
        first, second = beside.start(met.wait), beside.start(met.wait)
        met.wait()  # would never return if one waited for the other
        assert {first.result(), second.result()} <= {0, 1, 2}


def test_an_error_beside_ends_the_caller_s_work_at_the_next_step() -> None:
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise ValueError("no such photo")

    def work() -> int:
        with Beside() as beside:
            finding = beside.start(fail)
            with beside.watching(SilentProgress()).stage("track", 1000) as stage:
                failed.wait(10)
                while not finding.done():
                    pass
                stage.advance()
        return 1

    with pytest.raises(ValueError, match="no such photo"):
        work()


def test_the_end_of_the_block_waits_for_what_is_under_way() -> None:
    ended = threading.Event()
    with Beside() as beside:
        beside.start(lambda: ended.wait(0.2) or ended.set())
    assert ended.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("beside")]


def test_warnings_and_steps_are_passed_on() -> None:
    class Listener(SilentProgress):
        def __init__(self) -> None:
            self.said: list[str] = []

        def warn(self, message: str) -> None:
            self.said.append(message)

    listener = Listener()
    with Beside() as beside:
        beside.watching(listener).warn("mind the gap")
    assert listener.said == ["mind the gap"]
