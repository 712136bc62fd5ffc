"""What a motion does while nobody is in view: it waits, and says so.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence


def hold_through_absence(sequence: PoseSequence) -> tuple[PoseSequence, tuple[tuple[float, float], ...]]:
    """Give every joint a position in every frame, as far as it is ever seen.

    Before its first and after its last sighting a joint keeps that position; between two sightings it moves
    over smoothly, starting and ending at rest. Meant for what `fill_gaps` leaves: absences too long to guess
    a movement for.

    Args:
        sequence: a motion with gaps.

    Returns:
        The motion without gaps (joints that are never seen stay NaN), and the spans (start, end) in seconds in
        which no joint at all was seen.
    """
    keypoints = sequence.keypoints_TK2.astype(np.float64)
    confidence = sequence.confidence_TK.astype(np.float64)
    times = sequence.times_s_T
    seen_TK = sequence.seen_TK
    for joint in range(len(sequence.skeleton)):
        seen = np.flatnonzero(seen_TK[:, joint])
        if len(seen) in (0, len(times)):
            continue
        after = np.searchsorted(seen, np.arange(len(times)))
        first, last = seen[(after - 1).clip(0)], seen[after.clip(0, len(seen) - 1)]
        inside = seen_TK[:, joint]
        span = np.where(last > first, times[last] - times[first], 1.0)
        share = ((times - times[first]) / span).clip(0, 1)
        ease = share * share * (3 - 2 * share)
        moved = keypoints[first, joint] + ease[:, None] * (keypoints[last, joint] - keypoints[first, joint])
        trust = confidence[first, joint] + ease * (confidence[last, joint] - confidence[first, joint])
        keypoints[:, joint] = np.where(inside[:, None], keypoints[:, joint], moved)
        confidence[:, joint] = np.where(inside, confidence[:, joint], trust)
    held = sequence.replace(keypoints_TK2=keypoints.astype(np.float32), confidence_TK=confidence.clip(0, 1))
    return held, _spans(~seen_TK.any(1), times)


def _spans(absent_T: np.ndarray, times_s_T: np.ndarray) -> tuple[tuple[float, float], ...]:
    """(start, end) in seconds of each run of absent frames; a run lasts until the next frame begins."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], absent_T, [False]]).astype(int)))
    until = np.append(times_s_T[1:], times_s_T[-1:])
    return tuple(
        (float(times_s_T[start]), float(until[end - 1])) for start, end in zip(edges[::2], edges[1::2], strict=True)
    )
