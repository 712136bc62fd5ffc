"""Runs command lines in forks of a warm process, and says what became of them: code, words, time, memory, traces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from tests.faults.patience import HANG_S

ROOT = Path(__file__).parents[3]
MEBIBYTE = 1 << 20
# The limits of the issue: 10 s, 2 GiB, on top of what a process that has imported everything takes anyway.
MAX_SECONDS, MAX_BYTES = 10.0, 2048 * MEBIBYTE
# Where anything may be written: nowhere else, and these are no files.
_NO_FILES = ("/dev/null", "/dev/tty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a command.

    Attributes:
        code: exit code; negative for a signal.
        stdout: what it said.
        stderr: what it complained of, progress bars apart.
        seconds: wall time.
        work_seconds: of a processor, beyond what an idle fork takes; a busy machine does not lengthen it.
        peak_bytes: most memory it held at once, beyond what an idle fork holds.
        timed_out: it had to be killed.
        traces: (event, argument, ...) of everything written, run or connected to.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    work_seconds: float
    peak_bytes: int
    timed_out: bool
    traces: tuple[tuple[str, ...], ...]

    @property
    def complaint(self) -> list[str]:
        """Its lines on stderr."""
        return [line for line in self.stderr.splitlines() if line.strip()]

    def written_outside(self, folder: Path) -> list[str]:
        """Places written to, made, moved or removed that do not lie in `folder`."""
        events = [trace for trace in self.traces if trace[0] not in _RUNNING]
        places = [place for _, *places in events for place in places if place not in _NO_FILES]
        return [place for place in places if not Path(os.path.realpath(place)).is_relative_to(folder.resolve())]

    def run(self) -> list[tuple[str, ...]]:
        """Programs started, connections made, names unpickled."""
        return [trace for trace in self.traces if trace[0] in _RUNNING]


_RUNNING = frozenset(
    ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "pickle.find_class")
)


class Sandbox:
    """A warm process; `close` ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": str(ROOT),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.hostile.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        self._orders, self._answers = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)
        assert json.loads(self._answers.readline())["ready"]
        self._idle_bytes, self._idle_s = 0, 0.0
        idle = self.run(["--version"], folder=folder)
        self._idle_bytes, self._idle_s = idle.peak_bytes, idle.work_seconds

    def run(
        self,
        words: Sequence[str | Path],
        *,
        folder: Path,
        seconds: float = 3 * MAX_SECONDS,
        memory: int = 2 * MAX_BYTES,
    ) -> Outcome:
        """Run `animator WORDS` with `folder` as current folder.

        Args:
            words: the command line.
            folder: holds all it may write.
            seconds: of work after which it is killed, and ten times as many by the clock; well above what is asked of
                it, so that a miss is told from a hang.
            memory: how much more it may map.
        """
        notes = {name: str(self._folder / f".{name}") for name in ("stdout", "stderr", "audit")}
        for place in notes.values():
            Path(place).unlink(missing_ok=True)
        order = {
            "words": [str(word) for word in words],
            "folder": str(folder),
            "environment": {"HOME": str(folder), "TMPDIR": str(folder)},
            "seconds": seconds,
            "memory_bytes": memory,
            **notes,
        }
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        answer = json.loads(self._answers.readline())
        texts = {name: Path(place).read_text(errors="replace") for name, place in notes.items() if Path(place).exists()}
        return Outcome(
            code=answer["code"],
            stdout=texts.get("stdout", ""),
            stderr=texts.get("stderr", ""),
            seconds=answer["seconds"],
            work_seconds=answer["work_seconds"] - self._idle_s,
            peak_bytes=answer["peak_bytes"] - self._idle_bytes,
            timed_out=answer["timed_out"],
            traces=tuple(tuple(json.loads(line)) for line in texts.get("audit", "").splitlines()),
        )

    def close(self) -> None:
        """End the warm process."""
        self._orders.close()
        self._process.wait(timeout=HANG_S)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """(size, time of change) of everything under a folder."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


def offences(outcome: Outcome, folder: Path, *, codes: Sequence[int] = (3, 7)) -> list[str]:
    """What a refusal must not be: slow, large, wordy, or a crash; nothing may be written beside `folder`."""
    found = []
    # A hang runs into the time limit; what is slow on a busy machine alone is not held against the program.
    if outcome.timed_out or outcome.work_seconds > MAX_SECONDS:
        found.append(f"took {outcome.seconds:.1f} s, {outcome.work_seconds:.1f} s of work")
    if outcome.code not in codes:
        found.append(f"ended with {outcome.code}")
    if outcome.peak_bytes > MAX_BYTES:
        found.append(f"held {outcome.peak_bytes / MEBIBYTE:.0f} MiB")
    if "Traceback" in outcome.stderr:
        found.append("shows a traceback")
    errors = [line for line in outcome.complaint if line.startswith("error: ")]
    if outcome.code not in (0, 7) and (len(errors) != 1 or outcome.complaint[-1] not in errors):
        found.append(f"complains in {len(outcome.complaint)} lines")
    if any(not letter.isprintable() for line in errors for letter in line):
        found.append("speaks to the terminal")
    found += [f"wrote {place}" for place in outcome.written_outside(folder)]
    return found
