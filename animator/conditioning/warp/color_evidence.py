"""What colours say about where a pixel belongs: histograms of two regions, each taken around the pixel.

One mean colour per region is not enough: a jacket open over a striped shirt has the sleeve's colour and the stripes' on
one and the same trunk, and beside the stripes the jacket would be taken for sleeve.

Legend: H W pixels, N pixels asked about, P colours of the palette.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch.nn import functional as F  # noqa: N812

from animator.matting import box_mean

# Colours closer than about this are the same cloth in another light (RGB in [0, 1]).
ALIKE = 0.06
_PALETTE = 32
# A colour that neither region shows says nothing: the share of pixels at which it begins to count.
_FLOOR = 0.01
# A colour that both show this often tells nothing, however much more of it the one has: sleeve and shirt are one cloth.
_ENOUGH = 0.12
# Tints at this brightness are told apart as colours are; what is about as dark as the second has none to speak of.
_TINT, _DARK = 0.3, 0.05
# Histograms vary slowly: they are kept for every so many px.
_CELL_PX = 4
_FEWEST = 20
_SAMPLES = 1500


def color_evidence(
    colors_3HW: torch.Tensor,
    first_HW: torch.Tensor,
    second_HW: torch.Tensor,
    asked_HW: torch.Tensor,
    *,
    reach_px: float | None,
) -> torch.Tensor:
    """Log of how much likelier each pixel's colour is in the first region than in the second, as they look nearby.

    Args:
        colors_3HW: [0, 1].
        first_HW, second_HW: bool, pixels that surely belong to the one and to the other.
        asked_HW: bool, where an answer is wanted.
        reach_px: how far around a pixel the regions are looked at, px; none: all of them, wherever the pixel lies.

    Returns:
        [H, W]: 0 where not asked, where a region is all but empty, and where both look alike.
    """
    evidence = torch.zeros_like(colors_3HW[0])
    if min(int(first_HW.sum()), int(second_HW.sum())) < _FEWEST or not bool(asked_HW.any()):
        return evidence
    colors_HW3 = colors_3HW.permute(1, 2, 0)
    # Each region names its own colours: a hand must not be lost among those of a whole suit.
    palette_P3 = torch.cat([_palette(colors_HW3[first_HW]), _palette(colors_HW3[second_HW])])
    row, column = asked_HW.nonzero(as_tuple=True)
    named_NP = _named(colors_HW3[row, column], palette_P3)
    shares = []
    for region_HW in (first_HW, second_HW):
        if reach_px is None:
            shares.append(named_NP @ _named(colors_HW3[region_HW], palette_P3).mean(0))
            continue
        local_Phw = _local_histograms(colors_3HW, region_HW, palette_P3, reach_px)
        # One share per cell would do; between the cells' centres it is interpolated, or their sides would show.
        height, width = evidence.shape
        grid = torch.stack([(column + 0.5) * (2 / width) - 1, (row + 0.5) * (2 / height) - 1], -1)[None, None]
        nearby = F.grid_sample(local_Phw[None], grid.to(local_Phw), padding_mode="border", align_corners=False)[0, :, 0]
        shares.append((named_NP * nearby.T).sum(1))
    answer = _log_ratio(*shares)
    if reach_px is not None:
        # What nothing nearby looks like may be one of them in another light: the sunlit edge of trousers behind an arm
        # that shades the rest of them, the shade of an arm on a white shirt.
        known = ((shares[0] + shares[1]) / _FLOOR).clamp(0, 1)
        answer = torch.lerp(_tint_evidence(colors_HW3, first_HW, second_HW, (row, column)), answer, known)
    evidence[row, column] = answer
    return evidence


def _tint_evidence(
    colors_HW3: torch.Tensor, first_HW: torch.Tensor, second_HW: torch.Tensor, at: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """As `color_evidence` [N] by tint alone, from all of both regions."""
    tints = tint(colors_HW3)
    palette_P3 = torch.cat([_palette(tints[first_HW]), _palette(tints[second_HW])])
    named_NP = _named(tints[at], palette_P3)
    return _log_ratio(*(named_NP @ _named(tints[region], palette_P3).mean(0) for region in (first_HW, second_HW)))


def tint(colors: torch.Tensor) -> torch.Tensor:
    """Colours [..., 3] but for how bright they are: a matte surface in twice the light has twice each of its values."""
    return _TINT * colors / (colors.mean(-1, keepdim=True) + _DARK)


def _log_ratio(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Log of how much larger the first share is than the second, where either is large enough to tell."""
    return ((first.clamp_max(_ENOUGH) + _FLOOR) / (second.clamp_max(_ENOUGH) + _FLOOR)).log()


def share_alike(colors_N3: torch.Tensor, region_M3: torch.Tensor, *, alike: float = ALIKE) -> torch.Tensor:
    """Share [N] of a region's pixels that look like each colour, which they do within about `alike`."""
    region_M3 = region_M3[:: max(1, len(region_M3) // _SAMPLES)]
    return torch.cat([_alike(part, region_M3, alike).mean(1) for part in colors_N3.split(4096)])


def _palette(colors_N3: torch.Tensor) -> torch.Tensor:
    """The colours [P, 3] that stand for most pixels: means of the fullest cells of the colour cube."""
    cells_N3 = (colors_N3 / ALIKE).floor().long()
    cells_N3 = cells_N3 - cells_N3.amin(0)
    # One number per cell: numbers are sorted many times faster than rows.
    red, green, blue = cells_N3.unbind(1)
    _, most_green, most_blue = (cells_N3.amax(0) + 1).unbind()
    number_N = (red * most_green + green) * most_blue + blue
    _, member, counts = number_N.unique(return_inverse=True, return_counts=True)
    means = torch.zeros(len(counts), 3, dtype=colors_N3.dtype, device=colors_N3.device)
    means.index_add_(0, member, colors_N3)
    fullest = counts.argsort(descending=True, stable=True)[:_PALETTE]
    return means[fullest] / counts[fullest, None]


def _named(colors_N3: torch.Tensor, palette_P3: torch.Tensor) -> torch.Tensor:
    """How far each colour is each of the palette's, [N, P]; sums to 1, and to 0 for a colour far from all of them."""
    near = _alike(colors_N3, palette_P3)
    return near.div_(near.sum(1, keepdim=True) + 0.05)


def _alike(colors_N3: torch.Tensor, others_M3: torch.Tensor, alike: float = ALIKE) -> torch.Tensor:
    """How alike colours are, [N, M], 1 for the same; in place, for there are millions of pairs."""
    return torch.cdist(colors_N3, others_M3).div_(alike).square_().mul_(-0.5).exp_()


def _local_histograms(
    colors_3HW: torch.Tensor, region_HW: torch.Tensor, palette_P3: torch.Tensor, reach_px: float
) -> torch.Tensor:
    """Share [P, h, w] of each colour among the region's pixels within reach, and a little of all the region's."""
    cells = _cells(_named(colors_3HW[:, region_HW].T, palette_P3), region_HW)
    radius = max(1, round(reach_px / _CELL_PX / 2))
    overall_P = cells.contiguous().mean((2, 3))[0]
    nearby = box_mean(box_mean(cells, radius), radius)[0] + 1e-3 * overall_P[:, None, None]
    return nearby[:-1] / nearby[-1:].clamp_min(1e-9)


def _cells(named_NP: torch.Tensor, region_HW: torch.Tensor) -> torch.Tensor:
    """Means [1, P + 1, h, w] over cells of what the region's pixels show, and of how much of a cell is the region's."""
    height, width = region_HW.shape
    rows, columns = (region_HW.any(dim).nonzero()[:, 0] for dim in (1, 0))
    top, left = (int(each[0]) // _CELL_PX for each in (rows, columns))
    bottom, right = (int(each[-1]) // _CELL_PX + 1 for each in (rows, columns))
    # The region's own box alone, colours last: a pixel is written in one piece, and all its colours are added at once.
    inside_1hw = region_HW[None, top * _CELL_PX : bottom * _CELL_PX, left * _CELL_PX : right * _CELL_PX]
    counts_1hwP = named_NP.new_zeros(*inside_1hw.shape, named_NP.shape[1] + 1)
    counts_1hwP[inside_1hw] = F.pad(named_NP, (0, 1), value=1.0)
    means_1Phw = F.avg_pool2d(rearrange(counts_1hwP, "b h w p -> b p h w"), _CELL_PX, ceil_mode=True)
    return F.pad(means_1Phw, (left, -(-width // _CELL_PX) - right, top, -(-height // _CELL_PX) - bottom))
