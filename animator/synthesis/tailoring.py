"""Cuts of garments as signed distances on the template, and how far cloth stands off the body.

Landmarks of the template in the T-pose, metres: ankle 0.07, knee 0.50, crotch 0.82, hip 0.91, waist 1.09,
neck 1.45; shoulder |x| 0.18, elbow 0.43, wrist 0.67. Distances are positive inside the garment.

Legend: W cloth vertices, ... any shape of positions [..., 3].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animator.synthesis.body import Body
from animator.synthesis.cloth import ClothTemplate
from animator.synthesis.rig import JOINT


@dataclass(frozen=True, slots=True, kw_only=True)
class TopCut:
    """Attributes:
    hem_m: height of the hem.
    sleeve_m: |x| where the sleeves end; below 0.19 sleeveless.
    neck: "crew", "scoop", "boat", "v", "high" or "open" (a jacket).
    neck_width_m, neck_front_m: half width of the opening and height of its lowest front point.
    """

    hem_m: float
    sleeve_m: float
    neck: str
    neck_width_m: float
    neck_front_m: float

    def distance(self, place: np.ndarray) -> np.ndarray:
        """Signed distance of template positions [..., 3] to the nearest edge."""
        x, y = np.abs(place[..., 0]), place[..., 1]
        inside = np.minimum(self.sleeve_m - x, y - self.hem_m)
        inside = np.minimum(inside, 1.494 - y if self.neck == "high" else self.neckline(place))
        if self.neck == "open":
            gap = 0.020 + 0.055 * np.clip((y - 0.85) / 0.55, 0, 1)
            inside = np.minimum(inside, np.where(place[..., 2] > 0.0, x - gap, np.inf))
        return inside

    def neckline(self, place: np.ndarray) -> np.ndarray:
        """Signed distance of template positions [..., 3] to the edge of the opening at the neck."""
        x, y, z = np.abs(place[..., 0]), place[..., 1], place[..., 2]
        if self.neck == "v":
            rim = np.maximum(1.452 - 0.15 * np.clip(z, -0.1, 0.1) - y, np.hypot(x, 0.6 * z) - self.neck_width_m)
            slope = (self.neck_width_m + 0.01) / (1.45 - self.neck_front_m)
            front = (x - (y - self.neck_front_m) * slope) / np.sqrt(1 + slope**2)
            return np.where(z > -0.01, np.minimum(rim, front), rim)
        share = np.clip((z + 0.05) / 0.125, 0, 1)
        rim_height = 1.452 + (self.neck_front_m - 1.452) * share
        return np.maximum(rim_height - y, (np.hypot(x, 0.6 * z) - self.neck_width_m))


@dataclass(frozen=True, slots=True, kw_only=True)
class BottomCut:
    """Trousers, shorts or leggings between `hem_m` and `waist_m`."""

    waist_m: float
    hem_m: float

    def distance(self, place: np.ndarray) -> np.ndarray:
        """Signed distance of template positions [..., 3] to the nearest edge."""
        y = place[..., 1]
        inside = np.minimum(self.waist_m - y, y - self.hem_m)
        return np.where(np.abs(place[..., 0]) > 0.3, -1.0, inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkirtCut:
    """A skirt from the skirt helper's top (1.03) down to `hem_m`."""

    hem_m: float

    def distance(self, place: np.ndarray) -> np.ndarray:
        """Signed distance of template positions [..., 3] to the hem."""
        return place[..., 1] - self.hem_m


@dataclass(frozen=True, slots=True, kw_only=True)
class ShoeCut:
    """A shoe up to `collar_m` at the ankle; `opening_m` bares the instep (flats), 0 for none."""

    collar_m: float
    opening_m: float

    def distance(self, place: np.ndarray) -> np.ndarray:
        """Signed distance of template positions [..., 3] to the rim."""
        y, z = place[..., 1], place[..., 2]
        inside = self.collar_m - y
        if self.opening_m > 0:
            toe_line = 0.115 - self.opening_m
            rim = 0.034 + 0.25 * np.clip(z - toe_line, 0, 0.1) + 0.35 * np.clip(-0.005 - z, 0, 0.1)
            inside = np.minimum(inside, np.maximum(rim - y, 0.6 * (z - toe_line)))
        return np.where(np.abs(place[..., 0]) > 0.3, -1.0, inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ease:
    """How loosely a garment sits.

    Attributes:
        trunk_m, arm_m, leg_m: distance to the skin where it is closest.
        hang: 0 follows the body, 1 falls straight from what carries it (bust, seat, shoulder).
        taper: how fast hanging cloth returns to the limb, metres per metre; negative flares.
    """

    trunk_m: float = 0.006
    arm_m: float = 0.005
    leg_m: float = 0.005
    hang: float = 0.0
    taper: float = 0.10


_ANGLES, _STEPS = 40, 110


def stand_off(ease: Ease, body: Body, template: ClothTemplate, posed_W3: np.ndarray) -> np.ndarray:
    """[W] distance in metres by which each cloth vertex is moved along its normal.

    `posed_W3` are the person's cloth vertices in the T-pose, before any ease.
    """
    place = template.place_W3
    arm = np.clip((np.abs(place[:, 0]) - 0.17) / 0.08, 0, 1) * (place[:, 1] > 1.2)
    leg = np.clip((0.88 - place[:, 1]) / 0.10, 0, 1)
    base = ease.trunk_m * (1 - arm) * (1 - leg) + ease.arm_m * arm + ease.leg_m * leg
    extra = np.zeros(len(place))
    if ease.hang > 0:
        joints = body.rest_J3
        trunk = np.abs(place[:, 0]) < 0.2
        trunk_axis = np.array([0.0, 0.0, joints[JOINT["spine2"], 2] + 0.03])
        # Cloth hangs from the bust, the seat and the upper arm; what lies above them follows the body.
        below_chest = np.clip((1.31 - place[trunk, 1]) / 0.10, 0, 1) * (
            1 - np.clip((0.86 - place[trunk, 1]) / 0.1, 0, 1)
        )
        carried = _hang(posed_W3[trunk][:, [0, 2]] - trunk_axis[[0, 2]], -posed_W3[trunk, 1], ease.taper, below_chest)
        extra[trunk] += below_chest * carried
        for side, sign in (("left", 1), ("right", -1)):
            mine = np.sign(place[:, 0]) == sign
            hip, shoulder = joints[JOINT[f"{side}_hip"]], joints[JOINT[f"{side}_shoulder"]]
            on_leg, on_arm = mine & (place[:, 1] < 0.80), mine & (arm > 0) & (np.abs(place[:, 0]) > 0.25)
            free = np.clip((0.80 - place[on_leg, 1]) / 0.12, 0, 1)
            extra[on_leg] += free * _hang(
                posed_W3[on_leg][:, [0, 2]] - hip[[0, 2]], -posed_W3[on_leg, 1], ease.taper, free
            )
            free = np.clip((np.abs(place[on_arm, 0]) - 0.25) / 0.08, 0, 1)
            across = posed_W3[on_arm][:, [1, 2]] - shoulder[[1, 2]]
            extra[on_arm] += free * _hang(across, sign * posed_W3[on_arm, 0], ease.taper, free)
    total = base + ease.hang * np.minimum(extra, 0.10)
    for _ in range(5):
        total = 0.5 * total + 0.5 * (template.average_WW @ total)
    return total


def _hang(across_N2: np.ndarray, along_N: np.ndarray, taper: float, carries_N: np.ndarray) -> np.ndarray:
    """How far each point lies inside the cloth that falls from what carries it, before it along the limb."""
    radius = np.hypot(across_N2[:, 0], across_N2[:, 1])
    column = ((np.arctan2(across_N2[:, 1], across_N2[:, 0]) / (2 * np.pi) + 0.5) * _ANGLES).astype(int) % _ANGLES
    start = along_N.min()
    step = max(np.ptp(along_N), 1e-6) / (_STEPS - 1)
    row = ((along_N - start) / step).astype(int)
    carried = np.zeros((_STEPS, _ANGLES))
    np.maximum.at(carried, (row, column), np.where(carries_N > 0, radius, 0))
    for _ in range(2):
        carried = np.maximum(carried, 0.5 * (np.roll(carried, 1, 1) + np.roll(carried, -1, 1)))
    for r in range(1, _STEPS):
        carried[r] = np.maximum(carried[r], carried[r - 1] - taper * step)
    return np.maximum(carried[row, column] - radius, 0)
