"""The sidecar of a result, `out.mp4.json`: what was made, of what, by what, how, when, and with whose consent.

It tells names and hashes, never folders, so that it may travel with the result.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from animator.config import RenderJob, RenderReport
from animator.encoding.atomic_file import explained, replacing
from animator.encoding.images import is_picture_of_ours
from animator.errors import EncodeError
from animator.jobs.inputs import input_sha256
from pose_tracking.hashing import file_sha256, files_sha256

FORMAT = "pose-animator-sidecar"
VERSION = 1
_MAX_BYTES = 1024 * 1024
# Paths and what only this machine knows.
_NOT_TOLD: dict[str, Any] = {
    **dict.fromkeys(("photo", "clip", "output", "model", "image_encoder", "device"), True),
    "provenance": {"certificate", "key", "consent"},
    "tracker": {"recorded"},
    "sampler": {"densepose"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """A sidecar that was found beside a file.

    Attributes:
        path: where it lies.
        content: all it says.
        fits: whether the file beside it is the one it describes, by SHA-256.
    """

    path: Path
    content: Mapping[str, Any]
    fits: bool


def sidecar_path(output: Path) -> Path:
    """`out.mp4.json` for `out.mp4`; for a folder that is named by dots, that beside the folder."""
    named = output if output.name not in ("", "..") else Path(os.path.abspath(output))
    return named.parent / f"{named.name}.json"


def check_sidecar_place(path: Path) -> None:
    """Refuse to write over JSON that is something else.

    Raises:
        EncodeError: a file of another kind is there.
    """
    if path.is_file() and _read(path) is None:
        raise EncodeError(
            f"{path}: is no sidecar of ours and would be overwritten; give another output name, or --no-sidecar"
        )


def write_sidecar(job: RenderJob, report: RenderReport, metadata: Mapping[str, str]) -> Path:
    """Describe a finished result beside it, whole or not at all.

    Args:
        job: what was rendered.
        report: what came of it.
        metadata: what the result says of itself (`provenance_metadata`).

    Raises:
        EncodeError: the file cannot be written.
        DiskError: the disk is full.
    """
    path = sidecar_path(job.output)
    text = json.dumps(_content(job, report, metadata), indent=2, ensure_ascii=False) + "\n"
    with explained(path), replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", errors="replace"))
    return path


def with_sidecar(job: RenderJob, report: RenderReport, metadata: Mapping[str, str]) -> RenderReport:
    """The report, after its sidecar was written where the job wants one; same arguments, same errors."""
    if not job.provenance.sidecar:
        return report
    return replace(report, sidecar=write_sidecar(job, report, metadata))


def read_sidecar(output: str | Path) -> Sidecar | None:
    """The sidecar of a result, None where there is none; the result is hashed."""
    output = Path(output)
    path = sidecar_path(output)
    content = _read(path) if path.is_file() else None
    if content is None:
        return None
    described = content.get("output")
    expected = described.get("sha256") if isinstance(described, dict) else None
    return Sidecar(path=path, content=content, fits=expected == output_sha256(output))


def is_sidecar(path: Path) -> bool:
    """Whether a file is a sidecar of ours, by what it says."""
    return _read(path) is not None


def output_sha256(output: Path) -> str:
    """SHA-256 of a file; of a folder of pictures, that of the lines `<name> <hash>` of its pictures in order."""
    if not output.is_dir():
        return file_sha256(output)
    pictures = sorted(path for path in output.glob("*.png") if is_picture_of_ours(path))
    return files_sha256(pictures)


def _content(job: RenderJob, report: RenderReport, metadata: Mapping[str, str]) -> dict[str, Any]:
    settings = job.model_dump(mode="json", exclude=_NOT_TOLD)
    settings["tracker"]["kind"] = Path(job.tracker.kind).name
    settings["background"] = Path(job.background).name
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "made_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "software": f"pose-animator {importlib.metadata.version('pose-animator')}",
        "output": {
            "name": job.output.name,
            "sha256": output_sha256(job.output),
            "num_frames": report.num_frames,
            "duration_s": round(report.duration_s, 3),
            "partial": report.partial,
        },
        "says_of_itself": dict(metadata),
        "content_credentials": job.provenance.kind == "c2pa",
        "watermark": report.fingerprint[:8] if job.provenance.watermark else None,
        "fingerprint": report.fingerprint,
        "inputs": {
            role: {"name": path.name, "sha256": input_sha256(path)}
            for role, path in job.inputs.items()
            if path.exists()
        },
        "settings": settings,
        "consent": job.provenance.consent,
        "seconds": round(report.seconds, 3),
        "warnings": list(report.warnings),
    }


def _read(path: Path) -> dict[str, Any] | None:
    """What a sidecar says; None for any other file."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and content.get("format") == FORMAT else None
