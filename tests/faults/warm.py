"""The program, started in milliseconds: a process that has imported everything forks one child per command.

What a child runs is `animator.__main__.main`, in a process of its own that can be killed like any other; only the
seconds of `import torch` are spent once instead of three hundred times. A request may name a function of
`tests.faults.injections` that is called first, to make things go wrong.

Run as a program it serves requests, one JSON object a line on stdin, and tells on stdout who started and ended.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.patience import HANG_S

ROOT = Path(__file__).parents[2]
MODULES = (
    "animator.cli",
    "animator.pipeline",
    "animator.jobs.executors.files",
    "animator.jobs.executors.processes",
    "animator.generators.puppet",
    "animator.encoding.mp4",
    "pose_tracking.trackers.blazepose",
    "pose_tracking.trackers.recorded",
    "mediapipe",
    "tqdm",
)


class Warm:
    """Starts commands, knows when they end."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "GLOG_minloglevel": "3"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.warm"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._codes: dict[int, int] = {}
        self._buffer = b""
        self._started: int | None = None
        self._next("ready", HANG_S)

    def start(self, words: Sequence[Any], *, log: Path, inject: str = "", **details: Any) -> int:
        """Start `animator WORDS`; its process id. What it says goes to `log`."""
        request = {"words": [str(word) for word in words], "log": str(log), "inject": inject, "details": details}
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(request).encode() + b"\n")
        self._started = None
        self._next("started", HANG_S)
        assert self._started is not None
        return self._started

    def wait(self, pid: int, timeout_s: float = HANG_S) -> int:
        """Exit code; negative for a signal, as in `subprocess`."""
        until_s = time.monotonic() + timeout_s
        while pid not in self._codes:
            self._next("ended", until_s - time.monotonic())
        return self._codes.pop(pid)

    def run(self, words: Sequence[Any], *, log: Path, inject: str = "", **details: Any) -> int:
        """Start a command and wait for its end."""
        return self.wait(self.start(words, log=log, inject=inject, **details))

    def has_ended(self, pid: int) -> bool:
        """Whether a command is over, without waiting."""
        while select.select([self._server.stdout], [], [], 0)[0]:
            self._read()
        return pid in self._codes

    def close(self) -> None:
        """End the server and whatever it started."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(HANG_S)

    def _next(self, kind: str, timeout_s: float) -> None:
        until_s = time.monotonic() + timeout_s
        while True:
            ready, _, _ = select.select([self._server.stdout], [], [], max(0.0, until_s - time.monotonic()))
            if not ready:
                raise TimeoutError(f"nothing {kind} within {timeout_s:.0f} s")
            if kind in self._read():
                return

    def _read(self) -> set[str]:
        assert self._server.stdout is not None
        data = os.read(self._server.stdout.fileno(), 65536)
        assert data, "the warm process is gone"
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        kinds = set()
        for line in lines:
            told = json.loads(line)
            kinds.add(told["event"])
            if told["event"] == "started":
                self._started = told["pid"]
            elif told["event"] == "ended":
                self._codes[told["pid"]] = told["code"]
        return kinds


def _serve() -> None:
    for module in MODULES:
        importlib.import_module(module)
    say = os.fdopen(os.dup(1), "w", buffering=1)
    print(json.dumps({"event": "ready"}), file=say, flush=True)
    children: set[int] = set()
    buffer = b""
    while True:
        ready, _, _ = select.select([0], [], [], 0.01 if children else 1.0)
        if ready:
            data = os.read(0, 65536)
            if not data:
                break
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    _become(json.loads(line))
                children.add(pid)
                print(json.dumps({"event": "started", "pid": pid}), file=say, flush=True)
        for pid in list(children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                children.discard(pid)
                code = os.waitstatus_to_exitcode(status)
                print(json.dumps({"event": "ended", "pid": pid, "code": code}), file=say, flush=True)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _become(request: dict[str, Any]) -> None:
    """Be the program, until the end of this process."""
    code = 1
    try:
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        for number, target in ((0, nowhere), (1, log), (2, log)):
            os.dup2(target, number)
        os.setpgid(0, 0)
        if request["inject"]:
            injections = importlib.import_module("tests.faults.injections")
            getattr(injections, request["inject"])(**request["details"])
        sys.argv = ["animator", *request["words"]]
        from animator.__main__ import main

        code = main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
