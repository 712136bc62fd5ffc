"""Warp guidance: the photo itself, carried along the limbs to a target pose.

Forward, as triangle meshes with shared vertices and weights that change smoothly at the joints; layers in
depth order; and a mask of what needs repair: stretched, invented, torn or missing.

Legend: B poses, K keypoints, H W pixels.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp.anatomy import pixel_centers, smoothstep
from animator.conditioning.warp.bones import (
    LIMBS,
    RADIUS,
    BonePose,
    bone_pose,
)
from animator.conditioning.warp.drawn import Drawn, farness, hiddenness, legs_by_depth
from animator.conditioning.warp.exposure import smear, travel_between, travel_field
from animator.conditioning.warp.layer import Layer
from animator.conditioning.warp.layers import split_layers
from animator.conditioning.warp.plane import mirror, offset_from_segment
from animator.conditioning.warp.raster import draw_photo, inverse_maps, rasterize
from animator.conditioning.warp.skinning import BoneMotion, bone_motion
from animator.conditioning.warp.texture import Texture

# Triangles stretched beyond this are left out: what they would show is smear.
TEAR_RATIO = 5.0
# After as many guesses a point of a smooth field is found to a hundredth of a px.
_GUESSES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WarpedPhoto:
    """The photo in B target poses.

    Attributes:
        colors_B3HW: the person's colours in [0, 1], not multiplied by coverage.
        coverage_BHW: opacity of the person.
        repair_BHW: in [0, 1]; where the warp is not to be trusted.
    """

    colors_B3HW: torch.Tensor
    coverage_BHW: torch.Tensor
    repair_BHW: torch.Tensor

    def to(self, device: torch.device) -> WarpedPhoto:
        """The same on another device."""
        return WarpedPhoto(
            colors_B3HW=self.colors_B3HW.to(device),
            coverage_BHW=self.coverage_BHW.to(device),
            repair_BHW=self.repair_BHW.to(device),
        )

    def over(self, background_3HW: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] the person in front of a background in [0, 1]."""
        return torch.lerp(background_3HW[None], self.colors_B3HW, self.coverage_BHW[:, None])


class PhotoWarp:
    """One photo, ready to be carried to any pose.

    Args:
        photo_3HW: [0, 1], RGB.
        matte_HW: the person's opacity, sharp edges.
        keypoints_K2: BlazePose-33 in px, NaN where unseen.
        confidence_K: [0, 1].
        cell_px: side of the mesh cells; smaller bends finer and costs more.
    """

    def __init__(
        self,
        photo_3HW: torch.Tensor,
        matte_HW: torch.Tensor,
        keypoints_K2: torch.Tensor,
        confidence_K: torch.Tensor,
        *,
        cell_px: int | None = None,
    ) -> None:
        self.size = (photo_3HW.shape[1], photo_3HW.shape[2])
        pose = bone_pose(keypoints_K2[None], confidence_K[None])
        cell = cell_px or max(4, round(max(self.size) / 64))
        self.layers: tuple[Layer, ...]
        self.pose: BonePose
        self.layers, self.pose = split_layers(photo_3HW, matte_HW, pose, cell_px=cell)
        self._textures = _textures(self.layers)

    def showing(self, picture_3HW: torch.Tensor) -> PhotoWarp:
        """The same warp of another picture in [0, 1]: each layer shows that one's part wherever it lies."""
        other = copy.copy(self)
        other.layers = tuple(replace(layer, colors_3HW=picture_3HW) for layer in self.layers)
        other._textures = _textures(other.layers)
        return other

    @property
    def device(self) -> torch.device:
        """Where the photo lies and poses are wanted."""
        return self.pose.start_BJ2.device

    def __call__(
        self,
        keypoints_BK2: torch.Tensor,
        confidence_BK: torch.Tensor,
        *,
        shutter: tuple[torch.Tensor, torch.Tensor] | None = None,
        field_B2HW: torch.Tensor | None = None,
    ) -> WarpedPhoto:
        """Carry the photo to B poses (BlazePose-33 in canvas px, NaN where unseen).

        A pose without any joint is nobody in view: nothing covers the canvas there, and nothing is to be repaired.

        Args:
            keypoints_BK2: the poses.
            confidence_BK: [0, 1].
            shutter: the poses at which it opens and closes, alike; what moves between them is smeared. None: the
                picture is sharp.
            field_B2HW: (x, y) px away from each place of the canvas lies, without it, what belongs there. The meshes
                follow: the photo is drawn once, and as sharp as without. None: where the bones carry it.
        """
        seen = (confidence_BK > 0) & ~keypoints_BK2.isnan().any(-1)
        somebody = seen.any(-1)
        if not bool(somebody.any()):
            empty = keypoints_BK2.new_zeros(len(keypoints_BK2), 4, *self.size)
            return WarpedPhoto(colors_B3HW=empty[:, :3], coverage_BHW=empty[:, 3], repair_BHW=empty[:, 3])
        if bool(somebody.all()):
            return self._carry(keypoints_BK2, confidence_BK, shutter, field_B2HW)
        # Bones need a body: frames without one borrow a pose, and what comes of it is taken away again.
        lent = torch.where(somebody, torch.arange(len(somebody), device=somebody.device), somebody.int().argmax())
        ends = None if shutter is None else (shutter[0][lent], shutter[1][lent])
        field = None if field_B2HW is None else field_B2HW[lent]
        warped = self._carry(keypoints_BK2[lent], confidence_BK[lent], ends, field)
        return WarpedPhoto(
            colors_B3HW=warped.colors_B3HW,
            coverage_BHW=torch.where(somebody[:, None, None], warped.coverage_BHW, 0.0),
            repair_BHW=torch.where(somebody[:, None, None], warped.repair_BHW, 0.0),
        )

    def _carry(
        self,
        keypoints_BK2: torch.Tensor,
        confidence_BK: torch.Tensor,
        shutter: tuple[torch.Tensor, torch.Tensor] | None,
        field_B2HW: torch.Tensor | None,
    ) -> WarpedPhoto:
        """Carry the photo to B poses, each of somebody."""
        target = bone_pose(keypoints_BK2, confidence_BK, hidden_too=True)
        moments = target
        if shutter is not None:
            # All moments as one batch: what skinning costs is its number of operations.
            moments = bone_pose(torch.cat([keypoints_BK2, *shutter]), confidence_BK.repeat(3, 1), hidden_too=True)
        motion = bone_motion(self.pose, moments)
        pictures = {layer.name: self._draw(layer, motion, len(keypoints_BK2), field_B2HW) for layer in self.layers}
        colors, coverage, repair = self._compose(pictures, target)
        missing = self._missing(target, coverage)
        return WarpedPhoto(
            colors_B3HW=colors, coverage_BHW=coverage, repair_BHW=torch.maximum(repair, missing).clamp(0, 1)
        )

    def _draw(self, layer: Layer, motion: BoneMotion, batch: int, field_B2HW: torch.Tensor | None) -> Drawn:
        """One layer in every pose, as large as it is there.

        Where `motion` goes on after the poses, it is with those at which the shutter opens, then with those at which
        it closes.
        """
        source, triangles = layer.mesh.vertices_V2, layer.mesh.triangles_T3
        if len(triangles) == 0:
            return Drawn(picture_B5hw=source.new_zeros(batch, 5, 0, 0), top=0, left=0)
        carried = layer.carry(motion)
        moved = carried[:batch]
        if field_B2HW is not None:
            moved = follow(moved, field_B2HW, stiff=layer.name.endswith("_held"))
        travel = None if len(carried) == batch else travel_between(carried, motion.mirrored_B, self.size)
        reached = moved if travel is None else torch.cat([moved - travel / 2, moved + travel / 2])
        window = top, left, height, width = _window(reached, self.size)
        if height == 0 or width == 0:  # all of it beyond the canvas
            return Drawn(picture_B5hw=source.new_zeros(batch, 5, 0, 0), top=0, left=0)
        mirrored = mirror(source[None], motion.mirrored_B[:batch], motion.axis_x)
        relative = _growth(mirrored, moved, triangles) / motion.scale_B[:batch, None]
        depth = layer.depth_V[triangles].amax(-1).expand(batch, -1)
        depth = torch.where(relative < TEAR_RATIO, depth, float("-inf"))
        maps, strain = inverse_maps(source, moved, triangles), smoothstep(1.4, 2.2, relative)
        found = rasterize(moved, triangles, depth, (height, width), (top, left))
        drawn = draw_photo(self._textures[layer.name], found, maps, strain, (top, left))
        drawn[:, 4] = torch.maximum(drawn[:, 4], drawn[:, 5])
        picture = drawn[:, :5]
        if travel is not None and (field := travel_field(moved, travel, self.size, window)) is not None:
            picture = smear(picture, field, (top, left))
        return Drawn(picture_B5hw=picture, top=top, left=left)

    def _compose(self, pictures: dict[str, Drawn], target: BonePose) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Lay the layers over each other, far arm first."""
        body = pictures["body"]
        legs = legs_by_depth(pictures, target)
        behind, before = (legs, []) if any(layer.under_body for layer in self.layers) else ([], legs)
        for side in ("left", "right"):
            if f"{side}_arm" in pictures:
                far_B = torch.maximum(farness(target, side), hiddenness(self.pose, target, side))
                names = (f"{side}_upper_arm", f"{side}_arm", f"{side}_held")
                parts = [pictures[name] for name in names if name in pictures]
                behind = [*(drawn for part in parts for drawn in part.where(far_B > 0)), *behind]
                before = [*before, *(drawn for part in parts for drawn in part.fading(1 - far_B))]
        canvas = body.picture_B5hw.new_zeros(len(body.picture_B5hw), 5, *self.size)
        hair = [pictures["hair"]] if "hair" in pictures else []
        for drawn in (*behind, body, *before, *hair):
            height, width = drawn.picture_B5hw.shape[2:]
            part = canvas[:, :, drawn.top : drawn.top + height, drawn.left : drawn.left + width]
            alpha = drawn.picture_B5hw[:, 3:4]
            coverage = part[:, 3] + alpha[:, 0] * (1 - part[:, 3])
            part.lerp_(drawn.picture_B5hw, alpha)
            part[:, 3] = coverage
        return canvas[:, :3] / canvas[:, 3:4].clamp_min(1e-4), canvas[:, 3], canvas[:, 4]

    def _missing(self, target: BonePose, coverage_BHW: torch.Tensor) -> torch.Tensor:
        """Limbs the target shows and the photo does not: somebody has to invent them."""
        points = pixel_centers(coverage_BHW)
        missing = torch.zeros_like(coverage_BHW)
        for chain in LIMBS:
            for bone in chain:
                if self.pose.shows(bone):
                    continue
                start, end = target.start_BJ2[:, None, None, bone], target.end_BJ2[:, None, None, bone]
                distance = offset_from_segment(points, start, end).norm(dim=-1)
                radius = (RADIUS[bone] * target.torso_length_B)[:, None, None]
                inside = 1 - smoothstep(0.8, 1.2, distance / radius)
                missing = torch.maximum(missing, inside * target.trust_BJ[:, bone, None, None])
        return missing * (1 - coverage_BHW)


def _textures(layers: Iterable[Layer]) -> dict[str, Texture]:
    """What pixels are fetched from, by name of the layer; none for layers that show nothing."""
    return {
        layer.name: Texture.of(layer.picture_5HW, layer.mesh.vertices_V2)
        for layer in layers
        if len(layer.mesh.triangles_T3)
    }


def follow(points_BV2: torch.Tensor, field_B2HW: torch.Tensor, *, stiff: bool = False) -> torch.Tensor:
    """Points of a picture that follows a field: output(p) = picture(p + field(p)) shows at p what lay at p + field(p).

    So a point q ends where p + field(p) = q. Each guess of p says where to ask the field next, which comes to an end
    if neighbours are not moved past each other (Chen et al. 2008, "A simple fixed-point approach to invert a
    deformation field").

    Args:
        points_BV2: px of the canvas.
        field_B2HW: px; beyond the canvas it goes on as it ends.
        stiff: they keep their shape, as a ball in a hand does, and move as a whole.
    """
    size = points_BV2.new_tensor(field_B2HW.shape[:1:-1])
    moved = points_BV2
    for _ in range(_GUESSES):
        places = (moved * (2 / size) - 1)[:, None]
        told = F.grid_sample(field_B2HW, places, padding_mode="border", align_corners=False)
        moved = points_BV2 - told[:, :, 0].transpose(1, 2)
    return points_BV2 + (moved - points_BV2).mean(1, keepdim=True) if stiff else moved


def _window(moved_BV2: torch.Tensor, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the part of the canvas that the vertices reach."""
    points = moved_BV2.nan_to_num(0.0)
    low, high = points.amin((0, 1)).floor().tolist(), points.amax((0, 1)).ceil().tolist()
    left, top = (int(min(max(edge, 0), side)) for edge, side in zip(low, size[::-1], strict=True))
    right, bottom = (int(min(max(edge, 0), side)) for edge, side in zip(high, size[::-1], strict=True))
    return top, left, max(bottom - top, 0), max(right - left, 0)


def _growth(before_BV2: torch.Tensor, after_BV2: torch.Tensor, triangles_T3: torch.Tensor) -> torch.Tensor:
    """[B, T]: how much longer the most stretched edge of each triangle became."""
    ratios = []
    for first, second in ((0, 1), (1, 2), (2, 0)):
        a, b = triangles_T3[:, first], triangles_T3[:, second]
        old = (before_BV2[:, a] - before_BV2[:, b]).norm(dim=-1)
        ratios.append((after_BV2[:, a] - after_BV2[:, b]).norm(dim=-1) / old.clamp_min(1e-6))
    return torch.stack(ratios).amax(0)
