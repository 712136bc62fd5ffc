"""Arms taken off a photo: which there are, what they cover, what is known of them and what is made up."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp.anatomy import chain_distance, pixel_centers, unit
from animator.conditioning.warp.arm_layers import RIM_PX, Arms, arms_of
from animator.conditioning.warp.bones import LEFT_ARM, LEFT_HAND, RIGHT_ARM, BonePose, bone_pose
from animator.conditioning.warp.cutout import widened
from animator.conditioning.warp.figure import figure_of
from animator.conditioning.warp.plane import perpendicular
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import (
    STANDING,
    figure,
    joint,
    pixel,
    pose_of,
    with_a_ball,
    with_a_lock,
)

CELL_PX = 4
ARM = ("elbow", "wrist", "pinky", "index", "thumb")


def _arms(photo, matte, pose: BonePose | None = None) -> Arms:
    return arms_of(figure_of(photo, matte, pose or pose_of()), CELL_PX)


def _pose_without(*sides: str) -> BonePose:
    """The standing pose, of which nobody knows where these arms are."""
    sure = torch.ones(1, 33)
    sure[0, [BLAZEPOSE_33.index(f"{side}_{name}") for side in sides for name in ARM]] = 0
    return bone_pose(torch.from_numpy(STANDING)[None], sure)


def _towards_camera() -> BonePose:
    """The standing pose with the left forearm so foreshortened that it tells nothing."""
    keypoints, elbow = STANDING.copy(), joint("left_elbow")
    for name in ARM[1:]:
        place = BLAZEPOSE_33.index(f"left_{name}")
        keypoints[place] = elbow + 0.2 * (keypoints[place] - elbow)
    return pose_of(keypoints)


def _on(side: str, upper: str, lower: str, share: float = 0.5) -> tuple[int, int]:
    start, end = joint(f"{side}_{upper}"), joint(f"{side}_{lower}")
    return pixel(start + share * (end - start))


@pytest.fixture(scope="module")
def standing() -> Arms:
    return _arms(*figure())


@pytest.fixture(scope="module")
def with_ball() -> tuple[Arms, torch.Tensor]:
    photo, matte, ball = with_a_ball()
    return _arms(photo, matte), ball


def test_each_arm_that_the_photo_shows_is_a_layer_with_an_elbow(standing: Arms) -> None:
    assert [layer.name for layer in standing.layers] == ["left_arm", "right_arm"]
    for side, layer in zip(("left", "right"), standing.layers, strict=True):
        other = "right" if side == "left" else "left"
        for upper, lower in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "index")):
            assert layer.alpha_HW[_on(side, upper, lower)] > 0.95
            assert layer.alpha_HW[_on(other, upper, lower)] == 0
        assert layer.elbow is not None
        assert layer.places_V2 is None
        assert layer.alpha_HW[_on(side, "hip", "knee")] == 0


def test_hands_that_hold_nothing_lend_nothing_and_keep_the_pose(standing: Arms) -> None:
    assert standing.held == ()
    assert float(standing.lent_HW.max()) == 0
    assert not standing.hair_HW.any()
    torch.testing.assert_close(standing.pose.start_BJ2, pose_of().start_BJ2, rtol=0, atol=0)


def test_both_arms_cover_what_is_behind_them_but_for_the_joint_they_turn_about(standing: Arms) -> None:
    for side in ("left", "right"):
        assert standing.covers_HW[_on(side, "elbow", "wrist")] > 0.95
        assert standing.covers_HW[pixel(joint(f"{side}_shoulder"))] == 0
    assert standing.covers_HW[_on("left", "hip", "knee")] == 0
    assert standing.covers_HW[pixel(joint("nose"))] == 0


def test_what_the_photo_shows_of_an_arm_is_not_made_up(standing: Arms) -> None:
    for bones, layer in zip((LEFT_ARM, RIGHT_ARM), standing.layers, strict=True):
        bare = chain_distance(pixel_centers(layer.alpha_HW), pose_of(), bones) < 0.4
        assert float((layer.invented_HW * bare).max()) < 0.05


def test_hair_before_an_arm_is_none_of_it_and_the_arm_that_goes_on_below_is_made_up() -> None:
    photo, matte, lock = with_a_lock((225, 180, 150))
    arms = _arms(photo, matte)
    assert float(arms.hair_HW[lock].float().mean()) > 0.9
    assert not arms.hair_HW[_on("right", "shoulder", "elbow")]
    arm = arms.layers[0]
    assert float((arm.alpha_HW - arm.invented_HW)[lock].mean()) < 0.05
    below = lock & (chain_distance(pixel_centers(matte), pose_of(), LEFT_ARM) < 0.4)
    assert float(arm.invented_HW[below].mean()) > 0.4
    bare = torch.tensor([225, 180, 150])[:, None] / 255
    assert float((arm.colors_3HW[:, below] - bare).abs().amax(0).mean()) < 0.1


def test_a_ball_is_a_stiff_layer_that_goes_with_the_hand(with_ball: tuple[Arms, torch.Tensor]) -> None:
    arms, ball = with_ball
    (thing,) = arms.held
    assert (thing.name, thing.stiff_on, thing.bindings) == ("left_held", LEFT_HAND, ())
    assert float(thing.alpha_HW[ball].mean()) > 0.9
    assert float(thing.invented_HW.max()) == 0
    assert thing.alpha_HW[_on("left", "elbow", "wrist", 0.3)] == 0
    assert float(arms.covers_HW[ball].min()) > 0.9


def test_the_arm_leaves_the_ball_to_the_hand_but_for_its_rim(with_ball: tuple[Arms, torch.Tensor]) -> None:
    arms, ball = with_ball
    arm = arms.layers[0]
    inner = ball & (widened((~ball).float(), RIM_PX + 2) == 0)
    assert int(inner.sum()) > 100
    assert float((arm.alpha_HW - arm.invented_HW)[inner].mean()) < 0.05
    rim = ball & ~inner & (arm.alpha_HW > 0.5)
    assert int(rim.sum()) > 5
    assert float(arm.colors_3HW[2, rim].mean()) < 0.8  # skin, not the white of the ball
    # Every pixel of the ball belongs to one of both, and none is left to the body, also not the mixed ones at its rim.
    assert float(arms.lent_HW[ball].min()) == 1
    beside = (widened(ball.float(), RIM_PX - 1) > 0) & ~ball
    assert float(arms.lent_HW[beside].mean()) > 0.9
    assert float(arms.covers_HW[beside].mean()) > 0.9


def test_an_arm_nobody_sees_is_the_mirror_image_of_the_other_in_its_own_place() -> None:
    photo, matte = figure()
    hidden = chain_distance(pixel_centers(matte), pose_of(), LEFT_ARM) < 1.6
    beside_trunk = figure_of(photo, matte, pose_of()).hull < 0.5
    arms = _arms(photo, matte * ~(hidden & beside_trunk), _pose_without("left"))
    lender, lent = arms.layers
    assert (lender.name, lent.name) == ("right_arm", "left_arm")
    assert lent.places_V2 is not None
    # The standing figure is symmetric.
    middle = float(joint("left_shoulder")[0] + joint("right_shoulder")[0])
    mirrored = lender.mesh.vertices_V2 * torch.tensor([-1.0, 1.0]) + torch.tensor([middle, 0.0])
    torch.testing.assert_close(lent.places_V2, mirrored, rtol=0, atol=0.1)
    assert {int(bone) for bone in lent.bindings[0][1].unique()} <= {0, *LEFT_ARM}
    torch.testing.assert_close(arms.pose.end_BJ2, pose_of().end_BJ2, rtol=0, atol=0.1)
    assert all(arms.pose.shows(bone) for bone in (*LEFT_ARM, *RIGHT_ARM))


def test_a_lent_arm_has_the_light_of_its_own_side() -> None:
    photo, matte = figure()
    photo[:, :, int(joint("nose")[0]) :] *= 0.8
    arms = {layer.name: layer for layer in _arms(photo, matte, _towards_camera()).layers}
    row, column = _on("right", "elbow", "wrist")
    shares = arms["left_arm"].colors_3HW[:, row, column] / arms["right_arm"].colors_3HW[:, row, column]
    np.testing.assert_allclose(shares.numpy(), 0.8, atol=0.05)


def test_what_the_photo_shows_of_an_arm_that_is_lent_is_filled() -> None:
    photo, matte = figure()
    arms = _arms(photo, matte, _towards_camera())
    assert arms.lent_HW[_on("left", "shoulder", "elbow", 0.8)] > 0.9
    assert arms.covers_HW[_on("left", "shoulder", "elbow", 0.8)] > 0.9
    assert arms.lent_HW[pixel(joint("left_shoulder"))] == 0
    assert float(arms.lent_HW[:, : int(joint("right_hip")[0])].max()) == 0


def test_nobody_lends_where_no_arm_is_seen() -> None:
    arms = _arms(*figure(), _pose_without("left", "right"))
    assert (arms.layers, arms.held) == ((), ())
    assert float(arms.covers_HW.max()) == 0
    assert not arms.hair_HW.any()


@pytest.mark.parametrize(("shown", "lent"), [(0.4, True), (0.85, False)])
def test_an_arm_half_hidden_behind_the_trunk_is_lent_by_the_other(shown: float, lent: bool) -> None:
    """The far arm of a woman turned aside was a stick: what the photo shows of it is half as wide as an arm."""
    photo, matte = figure()
    pose, points = pose_of(), pixel_centers(matte)
    width = 2 * 0.075 * float(pose.torso_length_B[0])
    for bone in LEFT_ARM:
        start, end = pose.start_BJ2[0, bone], pose.end_BJ2[0, bone]
        across = perpendicular(unit(end - start))
        outwards = across if float(across[0]) > 0 else -across
        hidden = (points - start) @ outwards < (0.5 - shown) * width
        matte = torch.where(
            hidden & (chain_distance(points, pose, (bone,)) < 1.0) & (points[..., 0] > start[0] - 4), 0.0, matte
        )
    left, right = _arms(photo, matte).layers
    assert (left.name, right.name) == ("left_arm", "right_arm")
    assert (left.places_V2 is not None) == lent
    assert right.places_V2 is None
