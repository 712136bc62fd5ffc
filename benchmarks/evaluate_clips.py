"""Self-evaluation of every clip in a folder, puppet beside hold, as one Markdown table.

    python benchmarks/evaluate_clips.py CLIPS -o RESULTS.md [--canvas 256x320] [--max-frames 250]

The subject photo is the clip's best frame, the clip drives it, every frame is held against the real one. Clips longer
than --max-frames are evaluated from their start up to there.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from animator.canvas import CanvasConfig
from animator.evaluation.runs import EvaluationSettings, evaluate_self, write_reports
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import PipelineError

COLUMNS = (
    "person_psnr",
    "person_ssim",
    "person_temporal_error",
    "person_motion_error",
    "temporal_error",
    "pck",
    "sharpness",
    "person_gmsd",
    "faces_found",
    "face_error",
    "background_flicker",
)


def main() -> None:
    """Evaluate, write the table, and the pages beside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--pages", type=Path, help="folder for HTML pages and JSON")
    parser.add_argument("--canvas", default="256x320")
    parser.add_argument("--max-frames", type=int, default=250)
    parser.add_argument("--only", nargs="*", help="names of clips")
    options = parser.parse_args()
    lines = [
        "# Self-evaluation of real clips: puppet against hold",
        "",
        f"{datetime.date.today():%Y-%m-%d}, canvas {options.canvas}, at most {options.max_frames} frames a clip; "
        "`python benchmarks/evaluate_clips.py CLIPS -o RESULTS.md`.",
        "",
        "| clip | frames | system | " + " | ".join(COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 3) + "|",
    ]
    for path in sorted(options.clips.iterdir()):
        if options.only and path.name not in options.only:
            continue
        try:
            rows = _rows(path, options)
        except PipelineError as error:
            rows = [f"| {path.name} | | {error} |" + " |" * len(COLUMNS)]
        lines += rows
        print("\n".join(rows), flush=True)
        options.output.write_text("\n".join(lines) + "\n")


def _rows(path: Path, options: argparse.Namespace) -> list[str]:
    rate = float(DrivingClip.open(path).info.fps)
    settings = EvaluationSettings(canvas=CanvasConfig.parse(options.canvas), end_s=options.max_frames / rate)
    evaluation = evaluate_self(path, settings=settings)
    if options.pages:
        write_reports(evaluation, options.pages / path.stem)
    rows = []
    for scores in evaluation.scores:
        values = scores.means
        cells = [_cell(values.get(column)) for column in COLUMNS]
        rows.append(f"| {path.name} | {evaluation.facts['frames']} | {scores.system} | " + " | ".join(cells) + " |")
    return rows


def _cell(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.4g}"


if __name__ == "__main__":
    main()
