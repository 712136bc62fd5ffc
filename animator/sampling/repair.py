"""Where the network may paint: outside the repair mask the known latents are kept at every step.

Source: blended diffusion (Avrahami et al. 2022, "Blended Diffusion for Text-driven Editing of Natural Images").
Half-trusted places are handled as in differential diffusion (Levin & Fried 2023): they are kept while the noise
is strong and released later, so the warp gives their shapes and the network their detail, without a seam.

Legend: B frames, C h w latents, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F  # noqa: N812


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """Latents that need little or no generation.

    Attributes:
        latents_BChw: clean latents of the warped photo.
        freedom_B1hw: [0, 1]; 0 is kept to the end, 1 is generated from pure noise, 0.3 is released for the last
            three tenths of the sampling.
    """

    latents_BChw: torch.Tensor
    freedom_B1hw: torch.Tensor

    def kept(self, done: float) -> torch.Tensor:
        """bool [B, 1, h, w]: cells still kept when the share `done` of the sampling is behind us."""
        return (self.freedom_B1hw == 0) | (done < 1 - self.freedom_B1hw)


def freedom(need_B1hw: torch.Tensor, repair: float) -> torch.Tensor:
    """How free each cell is, from how much it needs repair.

    Args:
        need_B1hw: [0, 1], 1 where the warp is not to be trusted.
        repair: 0 keeps everything, 0.5 frees as needed, 1 frees everything; the need is shifted in between.
    """
    if not 0 <= repair <= 1:
        raise ValueError(f"repair {repair} lies outside 0 ... 1")
    return (need_B1hw + (2 * repair - 1)).clamp(0, 1)


def trust(need_BHW: torch.Tensor, repair: float) -> torch.Tensor:
    """[B, H, W] in [0, 1]: 1 where the warp is right, 0 in and around what the network is to make anew."""
    free = freedom(need_BHW[:, None], repair)
    around = F.avg_pool2d(F.max_pool2d(free, 5, stride=1, padding=2), 5, stride=1, padding=2, count_include_pad=False)
    return 1 - around[:, 0]
