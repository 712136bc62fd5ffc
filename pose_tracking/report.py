"""How good a tracked motion is, in numbers people can act on.

Legend: T frames, K keypoints, L limbs.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from pose_tracking.person import CONFIDENT
from pose_tracking.sequence import PoseSequence

# Joints whose left and right trackers confuse.
_SWAPPING = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
# An exchange has to shorten the way of the pair to half, and the pair to stand apart by a fifth of the torso:
# crossing legs pass each other more closely.
_SWAP_GAIN, _SWAP_MIN_APART = 0.5, 0.2
_MAX_LISTED_RUNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingReport:
    """Measures of one `PoseSequence`. Lengths are in torso lengths (middle of shoulders to middle of hips, median
    over the clip), NaN where there is nothing to measure.

    Attributes:
        num_frames: frames in the sequence.
        coverage: share of frames with the person.
        missing_runs: (first, last) frame of each stretch without the person.
        missing_runs_s: the same in seconds: from the first such frame's time to the end of the last one's.
        jitter_median: |p(t+1) - 2 p(t) + p(t-1)|, median over confident joints in a frame, median over frames.
        jitter_p95: the same, 95th percentile over frames.
        limb_length_drift: how much limbs grow or shrink beside the torso from the first to the last third of the
            clip, as share of their length, median over limbs. Limbs that point at the camera look short, so only
            the same pose at both ends drifts by 0.
        num_swaps: frames at which a left joint and its right partner seem to have been exchanged.
        mean_confidence: over all joints of the frames with the person.
        cuts_s: when another shot begins; the measures above are taken over all shots.
    """

    num_frames: int
    coverage: float
    missing_runs: tuple[tuple[int, int], ...]
    missing_runs_s: tuple[tuple[float, float], ...]
    jitter_median: float
    jitter_p95: float
    limb_length_drift: float
    num_swaps: int
    mean_confidence: float
    cuts_s: tuple[float, ...] = ()

    def lines(self) -> list[str]:
        """The report in sentences."""
        num_seen = round(self.coverage * self.num_frames)
        lines = [f"person in {num_seen} of {self.num_frames} frames ({self.coverage:.0%})"]
        if self.missing_runs_s:
            longest = sorted(self.missing_runs_s, key=lambda run: run[0] - run[1])[:_MAX_LISTED_RUNS]
            listed = ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in sorted(longest))
            more = len(self.missing_runs_s) - len(longest)
            lines.append(f"not in view: {listed}" + (f" and {more} shorter gaps" if more else ""))
        if self.cuts_s:
            lines.append(f"cuts to another shot: {list_cuts(self.cuts_s)}")
        lines.append(f"mean confidence {self.mean_confidence:.2f}")
        if not math.isnan(self.jitter_median):
            lines.append(f"jitter {self.jitter_median:.3f} torso lengths (95th percentile {self.jitter_p95:.3f})")
        if not math.isnan(self.limb_length_drift):
            lines.append(f"limb lengths drift by {self.limb_length_drift:.0%} over the clip")
        if self.num_swaps:
            frames = "frame" if self.num_swaps == 1 else "frames"
            lines.append(f"left and right may be exchanged at {self.num_swaps} {frames}")
        return lines


def list_cuts(cuts_s: tuple[float, ...]) -> str:
    """The times of the first cuts, and how many more there are."""
    listed = ", ".join(f"{cut_s:.2f}" for cut_s in cuts_s[:_MAX_LISTED_RUNS]) + " s"
    return listed + (f" and {len(cuts_s) - _MAX_LISTED_RUNS} more" if len(cuts_s) > _MAX_LISTED_RUNS else "")


def report_tracking(sequence: PoseSequence) -> TrackingReport:
    """Measure a tracked motion. Works on every skeleton; what its joints cannot tell is NaN or 0."""
    present_T = sequence.seen_TK.any(axis=1)
    keypoints = np.where(
        (sequence.confidence_TK >= CONFIDENT)[..., None], sequence.keypoints_TK2.astype(np.float64), np.nan
    )
    torso_T = _torso_lengths(sequence)
    torso = float(_nanmedian(np.where(torso_T > 0, torso_T, np.nan)))
    jitter_T = _nanmedian(_accelerations(keypoints), axis=1) / torso
    runs = _runs(~present_T)
    return TrackingReport(
        num_frames=len(sequence),
        coverage=float(present_T.mean()) if len(sequence) else 0.0,
        missing_runs=runs,
        missing_runs_s=tuple((float(sequence.times_s_T[a]), _end_s(sequence, b)) for a, b in runs),
        jitter_median=float(_nanmedian(jitter_T)),
        jitter_p95=float(np.nanpercentile(jitter_T, 95)) if np.isfinite(jitter_T).any() else math.nan,
        limb_length_drift=_limb_length_drift(sequence, keypoints, torso_T),
        num_swaps=_count_swaps(sequence, keypoints, torso),
        mean_confidence=float(sequence.confidence_TK[present_T].mean()) if present_T.any() else 0.0,
        cuts_s=sequence.cuts_s,
    )


def _torso_lengths(sequence: PoseSequence) -> np.ndarray:
    """[T] px; NaN where a shoulder or hip has no position, also a guessed one."""
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    if any(name not in sequence.skeleton for name in names):
        return np.full(len(sequence), np.nan)
    left_shoulder, right_shoulder, left_hip, right_hip = (sequence.joint(name).astype(np.float64) for name in names)
    return np.linalg.norm((left_shoulder + right_shoulder - left_hip - right_hip) / 2, axis=-1)


def _accelerations(keypoints_TK2: np.ndarray) -> np.ndarray:
    """[T-2, K] px a frame squared; NaN where a joint is missing in one of three frames."""
    if len(keypoints_TK2) < 3:
        return np.full((0, keypoints_TK2.shape[1]), np.nan)
    return np.linalg.norm(keypoints_TK2[2:] - 2 * keypoints_TK2[1:-1] + keypoints_TK2[:-2], axis=-1)


def _limb_length_drift(sequence: PoseSequence, keypoints_TK2: np.ndarray, torso_T: np.ndarray) -> float:
    third = len(sequence) // 3
    limbs = np.array(sequence.skeleton.limbs, dtype=int).reshape(-1, 2)
    if third == 0 or len(limbs) == 0:
        return math.nan
    lengths_TL = np.linalg.norm(keypoints_TK2[:, limbs[:, 0]] - keypoints_TK2[:, limbs[:, 1]], axis=-1)
    lengths_TL = lengths_TL / np.where(torso_T > 0, torso_T, np.nan)[:, None]
    first, last, all_L = (_nanmedian(part, axis=0) for part in (lengths_TL[:third], lengths_TL[-third:], lengths_TL))
    return float(_nanmedian(np.abs(last - first) / np.where(all_L > 0, all_L, np.nan)))


def _count_swaps(sequence: PoseSequence, keypoints_TK2: np.ndarray, torso: float) -> int:
    """Frames at which some pair would move far less with left and right exchanged."""
    joints = sequence.skeleton.joints
    pairs = [pair for pair in sequence.skeleton.mirror_pairs if joints[pair[0]].split("_", 1)[1] in _SWAPPING]
    if not pairs or len(sequence) < 2 or math.isnan(torso):
        return 0
    left, right = (keypoints_TK2[:, list(side)] for side in zip(*pairs, strict=True))
    kept = _distances(left[1:], left[:-1]) + _distances(right[1:], right[:-1])
    exchanged = _distances(left[1:], right[:-1]) + _distances(right[1:], left[:-1])
    apart = np.minimum(_distances(left[1:], right[1:]), _distances(left[:-1], right[:-1]))
    is_swap = (exchanged < _SWAP_GAIN * kept) & (apart > _SWAP_MIN_APART * torso)
    return int(is_swap.any(axis=1).sum())


def _distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.linalg.norm(one - other, axis=-1)


def _runs(missing_T: np.ndarray) -> tuple[tuple[int, int], ...]:
    """(first, last) index of each stretch of True."""
    steps = np.flatnonzero(np.diff(np.concatenate(([0], missing_T.astype(int), [0]))))
    return tuple((int(first), int(after) - 1) for first, after in zip(steps[::2], steps[1::2], strict=True))


def _end_s(sequence: PoseSequence, frame: int) -> float:
    """When a frame ends: where the next one begins, or a usual frame later."""
    times = sequence.times_s_T
    if frame + 1 < len(times):
        return float(times[frame + 1])
    return float(times[frame] + (np.median(np.diff(times)) if len(times) > 1 else 0.0))


def _nanmedian(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Median that is NaN, without a warning, where there is nothing to take it of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(values, axis=axis)
