"""How far a picture is from the one it should be.

Legend: B batch, C colour, H W pixels.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812


def reconstruction_loss(
    made_BCHW: torch.Tensor, true_BCHW: torch.Tensor, weight_B1HW: torch.Tensor | None = None, *, edges: float = 1.0
) -> torch.Tensor:
    """Mean absolute error of colours plus that of their differences between neighbours; the mean over samples.

    The second term is what keeps edges: blur costs little in colour and much in gradient (Mathieu et al. 2016).

    Args:
        weight_B1HW: how much each pixel counts among those of its sample; none counts all alike.
        edges: share of the second term.
    """
    weight = torch.ones_like(true_BCHW[:, :1]) if weight_B1HW is None else weight_B1HW
    weight = weight / weight.mean((1, 2, 3), keepdim=True)
    error = made_BCHW - true_BCHW
    loss = (error.abs() * weight).mean()
    if edges:
        across = (error.diff(dim=-1).abs() * weight[..., 1:]).mean()
        down = (error.diff(dim=-2).abs() * weight[..., 1:, :]).mean()
        loss = loss + edges * (across + down)
    return loss


def structural_dissimilarity(made_BCHW: torch.Tensor, true_BCHW: torch.Tensor, *, window: int = 7) -> torch.Tensor:
    """(1 - SSIM) / 2 with a box window, mean over all pixels (Wang et al. 2004); pictures in [0, 1]."""

    def mean(picture: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(picture, window, stride=1)

    mean_made, mean_true = mean(made_BCHW), mean(true_BCHW)
    spread_made = mean(made_BCHW.square()) - mean_made.square()
    spread_true = mean(true_BCHW.square()) - mean_true.square()
    together = mean(made_BCHW * true_BCHW) - mean_made * mean_true
    c1, c2 = 0.01**2, 0.03**2
    ssim = ((2 * mean_made * mean_true + c1) * (2 * together + c2)) / (
        (mean_made.square() + mean_true.square() + c1) * (spread_made + spread_true + c2)
    )
    return ((1 - ssim) / 2).mean()
