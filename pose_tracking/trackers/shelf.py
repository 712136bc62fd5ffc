"""What is costly to make and can be used again: lent to one user at a time, kept for the next."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What holds something that has to be freed."""

    def close(self) -> None:
        """Free it."""


Key = TypeVar("Key", bound=Hashable)
Thing = TypeVar("Thing", bound=Closable)


class Shelf(Generic[Key, Thing]):
    """Things of several kinds. Any thread may borrow; a process that was forked begins with an empty shelf, and leaves
    its parent's things alone: their threads are not there. Whether it can make things of its own is up to these:
    MediaPipe's graphs cannot be made there (`graphs.refuse_fork`).

    Args:
        make: makes a thing of a kind.
        most: so many wait for their next user; more than these, and the one that has waited longest is closed.
    """

    def __init__(self, make: Callable[[Key], Thing], *, most: int) -> None:
        self._make, self._most = make, most
        self._boards: dict[int, _Board[Key, Thing]] = {}

    @contextmanager
    def lend(self, kind: Key) -> Iterator[Thing]:
        """One that nobody else has, for the block. One over which the block fails is closed."""
        board = self._boards.setdefault(os.getpid(), _Board())
        thing = board.take(kind) or self._make(kind)
        try:
            yield thing
        except BaseException:
            thing.close()
            raise
        for spare in board.put(kind, thing, most=self._most):
            spare.close()


class _Board(Generic[Key, Thing]):
    """What waits in one process, in the order in which it came."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Key, Thing]] = []
        self._lock = threading.Lock()

    def take(self, kind: Key) -> Thing | None:
        with self._lock:
            for place, (found, thing) in enumerate(self._waiting):
                if found == kind:
                    del self._waiting[place]
                    return thing
        return None

    def put(self, kind: Key, thing: Thing, *, most: int) -> list[Thing]:
        """Keep it; what there is no room for any more."""
        with self._lock:
            self._waiting.append((kind, thing))
            spare = self._waiting[: max(0, len(self._waiting) - most)]
            del self._waiting[: len(spare)]
        return [one for _, one in spare]
