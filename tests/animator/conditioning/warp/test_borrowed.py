"""An arm that the photo shows badly or not at all is the mirror image of the other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from animator.conditioning.warp import PhotoWarp
from animator.conditioning.warp.anatomy import chain_distance, smoothstep
from animator.conditioning.warp.bones import (
    LEFT_ARM,
    LEFT_FOREARM,
    LEFT_UPPER_ARM,
    RIGHT_ARM,
    RIGHT_FOREARM,
    BonePose,
    bone_pose,
)
from animator.conditioning.warp.borrowed import (
    free_share,
    is_unseen,
    left_over,
    lends,
    light_ratio,
    mirror_image,
    with_lent_bones,
)
from animator.conditioning.warp.figure import figure_of
from animator.conditioning.warp.layers import split_layers
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import (
    STANDING,
    Picture,
    figure,
    in_a_jacket,
    joint,
    pixel,
    pose_of,
    with_a_ball,
)

ARM = ("elbow", "wrist", "pinky", "index", "thumb")


def _sure_but(side: str, names: tuple[str, ...], confidence: float) -> torch.Tensor:
    """Confidence [1, 33]: 1 but for some joints of one side."""
    sure = torch.ones(1, 33)
    sure[0, [BLAZEPOSE_33.index(f"{side}_{name}") for name in names]] = confidence
    return sure


def _pose_without(side: str, confidence: float = 0.0) -> BonePose:
    """The standing pose, from the elbow on an arm that nobody sees."""
    return bone_pose(torch.from_numpy(STANDING)[None], _sure_but(side, ARM, confidence))


def _foreshortened(side: str, share: float) -> np.ndarray:
    """Keypoints [33, 2]: the standing pose with one forearm and hand so much shorter than they are."""
    keypoints = STANDING.copy()
    elbow = joint(f"{side}_elbow")
    for name in ARM[1:]:
        place = BLAZEPOSE_33.index(f"{side}_{name}")
        keypoints[place] = elbow + share * (keypoints[place] - elbow)
    return keypoints


def _on_forearm(keypoints_K2: np.ndarray, side: str, share: float) -> tuple[int, int]:
    """The pixel at `share` of the way from elbow to wrist."""
    elbow, wrist = (keypoints_K2[BLAZEPOSE_33.index(f"{side}_{name}")] for name in ("elbow", "wrist"))
    return pixel(elbow + share * (wrist - elbow))


def _without_left_forearm() -> Picture:
    """The figure that has its left forearm behind its back."""
    photo, matte = figure()
    found = figure_of(photo, matte, pose_of())
    gone = (chain_distance(found.points, pose_of(), LEFT_ARM[1:]) < 1.6) & (found.hull < 0.5)
    return photo, torch.where(gone, 0.0, matte)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_forearm_that_points_at_the_camera_is_as_good_as_unseen(side: str) -> None:
    bones, others = (LEFT_ARM, RIGHT_ARM) if side == "left" else (RIGHT_ARM, LEFT_ARM)
    assert is_unseen(pose_of(_foreshortened(side, 0.2)), bones, others)
    assert not is_unseen(pose_of(_foreshortened(side, 0.6)), bones, others)
    assert not is_unseen(pose_of(_foreshortened(side, 0.2)), others, bones)
    assert is_unseen(_pose_without(side), bones, others)


def test_arms_seen_alike_lend_nothing() -> None:
    layers, pose = split_layers(*figure(), pose_of(), cell_px=4)
    assert all(layer.places_V2 is None for layer in layers)
    assert torch.equal(pose.start_BJ2, pose_of().start_BJ2)


def test_an_unseen_arm_is_drawn_from_the_other() -> None:
    photo, matte = _without_left_forearm()
    warp = PhotoWarp(photo, matte, torch.from_numpy(STANDING), _sure_but("left", ARM, 0.0)[0], cell_px=4)
    warped = warp(torch.from_numpy(STANDING)[None], torch.ones(1, 33))
    for share in (0.3, 0.7, 1.0):
        (row, column), (same_row, opposite) = (_on_forearm(STANDING, side, share) for side in ("left", "right"))
        assert matte[row, column] == 0
        assert warped.coverage_BHW[0, row, column] > 0.95
        assert (warped.colors_B3HW[0, :, row, column] - photo[:, same_row, opposite]).abs().max() < 0.1


def test_a_lent_arm_goes_where_its_own_side_goes() -> None:
    photo, matte = _without_left_forearm()
    warp = PhotoWarp(photo, matte, torch.from_numpy(STANDING), _sure_but("left", ARM, 0.0)[0], cell_px=4)
    raised = STANDING.copy()
    shoulder = joint("left_shoulder")
    for name in ARM:
        place = BLAZEPOSE_33.index(f"left_{name}")
        raised[place, 1] = 2 * shoulder[1] - raised[place, 1]
    # Who turns round shows the photo mirrored, and the arm on the other side of the picture.
    turned = raised * np.array([-1, 1], dtype=np.float32) + np.array([2 * STANDING[0, 0], 0], dtype=np.float32)
    for keypoints in (raised, turned):
        warped = warp(torch.from_numpy(keypoints)[None], torch.ones(1, 33))
        wrist = pixel(
            0.2 * keypoints[BLAZEPOSE_33.index("left_elbow")] + 0.8 * keypoints[BLAZEPOSE_33.index("left_wrist")]
        )
        assert warped.coverage_BHW[0][wrist] > 0.9


def test_nobody_has_three_arms() -> None:
    photo, matte = figure()
    layers, _ = split_layers(photo, matte, _pose_without("left", 0.2), cell_px=4)
    body = next(layer for layer in layers if layer.name == "body")
    for name in ("left_wrist", "left_index"):
        assert body.alpha_HW[pixel(joint(name))] == 0


def test_what_is_not_seen_of_an_arm_hides_nothing_of_the_trunk() -> None:
    photo, matte = figure()
    keypoints = STANDING.copy()
    chest = (joint("left_shoulder") + joint("right_hip")) / 2
    keypoints[[BLAZEPOSE_33.index(f"left_{name}") for name in ARM[1:]]] = chest
    pose = bone_pose(torch.from_numpy(keypoints)[None], _sure_but("left", ARM[1:], 0.2))
    assert left_over(figure_of(photo, matte, pose), LEFT_ARM)[pixel(chest)] == 0
    assert left_over(figure_of(photo, matte, pose_of(keypoints)), LEFT_ARM)[pixel(chest)] > 0.9


def test_a_sleeve_of_the_jacket_stays_on_the_jacket_and_a_bare_arm_does_not() -> None:
    on_sleeve = pixel(joint("left_shoulder") * 0.5 + joint("left_elbow") * 0.5 - np.array([6, 0]))
    for picture, stays in ((in_a_jacket(), True), (figure(), False)):
        found = figure_of(*picture, pose_of(_foreshortened("left", 0.2)))
        assert (float(left_over(found, LEFT_ARM)[on_sleeve]) < 0.1) == (stays and float(found.hull[on_sleeve]) > 0.5)


def test_an_arm_that_holds_a_thing_does_not_lend_it() -> None:
    photo, matte, _ = with_a_ball()
    layers, pose = split_layers(photo, matte, pose_of(), cell_px=4)
    alpha = {layer.name: layer.alpha_HW for layer in layers}
    found = figure_of(photo, matte, pose)
    assert not lends(found, LEFT_ARM, torch.maximum(alpha["left_arm"], alpha["left_held"]), for_none=True)
    assert lends(found, RIGHT_ARM, alpha["right_arm"], for_none=False)
    # Nor does one that somebody stands before.
    wrist = pixel(joint("right_wrist"))[0]
    for hidden in (slice(wrist - 30, wrist - 10), slice(wrist - 10, None)):
        half = alpha["right_arm"].clone()
        half[hidden] = 0
        assert not lends(found, RIGHT_ARM, half, for_none=True)


def test_an_arm_parted_from_the_trunk_lends_only_where_there_is_no_other() -> None:
    photo, matte = figure()
    found = figure_of(photo, matte, pose_of())
    arm = 1 - smoothstep(0.9, 1.0, chain_distance(found.points, pose_of(), LEFT_ARM))
    row = found.points[..., 1] > float(joint("left_elbow")[1])
    beside = replace(found, matte_HW=torch.maximum(matte, row.float()))
    assert 0.2 < free_share(arm, beside.matte_HW) < 0.4
    assert lends(beside, LEFT_ARM, arm, for_none=True)
    assert not lends(beside, LEFT_ARM, arm, for_none=False)


def test_an_arm_that_is_not_sure_itself_lends_nothing() -> None:
    pose = pose_of()
    pose.trust_BJ[0, LEFT_FOREARM] = 0.1
    pose.trust_BJ[0, RIGHT_FOREARM] = 0.3
    layers, _ = split_layers(*figure(), pose, cell_px=4)
    assert all(layer.places_V2 is None for layer in layers)


def test_with_both_arms_unseen_there_are_none() -> None:
    pose = pose_of()
    pose.trust_BJ[:, [LEFT_UPPER_ARM, RIGHT_ARM[0]]] = 0
    layers, _ = split_layers(*figure(), pose, cell_px=4)
    assert not any("arm" in layer.name for layer in layers)


def test_outlines_are_free_before_the_background_and_not_before_the_trunk() -> None:
    matte, patch = torch.zeros(40, 40), torch.zeros(40, 40)
    matte[:, :20] = 1
    patch[10:30, 5:12] = 1
    assert free_share(patch, matte) == 0
    assert free_share(patch, patch) == 1
    patch[10:30, 5:20] = 1
    assert 0.2 < free_share(patch, matte) < 0.5
    assert free_share(torch.zeros(40, 40), matte) == 0


def test_the_arm_in_the_shade_stays_in_the_shade() -> None:
    photo, matte = figure()
    shaded = photo.clone()
    shaded[:, :, int(joint("nose")[0]) :] *= 0.8
    assert light_ratio(figure_of(shaded, matte, pose_of()), LEFT_ARM, RIGHT_ARM) == pytest.approx(0.8, abs=0.03)
    assert light_ratio(figure_of(shaded, matte, pose_of()), RIGHT_ARM, LEFT_ARM) == pytest.approx(1.25, abs=0.05)
    unseen = pose_of()
    unseen.trust_BJ[0, LEFT_UPPER_ARM] = 0
    assert light_ratio(figure_of(shaded, matte, unseen), LEFT_ARM, RIGHT_ARM) == 1


def test_a_mirror_image_hangs_on_its_own_shoulder_and_turns_with_the_spine() -> None:
    leaning = STANDING @ np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]], dtype=np.float32)
    pose = pose_of(leaning)
    lent = with_lent_bones(pose, LEFT_ARM, RIGHT_ARM)
    # The standing figure is symmetric: its own bones are where the mirror image of the others lies.
    torch.testing.assert_close(lent.start_BJ2, pose.start_BJ2, atol=0.05, rtol=0)
    torch.testing.assert_close(lent.end_BJ2, pose.end_BJ2, atol=0.05, rtol=0)
    shoulder = mirror_image(pose.start_BJ2[0, [RIGHT_ARM[0]]], pose, LEFT_ARM, RIGHT_ARM)
    torch.testing.assert_close(shoulder[0], pose.start_BJ2[0, LEFT_UPPER_ARM])
