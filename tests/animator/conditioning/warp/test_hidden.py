"""What arms hide is made up where a body must go on, and nowhere else."""

from dataclasses import replace

import torch

from animator.conditioning.warp.figure import Figure, figure_of
from animator.conditioning.warp.hidden import behind_arms
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import STANDING, figure, joint, pixel, pose_of


def _figure_with(patch: tuple[slice, slice]) -> Figure:
    """The figure in trousers, more of somebody at `patch`, where the outline of the body is said to reach."""
    photo, matte = figure()
    found = figure_of(photo, matte, pose_of())
    more = torch.zeros_like(matte)
    more[patch] = 1
    return replace(found, matte_HW=torch.maximum(matte, more), hull=torch.maximum(found.hull, more))


def _beside(name: str, *, apart: int, width: int, height: int) -> tuple[slice, slice]:
    """A patch to the right of the figure's outline at a joint's height, so many px apart from it."""
    row, column = pixel(joint(name))
    _, matte = figure()
    edge = int((matte[row, column:] > 0.5).long().argmin()) + column
    return slice(row - height // 2, row + height - height // 2), slice(edge + apart, edge + apart + width)


def _covering(found: Figure, patch: tuple[slice, slice]) -> torch.Tensor:
    arms = torch.zeros_like(found.matte_HW)
    arms[patch] = 1
    return arms


def test_there_is_no_body_behind_a_hand_with_background_around_it() -> None:
    patch = _beside("left_knee", apart=6, width=10, height=10)
    found = _figure_with(patch)
    assert float(behind_arms(found, _covering(found, patch)).alpha_HW[patch].max()) == 0


def test_the_body_goes_on_behind_a_hand_that_lies_on_it() -> None:
    patch = _beside("left_knee", apart=-1, width=10, height=10)
    found = _figure_with(patch)
    assert float(behind_arms(found, _covering(found, patch)).alpha_HW[patch].min()) > 0.9


def test_a_neck_behind_a_hand_has_the_colour_of_the_face() -> None:
    """Behind a hand at the chin there was no neck, and then one of the shirt's cloth."""
    photo, matte = figure()
    found = figure_of(photo, matte, pose_of())
    neck = (joint("left_shoulder") + joint("right_shoulder")) / 2
    row, column = pixel(0.45 * joint("nose") + 0.55 * neck)
    patch = (slice(row - 5, row + 5), slice(column - 14, column + 14))
    hand = _covering(found, patch)
    more = torch.maximum(matte, hand)
    colors = photo.clone()
    colors[:, patch[0], patch[1]] = torch.tensor([0.3, 0.25, 0.2])[:, None, None]
    filled = behind_arms(replace(found, matte_HW=more, colors_3HW=colors), hand)
    assert float(filled.alpha_HW[row, column]) > 0.9
    face = photo[:, pixel(joint("nose"))[0], pixel(joint("nose"))[1]]
    assert float((filled.colors_3HW[:, row, column] - face).abs().max()) < 0.1
    assert float(filled.alpha_HW[row, column + 12]) < 0.1


def test_a_scrap_of_sleeve_that_sticks_out_of_the_body_goes_with_the_arm() -> None:
    photo, matte = figure()
    found = figure_of(photo, matte, pose_of())
    height = max(2, int(0.06 * found.size))
    scrap = _beside("left_knee", apart=0, width=8, height=height)
    arm = (slice(scrap[0].start - 10, scrap[0].stop + 10), slice(scrap[1].stop, scrap[1].stop + 8))
    opaque = found.matte_HW.clone()
    opaque[scrap] = opaque[arm] = 1
    found = replace(found, matte_HW=opaque)
    assert float(behind_arms(found, _covering(found, arm)).alpha_HW[scrap][:, 3:].max()) < 0.1


def _belly() -> tuple[int, int]:
    middle = (joint("left_shoulder") + joint("right_shoulder") + joint("left_hip") + joint("right_hip")) / 4
    return pixel(middle)


def _shirt_and_filled(found: Figure, arm: tuple[slice, slice], asked: tuple[slice, slice]) -> float:
    """How far what is filled in is from the shirt at most."""
    row, column = _belly()
    shirt = found.colors_3HW[:, row - 22 : row - 18, column - 2 : column + 2].mean((1, 2))
    behind = behind_arms(found, _covering(found, arm))
    return float((behind.colors_3HW[(slice(None), *asked)] - shirt[:, None, None]).norm(dim=0).max())


def test_a_badge_beside_an_arm_is_not_carried_on_behind_it() -> None:
    photo, matte = figure()
    row, column = _belly()
    photo[:, row - 30 : row + 26, column - 14 : column + 14] = torch.tensor([0.2, 0.4, 0.7])[:, None, None]
    arm = (slice(row - 6, row + 6), slice(column - 14, column))
    photo[(slice(None), *arm)] = 0.5
    photo[:, row - 4 : row + 4, column + 1 : column + 9] = 1.0
    found = figure_of(photo, matte, pose_of())
    assert _shirt_and_filled(found, arm, (arm[0], slice(column - 12, column - 4))) < 0.1


def test_fingers_left_of_a_hand_before_the_trunk_go_with_it() -> None:
    photo, matte = figure()
    row, column = _belly()
    keypoints = STANDING.copy()
    for name, aside in (("wrist", -10), ("index", 0), ("pinky", 0), ("thumb", 0)):
        keypoints[BLAZEPOSE_33.index(f"right_{name}")] = column + aside, row
    photo[:, row - 30 : row + 26, column - 14 : column + 14] = torch.tensor([0.2, 0.4, 0.7])[:, None, None]
    skin = (slice(row - 4, row + 4), slice(column - 12, column + 8))
    photo[(slice(None), *skin)] = torch.tensor([0.8, 0.6, 0.5])[:, None, None]
    found = figure_of(photo, matte, pose_of(keypoints))
    hand, fingers = (skin[0], slice(column - 12, column + 2)), (skin[0], slice(column + 3, column + 8))
    assert _shirt_and_filled(found, hand, fingers) < 0.1


def test_the_rim_of_a_cuff_is_no_cloth_though_the_blouse_is_as_white() -> None:
    """White specks stayed on a dark belt where a white cuff had lain."""
    photo, matte = figure()
    row, column = _belly()
    photo[:, row - 30 : row - 8, column - 14 : column + 14] = 1.0
    photo[:, row - 8 : row + 26, column - 14 : column + 14] = torch.tensor([0.1, 0.1, 0.2])[:, None, None]
    arm = (slice(row - 4, row + 6), slice(column - 14, column))
    photo[(slice(None), *arm)] = torch.tensor([0.8, 0.6, 0.5])[:, None, None]
    photo[:, row + 1, column - 14 : column] = 1.0
    found = figure_of(photo, matte, pose_of())
    asked = (slice(None), slice(row, row + 3), slice(column - 11, column - 4))
    assert float(behind_arms(found, _covering(found, arm)).colors_3HW[asked].max()) < 0.3


def test_cloth_between_the_legs_goes_on_behind_a_hand_before_it() -> None:
    """Of a long skirt whose hem the photo does not show, only what lay before the legs was cloth."""
    photo, matte = figure()
    apart = STANDING.copy()
    for name in ("knee", "ankle", "heel", "foot_index"):
        apart[BLAZEPOSE_33.index(f"left_{name}"), 0] += 14
    (row, left), right = pixel(joint("right_knee")), pixel(joint("left_knee"))[1] + 14
    skirt, middle = (slice(row - 40, row + 60), slice(left - 8, right + 8)), (left + right) // 2
    matte[skirt] = 1
    found = replace(figure_of(photo, matte, pose_of(apart)), hem=None)
    stripe = (found.hull < 0.5) & (found.matte_HW > 0.5)
    colors = torch.where(stripe, 0.9, torch.tensor([0.2, 0.4, 0.7])[:, None, None])
    hand = (slice(row, row + 12), slice(middle - 4, middle + 4))
    assert bool(stripe[hand].all())
    colors[(slice(None), *hand)] = torch.tensor([0.8, 0.6, 0.5])[:, None, None]
    filled = behind_arms(replace(found, colors_3HW=colors, drawn_3HW=colors), _covering(found, hand)).colors_3HW
    assert float((filled[:, row + 3 : row + 9, middle - 2 : middle + 2] - 0.9).abs().max()) < 0.1


def _in_shade(tint: tuple[float, float, float]) -> tuple[Figure, tuple[slice, slice], slice]:
    """A blue shirt with an arm before it and, right of the arm, three columns of another tint; these, too."""
    photo, matte = figure()
    row, column = _belly()
    photo[:, row - 30 : row + 26, column - 14 : column + 14] = torch.tensor([0.3, 0.5, 0.8])[:, None, None]
    arm = (slice(row - 12, row + 12), slice(column - 10, column - 2))
    photo[(slice(None), *arm)] = torch.tensor([0.8, 0.6, 0.5])[:, None, None]
    beside = slice(column - 2, column + 1)
    photo[:, arm[0], beside] = torch.tensor(tint)[:, None, None]
    return figure_of(photo, matte, pose_of()), arm, beside


def test_the_shade_of_an_arm_goes_with_the_arm_and_is_not_carried_on_behind_it() -> None:
    """Jeans went on behind an arm as dark as the strip in its shade."""
    found, arm, beside = _in_shade((0.21, 0.35, 0.56))
    rows = slice(arm[0].start + 6, arm[0].stop - 6)
    assert _shirt_and_filled(found, arm, (rows, slice(arm[1].start + 4, arm[1].stop))) < 0.05
    assert _shirt_and_filled(found, arm, (rows, slice(beside.start, beside.start + 2))) < 0.1


def test_another_cloth_beside_an_arm_is_no_shade_and_stays() -> None:
    found, arm, beside = _in_shade((0.5, 0.2, 0.3))
    braces = (slice(None), slice(arm[0].start + 6, arm[0].stop - 6), slice(beside.stop - 2, beside.stop))
    assert torch.equal(behind_arms(found, _covering(found, arm)).colors_3HW[braces], found.colors_3HW[braces])
