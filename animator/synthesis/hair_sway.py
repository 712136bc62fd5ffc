"""How long hair moves: what falls below the head trails its steps and turns, and never swings into the body.

Legend: T frames, W hair vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animator.synthesis.body import Body
from animator.synthesis.motions.motion import Motion
from animator.synthesis.rig import JOINT, forward_kinematics
from animator.synthesis.spring import SwaySpring

# Hair that falls less far than this below the head's joint does not swing.
_SHORT_M = 0.04
# Fall at which hair turns with the full lag behind a turn of the head.
_LOOSE_M = 0.18
# Hair is a shorter pendulum than a skirt: quicker, and driven harder by the same step.
_FREQUENCY_HZ, _STEP_GAIN = 1.9, 1.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HairRig:
    """Attributes:
    start: first vertex of the hair in the render mesh.
    fall_W: how far each vertex lies below the head's joint in the A-pose, metres; 0 above it.
    outward_W3: unit vectors away from the body in the A-pose.
    """

    start: int
    fall_W: np.ndarray
    outward_W3: np.ndarray


def build_hair_rig(body: Body, vertices_W3: np.ndarray, start: int) -> HairRig | None:
    """The rig of the hair piece whose vertices begin at `start` in the render mesh; None for short hair."""
    neck = body.joints_J3[JOINT["head"]]
    fall = np.clip(neck[1] - vertices_W3[:, 1], 0, None)
    if fall.max() < _SHORT_M:
        return None
    away = (vertices_W3 - neck) * [1, 0, 1]
    outward = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    return HairRig(start=start, fall_W=fall.astype(np.float32), outward_W3=outward.astype(np.float32))


def move_hair(
    rig: HairRig, vertices_V3: np.ndarray, joints_J3: np.ndarray, turned_J33: np.ndarray, sway_3: np.ndarray
) -> None:
    """Moves the hair's vertices in place.

    Args:
        vertices_V3: all posed vertices, the hair's still rigid with head and trunk.
        joints_J3, turned_J33: posed rig joints and their global rotations in the same world.
        sway_3: lag in radians: along world x, along world z, about the vertical (see `hair_sway`).
    """
    hair = vertices_V3[rig.start : rig.start + len(rig.fall_W)]
    around = hair - joints_J3[JOINT["head"]]
    shift = np.zeros_like(hair)
    loose = np.minimum(rig.fall_W / _LOOSE_M, 1) * sway_3[2]
    shift[:, 0] = rig.fall_W * sway_3[0] + loose * around[:, 2]
    shift[:, 2] = rig.fall_W * sway_3[1] - loose * around[:, 0]
    outward = rig.outward_W3 @ turned_J33[JOINT["spine3"]].T.astype(np.float32)
    inward = np.minimum((shift * outward).sum(1, keepdims=True), 0)
    hair += shift - inward * outward


def hair_sway(motion: Motion, rest_J3: np.ndarray) -> np.ndarray:
    """[T, 3] lag of long hair on a body with T-pose joints `rest_J3`, for `move_hair`."""
    head = JOINT["head"]
    places, facing = np.empty((len(motion), 3)), np.empty((len(motion), 3))
    for frame in range(len(motion)):
        positions, turned = forward_kinematics(motion[frame], rest_J3)
        places[frame], facing[frame] = positions[head], turned[head][:, 2]
    heading = np.unwrap(np.arctan2(facing[:, 0], facing[:, 2]))
    turns = np.stack([heading, np.zeros_like(heading), np.zeros_like(heading)], axis=1)
    steps = SwaySpring(frequency_hz=_FREQUENCY_HZ, gain=_STEP_GAIN)
    spins = SwaySpring(frequency_hz=_FREQUENCY_HZ, gain=1.0)
    step_s = 1 / motion.fps
    return np.stack(
        [
            [*steps.step(place, dt_s=step_s), spins.step(turn, dt_s=step_s)[0]]
            for place, turn in zip(places, turns, strict=True)
        ]
    )
