"""What this machine brings for the pipeline, and how to mend what is missing.

Native libraries are tried in processes of their own: one that crashes (a missing system library, an old CPU) is a
finding here, not the end of the examination.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["ok", "missing", "failed"]

DISTRIBUTION = "pose-animator"
MIN_MEMORY_GIB = 2.0
MIN_DISK_GIB = 1.0
# decord only speeds up training clips, and has no build on some platforms.
_OPTIONAL = frozenset({"decord"})
_GIBIBYTE = 1024**3
_PATIENCE_S = 120.0
_REINSTALL = "install again: pip install -c constraints.txt -e '.[dev]'"
_SYSTEM_LIBRARIES = "install the system libraries: apt install libgl1 libglib2.0-0 (Debian, Ubuntu)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one check.

    Attributes:
        name: what was looked at.
        status: ok; missing (the pipeline works without it); failed (has to be mended).
        detail: version, size, or what went wrong; one line.
        fix: what to do; empty when there is nothing to do.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""


def examine() -> Iterator[Finding]:
    """Run all checks, handing out each finding as soon as it is known."""
    yield _python()
    yield from _packages(importlib.metadata.requires(DISTRIBUTION) or (), _tested_versions())
    for check in (_codecs, _ffmpeg, _tracker, _opencv, _decord, _torch, _memory, _disk, _pose_cache):
        yield check()


def is_fit(findings: Iterable[Finding]) -> bool:
    """Whether everything that is required works."""
    return all(finding.status != "failed" for finding in findings)


def _python() -> Finding:
    detail = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if (3, 10) <= sys.version_info[:2] <= (3, 12):
        return Finding(name="python", status="ok", detail=detail)
    fix = "use Python 3.11; mediapipe 0.10.21 is built for 3.10 to 3.12"
    return Finding(name="python", status="failed", detail=detail, fix=fix)


def _packages(requirements: Iterable[str], tested: dict[str, str]) -> Iterator[Finding]:
    """Installed versions against what the project's metadata asks for, with the tested version where it differs."""
    from packaging.requirements import Requirement

    for text in requirements:
        requirement = Requirement(text)
        name, wanted = requirement.name, f"pip install '{requirement.name}{requirement.specifier}'"
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        lack: Status = "missing" if name in _OPTIONAL else "failed"
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name=name, status=lack, detail="not installed", fix=wanted)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            detail = f"{version}, expected {requirement.specifier}"
            yield Finding(name=name, status=lack, detail=detail, fix=wanted)
            continue
        # A local part (2.13.0+cpu) names the build, not another version.
        differs = name in tested and tested[name] != version.partition("+")[0]
        detail = f"{version} (tested with {tested[name]})" if differs else version
        yield Finding(name=name, status="ok", detail=detail)


def _tested_versions() -> dict[str, str]:
    """The pins of constraints.txt, where the project runs from its own folder."""
    path = Path(__file__).resolve().parents[1] / "constraints.txt"
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").split()
    return dict(line.split("==", 1) for line in lines if "==" in line)


def _codecs() -> Finding:
    probe = _probe(
        """
import av
wanted = {"libx264": "w", "h264": "r", "hevc": "r", "vp9": "r", "libdav1d": "r"}
def has(name, mode):
    try:
        return bool(av.codec.Codec(name, mode))
    except ValueError:
        return False
print(av.__version__, *(name for name, mode in wanted.items() if not has(name, mode)))
"""
    )
    if isinstance(probe, Finding):
        return _named(probe, "codecs", _REINSTALL)
    version, *lacking = probe.split()
    if not lacking:
        return Finding(name="codecs", status="ok", detail=f"av {version}: writes H.264, reads H.264, HEVC, VP9, AV1")
    status: Status = "failed" if {"libx264", "h264"} & set(lacking) else "missing"
    fix = "pip install --force-reinstall --only-binary :all: av"
    return Finding(name="codecs", status=status, detail=f"av {version} lacks {', '.join(lacking)}", fix=fix)


def _ffmpeg() -> Finding:
    probe = _probe(
        """
import subprocess, imageio_ffmpeg
command = [imageio_ffmpeg.get_ffmpeg_exe(), "-version"]
print(subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()[0])
"""
    )
    fix = "pip install --force-reinstall imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE to an ffmpeg program"
    return _judged(probe, "ffmpeg (sound)", fix, detail=lambda text: re.sub(r" Copyright.*", "", text))


def _tracker() -> Finding:
    probe = _probe(
        """
import numpy
from pose_tracking.trackers.blazepose import face_landmarks, find_people
from pose_tracking.trackers.graphs import load_mediapipe
empty = numpy.zeros((256, 256, 3), numpy.uint8)
find_people(empty), face_landmarks(empty)
print(load_mediapipe().__version__)
"""
    )
    return _judged(probe, "tracker", _REINSTALL, detail=lambda text: f"mediapipe {text}, its models are there and run")


def _opencv() -> Finding:
    return _judged(_probe("import cv2; print(cv2.__version__)"), "opencv", _SYSTEM_LIBRARIES)


def _decord() -> Finding:
    finding = _judged(_probe("import decord; print(decord.__version__)"), "decord", "")
    if finding.status == "ok":
        return finding
    return Finding(name="decord", status="missing", detail="not usable; PyAV reads training clips instead")


def _torch() -> Finding:
    probe = _probe(
        """
import torch
devices = [f"{torch.cuda.get_device_name(i)} ({torch.cuda.mem_get_info(i)[1] / 2**30:.0f} GiB)"
           for i in range(torch.cuda.device_count())]
if torch.backends.mps.is_available():
    devices.append("Apple GPU (mps)")
print(torch.__version__ + ", " + (", ".join(devices) or f"CPU only, {torch.get_num_threads()} threads"))
"""
    )
    return _judged(probe, "torch devices", _REINSTALL)


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    detail = f"{memory.available / _GIBIBYTE:.1f} GiB free of {memory.total / _GIBIBYTE:.1f} GiB"
    if memory.available >= MIN_MEMORY_GIB * _GIBIBYTE:
        return Finding(name="memory", status="ok", detail=detail)
    fix = f"close other programs; {MIN_MEMORY_GIB:g} GiB should be free"
    return Finding(name="memory", status="missing", detail=detail, fix=fix)


def _disk() -> Finding:
    here, temporary = Path.cwd(), Path(tempfile.gettempdir())
    unwritable = [str(folder) for folder in (here, temporary) if not os.access(folder, os.W_OK)]
    if unwritable:
        fix = "work in a folder you may write to; TMPDIR names another temporary folder"
        return Finding(name="disk", status="failed", detail=f"{', '.join(unwritable)} cannot be written", fix=fix)
    free = min(shutil.disk_usage(folder).free for folder in (here, temporary)) / _GIBIBYTE
    if free < MIN_DISK_GIB:
        fix = f"free some space; {MIN_DISK_GIB:g} GiB should be free here and in {temporary}"
        return Finding(name="disk", status="failed", detail=f"{free:.1f} GiB free", fix=fix)
    return Finding(name="disk", status="ok", detail=f"{free:.1f} GiB free")


def _pose_cache() -> Finding:
    from pose_tracking.pose_cache import FOLDER_VARIABLE, PoseCache

    cache = PoseCache.default()
    if cache is None:
        return Finding(name="pose cache", status="ok", detail=f"none: {FOLDER_VARIABLE} is empty, or there is no home")
    kept, most = cache.size_bytes() / 2**20, cache.max_bytes / 2**20
    detail = f"{len(cache.entries())} tracked clips, {kept:.1f} MiB of at most {most:.0f} MiB, in {cache.folder}"
    return Finding(name="pose cache", status="ok", detail=detail)


def _probe(script: str) -> str | Finding:
    """What `script` prints, or a finding without name and fix when it fails, hangs or crashes."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding(name="", status="failed", detail=f"no answer within {_PATIENCE_S:g} s")
    if done.returncode == 0:
        return done.stdout.strip()
    if done.returncode < 0:
        return Finding(name="", status="failed", detail=f"crashed (signal {-done.returncode})")
    lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
    return Finding(name="", status="failed", detail=lines[-1].strip()[:300])


def _judged(probe: str | Finding, name: str, fix: str, *, detail: Callable[[str], str] = str) -> Finding:
    if isinstance(probe, str):
        return Finding(name=name, status="ok", detail=detail(probe))
    return _named(probe, name, fix)


def _named(finding: Finding, name: str, fix: str) -> Finding:
    # Whichever library misses it first, this is the one thing slim systems lack.
    fix = _SYSTEM_LIBRARIES if re.search(r"lib(GL|gthread|glib)", finding.detail) else fix
    return Finding(name=name, status=finding.status, detail=finding.detail, fix=fix)
