"""Claims on a shared folder, without a server and without trusting anybody's clock.

A lease is a file `<name>.<generation>.lease` that says who holds it. It comes into being by a hard link, which only
one of many can make, and is never changed: to take over, or to give back, is to make the next generation, so that of
two who try, one fails. Whoever takes part counts beats in a file of its own; the others watch that file with their own
monotonic clock, and take a lease over when its holder's beats have not moved for long. Clocks of different machines
are never compared. What a paused worker still writes after it lost its lease does no harm: a frame's bytes depend on
the frame alone.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from animator.encoding.atomic_file import explained
from animator.jobs.folder import JobFolder
from animator.jobs.worker import worker_name
from pose_tracking.atomic_file import hidden_name

BEAT_S = 2.0
# Ten beats: a machine that swaps, or a server that hesitates, is not dead.
STALE_S = 20.0
_ENDED = "ended"
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class Attendance:
    """This process among those that work at a folder, for the length of a `with` block.

    Args:
        folder: of the job.
        beat_s: how often it says that it is alive.
        stale_s: how long another one may be silent.

    Attributes:
        me: name of this process, for leases and ledger.
    """

    def __init__(self, folder: JobFolder, *, beat_s: float = BEAT_S, stale_s: float = STALE_S) -> None:
        self.me = f"{worker_name()}:{secrets.token_hex(3)}"
        self.beat_s, self._stale_s = beat_s, stale_s
        self._folder = folder.leases
        self._beat_file = self._folder / f"{_as_name(self.me)}.beat"
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        # What was last seen of others, and when this machine's clock saw it change.
        self._seen: dict[str, tuple[str, float]] = {}

    def __enter__(self) -> Attendance:
        with explained(self._beat_file):
            self._say("0")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        with suppress(OSError):
            self._say(_ENDED)

    def claim(self, name: str) -> str | None:
        """Take the lease called `name`.

        Returns:
            None where another one holds it and is alive; else who died with it, or nothing where nobody did.

        Raises:
            DiskError, EncodeError: the folder cannot be written.
        """
        generation, holder = self._latest(name)
        died = ""
        if holder and holder != self.me:
            if not self._is_gone(holder):
                return None
            died = "" if self._read_beat(holder) == _ENDED else holder
        elif holder == self.me:
            return ""
        return died if self._make(name, generation + 1, self.me) else None

    def release(self, name: str) -> None:
        """Give a lease back, if it is still held."""
        generation, holder = self._latest(name)
        if holder == self.me:
            self._make(name, generation + 1, "")

    def tidy(self) -> None:
        """Remove all leases and beats: the job is done, and they say nothing any more."""
        for pattern in ("*.lease", "*.beat"):
            for each in self._folder.glob(pattern):
                each.unlink(missing_ok=True)

    def _latest(self, name: str) -> tuple[int, str]:
        """Highest generation of a lease and who holds it: -1 where there is none, nobody where it was given back."""
        pattern = re.compile(re.escape(name) + r"\.(\d+)\.lease")
        found = [int(match[1]) for each in os.listdir(self._folder) if (match := pattern.fullmatch(each))]
        if not found:
            return -1, ""
        latest = max(found)
        try:
            return latest, str(json.loads(self._lease(name, latest).read_text(encoding="utf-8"))["holder"])
        except (OSError, ValueError, KeyError, TypeError):  # being written where links are not to be had, or damaged
            return latest, f"unknown holder of {name}.{latest}"

    def _lease(self, name: str, generation: int) -> Path:
        return self._folder / f"{name}.{generation}.lease"

    def _make(self, name: str, generation: int, holder: str) -> bool:
        """Whether this process was the one to make that generation."""
        lease = self._lease(name, generation)
        content = json.dumps({"holder": holder})
        temporary = hidden_name(lease)
        with explained(lease):
            try:
                temporary.write_text(content, encoding="utf-8")
                return _link(temporary, lease, content)
            finally:
                temporary.unlink(missing_ok=True)

    def _is_gone(self, holder: str) -> bool:
        """Whether a holder said good-bye, or has been silent for too long by this machine's clock."""
        beat, now_s = self._read_beat(holder), time.monotonic()
        if beat == _ENDED:
            return True
        last, since_s = self._seen.get(holder, ("", now_s))
        if holder not in self._seen or beat != last:
            self._seen[holder] = (beat, now_s)
            return False
        return now_s - since_s >= self._stale_s

    def _read_beat(self, holder: str) -> str:
        try:
            return (self._folder / f"{_as_name(holder)}.beat").read_text(encoding="utf-8")
        except OSError:
            return ""

    def _beat(self) -> None:
        count = 0
        while not self._end.wait(self.beat_s):
            count += 1
            with suppress(OSError):  # the next beat may get through; the silence of many is noticed by others
                self._say(str(count))

    def _say(self, text: str) -> None:
        temporary = hidden_name(self._beat_file)
        try:
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, self._beat_file)
        finally:
            temporary.unlink(missing_ok=True)


def _link(temporary: Path, lease: Path, content: str) -> bool:
    """Give a complete file its name, unless that is taken; on file systems without links the name comes first."""
    try:
        os.link(temporary, lease)
    except FileExistsError:
        # NFS may lose the answer of a link that was made, and hear "exists" when it asks again: the count tells.
        return os.stat(temporary).st_nlink == 2
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        try:
            with open(lease, "x", encoding="utf-8") as file:
                file.write(content)
        except FileExistsError:
            return False
    return True


def _as_name(worker: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "_", worker)
