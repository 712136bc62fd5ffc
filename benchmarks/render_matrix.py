"""Renders every photo in one folder with every clip in another and checks each result.

    python benchmarks/render_matrix.py PHOTOS CLIPS -o OUT [--fps 5] [--canvas 256x320]

Per pair it checks duration, frame count and sound; per photo it leaves one sheet with a row of frames per clip.
Each clip is tracked once and the poses are kept beside the results.
"""

from __future__ import annotations

import argparse
import json
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from animator.canvas import CanvasConfig
from animator.config import PreviewConfig, RenderJob
from animator.encoding.images import write_png
from animator.pipeline import animate, track_clip
from animator.preview.contact_sheet import contact_sheet
from animator.progress import SilentProgress
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import PipelineError
from pose_tracking.tracking import TrackerConfig
from temporal.motion import MotionConfig

FRAMES_PER_ROW = 8


def main() -> None:
    """Run the whole matrix and print one line per pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("clips", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--fps", type=Fraction, default=Fraction(5))
    parser.add_argument("--canvas", default="256x320")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    poses = {clip: _poses(clip, options.output) for clip in sorted(options.clips.iterdir())}
    results = []
    for photo in sorted(options.photos.iterdir()):
        rows: list[np.ndarray] = []
        for clip, recorded in poses.items():
            result = _render(photo, clip, recorded, options, rows)
            results.append(result)
            print(json.dumps(result), flush=True)
        if rows:
            sheet = contact_sheet(rows, columns=FRAMES_PER_ROW, max_side=200)
            write_png(options.output / f"{photo.stem}.sheet.png", sheet)
    failed = [result for result in results if result["problem"]]
    print(f"{len(results)} pairs, {len(failed)} with a problem")


def _poses(clip: Path, output: Path) -> Path | None:
    path = output / f"{clip.stem}.npz"
    if not path.exists():
        try:
            track_clip(DrivingClip.open(clip), TrackerConfig(), progress=SilentProgress()).save(path)
        except PipelineError as error:
            print(f"{clip.name}: {error}")
            return None
    return path


def _render(
    photo: Path, clip: Path, recorded: Path | None, options: argparse.Namespace, rows: list[np.ndarray]
) -> dict[str, object]:
    began_s = time.monotonic()
    output = options.output / f"{photo.stem}__{clip.stem}.mp4"
    job = RenderJob(
        photo=photo,
        clip=clip,
        output=output,
        canvas=CanvasConfig.parse(options.canvas),
        tracker=TrackerConfig(recorded=recorded),
        motion=MotionConfig(fps=options.fps),
        preview=PreviewConfig(contact_sheet=False, side_by_side=False),
    )
    facts: dict[str, object] = {"photo": photo.name, "clip": clip.name, "problem": ""}
    try:
        report = animate(job)
    except PipelineError as error:
        return {**facts, "problem": str(error)}
    driving, made = DrivingClip.open(clip), DrivingClip.open(output)
    expected = driving.info.duration_s or float(driving.times_s()[-1]) + float(1 / driving.info.fps)
    if abs(report.duration_s - expected) > 1 / options.fps + 1e-6:
        facts["problem"] = f"lasts {report.duration_s:.2f} s, the clip {expected:.2f} s"
    if driving.info.has_audio and not made.info.has_audio:
        facts["problem"] = "sound is missing"
    wanted = set(np.linspace(0, report.num_frames - 1, FRAMES_PER_ROW).round().astype(int).tolist())
    rows += [frame.pixels_HWC for frame in made.frames() if frame.index in wanted][:FRAMES_PER_ROW]
    return {
        **facts,
        "frames": report.num_frames,
        "seconds": round(time.monotonic() - began_s, 2),
        "warnings": report.warnings,
    }


if __name__ == "__main__":
    main()
