"""Another pose that the person of a photo could take: drawn limb by limb, in the picture plane.

Legend: K keypoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pose_tracking.skeleton import BLAZEPOSE_33

_HAND = ("wrist", "pinky", "index", "thumb")
_FOOT = ("ankle", "heel", "foot_index")
_HEAD = tuple(range(11))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Swing:
    """How a limb moves: spread of its turn, and between which shares of its length it looks, seen from the front."""

    turn_deg: float
    length: tuple[float, float]


# Between the pose of a photo and those of films of people who dance, exercise, fight and turn about, upper arms turn by
# 30 to 50 degrees (root mean square), forearms by far more, legs by 10 to 40. Half of that: the photo is carried there
# and back again, so what opens and closes on the way does so twice.
_LIMBS = {
    ("shoulder", ("elbow", *_HAND)): _Swing(turn_deg=25, length=(0.7, 1.1)),
    ("elbow", _HAND): _Swing(turn_deg=35, length=(0.65, 1.15)),
    ("hip", ("knee", *_FOOT)): _Swing(turn_deg=12, length=(0.75, 1.05)),
    ("knee", _FOOT): _Swing(turn_deg=12, length=(0.8, 1.1)),
}
_TRUNK = _Swing(turn_deg=7, length=(0.9, 1.05))
_NECK = _Swing(turn_deg=6, length=(0.9, 1.05))
# Shoulders and hips of somebody who turns aside, as a share of their width.
_TURNED = (0.7, 1.05)
# Shares of the drawn motion that are tried until no joint leaves the picture: what leaves it cannot come back.
_SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)


def draw_other_pose(rng: np.random.Generator, keypoints_K2: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """BlazePose-33 keypoints [K, 2] of the same body in another pose, about the same place; NaN stays NaN.

    Args:
        keypoints_K2: the pose in the photo, px.
        size: (width, height) px; joints within it stay within it.
    """
    drawn = rng.standard_normal(16), rng.random(16)
    inside = _is_inside(keypoints_K2, size)
    for share in _SHARES:
        moved = _moved(keypoints_K2, *drawn, share)
        if _is_inside(moved, size)[inside].all():
            return moved
    return keypoints_K2.copy()


def _moved(keypoints_K2: np.ndarray, normal: np.ndarray, uniform: np.ndarray, share: float) -> np.ndarray:
    points, dice = keypoints_K2.astype(np.float64), zip(normal.tolist(), uniform.tolist(), strict=True)

    def swing(about: np.ndarray, end: np.ndarray, hung: list[int], how: _Swing) -> None:
        turn, place = next(dice)
        if np.isnan(about).any() or np.isnan(end).any():
            return
        angle = np.deg2rad(share * how.turn_deg * np.clip(turn, -2, 2))
        length = 1 + share * (how.length[0] + place * (how.length[1] - how.length[0]) - 1)
        turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        # The limb grows along itself alone; what hangs on its end keeps its own length.
        points[hung] = about + length * turned @ (end - about) + (points[hung] - end) @ turned.T

    hips, shoulders = _middle(points, "hip"), _middle(points, "shoulder")
    _narrow(points, hips, shoulders, 1 + share * (_TURNED[0] + next(dice)[1] * (_TURNED[1] - _TURNED[0]) - 1))
    swing(hips, shoulders, [*_HEAD, *(joint for side in ("left", "right") for joint in _arm(side))], _TRUNK)
    swing(_middle(points, "shoulder"), points[list(_HEAD)].mean(0), list(_HEAD), _NECK)
    for about, end, hung, how in _limbs():
        swing(points[about].copy(), points[end].copy(), hung, how)
    return points.astype(np.float32)


def _limbs() -> Iterator[tuple[int, int, list[int], _Swing]]:
    """(joint it turns about, its end, what is carried along, how) of each limb, the nearer to the trunk first."""
    for side in ("left", "right"):
        for (about, hung), how in _LIMBS.items():
            carried = [BLAZEPOSE_33.index(f"{side}_{name}") for name in hung]
            yield BLAZEPOSE_33.index(f"{side}_{about}"), carried[0], carried, how


def _narrow(points: np.ndarray, hips: np.ndarray, shoulders: np.ndarray, width: float) -> None:
    """Bring both sides of the trunk nearer to its axis, arms and legs with them."""
    for middle, root, limb in ((shoulders, "shoulder", _arm), (hips, "hip", _leg)):
        if np.isnan(middle).any():
            continue
        for side in ("left", "right"):
            points[limb(side)] += (width - 1) * (points[BLAZEPOSE_33.index(f"{side}_{root}")] - middle)


def _arm(side: str) -> list[int]:
    return [BLAZEPOSE_33.index(f"{side}_{name}") for name in ("shoulder", "elbow", *_HAND)]


def _leg(side: str) -> list[int]:
    return [BLAZEPOSE_33.index(f"{side}_{name}") for name in ("hip", "knee", *_FOOT)]


def _middle(points: np.ndarray, joint: str) -> np.ndarray:
    middle: np.ndarray = (
        points[BLAZEPOSE_33.index(f"left_{joint}")] + points[BLAZEPOSE_33.index(f"right_{joint}")]
    ) / 2
    return middle


def _is_inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Whether each point [K] lies within the picture; unseen ones do."""
    inside: np.ndarray = (np.isnan(points) | ((points >= 0) & (points <= size))).all(-1)
    return inside
