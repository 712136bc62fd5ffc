from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from animator.jobs.stopping import finishing_frames


class Ended(BaseException):
    """What the program's own handler raises."""


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}

    def end(signum: int, _: FrameType | None) -> None:
        raise Ended(signum)

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, end)
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_frame_in_hand_is_finished_before_the_end(signum: signal.Signals) -> None:
    done = []
    with pytest.raises(Ended), finishing_frames() as stop:  # noqa: PT012
        for frame in range(3):
            stop.check()
            os.kill(os.getpid(), signum)
            done.append(frame)
    assert done == [0]
    with pytest.raises(Ended):  # from here on as before
        os.kill(os.getpid(), signum)


def test_the_last_frame_is_not_forgotten() -> None:
    with pytest.raises(Ended), finishing_frames():
        os.kill(os.getpid(), signal.SIGTERM)


def test_patience_ends() -> None:
    began_s = time.monotonic()
    with pytest.raises(Ended), finishing_frames(patience_s=0.1):  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    assert time.monotonic() - began_s < 30


def test_who_asks_twice_means_at_once() -> None:
    with pytest.raises(Ended), finishing_frames():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("goes on")


def test_without_a_signal_nothing_happens() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with finishing_frames() as stop:
        stop.check()
    assert signal.getsignal(signal.SIGTERM) is before
