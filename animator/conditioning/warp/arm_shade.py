"""The shade that an arm casts on what it lies beside: it goes where the arm goes, and is none of the cloth's.

Legend: H W pixels.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.anatomy import smoothstep
from animator.conditioning.warp.figure import Figure
from animator.inpainting import nearest_fill
from animator.matting import box_mean

# Torso lengths beside an arm in which its shade lies: an arm is about as thick, and hides the light of half the sky
# from no more of what it touches.
_REACH = 0.1
# How much of its light a shaded cloth keeps, in the photo's own brightness: from where to where the shade is doubted,
# and up to where there is none. A round body's sides are a little darker than its middle, arm or no arm: up to 0.96 a
# bare back turned brighter than it is (- .40 dB in a film of one, so - .15).
_LEFT, _NONE = (0.5, 0.6), (0.7, 0.84)
# How far from its cloth's tint a shade may be, as a share of the cloth's brightness.
_OFF = (0.06, 0.14)
# Torso lengths over which a shade is the same.
_SMOOTH = 0.02


def shade_of_arms(
    figure: Figure, arms_HW: torch.Tensor, cloth_HW: torch.Tensor, *, blur_px: int, farness: tuple[float, float]
) -> torch.Tensor:
    """How surely [H, W], in [0, 1], cloth beside an arm is darker than the same cloth farther out, and in no other way.

    Args:
        figure: the person.
        arms_HW: [0, 1], what the arms cover.
        cloth_HW: bool, what is seen of the body.
        blur_px, farness: of `nearest_fill`.
    """
    from scipy.ndimage import distance_transform_edt

    colors = figure.colors_3HW
    away = torch.from_numpy(distance_transform_edt((arms_HW < 0.05).cpu().numpy())).to(colors)
    beside = away / (_REACH * figure.size)
    free = cloth_HW & (beside > 1)
    asked = ((arms_HW < 0.5) & (figure.matte_HW > 0.5) & (figure.hull > 0.5) & (beside <= 1)).to(colors)
    if not bool(free.any()) or not bool(asked.any()):
        return torch.zeros_like(arms_HW)
    lit = nearest_fill(colors, free, blur_px=blur_px, farness=farness)
    bright = lit.square().sum(0).clamp_min(1e-4)
    left = (colors * lit).sum(0) / bright
    off = (colors - left * lit).norm(dim=0) / bright.sqrt()
    shade = asked * smoothstep(*_LEFT, left) * (1 - smoothstep(*_NONE, left)) * (1 - smoothstep(*_OFF, off))
    radius = max(1, round(_SMOOTH * figure.size))
    even, of = (box_mean(each[None, None], radius)[0, 0] for each in (shade, asked))
    return asked * (even / of.clamp_min(1e-3)) * (1 - smoothstep(0.4, 1.0, beside))
