"""Shadows that a person casts on the wall close behind: they belong to the person, not to the wall.

Only before something plain can they be told: what a wall looks like in full light is continued from farther away, as
a polynomial surface fitted by reweighted least squares (Tukey's biweight, Holland and Welsch 1977), and a shadow shows
the same colour darker. Before trees and rocks everything dark may be anything, and nothing is taken for a shadow.

Legend: H W pixels, N pixels that the surface is fitted to.
"""

from __future__ import annotations

import numpy as np
import torch

# How far from the person a shadow may lie, as a share of the picture's longer side.
_REACH = 0.16
# Share of light that must be missing, and how many times the wall's own variation.
_DARKER, _VARIATIONS = 0.06, 4.0
# A wall varies less than this about its surface (RGB in [0, 1], median).
_PLAIN = 0.03
# Share of light that must be missing in a quarter of a shadow: soft ones are part of how a wall looks; nobody minds.
_DEEP, _DEEP_QUANTILE = 0.3, 0.75
# A wall throws light back even there: what lacks more of it in more than a twentieth of its area is a thing.
_BLACK, _BLACK_QUANTILE = 0.8, 0.95
# How far the channels of a shadow may differ in the light they lose.
_TINT = 0.15
# Share of a shadow that may lie beyond reach; more, and it is a dark part of the room.
_BEYOND = 0.05
# Side of a shadow's square that may lie along the picture's edge; more, and it is the floor or a corner of the room.
# Beside somebody whom the picture's side cuts so does the shadow: as a share of the longer side, how near that is.
_AT_BORDER, _CUT_TOO = 0.7, 0.06
_SAMPLES, _ROUNDS = 4000, 12


def cast_shadow(photo_3HW: torch.Tensor, person_HW: torch.Tensor) -> torch.Tensor:
    """Bool [H, W]: where the person's shadow falls on a plain wall, close to the person and touching it.

    Args:
        photo_3HW: [0, 1].
        person_HW: bool, the person and what is about its edge.
    """
    from scipy.ndimage import distance_transform_edt, label

    nothing = torch.zeros_like(person_HW)
    if not bool(person_HW.any()) or bool(person_HW.all()):
        return nothing
    colors_HW3, person = photo_3HW.permute(1, 2, 0).double().numpy(), person_HW.numpy()
    reach_px = _REACH * max(person.shape)
    from_person = distance_transform_edt(~person)
    wall_HW3, variation = _wall(colors_HW3, from_person > reach_px)
    if variation > _PLAIN:
        return nothing
    light_HW3 = colors_HW3 / wall_HW3.clip(0.05)
    missing = 1 - light_HW3.mean(-1)
    darker = (missing > max(_DARKER, _VARIATIONS * variation)) & (np.ptp(light_HW3, axis=-1) < _TINT) & ~person
    pieces, count = label(darker)
    area, touching, beyond, at_border = (
        np.bincount(pieces.ravel(), weights=mask.ravel(), minlength=count + 1)
        for mask in (darker, from_person < 2, from_person > reach_px, _floor_or_corner(from_person))
    )
    kept = (touching > 0) & (beyond <= _BEYOND * area) & (at_border <= _AT_BORDER * np.sqrt(area))
    kept[0] = False
    for piece in np.flatnonzero(kept):
        deep, black = np.quantile(missing[pieces == piece], (_DEEP_QUANTILE, _BLACK_QUANTILE))
        kept[piece] = deep > _DEEP and black <= _BLACK
    return torch.from_numpy(kept[pieces])


def _floor_or_corner(from_person_HW: np.ndarray) -> np.ndarray:
    """Bool [H, W]: the lower edge of the picture, and of the others what is not beside the person (px from whom)."""
    edge_HW = np.ones(from_person_HW.shape, dtype=bool)
    edge_HW[1:-1, 1:-1] = False
    lower_HW = np.zeros_like(edge_HW)
    lower_HW[-1] = True
    return edge_HW & (lower_HW | (from_person_HW > _CUT_TOO * max(edge_HW.shape)))


def _wall(colors_HW3: np.ndarray, far_HW: np.ndarray) -> tuple[np.ndarray, float]:
    """The wall in full light [H, W, 3], and how much it varies about that; infinitely where too little is seen."""
    row, column = np.nonzero(far_HW)
    if len(row) < 0.1 * far_HW.size:
        return colors_HW3, float("inf")
    every = max(1, len(row) // _SAMPLES)
    row, column = row[::every], column[::every]
    basis_N, colors_N3 = _basis(row, column, far_HW.shape), colors_HW3[row, column]
    weight_N = np.ones(len(row))
    for _ in range(_ROUNDS):
        root = np.sqrt(weight_N)[:, None]
        surface = np.linalg.lstsq(basis_N * root, colors_N3 * root, rcond=None)[0]
        off_N = np.abs(colors_N3 - basis_N @ surface).max(1)
        variation = float(np.median(off_N))
        weight_N = np.square((1 - np.square(off_N / max(6 * variation, 0.02))).clip(0))
    rows, columns = np.indices(far_HW.shape)
    return _basis(rows, columns, far_HW.shape) @ surface, variation


def _basis(row: np.ndarray, column: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """All products [..., 6] of up to two coordinates, which run from -1 to 1."""
    y, x = 2 * row / size[0] - 1, 2 * column / size[1] - 1
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
