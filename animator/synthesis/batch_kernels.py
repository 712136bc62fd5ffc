"""Rasterisation of many frames at once in torch: the algorithms of `rasterizer` and `lighting`, vectorised.

Each triangle is spread over the samples of its bounding box (triangles grouped by size), and a packed
(depth, face) key is reduced with `amax`, so the result does not depend on the order of execution.

Legend: B frames, V vertices and F faces of all frames together, N samples or candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from animator.synthesis import lighting
from animator.synthesis.rasterizer import ALPHA_LEVELS
from animator.synthesis.textures import MAX_LEVELS


@dataclass(slots=True)
class Scene:
    """All frames' geometry and materials joined; indices are global over the batch."""

    vertices: Tensor
    faces: Tensor
    uv: Tensor
    piece: Tensor
    part: Tensor
    layer: Tensor
    frame_V: Tensor
    frame_F: Tensor
    textures: Tensor
    bumps: Tensor
    cutout: Tensor
    two_sided: Tensor
    materials: Tensor
    texels: Tensor
    table: Tensor


def batch_normals(scene: Scene) -> Tensor:
    """Normals [V, 3] of length 1, the mean of the faces around each vertex by area."""
    a, b, c = scene.vertices[scene.faces].unbind(1)
    face = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(scene.vertices).index_add_(0, scene.faces.reshape(-1), face.repeat_interleave(3, 0))
    return functional.normalize(total, dim=1, eps=1e-20)


def batch_ambient(scene: Scene, normals: Tensor, centres_BD3: Tensor) -> Tensor:
    """See `lighting.ambient_visibility`."""
    size, scale = lighting.AMBIENT_CELLS, 1 / lighting.AMBIENT_CELL_M
    seen, total = torch.zeros_like(scene.vertices[:, 0]), torch.full_like(scene.vertices[:, 0], 1e-4)
    base = scene.frame_V * size * size
    for number, frame in enumerate(torch.as_tensor(lighting.AMBIENT_FRAMES, device=seen.device)):
        local = scene.vertices - centres_BD3[scene.frame_V, number]
        flat = local @ frame.T
        u = (flat[:, 0] * scale + size / 2).clamp(1, size - 2.001)
        v = (flat[:, 1] * scale + size / 2).clamp(1, size - 2.001)
        highest = torch.full(((int(scene.frame_V[-1]) + 1) * size * size,), -1e9, device=local.device)
        highest.scatter_reduce_(0, base + v.long() * size + u.long(), flat[:, 2], "amax")
        weight = normals @ frame[2] + 0.15
        u, v = u - 0.5, v - 0.5
        iu, iv = u.long(), v.long()
        fu, fv = u - iu, v - iv
        blocked = torch.zeros_like(u)
        for dy in range(2):
            for dx in range(2):
                share = (fu if dx else 1 - fu) * (fv if dy else 1 - fv)
                rise = (highest[base + (iv + dy) * size + iu + dx] - flat[:, 2] - 0.04) * 14
                blocked = blocked + share * rise.clamp(0, 1)
        weight = weight.clamp(min=0)
        total, seen = total + weight, seen + weight * (1 - blocked)
    return seen / total


def _candidates(
    points: Tensor, faces: Tensor, keep: Tensor, height: int, width: int
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Yields (face, x, y, weights [N, 3]) for all samples in the boxes of the kept faces, by box size."""
    corners = points[faces]
    x0 = torch.ceil(corners[..., 0].amin(1) - 0.5).clamp(min=0).long()
    y0 = torch.ceil(corners[..., 1].amin(1) - 0.5).clamp(min=0).long()
    x1 = (torch.floor(corners[..., 0].amax(1) - 0.5) + 1).clamp(max=width).long()
    y1 = (torch.floor(corners[..., 1].amax(1) - 0.5) + 1).clamp(max=height).long()
    extent = torch.maximum(x1 - x0, y1 - y0)
    keep = keep & (x1 > x0) & (y1 > y0)
    low, side = 0, 2
    while low < max(height, width):
        chosen = torch.nonzero(keep & (extent > low) & (extent <= side)).squeeze(1)
        step = torch.arange(side, device=points.device)
        for block in chosen.split(max(1, 4_000_000 // side**2)):
            x = (x0[block, None, None] + step[None, None]).expand(-1, side, -1).reshape(-1)
            y = (y0[block, None, None] + step[None, :, None]).expand(-1, -1, side).reshape(-1)
            face = block.repeat_interleave(side * side)
            inside = (x < x1[face]) & (y < y1[face])
            face, x, y = face[inside], x[inside], y[inside]
            weights = _weights(corners[face], x, y)
            covered = (weights >= 0).all(1)
            if covered.any():
                yield face[covered], x[covered], y[covered], weights[covered]
        low, side = side, side * 2


def _weights(corners: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """[N, 3] barycentric weights of the sample centres, screen-linear."""
    (ax, ay), (bx, by), (cx, cy) = (corners[:, k, :2].unbind(1) for k in range(3))
    px, py = x + 0.5, y + 0.5
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    w0 = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
    w1 = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
    return torch.stack([w0, w1, 1 - w0 - w1], dim=1)


def batch_shadow_maps(scene: Scene, frames: Tensor, centre: Tensor) -> Tensor:
    """[B, S, S]; see `rasterizer.shadow_depth`."""
    size, scale = lighting.SHADOW_CELLS, lighting.SHADOW_CELLS / lighting.SHADOW_EXTENT_M
    flat = torch.einsum("vij,vj->vi", frames[scene.frame_V], scene.vertices - centre[scene.frame_V])
    flat = torch.cat([flat[:, :2] * scale + size / 2, flat[:, 2:]], dim=1)
    out = torch.full((len(frames) * size * size,), -1e9, device=flat.device)
    every = torch.ones(len(scene.faces), dtype=torch.bool, device=flat.device)
    for face, x, y, weights in _candidates(flat, scene.faces, every, size, size):
        high = (weights * flat[scene.faces[face], 2]).sum(1)
        out.scatter_reduce_(0, (scene.frame_F[face] * size + y) * size + x, high, "amax")
    return out.view(len(frames), size, size)


def batch_rasterize(scene: Scene, screen: Tensor, size: tuple[int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Inverse depth and face (-1 none) of each sample, flattened, and the mip level of each face."""
    corners = screen[scene.faces]
    (ax, ay, _), (bx, by, _), (cx, cy, _) = (corners[:, k].unbind(1) for k in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    keep = (corners[..., 2] > 0).all(1) & ((area < 0) | scene.two_sided[scene.piece]) & (area.abs() >= 1e-9)
    texture = scene.textures[scene.piece]
    d1, d2 = scene.uv[:, 1] - scene.uv[:, 0], scene.uv[:, 2] - scene.uv[:, 0]
    texel_area = (
        (d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]).abs() * scene.table[texture, 0, 1] * scene.table[texture, 0, 2]
    )
    lod = (0.5 * torch.log2(texel_area / area.abs() + 1e-6) + 0.35).clamp(0, MAX_LEVELS - 1.01)
    keys = torch.full((size[0] * size[1] * size[2],), -1, dtype=torch.int64, device=screen.device)
    levels = torch.as_tensor(ALPHA_LEVELS, device=screen.device)
    for face, x, y, weights in _candidates(screen, scene.faces, keep, size[1], size[2]):
        near_3 = weights * corners[face, :, 2]
        near = near_3.sum(1)
        drawn = torch.ones_like(x, dtype=torch.bool)
        cut = torch.nonzero(scene.cutout[scene.piece[face]]).squeeze(1)
        if len(cut):
            uv = (near_3[cut, :, None] * scene.uv[face[cut]]).sum(1) / near[cut, None]
            level = (lod[face[cut]] + 0.2).long()
            alpha = sample_bilinear(scene, texture[face[cut]], level, uv)[:, 3] * 255
            drawn[cut] = alpha >= levels[y[cut] & 1, x[cut] & 1]
        key = (near.float().view(torch.int32).long() << 32) | (0x7FFFFFFF - face)
        place = (scene.frame_F[face] * size[1] + y) * size[2] + x
        keys.scatter_reduce_(0, place[drawn], key[drawn], "amax")
    empty = keys < 0
    depth = (keys >> 32).to(torch.int32).view(torch.float32)
    face = torch.where(empty, -1, 0x7FFFFFFF - (keys & 0x7FFFFFFF))
    return torch.where(empty, 0, depth), face, lod


def sample_bilinear(scene: Scene, texture: Tensor, level: Tensor, uv: Tensor, decode: Tensor | None = None) -> Tensor:
    """[N, 4] texels in [0, 1]; `decode` maps the 256 codes to light first."""
    offset, height, width = scene.table[texture, level].unbind(1)
    x = torch.minimum((uv[:, 0] * width - 0.5).clamp(min=0), width - 1.001)
    y = torch.minimum(((1 - uv[:, 1]) * height - 0.5).clamp(min=0), height - 1.001)
    ix, iy = x.long(), y.long()
    fx, fy = (x - ix)[:, None], (y - iy)[:, None]
    at = offset + iy * width + ix
    taps = [scene.texels[at], scene.texels[at + 1], scene.texels[at + width], scene.texels[at + width + 1]]
    a, b, c, d = (tap.float() / 255 if decode is None else decode[tap.long()] for tap in taps)
    return (a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy


def sample_trilinear(scene: Scene, texture: Tensor, lod: Tensor, uv: Tensor, decode: Tensor | None = None) -> Tensor:
    """Texture values at `uv`, blended between the two levels of detail around `lod`."""
    level = lod.long()
    rest = (lod - level)[:, None]
    rest = torch.where(rest < 0.02, 0, torch.where(rest > 0.98, 1, rest))
    low = sample_bilinear(scene, texture, level, uv, decode)
    return low * (1 - rest) + rest * sample_bilinear(scene, texture, (level + 1).clamp(max=MAX_LEVELS - 1), uv, decode)


class Samples:
    """The covered samples and their interpolated geometry.

    Attributes: `index` [N] into the flattened sample grids; `face`, `frame`, `piece` [N]; `near` [N] inverse depth;
    `lod` [N]; `corners` [N, 3] vertices; `weights` [N, 3] perspective-correct; `area` [N] signed; `uv` [N, 2].
    """

    def __init__(
        self, scene: Scene, screen: Tensor, depth: Tensor, face: Tensor, lod: Tensor, size: tuple[int, int, int]
    ) -> None:
        self.index = torch.nonzero(face >= 0).squeeze(1)
        self.face = face[self.index]
        self.frame, self.piece = scene.frame_F[self.face], scene.piece[self.face]
        self.near, self.lod = depth[self.index], lod[self.face]
        self.corners = scene.faces[self.face]
        points = screen[self.corners]
        flat = _weights(points, self.index % size[2], self.index // size[2] % size[1])
        self.weights = flat * points[..., 2] / self.near[:, None]
        (ax, ay, _), (bx, by, _), (cx, cy, _) = (points[:, k].unbind(1) for k in range(3))
        self.area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        self.uv = (self.weights[..., None] * scene.uv[self.face]).sum(1)

    def interpolate(self, values: Tensor) -> Tensor:
        """[N, ...] of per-vertex values."""
        weights = self.weights if values.ndim == 1 else self.weights[..., None]
        return (weights * values[self.corners]).sum(1)
