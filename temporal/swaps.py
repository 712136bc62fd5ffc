"""Left and right mistaken for each other by the tracker, and put back.

A swap shows as limbs that jump to each other's place. A person who turns, or legs that cross, show the opposite: left
and right glide through each other. So the labels are chosen that make every joint's path the smoothest in position
*and* velocity, over the whole sequence at once (Viterbi 1967), with a price on every change of mind, on the time for
which labels are exchanged, and on labels that would hang a limb on the other side of the body.

Legend: T frames, S states, P joint pairs of a region.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import Skeleton
from temporal.scale import torso_length_px

_REGION_WORDS = {
    "hips": ("hip",),
    "legs": ("knee", "ankle", "heel", "foot", "toe"),
    "shoulders": ("shoulder",),
    "arms": ("elbow", "wrist", "pinky", "index", "thumb", "hand"),
}
_ALL_REGIONS = (*_REGION_WORDS, "head")
# What a tracker mixes up: a pair of limbs below the joint that holds it, the same with that joint, hips alone, or
# everything.
SWAP_STATES: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({"legs"}),
    frozenset({"legs", "hips"}),
    frozenset({"hips"}),
    frozenset({"arms"}),
    frozenset({"arms", "shoulders"}),
    frozenset({"legs", "arms"}),
    frozenset({"legs", "hips", "arms", "shoulders", "head"}),
)
# Regions of which the second hangs on the first, and the joint it hangs by.
_HANGS_BY = (("shoulders", "arms", "elbow"), ("hips", "legs", "knee"), ("shoulders", "hips", "hip"))
# Prices in units of one joint pair's typical deviation. Trackers are far more often right than wrong, and wrong for a
# moment, least of all about the whole body: who spins within a second jumps about as a swap does, but for good.
CHANGE_COST = 3.0
SWAPPED_COST_PER_S = 3.0  # and region
END_COST = 1.0  # of each region that is exchanged where a stretch of frames begins or ends
CROSSED_COST_PER_S = 60.0  # and torso length by which limbs would be longer
# Deviations count up to this many times the typical one, so that a spike decides nothing.
MAX_DEVIATION = 6.0
MIN_DEVIATION_TORSO = 0.03
# Share of the tracker's own steps that are taken to be unswapped motion when the typical deviation is measured.
TYPICAL_PERCENTILE = 80.0
# Over longer breaks nothing links the labels before and after.
MAX_LINK_S = 0.5


def repair_swaps(sequence: PoseSequence) -> PoseSequence:
    """Exchange left and right joints in the frames where the tracker swapped them.

    Repairs legs, hips, arms, or the whole body; keypoints, confidence and steps change places together. Labels that are
    wrong throughout cannot be told from right ones and are kept, as is everything where the evidence is weak (limbs
    close together, few frames per second against the speed of the motion). Linear motion is returned unchanged.
    """
    regions = {region: pairs for region, pairs in _regions(sequence.skeleton).items() if pairs}
    frames = np.flatnonzero(sequence.seen_TK.any(axis=1))
    if len(frames) < 3 or not regions:
        return sequence
    positions_TK2 = sequence.keypoints_TK2[frames].astype(np.float64) / torso_length_px(sequence)
    times_s_T = sequence.times_s_T[frames]
    costs = {region: _region_costs(positions_TK2, times_s_T, np.array(pairs)) for region, pairs in regions.items()}
    states_T = _cheapest_states(costs, _crossed_costs(positions_TK2, sequence.skeleton, regions), times_s_T)
    order_TK = np.tile(np.arange(len(sequence.skeleton)), (len(sequence), 1))
    for region, pairs in regions.items():
        swapped_T = np.array([region in SWAP_STATES[state] for state in states_T])
        for left, right in pairs:
            order_TK[frames[swapped_T], left] = right
            order_TK[frames[swapped_T], right] = left
    return sequence.replace(
        keypoints_TK2=np.take_along_axis(sequence.keypoints_TK2, order_TK[..., None], axis=1),
        confidence_TK=np.take_along_axis(sequence.confidence_TK, order_TK, axis=1),
        steps_TK2=_swapped_steps(sequence.steps_TK2, order_TK),
    )


def _swapped_steps(steps_TK2: np.ndarray | None, order_TK: np.ndarray) -> np.ndarray | None:
    """Steps go with the joints of the frame before, around which they were measured."""
    if steps_TK2 is None:
        return None
    before_TK = np.concatenate([order_TK[:1], order_TK[:-1]])
    return np.take_along_axis(steps_TK2, before_TK[..., None], axis=1)


def _regions(skeleton: Skeleton) -> dict[str, list[tuple[int, int]]]:
    """Left/right index pairs of each region of the body; pairs of no limb belong to the head."""
    regions: dict[str, list[tuple[int, int]]] = {region: [] for region in _ALL_REGIONS}
    for left, right in skeleton.mirror_pairs:
        name = skeleton.joints[left]
        fitting = [region for region, words in _REGION_WORDS.items() if any(word in name for word in words)]
        regions[fitting[0] if fitting else "head"].append((left, right))
    return regions


def _region_costs(positions_TK2: np.ndarray, times_s_T: np.ndarray, pairs_P2: np.ndarray) -> np.ndarray:
    """Cost [T, 2, 2] of frame t if the labels change between t-2 and t-1 (first axis) and t-1 and t (second).

    The cost is how far both joints of a pair lie from where they were, or from where their velocity pointed, if there
    is one, whichever is nearer; in units of the region's own typical deviation, averaged over the pairs seen in these
    frames.
    """
    sides_TPS2 = positions_TK2[:, pairs_P2]
    gap_s_T = np.diff(times_s_T)
    linked_T = gap_s_T <= MAX_LINK_S
    now, before = sides_TPS2[1:], sides_TPS2[:-1]
    # Before the first frame of a stretch nothing is known, and no velocity.
    earlier = np.concatenate([np.full_like(before[:1], np.nan), before[:-1]])
    ratio = np.concatenate([[np.nan], gap_s_T[1:] / gap_s_T[:-1]])[:, None, None, None]
    has_velocity_T = np.concatenate([[False], linked_T[:-1]])[:, None, None]
    per_pair = {}
    for first in (0, 1):
        for second in (0, 1):
            then = before[:, :, ::-1] if second else before
            velocity = (before - (earlier[:, :, ::-1] if first else earlier)) * ratio
            coming = velocity[:, :, ::-1] if second else velocity
            raw = np.linalg.norm(now - then, axis=-1)
            steady = np.linalg.norm(now - then - coming, axis=-1)
            per_pair[first, second] = np.where(has_velocity_T, np.minimum(raw, steady), raw)
    unit = _typical(per_pair[0, 0][1:])
    deviation = np.zeros((len(times_s_T), 2, 2))
    for (first, second), deviation_TPS in per_pair.items():
        limited_TP = np.minimum(deviation_TPS / unit, MAX_DEVIATION).sum(axis=-1)
        known_TP = np.isfinite(limited_TP)
        mean_T = np.where(known_TP, limited_TP, 0).sum(axis=1) / np.maximum(known_TP.sum(axis=1), 1)
        # Without the last digits: explanations that are equally good must not be told apart by rounding.
        deviation[1:, first, second] = np.where(linked_T, np.round(mean_T, 6), 0)
    return deviation


def _crossed_costs(
    positions_TK2: np.ndarray, skeleton: Skeleton, regions: dict[str, list[tuple[int, int]]]
) -> np.ndarray:
    """Torso lengths [T, S] by which each state makes limbs longer: arms that hang on the wrong shoulders.

    Only ever against an exchange: that limbs lie crossed says nothing yet, people cross their legs.
    """
    costs_TS = np.zeros((len(positions_TK2), len(SWAP_STATES)))
    for holder, held, word in _HANGS_BY:
        joints = [pair for pair in regions.get(held, ()) if word in skeleton.joints[pair[0]]]
        if not joints or holder not in regions:
            continue
        root_T22, joint_T22 = (positions_TK2[:, list(pair)] for pair in (regions[holder][0], joints[0]))
        straight_T, crossed_T = (
            np.linalg.norm(root_T22 - side_T22, axis=-1).sum(-1) for side_T22 in (joint_T22, joint_T22[:, ::-1])
        )
        parted_S = np.array([(holder in state) != (held in state) for state in SWAP_STATES])
        costs_TS += np.nan_to_num(crossed_T - straight_T).clip(0, None)[:, None] * parted_S
    return costs_TS


def _typical(deviation_TPS: np.ndarray) -> float:
    known = deviation_TPS[np.isfinite(deviation_TPS)]
    return max(MIN_DEVIATION_TORSO, float(np.percentile(known, TYPICAL_PERCENTILE)) if len(known) else 0.0)


def _cheapest_states(costs: dict[str, np.ndarray], crossed_TS: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
    """Index into SWAP_STATES for every frame: Viterbi over pairs of consecutive states."""
    num_frames, num_states = len(times_s_T), len(SWAP_STATES)
    gap_s_T = np.diff(times_s_T, prepend=times_s_T[0])
    is_swapped_S = np.array([bool(state) for state in SWAP_STATES])
    # From one kind of swap to another is two changes: what lies between them is the state without a swap.
    change_SS = CHANGE_COST * (is_swapped_S[:, None].astype(float) + is_swapped_S[None, :]) * (1 - np.eye(num_states))
    num_regions_S = np.array([float(len(state)) for state in SWAP_STATES])
    end_S, swapped_S = END_COST * num_regions_S, SWAPPED_COST_PER_S * num_regions_S
    # Nothing says on the other side of a break, or beyond the ends, that labels were exchanged already.
    broken_SS = end_S[:, None] + end_S
    bits = {region: np.array([region in state for state in SWAP_STATES], dtype=int) for region in costs}
    flips = {region: bit[:, None] ^ bit[None, :] for region, bit in bits.items()}

    step_s = float(np.median(gap_s_T[1:]))
    per_s_TS = swapped_S + CROSSED_COST_PER_S * crossed_TS
    best_SS = np.repeat((end_S + per_s_TS[0] * step_s)[:, None], num_states, axis=1)  # [state before, state now]
    pointers = np.zeros((num_frames, num_states, num_states), dtype=np.int8)
    for frame in range(1, num_frames):
        linked = gap_s_T[frame] <= MAX_LINK_S
        here_SS = (change_SS if linked else broken_SS) + per_s_TS[frame][None, :] * min(gap_s_T[frame], MAX_LINK_S)
        motion_SSS = sum(
            cost[frame][flips[region][:, :, None], flips[region][None, :, :]] for region, cost in costs.items()
        )
        if frame == 1:  # the states before it are one and the same
            best_SS = best_SS + motion_SSS[0] + here_SS
            continue
        total_SSS = best_SS[:, :, None] + motion_SSS
        pointers[frame] = total_SSS.argmin(axis=0)
        best_SS = total_SSS.min(axis=0) + here_SS
    return _traced_back(best_SS + end_S, pointers)


def _traced_back(best_SS: np.ndarray, pointers: np.ndarray) -> np.ndarray:
    before, now = np.unravel_index(int(best_SS.argmin()), best_SS.shape)
    states = [int(now), int(before)]
    for frame in range(len(pointers) - 1, 1, -1):
        states.append(int(pointers[frame, states[-1], states[-2]]))
    return np.array(states[::-1])
