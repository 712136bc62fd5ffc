"""What a plain ground tells: a wall or a studio's paper has, pixel by pixel, a colour that can be foretold.

Legend: H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from animator.inpainting import push_pull
from animator.matting import box_mean, ramp, unmixed

# Spread of colours (RGB in [0, 1]) about a pixel up to which a ground is plain, and from which on it is not.
_PLAIN = 0.015, 0.03
# Spread below which a ground is calm enough for shade on it to be told; share of the ground's light that is less than
# all of it, and how far the channels of a shade may differ in theirs.
_CALM, _IN_SHADE, _TINT = 0.05, 0.98, 0.1
# A pixel is the ground's up to so many spreads from the colour foretold, and so much for what light and lens add.
_SPREADS, _SHADE = 2.0, 0.02
# Difference of person and ground from which on colours begin to tell them apart, and from which on they do.
_TOLD_APART = 0.12, 0.25
# How dark folds become, as a share of the light.
_DARKEST = 0.4
# Share of the difference of person and ground by which a pixel may be like neither nor a mixture of both.
_OFF = 0.25
# px at an outline where a lens mixes the colours of both sides.
_MIXED_PX = 2
# How many times as far from the ground's colour the person's own may lie for that to be one of its shades.
_LIKE = 3.0
# Share of a gap that no outline leads to which has to lie where gaps may be.
_BESIDE_LIMBS = 0.7
# Share of a gap's surroundings that has to be unlike the ground.
_SHARP = 0.7
# Share of the ground's colour in the midst of limbs and trunk up to which it is not the person's own, and from which.
_OWN = 0.02, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainGround:
    """The ground's colours as they go on behind the person.

    Attributes:
        colors_3HW: foretold from what is seen beside the person.
        spread_HW: how far the seen ground's colours lie apart, RGB.
        plain_HW: [0, 1], how far that may be relied on.
    """

    colors_3HW: torch.Tensor
    spread_HW: torch.Tensor
    plain_HW: torch.Tensor

    @classmethod
    def beside(cls, photo_3HW: torch.Tensor, seen_HW: torch.Tensor, *, reach_px: float) -> PlainGround:
        """The ground about a person, from where it alone is seen (bool), as it looks within `reach_px`."""
        radius = max(2, round(reach_px))
        weight = seen_HW.to(photo_3HW.dtype)[None]
        sums = box_mean(torch.cat([photo_3HW * weight, photo_3HW.square() * weight, weight])[None], radius)[0]
        share = sums[6].clamp_min(1e-6)
        mean, square = sums[:3] / share, sums[3:6] / share
        spread = (square - mean.square()).clamp_min(0).sum(0).sqrt()
        # A window that only touches the ground knows little of it.
        known = (sums[6] * 4).clamp(0, 1) * (sums[6] > 0.02)
        foretold = push_pull(torch.cat([mean, spread[None]]), known)
        return cls(colors_3HW=foretold[:3], spread_HW=foretold[3], plain_HW=1 - ramp(_PLAIN, foretold[3]))

    def shows(self, photo_3HW: torch.Tensor, *, within: float = 1.0) -> torch.Tensor:
        """Bool [H, W]: where a pixel has the ground's colour, or one `within` times as far from it as that may be."""
        apart = (photo_3HW - self.colors_3HW).norm(dim=0)
        return (apart < within * (_SPREADS * self.spread_HW + _SHADE)) & (self.plain_HW > 0.5)

    def shaded(self, photo_3HW: torch.Tensor) -> torch.Tensor:
        """Bool [H, W]: where a ground that is calm, if not plain, is seen in less light: the person's own shade."""
        light = photo_3HW / self.colors_3HW.clamp_min(0.05)
        same_tint = light.amax(0) - light.amin(0) < _TINT
        return (light.mean(0) < _IN_SHADE) & same_tint & (self.spread_HW < _CALM)


def clear_of_ground(
    photo_3HW: torch.Tensor,
    matte_HW: torch.Tensor,
    ground: PlainGround,
    *,
    core_HW: torch.Tensor,
    open_HW: torch.Tensor,
    reach_px: float,
    depth_px: float,
) -> torch.Tensor:
    """A matte without the plain ground that it took in, with an edge as the colours tell it.

    At the edge pixels are mixtures (`unmixed`) of the person's colours, continued from inside, and the ground foretold.

    Args:
        photo_3HW: [0, 1].
        matte_HW: the person's opacity.
        ground: from `PlainGround.beside`.
        core_HW: bool, surely the person: the midst of limbs and trunk.
        open_HW: bool, where gaps may be that no outline leads to: beside limbs; a print on the chest is none.
        reach_px: how far about a pixel the core is asked whether the ground's colour is its own as well.
        depth_px: how far from its outline the matte may be wrong.

    Returns:
        [H, W] in [0, 1], nowhere more than the matte.
    """
    shows, like = ground.shows(photo_3HW), ground.shows(photo_3HW, within=_LIKE)
    # Cloth has lights and shades: the ground's very colour is the person's own where its neighbours are.
    own = ramp(_OWN, _share(like, core_HW, reach_px))
    person_3HW = _from_inside(photo_3HW, (matte_HW > 0.95) & ~shows)
    told = ramp(_TOLD_APART, _from_shades(ground.colors_3HW, person_3HW)) * (1 - own) * ground.plain_HW
    asked = shows & ~core_HW & (told > 0.5)
    gaps = _beside_outline(asked, matte_HW, depth_px) | _enclosed(asked, open_HW, like)
    if not bool((gaps & (matte_HW > 0)).any()):
        return matte_HW
    seen, off, apart = unmixed(photo_3HW, person_3HW, ground.colors_3HW)
    # What is left of the ground's own grain is no opacity.
    grain = (_SPREADS * ground.spread_HW + _SHADE) / apart
    seen = ((seen - grain) / (0.95 - grain).clamp_min(0.1)).clamp(0, 1)
    doubted = torch.maximum(_spread_out(gaps), (matte_HW < 0.98).to(matte_HW.dtype)) * (~core_HW)
    share = told * doubted * (2 - off / _OFF).clamp(0, 1)
    lowered = torch.lerp(matte_HW, torch.minimum(matte_HW, seen), share)
    return torch.where(lowered < 0.02, torch.zeros_like(lowered), lowered)


def _from_inside(photo_3HW: torch.Tensor, inside_HW: torch.Tensor) -> torch.Tensor:
    """The person's colours [3, H, W], continued from inside (bool); its rim counts only where there is nothing else."""
    return push_pull(photo_3HW, torch.maximum(1 - _spread_out(~inside_HW), 0.01 * inside_HW))


def _from_shades(ground_3HW: torch.Tensor, person_3HW: torch.Tensor) -> torch.Tensor:
    """How far [H, W] the ground's colour is from the person's, or from what that becomes in folds and in the shade."""
    lit = (ground_3HW * person_3HW).sum(0) / person_3HW.square().sum(0).clamp_min(1e-4)
    return (ground_3HW - lit.clamp(_DARKEST, 1) * person_3HW).norm(dim=0)


def _spread_out(mask_HW: torch.Tensor) -> torch.Tensor:
    """1 [H, W] up to `_MIXED_PX` around a mask (bool), else 0."""
    return F.max_pool2d(mask_HW.float()[None, None], 2 * _MIXED_PX + 1, stride=1, padding=_MIXED_PX)[0, 0]


def _share(shows_HW: torch.Tensor, core_HW: torch.Tensor, reach_px: float) -> torch.Tensor:
    """[H, W]: how much of the core nearby has the ground's colour; as all of it has, where there is no core nearby."""
    core = core_HW.float()
    radius = max(2, round(reach_px))
    sums = box_mean(torch.stack([core * shows_HW, core])[None], radius)[0]
    overall = (core * shows_HW).sum() / core.sum().clamp_min(1)
    return (sums[0] + 1e-4 * overall) / (sums[1] + 1e-4)


def _beside_outline(shows_HW: torch.Tensor, matte_HW: torch.Tensor, depth_px: float) -> torch.Tensor:
    """Bool [H, W]: what is outside, and the ground's colour that hangs together with it along the outline."""
    from scipy.ndimage import binary_propagation, distance_transform_edt

    outside = (matte_HW < 0.02).cpu().numpy()
    near = distance_transform_edt((matte_HW > 0.5).cpu().numpy()) < depth_px
    found = binary_propagation(outside, mask=outside | (shows_HW.cpu().numpy() & near))
    return torch.from_numpy(found).to(matte_HW.device)


def _enclosed(shows_HW: torch.Tensor, open_HW: torch.Tensor, like_HW: torch.Tensor) -> torch.Tensor:
    """Bool [H, W]: the pieces of the ground's colour beside limbs that end at an edge; folds of cloth fade."""
    from scipy.ndimage import grey_dilation, label

    pieces, count = label(shows_HW.cpu().numpy())
    inner, outer = (grey_dilation(pieces, size=2 * px + 1) for px in (_MIXED_PX, 2 * _MIXED_PX))
    rim = np.where(inner == 0, outer, 0)
    unlike = np.where(like_HW.cpu().numpy(), 0, rim)
    opened = np.where(open_HW.cpu().numpy(), pieces, 0)
    size, free, around, edge = (
        np.bincount(each.ravel(), minlength=count + 1) for each in (pieces, opened, rim, unlike)
    )
    kept = (free > _BESIDE_LIMBS * size) & (edge > _SHARP * around)
    kept[0] = False
    return torch.from_numpy(kept[pieces]).to(shows_HW.device)
