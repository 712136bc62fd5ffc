"""What stands behind the person: the photo's own background, continued where the person hid it, or another picture.

Holes are filled with pieces of the rest of the picture, so that grass stays grass (`shift_map.py`).

Legend: H W pixels.
"""

from __future__ import annotations

import numpy as np
import torch

from animator.cast_shadow import cast_shadow
from animator.conditioning.warp.cutout import widened
from animator.inpainting import push_pull
from animator.matting import foreground_colors, unmixed
from animator.plain_ground import PlainGround
from animator.shift_map import fill_from_shifts
from animator.surroundings import continue_beyond

# How far from the matte nothing is kept of the photo, and how far only what is sure to be background: shares of the
# height. Films whose other frames show the truth: from the second pixel on a busy background beside the person is 4 to
# 7 grey levels off, what is filled in 20 to 37. On plain ground both are right, and each remnant of hair would be seen.
MARGIN, WIDE_MARGIN = 0.006, 0.018
# How far around the background tells how plain it is and which colours it has: share of the height.
GROUND_REACH = 0.05
# Where less is left of the photo, or it is smaller, there are no pieces to fill the rest with.
MOST_HIDDEN, SMALLEST_PX = 0.9, 20
# Distance of two colours (RGB in [0, 1]) from which on they can be told apart, and from which on surely.
TOLD_APART = (0.08, 0.25)
# RGB in [0, 1] by which a colour may lie outside of those that are seen beside it.
ALIKE = 0.04
# A pixel farther from every mixture of two colours than this share of their distance shows something else.
FOREIGN = 0.5
# What a matte takes for the person beyond this is taken away only in part, up to nothing where it is sure.
LIKELY = 0.5


def fill_background(
    photo_3HW: torch.Tensor,
    matte_HW: torch.Tensor,
    known_HW: torch.Tensor,
    *,
    others_HW: torch.Tensor | None = None,
) -> torch.Tensor:
    """The photo without its person.

    Args:
        photo_3HW: [0, 1].
        matte_HW: the person's opacity.
        known_HW: bool, the rectangle of canvas pixels that the photo covers; beyond it the filled photo goes on.
        others_HW: opacity of other people in the photo: they stay, and no piece of them comes up elsewhere. None:
            there is nobody else.

    Returns:
        [3, H, W] in [0, 1]; untouched pixels are the photo's own.
    """
    rows, columns = known_HW.any(1).nonzero()[:, 0], known_HW.any(0).nonzero()[:, 0]
    top, left = int(rows[0]), int(columns[0])
    bottom, right = int(rows[-1]) + 1, int(columns[-1]) + 1
    photo_3hw, matte_hw = photo_3HW[:, top:bottom, left:right], matte_HW[top:bottom, left:right]
    hole_hw, others_hw = _hole(photo_3hw, matte_hw, matte_HW.shape[0]), None
    if others_HW is not None:
        others_hw = widened((others_HW[top:bottom, left:right] > 0.05).float(), matte_HW.shape[0] * MARGIN) > 0.5
    inside = _without_person(photo_3hw, hole_hw, others_hw)
    placed = torch.zeros_like(photo_3HW)
    placed[:, top:bottom, left:right] = inside.clamp(0, 1)
    return continue_beyond(placed, known_HW, grained=others_HW is None)


def opacity_before(photo_3HW: torch.Tensor, matte_HW: torch.Tensor, background_3HW: torch.Tensor) -> torch.Tensor:
    """The person's opacity as the colours at its edge tell it.

    Before the photo's own background nobody sees where a matte is too wide; before another one it is a halo. Where the
    matte is between, so may the pixel's colour be: a mixture (`unmixed`) of the person's, continued from inside, and of
    what was filled in behind. Where both look alike, or the pixel like neither of them, the matte stays. On eight
    rendered people the error became smaller by 8 %, and what the matte took in of the background by 13 %.

    Args:
        photo_3HW: [0, 1].
        matte_HW: the person's opacity.
        background_3HW: the photo without the person, from `fill_background`.

    Returns:
        [H, W] in [0, 1].
    """
    seen, foreign, apart = unmixed(photo_3HW, foreground_colors(photo_3HW, matte_HW), background_3HW)
    alike, unlike = TOLD_APART
    told = ((apart - alike) / (unlike - alike)).clamp(0, 1) * (1 - foreign / FOREIGN).clamp(0, 1)
    doubt = torch.where(seen < matte_HW, ((1 - matte_HW) / (1 - LIKELY)).clamp(0, 1), 1.0)
    is_edge = (matte_HW > 0.02) & (matte_HW < 0.98)
    return torch.where(is_edge, torch.lerp(matte_HW, seen, told * doubt), matte_HW)


def _hole(photo_3HW: torch.Tensor, matte_HW: torch.Tensor, height: int) -> torch.Tensor:
    """Bool [H, W]: what the person hides, shades or has coloured; `height` of the canvas, px."""
    near, wide = (widened((matte_HW > 0.05).float(), height * reach) > 0.5 for reach in (MARGIN, WIDE_MARGIN))
    shadow = widened(cast_shadow(photo_3HW, wide).float(), height * WIDE_MARGIN) > 0.5
    ground = PlainGround.beside(photo_3HW, ~wide, reach_px=height * GROUND_REACH)
    plain = (ground.plain_HW > 0.5) | ground.shaded(photo_3HW)
    doubted = plain | ~_occurs(photo_3HW, ~wide, height * GROUND_REACH)
    hidden = near | (wide & doubted) | shadow
    # A speck that is left of the ring is no background: pieces of it would be copied.
    return _without_specks(1 - widened(1 - widened(hidden.float(), 1), 1) > 0.5, (height * WIDE_MARGIN) ** 2)


def _without_specks(hole_HW: torch.Tensor, area_px: float) -> torch.Tensor:
    """The hole with all islands in it of less than so many px."""
    from scipy.ndimage import label

    pieces, _ = label((~hole_HW).cpu().numpy())
    is_speck = np.bincount(pieces.ravel()) < area_px
    is_speck[0] = False
    return hole_HW | torch.from_numpy(is_speck[pieces]).to(hole_HW.device)


def _occurs(photo_3HW: torch.Tensor, seen_HW: torch.Tensor, reach_px: float) -> torch.Tensor:
    """Bool [H, W]: whether a colour lies among those of the background that is seen (bool) within `reach_px`."""
    brightest = widened(torch.where(seen_HW, photo_3HW, -1.0), reach_px)
    darkest = -widened(torch.where(seen_HW, -photo_3HW, -2.0), reach_px)
    return ((photo_3HW < brightest + ALIKE) & (photo_3HW > darkest - ALIKE)).all(0)


def _without_person(
    photo_3HW: torch.Tensor, hole_HW: torch.Tensor, others_HW: torch.Tensor | None = None
) -> torch.Tensor:
    if not bool(hole_HW.any()):
        return photo_3HW
    hidden_HW = hole_HW if others_HW is None else hole_HW | others_HW
    if bool(hidden_HW.all()):
        hidden_HW, others_HW = hole_HW, None
    smooth = torch.where(hole_HW, push_pull(photo_3HW, (~hidden_HW).float()), photo_3HW)
    if float(hidden_HW.float().mean()) > MOST_HIDDEN or min(hole_HW.shape) < SMALLEST_PX:
        return smooth
    return fill_from_shifts(smooth, hole_HW, barred_HW=others_HW)
