"""What a motion does while nobody is in view, or is just coming or leaving: it waits, and says so.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence
from temporal.scale import torso_length_px

# A joint is shown from here on (BlazePose visibility).
_SHOWN = 0.5
# Share of a shot's frames that have to show a shoulder for it to show a trunk.
_MOSTLY = 0.5
# Fewer joints than this share of the sighting's usual number are part of a body.
_WHOLE = 0.8
# Torso lengths above the hips, towards the shoulders, at which both ankles are a guess: of somebody who comes in below
# the picture's edge a tracker folds the whole body into the part that is in view.
_FOLDED = 0.1
# A sighting between two absences that lasts no longer shows nobody who does anything: a tracker's guess at who is about
# to come in, often at half the size.
_GLIMPSE_S = 0.3
# Whole for less than this is a tracker's slip: nobody steps back into the picture and out of it so quickly.
_SLIP_S = 0.15
# How long somebody who comes back elsewhere takes to get there, at the least, and how fast (torso lengths a second)
# over long ways: a slow glide through the whole of a long absence is no movement that anybody makes.
_MOVE_S, _WALK = 1.0, 2.0
_PAIRS = ("shoulder", "elbow", "hip", "knee", "ankle")
_BODY = tuple(f"{side}_{joint}" for joint in _PAIRS for side in ("left", "right"))


def drop_passages(sequence: PoseSequence) -> tuple[PoseSequence, tuple[tuple[float, float], ...]]:
    """Take out the moments in which somebody comes into the picture or leaves it, and only part of the body is in.

    What a tracker says of a body that is mostly outside the picture is guesswork, most of all of one close to the
    camera: its place and its size would throw the subject out of the picture, and be held there while nobody is in
    view. Only frames next to an absence are taken out, as long as they show less than `_WHOLE` of what the rest of
    that sighting shows, or legs folded up into the trunk; a body that is never shown whole stays. A sighting that is
    over within `_GLIMPSE_S` is taken out as a whole, unless there is no longer one. All this within a shot: whom a cut
    takes out of view has not left. A shot of a face, of legs or of hands alone, in a clip whose other shots show a
    trunk, is taken out, too: it tells nothing of where the rest of the body is.

    Args:
        sequence: a motion with gaps, in px of the clip.

    Returns:
        The motion with those frames unseen, and their spans (start, end) in seconds.
    """
    whole = sequence.map_shots(_without_passages)
    if any(_shows_trunk(whole[shot]) for shot in whole.shots()):
        whole = whole.map_shots(
            lambda shot: shot if _shows_trunk(shot) else _unseen(shot, np.ones(len(shot), dtype=bool))
        )
    passing_T = sequence.seen_TK.any(axis=1) & ~whole.seen_TK.any(axis=1)
    return whole, _spans(passing_T, sequence.times_s_T)


def _without_passages(sequence: PoseSequence) -> PoseSequence:
    """A shot without them."""
    seen_T = sequence.seen_TK.any(axis=1)
    if seen_T.all():
        return sequence
    number_T = np.where(_folded_up(sequence), 0, _shown_TK(sequence, _BODY).sum(axis=1))
    passing_T = np.zeros(len(seen_T), dtype=bool)
    sightings = _runs(seen_T)
    glimpses = _glimpses(sightings, sequence.times_s_T)
    for start, stop in sightings:
        if (start, stop) in glimpses:
            passing_T[start:stop] = True
            continue
        whole_T = number_T[start:stop] >= _WHOLE * np.quantile(number_T[start:stop], 0.75)
        places = _lasting(whole_T, sequence.times_s_T[start:stop])
        passing_T[start : start + places[0]] = start > 0
        passing_T[start + places[-1] + 1 : stop] = stop < len(seen_T)
    return _unseen(sequence, passing_T)


def _unseen(sequence: PoseSequence, hidden_T: np.ndarray) -> PoseSequence:
    """The motion with nobody in those frames."""
    return sequence.replace(keypoints_TK2=np.where(hidden_T[:, None, None], np.nan, sequence.keypoints_TK2))


def _shows_trunk(shot: PoseSequence) -> bool:
    """Whether at least one shoulder is shown in most of the frames in which anything of a body is seen."""
    seen_T = shot.seen_TK.any(axis=1)
    shoulders_TK = _shown_TK(shot, ("left_shoulder", "right_shoulder"))
    return bool(seen_T.any()) and float(shoulders_TK.any(axis=1)[seen_T].mean()) > _MOSTLY


def _shown_TK(sequence: PoseSequence, joints: tuple[str, ...]) -> np.ndarray:
    """Bool [T, K]: which of these joints are shown, within the picture."""
    inside_TK = ((sequence.keypoints_TK2 >= 0) & (sequence.keypoints_TK2 <= sequence.frame_size)).all(axis=-1)
    known = [sequence.skeleton.index(joint) for joint in joints if joint in sequence.skeleton]
    return np.asarray((inside_TK & (sequence.confidence_TK >= _SHOWN))[:, known])


def _folded_up(sequence: PoseSequence) -> np.ndarray:
    """Bool [T]: whether both ankles lie on the trunk; nowhere in a skeleton without ankles or trunk."""
    ends = [f"{side}_{joint}" for joint in ("shoulder", "hip", "ankle") for side in ("left", "right")]
    if not all(joint in sequence.skeleton for joint in ends):
        return np.zeros(len(sequence), dtype=bool)
    shoulders_T22, hips_T22, ankles_T22 = np.split(
        np.stack([sequence.joint(joint) for joint in ends], axis=1), 3, axis=1
    )
    hips_T12 = hips_T22.mean(axis=1, keepdims=True)
    trunk_T12 = shoulders_T22.mean(axis=1, keepdims=True) - hips_T12
    along_T2 = ((ankles_T22 - hips_T12) * trunk_T12).sum(axis=2) / np.square(trunk_T12).sum(axis=2).clip(1e-6)
    return np.asarray(along_T2.min(axis=1) > _FOLDED)


def _lasting(whole_T: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
    """Frames that are whole for longer than a slip; all whole ones where none is."""
    step_s = float(np.median(np.diff(times_s_T))) if len(times_s_T) > 1 else 0.0
    runs = _runs(whole_T)
    lasting = [run for run in runs if times_s_T[run[1] - 1] - times_s_T[run[0]] + step_s >= _SLIP_S]
    return np.concatenate([np.arange(*run) for run in lasting or runs])


def _glimpses(sightings: list[tuple[int, int]], times_s_T: np.ndarray) -> list[tuple[int, int]]:
    """Those sightings that lie between two absences and are over at once; none where there are no others."""
    inner = [(start, stop) for start, stop in sightings if start > 0 and stop < len(times_s_T)]
    short = [(start, stop) for start, stop in inner if times_s_T[stop] - times_s_T[start] <= _GLIMPSE_S]
    return short if len(short) < len(sightings) else []


def hold_through_absence(sequence: PoseSequence) -> tuple[PoseSequence, tuple[tuple[float, float], ...]]:
    """Give every joint a position in every frame, as far as it is ever seen.

    Before its first and after its last sighting a joint keeps that position; between two sightings it waits, and then
    moves over smoothly at walking pace, starting and ending at rest. Meant for what `fill_gaps` leaves: absences too
    long to guess a movement for. A joint that is lost while others are seen does all this upon the body: it goes along
    with those that are seen whenever anything is. Over a cut nothing moves on; a shot in which nobody is seen counts
    to the one before it, whose last pose is held.

    Args:
        sequence: a motion with gaps.

    Returns:
        The motion without gaps (joints that are never seen stay NaN), and the spans (start, end) in seconds in
        which no joint at all was seen.
    """
    held = sequence.join_shots(lambda shot: bool(shot.seen_TK.any())).map_shots(_held_through)
    return held, _spans(~sequence.seen_TK.any(1), sequence.times_s_T)


def _held_through(sequence: PoseSequence) -> PoseSequence:
    """A shot without gaps."""
    keypoints = sequence.keypoints_TK2.astype(np.float64)
    confidence = sequence.confidence_TK.astype(np.float64)
    seen_TK = sequence.seen_TK
    walk_px = _WALK * torso_length_px(sequence)
    is_steady_K = (seen_TK == seen_TK.any(axis=1, keepdims=True)).all(axis=0)
    body_T12 = np.zeros_like(keypoints[:, :1])
    for joints in (np.flatnonzero(is_steady_K), *np.flatnonzero(~is_steady_K)[:, None]):
        if not len(joints):
            continue
        told_TK3 = np.concatenate([keypoints[:, joints] - body_T12, confidence[:, joints, None]], axis=2)
        held_TK3 = _held(told_TK3, seen_TK[:, joints[0]], sequence.times_s_T, walk_px)
        keypoints[:, joints], confidence[:, joints] = held_TK3[..., :2] + body_T12, held_TK3[..., 2]
        if is_steady_K[joints[0]]:
            body_T12 = keypoints[:, joints].mean(axis=1, keepdims=True)
    return sequence.replace(keypoints_TK2=keypoints.astype(np.float32), confidence_TK=confidence.clip(0, 1))


def _held(told_TK3: np.ndarray, seen_T: np.ndarray, times_s_T: np.ndarray, walk_px: float) -> np.ndarray:
    """Places and confidence [T, K, 3] of joints seen in the same frames, `seen_T`: unseen they wait as last seen and
    then go on to the next sighting, all together. Never seen, they stay."""
    seen = np.flatnonzero(seen_T)
    if len(seen) in (0, len(seen_T)):
        return told_TK3
    after = np.searchsorted(seen, np.arange(len(seen_T)))
    first, last = seen[(after - 1).clip(0)], seen[after.clip(0, len(seen) - 1)]
    way_TK3 = told_TK3[last] - told_TK3[first]
    way_px_T = np.linalg.norm(way_TK3[..., :2], axis=2).mean(axis=1)
    absent_s_T = times_s_T[last] - times_s_T[first]
    move_s_T = np.minimum(absent_s_T, np.maximum(_MOVE_S, way_px_T / walk_px))
    left_s_T = times_s_T[last] - times_s_T
    share_T = (1 - left_s_T / np.where(last > first, move_s_T, 1.0)).clip(0, 1)
    ease_T = share_T * share_T * (3 - 2 * share_T)
    held_TK3 = told_TK3[first] + ease_T[:, None, None] * way_TK3
    return np.where(seen_T[:, None, None], told_TK3, held_TK3)


def _spans(among_T: np.ndarray, times_s_T: np.ndarray) -> tuple[tuple[float, float], ...]:
    """(start, end) in seconds of each run of frames; a run lasts until the next frame begins."""
    until = np.append(times_s_T[1:], times_s_T[-1:])
    return tuple((float(times_s_T[start]), float(until[stop - 1])) for start, stop in _runs(among_T))


def _runs(among_T: np.ndarray) -> list[tuple[int, int]]:
    """(first, one after the last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], among_T, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
