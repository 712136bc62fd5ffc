"""What colours say: of regions in several colours, near by, and nothing where nothing is known."""

import pytest
import torch

from animator.conditioning.warp.color_evidence import color_evidence, share_alike

DARK, STRIPE, SKIN = (
    torch.tensor(rgb)[:, None, None] for rgb in ((0.15, 0.14, 0.25), (0.9, 0.85, 0.8), (0.8, 0.6, 0.5))
)


@pytest.fixture
def jacket():
    """A dark sleeve, a dark panel nobody is sure of, a trunk half dark and half striped; a hand on the panel."""
    photo = DARK.expand(3, 40, 80).clone()
    photo[:, :, 60:] = STRIPE
    photo[:, 16:22, 24:34] = SKIN
    sleeve, trunk, asked = (torch.zeros(40, 80, dtype=torch.bool) for _ in range(3))
    sleeve[:, :18], trunk[:, 44:], asked[:, 18:44] = True, True, True
    photo[:, :6, :18] = SKIN
    return photo, sleeve, trunk, asked


def test_cloth_that_both_regions_show_says_little_and_skin_that_one_shows_says_much(jacket):
    photo, sleeve, trunk, asked = jacket
    evidence = color_evidence(photo, sleeve, trunk, asked, reach_px=30)
    assert evidence[30, 30].abs() < 1
    assert evidence[19, 28] > 2
    assert float(evidence[~asked].abs().max()) == 0


def test_the_cloth_of_sleeve_and_shirt_says_nothing_though_the_shirt_has_more_of_it(jacket):
    photo, sleeve, trunk, asked = jacket
    photo[:, :, 60:] = DARK
    photo[:, :20, :18] = SKIN
    evidence = color_evidence(photo, sleeve, trunk, asked, reach_px=30)
    assert evidence[36, 30].abs() < 0.1
    assert evidence[19, 28] > 2


def test_without_a_reach_a_region_far_away_tells_as_much_as_one_near_by(jacket):
    photo, sleeve, trunk, asked = jacket
    odds = color_evidence(photo, sleeve, trunk, asked, reach_px=None)
    alike = odds[16:22, 24:34]
    assert alike.min() > 2
    assert float(alike.max() - alike.min()) < 1e-5


def test_the_other_way_round_it_says_the_opposite(jacket):
    photo, sleeve, trunk, asked = jacket
    one, other = (color_evidence(photo, *pair, asked, reach_px=30) for pair in ((sleeve, trunk), (trunk, sleeve)))
    torch.testing.assert_close(one, -other, atol=1e-4, rtol=0)


def test_a_mirrored_picture_gives_the_mirrored_answer(jacket):
    evidence = color_evidence(*jacket, reach_px=30)
    mirrored = color_evidence(*(each.flip(-1, -2) for each in jacket), reach_px=30)
    torch.testing.assert_close(mirrored.flip(-1, -2), evidence, rtol=0, atol=1e-4)


def test_regions_are_looked_at_up_to_an_edge_that_no_cell_ends_at(jacket):
    whole = color_evidence(*jacket, reach_px=30)
    trimmed = color_evidence(*(each[..., :39, :78] for each in jacket), reach_px=30)
    torch.testing.assert_close(trimmed[:30, 18:44], whole[:30, 18:44], rtol=0, atol=0.1)


def test_an_all_but_empty_region_says_nothing(jacket):
    photo, sleeve, _, asked = jacket
    few = torch.zeros_like(sleeve)
    few[0, :5] = True
    assert float(color_evidence(photo, sleeve, few, asked, reach_px=30).abs().max()) == 0


def test_shares_count_what_looks_alike():
    region = torch.cat([DARK[:, :, 0].T.expand(30, 3), STRIPE[:, :, 0].T.expand(10, 3)])
    shares = share_alike(torch.cat([DARK[:, :, 0].T, STRIPE[:, :, 0].T, SKIN[:, :, 0].T]), region)
    torch.testing.assert_close(shares[:2], torch.tensor([0.75, 0.25]), atol=0.02, rtol=0)
    assert float(shares[2]) < 0.01


def test_cloth_in_more_light_than_any_nearby_is_known_by_its_tint():
    skin, jeans = (torch.tensor(rgb)[:, None, None] for rgb in ((0.55, 0.38, 0.32), (0.2, 0.28, 0.38)))
    photo = jeans.expand(3, 40, 80).clone()
    photo[:, :, :30] = skin
    photo[:, 10:20, 30:36] = 2 * jeans
    arm, cloth, asked = (torch.zeros(40, 80, dtype=torch.bool) for _ in range(3))
    arm[:, :28], cloth[:, 40:], asked[:, 28:40] = True, True, True
    evidence = color_evidence(photo, arm, cloth, asked, reach_px=30)
    assert float(evidence[11:19, 31:35].max()) < -1
