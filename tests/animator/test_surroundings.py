"""Beyond a photo's border its edge goes on, quietly."""

import pytest
import torch

from animator.background import fill_background
from animator.surroundings import continue_beyond


def _landscape(height: int = 160, width: int = 128) -> torch.Tensor:
    """Sky above a meadow, blades of grass in it, and a post that stands near the left border."""
    torch.manual_seed(3)
    picture = torch.tensor([0.6, 0.7, 0.9])[:, None, None].repeat(1, height, width)
    picture[:, height // 2 :] = torch.tensor([0.3, 0.5, 0.2])[:, None, None]
    picture[:, height // 2 :] += 0.1 * torch.rand(1, height // 2, width)
    picture[:, :, 44:52] = 0.05
    return picture


def _shown(height: int = 160, width: int = 128) -> torch.Tensor:
    known = torch.zeros(height, width, dtype=torch.bool)
    known[:, 32:96] = True
    return known


def test_what_is_known_stays_to_the_bit() -> None:
    picture, known = _landscape(), _shown()
    assert torch.equal(continue_beyond(picture, known)[:, known], picture[:, known])
    everywhere = torch.ones_like(known)
    assert torch.equal(continue_beyond(picture, everywhere), picture)


def test_what_lies_outside_the_photo_has_no_say() -> None:
    picture, known = _landscape(), _shown()
    other = torch.where(known, picture, torch.rand_like(picture))
    assert torch.equal(continue_beyond(picture, known), continue_beyond(other, known))


def test_sky_stays_above_the_meadow() -> None:
    beyond = continue_beyond(_landscape(), _shown())[:, :, 100:]
    sky, meadow = torch.tensor([0.6, 0.7, 0.9]), torch.tensor([0.35, 0.55, 0.25])
    torch.testing.assert_close(beyond[:, :40].mean((1, 2)), sky, atol=0.03, rtol=0)
    torch.testing.assert_close(beyond[:, 120:].mean((1, 2)), meadow, atol=0.03, rtol=0)


def test_a_post_does_not_stand_there_a_second_time() -> None:
    picture, known = _landscape(), _shown()
    beyond = continue_beyond(picture, known)
    assert float(picture[:, 20, 44:52].mean()) < 0.1
    assert float(beyond[2, 10:40, :32].min()) > 0.75  # a mirror showed it at columns 12 to 20


def test_grass_ends_softly_beside_the_border() -> None:
    picture, known = _landscape(), _shown()
    detail = continue_beyond(picture, known)[:, 100:150].diff(dim=1).abs().mean((0, 1))
    inside, beside, far = (
        float(detail[columns].mean()) for columns in (slice(60, 90), slice(97, 100), slice(120, 128))
    )
    assert beside > 0.3 * inside
    assert far < 0.15 * inside


def test_what_repeats_goes_on_beside_the_border() -> None:
    """Windows in a wall, every 32 px across and 24 down."""
    y, x = torch.meshgrid(torch.arange(160), torch.arange(128), indexing="ij")
    window = (x % 32 > 10) & (x % 32 < 26) & (y % 24 > 8) & (y % 24 < 18)
    wall = torch.where(window, 0.15, 0.8).expand(3, 160, 128)
    known = torch.zeros(160, 128, dtype=torch.bool)
    known[:, :80] = True

    def error(grained: bool) -> float:
        return float((continue_beyond(wall * known, known, grained=grained) - wall)[:, :, 80:92].abs().mean())

    assert error(True) < 0.75 * error(False)


def test_no_line_shows_along_the_border() -> None:
    picture = torch.full((3, 160, 128), 0.4)
    picture[:, :, [32, 33, 94, 95]] = 0.6
    # What is bright at the border shines on; beside it, it must not shine twice.
    assert float(continue_beyond(picture, _shown())[:, :, 96].max()) < 0.675


def test_no_outline_of_other_people_goes_on() -> None:
    picture, known = _landscape(), _shown()
    detail = continue_beyond(picture, known, grained=False)[:, 100:150].diff(dim=1).abs().mean((0, 1))
    assert float(detail[104:].mean()) < 0.15 * float(detail[60:90].mean())


@pytest.mark.parametrize("grained", [True, False])
def test_colours_stay_colours(grained: bool) -> None:
    torch.manual_seed(0)
    noise = torch.rand(3, 160, 128).round()
    beyond = continue_beyond(noise, _shown(), grained=grained)
    assert beyond.min() >= 0
    assert beyond.max() <= 1


def test_a_background_goes_on_beyond_its_photo() -> None:
    picture, known = _landscape(), _shown()
    filled = fill_background(picture, torch.zeros_like(known).float(), known)
    assert torch.equal(filled, continue_beyond(picture, known))
