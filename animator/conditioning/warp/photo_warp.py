"""Warp guidance: the photo itself, carried along the limbs to a target pose.

Forward, as triangle meshes with shared vertices and weights that change smoothly at the joints; layers in
depth order; and a mask of what needs repair: stretched, invented, torn or missing.

Legend: B poses, K keypoints, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from animator.conditioning.warp.anatomy import pixel_centers, smoothstep
from animator.conditioning.warp.bones import (
    HEAD,
    LEFT_SHIN,
    LIMBS,
    RADIUS,
    RIGHT_SHIN,
    BonePose,
    bone_pose,
)
from animator.conditioning.warp.layers import Layer, split_layers
from animator.conditioning.warp.raster import draw_photo, inverse_maps, rasterize
from animator.conditioning.warp.skinning import BoneMotion, bone_motion, mirror

# Triangles stretched beyond this are left out: what they would show is smear.
TEAR_RATIO = 5.0


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

    def __call__(self, keypoints_BK2: torch.Tensor, confidence_BK: torch.Tensor) -> WarpedPhoto:
        """Carry the photo to B poses (BlazePose-33 in canvas px, NaN where unseen)."""
        target = bone_pose(keypoints_BK2, confidence_BK)
        motion = bone_motion(self.pose, target)
        pictures = {layer.name: self._draw(layer, motion) for layer in self.layers}
        colors, coverage, repair = self._compose(pictures, target)
        missing = self._missing(target, coverage)
        return WarpedPhoto(
            colors_B3HW=colors, coverage_BHW=coverage, repair_BHW=torch.maximum(repair, missing).clamp(0, 1)
        )

    def _draw(self, layer: Layer, motion: BoneMotion) -> torch.Tensor:
        """One layer in every pose: [B, 5, H, W] colours, opacity, need of repair."""
        batch = len(motion.angle_BJ)
        source, triangles = layer.mesh.vertices_V2, layer.mesh.triangles_T3
        if len(triangles) == 0:
            return source.new_zeros(batch, 5, *self.size)
        moved = layer.carry(motion)
        mirrored = mirror(source[None], motion.mirrored_B, motion.axis_x)
        growth = _growth(mirrored, moved, triangles)
        scale = motion.stretch_BJ22[:, HEAD, 1, 1]
        relative = growth / scale[:, None]
        depth = layer.depth_V[triangles].amax(-1).expand(batch, -1)
        depth = torch.where(relative < TEAR_RATIO, depth, float("-inf"))
        maps, strain = inverse_maps(source, moved, triangles), smoothstep(1.4, 2.2, relative)
        picture = torch.cat([layer.colors_3HW, layer.alpha_HW[None], layer.invented_HW[None]])
        drawn = draw_photo(picture, rasterize(moved, triangles, depth, self.size), maps, strain)
        return torch.cat([drawn[:, :4], torch.maximum(drawn[:, 4:5], drawn[:, 5:6])], 1)

    def _compose(
        self, pictures: dict[str, torch.Tensor], target: BonePose
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Lay the layers over each other, far arm first."""
        body = pictures["body"]
        legs = _legs_by_depth(pictures, target)
        behind, before = (legs, []) if any(layer.under_body for layer in self.layers) else ([], legs)
        for side in ("left", "right"):
            arm = pictures.get(f"{side}_arm")
            if arm is None:
                continue
            far = _is_far(target, side)[:, None, None, None]
            if bool(far.any()):
                behind.insert(0, arm * far)
            if not bool(far.all()):
                before.append(arm * ~far)
        colors, coverage, repair = body.new_zeros(body[:, :3].shape), body.new_zeros(body[:, 3].shape), body[:, 3] * 0
        for picture in (*behind, body, *before):
            alpha = picture[:, 3]
            colors = torch.lerp(colors, picture[:, :3], alpha[:, None])
            repair = torch.lerp(repair, picture[:, 4], alpha)
            coverage = coverage + alpha * (1 - coverage)
        return colors / coverage.clamp_min(1e-4)[:, None], coverage, repair

    def _missing(self, target: BonePose, coverage_BHW: torch.Tensor) -> torch.Tensor:
        """Limbs the target shows and the photo does not: somebody has to invent them."""
        points = pixel_centers(coverage_BHW)
        missing = torch.zeros_like(coverage_BHW)
        for chain in LIMBS:
            for bone in chain:
                if float(self.pose.trust_BJ[0, bone]) > 0.2:
                    continue
                start, end = target.start_BJ2[:, None, None, bone], target.end_BJ2[:, None, None, bone]
                axis = end - start
                place = ((points - start) * axis).sum(-1) / axis.square().sum(-1).clamp_min(1e-6)
                distance = (points - start - place.clamp(0, 1)[..., None] * axis).norm(dim=-1)
                radius = (RADIUS[bone] * target.torso_length_B)[:, None, None]
                inside = 1 - smoothstep(0.8, 1.2, distance / radius)
                missing = torch.maximum(missing, inside * target.trust_BJ[:, bone, None, None])
        return missing * (1 - coverage_BHW)


def _legs_by_depth(pictures: dict[str, torch.Tensor], target: BonePose) -> list[torch.Tensor]:
    """The legs' pictures, farther first: the foot lower in the picture stands nearer to the camera."""
    if "left_leg" not in pictures or "right_leg" not in pictures:
        return [pictures[name] for name in ("left_leg", "right_leg") if name in pictures]
    left, right = pictures["left_leg"], pictures["right_leg"]
    left_near = target.end_BJ2[:, LEFT_SHIN, 1] > target.end_BJ2[:, RIGHT_SHIN, 1]
    if bool(left_near.all()):
        return [right, left]
    if not bool(left_near.any()):
        return [left, right]
    pick = left_near[:, None, None, None]
    return [torch.where(pick, right, left), torch.where(pick, left, right)]


def _growth(before_BV2: torch.Tensor, after_BV2: torch.Tensor, triangles_T3: torch.Tensor) -> torch.Tensor:
    """[B, T]: how much longer the most stretched edge of each triangle became."""
    ratios = []
    for first, second in ((0, 1), (1, 2), (2, 0)):
        a, b = triangles_T3[:, first], triangles_T3[:, second]
        old = (before_BV2[:, a] - before_BV2[:, b]).norm(dim=-1)
        ratios.append((after_BV2[:, a] - after_BV2[:, b]).norm(dim=-1) / old.clamp_min(1e-6))
    return torch.stack(ratios).amax(0)


def _is_far(target: BonePose, side: str) -> torch.Tensor:
    """[B] bool: the person is turned so far that this side's arm lies behind the torso."""
    across = target.shoulders_B22[:, 0] - target.shoulders_B22[:, 1]
    narrow = across.norm(dim=-1) / target.torso_length_B.clamp_min(1e-3) < 0.32
    ear_middle = target.face_BN2[:, 3:5].mean(1)
    looks_right = target.face_BN2[:, 0, 0] > ear_middle[:, 0]
    # Looking towards larger x, the person's left side is the far one.
    return narrow & (looks_right if side == "left" else ~looks_right)
