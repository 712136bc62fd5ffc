"""The `animator` command and `python -m animator`: ready for signals before anything heavy is imported."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType


def main() -> int:
    """Run the command line; its exit code."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _stop_at_once)
    from animator.cli import main as run

    code = run()
    if code in (128 + signal.SIGINT, 128 + signal.SIGTERM) and _is_held_by_threads():
        # All that had to be tidied up is. Python would wait for threads, such as one that opens a model (`Beside`).
        _end_without_threads(code)
    # All is written and said. Python would go through the half a million objects of torch and its like once more, for
    # memory that the system takes back anyway: seconds of which whoever stopped the program sees no reason.
    gc.freeze()
    return code


def _is_held_by_threads() -> bool:
    return any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread())


def _end_without_threads(code: int) -> None:
    from pose_tracking.trackers.stderr_filter import pass_on_now

    with suppress(OSError, ValueError):  # nobody reads any more
        sys.stdout.flush()
        pass_on_now()
    os._exit(code)


def _stop_at_once(signum: int, _: FrameType | None) -> None:
    """Nothing has begun yet that would have to be ended; the command line puts its own handler in this one's place."""
    os.write(2, f"error: stopped by {signal.Signals(signum).name}\n".encode())
    os._exit(128 + signum)


if __name__ == "__main__":
    sys.exit(main())
