"""What a plain ground tells of an outline: mixtures at the edge, gaps, and what looks like the ground and is not."""

import torch

from animator.plain_ground import PlainGround, clear_of_ground

WALL, COAT, SHIRT = (torch.tensor(color)[:, None] for color in ((0.9, 0.92, 0.95), (0.5, 0.1, 0.3), (0.97, 0.99, 1.0)))
ROWS, COLUMNS = 60, 80


def _scene(color=COAT, *, noise=0.004):
    """A person 30 px wide before a wall, the edge's pixels half of each, and a matte 4 px wider to either side."""
    truth = torch.zeros(ROWS, COLUMNS)
    truth[:, 25:55] = 1
    truth[:, 24] = truth[:, 55] = 0.5
    grain = torch.randn(3, ROWS, COLUMNS, generator=torch.Generator().manual_seed(0)) * noise
    photo = torch.lerp(WALL[..., None], color[..., None], truth) + grain
    matte = torch.zeros(ROWS, COLUMNS)
    matte[:, 20:60] = 1
    return photo, matte, truth


def _cleared(photo, matte, core=None, inside=None, **options):
    seen = torch.zeros(ROWS, COLUMNS, dtype=torch.bool)
    seen[:, :16] = seen[:, 64:] = True
    if core is None:
        core = torch.zeros_like(seen)
        core[:, 35:45] = True
    ground = PlainGround.beside(photo, seen, reach_px=12)
    everywhere = torch.ones_like(seen)
    options = {"core_HW": core, "open_HW": everywhere, "reach_px": 20, "depth_px": 8, **options}
    return clear_of_ground(photo, matte, ground, **options)


def test_an_edge_before_a_plain_wall_is_as_wide_as_the_colours_tell():
    photo, matte, truth = _scene()
    cleared = _cleared(photo, matte)
    assert float((cleared - truth).abs().max()) < 0.2
    assert float(cleared[:, 20:23].max()) == 0
    assert float(cleared[:, 26:54].min()) == 1


def test_a_matte_grows_nowhere():
    photo, matte, _ = _scene()
    soft = matte * 0.6
    assert bool((_cleared(photo, soft) <= soft).all())


def test_a_gap_that_the_matte_closed_opens_beside_limbs_alone():
    photo, matte, _ = _scene()
    photo[:, 20:40, 28:33] = WALL[..., None]
    nowhere = torch.zeros(ROWS, COLUMNS, dtype=torch.bool)
    assert float(_cleared(photo, matte)[22:38, 29:32].max()) == 0
    assert float(_cleared(photo, matte, open_HW=nowhere)[22:38, 29:32].min()) == 1


def test_a_fold_that_fades_into_the_colour_of_the_ground_is_no_gap():
    pale = torch.tensor([0.9, 0.7, 0.75])[:, None]
    photo, matte, _ = _scene(pale)
    core = torch.zeros(ROWS, COLUMNS, dtype=torch.bool)
    core[:, 50:54] = True
    light = (1.15 - (torch.arange(26, 46) - 35.5).abs() / 12).clamp_max(1).expand(20, -1)
    photo[:, 20:40, 26:46] = torch.lerp(pale[..., None], WALL[..., None], light)
    assert float(_cleared(photo, matte, core)[22:38, 28:44].min()) > 0.99
    photo[:, 20:40, 26:46] = pale[..., None]
    photo[:, 20:40, 34:38] = WALL[..., None]
    assert float(_cleared(photo, matte, core)[22:38, 35:37].max()) < 0.01


def test_a_shirt_in_the_colour_of_the_wall_keeps_its_matte():
    photo, matte, _ = _scene(WALL)
    assert torch.equal(_cleared(photo, matte), matte)


def test_a_white_shirt_whose_folds_are_as_grey_as_the_wall_keeps_them():
    shaded = WALL * 0.75
    photo, matte, _ = _scene(SHIRT)
    photo[:, matte == 0] = shaded
    photo[:, 20:40, 28:33] = shaded[..., None]
    assert torch.equal(_cleared(photo, matte), matte)


def test_a_ground_of_many_colours_tells_nothing():
    photo, matte, _ = _scene(noise=0.1)
    assert torch.equal(_cleared(photo, matte), matte)


def test_the_ground_goes_on_behind_the_person_as_it_is_beside_them():
    photo, _, _ = _scene(noise=0)
    photo[:, :, :40] *= torch.linspace(0.98, 1.0, 40)
    seen = torch.zeros(ROWS, COLUMNS, dtype=torch.bool)
    seen[:, :16] = seen[:, 64:] = True
    ground = PlainGround.beside(photo, seen, reach_px=4)
    assert float((ground.colors_3HW - WALL[..., None]).abs().max()) < 0.03
    assert bool((ground.plain_HW > 0.5).all())


def test_shade_is_the_ground_s_tint_in_less_light_and_other_colours_are_none():
    photo, _, _ = _scene(noise=0.02)
    seen = torch.zeros(ROWS, COLUMNS, dtype=torch.bool)
    seen[:, :16] = seen[:, 64:] = True
    ground = PlainGround.beside(photo, seen, reach_px=12)
    assert float(ground.plain_HW[:, 20:60].max()) < 0.5
    shaded = ground.shaded(torch.where(seen, photo, 0.7 * WALL[..., None]))
    assert bool(shaded[:, 20:60].all())
    assert not bool(ground.shaded(photo)[:, 26:54].any())
