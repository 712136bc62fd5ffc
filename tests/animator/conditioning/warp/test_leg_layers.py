"""Legs as pictures of their own; a shin that the photo does not show is the mirror image of the other."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp import PhotoWarp
from animator.conditioning.warp.layers import split_layers
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import STANDING, Picture, figure, in_a_skirt, joint, pixel, pose_of

FOOT = ("ankle", "heel", "foot_index")


def _lifted(side: str) -> np.ndarray:
    """Keypoints [33, 2] of the figure with one shin held out behind: the foot shows right below its knee."""
    keypoints = STANDING.copy()
    knee, ankle = joint(f"{side}_knee"), joint(f"{side}_ankle")
    for name in FOOT:
        keypoints[BLAZEPOSE_33.index(f"{side}_{name}")] -= 0.85 * (ankle - knee)
    return keypoints


def _on_shin(side: str, share: float) -> tuple[int, int]:
    """The pixel of the standing figure at `share` of the way from knee to ankle."""
    knee, ankle = joint(f"{side}_knee"), joint(f"{side}_ankle")
    return pixel(knee + share * (ankle - knee))


def _lifted_in_a_skirt(side: str) -> Picture:
    """As `_lifted`, in the skirt."""
    photo, matte = figure(_lifted(side))
    clothed, opaque = in_a_skirt()
    above = torch.arange(matte.shape[0])[:, None] < float(joint("left_knee")[1]) - 6
    return torch.where(above, clothed, photo), torch.where(above, opaque, matte)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("skirt", [False, True])
def test_a_leg_that_the_photo_shows_without_its_shin_stands_on_the_others(side: str, skirt: bool) -> None:
    lifted = _lifted(side)
    photo, matte = _lifted_in_a_skirt(side) if skirt else figure(lifted)
    warp = PhotoWarp(photo, matte, torch.from_numpy(lifted), torch.ones(33), cell_px=4)
    warped = warp(torch.from_numpy(STANDING)[None], torch.ones(1, 33))
    other = "right" if side == "left" else "left"
    for share in (0.3, 0.6, 0.9):
        row, column = _on_shin(side, share)
        assert warped.coverage_BHW[0, row, column] > 0.95
        shown = photo[:, _on_shin(other, share)[0], _on_shin(other, share)[1]]
        assert (warped.colors_B3HW[0, :, row, column] - shown).abs().max() < 0.1


def test_the_thigh_above_a_lent_shin_is_the_photos_own() -> None:
    lifted = _lifted("left")
    layers = {layer.name: layer for layer in split_layers(*figure(lifted), pose_of(lifted), cell_px=4)[0]}
    thigh = pixel(0.3 * joint("left_hip") + 0.7 * joint("left_knee"))
    assert layers["left_leg"].places_V2 is None
    assert layers["left_leg"].alpha_HW[thigh] > 0.95
    assert layers["left_lower_leg"].places_V2 is not None


def test_what_is_seen_of_the_foot_is_not_drawn_beside_the_lent_one() -> None:
    lifted = _lifted("left")
    foot = pixel(lifted[BLAZEPOSE_33.index("left_foot_index")])
    layers, _ = split_layers(*figure(lifted), pose_of(lifted), cell_px=4)
    assert figure(lifted)[1][foot] > 0.5
    assert all(layer.alpha_HW[foot] < 0.05 for layer in layers if layer.places_V2 is None)


def test_legs_seen_alike_lend_nothing() -> None:
    layers, pose = split_layers(*figure(), pose_of(), cell_px=4)
    assert [layer.name for layer in layers if layer.name.endswith("leg")] == ["left_leg", "right_leg"]
    assert torch.equal(pose.start_BJ2, pose_of().start_BJ2)


def test_a_leg_that_goes_on_beyond_the_photo_lends_no_shin() -> None:
    lifted = _lifted("left")
    photo, matte = figure(lifted)
    cut = int(joint("right_knee")[1]) + 12
    layers, _ = split_layers(photo[:, :cut], matte[:cut], pose_of(lifted), cell_px=4)
    assert all(layer.places_V2 is None for layer in layers)


def test_between_legs_astride_trousers_end_at_an_edge() -> None:
    """In the photo the legs stand together, and their cloth meets."""
    middle = float(joint("left_hip")[0] + joint("right_hip")[0]) / 2
    together, astride = STANDING.copy(), STANDING.copy()
    for side in ("left", "right"):
        outwards = np.sign(joint(f"{side}_hip")[0] - middle)
        for part, aside, by in (("knee", 7, 14), ("ankle", 7, 28), ("heel", 7, 28), ("foot_index", 10, 28)):
            index = BLAZEPOSE_33.index(f"{side}_{part}")
            together[index, 0] = middle + outwards * aside
            astride[index, 0] = together[index, 0] + outwards * by
    photo, matte = figure(together)
    top, end, x = int(joint("left_hip")[1]), int(joint("left_ankle")[1]) - 20, int(middle)
    photo[:, top:end, x - 8 : x + 9] = photo[:, top + 30, x + 7].clone()[:, None, None]
    matte[top:end, x - 8 : x + 9] = 1
    warp = PhotoWarp(photo, matte, torch.from_numpy(together), torch.ones(33))
    coverage = warp(torch.from_numpy(astride)[None], torch.ones(1, 33)).coverage_BHW[0, top : top + 40, x]
    assert float(coverage[0]) > 0.9
    assert float(coverage[-1]) < 0.1
    assert int(((coverage > 0.1) & (coverage < 0.9)).sum()) <= 3
