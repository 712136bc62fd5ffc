"""Parting a picture in two: short borders, along the picture's edges, and soft."""

import pytest
import torch

from animator.matting import (
    box_mean,
    colors_to_draw,
    foreground_colors,
    guided_filter,
    refine_matte,
    shortest_boundary,
    unmixed,
)


def _disc(radius, size=64):
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    return ((x - size / 2).square() + (y - size / 2).square()).sqrt() < radius


def _border_px(part):
    return sum(float((part > 0.5).float().diff(dim=axis).abs().sum()) for axis in (0, 1))


def test_noisy_evidence_gives_the_shape_with_a_smooth_border():
    torch.manual_seed(0)
    disc = _disc(20)
    odds = torch.where(disc, 1.0, -1.0) + 1.5 * torch.randn(64, 64)
    part = shortest_boundary(odds, torch.full((3, 64, 64), 0.5), length=2.0)
    assert float(((part > 0.5) == disc).float().mean()) > 0.97
    assert _border_px(part) < 1.1 * _border_px(disc)
    assert _border_px(torch.sigmoid(odds)) > 4 * _border_px(disc)


def test_where_evidence_is_silent_the_border_lies_on_the_pictures_edge():
    odds = torch.zeros(40, 60)
    odds[:, :10], odds[:, 50:] = 2.0, -2.0
    picture = torch.full((3, 40, 60), 0.2)
    picture[:, :, 37:] = 0.6
    part = shortest_boundary(odds, picture, length=2.0)
    assert float(part[:, :36].min()) > 0.9
    assert float(part[:, 38:].max()) < 0.1


def test_what_is_sure_keeps_its_side_and_thin_things_stay_where_they_are_sure():
    odds = torch.full((40, 40), -2.0)
    odds[:, 18:22] = 2.0
    picture = torch.full((3, 40, 40), 0.5)
    picture[:, :, 18:22] = 0.7
    part = shortest_boundary(odds, picture, length=1.5)
    assert float(part[4:-4, 19:21].min()) > 0.9
    assert float(part[:, :13].max()) < 0.1


def test_no_evidence_for_a_part_gives_none_of_it():
    part = shortest_boundary(torch.full((20, 30), -1.0), torch.rand(3, 20, 30), length=1.0)
    assert torch.equal(part, torch.zeros(20, 30))


def test_a_mean_over_squares_shrinks_at_the_border():
    values = torch.arange(20.0).reshape(1, 1, 4, 5)
    means = box_mean(values, 1)[0, 0]
    assert float(means[0, 0]) == float(values[0, 0, :2, :2].mean())
    torch.testing.assert_close(means[2, 3], values[0, 0, 1:4, 2:5].mean())


@pytest.mark.parametrize("middle", [(30, 45), (4, 86), (58, 3)], ids=["inside", "at a corner", "at another corner"])
def test_a_matte_is_refined_around_its_edge_as_it_would_be_on_the_whole_picture(middle: tuple[int, int]) -> None:
    picture = torch.rand(3, 60, 90, generator=torch.Generator().manual_seed(1))
    y, x = torch.meshgrid(torch.arange(60.0), torch.arange(90.0), indexing="ij")
    matte = ((14 - (y - middle[0]).hypot(x - middle[1])) / 6).clamp(0, 1)
    guided = guided_filter(picture, matte, radius=2, epsilon=1e-4)
    sure = ((matte - 0.5).abs() * 2 - 0.8).clamp_min(0) * 5
    assert torch.equal(refine_matte(picture, matte), ((torch.lerp(guided, matte, sure) - 0.15) / 0.7).clamp(0, 1))


def test_a_matte_that_is_sure_everywhere_stays() -> None:
    sure = torch.zeros(20, 30)
    sure[5:15, 5:15] = 1.0
    for matte in (sure, torch.zeros(20, 30), torch.ones(20, 30)):
        assert torch.equal(refine_matte(torch.rand(3, 20, 30), matte), matte)


def test_a_mixture_tells_its_shares_and_a_third_colour_that_it_is_none():
    person, behind = torch.tensor((0.8, 0.2, 0.1)), torch.tensor((0.1, 0.2, 0.9))
    third = torch.tensor((0.45, 1.0, 0.5))
    photo = torch.stack([behind, torch.lerp(behind, person, 0.3), person, third], -1)[:, None]
    share, off, apart = unmixed(photo, person[:, None, None], behind[:, None, None])
    torch.testing.assert_close(share[0, :3], torch.tensor((0.0, 0.3, 1.0)))
    torch.testing.assert_close(apart[0, 0], (person - behind).norm())
    assert float(off[0, :3].max()) < 1e-6
    assert float(off[0, 3]) > 0.7


def limb(rim: float, behind: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A skin-coloured limb 20 px wide, of which 1 px on each side has `rim` times its light, and its matte; 60 px."""
    across = torch.arange(60.0)
    from_side = torch.minimum(across - 20, 39 - across)
    light = torch.where(from_side < 1, rim, 1.0)
    color = torch.tensor([0.8, 0.6, 0.5])[:, None, None] * light
    matte = (from_side >= 0).float().expand(60, 60)
    return torch.where(matte > 0, color.expand(3, 60, 60), behind), matte


def test_a_rim_that_is_dark_by_the_limb_s_own_roundness_is_drawn_dark() -> None:
    photo, matte = limb(0.5, behind=0.9)
    drawn = colors_to_draw(photo, matte)
    torch.testing.assert_close(drawn[:, 30, 20:40], photo[:, 30, 20:40])
    assert float(foreground_colors(photo, matte)[0, 30, 20]) > 0.7


def test_a_rim_that_the_background_shines_into_is_drawn_without_it() -> None:
    photo, matte = limb(1.0, behind=0.1)
    photo[:, :, 20] = torch.lerp(photo[:, :, 30], photo[:, :, 5], 0.5)
    drawn = colors_to_draw(photo, matte)
    torch.testing.assert_close(drawn[:, 30, 20], photo[:, 30, 30], atol=0.02, rtol=0)


def test_where_everything_is_the_person_nothing_is_a_rim() -> None:
    photo = torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(colors_to_draw(photo, torch.ones(20, 20)), photo)


def test_a_rim_of_another_colour_than_limb_and_background_is_the_person_s_own() -> None:
    photo, matte = limb(1.0, behind=0.9)
    hem = torch.tensor([0.1, 0.2, 0.9])
    photo[:, :, 39] = hem[:, None]
    torch.testing.assert_close(colors_to_draw(photo, matte)[:, 30, 39], hem)
