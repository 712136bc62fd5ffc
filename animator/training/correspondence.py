"""Where the photo should have been carried: what is left between its warp and the truth, on rendered people.

The renderer names the point of the surface that every pixel shows, and the warp of the photo's own coordinates tells
which pixel of the photo it shows where. Both together say for every pixel of the target where in the warped photo the
same point of the surface lies. Correspondence by nearest surface coordinates is that of DensePose (Güler et al. 2018).

Legend: H W pixels of the canvas, h w cells of the field, K keypoints, P pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from scipy.spatial import cKDTree

from animator.conditioning.warp import PhotoWarp
from animator.models.warp_refiner import CELL_PX
from animator.synthesis.dataset import Sample
from animator.training.pairs import Reference

# Displacements beyond this are matches by chance, or of what only new colours mend.
MAX_PX = 28.0
# Steps between neighbouring pixels within which a point of a surface is the same one.
_SAME = 2.0
# Every so many pixels one is asked; so many of a cell's four have to know.
_STRIDE, _FEWEST_OF_CELL = 2, 2
# Pixels of a piece of surface from which on it is looked for.
_FEWEST_SHOWN, _FEWEST_WANTED = 8, 2
_OPAQUE = 0.5


def true_displacement(
    reference: Reference, keypoints_K2: torch.Tensor, confidence_K: torch.Tensor, rendered: Sample
) -> tuple[torch.Tensor, torch.Tensor]:
    """The field that puts the warped photo right: target(p) shows what warped(p + field(p)) shows.

    Args:
        reference: the photo of `rendered`, made ready.
        keypoints_K2, confidence_K: the pose it is warped to, canvas px, NaN unseen.
        rendered: of `RenderedPeople`; sides that are multiples of `CELL_PX`.

    Returns:
        ([2, h, w] float32, px of the canvas, x right and y down, 0 where unknown; [h, w] bool, where it is known:
        where the target shows a point of the person's surface that the warped photo shows, too).
    """
    photo = _Surface.of(rendered, "reference")
    warped = photo.seen_at(*_places_shown(reference.warp, keypoints_K2, confidence_K))
    return _cells(_displacements(warped, _Surface.of(rendered, "target")))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Surface:
    """Which point of the person every pixel shows.

    Attributes:
        piece_HW: a part and its layer in one number, 0 where nobody is.
        uv_HW2: the point within its piece.
    """

    piece_HW: np.ndarray
    uv_HW2: np.ndarray

    @classmethod
    def of(cls, rendered: Sample, name: str) -> _Surface:
        parts, layers = (rendered[f"{name}_{kind}_HW"].numpy().astype(np.int64) for kind in ("parts", "layers"))
        return cls(piece_HW=np.where(parts > 0, parts * 256 + layers, 0), uv_HW2=rendered[f"{name}_uv_HW2"].numpy())

    def seen_at(self, places_HW2: np.ndarray, shown_HW: np.ndarray) -> _Surface:
        """The surface of a picture that shows, where it shows anything, what lies at some places (x, y) px of this."""
        height, width = self.piece_HW.shape
        x = places_HW2[..., 0].astype(np.int64).clip(0, width - 1)
        y = places_HW2[..., 1].astype(np.int64).clip(0, height - 1)
        return _Surface(piece_HW=np.where(shown_HW, self.piece_HW[y, x], 0), uv_HW2=self.uv_HW2[y, x])


def _places_shown(
    warp: PhotoWarp, keypoints_K2: torch.Tensor, confidence_K: torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """([H, W, 2] which place of the photo, (x, y) px, each pixel of the warped photo shows; [H, W] where it does)."""
    height, width = warp.size
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    # In [0, 1], as colours are; so that what becomes of colours becomes of places.
    places_3HW = torch.stack([x / width, y / height, torch.zeros_like(x)])
    placed = warp.showing(places_3HW)
    with torch.inference_mode():
        shown = placed(keypoints_K2[None], confidence_K[None])
    places = rearrange(shown.colors_B3HW[0, :2].numpy(), "c h w -> h w c") * np.array([width, height])
    return places, shown.coverage_BHW[0].numpy() > _OPAQUE


def _displacements(warped: _Surface, target: _Surface) -> np.ndarray:
    """[H, W, 2] px from pixels of the target to where the warped photo shows the same point; NaN where unknown."""
    height, width = target.piece_HW.shape
    found = np.full((height, width, 2), np.nan, np.float32)
    asked_HW = np.zeros((height, width), bool)
    asked_HW[::_STRIDE, ::_STRIDE] = True
    for piece in np.unique(target.piece_HW[target.piece_HW > 0]):
        wanted_HW = target.piece_HW == piece
        there, here = np.argwhere(warped.piece_HW == piece), np.argwhere(wanted_HW & asked_HW)
        if len(there) < _FEWEST_SHOWN or len(here) < _FEWEST_WANTED:
            continue
        tree = cKDTree(warped.uv_HW2[tuple(there.T)])
        distance, nearest = tree.query(target.uv_HW2[tuple(here.T)])
        moved = there[nearest] - here
        is_same = distance < _SAME * _step(target.uv_HW2, wanted_HW)
        is_same &= np.hypot(*moved.T) < MAX_PX
        found[tuple(here[is_same].T)] = moved[is_same, ::-1]
    return found


def _step(uv_HW2: np.ndarray, piece_HW: np.ndarray) -> float:
    """How far apart on a piece of surface neighbouring pixels usually are; 0 where it has none."""
    neighbours = piece_HW[:, 1:] & piece_HW[:, :-1]
    steps = np.abs(np.diff(uv_HW2, axis=1)).sum(-1)[neighbours]
    return float(np.median(steps)) if len(steps) else 0.0


def _cells(displacements_HW2: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Cell by cell the median of what is known, which a few false matches leave as it is."""
    votes = rearrange(displacements_HW2, "(h i) (w j) c -> h w (i j) c", i=CELL_PX, j=CELL_PX)
    known = (~np.isnan(votes[..., 0])).sum(-1) >= _FEWEST_OF_CELL
    field = np.zeros((*known.shape, 2), np.float32)
    field[known] = np.nanmedian(votes[known], axis=1)
    return torch.from_numpy(rearrange(field, "h w c -> c h w").copy()), torch.from_numpy(known)
