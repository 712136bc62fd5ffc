"""Holes are filled from what surrounds them."""

import torch

from animator.background import fill_background
from animator.inpainting import nearest_fill, push_pull
from animator.matting import foreground_colors, guided_filter, refine_matte


def test_known_pixels_stay_and_a_flat_picture_is_filled_flat():
    weight = torch.ones(50, 37)
    weight[10:30, 5:30] = 0
    picture = torch.full((3, 50, 37), 0.6)
    picture[:, weight == 0] = 0.1
    filled = push_pull(picture, weight)
    torch.testing.assert_close(filled, torch.full_like(filled, 0.6), atol=1e-5, rtol=0)


def test_filling_stays_within_the_range_of_the_known_colours():
    torch.manual_seed(0)
    picture, weight = torch.rand(3, 64, 48), (torch.rand(64, 48) > 0.7).float()
    filled = push_pull(picture, weight)
    known = picture[:, weight == 1]
    assert (filled.amax((1, 2)) <= known.amax(1) + 1e-5).all()
    assert (filled.amin((1, 2)) >= known.amin(1) - 1e-5).all()
    torch.testing.assert_close(filled[:, weight == 1], known)


def _striped(height, width):
    rows = (torch.arange(height) // 8 % 2).float()
    return rows[None, :, None].expand(3, height, width).contiguous()


def test_a_striped_wall_stays_striped_behind_the_person():
    wall = _striped(160, 128)
    matte = torch.zeros(160, 128)
    matte[40:120, 44:84] = 1
    photo = torch.lerp(wall, torch.full_like(wall, 0.5), matte)
    filled = fill_background(photo, matte, torch.ones(160, 128, dtype=torch.bool))
    inside = matte.bool()
    error = (filled - wall)[:, inside].abs().mean()
    smooth = (push_pull(photo, 1 - matte) - wall)[:, inside].abs().mean()
    assert error < 0.5 * smooth
    torch.testing.assert_close(filled[:, :20], photo[:, :20])


def test_rocks_below_fog_are_filled_with_rocks():
    torch.manual_seed(4)
    blocks = torch.rand(1, 1, 40, 32).repeat_interleave(4, 2).repeat_interleave(4, 3)[0, 0]
    photo = torch.full((3, 160, 128), 0.8)
    photo[:, 64:] = 0.2 + 0.3 * blocks[64:]
    matte = torch.zeros(160, 128)
    matte[40:, 40:88] = 1
    filled = fill_background(torch.lerp(photo, torch.ones_like(photo), matte), matte, torch.ones_like(matte).bool())
    among_rocks, among_fog = filled[:, 100:150, 46:82], filled[:, 44:56, 46:82]
    assert float(among_rocks.std()) > 0.5 * float(photo[:, 100:150].std())
    assert float(among_fog.std()) < 0.05


def test_filling_is_the_same_every_time():
    torch.manual_seed(1)
    photo, matte = torch.rand(3, 96, 96), torch.zeros(96, 96)
    matte[30:60, 30:60] = 1
    known = torch.ones(96, 96, dtype=torch.bool)
    assert torch.equal(fill_background(photo, matte, known), fill_background(photo, matte, known))


def test_beyond_a_photo_of_several_people_nobody_hangs_upside_down():
    photo = torch.full((3, 64, 64), 0.2)
    photo[:, 4:14, 24:34] = 1  # a face near the upper edge, which lies at row 20
    known = torch.zeros(64, 64, dtype=torch.bool)
    known[20:] = True
    placed = torch.zeros(3, 64, 64)
    placed[:, 20:] = photo[:, :44]
    filled = fill_background(placed, torch.zeros(64, 64), known, others_HW=torch.zeros(64, 64))
    torch.testing.assert_close(filled[:, 20:], placed[:, 20:])
    assert filled[:, :20].max() < 0.5
    assert filled[:, :20].min() > 0.15


def test_guided_filter_moves_a_blurry_edge_to_the_edge_of_the_picture():
    picture = torch.zeros(3, 40, 40)
    picture[:, :, 20:] = 1
    blurry = torch.linspace(-0.8, 1.8, 40).clamp(0, 1).expand(40, 40).contiguous()
    refined = guided_filter(picture, blurry, radius=6, epsilon=1e-4)
    step = (refined[20, 20] - refined[20, 19]) - (blurry[20, 20] - blurry[20, 19])
    assert step > 0.3
    assert refine_matte(picture, blurry)[20, 5] < 0.02


def test_foreground_colours_near_the_edge_hold_no_background():
    photo = torch.zeros(3, 60, 60)
    photo[1] = 1.0
    matte = torch.zeros(60, 60)
    matte[:, 30:] = 1
    matte[:, 28:30] = 0.5
    photo = torch.lerp(photo, torch.tensor([1.0, 0, 0])[:, None, None].expand_as(photo), matte)
    colors = foreground_colors(photo, matte)
    assert colors[0, 30, 28] > 0.95
    assert colors[1, 30, 28] < 0.05


def test_the_nearest_colour_may_be_sought_across_rather_than_along() -> None:
    colors = torch.zeros(1, 21, 21)
    known = torch.zeros(21, 21, dtype=torch.bool)
    known[:, 0] = known[0] = True
    colors[0, :, 0] = 1.0
    place = (0, 4, 7)  # four px below the dark row, seven to the right of the bright column
    assert float(nearest_fill(colors, known, blur_px=1)[place]) < 0.1
    assert float(nearest_fill(colors, known, blur_px=1, farness=(3.0, 1.0))[place]) > 0.9


def test_colours_that_meet_far_from_what_is_known_meet_softly_and_keep_sharp_beside_it():
    picture, known = torch.zeros(3, 40, 120), torch.zeros(40, 120, dtype=torch.bool)
    picture[:, 20:] = 1.0
    known[:, :20] = True
    filled = nearest_fill(picture, known, blur_px=5)
    steps = filled[0].diff(dim=0).abs().amax(0)
    assert float(steps[110]) < 0.5 * float(steps[22])
    assert float(steps[22]) > 0.15
