"""A skirt over legs that move: taut where the knee points, hanging where the thigh left it, untouched elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from animator.conditioning.warp.bones import LEFT_LEG, RIGHT_LEG, BonePose, bone_pose
from animator.conditioning.warp.layer import Layer
from animator.conditioning.warp.layers import split_layers
from animator.conditioning.warp.skinning import bone_motion
from pose_tracking.skeleton import BLAZEPOSE_33

SIZE = 200, 160
MIDDLE = 80
STANDING = {
    "nose": (80, 20), "left_eye": (83, 17), "right_eye": (77, 17), "left_ear": (87, 19), "right_ear": (73, 19),
    "mouth_left": (82, 24), "mouth_right": (78, 24), "left_shoulder": (96, 42), "right_shoulder": (64, 42),
    "left_hip": (89, 92), "right_hip": (71, 92), "left_knee": (91, 136), "right_knee": (69, 136),
    "left_ankle": (91, 180), "right_ankle": (69, 180), "left_foot_index": (94, 188), "right_foot_index": (66, 188),
}  # fmt: skip
# Both thighs level and pointing aside, the shins upright.
SQUATTING = STANDING | {
    "left_knee": (133, 96),
    "right_knee": (111, 96),
    "left_ankle": (131, 140),
    "right_ankle": (111, 140),
}


def _bones(joints: Mapping[str, tuple[float, float]]) -> BonePose:
    points = torch.full((1, 33, 2), float("nan"))
    for name, place in joints.items():
        points[0, BLAZEPOSE_33.joints.index(name)] = torch.tensor(place, dtype=torch.float32)
    return bone_pose(points, (~points.isnan().any(-1)).float())


def _body(hem_y: int | None) -> tuple[Layer, BonePose]:
    """The body's layer of a person in a wide skirt, or in trousers."""
    height, width = SIZE
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    matte = (x - 80).square() + (y - 20).square() < 14**2
    matte |= (y >= 30) & (y < 95) & ((x - 80).abs() < 18)
    matte |= (y >= 90) & (y < 188) & (((x - 90).abs() < 7) | ((x - 70).abs() < 7))
    if hem_y is not None:
        matte |= (y >= 90) & (y < hem_y) & ((x - 80).abs() < 18 + 0.4 * (y - 90))
    layers, pose = split_layers(torch.full((3, height, width), 0.5), matte.float(), _bones(STANDING), cell_px=4)
    return layers[0], pose


def test_a_hem_does_not_stand_off_a_bent_knee_as_a_ball() -> None:
    body, pose = _body(150)
    motion = bone_motion(pose, _bones(SQUATTING))
    inside = body.mesh.vertices_V2[:, 1] < 150
    reach_px = body.carry(motion)[0, inside, 0].max() - max(place[0] for place in SQUATTING.values())
    # Nowhere farther beyond the knees than a thigh is thick.
    assert reach_px < 0.19 * float(pose.torso_length_B[0]) + 1


def test_a_skirt_over_straight_legs_hangs_as_in_the_photo() -> None:
    body, pose = _body(150)
    assert body.drapes
    torch.testing.assert_close(
        body.carry(bone_motion(pose, _bones(STANDING)))[0], body.mesh.vertices_V2, atol=1e-3, rtol=0
    )


def test_trousers_have_no_drape() -> None:
    body, _ = _body(None)
    assert body.drapes == ()


def test_each_leg_has_its_own_drape_and_the_head_none() -> None:
    body, _ = _body(150)
    head, left, right = body.drapes
    assert head is None
    assert left is not None
    assert right is not None
    assert (left.thigh, left.shin) == LEFT_LEG[:2]
    assert (right.thigh, right.shin) == RIGHT_LEG[:2]


def _mirrored(joints: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The pose as a mirror at the upright through the middle shows it."""
    other = {"left": "right", "right": "left"}
    return {
        "_".join(other.get(word, word) for word in name.split("_")): (2 * MIDDLE - x, y)
        for name, (x, y) in joints.items()
    }


def _upside_down(joints: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {name: (2 * MIDDLE - x, 200 - y) for name, (x, y) in joints.items()}


def _hem_left_behind(body: Layer, pose: BonePose, joints: Mapping[str, tuple[float, float]], side: int) -> torch.Tensor:
    """Where the corner of the hem goes that lies on one side of the photo, -1 or 1."""
    photo = body.mesh.vertices_V2
    corner = torch.where(photo[:, 1] <= 150, photo[:, 1] + side * photo[:, 0], -1e3).argmax()
    return body.carry(bone_motion(pose, _bones(joints)))[0, corner]


@pytest.mark.parametrize("side", [-1, 1])
def test_cloth_that_a_raised_thigh_leaves_hangs_from_the_hips(side: int) -> None:
    body, pose = _body(150)
    joints = SQUATTING if side < 0 else _mirrored(SQUATTING)
    x, y = _hem_left_behind(body, pose, joints, side).tolist()
    # Below the thighs, which are at about 94, and not drawn to the knees, which are 30 px and more on the other side.
    assert y > 120
    assert (x - MIDDLE) * side > 15


def test_a_hem_that_hangs_ends_at_the_floor() -> None:
    body, pose = _body(180)
    moved = body.carry(bone_motion(pose, _bones(SQUATTING)))[0]
    assert float(moved[:, 1].max()) <= max(y for _, y in SQUATTING.values()) + 3


def test_nothing_hangs_upwards_from_somebody_upside_down() -> None:
    body, pose = _body(150)
    _, y = _hem_left_behind(body, pose, _upside_down(SQUATTING), 1).tolist()
    assert y < 200 - 80


def test_a_skirt_does_not_jump_as_a_thigh_rises() -> None:
    body, pose = _body(150)
    before = None
    for step in range(21):
        share = step / 20
        joints = {
            name: (x + share * (SQUATTING[name][0] - x), y + share * (SQUATTING[name][1] - y))
            for name, (x, y) in STANDING.items()
        }
        moved = body.carry(bone_motion(pose, _bones(joints)))
        assert before is None or float((moved - before).norm(dim=-1).max()) < 12
        before = moved
