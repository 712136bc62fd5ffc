"""Processes of our own that compute and answer over a line, and that tidy up when they are told to end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

_AGAIN_AFTER_S = 0.05
# In a child: it has been told to end.
_told = threading.Event()


def start_child(serve: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """A process that runs `serve(line, *arguments)`, and our end of its line.

    Spawned, not forked: threads of torch and numba do not survive a fork. It ends with this process, and Ctrl-C, which
    goes to the whole group, never reaches it: who started it decides when it ends.

    Args:
        serve: a function at the top of a module; begins with `end_when_told`.
        arguments: whatever can be pickled.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, *arguments), daemon=True)
    with _unseen_interrupts():
        process.start()
    theirs.close()
    return process, ours


def end_when_told() -> None:
    """In the child: SIGTERM ends it as an exception does, so that `finally` blocks run; Ctrl-C does nothing.

    Where Python cannot pass an exception on (a callback of numba's compiler, a `__del__`), it ends a moment later.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    sys.unraisablehook = _leave_later


def end_children(processes: Sequence[BaseProcess], *, within_s: float) -> None:
    """Tell processes to end, and kill those that have not done so after `within_s` seconds in all."""
    for process in processes:
        process.terminate()
    until_s = time.monotonic() + within_s
    for process in processes:
        process.join(max(0.0, until_s - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


@contextmanager
def _unseen_interrupts() -> Iterator[None]:
    """A child that starts under this never sees Ctrl-C, not even while it imports."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(signum: int, _: FrameType | None) -> None:
    _told.set()
    signal.signal(signum, signal.SIG_IGN)  # once is enough: what is being cleaned up must not be cut short
    sys.exit(128 + signum)


def _leave_later(lost: sys.UnraisableHookArgs) -> None:
    """What Python calls when an exception cannot be passed on and would end there, with a complaint."""
    if isinstance(lost.exc_value, SystemExit):
        signal.signal(signal.SIGTERM, _leave)
        threading.Timer(_AGAIN_AFTER_S, os.kill, (os.getpid(), signal.SIGTERM)).start()
    elif not _told.is_set():
        # What the end cuts short while it is being built (numba's compiler) complains when it is thrown away.
        sys.__unraisablehook__(lost)
