"""Keeps the start-up chatter of native libraries off the terminal, and nothing else."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

# What TensorFlow Lite, XNNPACK and absl print on every start: information and warnings about themselves.
# Errors (E0000, F0000) pass. A record of absl comes in one piece, also into the middle of another's line: a progress
# bar ends without a newline, and TensorFlow Lite writes its own line in three pieces.
_RECORD = re.compile(rb"[IW]\d{4} \d\d:\d\d:[\d.]+ +\d+ [^\s:]+:\d+\] [^\n]*\n?")
_LINE = re.compile(rb"(?:(?:INFO: )*Created TensorFlow Lite|WARNING: All log messages before absl)[^\n]*\n?")
_STDERR = 2
_lock = threading.RLock()
# (descriptor of standard error as it was before, of what is held back), the innermost last.
_held: list[tuple[int, int]] = []


@contextlib.contextmanager
def without_library_chatter() -> Iterator[None]:
    """Hold back what is written to standard error; afterwards pass on every line that is not library chatter.

    Native code writes to the file descriptor itself, so that is what is redirected: for the whole process, also
    for other threads, whose lines arrive late but whole. One thread at a time may hold it (others wait), the same
    thread may nest it, and the descriptor is restored whatever happens inside.
    """
    with _lock, contextlib.ExitStack() as undo:
        held_back = _redirect(undo)
        try:
            yield
        finally:
            _flush()
            undo.close()
            if held_back is not None:
                _pass_on(held_back)


def pass_on_now() -> None:
    """Give standard error back with what is held back so far: for a program that ends without its threads."""
    _flush()
    while _held:
        original, held_back = _held.pop()
        with contextlib.suppress(OSError):  # whoever holds it gives it back in this very moment
            os.dup2(original, _STDERR)
            _pass_on(held_back)


def _redirect(undo: contextlib.ExitStack) -> int | None:
    """Point standard error at a temporary file; None when the process has no standard error."""
    try:
        original = os.dup(_STDERR)
    except OSError:
        return None
    undo.callback(os.close, original)
    _flush()
    with tempfile.TemporaryFile() as file:
        held_back = os.dup(file.fileno())
    os.dup2(held_back, _STDERR)
    undo.callback(os.dup2, original, _STDERR)
    _held.append((original, held_back))
    undo.callback(_forget, held_back)
    return held_back


def _forget(held_back: int) -> None:
    _held[:] = [each for each in _held if each[1] != held_back]


def _flush() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, replaced or absent: nothing to flush
        sys.stderr.flush()


def _pass_on(held_back: int) -> None:
    with open(held_back, "rb") as file:
        file.seek(0)
        told = _LINE.sub(b"", _RECORD.sub(b"", file.read()))
    while told:
        told = told[os.write(_STDERR, told) :]
