"""How long tests wait: what may take long on a busy machine is no fault, and what never ends is one."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

# Nothing here takes a tenth of this alone on a machine; whoever waits longer waits for ever.
HANG_S = 300.0
_PROBE_S, _PROBE_EVERY_S = 0.02, 0.25


def await_that(condition: Callable[[], object], *, every_s: float = 0.003) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it will never be.
    """
    until_s = time.monotonic() + HANG_S
    while not condition():
        if time.monotonic() > until_s:
            raise TimeoutError(f"not within {HANG_S:.0f} s")
        time.sleep(every_s)


def slowdown() -> float:
    """How many times longer work takes at the moment than on a machine that does nothing else; at least 1."""
    began_s, worked_s = time.monotonic(), time.thread_time()
    while time.thread_time() - worked_s < _PROBE_S:
        pass
    return max(1.0, (time.monotonic() - began_s) / _PROBE_S)


class Promise:
    """That something ends within so many seconds from now on, on a machine that has time for it.

    Args:
        seconds: promised.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._began_s = seconds, time.monotonic()
        self._slowdowns: list[float] = []
        self._is_over = threading.Event()
        threading.Thread(target=self._watch, name="promise", daemon=True).start()

    def taken_s(self) -> float:
        """How long it took.

        Raises:
            AssertionError: longer than promised, on a machine as busy as it was meanwhile.
        """
        taken_s = time.monotonic() - self._began_s
        self._is_over.set()
        allowed_s = self._seconds * statistics.fmean([*self._slowdowns, slowdown()])
        assert taken_s <= allowed_s, f"{taken_s:.1f} s, promised {self._seconds:.0f}, {allowed_s:.0f} as busy as it was"
        return taken_s

    def _watch(self) -> None:
        """Others come and go: how busy the machine is at one moment says little of the seconds after it."""
        until_s = self._began_s + HANG_S
        while not self._is_over.wait(_PROBE_EVERY_S) and time.monotonic() < until_s:
            self._slowdowns.append(slowdown())
