"""What a person hid is filled with pieces of the photo, each moved as a whole."""

import numpy as np
import torch

from animator.background import fill_background
from animator.inpainting import push_pull
from animator.shift_labels import find_shifts
from animator.shift_map import blend, fill_from_shifts

HEIGHT, WIDTH = 160, 128


def _hole(top: int = 40, bottom: int = 130, left: int = 48, right: int = 80) -> torch.Tensor:
    hole = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    hole[top:bottom, left:right] = True
    return hole


def _filled(photo: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
    photo = torch.where(hole, 0.5, photo)
    return fill_from_shifts(push_pull(photo, (~hole).float()), hole)


def _front() -> torch.Tensor:
    """Windows in a wall, every 32 px across and 24 down."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    window = (x % 32 > 10) & (x % 32 < 26) & (y % 24 > 8) & (y % 24 < 18)
    return torch.where(window, 0.15, 0.8).expand(3, HEIGHT, WIDTH).contiguous()


def test_a_row_of_windows_goes_on_behind_the_person() -> None:
    photo, hole = _front(), _hole()
    error = (_filled(photo, hole) - photo)[:, hole].abs().mean()
    smooth = (push_pull(photo, (~hole).float()) - photo)[:, hole].abs().mean()
    assert float(error) < 0.15 * float(smooth)


def test_what_repeats_is_found_at_its_distance() -> None:
    shifts = find_shifts(_front().permute(1, 2, 0).double().numpy(), _hole().numpy())
    assert {(0, 32), (0, -32), (24, 0), (-24, 0)} <= {tuple(shift) for shift in shifts.tolist()}


def test_layers_of_a_landscape_are_filled_from_their_own_height() -> None:
    """Rows differ, columns hardly do: all that is copied comes from the same row."""
    torch.manual_seed(2)
    rows = torch.linspace(0.1, 0.9, HEIGHT)[None, :, None] + 0.05 * torch.rand(3, HEIGHT, WIDTH)
    hole = _hole()
    filled = _filled(rows, hole)
    torch.testing.assert_close(filled[:, 40:130, 48:80].mean(2), rows[:, 40:130].mean(2), atol=0.06, rtol=0)
    assert float(filled[:, hole].std()) > 0.8 * float(rows[:, hole].std())


def test_a_shade_across_the_person_leaves_no_outline() -> None:
    """The left half of the wall lies in a soft shadow, which goes on behind the person."""
    light = torch.sigmoid((torch.arange(WIDTH) - 64) / 12.0) * 0.5 + 0.4
    wall = light.expand(3, HEIGHT, WIDTH).contiguous()
    hole = _hole()
    filled = _filled(wall, hole)
    outline = torch.cat([(filled[:, 50:120, at] - filled[:, 50:120, at - 1]).abs() for at in (48, 80)])
    steepest = wall.diff(dim=2).abs().max()
    assert float(outline.max()) < 2 * float(steepest)


def test_no_colour_of_the_person_comes_back() -> None:
    photo, hole = _front(), _hole()
    red = torch.where(hole, torch.tensor([1.0, 0.0, 0.0])[:, None, None], photo)
    filled = fill_background(red, hole.float(), torch.ones_like(hole))
    assert float((filled[0] - filled[1]).abs().max()) < 0.02


def test_of_somebody_else_in_the_photo_no_piece_comes_up_elsewhere() -> None:
    """Red figures on both sides touch the hole: if they were not barred, they would go on inside."""
    hole, red = _hole(), torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    others = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    others[30:140, 36:48] = others[30:140, 80:92] = True
    photo = torch.where(hole, 0.5, torch.where(others, red, _front()))

    def redness(others_HW: torch.Tensor | None) -> float:
        filled = fill_background(photo, hole.float(), torch.ones_like(hole), others_HW=others_HW)
        assert torch.equal(filled[:, others][:, :5], photo[:, others][:, :5])
        return float((filled[0] - filled[1])[hole].max())

    assert redness(None) > 0.3
    assert redness(others.float()) < 0.05


def test_where_nothing_can_be_copied_the_filling_is_smooth() -> None:
    photo = torch.full((3, HEIGHT, WIDTH), 0.3)
    hole = torch.ones(HEIGHT, WIDTH, dtype=torch.bool)
    hole[:, :4] = False
    assert torch.allclose(_filled(photo, hole), photo, atol=1e-3)


def test_outside_the_hole_the_photo_stays_to_the_bit() -> None:
    torch.manual_seed(0)
    photo, hole = torch.rand(3, HEIGHT, WIDTH), _hole()
    assert torch.equal(_filled(photo, hole)[:, ~hole], photo[:, ~hole])


def test_a_blend_between_two_places_has_no_seam() -> None:
    """Both halves are copied from ramps of the same slope, one of them brighter."""
    ramp = np.linspace(0.2, 0.5, 30)[None, :, None].repeat(40, 0).repeat(3, 2)
    picture, hole = ramp.copy(), np.zeros((40, 30), dtype=bool)
    picture[14:26] += 0.1
    picture[26:] += 0.2
    hole[4:12, 8:20] = True
    source = np.moveaxis(np.indices(hole.shape), 0, -1).copy()
    source[4:12, 8:14, 0] += 12
    source[4:12, 14:20, 0] += 24
    np.testing.assert_allclose(blend(picture, hole, source)[hole], ramp[hole], atol=0.02)


def test_what_ends_at_the_hole_throws_no_shade_into_it() -> None:
    """A black post stands beside the hole; what is copied has a wall in its place."""
    picture, hole = np.full((40, 60, 3), 0.8), np.zeros((40, 60), dtype=bool)
    hole[10:30, 20:40] = True
    picture[:, 17:20] = 0.02
    source = np.moveaxis(np.indices(hole.shape), 0, -1).copy()
    source[10:30, 20:40, 1] += 20
    np.testing.assert_allclose(blend(picture, hole, source)[hole], 0.8, atol=0.02)
