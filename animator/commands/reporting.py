"""How a finished render is told: one line, one JSON object, and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from animator.commands.console import PARTIAL, Console
from animator.paths import told
from animator.progress import Progress

if TYPE_CHECKING:
    from animator.config import RenderReport


def tell_report(console: Console, report: RenderReport, progress: Progress) -> None:
    """Print what a render made, and end with 7 where something is missing.

    Raises:
        Exit: a result in part.
    """
    for warning in report.warnings:
        progress.warn(warning)
    console.result("report", report_fields(report), report_lines(report))
    if report.partial:
        raise typer.Exit(PARTIAL)


def report_fields(report: RenderReport) -> dict[str, Any]:
    """A report in JSON's own types."""
    return {
        "path": str(report.path),
        "num_frames": report.num_frames,
        "duration_s": round(report.duration_s, 3),
        "seconds": round(report.seconds, 3),
        "fingerprint": report.fingerprint,
        "previews": [str(path) for path in report.previews],
        "sidecar": None if report.sidecar is None else str(report.sidecar),
        "warnings": list(report.warnings),
        "partial": report.partial,
        "gaps": list(report.gaps),
    }


def report_lines(report: RenderReport) -> list[str]:
    """A report in sentences."""
    speed = report.num_frames / report.seconds if report.seconds else 0.0
    frames = counted(report.num_frames, "frame")
    facts = f"{frames}, {report.duration_s:.1f} s, made in {report.seconds:.1f} s ({speed:.1f}/s)"
    return [f"{told(report.path)}: {facts}", *map(told, report.previews)]


def counted(num: int, thing: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{num} {thing}" if num == 1 else f"{num} {thing}s"
