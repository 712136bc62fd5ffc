"""Pixels of the photo, fetched between its pixels, are as sharp as it and no one else's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp.texture import TEXELS, Texture

SIZE = 48


def woven(wave_px: float) -> torch.Tensor:
    """[3, H, W]: stripes aslant, one every so many px."""
    y, x = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="ij")
    return (0.5 + 0.4 * torch.cos((x + 0.4 * y) * (2 * np.pi / wave_px))).expand(3, -1, -1)


def everywhere(picture: torch.Tensor) -> Texture:
    return Texture.of(picture, torch.tensor([[0.0, 0.0], [SIZE, SIZE]]))


def centres(shift: float = 0.0) -> torch.Tensor:
    """[N, 2]: the middles of the pixels of the inner part, moved aside."""
    y, x = torch.meshgrid(torch.arange(12, 36) + 0.5, torch.arange(12, 36) + 0.5, indexing="ij")
    return torch.stack([x + shift, y], -1).view(-1, 2)


@pytest.mark.parametrize("wave_px", [2.6, 3.0, 4.0])
def test_a_weave_that_moves_by_half_a_pixel_keeps_its_contrast(wave_px: float) -> None:
    picture = woven(wave_px)
    fetched = everywhere(picture).fetch(centres(0.5))
    alone = F.grid_sample(
        picture[None], (centres(0.5) * (2 / SIZE) - 1)[None, None], mode="bicubic", align_corners=False
    )
    contrast, bicubic, true = (float(each.std()) for each in (fetched, alone, picture))
    assert contrast > bicubic
    assert contrast == pytest.approx(true, rel=0.3 if wave_px < 3 else 0.12)


def test_where_nothing_moves_the_photo_is_shown() -> None:
    picture = woven(5.0)
    fetched = everywhere(picture).fetch(centres())
    assert torch.allclose(fetched.view(3, 24, 24), picture[:, 12:36, 12:36], atol=0.02)


@settings(max_examples=40, deadline=None)
@given(st.floats(-30, 80), st.floats(-30, 80), st.floats(0, 40), st.floats(0, 40))
def test_a_part_shows_what_the_whole_shows_there(left: float, top: float, wide: float, high: float) -> None:
    picture = torch.cat([woven(3.5), woven(7.0)[:2]])
    corners = torch.tensor([[left, top], [left + wide, top + high]])
    part = Texture.of(picture, corners)
    points = torch.rand(50, 2, generator=torch.Generator().manual_seed(1)) * (corners[1] - corners[0]) + corners[0]
    inside = ((points > 3) & (points < SIZE - 3)).all(-1)
    whole = everywhere(picture).fetch(points)
    assert torch.allclose(part.fetch(points)[:, inside], whole[:, inside], atol=0.01)
    assert part.fetch(points).isfinite().all()
    # No more is kept than is shown.
    assert part.texels_CHW.shape[2] <= max(1, min(wide + 16, SIZE)) * TEXELS


def test_beyond_the_photo_there_is_nothing() -> None:
    texture = everywhere(torch.ones(3, SIZE, SIZE))
    beyond = torch.tensor([[-2.0, 10.0], [10.0, SIZE + 2.0], [SIZE + 9.0, SIZE + 9.0]])
    assert not texture.fetch(beyond).any()


def test_hard_edges_stay_within_what_colours_can_be_and_what_is_opaque_stays_so() -> None:
    picture = torch.zeros(5, SIZE, SIZE)
    picture[:, :, SIZE // 2 :] = 1
    fetched = everywhere(picture).fetch(centres(0.3))
    assert float(fetched.min()) >= 0
    assert float(fetched.max()) <= 1
    far = centres(0.3)[:, 0] > SIZE // 2 + 1
    assert float(fetched[3:, far].min()) > 0.96
