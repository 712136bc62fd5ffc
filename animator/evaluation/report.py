"""Evaluations for the terminal and for programs; `page` makes the HTML."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from animator.encoding.atomic_file import explained, replacing
from animator.evaluation.catalogue import Direction, best_systems, metrics_of
from animator.evaluation.scores import Evaluation

FORMAT = "animator-evaluation/1"
ARROWS: dict[Direction, str] = {"higher": "↑", "lower": "↓", "one": "→1"}


def table(evaluation: Evaluation) -> str:
    """Plain aligned text: one line per metric, one column per system, `*` at the best; why there are dashes."""
    systems = [scores.system for scores in evaluation.scores]
    rows: list[list[str]] = [["metric", "better", "unit", *systems]]
    for metric in metrics_of(evaluation.mode):
        values = {scores.system: scores.means.get(metric.key, math.nan) for scores in evaluation.scores}
        best = best_systems(metric, values)
        cells = [metric.shown(values[system]) + ("*" if system in best else " ") for system in systems]
        rows.append([metric.title, ARROWS[metric.better], metric.unit, *cells])
    facts = (f"{name}: {value}" for name, value in evaluation.facts.items())
    return "\n".join([*facts, *_aligned(rows), "* best", *about_dashes(evaluation)])


def about_dashes(evaluation: Evaluation) -> list[str]:
    """A line about what was not measured, where anything was not."""
    means = [
        scores.means.get(metric.key, math.nan) for scores in evaluation.scores for metric in metrics_of(evaluation.mode)
    ]
    if all(map(math.isfinite, means)):
        return []
    if max(scores.num_frames for scores in evaluation.scores) > 1:
        return ["– not measured: too few frames, or nothing in them to measure it by, such as a face"]
    photo = ", and the only frame is the photo itself, which is not compared" if evaluation.mode == "self" else ""
    return [f"– not measured: within one frame nothing changes{photo}; take a longer part of the clip"]


def to_json(evaluation: Evaluation) -> str:
    """All scores, frame by frame where they exist, with the metrics' definitions; NaN is written as null."""
    metrics = metrics_of(evaluation.mode)
    content = {
        "format": FORMAT,
        "mode": evaluation.mode,
        "facts": dict(evaluation.facts),
        "partial": evaluation.partial,
        "metrics": {
            metric.key: {"unit": metric.unit, "better": metric.better, "meaning": metric.meaning} for metric in metrics
        },
        "systems": {
            scores.system: {
                "num_frames": scores.num_frames,
                "means": {key: _number(value) for key, value in scores.means.items()},
                "per_frame": {key: [_number(float(v)) for v in values] for key, values in scores.per_frame.items()},
            }
            for scores in evaluation.scores
        },
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def write_json(evaluation: Evaluation, path: Path) -> Path:
    """Write `to_json` to `path`, whole or not at all."""
    return write_text(path, to_json(evaluation))


def write_text(path: Path, text: str) -> Path:
    """Write a text file, whole or not at all.

    Raises:
        EncodeError, DiskError: it cannot be written.
    """
    with explained(path), replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns padded to their widest cell: words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        words = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        lines.append("  ".join([*words, *numbers]).rstrip())
    return lines


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
