"""A person whom the picture cuts off: a cut must not come into the picture, neither up from below nor down from above.

Legend: T frames, K keypoints, N joints of one kind; points of a picture as complex numbers x + iy end in their legend
alone, without the 2 of two coordinates.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.limbs import SEEN_CONFIDENCE
from pose_tracking.sequence import PoseSequence

# Somebody of whom the photo shows a bust leans as far as that without being held back, and twice as far at most.
_FREE_LEAN = np.deg2rad(6.0)
# Arms and cloth stand out at the cut beyond the shoulders by so many torsos.
_BESIDE = 0.25
# Half the breadth of a head with its hair, in torsos.
_HALF_HEAD = 0.22
# Share of its length in the photo that a neck may seem to lose or gain: a nod pushes no head into the shoulders.
_NECK = 0.15
_SHOULDERS, _HIPS = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "mouth_left", "mouth_right")


def lean_T(poses: PoseSequence) -> np.ndarray:
    """Angle [T] of the trunk from upright, radians, positive to the right of the picture; 0 where it is not known."""
    hips_T2, shoulders_T2 = (_middle(poses, joint) for joint in ("hip", "shoulder"))
    trunk_T2 = shoulders_T2 - hips_T2
    angle_T = np.arctan2(trunk_T2[:, 0], -trunk_T2[:, 1])
    return np.where(np.isfinite(angle_T), angle_T, 0.0)


def held_lean_T(lean_T: np.ndarray) -> np.ndarray:
    """The lean, as it is up to `_FREE_LEAN`, then ever less of it, up to twice that."""
    beyond_T = np.fmax(np.abs(lean_T) - _FREE_LEAN, 0.0)
    return np.sign(lean_T) * (np.fmin(np.abs(lean_T), _FREE_LEAN) + _FREE_LEAN * beyond_T / (_FREE_LEAN + beyond_T))


def turned(points_TN2: np.ndarray, angle_T: np.ndarray, *, about_T2: np.ndarray) -> np.ndarray:
    """Points [T, N, 2] turned about one point each frame; positive angles turn an upright line to the right."""
    cosine_T1, sine_T1 = np.cos(angle_T)[:, None], np.sin(angle_T)[:, None]
    x_TN, y_TN = np.moveaxis(points_TN2 - about_T2[:, None], -1, 0)
    return np.stack([cosine_T1 * x_TN - sine_T1 * y_TN, sine_T1 * x_TN + cosine_T1 * y_TN], axis=-1) + about_T2[:, None]


def risen_T(
    pose: PoseSequence,
    *,
    place_2: np.ndarray,
    torso_px: float,
    place_T2: np.ndarray,
    size_T: np.ndarray,
    lean_T: np.ndarray,
) -> np.ndarray:
    """How far [T] px the higher end of the cut comes up into the picture; 0 where it stays below.

    Args:
        pose: the subject's own, one frame; the picture's lower edge is the cut.
        place_2, torso_px: as in `Stage`.
        place_T2, size_T: as in `stay_in_view`.
        lean_T: of the motion beyond the photo's own.
    """
    below = float(pose.frame_size[1])
    shoulders_K2 = np.stack([pose.joint(f"{side}_shoulder")[0] for side in ("left", "right")])
    xs = shoulders_K2[:, 0][np.isfinite(shoulders_K2[:, 0])]
    if len(xs) == 0:
        xs = place_2[:1]
    ends_22 = np.array([[xs.min() - _BESIDE * torso_px, below], [xs.max() + _BESIDE * torso_px, below]])
    ends_22[:, 0] = ends_22[:, 0].clip(0, pose.frame_size[0])
    carried_T22 = place_T2[:, None] + size_T[:, None, None] * (ends_22 - place_2)
    ends_T22 = turned(carried_T22, lean_T, about_T2=place_T2)
    return np.fmax(below - ends_T22[..., 1].min(axis=1), 0.0)


def hung_up_T(pose: PoseSequence, poses: PoseSequence, *, torso_px: float, lean_T: np.ndarray) -> np.ndarray:
    """How far [T] px a cut below the hips comes up with them; 0 where the motion shows the legs.

    Legs that the motion does not show hang from the hips as long as the trunk seems: who leans towards the camera, or
    is filmed from above, seems to have a short one.

    Args:
        pose, torso_px, lean_T: as in `risen_T`.
        poses: where the motion takes the subject, on the same skeleton.
    """
    hips_2, hips_T2 = _middle(pose, "hip")[0], _middle(poses, "hip")
    trunk_T, own_trunk_T = (np.abs(_trunk(each)[0]) for each in (poses, pose))
    knees = [poses.skeleton.index(f"{side}_knee") for side in ("left", "right")]
    is_hung_T = np.isfinite(trunk_T) & (poses.confidence_TK[:, knees] < SEEN_CONFIDENCE).all(axis=1)
    if not is_hung_T.any() or not hips_2[1] < pose.frame_size[1]:
        return np.zeros(len(poses))
    up_T = risen_T(
        pose,
        place_2=hips_2,
        torso_px=torso_px,
        place_T2=np.nan_to_num(hips_T2),
        size_T=np.nan_to_num(trunk_T / own_trunk_T),
        lean_T=lean_T,
    )
    return np.where(is_hung_T, up_T, 0.0)


def head_cut_T(pose: PoseSequence, poses: PoseSequence, *, torso_px: float) -> np.ndarray:
    """How far [T] px below the picture's upper edge the lower end of a head's cut lies; 0 where that is not known.

    The head turns with its face, is no smaller than the trunk has become, and stays on its neck.

    Args:
        pose: the subject's own, one frame; the picture's upper edge is the cut.
        poses: where the motion takes the subject, on the same skeleton.
        torso_px: the subject's true torso length.
    """
    trunk_T, neck_T = _trunk(poses)
    own_trunk_T, own_neck_T = _trunk(pose)
    # Who has turned round shows the photo mirrored.
    breadth_T, own_breadth_T = (np.diff(_points(each, _SHOULDERS).real)[:, 0] for each in (poses, pose))
    head_T, own_head_T, turn_T, size_T = _fitted_face(poses, pose, breadth_T * own_breadth_T < 0)
    size_T = np.fmax(size_T, np.abs(trunk_T) / np.abs(own_trunk_T))
    up_T = trunk_T / np.abs(trunk_T)
    rises_T = ((head_T - neck_T) / up_T).real
    own_rises_T = size_T * ((own_head_T - own_neck_T) * np.abs(own_trunk_T) / own_trunk_T).real
    head_T = head_T + up_T * (np.clip(rises_T, (1 - _NECK) * own_rises_T, (1 + _NECK) * own_rises_T) - rises_T)
    ends_TN = np.array([-1, 1]) * _HALF_HEAD * torso_px - 1j * own_head_T.imag[:, None]
    cut_TN = head_T[:, None] + (turn_T * size_T)[:, None] * ends_TN
    return np.nan_to_num(cut_TN.imag.max(axis=1))


def _fitted_face(
    poses: PoseSequence, pose: PoseSequence, is_mirrored_T: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Middle of the face in `poses` and in `pose`, its turn (a unit number) and its size, from the joints both have."""
    face_TN, own_TN = _points(poses, _FACE), _points(pose, _FACE)
    known_TN = np.isfinite(face_TN) & np.isfinite(own_TN)
    weight_TN = known_TN / np.fmax(known_TN.sum(axis=1, keepdims=True), 1)
    face_TN, own_TN = (np.where(known_TN, each, 0) for each in (face_TN, own_TN))
    middle_T, own_middle_T = ((weight_TN * each).sum(axis=1) for each in (face_TN, own_TN))
    off_TN, own_off_TN = face_TN - middle_T[:, None], own_TN - own_middle_T[:, None]
    own_off_TN = np.where(is_mirrored_T[:, None], -own_off_TN.conj(), own_off_TN)
    turn_T = np.exp(1j * np.angle((weight_TN * own_off_TN.conj() * off_TN).sum(axis=1)))
    spread_T, own_spread_T = (np.sqrt((weight_TN * np.abs(each) ** 2).sum(axis=1)) for each in (off_TN, own_off_TN))
    return middle_T, own_middle_T, turn_T, spread_T / np.fmax(own_spread_T, 1e-6)


def _trunk(poses: PoseSequence) -> tuple[np.ndarray, np.ndarray]:
    """From the middle of the hips to that of the shoulders, and the latter's place; complex [T]."""
    neck_T, hips_T = (_points(poses, joints).mean(axis=1) for joints in (_SHOULDERS, _HIPS))
    return neck_T - hips_T, neck_T


def _points(poses: PoseSequence, joints: tuple[str, ...]) -> np.ndarray:
    """[T, N] complex, of those joints that the skeleton has."""
    has = [poses.joint(joint) for joint in joints if joint in poses.skeleton.joints]
    return np.stack([points_T2[:, 0] + 1j * points_T2[:, 1] for points_T2 in has], axis=1)


def _middle(poses: PoseSequence, joint: str) -> np.ndarray:
    return (poses.joint(f"left_{joint}") + poses.joint(f"right_{joint}")).astype(float) / 2
