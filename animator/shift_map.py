"""A hole filled with large pieces of the picture itself, each moved as a whole.

Most backgrounds repeat themselves at a few shifts, which the matches of their patches tell (He and Sun 2012,
"Statistics of patch offsets for image completion"). Which part of the hole is filled along which shift is a labelling
of least cost, found by alpha expansion (Boykov, Veksler and Zabih 2001). The seams are evened out in the gradient
domain (Pérez, Gangnet and Blake 2003), so that a shade that the hole's border lies in goes on inside.

Legend: H W pixels, N pixels of the hole, S shifts, E pairs of neighbours in the hole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from animator.shift_labels import PATCH, find_shifts, label_hole, number_pixels

# Longer side of the pictures that pieces are chosen in, and put together in; px.
_CHOSEN_PX, _BLENDED_PX = 96, 256


@dataclass(frozen=True, slots=True)
class PieceFit:
    """How pieces are chosen and fitted into the hole.

    Attributes:
        unlikely: what a colour's distance (RGB in [0, 1]) from the hole's smooth filling costs.
        another: difference of colours at the hole's border from which on two things meet there, not two shades of one.
        kept: how much the copied colours count beside their differences: a shade is evened out over some 1 / sqrt px.
    """

    unlikely: float
    another: float
    kept: float


# Of a background: things stand in the hole as seldom as anywhere else, and a shade falls across half the picture.
GROUND = PieceFit(unlikely=0.5, another=0.45, kept=0.002)
# Of clothes, whose stripes and seams are sharp, and whose shades are those of folds.
CLOTH = PieceFit(unlikely=2.0, another=0.15, kept=0.03)


def fill_from_shifts(
    smooth_3HW: torch.Tensor,
    hole_HW: torch.Tensor,
    *,
    barred_HW: torch.Tensor | None = None,
    fit: PieceFit = GROUND,
) -> torch.Tensor:
    """The picture with pieces of it in the hole.

    Args:
        smooth_3HW: [0, 1]; in the hole a smooth filling, to say which pieces are likely there, and to stay where no
            shift leads to anything.
        hole_HW: bool.
        barred_HW: bool, what is no background either: it stays, and nothing of it is copied or goes on in the hole.
        fit: how pieces are chosen and fitted in.

    Returns:
        [3, H, W]: the picture itself outside the hole.
    """
    unusable_HW = hole_HW if barred_HW is None else hole_HW | barred_HW
    smooth, hole, unusable = _reduced(smooth_3HW, hole_HW, unusable_HW, _CHOSEN_PX)
    shifts_S2 = find_shifts(smooth, unusable)
    label_HW = np.full(hole.shape, -1)
    label_HW[hole] = label_hole(smooth, hole, shifts_S2, unusable, unlikely=fit.unlikely)
    picture, fine_hole, unusable = _reduced(smooth_3HW, hole_HW, unusable_HW, _BLENDED_PX)
    source_HW2 = _sources(label_HW, shifts_S2, fine_hole, unusable)
    filled = blend(picture, fine_hole, source_HW2, unusable & ~fine_hole, fit=fit)
    # Next to the hole, detail is apart from a mean in which what was in the hole has no part.
    return _at_full_size(smooth_3HW, hole_HW, unusable_HW, filled, source_HW2)


def _reduced(
    picture_3HW: torch.Tensor, hole_HW: torch.Tensor, unusable_HW: torch.Tensor, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All at most `side` px long: [h, w, 3], and bool [h, w] wherever there is anything of the hole or unusable."""
    scale = min(1.0, side / max(hole_HW.shape))
    size = [max(PATCH, round(length * scale)) for length in hole_HW.shape]
    picture = F.interpolate(picture_3HW[None], size, mode="area")[0].permute(1, 2, 0).double().numpy()
    masks = torch.stack([hole_HW, unusable_HW])[:, None].float()
    hole_hw, unusable_hw = (F.interpolate(masks, size, mode="area")[:, 0] > 0.01).numpy()
    return picture, hole_hw, unusable_hw


def _sources(label_hw: np.ndarray, shifts_S2: np.ndarray, hole_HW: np.ndarray, unusable_HW: np.ndarray) -> np.ndarray:
    """int [H, W, 2]: where a finer picture's pixels are copied from; from themselves where nothing is."""
    here = np.moveaxis(np.indices(hole_HW.shape), 0, -1)
    size, coarse = np.array(hole_HW.shape), np.array(label_hw.shape)
    cell = here * coarse // size
    label_HW = label_hw[cell[..., 0], cell[..., 1]]
    shifts = np.round(shifts_S2 * (size / coarse)).astype(int)
    source = (here + shifts[label_HW]).clip(0, size - 1)
    usable = hole_HW & (label_HW >= 0) & ~unusable_HW[source[..., 0], source[..., 1]]
    return np.where(usable[..., None], source, here)


def blend(
    picture_HW3: np.ndarray,
    hole_HW: np.ndarray,
    source_HW2: np.ndarray,
    barred_HW: np.ndarray | None = None,
    *,
    fit: PieceFit = GROUND,
) -> np.ndarray:
    """[H, W, 3]: the hole with the differences between neighbours that its sources have, fitted to what is around it.

    Between neighbours with sources in different places, half of either difference; nothing of what is barred beside it
    goes on inside.
    """
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import splu

    here_N2, source_N2, number_HW = np.argwhere(hole_HW), source_HW2[hole_HW], number_pixels(hole_HW)
    count, limit = len(here_N2), np.array(hole_HW.shape) - 1
    copied_N3 = _at(picture_HW3, source_N2)
    diagonal_N, wanted_N3 = np.full(count, fit.kept), fit.kept * copied_N3
    rows, columns = [np.arange(count)], [np.arange(count)]
    for way in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        inside = ((here_N2 + way >= 0) & (here_N2 + way <= limit)).all(1)
        there_N2 = (here_N2 + way).clip(0, limit)
        theirs_N2, number_N = _at(source_HW2, there_N2), _at(number_HW, there_N2)
        own = copied_N3 - _at(picture_HW3, (source_N2 + way).clip(0, limit))
        other = _at(picture_HW3, (theirs_N2 - way).clip(0, limit)) - _at(picture_HW3, theirs_N2)
        linked, beside = inside & (number_N >= 0), inside & (number_N < 0)
        # Where the piece has something else than lies there, that ends at the hole: it is no shade to go on inside.
        off_N = np.linalg.norm(_at(picture_HW3, there_N2) - _at(picture_HW3, (source_N2 + way).clip(0, limit)), axis=1)
        beside &= off_N < fit.another
        if barred_HW is not None:
            beside &= ~_at(barred_HW, there_N2)
        diagonal_N += linked | beside
        wanted_N3 += np.where(linked[:, None], (own + other) / 2, 0)
        wanted_N3 += np.where(beside[:, None], own + _at(picture_HW3, there_N2), 0)
        rows.append(np.flatnonzero(linked))
        columns.append(number_N[linked])
    values = np.concatenate([diagonal_N, np.full(sum(map(len, rows)) - count, -1.0)])
    matrix = csc_array((values, (np.concatenate(rows), np.concatenate(columns))), shape=(count, count))
    filled = picture_HW3.copy()
    filled[hole_HW] = splu(matrix, permc_spec="MMD_AT_PLUS_A").solve(wanted_N3).clip(0, 1)
    return filled


def _at(picture: np.ndarray, places_N2: np.ndarray) -> np.ndarray:
    return picture[places_N2[:, 0], places_N2[:, 1]]


def _at_full_size(
    smooth_3HW: torch.Tensor,
    hole_HW: torch.Tensor,
    unusable_HW: torch.Tensor,
    picture_hw3: np.ndarray,
    source_hw2: np.ndarray,
) -> torch.Tensor:
    """Full-size pixels copied along the shifts for texture, on the low frequencies of the reduced picture."""
    height, width = hole_HW.shape
    rows, columns = source_hw2.shape[:2]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    cell_y, cell_x = (y * rows) // height, (x * columns) // width
    source = torch.from_numpy(source_hw2)[cell_y, cell_x]
    shift_y = ((source[..., 0] - cell_y) * height).div(rows, rounding_mode="floor")
    shift_x = ((source[..., 1] - cell_x) * width).div(columns, rounding_mode="floor")
    from_y, from_x = (y + shift_y).clamp(0, height - 1), (x + shift_x).clamp(0, width - 1)
    picture = torch.from_numpy(picture_hw3).float().permute(2, 0, 1)[None]
    coarse = F.interpolate(picture, (height, width), mode="bilinear", align_corners=False)[0]
    small = F.interpolate(smooth_3HW[None], (rows, columns), mode="area")
    detail = smooth_3HW - F.interpolate(small, (height, width), mode="bilinear", align_corners=False)[0]
    usable = (~unusable_HW)[from_y, from_x]
    textured = coarse + torch.where(usable, detail[:, from_y, from_x], torch.zeros_like(coarse))
    return torch.where(hole_HW, textured, smooth_3HW)
