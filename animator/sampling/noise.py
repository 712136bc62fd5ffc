"""Starting noise as a pure function of seed and absolute frame: any frame can be made anywhere.

Legend: B frames, C h w latents.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from animator.sampling.config import NoiseKind


def frame_noise(
    frames: Sequence[int],
    shape: tuple[int, int, int],
    *,
    seed: int,
    kind: NoiseKind = "shared",
    shared_share: float = 0.5,
    stream: str = "start",
) -> torch.Tensor:
    """Gaussian noise [B, C, h, w] for absolute frame indices, float32 on the CPU.

    Args:
        frames: absolute indices within the clip.
        shape: (C, h, w).
        seed: of the render.
        kind: `shared` gives every frame the same noise (DreamPose), `independent` its own, `mixed` both in the
            variance share `shared_share` (PYoCo, Ge et al. 2023, eq. 4).
        shared_share: share of the variance that all frames have in common, 0 ... 1.
        stream: separates uses of noise that must not repeat each other.

    Raises:
        ValueError: a share outside 0 ... 1.
    """
    share = {"shared": 1.0, "independent": 0.0, "mixed": shared_share}[kind]
    if not 0 <= share <= 1:
        raise ValueError(f"shared_share {shared_share} lies outside 0 ... 1")
    common = _draw(shape, seed, stream, "all")
    if share == 1:
        return common.expand(len(frames), *shape).clone()
    own = torch.stack([_draw(shape, seed, stream, str(frame)) for frame in frames])
    return math.sqrt(share) * common + math.sqrt(1 - share) * own


def _draw(shape: tuple[int, int, int], seed: int, stream: str, frame: str) -> torch.Tensor:
    """Noise for one key. Hashing keeps neighbouring seeds and frames unrelated."""
    digest = hashlib.sha256(f"{seed}/{stream}/{frame}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
    return torch.randn(shape, generator=generator)
