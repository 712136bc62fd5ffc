from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from animator.background import fill_background, opacity_before
from animator.conditioning.inputs import subject_warp
from animator.subject import Subject
from tests.animator.generators.scene import drawn_subject

CANVAS = (128, 160)


def disc(radius: float) -> torch.Tensor:
    """[64, 64]: a soft disc."""
    y, x = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    return (radius + 0.5 - (y - 32).hypot(x - 32)).clamp(0, 1)


def plain(*color: float) -> torch.Tensor:
    return torch.tensor(color)[:, None, None].expand(3, 64, 64)


def blurred(matte: torch.Tensor, side: int) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(matte[None, None], side, 1, side // 2)[0, 0]


PERSON, WALL = plain(0.2, 0.1, 0.3), plain(0.9, 0.95, 0.9)


@pytest.mark.parametrize("radius", [18, 20, 21])
def test_a_vague_matte_is_put_right_by_the_colours(radius: int) -> None:
    true, soft = disc(20), blurred(disc(radius), 9)
    found = opacity_before(torch.lerp(WALL, PERSON, true), soft, WALL)
    assert float((found - true).abs().mean()) < 0.5 * float((soft - true).abs().mean())
    assert float(found[(true == 0) & (soft < 0.5)].max()) < 0.02


def test_what_the_matte_is_sure_of_stays() -> None:
    sure = (disc(22) > 0.5).float()
    assert torch.equal(opacity_before(torch.lerp(WALL, PERSON, disc(20)), sure, WALL), sure)


def test_colours_that_are_alike_tell_nothing() -> None:
    soft = blurred(disc(21), 5)
    photo = torch.lerp(WALL, plain(0.92, 0.93, 0.9), disc(20))
    assert torch.equal(opacity_before(photo, soft, WALL), soft)


def test_a_colour_like_neither_tells_nothing() -> None:
    soft = blurred(disc(20), 9)
    photo, rim = torch.lerp(WALL, PERSON, disc(20)), (soft > 0.02) & (soft < 0.7)
    before = opacity_before(photo, soft, WALL)
    photo[:, rim] = torch.tensor([0.1, 0.9, 0.0])[:, None]
    assert torch.equal(opacity_before(photo, soft, WALL)[rim], soft[rim])
    assert not torch.equal(before[rim], soft[rim])


def beside_a_disc(photo: torch.Tensor, *, near: float, far: float) -> torch.Tensor:
    """[3, N]: the pixels so far from the outline of a disc of radius 40 in the middle, 320 px."""
    y, x = torch.meshgrid(torch.arange(320) + 0.5, torch.arange(320) + 0.5, indexing="ij")
    away = (y - 160).hypot(x - 160) - 40
    return photo[:, (away > near) & (away < far)]


def before_a(wall: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A photo of a blue disc before the wall, in a soft orange glow of its own, and its matte; 320 px."""
    y, x = torch.meshgrid(torch.arange(320) + 0.5, torch.arange(320) + 0.5, indexing="ij")
    away = (y - 160).hypot(x - 160) - 40
    matte = (0.5 - away).clamp(0, 1)
    glow = 0.3 * (1 - away / 5).clamp(0, 1) * (away > 0)
    photo = torch.lerp(wall, torch.tensor([1.0, 0.5, 0.0])[:, None, None], glow)
    return torch.lerp(photo, torch.tensor([0.1, 0.1, 0.6])[:, None, None], matte), matte


def test_what_stands_beside_the_person_stays_to_the_bit() -> None:
    """Before a busy background nothing that is filled in is as right as what the photo shows."""
    wall = torch.rand(3, 320, 320, generator=torch.Generator().manual_seed(3))
    photo, matte = before_a(wall)
    filled = fill_background(photo, matte, torch.ones_like(matte, dtype=torch.bool))
    kept = (beside_a_disc(filled, near=5, far=9) == beside_a_disc(photo, near=5, far=9)).all(0)
    assert float(kept.float().mean()) > 0.95


def test_before_a_plain_wall_no_glow_of_the_person_is_left() -> None:
    wall = torch.full((3, 320, 320), 0.7)
    photo, matte = before_a(wall)
    filled = fill_background(photo, matte, torch.ones_like(matte, dtype=torch.bool))
    assert float((filled - wall).abs().max()) < 0.02


def test_no_speck_of_what_lay_in_the_crook_of_an_arm_is_left() -> None:
    """A few px of the gap's middle floated on the wall when the person had left."""
    y, x = torch.meshgrid(torch.arange(320) + 0.5, torch.arange(320) + 0.5, indexing="ij")
    from_middle = (y - 160).hypot(x - 160)
    matte = (40 - from_middle).clamp(0, 1) * (from_middle - 11).clamp(0, 1)
    wall = torch.full((3, 320, 320), 0.7)
    in_the_crook = torch.where(from_middle < 12, torch.tensor([0.4, 0.2, 0.1])[:, None, None], wall)
    photo = torch.lerp(in_the_crook, torch.tensor([0.1, 0.1, 0.6])[:, None, None], matte)
    filled = fill_background(photo, matte, torch.ones_like(matte, dtype=torch.bool))
    assert float((filled - wall).abs().max()) < 0.02


def test_the_dark_beside_a_shoe_goes_with_the_person() -> None:
    """On a calm ground, which is none of the plainest."""
    ground = 0.6 + 0.017 * torch.randn(3, 320, 320, generator=torch.Generator().manual_seed(3))
    photo, matte = before_a(ground)
    photo[:, 152:168, 203:206] *= 0.8
    photo[:, 158:162, 212:216] *= 0.78  # so dark a colour occurs beside it as well
    filled = fill_background(photo, matte, torch.ones_like(matte, dtype=torch.bool))
    assert float(filled[:, 154:166, 203:206].mean()) > 0.95 * float(ground.mean())


def test_a_colour_that_occurs_nowhere_else_is_the_person_s() -> None:
    """A white tip, 4 px beside the person, which the matte did not see, before grass."""
    grass = torch.rand(3, 320, 320, generator=torch.Generator().manual_seed(3)) * 0.4
    photo, matte = before_a(grass)
    photo[:, 156:163, 201:206] = 1.0
    filled = fill_background(photo, matte, torch.ones_like(matte, dtype=torch.bool))
    assert float(filled[:, 150:170, 195:215].max()) < 0.75


@pytest.mark.parametrize(("size", "middle"), [((64, 20), (20, 44)), ((20, 64), (16, 48))])
def test_the_picture_behind_fills_the_canvas_cropped_around_its_middle(
    size: tuple[int, int], middle: tuple[int, int]
) -> None:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    axis = int(size[0] > size[1])
    picture[(slice(None),) * axis + (slice(*middle),)] = (0, 255, 0)
    behind = drawn_subject(CANVAS).before(Image.fromarray(picture)).background_HWC
    assert behind.shape == (CANVAS[1], CANVAS[0], 3)
    assert (behind == (0, 255, 0)).all()


def test_a_haze_around_the_person_leaves_no_rim_of_the_old_background() -> None:
    """The figure stands before a light wall in a haze of matte: before black, that would be grey."""
    drawn = drawn_subject(CANVAS)
    wide = np.maximum(drawn.matte_HW, 0.4 * blurred(torch.from_numpy(drawn.matte_HW), 9).sqrt().numpy())
    careless = Subject(
        photo_HWC=drawn.photo_HWC,
        pose=drawn.pose,
        matte_HW=wide,
        background_HWC=drawn.background_HWC,
        placement=drawn.placement,
    )
    black = Image.new("RGB", CANVAS)
    beyond = wide * (drawn.matte_HW == 0)

    def rim(subject: Subject) -> float:
        pose = subject.pose
        points, sure = torch.from_numpy(pose.keypoints_TK2).float(), torch.from_numpy(pose.confidence_TK).float()
        warped = subject_warp(subject, torch.device("cpu"))(points, sure)
        shown = warped.over(torch.zeros(3, CANVAS[1], CANVAS[0]))[0].mean(0).numpy()
        return float((shown * beyond).sum() / beyond.sum())

    assert rim(careless.before(black)) < 0.35 * rim(careless)
