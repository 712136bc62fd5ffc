"""What is taken for the shadow of a person: darker wall beside the person, and nothing else."""

from __future__ import annotations

import pytest
import torch

from animator.background import fill_background
from animator.cast_shadow import cast_shadow

HEIGHT, WIDTH = 96, 80
WALL = torch.tensor([0.62, 0.55, 0.75])


def _wall() -> torch.Tensor:
    """A wall that is lighter at its top."""
    light = torch.linspace(1.1, 0.9, HEIGHT)[:, None].expand(HEIGHT, WIDTH)
    return WALL[:, None, None] * light


def _person() -> torch.Tensor:
    person = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    person[30:, 34:46] = True
    return person


def _scene(shadow: torch.Tensor, colour: torch.Tensor | None = None) -> torch.Tensor:
    """The wall, something dark on it, and the person in green before both."""
    wall = _wall()
    dark = 0.6 * wall if colour is None else colour[:, None, None].expand_as(wall)
    scene = torch.where(shadow, dark, wall)
    return torch.where(_person(), torch.tensor([0.1, 0.6, 0.2])[:, None, None], scene)


def _box(rows: slice, columns: slice) -> torch.Tensor:
    box = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    box[rows, columns] = True
    return box & ~_person()


def test_darker_wall_beside_the_person_is_the_persons_shadow() -> None:
    shadow = _box(slice(40, 80), slice(46, 55))
    assert torch.equal(cast_shadow(_scene(shadow), _person()), shadow)


def test_where_the_picture_cuts_the_person_it_cuts_the_shadow_too() -> None:
    """Somebody beside the picture's edge left the shadow behind there."""
    scene = _scene(_box(slice(40, 80), slice(46, 51)))[:, :, : WIDTH - 29]
    person = _person()[:, : WIDTH - 29]
    assert cast_shadow(scene, person)[40:80, -5:].all()


@pytest.mark.parametrize(
    ("dark", "colour"),
    [
        (_box(slice(80, 96), slice(46, 60)), None),
        (_box(slice(0, 96), slice(46, 80)), None),
        (_box(slice(40, 60), slice(50, 55)), None),
        (_box(slice(40, 80), slice(46, 55)), torch.tensor([0.6, 0.1, 0.1])),
        (_box(slice(40, 80), slice(46, 55)), 0.1 * WALL),
    ],
    ids=["the floor", "a dark half of the room", "a spot apart from the person", "a red thing", "a black thing"],
)
def test_what_is_no_shadow_stays(dark: torch.Tensor, colour: torch.Tensor | None) -> None:
    assert not cast_shadow(_scene(dark, colour), _person()).any()


def test_a_soft_shadow_stays_though_it_is_deep_in_one_corner() -> None:
    soft, corner = _box(slice(40, 80), slice(46, 55)), _box(slice(40, 44), slice(46, 50))
    scene = torch.where(soft & ~corner, 0.8 * _wall(), _scene(soft))
    assert not cast_shadow(scene, _person()).any()


def test_before_leaves_and_stones_nothing_is_a_shadow() -> None:
    texture = 0.5 * torch.rand(3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    scene = torch.where(_person(), 0.5, _scene(_box(slice(40, 80), slice(46, 55))) * 0.5 + texture)
    assert not cast_shadow(scene, _person()).any()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_without_a_person_or_a_wall_there_is_no_shadow(share: float) -> None:
    assert not cast_shadow(_wall(), torch.full((HEIGHT, WIDTH), bool(share))).any()


def test_the_background_keeps_no_shadow_of_the_person_who_was_cut_out() -> None:
    shadow = _box(slice(40, 80), slice(46, 55))
    filled = fill_background(_scene(shadow), _person().float(), torch.ones(HEIGHT, WIDTH, dtype=torch.bool))
    assert (filled - _wall())[:, 42:78, 47:53].abs().max() < 0.08
