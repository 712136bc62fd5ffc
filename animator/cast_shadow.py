"""Shadows that a person casts on the wall close behind: they belong to the person, not to the wall.

Only before something plain can they be told: what a wall looks like in full light is a polynomial surface, found among
everything else in the picture by consensus (RANSAC, Fischler and Bolles 1981) and fitted by reweighted least squares
(Tukey's biweight, Holland and Welsch 1977), and a shadow shows the same colour darker. Before trees and rocks
everything dark may be anything, and nothing is taken for a shadow.

Legend: H W pixels, N pixels that the surface is fitted to.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

# How far from the person a shadow may lie, as a share of the picture's longer side.
_REACH = 0.16
# Share of light that must be missing, and how many times the wall's own variation.
_DARKER, _VARIATIONS = 0.06, 4.0
# A wall varies less than this about its surface (RGB in [0, 1], median), what differs by more than the second from it
# is something else, and of what is seen at least this share is wall.
_PLAIN, _ELSE, _WALL_SHARE = 0.03, 0.06, 0.6
# Share of light that must be missing in a quarter of a shadow: soft ones are part of how a wall looks; nobody minds.
_DEEP, _DEEP_QUANTILE = 0.3, 0.75
# A wall throws light back even there: what lacks more of it in more than a twentieth of its area is a thing.
_BLACK, _BLACK_QUANTILE = 0.8, 0.95
# How far a shadow's colour may lie from the wall's at so little light, as a share of the wall's and of that light: the
# light from the sky is bluer than the sun's.
_TINT, _TINT_OF_LIGHT = 0.1, 0.2
# Share of a shadow that may lie beyond reach; more, and it is a dark part of the room.
_BEYOND = 0.05
# Side of a shadow's square that may lie along the picture's edge; more, and it is the floor or a corner of the room.
_AT_BORDER = 0.7
# Unless it has the person's outline: so much of the outline, moved, is dark, so much of the shadow within it, and at
# least this share of the person's area shows, for of less the outline says nothing. On a wall close behind a shadow is
# about as large as the person.
_ALIKE, _SHOWN, _SCALES, _LOOK_PX = 0.9, 0.2, (0.92, 1.0, 1.08, 1.16), 128
# Share of its upright box that a dark thing of the room fills, and of a shadow's border from which on the person
# encloses it.
_BOX, _ENCLOSED = 0.85, 0.6
_SAMPLES, _DRAWS, _ROUNDS = 4000, 200, 12


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
    wall_HW3, variation = _wall(colors_HW3, ~person)
    if variation > _PLAIN:
        return nothing
    missing, is_wall = _light_missing(colors_HW3, wall_HW3.clip(0.05))
    darker = (missing > max(_DARKER, _VARIATIONS * variation)) & is_wall & ~person
    pieces, count = label(darker)
    area, touching, beyond, at_border = (
        np.bincount(pieces.ravel(), weights=mask.ravel(), minlength=count + 1)
        for mask in (darker, from_person < 2, from_person > reach_px, _border(person.shape))
    )
    is_close = (beyond <= _BEYOND * area) & (at_border <= _AT_BORDER * np.sqrt(area))
    kept = (touching > 0) & (is_close | (area >= _SHOWN * person.sum()))
    kept[0] = False
    for piece in np.flatnonzero(kept):
        deep, black = np.quantile(missing[pieces == piece], (_DEEP_QUANTILE, _BLACK_QUANTILE))
        kept[piece] = deep > _DEEP and black <= _BLACK
        # Of a window, and of what goes on beyond reach, only the person's own outline makes a shadow.
        if kept[piece] and (not is_close[piece] or _is_upright_box(pieces == piece, person)):
            kept[piece] = area[piece] >= _SHOWN * person.sum() and _likeness(pieces == piece, darker, person) > _ALIKE
    return torch.from_numpy(kept[pieces])


def _light_missing(colors_HW3: np.ndarray, wall_HW3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share [H, W] of the wall's light that is missing, and whether what is left has the wall's colour."""
    light_HW = colors_HW3.sum(-1) / wall_HW3.sum(-1)
    tint_HW = np.abs(colors_HW3 - light_HW[..., None] * wall_HW3).max(-1) / wall_HW3.max(-1)
    return 1 - light_HW, tint_HW < np.minimum(_TINT, _TINT_OF_LIGHT * light_HW)


def _is_upright_box(piece_HW: np.ndarray, person_HW: np.ndarray) -> bool:
    """Whether a dark piece, with what it encloses, fills the upright box around it, as windows and picture frames do.

    What the person encloses, as the wall between arm and trunk, is no box of its own.
    """
    from scipy.ndimage import binary_dilation, binary_fill_holes

    around = binary_dilation(piece_HW) & ~piece_HW
    rows, columns = (slice(each.min(), each.max() + 1) for each in np.nonzero(piece_HW))
    hidden = person_HW[rows, columns]
    filled = binary_fill_holes(piece_HW[rows, columns] | hidden) & ~hidden
    return bool(filled.sum() > _BOX * (~hidden).sum() and person_HW[around].mean() < _ENCLOSED)


def _border(size: tuple[int, ...]) -> np.ndarray:
    border_HW = np.ones(size, dtype=bool)
    border_HW[1:-1, 1:-1] = False
    return border_HW


def _likeness(piece_HW: np.ndarray, dark_HW: np.ndarray, person_HW: np.ndarray) -> float:
    """How far a dark piece is the person's outline, moved: the worse of the shares of the one within the other."""
    from scipy.signal import fftconvolve

    every = max(1, max(person_HW.shape) // _LOOK_PX)
    piece, dark, person = (mask[::every, ::every].astype(np.float32) for mask in (piece_HW, dark_HW, person_HW))
    best = 0.0
    for outline in _outlines(person):
        inside, shows, is_dark = (
            fftconvolve(mask, outline[::-1, ::-1]) for mask in (piece, 1 - person, dark * (1 - person))
        )
        # What the person or the picture's edge hides of the outline says nothing.
        likeness = np.minimum(inside / piece.sum(), is_dark / np.maximum(shows, 1))
        best = max(best, float(likeness.max()))
    return best


def _outlines(person_HW: np.ndarray) -> Iterator[np.ndarray]:
    """The person in the sizes that a shadow may have; whoever is cut off by the lower edge goes on below it."""
    from scipy.ndimage import zoom

    whole = np.pad(person_HW, ((0, person_HW.shape[0] // 2), (0, 0)), mode="edge")
    for scale in _SCALES:
        yield zoom(whole, scale, order=1)


def _wall(colors_HW3: np.ndarray, seen_HW: np.ndarray) -> tuple[np.ndarray, float]:
    """The wall in full light [H, W, 3], and how much it varies about that; infinitely where too little is seen."""
    row, column = np.nonzero(seen_HW)
    if len(row) < 0.1 * seen_HW.size:
        return colors_HW3, float("inf")
    every = max(1, len(row) // _SAMPLES)
    row, column = row[::every], column[::every]
    basis_N, colors_N3 = _basis(row, column, seen_HW.shape), colors_HW3[row, column]
    off_N = _consensus(basis_N[:, :3], colors_N3)
    for _ in range(_ROUNDS):
        variation = float(np.median(off_N[off_N < _ELSE])) if (off_N < _ELSE).any() else float("inf")
        root = (1 - np.square(off_N / np.clip(6 * variation, 0.02, 0.1))).clip(0)[:, None]
        surface = np.linalg.lstsq(basis_N * root, colors_N3 * root, rcond=None)[0]
        off_N = np.abs(colors_N3 - basis_N @ surface).max(1)
    if (off_N < _ELSE).mean() < _WALL_SHARE:
        return colors_HW3, float("inf")
    rows, columns = np.indices(seen_HW.shape)
    return _basis(rows, columns, seen_HW.shape) @ surface, variation


def _consensus(basis_N: np.ndarray, colors_N3: np.ndarray) -> np.ndarray:
    """Distance [N] of the colours from that surface, through a few of them, which most of them lie close to."""
    random = np.random.default_rng(0)  # the same picture is always filled the same way
    most, best_N = -1, np.zeros(len(colors_N3))
    for _ in range(_DRAWS):
        drawn = random.integers(len(colors_N3), size=8)
        surface = np.linalg.lstsq(basis_N[drawn], colors_N3[drawn], rcond=None)[0]
        off_N = np.abs(colors_N3 - basis_N @ surface).max(1)
        if (close := int((off_N < _ELSE).sum())) > most:
            most, best_N = close, off_N
    return best_N


def _basis(row: np.ndarray, column: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """All products [..., 6] of up to two coordinates, which run from -1 to 1."""
    y, x = 2 * row / size[0] - 1, 2 * column / size[1] - 1
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
