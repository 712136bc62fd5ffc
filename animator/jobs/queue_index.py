"""The SQLite file beside a queue's jobs: one transaction at a time, and made anew where it is missing or damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

from animator.encoding.atomic_file import explained
from animator.errors import DiskError, JobError

_VERSION = 2
_BUSY_S = 30.0
_REPAIRS = 3
_T = TypeVar("_T")
_SCHEMA = f"""
CREATE TABLE jobs (
    name TEXT PRIMARY KEY,
    priority INTEGER NOT NULL,
    queued_s REAL NOT NULL,
    state TEXT NOT NULL,
    worker TEXT NOT NULL DEFAULT '',
    beat_s REAL NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    num_frames INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX turn ON jobs (state, priority DESC, queued_s, name);
PRAGMA user_version = {_VERSION};
"""


class QueueIndex:
    """`queue.sqlite` of a folder. Every call stands alone; any number of processes may have one open.

    Args:
        folder: of the queue; made with the first call.
        fill: puts a row for every job into an empty index, and says how many there are.
    """

    def __init__(self, folder: Path, fill: Callable[[sqlite3.Connection], int]) -> None:
        self._folder = folder
        self._fill = fill

    def within(self, act: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something with the index, in one transaction; it is made anew first where it is missing or damaged.

        Raises:
            DiskError, JobError: full, or not to be opened.
        """
        last: Exception | None = None
        for _ in range(_REPAIRS):
            try:
                with self._guard(alone=False):
                    # SQLite would make an empty one here, and several of us at once get into each other's way.
                    if self._database.exists():
                        with closing(self._connect()) as index:
                            if index.execute("PRAGMA user_version").fetchone()[0] == _VERSION:
                                index.execute("BEGIN IMMEDIATE")
                                with index:
                                    return act(index)
            except sqlite3.DatabaseError as error:
                self._explain(error)
                last = error
            try:
                self._repair()
            except sqlite3.DatabaseError as error:  # broken again while it was made
                last = error
        raise JobError(f"{self._folder}: its index does not last ({last}); is the queue on a disk of this machine?")

    def rebuild(self) -> int:
        """Make the index anew.

        Returns:
            How many jobs there are.

        Raises:
            DiskError, JobError: full, or not to be opened.
        """
        with self._guard(alone=True):
            try:
                return self._rebuild()
            except sqlite3.DatabaseError as error:
                raise JobError(f"{self._folder}: its index cannot be made ({error}); try again") from error

    def _repair(self) -> None:
        with self._guard(alone=True):
            if not self._is_sound():
                self._rebuild()

    def _is_sound(self) -> bool:
        """Whether another one has made the index anew meanwhile."""
        with suppress(sqlite3.DatabaseError), closing(self._connect()) as index:
            columns = "name, priority, queued_s, state, worker, beat_s, deaths, num_frames, message"
            index.execute(f"SELECT {columns} FROM jobs LIMIT 1")
            version = index.execute("PRAGMA user_version").fetchone()[0]
            return bool(version == _VERSION and index.execute("PRAGMA quick_check").fetchone()[0] == "ok")
        return False

    def _rebuild(self) -> int:
        for ending in ("", "-wal", "-shm"):
            self._database.with_name(self._database.name + ending).unlink(missing_ok=True)
        try:
            with closing(self._connect()) as index:
                # A property of the file; whoever sets it must be alone with it.
                index.execute("PRAGMA journal_mode = WAL")
                index.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
                num_jobs = self._fill(index)
                index.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._explain(error)
            raise
        return num_jobs

    def _connect(self) -> sqlite3.Connection:
        if self._database.is_symlink():  # to something that is not ours
            raise sqlite3.DatabaseError(f"{self._database.name} is a link")
        index = sqlite3.connect(self._database, timeout=_BUSY_S, isolation_level=None)
        # The folders are the truth: what a power cut takes of the index is found there again.
        index.execute("PRAGMA synchronous = NORMAL")
        return index

    @property
    def _database(self) -> Path:
        return self._folder / "queue.sqlite"

    @contextmanager
    def _guard(self, *, alone: bool) -> Iterator[None]:
        """Nobody replaces the index while somebody uses it. The system lets go when a process dies."""
        with explained(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            file: IO[str] = open(self._folder / "queue.lock", "a+", encoding="utf-8")  # noqa: SIM115
        with file:
            with suppress(ImportError, OSError):  # Windows keeps open files in place by itself
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield

    def _explain(self, error: sqlite3.DatabaseError) -> None:
        """Raise what a person can act on; return where the index is only to be made anew.

        Raises:
            DiskError, JobError: full, or not to be opened.
        """
        text = str(error)
        if "full" in text:
            raise DiskError(f"{self._folder}: the disk took no more data ({text}). Free some space.") from error
        # "disk I/O error" is what a file says that was deleted while it was in use.
        if isinstance(error, sqlite3.OperationalError) and not text.startswith(("no such", "disk I/O")):
            raise JobError(f"{self._folder}: its index cannot be used ({text})") from error
