"""The photo taken apart: which layers there are, what they hold, how they hang on the bones."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp import PhotoWarp
from animator.conditioning.warp.anatomy import chain_distance, pixel_centers, segment
from animator.conditioning.warp.bones import LEFT_ARM
from animator.conditioning.warp.hidden import between
from animator.conditioning.warp.layer import SOLID
from animator.conditioning.warp.layers import split_layers
from animator.conditioning.warp.skinning import bone_motion
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import (
    CLOTH,
    JACKET,
    STANDING,
    arm_across,
    figure,
    in_a_jacket,
    in_a_skirt,
    in_a_wide_blouse,
    joint,
    pixel,
    pose_of,
    with_a_ball,
)


def _layers(photo, matte, pose=None):
    layers, _ = split_layers(photo, matte, pose or pose_of(), cell_px=4)
    return {layer.name: layer for layer in layers}


@pytest.fixture(scope="module")
def trousers():
    return _layers(*figure())


@pytest.fixture(scope="module")
def skirt():
    return _layers(*in_a_skirt())


def test_a_whole_figure_comes_apart_into_body_arms_and_legs(trousers):
    assert list(trousers) == ["body", "left_arm", "right_arm", "left_leg", "right_leg"]


def test_layers_together_cover_what_the_matte_covers(trousers):
    _, matte = figure()
    covered = torch.stack([layer.alpha_HW for layer in trousers.values()]).amax(0)
    assert float(covered[matte > 0.99].min()) > 0.5
    assert float(covered[matte == 0].max()) == 0


def test_hands_are_on_the_arms_and_not_on_the_body(trousers):
    hand = pixel((joint("left_wrist") + joint("left_index")) / 2)
    assert trousers["left_arm"].alpha_HW[hand] > 0.95
    assert trousers["body"].alpha_HW[hand] == 0


def test_trousers_move_with_the_legs_before_the_body_and_a_skirt_hides_them(trousers, skirt):
    assert not any(layer.under_body for layer in trousers.values())
    assert {name for name, layer in skirt.items() if layer.under_body} == {"left_leg", "right_leg"}


def test_the_cloth_of_a_skirt_belongs_to_the_body_and_the_shins_to_the_legs(skirt):
    middle = (joint("left_hip") + joint("right_hip") + joint("left_knee") + joint("right_knee")) / 4
    shin = (joint("left_knee") + joint("left_ankle")) / 2
    assert skirt["body"].alpha_HW[pixel(middle)] > 0.95
    assert skirt["body"].alpha_HW[pixel(shin)] == 0
    assert skirt["left_leg"].alpha_HW[pixel(shin)] > 0.95


def test_the_photos_own_pose_moves_no_vertex(trousers, skirt):
    still = bone_motion(pose_of(), pose_of())
    for layer in (*trousers.values(), *skirt.values()):
        torch.testing.assert_close(layer.carry(still)[0], layer.mesh.vertices_V2, atol=1e-3, rtol=0)
        torch.testing.assert_close(torch.stack(layer.shares).sum(0), torch.ones(len(layer.depth_V)))


def test_what_an_arm_covered_is_marked_as_invented():
    keypoints = arm_across()
    photo, matte = figure(keypoints)
    body = _layers(photo, matte, pose_of(keypoints))["body"]
    wrist = pixel(keypoints[BLAZEPOSE_33.index("left_wrist")])
    assert body.invented_HW[wrist] > 0.9
    assert (body.colors_3HW[:, wrist[0], wrist[1]] - torch.tensor(CLOTH) / 255).abs().max() < 0.05
    assert body.invented_HW[pixel(joint("nose"))] == 0


def test_a_leg_goes_on_under_the_hand_before_it():
    keypoints = STANDING.copy()
    middle = joint("left_hip") + np.array([0, 20], dtype=np.float32)
    for name in ("wrist", "pinky", "index", "thumb"):
        offset = joint(f"left_{name}") - joint("left_wrist")
        keypoints[BLAZEPOSE_33.index(f"left_{name}")] = middle + offset * [0.2, 1]
    photo, matte = figure(keypoints)
    layers = _layers(photo, matte, pose_of(keypoints))
    hand = pixel(middle + np.array([0, 4]))
    assert layers["left_arm"].alpha_HW[hand] > 0.9
    leg = layers["left_leg"]
    assert leg.alpha_HW[hand] > 0.9
    assert leg.invented_HW[hand] > 0.9
    trousers = photo[:, hand[0], int(joint("right_hip")[0])]
    assert (leg.colors_3HW[:, hand[0], hand[1]] - trousers).abs().max() < 0.1


def _bent(degrees):
    """Keypoints [33, 2] of the standing pose with the left forearm turned about the elbow, from straight."""
    keypoints = STANDING.copy()
    elbow, turn = joint("left_elbow"), np.radians(degrees)
    along = (elbow - joint("left_shoulder")) / np.linalg.norm(elbow - joint("left_shoulder"))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], dtype=np.float32) @ along
    for name in ("wrist", "pinky", "index", "thumb"):
        reach = np.linalg.norm(joint(f"left_{name}") - elbow)
        keypoints[BLAZEPOSE_33.index(f"left_{name}")] = elbow + turned * reach
    return keypoints


@pytest.mark.parametrize("degrees", [-150, 150])
def test_a_sharply_bent_elbow_is_round_and_has_no_holes(degrees):
    photo, matte = figure()
    warp = PhotoWarp(photo, matte, torch.from_numpy(STANDING), torch.ones(33), cell_px=8)
    keypoints = _bent(degrees)
    coverage = warp(torch.from_numpy(keypoints)[None], torch.ones(1, 33)).coverage_BHW[0]
    points, elbow = pixel_centers(coverage), torch.from_numpy(joint("left_elbow"))
    bones = [(keypoints[BLAZEPOSE_33.index(f"left_{a}")], elbow) for a in ("shoulder", "wrist")]
    distance = torch.stack([segment(points, torch.from_numpy(a), b)[1] for a, b in bones]).amin(0)
    near = (points - elbow).norm(dim=-1) < 14
    # One pixel in the fold may be what is stretched too far to be drawn.
    assert int((coverage[near & (distance < 2.5)] < 0.9).sum()) <= 1
    assert float(coverage[near & (distance > 7)].max()) < 0.5


def test_where_a_limb_folds_what_is_farther_down_it_is_nearer(trousers):
    arm = trousers["left_arm"]
    _, bone, weight = arm.bindings[0]
    solid = arm.depth_V >= SOLID
    order = (bone + weight)[solid].argsort()
    assert bool((arm.depth_V[solid][order].diff() >= -1e-3).all())
    assert float(arm.depth_V[solid].min()) > float(arm.depth_V[~solid].max())


def test_cloth_that_hangs_before_an_arm_stays_with_the_body_and_the_arm_is_whole():
    photo, matte, ruffle = in_a_wide_blouse()
    layers = _layers(photo, matte)
    arm, body = layers["left_arm"], layers["body"]
    cloth = torch.tensor(CLOTH)[:, None, None] / 255
    before_arm = ruffle & (chain_distance(pixel_centers(matte), pose_of(), LEFT_ARM[:1]) < 0.8)
    assert float(arm.alpha_HW[before_arm].mean()) > 0.6
    assert float(arm.invented_HW[before_arm].mean()) > 0.2
    dragged_along = ((arm.colors_3HW - cloth).abs().amax(0) < 0.15) & (arm.alpha_HW > 0.5)
    assert int(dragged_along.sum()) < 0.6 * int(before_arm.sum())
    assert float(body.alpha_HW[ruffle].mean()) > 0.7


def test_an_outline_goes_on_behind_a_hand_and_not_into_the_open():
    cloth = torch.zeros(60, 60, dtype=torch.bool)
    for row in range(60):
        cloth[row, : 20 + row // 3] = True  # flares downwards
    whole = cloth.clone()
    cloth[25:35, 20:] = False  # a hand
    filled = cloth | between(cloth, reach=14).bool()
    notch, open_ground = whole & ~cloth, ~whole
    assert float(filled[notch].float().mean()) > 0.9
    assert float(filled[open_ground].float().mean()) < 0.02


def test_what_is_wider_than_a_hand_stays_open():
    cloth = torch.zeros(40, 80, dtype=torch.bool)
    cloth[:, :20] = cloth[:, 60:] = True
    assert not between(cloth, reach=15)[:, 30:50].any()


def test_the_front_of_an_open_jacket_does_not_go_with_the_sleeve():
    photo, matte = in_a_jacket()
    layers = _layers(photo, matte)
    for side in ("left", "right"):
        panel = pixel(joint(f"{side}_hip") + np.array([0, -12]))
        assert layers[f"{side}_arm"].alpha_HW[panel] < 0.05
        assert layers["body"].alpha_HW[panel] > 0.95
        sleeve = pixel((joint(f"{side}_shoulder") + joint(f"{side}_elbow")) / 2)
        assert layers[f"{side}_arm"].alpha_HW[sleeve] > 0.95


def test_what_a_sleeve_hid_of_its_jacket_has_the_jackets_colour_and_no_stripes():
    body = _layers(*in_a_jacket())["body"]
    made_up = (body.invented_HW > 0.5) & (body.alpha_HW > 0.5)
    assert int(made_up.sum()) > 50
    difference = (body.colors_3HW - torch.tensor(JACKET)[:, None, None] / 255).abs().amax(0)[made_up]
    assert float(difference.max()) < 0.15


def test_a_ball_goes_with_the_hand_that_holds_it_and_leaves_nothing_behind():
    photo, matte, ball = with_a_ball()
    layers = _layers(photo, matte)
    arm, body, leg = (layers[name] for name in ("left_arm", "body", "left_leg"))
    assert float(torch.maximum(arm.alpha_HW, layers["left_held"].alpha_HW)[ball].mean()) > 0.97
    assert float(layers["left_held"].alpha_HW[ball].mean()) > 0.9
    white = photo.amin(0) > 0.85
    for layer in (body, leg):
        remains = (layer.colors_3HW.amin(0) > 0.7) & (layer.alpha_HW > 0.2)
        assert int((remains & white & ball).sum()) == 0
