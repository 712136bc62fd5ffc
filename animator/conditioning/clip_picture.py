"""A photo as CLIP's image encoder takes it: a square, in the colours it was trained on.

Legend: B batch, H W pixels.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

# OpenAI's CLIP was trained on pictures normalised with these (Radford et al. 2021).
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def clip_picture(photo_B3HW: torch.Tensor, *, side: int, fit: str) -> torch.Tensor:
    """Photos [0, 1] as squares of `side` px: whole with black bars (`pad`), or their middle (`crop`)."""
    height, width = photo_B3HW.shape[-2:]
    scale = side / (max if fit == "pad" else min)(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = F.interpolate(photo_B3HW.float(), size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
    top, left = (side - size[0]) // 2, (side - size[1]) // 2
    # Negative padding crops.
    return F.pad(small, (left, side - size[1] - left, top, side - size[0] - top))


def normalised(pictures_B3HW: torch.Tensor, *, value_range: tuple[float, float] = (0.0, 1.0)) -> torch.Tensor:
    """Pictures [0, 1] as CLIP was trained on them, [B, 3, H, W].

    Args:
        value_range: what black and white become before CLIP's own means are taken off; (0, 1) is what CLIP was
            trained with, models trained elsewhere may have been shown something else.
    """
    low, high = value_range
    mean, std = (torch.tensor(each, device=pictures_B3HW.device)[:, None, None] for each in (CLIP_MEAN, CLIP_STD))
    return (low + pictures_B3HW * (high - low) - mean) / std
