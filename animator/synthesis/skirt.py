"""How a skirt moves: it hangs from the pelvis, and legs push it from inside.

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
# Up to this swing of a thigh, radians, cloth hangs and is only pushed aside; beyond it lies on the thigh.
_FREE_SWING = 0.45
# How far cloth is from the body's axis where it lies on the hips.
_HIP_REACH_M = 0.19
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
        sway_2: lag in radians about which the hem trails, along world x and z (see `spring.SwaySpring`).
    """
    legs = np.array(
        [[joints_J3[JOINT[f"{side}_{joint}"]] for joint in ("hip", "knee", "ankle")] for side in ("left", "right")]
    )
    calf = legs[:, 1] + _CALF * (legs[:, 2] - legs[:, 1])
    chain = np.stack([legs[:, 0], legs[:, 1], calf, legs[:, 2]], axis=1)
    swing = 0.5 * ((legs[:, 1] - legs[:, 0]).sum(0) / max(np.linalg.norm(legs[0, 1] - legs[0, 0]), 1e-6))
    swing = 0.55 * (swing - pelvis_33 @ np.array([0.0, swing @ pelvis_33[:, 1], 0.0]))
    shift = swing + np.array([sway_2[0], 0.0, sway_2[1]])
    turns, thighs = _carried(legs, pelvis_33)
    _drape(
        vertices_V3[rig.start : rig.stop], rig.down_W, rig.neighbours_WK, chain.astype(np.float32), rig.radii_24,
        joints_J3[0].astype(np.float32), pelvis_33.astype(np.float32), (shift * rig.length_m).astype(np.float32),
        turns.astype(np.float32), thighs.astype(np.float32),
    )  # fmt: skip


def _carried(legs_233: np.ndarray, pelvis_33: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each leg, the turn about its hip by which it carries the cloth before it, and that cloth's direction.

    Returns rotation vectors [2, 3] (world, radians: what a thigh is raised beyond `_FREE_SWING`) and unit vectors
    [2, 3] across the pelvis, towards which the thigh is raised.
    """
    turns, towards = np.zeros((2, 3)), np.zeros((2, 3))
    up = pelvis_33[:, 1]
    for side in range(2):
        thigh = legs_233[side, 1] - legs_233[side, 0]
        thigh = thigh / max(np.linalg.norm(thigh), 1e-6)
        across = thigh - (thigh @ up) * up
        raised = np.arctan2(np.linalg.norm(across), -thigh @ up)
        towards[side] = across / max(np.linalg.norm(across), 1e-6)
        turns[side] = max(raised - _FREE_SWING, 0.0) * np.cross(-up, towards[side])
    return turns, towards


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _ramp(x):  # type: ignore[no-untyped-def]
    """Smooth step from 0 at 0 to 1 at 1."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _rotate(turn, sign, x, y, z):  # type: ignore[no-untyped-def]
    """A vector turned by the rotation vector `turn` (or against it, for a negative sign), after Rodrigues."""
    angle = np.sqrt(turn[0] ** 2 + turn[1] ** 2 + turn[2] ** 2)
    if angle < 1e-6:
        return x, y, z
    ax, ay, az = turn[0] / angle, turn[1] / angle, turn[2] / angle
    c, s = np.cos(angle), sign * np.sin(angle)
    along = (ax * x + ay * y + az * z) * (1 - c)
    return (
        c * x + s * (ay * z - az * y) + along * ax,
        c * y + s * (az * x - ax * z) + along * ay,
        c * z + s * (ax * y - ay * x) + along * az,
    )


@njit(cache=True, fastmath=True, nogil=True)
def _drape(vertices_W3, down_W, neighbours_WK, legs_243, radii_24, center_3, pelvis_33, shift_3, turns_23, towards_23):  # type: ignore[no-untyped-def]
    """Pushes the cloth off the legs and lays it over raised thighs, in place.

    A thigh raised far carries the cloth before it: each vertex is handled in a frame where that turn is undone, as
    cloth that hangs, pushed outward there, and turned back with the thigh; below the knee it hangs again.
    """
    count = vertices_W3.shape[0]
    outward, turn = np.empty((count, 3), np.float32), np.zeros((count, 3), np.float32)
    push = np.zeros(count, np.float32)
    chain = np.empty((2, 4, 3), np.float32)
    hip, hip_height, thigh = np.empty(3, np.float32), 0.0, 0.0
    for k in range(3):
        hip[k] = 0.5 * (legs_243[0, 0, k] + legs_243[1, 0, k])
        hip_height += (hip[k] - center_3[k]) * pelvis_33[k, 1]
        thigh += (legs_243[0, 1, k] - legs_243[0, 0, k]) ** 2
    for i in range(count):
        height = 0.0
        for k in range(3):
            vertices_W3[i, k] += shift_3[k] * down_W[i]
            height += (vertices_W3[i, k] - center_3[k]) * pelvis_33[k, 1]
        length = 1e-6
        for k in range(3):
            outward[i, k] = vertices_W3[i, k] - center_3[k] - height * pelvis_33[k, 1] - shift_3[k] * down_W[i]
            length += outward[i, k] ** 2
        length = np.sqrt(length)
        for k in range(3):
            outward[i, k] /= length
        if down_W[i] < 0.05:
            continue
        _share_turn(outward[i], height - hip_height, length, pelvis_33, legs_243, turns_23, towards_23, turn[i])
        _undo_turn(legs_243, turn[i], chain)
        push[i] = _reach(vertices_W3[i], outward[i], length, chain, radii_24)
        # Above the hips cloth rests on the belly, also where a raised thigh lies before it.
        push[i] = min(push[i], 0.04 + 3.0 * max(hip_height - height, 0.0))
    smooth = _spread(push, neighbours_WK)
    for i in range(count):
        for k in range(3):
            vertices_W3[i, k] += smooth[i] * outward[i, k] * min(down_W[i] * 8.0, 1.0)
        _turn_over(vertices_W3[i], turn[i], hip, np.sqrt(thigh), pelvis_33[:, 1])


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _turn_over(vertex, turn, hip, thigh, up):  # type: ignore[no-untyped-def]
    """Turns a vertex with the thigh, in place. Beyond the knee cloth hangs: only the part down to it is turned."""
    below = 0.0
    for k in range(3):
        below -= (vertex[k] - hip[k]) * up[k]
    hanging = max(below - thigh, 0.0)
    x, y, z = _rotate(
        turn,
        1.0,
        vertex[0] - hip[0] + hanging * up[0],
        vertex[1] - hip[1] + hanging * up[1],
        vertex[2] - hip[2] + hanging * up[2],
    )
    for k in range(3):
        vertex[k] = hip[k] + (x, y, z)[k] - hanging * up[k]


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _share_turn(outward, over_hips, length, pelvis_33, legs_243, turns_23, towards_23, turn):  # type: ignore[no-untyped-def]
    """The rotation vector by which both thighs carry a vertex, into `turn`."""
    width, across = 1e-6, 0.0
    for k in range(3):
        width += (legs_243[0, 0, k] - legs_243[1, 0, k]) ** 2
        across += outward[k] * pelvis_33[k, 0]
    left = _ramp(0.5 + across * length / np.sqrt(width))
    # What lies above the hips would turn into the belly.
    free = _ramp((0.05 - over_hips) / 0.12)
    # Cloth that already stands off by its flare has less way to the thigh.
    flare = np.arctan2(max(length - _HIP_REACH_M, 0.0), max(-over_hips, _HIP_REACH_M))
    for leg in range(2):
        facing = 0.0
        for k in range(3):
            facing += outward[k] * towards_23[leg, k]
        share = _ramp((facing + 0.25) / 0.7) * (left if leg == 0 else 1.0 - left)
        angle = np.sqrt(turns_23[leg, 0] ** 2 + turns_23[leg, 1] ** 2 + turns_23[leg, 2] ** 2)
        share *= free * max(angle - flare, 0.0) / max(angle, 1e-6)
        for k in range(3):
            turn[k] += share * turns_23[leg, k]


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _undo_turn(legs_243, turn, out_243):  # type: ignore[no-untyped-def]
    """The legs as they lie to a vertex before its turn: thighs turned back about the hips, shins as they hang."""
    for leg in range(2):
        hip, knee = legs_243[leg, 0], legs_243[leg, 1]
        x, y, z = _rotate(turn, -1.0, knee[0] - hip[0], knee[1] - hip[1], knee[2] - hip[2])
        for k in range(3):
            out_243[leg, 0, k] = hip[k]
            out_243[leg, 1, k] = hip[k] + (x, y, z)[k]
            out_243[leg, 2, k] = out_243[leg, 1, k] + legs_243[leg, 2, k] - knee[k]
            out_243[leg, 3, k] = out_243[leg, 1, k] + legs_243[leg, 3, k] - knee[k]


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _reach(vertex, outward, length, legs_243, radii_24):  # type: ignore[no-untyped-def]
    """How far a vertex must move to leave every leg on the inside, also one that has swung right through the cloth."""
    push = 0.0
    for leg in range(2):
        for bone in range(3):
            for step in range(_SPHERES):
                t = step / (_SPHERES - 1)
                radius = radii_24[leg, bone] * (1 - t) + radii_24[leg, bone + 1] * t + _MARGIN_M
                inner, square = 0.0, 0.0
                for k in range(3):
                    start = vertex[k] - length * outward[k]
                    w = legs_243[leg, bone, k] * (1 - t) + legs_243[leg, bone + 1, k] * t - start
                    inner += w * outward[k]
                    square += w * w
                reach = inner * inner - square + radius * radius
                if reach > 0:
                    push = max(push, inner + np.sqrt(reach) - length)
    return push


@njit(cache=True, fastmath=True, nogil=True)
def _spread(push, neighbours_WK):  # type: ignore[no-untyped-def]
    """Eases the pushes over the neighbours; none gets smaller."""
    smooth = push.copy()
    for _ in range(_SMOOTHING_STEPS):
        before = smooth.copy()
        for i in range(push.shape[0]):
            total, seen = 0.0, 0
            for k in range(neighbours_WK.shape[1]):
                j = neighbours_WK[i, k]
                if j >= 0:
                    total += before[j]
                    seen += 1
            smooth[i] = max(push[i], 0.35 * before[i] + 0.65 * total / max(seen, 1))
    return smooth
