"""What stands in for `animate` where the command line is tested, and what it is called with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from animator.config import RenderJob, RenderReport

REPORT = RenderReport(path=Path("out.mp4"), num_frames=48, duration_s=2.0, seconds=4.0, fingerprint="f" * 64)
MEDIA = Path(__file__).parents[3] / "examples" / "media"
ANIMATE = ["animate", "me.png", "dance.mp4", "-o", "out.mp4"]

Animate = Callable[..., RenderReport]


def makes(report: RenderReport = REPORT) -> Animate:
    """Makes a film at once."""
    return lambda job, **_: report


def fails(error: BaseException) -> Animate:
    """Falls over at once."""

    def animate(job: RenderJob, **_: object) -> RenderReport:
        raise error

    return animate


def json_lines(text: str) -> list[dict[str, Any]]:
    """What `--json` wrote."""
    return [json.loads(line) for line in text.splitlines()]
