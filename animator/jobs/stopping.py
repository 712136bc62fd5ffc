"""To be stopped politely: a signal is remembered, the frame in hand is finished, and then the program ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# The frame in hand gets this long; whoever asked is promised ten seconds.
PATIENCE_S = 6.0


class StopRequest:
    """Whether somebody asked the program to end."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self._act: Callable[[int], None] = _default

    def check(self) -> None:
        """Between two frames: end now if that was asked for, as the program would have ended at once.

        Raises:
            BaseException: what the handler that stood in for raises.
        """
        if self.signum is not None:
            self._act(self.signum)


@contextmanager
def finishing_frames(patience_s: float = PATIENCE_S) -> Iterator[StopRequest]:
    """SIGINT and SIGTERM wait within the block for `StopRequest.check`, at most `patience_s`; a second one does not.

    Elsewhere than in the main thread, where signals do not arrive, nothing changes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    signals = [signal.SIGINT, signal.SIGTERM]
    before: dict[int, Any] = {int(signum): signal.getsignal(signum) for signum in signals}
    has_alarm = hasattr(signal, "setitimer")
    alarm_before = signal.getsignal(signal.SIGALRM) if has_alarm else None

    def act(signum: int) -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        handler = before[signum]
        if callable(handler):
            handler(signum, None)
        else:
            _default(signum)

    def remember(signum: int, _: FrameType | None) -> None:
        if request.signum is not None:
            act(signum)
        request.signum = signum
        if has_alarm:
            signal.setitimer(signal.ITIMER_REAL, patience_s)

    request._act = act
    for signum in signals:
        signal.signal(signum, remember)
    if has_alarm:
        signal.signal(signal.SIGALRM, lambda *_: request.check())
    try:
        yield request
        request.check()
    finally:
        if has_alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, alarm_before)
        for number, handler in before.items():
            signal.signal(number, handler)


def _default(signum: int) -> None:
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
