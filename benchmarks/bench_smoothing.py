"""How close each smoother brings a disturbed motion back to the true one, and what it costs fast moves.

    python benchmarks/bench_smoothing.py [MOTION.npz ...] [--output TABLE.md]

Every motion is taken as true and disturbed with a fixed seed: white noise of 1, 2 and 3 % of a torso, lost joints,
spikes and swapped legs. Motions tracked from video carry their tracker's noise in the "truth", which favours weak
smoothing; motion capture does not. Without files, synthetic motions are used. One core, no network.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from known_motions import disturbed, frames_per_s, kick, synthetic_motions, with_noise
from scipy.signal import find_peaks

from animator.benchmarking.machine import processor
from pose_tracking.sequence import PoseSequence
from temporal.metrics import jitter, lag_s
from temporal.motion import MotionConfig, clean_motion
from temporal.scale import torso_length_px
from temporal.smoothing import SMOOTHERS, Smoother, smooth_positions, smoother_by_name

NOISES_TORSO = (0.01, 0.02, 0.03)
WINDOWS_S = (0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.8)
KICKS = ((0.5, 24), (0.5, 30), (0.4, 24), (0.4, 30), (0.4, 60), (0.3, 30), (0.3, 60))
DEFAULT_S = MotionConfig().window_s
SMOOTHER_NAMES = tuple(name for name in SMOOTHERS if name != "none")


def main() -> None:
    """Print the tables; write them too where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motions", nargs="*", type=Path, help="PoseSequence files, taken as the truth")
    parser.add_argument("--output", type=Path, help="also write the tables to this Markdown file")
    arguments = parser.parse_args()
    motions = {path.stem: PoseSequence.load(path) for path in arguments.motions} or synthetic_motions()
    lines = [
        *heading(motions),
        *window_table(motions),
        *kick_table(),
        *turning_point_table(motions),
        *disturbance_table(motions),
        *speed_table(),
    ]
    print("\n".join(lines))
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n")


def heading(motions: dict[str, PoseSequence]) -> list[str]:
    """Where the numbers come from."""
    rows = [
        [name, len(motion), f"{frames_per_s(motion):.1f}", f"{1000 * jitter(motion):.1f}", f"{top_speed(motion):.1f}"]
        for name, motion in motions.items()
    ]
    return [
        "# Smoothing: error against the true motion, and what it costs fast moves",
        "",
        f"Measured with `benchmarks/bench_smoothing.py` on one core ({processor()}), Python "
        f"{platform.python_version()}, numpy {np.__version__}.",
        "",
        *table(["motion", "frames", "fps", "own jitter, 1/1000 torso", "99th percentile of speed, torso/s"], rows),
    ]


def window_table(motions: dict[str, PoseSequence]) -> list[str]:
    """Noise alone, for every smoother and window: how the default window was chosen."""
    lines = ["## Noise alone: root mean square error, % of a torso, at noise of 1 / 2 / 3 %", ""]
    for name in SMOOTHER_NAMES:
        errors_MWN = np.array(
            [[noise_errors(motion, name, window_s) for window_s in WINDOWS_S] for motion in motions.values()]
        )
        named = [*zip(motions, errors_MWN, strict=True), ("**mean**", errors_MWN.mean(axis=0))]
        rows = [
            [motion, *(" / ".join(f"{100 * error:.2f}" for error in cell) for cell in errors_WN)]
            for motion, errors_WN in named
        ]
        lines += [f"### {name}", "", *table(["motion", *(f"{window_s} s" for window_s in WINDOWS_S)], rows)]
    return lines


def noise_errors(motion: PoseSequence, name: str, window_s: float) -> list[float]:
    """Error in torso lengths after smoothing at each noise level."""
    smoother = smoother_by_name(name, window_s=window_s)
    return [rms(smooth_positions(with_noise(motion, noise), smoother), motion) for noise in NOISES_TORSO]


def kick_table() -> list[str]:
    """What a kick out and back loses of its reach."""
    rows = []
    for name in SMOOTHER_NAMES:
        for window_s in WINDOWS_S:
            smoother = smoother_by_name(name, window_s=window_s)
            losses = [peak_loss(seconds, fps, smoother) for seconds, fps in KICKS]
            rows.append([name, f"{window_s} s", *(f"{100 * loss:.1f}" for loss in losses)])
    heads = [f"{seconds} s at {fps} fps" for seconds, fps in KICKS]
    return [
        "## Kicks: loss of reach, %",
        "",
        "A foot thrown out by one torso length and back on a raised cosine of the given duration; the worst of eight "
        "phases against the frame times.",
        "",
        *table(["smoother", "window", *heads], rows),
    ]


def peak_loss(seconds: float, fps: int, smoother: Smoother) -> float:
    """Share of the reach that smoothing takes from a kick, the worst of eight phases."""
    losses = []
    for phase in np.arange(8) / 8:
        motion = kick(seconds, fps, phase)
        path = motion.joint("left_ankle")[:, 0]
        smoothed = smooth_positions(motion, smoother).joint("left_ankle")[:, 0]
        losses.append(float((path.max() - smoothed.max()) / (path.max() - path[0])))
    return max(losses)


def turning_point_table(motions: dict[str, PoseSequence]) -> list[str]:
    """What real moves lose where they turn, at the default window."""
    rows = []
    for motion_name, motion in motions.items():
        smoothed = [smooth_positions(motion, smoother_by_name(name, window_s=DEFAULT_S)) for name in SMOOTHER_NAMES]
        losses = [turning_losses(motion, result) for result in smoothed]
        cells = [f"{np.median(loss):.1f} / {np.percentile(loss, 95):.1f}" if len(loss) else "" for loss in losses]
        rows.append([motion_name, len(losses[0]), *cells])
    return [
        f"## Turning points of the motions themselves: loss of excursion, %, median / 95th percentile, {DEFAULT_S} s",
        "",
        *table(["motion", "turns wider than half a torso", *SMOOTHER_NAMES], rows),
    ]


def turning_losses(motion: PoseSequence, smoothed: PoseSequence) -> np.ndarray:
    """Loss in % of every excursion of a coordinate by more than half a torso length."""
    losses = []
    for joint in np.flatnonzero(motion.seen_TK.all(axis=0)):
        for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
            path = sign * motion.keypoints_TK2[:, joint, axis].astype(np.float64)
            result = sign * smoothed.keypoints_TK2[:, joint, axis].astype(np.float64)
            peaks, found = find_peaks(path, prominence=0.5 * torso_length_px(motion))
            for peak, excursion in zip(peaks, found["prominences"], strict=True):
                losses.append(100 * (path[peak] - result[max(0, peak - 2) : peak + 3].max()) / excursion)
    return np.array(losses)


def disturbance_table(motions: dict[str, PoseSequence]) -> list[str]:
    """Everything at once, through the whole of `clean_motion` with its defaults."""
    rows = []
    for motion_name, motion in motions.items():
        fps = Fraction(frames_per_s(motion)).limit_denominator(1001)
        broken = disturbed(motion, noise=0.02)
        before = [motion_name, f"{100 * rms(broken, motion):.1f}"]
        for name in ("none", *SMOOTHER_NAMES):
            cleaned, report = clean_motion(broken, MotionConfig(smoother=name), fps=fps)
            cleaned = cleaned[: len(motion)]
            lag_ms = 1000 * lag_s(motion, cleaned)
            before.append(f"{100 * rms(cleaned, motion[: len(cleaned)]):.2f} ({lag_ms:+.1f} ms)")
        rows.append([*before, report.num_rejected, report.num_swapped_frames])
    return [
        "## Noise of 2 %, lost joints, spikes and swapped legs, through `clean_motion` at its defaults",
        "",
        "Root mean square error, % of a torso, over all joints (in brackets the lag); 1 % of the keypoints lost in "
        "gaps of 0.2 s, 1 % thrown off by 0.5 to 1.5 torso for a frame or two, the legs swapped in a tenth of them.",
        "",
        *table(["motion", "disturbed", "none", *SMOOTHER_NAMES, "rejected", "swapped frames"], rows),
    ]


def speed_table() -> list[str]:
    """Processor time per frame of the whole cleaning."""
    motion = synthetic_motions(seconds=20.0)["synthetic dance 30 fps"]
    broken = disturbed(motion, noise=0.02)
    rows = []
    for name in SMOOTHERS:
        config = MotionConfig(smoother=name)
        clean_motion(broken, config, fps=Fraction(30))
        start_s = time.process_time()
        clean_motion(broken, config, fps=Fraction(30))
        elapsed_s = time.process_time() - start_s
        rows.append([name, len(broken), f"{elapsed_s:.2f}", f"{1e3 * elapsed_s / len(broken):.2f}"])
    return [
        "## Processor time of `clean_motion`, one core",
        "",
        *table(["smoother", "frames", "s", "ms per frame"], rows),
    ]


def rms(motion: PoseSequence, truth: PoseSequence) -> float:
    """Root mean square distance in one coordinate, torso lengths, where both are seen."""
    return float(np.sqrt(np.nanmean((motion.keypoints_TK2 - truth.keypoints_TK2) ** 2)) / torso_length_px(truth))


def top_speed(motion: PoseSequence) -> float:
    """99th percentile of joint speeds, torso lengths / s."""
    steps = np.diff(motion.keypoints_TK2, axis=0) / np.diff(motion.times_s_T)[:, None, None]
    return float(np.nanpercentile(np.linalg.norm(steps, axis=-1), 99) / torso_length_px(motion))


def table(heads: list[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A Markdown table and the empty line after it."""
    return [
        "| " + " | ".join(heads) + " |",
        "|" + "---|" * len(heads),
        *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows),
        "",
    ]


if __name__ == "__main__":
    main()
