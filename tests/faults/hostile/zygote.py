"""A process that has imported everything, and forks a child with limits for every command line it is sent.

Python and its libraries take seconds to start; a fork has them at once, and still is a process of its own that may
crash, hang or run out of memory. Reads one JSON object a line from stdin, answers with one a line.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_PRELOADED = (
    "animator.commands.rendering",
    "animator.inspection",
    "animator.job_file",
    "animator.models.bases",
    "animator.models.dreampose_import",
    "animator.models.listing",
    "animator.models.subject_model",
    "animator.origin",
    "animator.pipeline",
    "animator.photo",
    "av",
    "c2pa",
    "mediapipe",
    "numpy",
    "PIL.Image",
    "pose_tracking.trackers.blazepose",
    "pose_tracking.trackers.recorded",
    "safetensors.numpy",
    "scipy.signal",
    "torch",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    """Import, say so, and serve until stdin ends."""
    import warnings

    warnings.simplefilter("ignore")
    for name in _PRELOADED:
        importlib.import_module(name)
    from PIL import Image

    Image.init()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    answers.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        answers.write(json.dumps(_serve(json.loads(line))) + "\n")


def _serve(order: dict[str, Any]) -> dict[str, Any]:
    began_s = time.monotonic()
    # A pipe, not a file: the child's limit on file sizes must not silence the report.
    child = os.fork()
    if child == 0:
        _run(order)
    # Whoever waits for something that never comes does no work; a busy machine lengthens the wait of others, too.
    status, usage, timed_out = _wait(child, 10 * order["seconds"])
    code = os.waitstatus_to_exitcode(status)
    return {
        "code": code,
        "timed_out": timed_out or code == -signal.SIGXCPU,
        "seconds": time.monotonic() - began_s,
        "work_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
    }


def _wait(child: int, seconds: float) -> tuple[int, resource.struct_rusage, bool]:
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            return status, usage, False
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    return status, usage, True


def _run(order: dict[str, Any]) -> None:
    """Never returns: runs the command line within its limits and ends the process with its code."""
    code = 99
    try:
        for number, place in ((1, order["stdout"]), (2, order["stderr"])):
            handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, number)
            os.close(handle)
        os.chdir(order["folder"])
        os.environ.update(order["environment"])
        tempfile.tempdir = None  # what was found out before the environment changed
        _limit(order["memory_bytes"], order["seconds"])
        _watch(Path(order["audit"]))
        from animator.cli import main as run_command

        code = run_command(order["words"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _limit(memory_bytes: int, work_seconds: float) -> None:
    """What is mapped may grow by so much: an attempt to take more fails as it would on a full machine. So much work."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (round(work_seconds), resource.RLIM_INFINITY))


def _watch(record: Path) -> None:
    """Write down what Python is asked to write, run or connect to, however it is asked."""
    log = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int) or not (flags or 0) & _WRITING:
                return
            told = [path]
        elif event in ("os.rename", "os.link", "os.symlink"):
            told = list(arguments[:2])
        elif event in ("os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate"):
            told = [arguments[0]]
        elif event in (
            "subprocess.Popen",
            "os.system",
            "os.exec",
            "os.posix_spawn",
            "socket.connect",
            "pickle.find_class",
        ):
            told = [str(arguments)[:500]]
        else:
            return
        places = [os.fsdecode(each) if isinstance(each, str | bytes | os.PathLike) else str(each) for each in told]
        os.write(log, (json.dumps([event, *places]) + "\n").encode())

    sys.addaudithook(hook)


if __name__ == "__main__":
    main()
