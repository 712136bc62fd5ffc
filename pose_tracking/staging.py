"""Where a retargeted person stands in the picture: growth, travel and reach are held back before they lead out of it.

Three steps, none of which does anything to a motion that stays in view: a body that outgrows the picture grows no
farther; the way of the body is squeezed, the more the farther it goes, so that somebody who crosses the clip
gets on slower instead of walking out; and what still reaches over the edge, such as an arm thrown out there, moves
the whole body by as much, gently.

Legend: T frames, K keypoints, O points of the outline (keypoints, then finger tips and crown). Boxes are (left, top,
right, bottom) px, a room is a box that others should lie in.
"""

from __future__ import annotations

import numpy as np

from pose_tracking import cut_edge, standing
from pose_tracking.limbs import window_frames
from pose_tracking.sequence import PoseSequence
from pose_tracking.stage import Stage, among, boxes

# Up to this share of the room a step is a step; farther out the way is squeezed.
_FREE_SHARE = 0.5
# Corrections come and go within this time.
_EASE_S = 0.8
# How far flesh and cloth reach beyond the joints, torsos.
_FLESH = 0.25
# A head's cut follows the picture's edge within this time: longer, and much of the face would be cut off meanwhile.
_SINK_S = 0.4
# Share of the frames whose reach counts for the room that the body's way has; the rest is met by moving the body.
_USUAL = 0.95
# How much larger somebody may become for the cut through the head to stay out of view; less for who stands in the
# picture, for there one sees it.
_MOST_GROWTH, _MOST_GROWTH_STANDING = 1.5, 1.1
_FACE = ("nose", "eye", "ear", "mouth")


def stay_in_view(
    poses: PoseSequence,
    stage: Stage,
    *,
    place_T2: np.ndarray,
    size_T: np.ndarray,
    likeness_T: np.ndarray | float = 0.0,
) -> PoseSequence:
    """Hold back what would lead the subject out of the picture.

    Everything the photo shows ends up within `stage.room_4`, or in its middle where a gesture is wider than the
    picture. A person whom the picture cuts off below leans little and is lowered until the cut is hidden, as far as
    the head stays in the picture. Where it cuts off the head, too, the person stays as high and at least as large as
    in the photo. A cut through a head stays at the picture's edge as far as a person who becomes larger brings it
    there: all but always where the feet are out of the picture, else where it would sink by a tenth of the height.
    Standing feet stay on the floor, and limbs keep their proportions.

    Args:
        poses: retargeted motion in px of the picture.
        stage: the subject.
        place_T2: where the motion takes `stage.place_2`, px.
        size_T: the subject's size over that in the photo.
        likeness_T: [0, 1], how closely each pose is that of the photo, in whose place it stands, then.
    """
    if np.isnan(stage.extent_4()).any():
        return poses
    if not stage.stands:
        poses, lean_T = _held_upright(poses, stage, place_T2=place_T2)
    outline_TO2 = stage.outline_TO2(poses, place_T2=place_T2, size_T=size_T)
    shrink_T = _shrink_T(outline_TO2, stage, poses, size_T=size_T)
    ground_T2 = np.where([False, stage.stands], boxes(outline_TO2)[:, [0, 3]], place_T2)

    def shrunk(points_TN2: np.ndarray) -> np.ndarray:
        return points_TN2 + (shrink_T - 1)[:, None, None] * (points_TN2 - ground_T2[:, None])

    outline_TO2, at_T2 = shrunk(outline_TO2), shrunk(place_T2[:, None])[:, 0]
    points_TK2 = shrunk(poses.keypoints_TK2.astype(float))
    shift_T2 = _squeezed_way(boxes(outline_TO2), at_T2, stage)
    if not stage.stands:
        moved, to_T2 = _with_points(poses, points_TK2 + shift_T2[:, None]), at_T2 + shift_T2
        shift_T2[:, 1] += _cut_up_T(moved, stage, place_T2=to_T2, size_T=size_T * shrink_T, lean_T=lean_T)
    shift_T2 = shift_T2 + _nudge(outline_TO2 + shift_T2[:, None], stage, poses)
    if stage.stands and not standing.walks(place_T2[:, 0], poses.times_s_T, torso_px=stage.torso_px):
        limits_2T = _way_in_room(boxes(outline_TO2), stage, poses)
        shift_T2[:, 0] = standing.calmed(shift_T2[:, 0], poses.times_s_T, limits_2T, held_T=likeness_T)
    moved_TK2 = points_TK2 + shift_T2[:, None]
    if stage.is_cut_above:
        feet_y_T, middle_x_T = boxes(outline_TO2)[:, 3] + shift_T2[:, 1], at_T2[:, 0] + shift_T2[:, 0]
        moved_TK2 = _grown(_with_points(poses, moved_TK2), stage, middle_x_T=middle_x_T, feet_y_T=feet_y_T)
    moved_TK2[..., 0] += _back_T(moved_TK2, stage, poses)[:, None]
    return _with_points(poses, moved_TK2)


def _with_points(poses: PoseSequence, points_TK2: np.ndarray) -> PoseSequence:
    return poses.replace(keypoints_TK2=points_TK2.astype(np.float32))


def _held_upright(poses: PoseSequence, stage: Stage, *, place_T2: np.ndarray) -> tuple[PoseSequence, np.ndarray]:
    """A person whom the picture cuts off below leaning little, and how much more [T] than in the photo it still is."""
    own, lean_T = cut_edge.lean_T(stage.pose), cut_edge.lean_T(poses)
    held_T = own + cut_edge.held_lean_T(lean_T - own)
    turned_TK2 = cut_edge.turned(poses.keypoints_TK2.astype(float), held_T - lean_T, about_T2=place_T2)
    return _with_points(poses, turned_TK2), held_T - own


def _shrink_T(outline_TO2: np.ndarray, stage: Stage, poses: PoseSequence, *, size_T: np.ndarray) -> np.ndarray:
    """How much smaller [T] a body becomes that outgrows the room.

    Growth alone is taken back: somebody who became smaller for each wide gesture would seem to breathe.
    """
    box_T4, room_2 = boxes(outline_TO2), stage.room_4[2:] - stage.room_4[:2]
    fitting_T = (room_2 / np.fmax(box_T4[:, 2:] - box_T4[:, :2], 1e-6)).min(axis=1)
    shrink_T = 1 - _eased(1 - np.fmin(np.fmax(fitting_T, 1 / size_T), 1.0), poses)
    return np.fmax(shrink_T, 1 / size_T) if stage.is_cut_on_both_ends else shrink_T


def _cut_up_T(
    poses: PoseSequence, stage: Stage, *, place_T2: np.ndarray, size_T: np.ndarray, lean_T: np.ndarray
) -> np.ndarray:
    """How far [T] px a person whom the picture cuts off below has to be lowered for the cut to stay out of it."""
    carried = {"place_2": stage.place_2, "place_T2": place_T2, "size_T": size_T}
    up_T = cut_edge.risen_T(stage.pose, torso_px=stage.torso_px, lean_T=lean_T, **carried)
    hung_T = cut_edge.hung_up_T(stage.pose, poses, torso_px=stage.torso_px, lean_T=lean_T)
    return _eased(np.fmax(up_T, hung_T), poses)


def _grown(poses: PoseSequence, stage: Stage, *, middle_x_T: np.ndarray, feet_y_T: np.ndarray) -> np.ndarray:
    """Joints [T, K, 2] of a person who becomes larger from the floor up, for the head's cut to stay out of view.

    The feet of who stands stay on the floor. The floor of others is the picture's edge, which cuts them off; they sink
    below it where growth, which comes gently, or the motion would bring the head's cut above the other edge.
    """
    cut_T = cut_edge.head_cut_T(stage.pose, poses, torso_px=stage.torso_px)
    floor_T = feet_y_T if stage.stands else np.full(len(poses), float(stage.pose.frame_size[1]))
    needed_T = floor_T / np.fmax(floor_T - np.fmax(cut_T, 0.0), 1e-6)
    growth_T = 1 + _eased(np.fmin(needed_T, _MOST_GROWTH_STANDING if stage.stands else _MOST_GROWTH) - 1, poses)
    room_T = np.fmax(growth_T * (floor_T - cut_T) - floor_T, 0.0)
    sunk_T = -_eased(-room_T, poses, ease_s=_SINK_S) * (not stage.stands)
    about_T2 = np.stack([middle_x_T, floor_T], axis=1)
    onto_T2 = np.stack([middle_x_T, floor_T + sunk_T], axis=1)
    return onto_T2[:, None] + growth_T[:, None, None] * (poses.keypoints_TK2 - about_T2[:, None])


def _squeezed_way(box_T4: np.ndarray, place_T2: np.ndarray, stage: Stage) -> np.ndarray:
    """Shift [T, 2] px that keeps the way within its room: across always, up and down for who is cut off below."""
    start_2, room_4 = stage.place_2, stage.room_4
    left = start_2[0] - room_4[0] - np.quantile(place_T2[:, 0] - box_T4[:, 0], _USUAL)
    right = room_4[2] - start_2[0] - np.quantile(box_T4[:, 2] - place_T2[:, 0], _USUAL)
    way_T2 = place_T2 - start_2
    squeezed_T2 = np.stack([_squeeze(way_T2[:, 0], left, right), way_T2[:, 1]], axis=1)
    face_K = stage.kept_K & among(stage.pose.skeleton, _FACE)
    if not stage.stands and face_K.any():
        drop = room_4[3] - stage.pose.keypoints_TK2[0, face_K, 1].max()
        lowered = min(max(0.0, -float(way_T2[:, 1].min())), drop / 3)
        squeezed_T2[:, 1] = lowered + _squeeze(way_T2[:, 1], lowered, drop - lowered)
    if stage.is_cut_on_both_ends:
        squeezed_T2[:, 1] = 0.0
    return squeezed_T2 - way_T2


def _squeeze(way_T: np.ndarray, back: float, forth: float) -> np.ndarray:
    """The way within [-back, forth], unchanged where all of it fits.

    Beyond `_FREE_SHARE` of the room the way w becomes w / (1 + w (1/r - 1/m)), which leaves with slope 1 and reaches
    the rest r of the room at the farthest m.
    """
    room_T = np.where(way_T < 0, max(back, 0.0), max(forth, 0.0))
    far_T = np.where(way_T < 0, -way_T.min(), way_T.max())
    free_T = _FREE_SHARE * room_T
    beyond_T, rest_T = np.fmax(np.abs(way_T) - free_T, 0.0), np.fmax(room_T - free_T, 1e-6)
    slower_T = np.fmax(1 / rest_T - 1 / np.fmax(far_T - free_T, 1e-6), 0.0)
    squeezed_T = np.sign(way_T) * (np.fmin(np.abs(way_T), free_T) + beyond_T / (1 + beyond_T * slower_T))
    return np.where(far_T <= room_T, way_T, squeezed_T)


def _nudge(outline_TO2: np.ndarray, stage: Stage, poses: PoseSequence) -> np.ndarray:
    """Shift [T, 2] px that brings every frame's outline into the room."""
    box_T4 = boxes(outline_TO2)
    if not stage.stands:
        box_T4[:, 3] = _face_boxes(outline_TO2, stage)[:, 3]
    if stage.is_cut_above:
        box_T4[:, 1] = np.inf  # arms leave the picture where the head does: nobody is lowered for them
    least_T2, most_T2 = stage.room_4[:2] - box_T4[:, :2], stage.room_4[2:] - box_T4[:, 2:]
    wanted_T2 = [
        _eased(np.fmax(least_T2[:, axis], 0.0), poses) - _eased(np.fmax(-most_T2[:, axis], 0.0), poses)
        for axis in (0, 1)
    ]
    nudge_T2 = np.fmin(np.fmax(np.stack(wanted_T2, axis=1), least_T2), most_T2)
    return np.where(least_T2 <= most_T2, nudge_T2, (least_T2 + most_T2) / 2)


def _way_in_room(box_T4: np.ndarray, stage: Stage, poses: PoseSequence) -> tuple[np.ndarray, np.ndarray]:
    """Least and most shift [T] px to the side that keeps the outline, flesh included, in the room; both come gently."""
    flesh = _FLESH * stage.torso_px
    least_T, most_T = stage.room_4[0] + flesh - box_T4[:, 0], stage.room_4[2] - flesh - box_T4[:, 2]
    return _eased(least_T, poses), -_eased(-most_T, poses)


def _back_T(points_TK2: np.ndarray, stage: Stage, poses: PoseSequence) -> np.ndarray:
    """Shift [T] px to the side that brings a face back that gestures wider than the picture have pushed out of it."""
    own_4, face_T4 = _face_boxes(stage.pose.keypoints_TK2, stage)[0], _face_boxes(points_TK2, stage)
    left, right = np.fmin(own_4[0], 0.0), np.fmax(own_4[2], stage.pose.frame_size[0])
    return _eased(np.fmax(left - face_T4[:, 0], 0.0), poses) - _eased(np.fmax(face_T4[:, 2] - right, 0.0), poses)


def _face_boxes(points_TN2: np.ndarray, stage: Stage) -> np.ndarray:
    """Boxes [T, 4] around the joints of the face, which come first among the points; around none they lie nowhere."""
    face_K = np.flatnonzero(stage.kept_K & among(stage.pose.skeleton, _FACE))
    if len(face_K) == 0:
        return np.tile((np.inf, np.inf, -np.inf, -np.inf), (len(points_TN2), 1))
    return boxes(points_TN2[:, face_K])


def _eased(need_T: np.ndarray, poses: PoseSequence, *, ease_s: float = _EASE_S) -> np.ndarray:
    """Something smoother that is nowhere less: the running mean of the running maximum over the same time."""
    highest_T = window_frames(need_T, poses.times_s_T, ease_s).max(axis=-1)
    return window_frames(highest_T, poses.times_s_T, ease_s).mean(axis=-1)
