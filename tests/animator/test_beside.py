"""Work beside the caller's: it goes on meanwhile, and its errors come soon."""

from __future__ import annotations

import threading
from collections.abc import Generator

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


def test_who_is_told_to_end_does_not_wait_for_what_is_under_way() -> None:
    asked, begun = threading.Event(), []

    def work() -> None:
        with Beside() as beside:
            begun.extend(beside.start(lambda: asked.wait(60)) for _ in range(99))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not begun[0].done()
    assert begun[-1].cancelled()  # what had not begun never does
    asked.set()
    assert begun[0].result()


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


def test_items_are_made_before_they_are_taken_and_no_more_than_asked_for() -> None:
    made, third = [], threading.Event()

    def count() -> Generator[int, None, None]:
        for number in range(9):
            made.append(number)
            if number == 2:
                third.set()
            yield number

    with Beside() as beside:
        items = beside.ahead(count(), most=3)
        assert third.wait(10)
        assert made == [0, 1, 2]
        assert list(items) == list(range(9))
        assert list(items) == []


def test_an_error_ahead_comes_in_its_turn() -> None:
    def broken() -> Generator[int, None, None]:
        yield 1
        raise ValueError("the clip ends here")

    with Beside() as beside:
        items = beside.ahead(broken(), most=5)
        assert next(items) == 1
        with pytest.raises(ValueError, match="the clip ends here"):
            next(items)


def test_the_end_of_the_block_ends_what_nobody_takes() -> None:
    ended = threading.Event()

    def endless() -> Generator[int, None, None]:
        try:
            while True:
                yield 0
        finally:
            ended.set()

    with Beside() as beside:
        next(beside.ahead(endless(), most=2))
    assert ended.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
