"""Textures with mip levels, packed into one array so that compiled kernels can sample any of them.

Legend: H W texels, N packed texels, T textures, L levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MAX_LEVELS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TexturePack:
    """Attributes:
    texels_N4: uint8 RGBA of all levels of all textures.
    table_TL3: int32 offset, height, width of each level; the last level repeats.
    """

    texels_N4: np.ndarray
    table_TL3: np.ndarray


def pack_textures(images: list[np.ndarray]) -> TexturePack:
    """Packs uint8 [H, W, 4] images. Colour is averaged weighted by alpha, so that cut-outs do not bleed."""
    texels, table, offset = [], np.zeros((len(images), MAX_LEVELS, 3), np.int32), 0
    for number, image in enumerate(images):
        level = image.astype(np.float32)
        for step in range(MAX_LEVELS):
            height, width = level.shape[:2]
            table[number, step] = offset, height, width
            if step == 0 or (height, width) != tuple(table[number, step - 1, 1:]):
                texels.append(np.round(level).clip(0, 255).astype(np.uint8).reshape(-1, 4))
                offset += height * width
            else:
                table[number, step] = table[number, step - 1]
            level = _halve(level) if min(height, width) >= 8 else level
    return TexturePack(texels_N4=np.ascontiguousarray(np.concatenate(texels)), table_TL3=table)


def _halve(level: np.ndarray) -> np.ndarray:
    size = (level.shape[1] // 2, level.shape[0] // 2)
    weight = level[..., 3:] + 1.0
    colour = cv2.resize(level[..., :3] * weight, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)[..., None]
    alpha = cv2.resize(level[..., 3], size, interpolation=cv2.INTER_AREA)
    return np.concatenate([colour / total, alpha[..., None]], axis=-1)


def bake_attributes(
    uv_F32: np.ndarray, values_F3C: np.ndarray, *, height: int, width: int, spread_px: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolates per-corner values over the texture: [H, W, C] float32 and the covered texels [H, W] bool.

    Texels within `spread_px` of the chart take the value of the nearest covered one, so that filtering at chart
    borders stays clean.
    """
    from animator.synthesis.rasterizer import fill_triangles

    corners = np.stack([uv_F32[..., 0] * width, (1 - uv_F32[..., 1]) * height], axis=-1).astype(np.float32)
    baked = np.zeros((height, width, values_F3C.shape[-1]), np.float32)
    covered = np.zeros((height, width), np.bool_)
    fill_triangles(corners, values_F3C.astype(np.float32), baked, covered)
    inside = covered
    for _ in range(spread_px):
        weight = cv2.blur(covered.astype(np.float32), (3, 3))
        summed = cv2.blur(np.where(covered[..., None], baked, 0), (3, 3)).reshape(baked.shape)
        ring = (weight > 0) & ~covered
        baked[ring] = summed[ring] / weight[ring][:, None]
        covered = covered | ring
    return baked, inside
