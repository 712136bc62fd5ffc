"""Pictures against pictures: how close a generated frame is to the real one, on the whole frame or a region.

Frames are float32 RGB tensors in [0, 1]. A region is a float tensor of weights in [0, 1] at the frame's size;
None means the whole frame. A region without weight has no score: NaN.

SSIM and MS-SSIM are ours rather than torchmetrics', which tests hold them equal to: both scores, on the frame
and on the person, come from one pyramid of separable convolutions, several times faster, and only maps can be
averaged under a matte.

Legend: C channels, H W pixels. Tensors are [1, C, H, W], regions [1, 1, H, W].
"""

from __future__ import annotations

import math

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

MAX_PSNR_DB = 100.0
# Weights of the scales from fine to coarse: Wang et al. 2003, section 3.2.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Gradient energies below this are flat pictures; one grey level of 255 over a pixel is 1.5e-5.
MIN_GRADIENT_ENERGY = 1e-9

_SSIM_C1, _SSIM_C2 = 0.01**2, 0.03**2
_SSIM_SIGMA, _SSIM_RADIUS = 1.5, 5
_GMSD_CONSTANT = 170.0 / 255.0**2
_LUMA = (0.299, 0.587, 0.114)


def frame_tensor(pixels_HWC: np.ndarray) -> Tensor:
    """uint8 RGB [H, W, 3] as float32 [1, 3, H, W] in [0, 1]."""
    return rearrange(torch.from_numpy(np.array(pixels_HWC)), "h w c -> 1 c h w").to(torch.float32) / 255


def region_tensor(mask_HW: np.ndarray) -> Tensor:
    """Mask or weights [H, W] as a region [1, 1, H, W]."""
    return rearrange(torch.from_numpy(np.ascontiguousarray(mask_HW, dtype=np.float32)), "h w -> 1 1 h w")


def l1(generated: Tensor, real: Tensor, region: Tensor | None = None) -> float:
    """Mean absolute difference."""
    return _mean((generated - real).abs(), region)


def psnr(generated: Tensor, real: Tensor, region: Tensor | None = None) -> float:
    """Peak signal-to-noise ratio in dB, at most `MAX_PSNR_DB`, which is what identical pictures get."""
    error = _mean((generated - real).square(), region)
    if math.isnan(error):
        return math.nan
    return min(MAX_PSNR_DB, -10.0 * math.log10(error)) if error > 0 else MAX_PSNR_DB


def similarity_pyramid(generated: Tensor, real: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Per scale the SSIM map and its contrast-structure factor, finest first.

    Wang et al. 2004, equations 6 to 13; scales by 2x2 means (Wang et al. 2003). Windows at the border see the
    picture reflected. There are as many scales, up to five, as keep a whole window inside the coarsest.

    Raises:
        ValueError: pictures of different shapes, or too small for one window (11 px).
    """
    if generated.shape != real.shape:
        raise ValueError(f"pictures differ in shape: {list(generated.shape)} and {list(real.shape)}")
    pyramid: list[tuple[Tensor, Tensor]] = []
    if min(real.shape[-2:]) < 2 * _SSIM_RADIUS + 1:
        raise ValueError(f"SSIM needs sides of 11 px or more, got {real.shape[-1]} x {real.shape[-2]}")
    for _ in range(_num_scales(min(real.shape[-2:]))):
        if pyramid:
            generated, real = F.avg_pool2d(generated, 2), F.avg_pool2d(real, 2)
        pyramid.append(_similarity_maps(generated, real))
    return pyramid


def ssim(pyramid: list[tuple[Tensor, Tensor]], region: Tensor | None = None) -> float:
    """Mean SSIM of the finest scale."""
    return _mean(pyramid[0][0], region)


def ms_ssim(pyramid: list[tuple[Tensor, Tensor]], region: Tensor | None = None) -> float:
    """Multi-scale SSIM (Wang et al. 2003, equation 7), the region reduced with each scale.

    Equal to torchmetrics' with the five standard weights; with fewer scales the first weights are scaled to
    sum 1, and with a single scale the score is NaN: it would be plain SSIM under another name.
    """
    if len(pyramid) < 2:
        return math.nan
    weights = np.array(MS_SSIM_WEIGHTS[: len(pyramid)])
    if len(pyramid) < len(MS_SSIM_WEIGHTS):
        weights = weights / weights.sum()
    score, inner = 1.0, slice(_SSIM_RADIUS, -_SSIM_RADIUS)
    for scale, ((similarity, contrast), weight) in enumerate(zip(pyramid, weights, strict=True)):
        if scale and region is not None:
            region = F.avg_pool2d(region, 2)
        if scale == len(pyramid) - 1:
            factor = _mean(similarity, region)
        else:
            inside = region[..., inner, inner] if region is not None else None
            factor = _mean(contrast[..., inner, inner], inside)
        # NaN must survive: max() would drop it.
        score *= factor if math.isnan(factor) else max(factor, 0.0) ** float(weight)
    return score


def gmsd(generated: Tensor, real: Tensor, region: Tensor | None = None) -> float:
    """Gradient magnitude similarity deviation of the luma (Xue et al. 2014, equations 1 to 5).

    Halved by 2x2 means and compared by Prewitt gradients as in the paper; the one pixel at the border, where
    the filter would need pixels that do not exist, is left out.
    """
    magnitudes = [_prewitt(F.avg_pool2d(luma(picture), 2)) for picture in (generated, real)]
    similarity = (2 * magnitudes[0] * magnitudes[1] + _GMSD_CONSTANT) / (
        magnitudes[0].square() + magnitudes[1].square() + _GMSD_CONSTANT
    )
    inside = F.avg_pool2d(region, 2)[..., 1:-1, 1:-1] if region is not None else None
    center = _mean(similarity, inside)
    return math.sqrt(_mean((similarity - center).square(), inside)) if not math.isnan(center) else math.nan


def gradient_energy(picture: Tensor, region: Tensor | None = None) -> float:
    """Mean squared luma gradient, by forward differences; the last row and column have none."""
    gray = luma(picture)
    energy = (gray[..., :-1, 1:] - gray[..., :-1, :-1]).square() + (gray[..., 1:, :-1] - gray[..., :-1, :-1]).square()
    return _mean(energy, region[..., :-1, :-1] if region is not None else None)


def sharpness_ratio(generated: Tensor, real: Tensor, region: Tensor | None = None) -> float:
    """Gradient energy over the real picture's; NaN where the real picture is flat."""
    wanted = gradient_energy(real, region)
    return gradient_energy(generated, region) / wanted if wanted > MIN_GRADIENT_ENERGY else math.nan


def luma(picture: Tensor) -> Tensor:
    """Rec. 601 luma [1, 1, H, W] of RGB."""
    weights = picture.new_tensor(_LUMA)
    return rearrange(torch.einsum("bchw,c->bhw", picture, weights), "b h w -> b 1 h w")


def _mean(values: Tensor, region: Tensor | None) -> float:
    """Mean over pixels and channels, weighted by the region; NaN for a region without weight."""
    if region is None:
        return float(values.mean())
    weight = float(region.sum(dtype=torch.float64))
    if weight <= 0:
        return math.nan
    return float((values * region).sum(dtype=torch.float64)) / (weight * values.shape[-3])


def _num_scales(side: int) -> int:
    """How many scales keep a whole window inside the coarsest picture, at most five."""
    num_scales = 1
    while num_scales < len(MS_SSIM_WEIGHTS) and side >> num_scales >= 2 * _SSIM_RADIUS + 1:
        num_scales += 1
    return num_scales


def _similarity_maps(generated: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    channels = generated.shape[1]
    moments = torch.cat([generated, real, generated * generated, real * real, generated * real], dim=1)
    mean_g, mean_r, square_g, square_r, product = _gaussian_blur(moments).split(channels, dim=1)
    variance_g = (square_g - mean_g * mean_g).clamp(min=0)
    variance_r = (square_r - mean_r * mean_r).clamp(min=0)
    contrast = (2 * (product - mean_g * mean_r) + _SSIM_C2) / (variance_g + variance_r + _SSIM_C2)
    luminance = (2 * mean_g * mean_r + _SSIM_C1) / (mean_g * mean_g + mean_r * mean_r + _SSIM_C1)
    return luminance * contrast, contrast


def _gaussian_blur(picture: Tensor) -> Tensor:
    """Separable Gaussian window of SSIM, the picture reflected at its border."""
    channels = picture.shape[1]
    places = torch.arange(-_SSIM_RADIUS, _SSIM_RADIUS + 1, dtype=torch.float64)
    window = torch.exp(-0.5 * (places / _SSIM_SIGMA) ** 2)
    window = (window / window.sum()).to(picture)
    padded = F.pad(picture, (_SSIM_RADIUS,) * 4, mode="reflect")
    rows = F.conv2d(padded, repeat(window, "k -> c 1 1 k", c=channels), groups=channels)
    return F.conv2d(rows, repeat(window, "k -> c 1 k 1", c=channels), groups=channels)


def _prewitt(gray: Tensor) -> Tensor:
    """Gradient magnitude by the Prewitt filters over 3, without the 1-px border."""
    across = gray.new_tensor([[1.0, 0.0, -1.0]] * 3) / 3
    kernels = rearrange([across, across.T], "k h w -> k 1 h w")
    return F.conv2d(gray, kernels).square().sum(dim=1, keepdim=True).sqrt()
