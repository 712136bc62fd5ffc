"""Which joints were seen when: the stretches without holes that filters can work on.

A tracker usually loses all joints of a frame or none, so joints are grouped by their pattern of seen frames and
handled together.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pose_tracking.sequence import PoseSequence


def joint_groups(seen_TK: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (frames, joints): indices of the frames in which exactly these joints, all of them, were seen."""
    patterns, group_K = np.unique(seen_TK.T, axis=0, return_inverse=True)
    group_K = group_K.reshape(-1)
    for number, pattern_T in enumerate(patterns):
        frames = np.flatnonzero(pattern_T)
        if len(frames):
            yield frames, np.flatnonzero(group_K == number)


def seen_runs(seen_TK: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (frames, joints): every stretch of consecutive frames in which these joints were seen without a hole."""
    for frames, joints in joint_groups(seen_TK):
        for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1):
            yield slice(int(run[0]), int(run[-1]) + 1), joints


def seen_runs_of_shots(sequence: PoseSequence) -> Iterator[tuple[slice, np.ndarray]]:
    """Those of each shot: none reaches over a cut."""
    for shot in sequence.shots():
        for frames, joints in seen_runs(sequence.seen_TK[shot]):
            yield slice(frames.start + shot.start, frames.stop + shot.start), joints
