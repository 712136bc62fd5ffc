"""A motion tied to what the picture does: where a joint stands comes from the tracker, how it moves from the clip.

A tracker's error is a slow wander of a per cent or two of the body, and a twitch; both show as limbs that swim while
the person rests. The optical flow around a joint (`PoseSequence.steps_TK2`) has no such twitch, but its errors add up
from frame to frame. Least squares of both keep what each is good at.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence
from temporal.runs import seen_runs
from temporal.scale import torso_length_px

# What a measured step may be wrong by: this much for a joint at rest, torso lengths, this share of the step, and this
# share of its difference from the tracked step. Found on rendered people, and on six real clips of 5 to 60 frames/s.
REST_ERROR, STEP_ERROR, DISPUTED_ERROR = 0.002, 0.1, 0.1
# Weight of the track's own steps beside its positions: where no flow is to be believed the way from one place to the
# next is spread over the frames around, as it was tracked, instead of made good in one step.
TRACKED_WEIGHT = 3.0
# A smoothed track's own steps are rarely off by more than this many times the error at rest: the flow that says so has
# followed something else, such as a hand that passes. On rendered people, whose steps are known, flow is the nearer of
# the two in three quarters of the steps up to this difference, and in a third of those several times beyond.
CREDIBLE_DISPUTE = 10.0
# What passes does so for longer than a frame: for this long to both sides a dispute lends its mean to other steps.
DISPUTE_LASTS_S = 0.07
# At high frame rates a joint rests only below this speed, torso lengths / s: small steps are wrong by a share, too.
REST_SPEED_PER_S = 0.05
# What moves most in the picture: this quantile of the joints' steps, as outliers among them move farther.
MOST = 0.9


def tie_to_picture(sequence: PoseSequence, *, weight: float) -> PoseSequence:
    """Positions whose steps follow the picture, near the given ones.

    Minimises, for every joint and every run of frames in which it was seen, the sum of |x - tracked|², of
    `TRACKED_WEIGHT` |step - tracked step|² and of w |step - flow|², where w = weight / (1 + (error / error at rest)²).
    The error of flow grows with its length; and with its difference from the tracked step, because around a thin limb
    that moves it may be that of the background, which rests, and around any joint that of what passes before it. Beyond
    what a track may be wrong by it grows with the square of the difference: such a step counts for next to nothing, and
    those around it for less. Where nothing moves in the picture, as when a clip repeats a frame, no such doubt is left
    and everything rests. Steps that were not measured count for nothing; without any, the motion is returned as it is.

    Args:
        sequence: a motion at the clip's own frame times, smoothed or not.
        weight: of a step at rest beside a tracked position; 0 leaves the motion as it is.
    """
    if sequence.steps_TK2 is None or weight == 0 or np.isnan(sequence.steps_TK2).all():  # as with a single frame
        return sequence
    weights_TK = _weights(sequence, weight)
    keypoints_TK2 = sequence.keypoints_TK2.copy()
    for frames, joints in seen_runs(sequence.seen_TK):
        inner = slice(frames.start + 1, frames.stop)  # the first step of a run leads into it
        for joint in joints:
            keypoints_TK2[frames, joint] = _tied(
                sequence.keypoints_TK2[frames, joint].astype(np.float64),
                sequence.steps_TK2[inner, joint].astype(np.float64),
                weights_TK[inner, joint],
            )
    return sequence.replace(keypoints_TK2=keypoints_TK2)


def _weights(sequence: PoseSequence, weight: float) -> np.ndarray:
    """One weight per step [T, K], 0 where it was not measured."""
    steps_TK2 = np.asarray(sequence.steps_TK2, dtype=np.float64)
    flow_TK = np.linalg.norm(steps_TK2, axis=-1)
    known_TK = np.isfinite(flow_TK)
    rest_px = _rest_error(sequence.times_s_T) * torso_length_px(sequence)
    positions_TK2 = sequence.keypoints_TK2.astype(np.float64)
    disputed_TK = np.linalg.norm(np.diff(positions_TK2, axis=0, prepend=positions_TK2[:1]) - steps_TK2, axis=-1)
    disputed_TK = _lasting(np.where(known_TK, disputed_TK, 0.0), sequence.times_s_T)
    moving_T1 = np.zeros((len(sequence), 1))
    measured_T = known_TK.any(axis=1)
    moving_T1[measured_T] = np.nanquantile(flow_TK[measured_T], MOST, axis=1, keepdims=True) / rest_px
    doubt_TK = DISPUTED_ERROR * disputed_TK * (1 + disputed_TK / (CREDIBLE_DISPUTE * rest_px)) * moving_T1.clip(0, 1)
    error_TK = np.where(known_TK, np.hypot(STEP_ERROR * flow_TK, doubt_TK), 0.0)
    # Unseen before or behind: a step that belongs to no run.
    error_TK = np.nan_to_num(error_TK)
    return np.where(known_TK, weight / (1 + (error_TK / rest_px) ** 2), 0.0)


def _lasting(disputed_TK: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
    """Disputes [T, K], each at least the mean of those around it in time."""
    from scipy.ndimage import uniform_filter1d

    reach = round(DISPUTE_LASTS_S / float(np.median(np.diff(times_s_T))))
    return np.fmax(disputed_TK, uniform_filter1d(disputed_TK, 2 * reach + 1, axis=0))


def _rest_error(times_s_T: np.ndarray) -> float:
    """Torso lengths by which the step of a joint at rest may be wrong."""
    return min(REST_ERROR, REST_SPEED_PER_S * float(np.median(np.diff(times_s_T))))


def _tied(positions_T2: np.ndarray, steps_S2: np.ndarray, weights_S: np.ndarray) -> np.ndarray:
    """The least squares' normal equations, which are tridiagonal, solved for what changes in the positions."""
    if not weights_S.any():
        return positions_T2
    from scipy.linalg import solveh_banded

    # As corrections, so that no digits are lost to where in the picture the joint is.
    missing_S2 = weights_S[:, None] * np.nan_to_num(steps_S2 - np.diff(positions_T2, axis=0))
    links_S = weights_S + TRACKED_WEIGHT
    bands_2T = np.zeros((2, len(positions_T2)))
    bands_2T[1] = 1 + np.pad(links_S, (0, 1)) + np.pad(links_S, (1, 0))
    bands_2T[0, 1:] = -links_S
    wanted_T2 = np.pad(missing_S2, ((1, 0), (0, 0))) - np.pad(missing_S2, ((0, 1), (0, 0)))
    return positions_T2 + np.asarray(solveh_banded(bands_2T, wanted_T2))
