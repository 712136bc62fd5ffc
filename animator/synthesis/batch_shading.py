"""Shading of the covered samples in torch; the same light as `shading.shade`, sample by sample.

Legend: B frames, N samples, S shadow cells.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from animator.synthesis import lighting, shading
from animator.synthesis.batch_kernels import Samples, Scene, sample_trilinear


def batch_shade(
    scene: Scene,
    hit: Samples,
    *,
    normals: Tensor,
    ambient: Tensor,
    shadow_BSS: Tensor,
    frames_B33: Tensor,
    centre_B3: Tensor,
    lights: dict[str, Tensor],
) -> Tensor:
    """[N, 3] linear light of the samples; `lights` holds the light's strengths and the eye, one row a frame."""
    normal, point = hit.interpolate(normals), hit.interpolate(scene.vertices)
    open_sky = hit.interpolate(ambient)
    inside = scene.two_sided[hit.piece] & (hit.area > 0)
    normal = torch.where(inside[:, None], -normal, normal)
    open_sky = torch.where(inside, open_sky * 0.45, open_sky)
    normal, cavity = _bumped(scene, hit, normal)
    eye = functional.normalize(lights["eye_3"][hit.frame] - point, dim=1)
    light = frames_B33[hit.frame, 2]
    facing = (normal * eye).sum(1).clamp(min=0)
    cosine = (normal * light).sum(1)
    material = scene.materials[hit.piece]
    wrap = material[:, shading.SCATTER]
    start = point - centre_B3[hit.frame] + 0.012 * normal
    lit = _key_visibility(shadow_BSS, frames_B33, start, hit.frame, lights["softness_m"])
    lit = torch.where(cosine > -wrap, lit, 0)
    direct = cosine.clamp(min=0) * lit
    wrapped = ((cosine + wrap) / (1 + wrap)).clamp(min=0) * lit
    half = (normal * functional.normalize(eye + light, dim=1)).sum(1).clamp(min=0)
    gloss = material[:, shading.GLOSS] * half ** material[:, shading.SHARPNESS] * lit
    grazing = (1 - facing) ** 3
    spread = torch.tensor([1.0, 0.45, 0.30], device=point.device)
    diffuse = direct[:, None] + (wrapped - direct)[:, None] * spread
    up = (0.5 + 0.5 * normal[:, 1])[:, None]
    sky = (lights["sky_3"][hit.frame] * up + lights["floor_3"][hit.frame] * (1 - up)) * (open_sky * cavity)[:, None]
    key = lights["key_3"][hit.frame]
    arriving = key * diffuse + sky + lights["fill_3"][hit.frame] * (facing * (0.4 + 0.6 * open_sky))[:, None]
    linear = torch.as_tensor(shading.LINEAR, device=point.device)
    albedo = sample_trilinear(scene, scene.textures[hit.piece], hit.lod, hit.uv, linear)[:, :3] * material[:, :3]
    fuzz = (material[:, shading.FUZZ] * grazing)[:, None]
    sheen = (material[:, shading.GLOSS] * 0.25 * grazing)[:, None] * sky
    return albedo * arriving * (1 + fuzz) + gloss[:, None] * key + sheen


def _bumped(scene: Scene, hit: Samples, normal: Tensor) -> tuple[Tensor, Tensor]:
    """Normals tilted by the bump textures, normalised, and the cavity factor."""
    cavity = torch.ones_like(hit.near)
    which = torch.nonzero(scene.bumps[hit.piece] >= 0).squeeze(1)
    if len(which):
        face, piece = hit.face[which], hit.piece[which]
        slope = sample_trilinear(scene, scene.bumps[piece], hit.lod[which], hit.uv[which])
        a, b, c = scene.vertices[hit.corners[which]].unbind(1)
        d1, d2 = scene.uv[face, 1] - scene.uv[face, 0], scene.uv[face, 2] - scene.uv[face, 0]
        sign = torch.where(d1[:, :1] * d2[:, 1:] - d2[:, :1] * d1[:, 1:] > 0, 1.0, -1.0)
        tangent = functional.normalize(((b - a) * d2[:, 1:] - (c - a) * d1[:, 1:]) * sign, dim=1)
        bitangent = functional.normalize(((c - a) * d1[:, :1] - (b - a) * d2[:, :1]) * sign, dim=1)
        strength = 2 * scene.materials[piece, shading.BUMP][:, None]
        tilt = strength * ((slope[:, :1] - 0.502) * tangent + (slope[:, 1:2] - 0.502) * bitangent)
        normal = normal.index_add(0, which, -tilt)
        cavity = cavity.index_copy(0, which, slope[:, 2])
    return functional.normalize(normal, dim=1), cavity


def _key_visibility(shadow_BSS: Tensor, frames_B33: Tensor, point: Tensor, frame: Tensor, softness_B: Tensor) -> Tensor:
    """[N] share of the key light; see `shading._key_visibility`."""
    size, scale = lighting.SHADOW_CELLS, lighting.SHADOW_CELLS / lighting.SHADOW_EXTENT_M
    local = torch.einsum("nij,nj->ni", frames_B33[frame], point)
    u, v = local[:, 0] * scale + size / 2 - 0.5, local[:, 1] * scale + size / 2 - 0.5
    step = softness_B[frame] * scale
    lit = torch.zeros_like(u)
    for j in range(-1, 2):
        for i in range(-1, 2):
            iu, iv = (u + i * step + 0.5).long(), (v + j * step + 0.5).long()
            known = (iu >= 0) & (iv >= 0) & (iu < size) & (iv < size)
            high = shadow_BSS[frame, iv.clamp(0, size - 1), iu.clamp(0, size - 1)]
            shade = ((high - local[:, 2] - 0.018) * 60).clamp(0, 1)
            lit = lit + torch.where(known, 1 - shade, 1)
    return lit / 9
