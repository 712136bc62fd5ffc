"""Behind a hand the sides of a trunk run from where they are seen above it to where they are seen below."""

from dataclasses import replace

import pytest
import torch

from animator.conditioning.warp.anatomy import chain_distance, smoothstep, trunk_place
from animator.conditioning.warp.bones import LEFT_ARM, RIGHT_ARM
from animator.conditioning.warp.cutout import widened
from animator.conditioning.warp.figure import Figure, figure_of
from animator.conditioning.warp.hidden import behind_arms
from animator.conditioning.warp.outline import inside_outline
from tests.animator.conditioning.warp.dressed import SIZE, figure, pose_of, squatting
from tests.animator.figure import draw_figure


def _slim(waist: float) -> tuple[Figure, torch.Tensor, torch.Tensor]:
    """(somebody of that half width, place, across): a trunk alone, narrower than joints tell."""
    photo, matte = figure()
    found = figure_of(photo, matte, pose_of())
    place, across = trunk_place(found.points, found.pose)
    trunk = (across.abs() < waist) & (place > -0.25) & (place < 1)
    return replace(found, matte_HW=trunk.float(), hem=None), place, across


def _hand(place: torch.Tensor, across: torch.Tensor, *, low: float, high: float) -> torch.Tensor:
    """A hand at the left side, from the trunk's middle out into the open."""
    return ((place > low) & (place < high) & (across > 0.3) & (across < 1.4)).float()


@pytest.mark.parametrize("waist", [0.6, 0.8, 1.2])
def test_behind_a_hand_on_the_hip_a_trunk_is_as_wide_as_above_and_below_it(waist: float) -> None:
    found, place, across = _slim(waist)
    hand = _hand(place, across, low=0.2, high=0.4)
    found = replace(found, matte_HW=torch.maximum(found.matte_HW, hand))
    alpha = behind_arms(found, hand).alpha_HW
    rows = (place > 0.24) & (place < 0.36) & (across > 0.3)
    assert float(alpha[rows & (across < waist - 0.12)].min()) > 0.9
    assert float(alpha[rows & (across > waist + 0.12)].max()) < 0.1


def _in_shorts(half: float) -> tuple[Figure, torch.Tensor, torch.Tensor]:
    """As `_slim`, in shorts as wide as the trunk, down to the thighs' middle."""
    found, place, across = _slim(half)
    both = (across.abs() < half) & (place > -0.75) & (place < 1)
    return replace(found, matte_HW=both.float()), place, across


def test_a_forearm_that_hangs_before_the_hip_leaves_no_bulge_there() -> None:
    found, place, across = _in_shorts(0.8)
    forearm = _hand(place, across, low=-0.35, high=0.25)
    found = replace(found, matte_HW=torch.maximum(found.matte_HW, forearm), hull=(across.abs() < 1.3).float())
    alpha = behind_arms(found, forearm).alpha_HW
    rows = (place > -0.3) & (place < 0.2) & (across > 0.3)
    assert float(alpha[rows & (across > 0.92)].max()) < 0.1
    assert float(alpha[rows & (across < 0.68)].min()) > 0.9


def test_behind_a_sleeve_as_long_as_the_trunk_its_side_runs_to_wider_hips() -> None:
    """Hands in pockets, a wide pullover: raised arms left a trunk that was slimmer than the trousers by a step."""
    found, place, across = _in_shorts(0.8)
    hips = (across.abs() < 1.4) & (place > -0.75) & (place < -0.1)
    sleeve = _hand(place, across, low=-0.1, high=1.0)
    found = replace(found, matte_HW=torch.maximum(torch.maximum(found.matte_HW, hips.float()), sleeve))
    alpha = behind_arms(replace(found, hull=(across.abs() < 1).float()), sleeve).alpha_HW
    beside = (across > 1.05) & (across < 1.2) & (sleeve > 0)
    assert float(alpha[beside & (place > -0.1) & (place < 0.05)].min()) > 0.9
    assert float(alpha[beside & (across > 1.1) & (place > 0.45)].max()) < 0.1


def test_a_flared_skirt_goes_on_straight_behind_a_hand_below_a_gap() -> None:
    """A step was left in the hem's line where a hand had hung before it."""
    found, place, across = _slim(0.8)
    edge = 0.8 - 0.7 * place.clamp_max(0.0)
    skirt = (across.abs() < edge) & (place > -0.75) & (place < 1)
    forearm = (place > -0.15) & (place < 0.5) & (across > edge + 0.15) & (across < edge + 0.5)
    hand = (place > -0.45) & (place <= -0.15) & (across > edge - 0.5) & (across < edge + 0.5)
    arm = (forearm | hand).float()
    narrow = (across.abs() < 0.8).float()
    found = replace(found, matte_HW=torch.maximum(skirt.float(), arm), hull=narrow, hem=1.5)
    alpha = behind_arms(found, arm).alpha_HW
    rows = (place > -0.42) & (place < -0.18) & (across > 0.3)
    assert float(alpha[rows & (across < edge - 0.08)].min()) > 0.9
    assert float(alpha[rows & (across > edge + 0.15)].max()) < 0.1


def test_a_scrap_of_a_sleeve_beside_a_skirt_is_no_side_of_it() -> None:
    """Open ground between it and the arm made a spur of it."""
    found, place, across = _slim(0.8)
    rows = (place > 0.06) & (place < 0.12)
    scrap, ground = rows & (across > 0.3) & (across < 1.2), rows & (across >= 1.2) & (across < 1.3)
    arm = _hand(place, across, low=0.0, high=1.1) * ~(scrap | ground)
    found = replace(found, matte_HW=torch.maximum(found.matte_HW, torch.maximum(arm, scrap.float())), hem=1.5)
    inside, told = inside_outline(found, found.matte_HW * (1 - arm), widened(arm, 3))
    assert not bool((told & (inside > 0.1) & (place > 0) & (place < 0.5) & (across > 0.95)).any())


def test_a_hand_between_the_legs_leaves_the_ground_there_open() -> None:
    found, place, across = _in_shorts(1.0)
    hand = ((place > -0.6) & (place < -0.35) & (across.abs() < 0.2)).float()
    found = replace(found, hull=found.matte_HW * (1 - hand))
    alpha = behind_arms(found, hand).alpha_HW
    assert float(alpha[(place > -0.57) & (place < -0.38) & (across.abs() < 0.1)].max()) < 0.1


def test_a_side_that_is_nowhere_seen_tells_nothing() -> None:
    found, place, across = _slim(0.7)
    hand = _hand(place, across, low=-0.3, high=1.1)
    _, told = inside_outline(found, found.matte_HW * (1 - hand), widened(hand, 3))
    assert not bool((told & (across > 0.1)).any())
    assert bool((told & (across < -0.1)).any())


def test_a_knee_beside_the_hips_is_no_side_of_the_trunk():
    """Behind a folded arm a trunk went on out to the knee of a woman who squats."""
    keypoints = squatting(down=0.1)
    photo, matte = draw_figure(keypoints, SIZE)
    found = figure_of(
        torch.from_numpy(photo.copy()).permute(2, 0, 1) / 255, torch.from_numpy(matte), pose_of(keypoints)
    )
    place, across = trunk_place(found.points, found.pose)
    arms = torch.minimum(*(chain_distance(found.points, found.pose, bones) for bones in (LEFT_ARM, RIGHT_ARM))) < 1.5
    arms = torch.maximum(arms.float(), _hand(place, across, low=0.0, high=0.25))
    inside, told = inside_outline(found, found.matte_HW * (1 - arms), widened(arms, 3))
    rows = (place > 0.05) & (place < 0.2) & (across > 1.15)
    assert not bool((told & (inside > 0.1) & rows).any())


def test_an_arm_as_long_as_the_trunk_is_not_bridged() -> None:
    found, place, across = _slim(0.7)
    hand = _hand(place, across, low=0.1, high=0.8)
    _, told = inside_outline(found, found.matte_HW * (1 - hand), widened(hand, 3))
    assert not bool((told & (across > 0.1) & (place > 0.2) & (place < 0.7)).any())


def test_a_belt_goes_on_behind_a_hand() -> None:
    found, place, across = _slim(0.9)
    cloth = smoothstep(0.29, 0.31, place)
    shirt, trousers = torch.tensor([0.8, 0.8, 0.9]), torch.tensor([0.1, 0.1, 0.3])
    colors = torch.lerp(trousers[:, None, None], shirt[:, None, None], cloth)
    hand = _hand(place, across, low=0.1, high=0.5)
    photo = torch.lerp(colors, torch.tensor([0.9, 0.6, 0.5])[:, None, None], hand)
    found = replace(found, colors_3HW=photo, matte_HW=torch.maximum(found.matte_HW, hand))
    filled = behind_arms(found, hand).colors_3HW
    inside = (hand > 0) & (across < 0.8) & ((place - 0.3).abs() > 0.06) & (across > 0.4)
    assert float((filled - colors)[:, inside].abs().max()) < 0.15
