"""Skeletons drawn over pictures, for people to look at.

Left limbs are orange and right limbs blue (the person's own left and right), what lies in the middle is white;
every line has a dark rim, so that it shows on snow and on night alike.

Legend: H W pixels, K keypoints.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from pose_tracking.skeleton import Skeleton

LEFT_RGB = (255, 140, 0)
RIGHT_RGB = (40, 150, 255)
MIDDLE_RGB = (255, 255, 255)
_RIM_RGB = (20, 20, 20)
_SUPERSAMPLING = 2
_FAINTEST = 0.1
_DETAIL_JOINTS = ("hand_", "mesh_", "face_")


def draw_skeleton(
    pixels_HWC: np.ndarray,
    keypoints_K2: np.ndarray,
    confidence_K: np.ndarray,
    skeleton: Skeleton,
    *,
    thickness: float | None = None,
) -> np.ndarray:
    """A copy of the picture with the pose drawn over it, anti-aliased.

    Args:
        pixels_HWC: uint8 RGB picture [H, W, 3].
        keypoints_K2: positions [K, 2] in px of that picture; joints that are NaN are left out.
        confidence_K: [K] in [0, 1]; becomes opacity, below 0.1 nothing is drawn.
        skeleton: which joints the K keypoints are.
        thickness: width of a body limb in px; by default 1/200 of the longer side, at least 2.

    Returns:
        uint8 RGB picture [H, W, 3]; the input is not changed.
    """
    height, width = pixels_HWC.shape[:2]
    thickness = max(2.0, max(height, width) / 200) if thickness is None else thickness
    keypoints = np.asarray(keypoints_K2, dtype=np.float64)
    opacity = np.where(np.isfinite(keypoints).all(axis=-1), np.nan_to_num(confidence_K), 0.0).clip(0, 1)
    drawn = pixels_HWC.copy()
    box = _visible_box(keypoints[opacity >= _FAINTEST], margin=2 * thickness, size=(width, height))
    if box is None:
        return drawn
    left, top, right, bottom = box
    # Four plain channels, colour times opacity and opacity: Pillow's own RGBA would be converted at every step.
    overlay = Image.new("CMYK", ((right - left) * _SUPERSAMPLING, (bottom - top) * _SUPERSAMPLING))
    _draw_pose(ImageDraw.Draw(overlay), (keypoints - (left, top)) * _SUPERSAMPLING - 0.5, opacity, skeleton, thickness)
    overlay_HWC = np.asarray(overlay.reduce(_SUPERSAMPLING)).astype(np.uint16)
    region_HWC = drawn[top:bottom, left:right]
    region_HWC[:] = overlay_HWC[..., :3] + (region_HWC * (255 - overlay_HWC[..., 3:]) + 127) // 255
    return drawn


def _visible_box(points_N2: np.ndarray, *, margin: float, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Whole-pixel (left, top, right, bottom) around the points, cut at the picture; None when nothing shows."""
    if len(points_N2) == 0:
        return None
    low = np.clip(points_N2.min(axis=0) - margin, 0, size)
    high = np.clip(points_N2.max(axis=0) + margin, 0, size)
    left, top = (math.floor(value) for value in low)
    right, bottom = (math.ceil(value) for value in high)
    return (left, top, right, bottom) if right > left and bottom > top else None


def _draw_pose(
    canvas: ImageDraw.ImageDraw, points_K2: np.ndarray, opacity_K: np.ndarray, skeleton: Skeleton, thickness: float
) -> None:
    """Rims first, colours over them, so that no limb's rim cuts another limb."""
    colours, scales, loose = _style(skeleton)
    thickness *= _SUPERSAMPLING
    rim = max(2.0, 0.35 * thickness)
    limbs = [(a, b) for a, b in skeleton.limbs if min(opacity_K[a], opacity_K[b]) >= _FAINTEST]
    dots = [joint for joint in range(len(skeleton)) if opacity_K[joint] >= _FAINTEST]
    points = points_K2.tolist()
    for widening, rim_colour in ((rim, _RIM_RGB), (0.0, None)):
        for a, b in limbs:
            fill = _fill(rim_colour or _limb_colour(colours[a], colours[b]), min(opacity_K[a], opacity_K[b]))
            width = round(thickness * min(scales[a], scales[b]) + widening)
            canvas.line((*points[a], *points[b]), fill=fill, width=width)
        for joint in dots:
            radius = thickness * scales[joint] * (0.4 if loose[joint] else 0.75) + widening / 2
            if loose[joint] and rim_colour:
                continue
            x, y = points[joint]
            box = (x - radius, y - radius, x + radius, y + radius)
            canvas.ellipse(box, fill=_fill(rim_colour or colours[joint], opacity_K[joint]))


@lru_cache(maxsize=16)
def _style(skeleton: Skeleton) -> tuple[list[tuple[int, int, int]], list[float], list[bool]]:
    """Per joint its colour, its size beside a body joint, and whether no limb holds it (points of a face)."""
    colours = [
        LEFT_RGB if "left" in joint else RIGHT_RGB if "right" in joint else MIDDLE_RGB for joint in skeleton.joints
    ]
    scales = [0.5 if any(part in joint for part in _DETAIL_JOINTS) else 1.0 for joint in skeleton.joints]
    held = {joint for limb in skeleton.limbs for joint in limb}
    return colours, scales, [joint not in held for joint in range(len(skeleton))]


def _limb_colour(one: tuple[int, int, int], other: tuple[int, int, int]) -> tuple[int, int, int]:
    """The side's colour when one end is in the middle, white when the ends lie on opposite sides."""
    if one == other or other == MIDDLE_RGB:
        return one
    return other if one == MIDDLE_RGB else MIDDLE_RGB


def _fill(colour: tuple[int, int, int], opacity: float) -> tuple[int, int, int, int]:
    red, green, blue = (int(value * opacity) for value in colour)
    return (red, green, blue, math.ceil(255 * opacity))
