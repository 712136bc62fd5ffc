"""Pieces of the cloth itself go on where arms hid it."""

from dataclasses import replace

import torch

from animator.conditioning.warp.cloth_pieces import with_pieces
from animator.conditioning.warp.figure import Figure, figure_of
from tests.animator.conditioning.warp.dressed import figure, joint, pixel, pose_of

DARK, LIGHT = 0.2, 0.8


def _striped() -> tuple[Figure, tuple[slice, slice]]:
    """A shirt of stripes 3 px wide, and a part of it that is to be filled."""
    photo, matte = figure()
    stripes = (torch.arange(photo.shape[-1]) // 3 % 2).float() * (LIGHT - DARK) + DARK
    found = figure_of(photo, matte, pose_of())
    row, column = pixel((joint("left_shoulder") + joint("right_hip")) / 2)
    return replace(found, colors_3HW=stripes.expand_as(photo).clone()), (
        slice(row - 8, row + 8),
        slice(column - 5, column + 7),
    )


def _hidden(found: Figure, patch: tuple[slice, slice]) -> torch.Tensor:
    hidden = torch.zeros_like(found.matte_HW, dtype=torch.bool)
    hidden[patch] = True
    return hidden


def test_stripes_go_on_as_stripes() -> None:
    found, patch = _striped()
    hidden = _hidden(found, patch)
    smooth = torch.where(hidden, (DARK + LIGHT) / 2, found.colors_3HW)
    cloth = (found.hull > 0.5) & (found.matte_HW > 0.9) & ~hidden
    filled = with_pieces(found, smooth, hidden, cloth)
    off = (filled - found.colors_3HW)[(slice(None), *patch)].abs().mean()
    assert float(off) < 0.1 < (LIGHT - DARK) / 2
    assert torch.equal(filled[:, ~hidden], smooth[:, ~hidden])


def test_a_face_is_no_cloth() -> None:
    """An eye came up on the shoulder of somebody whose shirt was as light as the white in it."""
    found, patch = _striped()
    hidden = _hidden(found, patch)
    rows, columns = pixel(joint("nose"))
    face = (slice(rows - 12, rows + 12), slice(columns - 12, columns + 12))
    colors = torch.full_like(found.colors_3HW, 0.5)
    colors[(0, *face)] = 0.9
    found = replace(found, colors_3HW=colors)
    # The smooth filling itself looks like the face.
    smooth = colors.clone()
    smooth[(0, *patch)] = 0.9
    filled = with_pieces(found, smooth, hidden, (found.hull > 0.5) & (found.matte_HW > 0.9) & ~hidden)
    assert float((filled[(slice(None), *patch)] - 0.5).abs().max()) < 0.05


def test_where_no_cloth_is_seen_the_filling_stays_smooth() -> None:
    found, patch = _striped()
    hidden = _hidden(found, patch)
    smooth = torch.where(hidden, 0.4, found.colors_3HW)
    assert torch.equal(with_pieces(found, smooth, hidden, torch.zeros_like(hidden)), smooth)
    assert torch.equal(with_pieces(found, smooth, torch.zeros_like(hidden), ~hidden), smooth)
