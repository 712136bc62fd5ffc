"""The person in a photo as cutting it apart needs it: colours, opacity, pose, and where the trunk must lie.

Legend: H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from animator.conditioning.warp.anatomy import body_hull, pixel_centers, smoothstep, trunk_place
from animator.conditioning.warp.bones import LEFT_LEG, RIGHT_LEG, TORSO, BonePose
from animator.conditioning.warp.gaps import beyond_gap
from animator.conditioning.warp.skirt import hem_of, skirt_hull

# Background between arm and trunk: up to where along the trunk, from where across it (0 at the spine, 1 at its side),
# and along how much of the trunk its inner edge is looked for.
_ARMPIT, _LEAST_WAIST, _GAP_ROWS = 0.85, 0.4, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A person in a photo.

    Attributes:
        points: positions of the pixels, from `pixel_centers`.
        colors_3HW: the person's colours in [0, 1], free of the background: to tell things apart by.
        drawn_3HW: the same as they are to be drawn, with the rim as the photo shows it.
        matte_HW: the person's opacity.
        pose: of the photo (one).
        hull: [H, W], the outline of trunk, skirt, head and legs.
        beside_HW: [0, 1], what lies beyond the trunk's sides: sleeves, where they touch it, and all beyond a gap.
        hem: where a skirt ends, from `hem_of`; None for trousers.
    """

    points: torch.Tensor
    colors_3HW: torch.Tensor
    drawn_3HW: torch.Tensor
    matte_HW: torch.Tensor
    pose: BonePose
    hull: torch.Tensor
    beside_HW: torch.Tensor
    hem: float | None

    @property
    def size(self) -> float:
        """Length of the torso in px."""
        return float(self.pose.torso_length_B[0])


def figure_of(
    colors_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose, *, drawn_3HW: torch.Tensor | None = None
) -> Figure:
    """The figure of colours, opacity and pose (one); `drawn_3HW`: see there, the colours themselves if None."""
    points = pixel_centers(matte_HW)
    beside = torch.maximum(_beside_trunk(points, matte_HW, pose), _beyond_ground(points, matte_HW, pose))
    hull = body_hull(points, pose)
    hem = hem_of(colors_3HW, matte_HW, pose)
    if hem is not None:
        hull = torch.maximum(hull, skirt_hull(points, matte_HW, pose, hem))
    return Figure(
        points=points,
        colors_3HW=colors_3HW,
        drawn_3HW=colors_3HW if drawn_3HW is None else drawn_3HW,
        matte_HW=matte_HW,
        pose=pose,
        hull=hull * (1 - beside),
        beside_HW=beside,
        hem=hem,
    )


def _beyond_ground(points: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """1 [H, W] where open ground parts a pixel from trunk and legs: a skirt does not go on below an arm beyond it."""
    bones = tuple(bone for bone in (TORSO, *LEFT_LEG[:2], *RIGHT_LEG[:2]) if pose.shows(bone))
    return beyond_gap(points, matte_HW, pose, bones, reach_px=float(pose.torso_length_B[0]))


def _beside_trunk(points: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """1 [H, W] beyond the trunk's sides, which run from where background shows inside an arm straight to the shoulder.

    A sleeve before the chest hides how wide that is, and what of it is taken for chest stays behind as a wing.
    """
    place, across = trunk_place(points, pose)
    beside = torch.zeros_like(matte_HW)
    for side in (-1.0, 1.0):
        sideways = across * side
        gap = (matte_HW < 0.5) & (sideways > _LEAST_WAIST) & (sideways < 1) & (place > 0) & (place < _ARMPIT)
        if not bool(gap.any()):
            continue
        top = place[gap].max()
        edge = sideways[gap & (place > top - _GAP_ROWS)].min()
        edge = torch.lerp(edge, torch.ones_like(edge), ((place - top) / (1 - top)).clamp(0, 1))
        beyond = smoothstep(1.0, 1.08, sideways / edge) * smoothstep(-_GAP_ROWS, 0.0, place - top)
        beside = torch.maximum(beside, beyond * (place < 1))
    return beside
