"""Heads tilt with their faces, and stay upright as they turn aside."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp.bones import HEAD, BonePose, bone_pose
from animator.conditioning.warp.head import SLIDE_REACH, face_travel, head_motion
from animator.conditioning.warp.skinning import bone_motion
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import standing_pose

STANDING = standing_pose(height=200, center_x=96, top=20)
# Aside, down, and towards the camera, in units of the head.
FACE = {
    "nose": (0, 0.1, 0.9), "left_eye": (0.3, -0.2, 0.7), "right_eye": (-0.3, -0.2, 0.7), "left_ear": (0.7, -0.05, 0),
    "right_ear": (-0.7, -0.05, 0), "mouth_left": (0.25, 0.45, 0.7), "mouth_right": (-0.25, 0.45, 0.7),
}  # fmt: skip
MIDDLE, SIZE = np.array([96.0, 38.0]), 14.0


def _pose(
    *, yaw: float = 0.0, roll: float = 0.0, pitch: float = 0.0, unseen: tuple[str, ...] = (), aside: float = 0.0
) -> BonePose:
    """A face turned aside, nodding and tilted, degrees; without the points that a tracker did not see; `aside` px."""
    joints = STANDING.copy()
    a, b, c = np.radians([yaw, pitch, roll])
    for name, (x, y, z) in FACE.items():
        y, z = y * np.cos(b) + z * np.sin(b), z * np.cos(b) - y * np.sin(b)
        x = x * np.cos(a) + z * np.sin(a)
        turned = np.array([x * np.cos(c) - y * np.sin(c), x * np.sin(c) + y * np.cos(c)])
        joints[BLAZEPOSE_33.index(name)] = MIDDLE + SIZE * turned
    confidence = torch.ones(1, 33)
    for name in unseen:
        joints[BLAZEPOSE_33.index(name)], confidence[:, BLAZEPOSE_33.index(name)] = np.nan, 0
    return bone_pose(torch.from_numpy(joints + aside)[None].float(), confidence)


def _tilt(photo: BonePose, target: BonePose) -> float:
    """Degrees."""
    _, turn, _ = head_motion(photo, target, torch.ones(1), torch.zeros(1))
    return float(torch.rad2deg(turn)[0])


@pytest.mark.parametrize("roll", [-30.0, -10.0, 0.0, 20.0])
def test_a_head_tilts_as_the_face_does(roll: float) -> None:
    assert _tilt(_pose(), _pose(roll=roll)) == pytest.approx(roll, abs=0.1)


@pytest.mark.parametrize("yaw", [-85.0, -60.0, 60.0, 85.0])
def test_a_face_in_profile_stays_upright(yaw: float) -> None:
    assert abs(_tilt(_pose(), _pose(yaw=yaw))) < 2


@pytest.mark.parametrize("yaw", [-40.0, -20.0, 20.0, 40.0])
def test_a_face_turned_a_little_hardly_tilts(yaw: float) -> None:
    assert abs(_tilt(_pose(), _pose(yaw=yaw))) < 8


def test_a_face_in_profile_tilts_with_its_head() -> None:
    assert _tilt(_pose(), _pose(yaw=80, roll=25)) == pytest.approx(25, abs=3)


def test_turning_aside_moves_the_head_without_jumps() -> None:
    tilts = [_tilt(_pose(), _pose(yaw=yaw)) for yaw in np.arange(0.0, 90.0, 3.0)]
    assert np.abs(np.diff(tilts)).max() < 3


@pytest.mark.parametrize("yaw", [-60.0, -30.0, 0.0, 30.0, 60.0])
def test_a_head_that_turns_stays_above_its_neck(yaw: float) -> None:
    photo = _pose()
    placed, _, _ = head_motion(photo, _pose(yaw=yaw), torch.ones(1), torch.zeros(1))
    assert float((placed - photo.start_BJ2[:, HEAD])[0, 0]) == pytest.approx(0, abs=1.0)


def test_a_head_in_profile_on_the_photo_stays_above_its_neck_as_it_turns_to_the_front() -> None:
    photo = _pose(yaw=60)
    placed, _, _ = head_motion(photo, _pose(), torch.ones(1), torch.zeros(1))
    assert float((placed - photo.start_BJ2[:, HEAD])[0, 0]) == pytest.approx(0, abs=1.0)


def test_a_face_travels_only_where_the_head_turns() -> None:
    still = face_travel(_pose(), _pose(pitch=20), torch.ones(1))
    assert float(still.norm()) < 0.5
    left, right = (face_travel(_pose(), _pose(yaw=yaw), torch.ones(1))[0, 0] for yaw in (-40, 40))
    assert float(left) == pytest.approx(-float(right))
    assert abs(float(right)) > 3


def test_the_middle_of_a_face_slides_on_over_the_head_and_its_outline_does_not() -> None:
    photo, target = _pose(), _pose(yaw=40)
    motion = bone_motion(photo, target)
    middle = motion.target_BJ2[:, HEAD]
    edge = middle + torch.tensor([[0.0, 1.01 * SLIDE_REACH * float(photo.torso_length_B[0])]])
    points = torch.stack([middle, edge], 1)
    slid = motion.slide_face(points, torch.ones(2)) - points
    travel = face_travel(photo, target, motion.scale_B)
    assert float((slid[0, 0] / travel[0])[0]) == pytest.approx(0.7, abs=0.01)
    torch.testing.assert_close(slid[0, 1], torch.zeros(2))
    torch.testing.assert_close(motion.slide_face(points, torch.zeros(2)), points)


@pytest.mark.parametrize("roll", [-20.0, 0.0, 20.0])
@pytest.mark.parametrize("unseen", [("mouth_left", "mouth_right"), ("left_eye",), ("mouth_right", "right_ear")])
def test_a_head_without_a_mouth_or_an_eye_tilts_as_the_rest_of_its_face(roll: float, unseen: tuple[str, ...]) -> None:
    assert _tilt(_pose(), _pose(roll=roll, unseen=unseen)) == pytest.approx(roll, abs=3)
    assert _tilt(_pose(unseen=unseen), _pose(roll=roll)) == pytest.approx(roll, abs=3)


@pytest.mark.parametrize("unseen", [("nose",), ("left_ear", "right_ear")])
def test_a_face_without_a_nose_or_ears_does_not_travel(unseen: tuple[str, ...]) -> None:
    for photo, target in ((_pose(), _pose(yaw=40, unseen=unseen)), (_pose(yaw=40, unseen=unseen), _pose())):
        assert float(face_travel(photo, target, torch.ones(1)).norm()) == 0


@pytest.mark.parametrize(("yaw", "far"), [(80, "right_ear"), (-80, "left_ear")])
def test_a_face_in_profile_travels_as_far_when_only_its_near_ear_is_seen(yaw: float, far: str) -> None:
    both, one = (face_travel(_pose(), _pose(yaw=yaw, unseen=unseen), torch.ones(1)) for unseen in ((), (far,)))
    torch.testing.assert_close(one, both, rtol=0.2, atol=0.1)


def test_a_face_slides_by_its_heads_size_not_by_that_of_shoulders_that_turned_to_the_camera() -> None:
    photo, broad = _pose(yaw=40), STANDING.copy()
    for side, outwards in (("left", 12), ("right", -12)):
        broad[BLAZEPOSE_33.index(f"{side}_shoulder"), 0] += outwards
    for name in FACE:
        broad[BLAZEPOSE_33.index(name)] = MIDDLE + SIZE * np.array(FACE[name][:2])
    motion = bone_motion(photo, bone_pose(torch.from_numpy(broad)[None].float(), torch.ones(1, 33)))
    head_scale = motion.stretch_BJ22[:, HEAD, 1, 1]
    assert float(motion.scale_B[0]) > 1.1 * float(head_scale[0])
    size = float(photo.torso_length_B[0])
    assert float(motion.slide_reach_B[0]) == pytest.approx(SLIDE_REACH * size * float(head_scale[0]))


def test_where_in_the_picture_a_face_is_changes_nothing_though_parts_of_it_are_unseen() -> None:
    unseen = ("left_ear", "mouth_left")
    placed, turn, shape = head_motion(
        _pose(unseen=unseen), _pose(yaw=25, roll=10, unseen=("right_ear",)), torch.ones(1), torch.zeros(1)
    )
    far, far_turn, far_shape = head_motion(
        _pose(unseen=unseen, aside=900),
        _pose(yaw=25, roll=10, unseen=("right_ear",), aside=900),
        torch.ones(1),
        torch.zeros(1),
    )
    torch.testing.assert_close(far - 900, placed, atol=0.01, rtol=0)
    torch.testing.assert_close(far_turn, turn, atol=1e-3, rtol=0)
    torch.testing.assert_close(far_shape, shape, atol=1e-3, rtol=0)


def test_faces_of_which_no_point_was_seen_in_both_pictures_say_nothing() -> None:
    left, right = (tuple(name for name in FACE if name.endswith(side) or side in name) for side in ("left", "right"))
    photo, target = _pose(unseen=(*left, "nose")), _pose(roll=30, unseen=(*right, "nose"), aside=900)
    placed, turn, shape = head_motion(photo, target, torch.ones(1), torch.zeros(1))
    assert float(turn) == 0
    torch.testing.assert_close(shape[0], torch.eye(2))
    torch.testing.assert_close(placed, target.start_BJ2[:, HEAD], atol=1, rtol=0)  # within the reach of its neck
