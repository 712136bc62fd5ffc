"""Draws many frames at once in torch, on CPU or GPU: the same pictures as `renderer.draw`.

Legend: B frames, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from animator.synthesis import lighting, renderer
from animator.synthesis.batch_kernels import (
    Samples,
    Scene,
    batch_ambient,
    batch_normals,
    batch_rasterize,
    batch_shadow_maps,
)
from animator.synthesis.batch_shading import batch_shade
from animator.synthesis.camera import Camera
from animator.synthesis.lighting import Light
from animator.synthesis.mesh import RenderMesh
from animator.synthesis.rasterizer import SAMPLES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """One frame to draw; fields as the arguments of `renderer.draw`."""

    mesh: RenderMesh
    vertices_V3: np.ndarray
    camera: Camera
    light: Light
    background_HW3: np.ndarray
    floor_strength: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchLayers:
    """Like `renderer.Layers` with a batch axis, on the renderer's device; image uint8, depth inf on the background."""

    image_BHWC: Tensor
    matte_BHW: Tensor
    parts_BHW: Tensor
    layers_BHW: Tensor
    uv_BHW2: Tensor
    depth_BHW: Tensor


class TorchRenderer:
    """Draws batches of frames of one picture size on `device`; meshes are uploaded once and kept."""

    def __init__(self, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self._meshes: dict[int, tuple[RenderMesh, dict[str, Tensor]]] = {}

    def draw(self, jobs: list[Job]) -> BatchLayers:
        """Draws all jobs; every camera must have the same picture size."""
        scene = self._gather(jobs)
        height, width = jobs[0].camera.height, jobs[0].camera.width
        size = (len(jobs), height * SAMPLES, width * SAMPLES)
        screen = self._project(scene, [job.camera for job in jobs])
        normals = batch_normals(scene)
        middles = [renderer.light_centre(job.vertices_V3) for job in jobs]
        ambient = batch_ambient(scene, normals, self._stack([lighting.ambient_centres(middle) for middle in middles]))
        frames = self._stack([lighting.light_frame(job.light.direction_3) for job in jobs])
        centre = self._stack([_key_centre(job) for job in jobs])
        shadow = batch_shadow_maps(scene, frames, centre)
        depth, face, lod = batch_rasterize(scene, screen, size)
        hit = Samples(scene, screen, depth, face, lod, size)
        colour = batch_shade(
            scene, hit, normals=normals, ambient=ambient, shadow_BSS=shadow, frames_B33=frames, centre_B3=centre,
            lights=self._lights(jobs),
        )  # fmt: skip
        return self._resolve(jobs, scene, hit, colour, shadow, frames, centre, size)

    def _stack(self, arrays: list[np.ndarray]) -> Tensor:
        return torch.as_tensor(np.stack(arrays).astype(np.float32), device=self.device)

    def _lights(self, jobs: list[Job]) -> dict[str, Tensor]:
        lights = {
            name: self._stack([getattr(job.light, name) for job in jobs])
            for name in ("key_3", "sky_3", "floor_3", "fill_3", "softness_m")
        }
        return lights | {"eye_3": self._stack([job.camera.position_3 for job in jobs])}

    def _upload(self, mesh: RenderMesh) -> dict[str, Tensor]:
        known = self._meshes.get(id(mesh))
        if known is None:
            arrays = {
                "faces": mesh.faces_F3.astype(np.int64), "uv": mesh.uv_F32, "piece": mesh.piece_F.astype(np.int64),
                "part": mesh.part_F, "layer": mesh.layer_F,
                "textures": mesh.textures_P.astype(np.int64), "bumps": mesh.bumps_P.astype(np.int64),
                "cutout": mesh.cutout_P, "two_sided": mesh.two_sided_P, "materials": mesh.materials_PM,
                "texels": mesh.pack.texels_N4, "table": mesh.pack.table_TL3.astype(np.int64),
            }  # fmt: skip
            known = (mesh, {name: torch.as_tensor(array, device=self.device) for name, array in arrays.items()})
            self._meshes[id(mesh)] = known
        return known[1]

    def _gather(self, jobs: list[Job]) -> Scene:
        parts: dict[str, list[Tensor]] = {}
        vertex = piece = texture = texel = 0
        first_piece: dict[int, int] = {}
        for number, job in enumerate(jobs):
            mesh = self._upload(job.mesh)
            if id(job.mesh) not in first_piece:
                first_piece[id(job.mesh)] = piece
                table = mesh["table"].clone()
                table[..., 0] += texel
                bumps = torch.where(mesh["bumps"] >= 0, mesh["bumps"] + texture, -1)
                own = {"table": table, "bumps": bumps, "textures": mesh["textures"] + texture}
                for name in ("cutout", "two_sided", "materials", "texels"):
                    own[name] = mesh[name]
                for name, value in own.items():
                    parts.setdefault(name, []).append(value)
                piece, texture, texel = piece + len(mesh["cutout"]), texture + len(table), texel + len(mesh["texels"])
            vertices = torch.as_tensor(job.vertices_V3, device=self.device)
            for name, value in (
                ("vertices", vertices), ("faces", mesh["faces"] + vertex), ("uv", mesh["uv"]),
                ("part", mesh["part"]), ("layer", mesh["layer"]),
                ("piece", mesh["piece"] + first_piece[id(job.mesh)]),
                ("frame_V", torch.full((len(vertices),), number, device=self.device)),
                ("frame_F", torch.full((len(mesh["faces"]),), number, device=self.device)),
            ):  # fmt: skip
                parts.setdefault(name, []).append(value)
            vertex += len(vertices)
        return Scene(**{name: torch.cat(values) for name, values in parts.items()})

    def _project(self, scene: Scene, cameras: list[Camera]) -> Tensor:
        turn = self._stack([camera.world_to_camera_33 for camera in cameras])[scene.frame_V]
        eye = self._stack([camera.position_3 for camera in cameras])[scene.frame_V]
        lens = self._stack([np.array([camera.focal_px, *camera.center_2]) * SAMPLES for camera in cameras])[
            scene.frame_V
        ]
        local = torch.einsum("vij,vj->vi", turn, scene.vertices - eye)
        depth = local[:, 2]
        pixels = lens[:, 1:] + lens[:, :1] * local[:, :2] / depth[:, None]
        return torch.cat([pixels, torch.where(depth < 0.05, 0, 1 / depth)[:, None]], dim=1)

    def _resolve(
        self, jobs: list[Job], scene: Scene, hit: Samples, colour: Tensor, shadow: Tensor, frames: Tensor,
        centre: Tensor, size: tuple[int, int, int],
    ) -> BatchLayers:  # fmt: skip
        """Averages samples into pixels over the background and picks each pixel's nearest sample for the maps."""
        count, height, width = size[0], size[1] // SAMPLES, size[2] // SAMPLES
        row = hit.index // size[2] % size[1]
        pixel = (
            (hit.index // (size[1] * size[2])) * height * width
            + row // SAMPLES * width
            + hit.index % size[2] // SAMPLES
        )
        share = 1 / SAMPLES**2
        image = torch.zeros(count * height * width, 3, device=self.device).index_add_(0, pixel, colour * share)
        matte = torch.zeros(count * height * width, device=self.device)
        matte.index_add_(0, pixel, torch.full_like(hit.near, share))
        best = torch.zeros_like(matte).scatter_reduce_(0, pixel, hit.near, "amax")
        chosen = hit.near == best[pixel]
        parts, layers = torch.zeros(2, len(matte), dtype=torch.uint8, device=self.device)
        uv = torch.zeros(len(matte), 2, device=self.device)
        parts[pixel[chosen]], layers[pixel[chosen]] = scene.part[hit.face[chosen]], scene.layer[hit.face[chosen]]
        uv[pixel[chosen]] = hit.uv[chosen]
        lit = torch.stack([self._floor(job, shadow[b]) for b, job in enumerate(jobs)])
        behind = self._stack([job.background_HW3 for job in jobs])
        strength = self._stack([np.array(job.floor_strength) for job in jobs]).view(-1, 1, 1, 1)
        matte = matte.view(count, height, width)
        linear = image.view(count, height, width, 3) + behind * (1 + strength * (lit - 1)) * (1 - matte[..., None])
        return BatchLayers(
            image_BHWC=_encode(linear), matte_BHW=matte, parts_BHW=parts.view(count, height, width),
            layers_BHW=layers.view(count, height, width),
            uv_BHW2=uv.view(count, height, width, 2), depth_BHW=(1 / best).view(count, height, width),
        )  # fmt: skip

    def _floor(self, job: Job, shadow: Tensor) -> Tensor:
        """[H, W, 1]; the floor's light is small work on a coarse grid, shared with the compiled path."""
        frame, centre = lighting.light_frame(job.light.direction_3), _key_centre(job)
        lit = renderer.floor_light(job.vertices_V3, shadow.cpu().numpy(), frame, centre, job.light, job.camera)
        return torch.as_tensor(lit, device=self.device)


def _key_centre(job: Job) -> np.ndarray:
    return lighting.key_centre(renderer.light_centre(job.vertices_V3), lighting.light_frame(job.light.direction_3))


def _encode(linear: Tensor) -> Tensor:
    over = (linear - 0.8).clamp(min=0)
    soft = (linear.clamp(max=0.8) + 0.2 * (1 - torch.exp(-over / 0.2))).clamp(0, 1)
    encoded = torch.where(soft <= 0.0031308, 12.92 * soft, 1.055 * soft ** (1 / 2.4) - 0.055)
    return torch.round(encoded * 255).to(torch.uint8)
