"""What pixels of the photo are fetched from: the part that a layer shows, finer than the photo.

Legend: H W pixels, C channels, V vertices, N points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F  # noqa: N812

# Per px of the photo, across and down.
TEXELS = 2
# Px about a layer within which a resampling that stops at the edge would be felt.
_MARGIN = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Texture:
    """A part of a picture, drawn finer.

    Attributes:
        texels_CHW: [0, 1], `TEXELS` by `TEXELS` for every px of the part.
        corner: (left, top) px of the part in the picture.
    """

    texels_CHW: torch.Tensor
    corner: tuple[int, int]

    @classmethod
    def of(cls, picture_CHW: torch.Tensor, shown_V2: torch.Tensor) -> Texture:
        """The part of a picture in [0, 1] in which some points lie, with what is around it.

        A photo moved by half a pixel must not come out blurred. Between pixels that lie far apart even a bicubic curve
        loses fine detail; between those of a picture drawn finer without new detail (Lanczos) it loses next to nothing.
        About a hard edge of the opacity such a curve swings by .03 at most, which nobody sees.

        Args:
            picture_CHW: RGB, then opacity and the like.
            shown_V2: px.
        """
        height, width = picture_CHW.shape[1:]
        low, high = shown_V2.amin(0).floor().long() - _MARGIN, shown_V2.amax(0).ceil().long() + _MARGIN
        left, right = (int(edge[0].clamp(0, width)) for edge in (low, high))
        top, bottom = (int(edge[1].clamp(0, height)) for edge in (low, high))
        # Nothing of it in the picture: one px, which nothing asks for.
        left, top = min(left, width - 1), min(top, height - 1)
        part = picture_CHW[:, top : max(bottom, top + 1), left : max(right, left + 1)].contiguous()
        size = (part.shape[2] * TEXELS, part.shape[1] * TEXELS)
        planes = [Image.fromarray(plane).resize(size, Image.Resampling.LANCZOS) for plane in part.cpu().numpy()]
        texels = torch.from_numpy(np.stack([np.asarray(plane) for plane in planes])).to(picture_CHW)
        return cls(texels_CHW=texels.clamp(0, 1), corner=(left, top))

    def fetch(self, points_N2: torch.Tensor) -> torch.Tensor:
        """[C, N] in [0, 1] at points of the picture, px; zero beyond the part."""
        height, width = self.texels_CHW.shape[1:]
        places = (points_N2 - points_N2.new_tensor(self.corner)) * TEXELS
        grid = places * (2 / places.new_tensor((width, height))) - 1
        fetched = F.grid_sample(self.texels_CHW[None], grid[None, None], mode="bicubic", align_corners=False)
        return fetched[0, :, 0].clamp(0, 1)
