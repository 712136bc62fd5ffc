"""How fast the front end and the puppet run on this machine, against their own floors, and what memory does.

    python benchmarks/bench_throughput.py PHOTO CLIP [--rounds 5] [--only track puppet memory]

1. track: decode + track of CLIP over a bare MediaPipe loop over the same frames already in memory (frames/s ratio,
   the two run in turn, median of the rounds); and the processor's time for a frame in both, all threads together, which
   depends less on what else the machine does.
2. puppet: frames/s at 512x640 of the generator alone, and with encoding.
3. memory: peak resident memory of a whole render of 300 and of 3,000 frames, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from animator.benchmarking.machine import machine
from animator.canvas import CanvasConfig
from animator.config import PreviewConfig, RenderJob
from animator.encoding import encode
from animator.generators.puppet import PuppetGenerator
from animator.photo import read_photo
from animator.pipeline import TRACKING_SIDE_PX, animate, prepare_motion, track_clip
from animator.progress import SilentProgress
from animator.subject import Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import PipelineError
from pose_tracking.frame import Frame
from pose_tracking.retargeting import retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.tracking import TrackerConfig
from temporal.motion import MotionConfig
from temporal.windows import pose_windows


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=("track", "puppet", "memory"), help="these parts; default: all")
    parser.add_argument("--memory-of", type=int, metavar="FRAMES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print(_peak_mib(options.photo, options.memory_of))
        return
    try:  # what is to be measured last is looked at first: minutes lie between
        DrivingClip.open(options.clip)
        read_photo(options.photo)
    except PipelineError as error:
        parser.error(str(error))
    parts: dict[str, Callable[[], Any]] = {
        "track": lambda: _track_ratio(options.clip, options.rounds),
        "puppet": lambda: _puppet_rate(options.photo, options.clip, options.rounds),
        "memory": lambda: {str(frames): _in_own_process(options, frames) for frames in (300, 3000)},
    }
    result = {
        "machine": machine(),
        "clip": options.clip.name,
        **{name: measure() for name, measure in parts.items() if not options.only or name in options.only},
    }
    print(json.dumps(result, indent=2))


def _track_ratio(path: Path, rounds: int) -> dict[str, float]:
    """Ours over the bare loop, pair by pair."""
    import mediapipe as mp

    clip = DrivingClip.open(path)
    frames = list(clip.frames(max_side_px=TRACKING_SIDE_PX))
    ours, bare = [], []
    for _ in range(rounds + 1):
        began = _clocks_s()
        track_clip(clip, TrackerConfig(), progress=SilentProgress())
        ours.append(_clocks_s() - began)
        began = _clocks_s()
        with mp.solutions.pose.Pose(min_detection_confidence=0.7, min_tracking_confidence=0.7) as pose:
            for frame in frames:
                pose.process(frame.pixels_HWC)
        bare.append(_clocks_s() - began)
    (ours_s, ours_busy_s), (bare_s, bare_busy_s) = np.array(ours[1:]).T, np.array(bare[1:]).T
    ratios = bare_s / ours_s
    return {
        "frames": len(frames),
        "ours_frames_per_s": round(len(frames) / float(np.median(ours_s)), 1),
        "bare_frames_per_s": round(len(frames) / float(np.median(bare_s)), 1),
        "ratio_median": round(float(np.median(ratios)), 3),
        "ratio_min": round(float(ratios.min()), 3),
        "ratio_max": round(float(ratios.max()), 3),
        "ours_busy_ms_per_frame": round(1e3 * float(np.median(ours_busy_s)) / len(frames), 1),
        "bare_busy_ms_per_frame": round(1e3 * float(np.median(bare_busy_s)) / len(frames), 1),
    }


def _clocks_s() -> np.ndarray:
    """Seconds on the wall and of the processor, all threads of this process together."""
    return np.array([time.perf_counter(), time.process_time()])


def _puppet_rate(photo: Path, path: Path, rounds: int) -> dict[str, float]:
    canvas = CanvasConfig(width=512, height=640)
    subject = Subject.from_photo(read_photo(photo), canvas, TrackerConfig())
    clip = DrivingClip.open(path)
    tracked = track_clip(clip, TrackerConfig(), progress=SilentProgress())
    motion, fps, _ = prepare_motion(clip, tracked, MotionConfig())
    driving = retarget(motion, onto=subject.pose, canvas_size=canvas.size)[:100]
    generator = PuppetGenerator()
    list(generator.generate(list(pose_windows(driving))[:4], subject))
    alone, encoded = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            began_s = time.perf_counter()
            for _frame in generator.generate(pose_windows(driving), subject):
                pass
            alone.append(len(driving) / (time.perf_counter() - began_s))
            began_s = time.perf_counter()
            encode(generator.generate(pose_windows(driving), subject), Path(folder) / "a.mp4", fps=fps)
            encoded.append(len(driving) / (time.perf_counter() - began_s))
    return {
        "generator_frames_per_s": round(statistics.median(alone), 1),
        "with_encoding_frames_per_s": round(statistics.median(encoded), 1),
        "slowest": round(min(encoded), 1),
        "fastest": round(max(encoded), 1),
    }


def _in_own_process(options: argparse.Namespace, frames: int) -> float:
    command = [sys.executable, __file__, str(options.photo), str(options.clip), "--memory-of", str(frames)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _peak_mib(photo: Path, num_frames: int) -> float:
    """Render `num_frames` of a swaying motion with recorded poses and all previews; peak memory in MiB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        canvas = CanvasConfig(width=256, height=320)
        subject = Subject.from_photo(read_photo(photo), canvas, TrackerConfig())
        sway = 6 * np.sin(np.arange(num_frames) / 9)[:, None, None] * np.array([1.0, 0.0])
        motion = PoseSequence(
            keypoints_TK2=subject.pose.keypoints_TK2 + sway,
            confidence_TK=np.repeat(subject.pose.confidence_TK, num_frames, 0),
            times_s_T=np.arange(num_frames) / 25,
            skeleton=subject.pose.skeleton,
            frame_size=canvas.size,
        )
        poses = motion.save(folder / "poses.npz")
        blank = np.full((*canvas.size[::-1], 3), 90, dtype=np.uint8)
        frames = (Frame(pixels_HWC=blank, time_s=index / 25, index=index) for index in range(num_frames))
        encode(frames, folder / "clip.mp4", fps=Fraction(25))
        job = RenderJob(
            photo=photo,
            clip=folder / "clip.mp4",
            output=folder / "out.mp4",
            canvas=canvas,
            tracker=TrackerConfig(recorded=poses),
            preview=PreviewConfig(),
        )
        animate(job)
    # Not getrusage: what it counts goes on from the process that started this one.
    return round(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024, 1)


if __name__ == "__main__":
    main()
