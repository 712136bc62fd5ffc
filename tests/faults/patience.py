"""How long tests wait: what may take long on a busy machine is no fault, and what never ends is one."""

from __future__ import annotations

import time
from collections.abc import Callable

# Nothing here takes a tenth of this alone on a machine; whoever waits longer waits for ever.
HANG_S = 300.0
_PROBE_S = 0.02


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
    began_s, worked_s = time.monotonic(), time.process_time()
    while time.process_time() - worked_s < _PROBE_S:
        pass
    return max(1.0, (time.monotonic() - began_s) / _PROBE_S)


class Promise:
    """That something ends within so many seconds, from `begin` on, on a machine that has time for it.

    Args:
        seconds: promised.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._slowdown, self._began_s = seconds, slowdown(), time.monotonic()

    def begin(self) -> None:
        """From now on the time counts."""
        self._began_s = time.monotonic()

    def taken_s(self) -> float:
        """How long it took.

        Raises:
            AssertionError: longer than promised, on a machine as busy as it was then or is now, whichever is more.
        """
        taken_s = time.monotonic() - self._began_s
        allowed_s = self._seconds * max(self._slowdown, slowdown())
        assert taken_s <= allowed_s, f"{taken_s:.1f} s, promised {self._seconds:.0f}, {allowed_s:.0f} as busy as it is"
        return taken_s
