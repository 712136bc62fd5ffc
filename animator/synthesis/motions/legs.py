"""Legs that stand where they should: two-bone inverse kinematics, and motions fitted to a body's own legs.

Legend: T frames, J joints, S sides.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from animator.synthesis.motions.motion import Motion, joint_tracks
from animator.synthesis.rig import DEFAULT_REST_J3, JOINT

SIDES = ("left", "right")
# Legs are never quite straight: close to full stretch a knee snaps.
STRETCH = 0.992


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors over the last axis at length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def solve_leg(
    hips_T3: np.ndarray, ankles_T3: np.ndarray, hinges_T3: np.ndarray, *, thigh_m: float, shin_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations [T, 3, 3] of thigh and shin that take the ankle from the hip to its place.

    `hinges_T3` is about where the knee's axis points (+x of a standing person). A target out of reach is approached
    along its own direction.
    """
    along = ankles_T3 - hips_T3
    reach = np.linalg.norm(along, axis=1, keepdims=True)
    down = along / np.maximum(reach, 1e-9)
    reach = np.clip(reach, abs(thigh_m - shin_m) + 1e-3, (thigh_m + shin_m) * 0.9999)
    hinge = unit(hinges_T3 - (hinges_T3 * down).sum(1, keepdims=True) * down)
    forward = np.cross(hinge, -down)
    part = (thigh_m**2 + reach**2 - shin_m**2) / (2 * reach)
    knee = down * part + forward * np.sqrt(np.maximum(thigh_m**2 - part**2, 0.0))
    return _frame(hinge, -unit(knee)), _frame(hinge, -unit(down * reach - knee))


def _frame(x_T3: np.ndarray, y_T3: np.ndarray) -> np.ndarray:
    return np.stack([x_T3, y_T3, np.cross(x_T3, y_T3)], axis=-1)


def reachable_height(
    grounds_TS2: np.ndarray, heights_TS: np.ndarray, *, length: float, softness: float = 0.004
) -> np.ndarray:
    """[T] hips' height from which both ankles are within `length` of their hips.

    Args:
        grounds_TS2: horizontal way from each hip to its ankle.
        heights_TS: heights of the ankles.
        length: of the stretched leg, same unit.
        softness: width of the smooth minimum over the two legs, so that changing legs makes no jerk.
    """
    square = (length * STRETCH) ** 2 - (grounds_TS2**2).sum(-1)
    limits = heights_TS + np.sqrt(np.maximum(square, 1e-6))
    lowest = limits.min(1, keepdims=True)
    return lowest[:, 0] - softness * np.log(np.exp(-(limits - lowest) / softness).sum(1))


def fit_to_body(motion: Motion, rest_J3: np.ndarray) -> Motion:
    """The motion for a body with T-pose joints `rest_J3`, feet where they are on the default body.

    A motion's feet stand on the rig's default proportions; on other legs the same angles let them slide and sink.
    Ankles are kept at the same place in pelvis heights, soles at the same height over the floor; the pelvis sinks
    where a leg would have to stretch.
    """
    before, turned = joint_tracks(motion)
    unit_m = rest_J3[0, 1]
    scale = unit_m / DEFAULT_REST_J3[0, 1]
    roots = motion.roots_T3 * unit_m
    ankles, hips, lengths = [], [], []
    for side in SIDES:
        hip, knee, ankle = (JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
        lift = rest_J3[ankle, 1] - scale * DEFAULT_REST_J3[ankle, 1]
        ankles.append(before[:, ankle] * scale + np.array([0.0, lift, 0.0]))
        hips.append(motion.rotations_TJ33[:, 0] @ (rest_J3[hip] - rest_J3[0]))
        lengths.append((rest_J3[hip, 1] - rest_J3[knee, 1], rest_J3[knee, 1] - rest_J3[ankle, 1]))
    ground = np.stack([roots + hips[s] - ankles[s] for s in range(2)], axis=1)[..., [0, 2]]
    heights = np.stack([ankles[s][:, 1] - hips[s][:, 1] for s in range(2)], axis=1)
    roots[:, 1] = np.minimum(roots[:, 1], reachable_height(ground, heights, length=min(map(sum, lengths))))
    rotations = motion.rotations_TJ33.copy()
    for s, side in enumerate(SIDES):
        hip, knee, ankle = (JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
        thigh, shin = solve_leg(
            roots + hips[s], ankles[s], turned[:, hip, :, 0], thigh_m=lengths[s][0], shin_m=lengths[s][1]
        )
        rotations[:, hip] = _inverse(rotations[:, 0]) @ thigh
        rotations[:, knee] = _inverse(thigh) @ shin
        rotations[:, ankle] = _inverse(shin) @ turned[:, ankle]
    return dataclasses.replace(motion, rotations_TJ33=rotations, roots_T3=roots / unit_m)


def _inverse(rotations_T33: np.ndarray) -> np.ndarray:
    return np.swapaxes(rotations_T33, -1, -2)
