"""Open ground between a pixel and a bone: what lies beyond it belongs to something else.

Legend: H W pixels, N pixels asked about, S places along a line.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.anatomy import segment
from animator.conditioning.warp.bones import BonePose

# px between the places looked at on the way: a gap of two is met.
_STEP_PX = 1.5
# Opacity up to which something is open ground.
_OPEN = 0.3


def beyond_gap(
    points: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose, bones: tuple[int, ...], *, reach_px: float
) -> torch.Tensor:
    """1 [H, W] where open ground lies on the straight way from a pixel to the nearest of some bones.

    A limb has no holes: between arm and trunk the ground shows, and what is seen of the one beyond is none of the
    other. Where the bone itself lies before open ground, its place is wrong and nothing is said.

    Args:
        points: from `pixel_centers`.
        matte_HW: the person's opacity.
        pose: the photo's pose (one).
        bones: of a limb, or of all that is no arm.
        reach_px: pixels farther from the bones are not looked at.
    """
    found = torch.zeros_like(matte_HW)
    if not bones:
        return found
    near, distance = on_bones(points, pose, bones)
    asked = (matte_HW > 0.02) & (distance > 2 * _STEP_PX) & (distance < reach_px)
    start_N2, way_N2 = points[asked], (near - points)[asked]
    if len(start_N2) == 0:
        return found
    count = max(2, int(float(distance[asked].max()) / _STEP_PX))
    lowest = torch.full_like(start_N2[:, 0], 1.0)
    for step in range(1, count + 1):
        lowest = torch.minimum(lowest, _at(matte_HW, start_N2 + way_N2 * (step / count)))
    at_bone = _at(matte_HW, start_N2 + way_N2)
    # At its own soft edge a limb is as open as the pixel that asks, and no gap.
    is_gap = (lowest < _OPEN) & (lowest < matte_HW[asked] / 2)
    found[asked] = (is_gap & (at_bone > 0.5)).to(matte_HW)
    return found


def on_bones(points: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest place [..., 2] on some bones, and how far [...] it is, px."""
    near, least = points, torch.full(points.shape[:-1], float("inf"), dtype=points.dtype, device=points.device)
    for bone in bones:
        start, end = pose.start_BJ2[0, bone], pose.end_BJ2[0, bone]
        place, distance = segment(points, start, end)
        here = start + place.clamp(0, 1)[..., None] * (end - start)
        near = torch.where((distance < least)[..., None], here, near)
        least = torch.minimum(distance, least)
    return near, least


def _at(values_HW: torch.Tensor, places_N2: torch.Tensor) -> torch.Tensor:
    """The value [N] of the pixel that each place lies in."""
    height, width = values_HW.shape
    column, row = places_N2.long().unbind(1)
    return values_HW[row.clamp(0, height - 1), column.clamp(0, width - 1)]
