"""How a skirt moves: it hangs from the pelvis, legs push it from inside, and it lags behind turns.

Legend: W skirt vertices, K neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from animator.synthesis.base_mesh import NUM_BODY_VERTICES
from animator.synthesis.body import Body, bone_names, skin_weights
from animator.synthesis.rig import JOINT

_MARGIN_M = 0.016
_SMOOTHING_STEPS = 10
# Each stretch of a leg is a chain of this many spheres; the calf is thickest a third of the way down.
_SPHERES = 8
_CALF = 0.33
_RINGS = (("hip", "knee", 0.25), ("hip", "knee", 1.0), ("knee", "ankle", _CALF), ("knee", "ankle", 1.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkirtRig:
    """Attributes:
    start, stop: the skirt's vertices in the render mesh.
    down_W: 0 at the top to 1 at the longest hem.
    length_m: of the helper from top to floor.
    neighbours_WK: vertex numbers, -1 where there are fewer.
    radii_24: half widths of both legs at hip, knee, calf and ankle, metres.
    """

    start: int
    stop: int
    down_W: np.ndarray
    length_m: float
    neighbours_WK: np.ndarray
    radii_24: np.ndarray


def build_skirt_rig(body: Body, vertices_W3: np.ndarray, faces_F3: np.ndarray, start: int) -> SkirtRig:
    """Measures the legs of `body` and the skirt piece whose vertices begin at `start` in the render mesh."""
    top, bottom = vertices_W3[:, 1].max(), vertices_W3[:, 1].min()
    length = max(float(body.joints_J3[JOINT["pelvis"], 1] - body.joints_J3[JOINT["left_ankle"], 1]), 0.1)
    edges = np.unique(
        np.sort(np.concatenate([faces_F3[:, [0, 1]], faces_F3[:, [1, 2]], faces_F3[:, [2, 0]]]), 1), axis=0
    )
    both = np.concatenate([edges, edges[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    counts = np.bincount(both[:, 0], minlength=len(vertices_W3))
    slot = np.arange(len(both)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((len(vertices_W3), int(counts.max())), -1, np.int32)
    table[both[:, 0], slot] = both[:, 1]
    radii = np.array([[_half_width(body, side, *place) for place in _RINGS] for side in ("left", "right")])
    return SkirtRig(
        start=start,
        stop=start + len(vertices_W3),
        down_W=((top - vertices_W3[:, 1]) / max(top - bottom, 1e-6) * min((top - bottom) / length, 1.0)).astype(
            np.float32
        ),
        length_m=length,
        neighbours_WK=table,
        radii_24=radii.astype(np.float32),
    )


def _half_width(body: Body, side: str, joint: str, child: str, share: float) -> float:
    """Distance of the skin to the leg's axis at a share of the way from one joint to the next."""
    start, end = body.joints_J3[JOINT[f"{side}_{joint}"]], body.joints_J3[JOINT[f"{side}_{child}"]]
    here = start + share * (end - start)
    names = bone_names()
    bones = [names.index(f"{bone}_{side[0]}") for bone in ("thigh", "thigh_swing", "calf", "foot")]
    leg = skin_weights()[:NUM_BODY_VERTICES][:, bones].sum(1) > 0.5
    ring = body.vertices_V3[:NUM_BODY_VERTICES][leg]
    ring = ring[np.abs(ring[:, 1] - here[1]) < 0.03]
    return float(np.percentile(np.linalg.norm((ring - here)[:, [0, 2]], axis=1), 90)) if len(ring) else 0.06


def move_skirt(
    rig: SkirtRig, vertices_V3: np.ndarray, joints_J3: np.ndarray, pelvis_33: np.ndarray, sway_2: np.ndarray
) -> None:
    """Moves the skirt's vertices in place.

    Args:
        vertices_V3: all posed vertices, the skirt's still rigid with the pelvis.
        joints_J3: posed rig joints in the same world.
        pelvis_33: global rotation of the pelvis.
        sway_2: lag in radians about which the hem trails, along world x and z (see `SkirtSpring`).
    """
    legs = np.array(
        [[joints_J3[JOINT[f"{side}_{joint}"]] for joint in ("hip", "knee", "ankle")] for side in ("left", "right")]
    )
    calf = legs[:, 1] + _CALF * (legs[:, 2] - legs[:, 1])
    chain = np.stack([legs[:, 0], legs[:, 1], calf, legs[:, 2]], axis=1)
    swing = 0.5 * ((legs[:, 1] - legs[:, 0]).sum(0) / max(np.linalg.norm(legs[0, 1] - legs[0, 0]), 1e-6))
    swing = 0.55 * (swing - pelvis_33 @ np.array([0.0, swing @ pelvis_33[:, 1], 0.0]))
    shift = swing + np.array([sway_2[0], 0.0, sway_2[1]])
    _push_out(
        vertices_V3[rig.start : rig.stop], rig.down_W, rig.neighbours_WK, chain.astype(np.float32), rig.radii_24,
        joints_J3[0].astype(np.float32), pelvis_33[:, 1].astype(np.float32),
        (shift * rig.length_m).astype(np.float32), np.float32(_MARGIN_M),
    )  # fmt: skip


@njit(cache=True, fastmath=True, nogil=True)
def _push_out(vertices_W3, down_W, neighbours_WK, legs_243, radii_24, center_3, up_3, shift_3, margin):  # type: ignore[no-untyped-def]
    count = vertices_W3.shape[0]
    outward = np.empty((count, 3), np.float32)
    push = np.zeros(count, np.float32)
    for i in range(count):
        for k in range(3):
            vertices_W3[i, k] += shift_3[k] * down_W[i]
        height = 0.0
        for k in range(3):
            height += (vertices_W3[i, k] - center_3[k]) * up_3[k]
        length = 1e-6
        for k in range(3):
            outward[i, k] = vertices_W3[i, k] - center_3[k] - height * up_3[k] - shift_3[k] * down_W[i]
            length += outward[i, k] ** 2
        length = np.sqrt(length)
        for k in range(3):
            outward[i, k] /= length
        if down_W[i] < 0.05:
            continue
        # Leave every leg on the inside, also one that has swung right through the cloth.
        for leg in range(2):
            for bone in range(3):
                for step in range(_SPHERES):
                    t = step / (_SPHERES - 1)
                    radius = radii_24[leg, bone] * (1 - t) + radii_24[leg, bone + 1] * t + margin
                    inner, square = 0.0, 0.0
                    for k in range(3):
                        start = vertices_W3[i, k] - length * outward[i, k]
                        w = legs_243[leg, bone, k] * (1 - t) + legs_243[leg, bone + 1, k] * t - start
                        inner += w * outward[i, k]
                        square += w * w
                    reach = inner * inner - square + radius * radius
                    if reach > 0:
                        push[i] = max(push[i], np.float32(inner + np.sqrt(reach) - length))
    smooth = push.copy()
    for _ in range(_SMOOTHING_STEPS):
        before = smooth.copy()
        for i in range(count):
            total, seen = 0.0, 0
            for k in range(neighbours_WK.shape[1]):
                j = neighbours_WK[i, k]
                if j >= 0:
                    total += before[j]
                    seen += 1
            smooth[i] = max(push[i], 0.35 * before[i] + 0.65 * total / max(seen, 1))
    for i in range(count):
        for k in range(3):
            vertices_W3[i, k] += smooth[i] * outward[i, k] * min(down_W[i] * 8.0, 1.0)


@dataclass(slots=True)
class SkirtSpring:
    """The lag of a skirt or of long hair over a clip: a damped pendulum driven by the hips' acceleration.

    Call `step` once per frame in order; it returns the sway [2] (radians along world x and z) for that frame.
    """

    frequency_hz: float = 1.6
    damping: float = 0.45
    _sway: np.ndarray | None = None
    _speed: np.ndarray | None = None
    _hips: list[np.ndarray] | None = None

    def step(self, hips_3: np.ndarray, *, dt_s: float) -> np.ndarray:
        """Advances by one frame of `dt_s` seconds to hips at `hips_3` (metres)."""
        history = self._hips = [*(self._hips or []), np.asarray(hips_3, float)[[0, 2]]][-3:]
        sway = self._sway if self._sway is not None else np.zeros(2)
        speed = self._speed if self._speed is not None else np.zeros(2)
        push = np.zeros(2)
        if len(history) == 3:
            push = -(history[2] - 2 * history[1] + history[0]) / dt_s**2
        omega = 2 * np.pi * self.frequency_hz
        for _ in range(4):
            speed = speed + dt_s / 4 * (push * 0.9 - omega**2 * sway - 2 * self.damping * omega * speed)
            sway = np.clip(sway + dt_s / 4 * speed, -0.35, 0.35)
        self._sway, self._speed = sway, speed
        return sway
