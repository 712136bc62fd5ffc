from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from animator.background import opacity_before
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


def test_a_matte_that_is_too_wide_is_put_right_by_the_colours() -> None:
    person, wall = plain(0.2, 0.1, 0.3), plain(0.9, 0.95, 0.9)
    true, soft = disc(20), torch.nn.functional.avg_pool2d(disc(21)[None, None], 5, 1, 2)[0, 0]
    photo = torch.lerp(wall, person, true)
    found = opacity_before(photo, soft, wall)
    outside = true == 0
    assert float(soft[outside].max()) > 0.5
    assert float(found[outside].max()) < 0.02
    assert float((found - true).abs().mean()) < 0.25 * float((soft - true).abs().mean())


def test_colours_that_are_alike_tell_nothing() -> None:
    soft = torch.nn.functional.avg_pool2d(disc(21)[None, None], 5, 1, 2)[0, 0]
    photo = torch.lerp(plain(0.9, 0.95, 0.9), plain(0.92, 0.93, 0.9), disc(20))
    assert torch.equal(opacity_before(photo, soft, plain(0.9, 0.95, 0.9)), soft)


def test_nothing_is_added_to_a_matte() -> None:
    photo = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    matte = torch.nn.functional.avg_pool2d(disc(16)[None, None], 9, 1, 4)[0, 0]
    assert bool((opacity_before(photo, matte, plain(0.5, 0.5, 0.5)) <= matte + 1e-6).all())


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


def test_a_wide_matte_leaves_no_rim_of_the_old_background() -> None:
    """The figure stands before a light wall, its matte is two px too wide: before black, the rim would be grey."""
    drawn = drawn_subject(CANVAS)
    wide = torch.nn.functional.max_pool2d(torch.from_numpy(drawn.matte_HW)[None], 5, 1, 2)
    wide = torch.nn.functional.avg_pool2d(wide, 3, 1, 1)[0].numpy()
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
