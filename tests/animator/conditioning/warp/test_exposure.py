"""The exposure: what moves is smeared by as far as it travels, along its way, and by nothing else."""

import pytest
import torch

from animator.conditioning.warp.exposure import (
    LEAST_TRAVEL_PX,
    MOST_TRAVEL,
    TILE_PX,
    shutter_poses,
    smear,
    travel_between,
    travel_field,
)

SIZE = (64, 96)


def _bar(left: int = 40, right: int = 48, color: float = 0.5) -> torch.Tensor:
    """An upright opaque bar [1, 5, H, W]; its colour goes on where it is transparent, as a layer's does."""
    picture = torch.zeros(1, 5, *SIZE)
    picture[:, :3] = color
    picture[:, 3, :, left:right] = 1
    return picture


def _everywhere(x: float, y: float) -> torch.Tensor:
    return torch.tensor([x, y], dtype=torch.float32)[None, :, None, None].expand(1, 2, *SIZE)


def test_a_bar_is_smeared_over_its_travel_and_no_farther():
    alpha = smear(_bar(), _everywhere(6, 0))[0, 3, 30]
    assert (alpha[:36] == 0).all()
    assert (alpha[52:] == 0).all()
    assert (alpha[44:45] == 1).all()
    # Half of the travel beyond either edge, rising evenly from one end to the other.
    rise = alpha[37:43]
    assert ((rise > 0) & (rise < 1)).all()
    torch.testing.assert_close(rise, (torch.arange(6) + 0.5) / 6, atol=0.1, rtol=0)


def test_a_bar_that_moves_along_itself_keeps_its_edges():
    alpha = smear(_bar(), _everywhere(0, 12))[0, 3]
    torch.testing.assert_close(alpha, _bar()[0, 3], atol=1e-6, rtol=0)


@pytest.mark.parametrize("travel", [(1.3, 0.0), (5.0, 3.0), (-14.0, 6.5)])
def test_nothing_is_won_or_lost(travel):
    picture = torch.zeros(1, 5, *SIZE)
    picture[:, 3, 24:40, 40:56] = 1
    picture[:, :3] = 0.25
    smeared = smear(picture, _everywhere(*travel))
    assert smeared[0, 3].sum() == pytest.approx(256, rel=1e-4)
    assert (smeared[0, :3] * smeared[0, 3]).sum() == pytest.approx(0.25 * 3 * 256, rel=1e-4)


def test_the_background_colour_does_not_bleed_into_the_smear():
    picture = _bar(color=0.8)
    picture[:, :3][(picture[:, 3:4] == 0).expand(-1, 3, -1, -1)] = 0.1
    smeared = smear(picture, _everywhere(6, 0))
    seen = smeared[0, 3] > 0.01
    torch.testing.assert_close(smeared[0, :3][:, seen], torch.full((3, int(seen.sum())), 0.8), atol=1e-4, rtol=0)


def test_what_does_not_travel_keeps_its_bits():
    picture = torch.rand(1, 5, *SIZE, generator=torch.Generator().manual_seed(1))
    travel = _everywhere(0, 0).clone()
    travel[:, :, :, 60:] = 4.0
    smeared = smear(picture, travel)
    assert torch.equal(smeared[..., :60], picture[..., :60])
    assert not torch.equal(smeared[..., 60:], picture[..., 60:])
    assert torch.equal(smear(picture, _everywhere(0.9 * LEAST_TRAVEL_PX, 0)), picture)


def test_smear_begins_gently():
    sharp = _bar()[:, 3]
    change = [float((smear(_bar(), _everywhere(x, 0))[:, 3] - sharp).abs().max()) for x in (1.0, 1.05, 1.2, 1.5)]
    assert change == sorted(change)
    assert change[0] == 0
    assert change[1] < 0.02


def test_a_window_of_the_canvas_gives_the_bits_of_the_whole():
    picture = torch.rand(2, 5, *SIZE, generator=torch.Generator().manual_seed(2))
    travel = 8 * torch.rand(2, 2, *SIZE, generator=torch.Generator().manual_seed(3)) - 4
    whole = smear(picture, travel)
    part = smear(picture[1:, :, 10:50, 20:70], travel[1:, :, 10:50, 20:70], (10, 20))
    assert torch.equal(part[..., 8:-8, 8:-8], whole[1:, :, 18:42, 28:62])


def _vertices(left: int, right: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(16.0, 49, 8), torch.arange(float(left), right, 8), indexing="ij")
    return torch.stack([x, y], -1).reshape(1, -1, 2)


def test_travel_goes_on_beyond_the_edge_as_far_as_the_smear():
    vertices = _vertices(40, 60)
    field = travel_field(vertices, torch.tensor([6.0, 0.0]).expand_as(vertices), SIZE, (0, 0, *SIZE))
    torch.testing.assert_close(field[0, :, 16:48, 37:60], torch.tensor([6.0, 0.0])[:, None, None].expand(2, 32, 23))
    assert field.shape == (1, 2, *SIZE)


def test_the_field_is_the_same_whatever_window_and_batch_it_is_asked_for():
    moving, resting = _vertices(8, 90), _vertices(8, 90)
    travel = torch.cat([8 * torch.rand(1, moving.shape[1], 2, generator=torch.Generator().manual_seed(4)), 0 * resting])
    both = travel_field(torch.cat([moving, resting]), travel, SIZE, (0, 0, *SIZE))
    part = travel_field(moving, travel[:1], SIZE, (13, 21, 30, 50))
    assert torch.equal(part, both[:1, :, 13:43, 21:71])
    assert (both[1] == 0).all()


def test_rest_needs_no_field():
    vertices = _vertices(8, 90)
    assert travel_field(vertices, torch.full_like(vertices, 0.1), SIZE, (0, 0, *SIZE)) is None


def test_vertices_beyond_the_canvas_say_nothing():
    vertices = torch.cat([_vertices(8, 90), _vertices(200, 260)], 1)
    travel = torch.where(vertices[..., :1] > 100, 50.0, 1.0).expand_as(vertices)
    field = travel_field(vertices, travel, SIZE, (0, 0, *SIZE))
    assert float(field.max()) < 1.01
    assert TILE_PX * 2 < 100


def test_the_shutter_is_open_for_its_share_around_the_middle_pose():
    poses = torch.tensor([[[0.0, 0.0]], [[10.0, 0.0]], [[14.0, 4.0]]])[None].expand(2, -1, -1, -1)
    opens, closes = shutter_poses(poses, torch.tensor([0.5, 0.0]))
    assert opens.tolist() == [[[7.5, 0.0]], [[10.0, 0.0]]]
    assert closes.tolist() == [[[11.0, 1.0]], [[10.0, 0.0]]]


def test_a_joint_that_is_unseen_beside_the_frame_rests():
    poses = torch.tensor([[[float("nan")] * 2], [[10.0, 0.0]], [[14.0, 4.0]]])[None]
    opens, closes = shutter_poses(poses, torch.ones(1))
    assert opens.tolist() == [[[10.0, 0.0]]]
    assert closes.tolist() == [[[12.0, 2.0]]]


def test_who_turns_round_is_not_smeared_across_the_mirror():
    moments = torch.tensor([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [3.0, 4.0], [3.0, 4.0]])[:, None]
    mirrored = torch.tensor([True, False, True, False, True, True])
    assert travel_between(moments, mirrored, SIZE).tolist() == [[[3.0, 4.0]], [[0.0, 0.0]]]


def test_nothing_travels_farther_than_a_body_can():
    moments = torch.tensor([[0.0, 0.0], [0.0, 0.0], [300.0, 400.0]])[:, None]
    travel = travel_between(moments, torch.zeros(3, dtype=torch.bool), SIZE)
    torch.testing.assert_close(travel.norm(), torch.tensor(MOST_TRAVEL * max(SIZE)))
    torch.testing.assert_close(travel[0, 0] / travel.norm(), torch.tensor([0.6, 0.8]))
