"""Left and right are put back where they were swapped, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.skeleton import BLAZEPOSE_33, COCO_17, Skeleton
from temporal.swaps import repair_swaps
from tests.temporal.motions import (
    ARMS,
    EVERYTHING,
    LEGS,
    TORSO_PX,
    as_sequence,
    kicking,
    spinning,
    standing,
    swap,
    swaying,
    turning,
    with_noise,
)


@pytest.mark.parametrize("fps", [15, 30, 60])
@pytest.mark.parametrize("words", [LEGS, (*LEGS, "hip"), ARMS, (*ARMS, "shoulder"), LEGS + ARMS, EVERYTHING])
@pytest.mark.parametrize("frames", [slice(20, 21), slice(20, 32), slice(0, 12), slice(33, None)])
def test_swapped_limbs_are_put_back(fps, words, frames):
    truth = with_noise(swaying(np.arange(45) / fps), 0.01)
    repaired = repair_swaps(as_sequence(swap(truth, frames, words), fps=fps))
    np.testing.assert_array_equal(repaired.keypoints_TK2, as_sequence(truth).keypoints_TK2)


@pytest.mark.parametrize("fps", [5, 10, 30, 60, 120])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.02])
@pytest.mark.parametrize("motion", [swaying, kicking, turning])
def test_true_motion_is_not_repaired(fps, noise, motion):
    sequence = as_sequence(with_noise(motion(np.arange(3 * fps) / fps), noise), fps=fps)
    np.testing.assert_array_equal(repair_swaps(sequence).keypoints_TK2, sequence.keypoints_TK2)


@pytest.mark.parametrize("lasting_s", [0.4, 1.0, 2.0])
def test_a_person_who_turns_round_keeps_their_sides(lasting_s):
    sequence = as_sequence(with_noise(turning(np.arange(90) / 30, lasting_s=lasting_s), 0.01))
    np.testing.assert_array_equal(repair_swaps(sequence).keypoints_TK2, sequence.keypoints_TK2)


def test_a_swap_while_turning_is_repaired():
    truth = with_noise(turning(np.arange(90) / 30, lasting_s=2.0), 0.01)
    repaired = repair_swaps(as_sequence(swap(truth, slice(20, 26), EVERYTHING)))
    np.testing.assert_array_equal(repaired.keypoints_TK2, as_sequence(truth).keypoints_TK2)


@pytest.mark.parametrize("words", [LEGS, (*LEGS, "hip")])
def test_a_person_who_spins_keeps_their_sides_around_a_swap(words):
    # All the clip long; what it begins with is not taken for a swap of the whole body.
    truth = with_noise(spinning(np.arange(30) / 30), 0.01)
    repaired = repair_swaps(as_sequence(swap(truth, slice(8, 10), words)))
    np.testing.assert_array_equal(repaired.keypoints_TK2, as_sequence(truth).keypoints_TK2)


@pytest.mark.parametrize("words", [LEGS, EVERYTHING])
def test_a_swap_in_the_first_frame_alone_is_repaired(words):
    truth = with_noise(swaying(np.arange(45) / 30), 0.01)
    repaired = repair_swaps(as_sequence(swap(truth, slice(0, 1), words)))
    np.testing.assert_array_equal(repaired.keypoints_TK2, as_sequence(truth).keypoints_TK2)


@pytest.mark.parametrize("fps", [15, 30])
@pytest.mark.parametrize("frames", [slice(0, 1), slice(20, 21)])
@pytest.mark.parametrize("motion", [swaying, kicking])
def test_hips_alone_are_put_back(fps, frames, motion):
    truth = with_noise(motion(np.arange(4 * fps) / fps), 0.01)
    repaired = repair_swaps(as_sequence(swap(truth, frames, ("hip",)), fps=fps))
    np.testing.assert_array_equal(repaired.keypoints_TK2, as_sequence(truth).keypoints_TK2)


def test_legs_that_cross_on_the_way_are_not_repaired():
    times_s = np.arange(60) / 30
    keypoints = standing(60)
    stride = 0.5 * TORSO_PX * np.sin(2 * np.pi * times_s)
    for word in LEGS:
        for left, right in BLAZEPOSE_33.mirror_pairs:
            if word in BLAZEPOSE_33.joints[left]:
                keypoints[:, left, 0] = 320 + stride
                keypoints[:, right, 0] = 320 - stride
    sequence = as_sequence(with_noise(keypoints, 0.01))
    np.testing.assert_array_equal(repair_swaps(sequence).keypoints_TK2, sequence.keypoints_TK2)


def test_confidence_moves_with_its_joint():
    truth = as_sequence(swaying(np.arange(45) / 30))
    confidence = truth.confidence_TK.copy()
    confidence[:, [BLAZEPOSE_33.index(joint) for joint in BLAZEPOSE_33.joints if "left" in joint]] *= 0.5
    swapped = truth.replace(
        keypoints_TK2=swap(truth.keypoints_TK2, slice(20, 30), EVERYTHING),
        confidence_TK=swap(confidence[..., None], slice(20, 30), EVERYTHING)[..., 0],
    )
    np.testing.assert_array_equal(
        repair_swaps(swapped).confidence_TK, truth.replace(confidence_TK=confidence).confidence_TK
    )


def test_swaps_are_found_across_lost_frames():
    truth = swaying(np.arange(60) / 30)
    broken = swap(truth, slice(20, 40), LEGS)
    broken[18:20] = truth[18:20] = np.nan
    np.testing.assert_array_equal(repair_swaps(as_sequence(broken)).keypoints_TK2, as_sequence(truth).keypoints_TK2)


def test_spikes_do_not_look_like_swaps():
    keypoints = with_noise(swaying(np.arange(90) / 30), 0.01)
    random = np.random.default_rng(1)
    for frame, joint in np.argwhere(random.random(keypoints.shape[:2]) < 0.01):
        keypoints[frame, joint] += random.normal(size=2) * TORSO_PX
    sequence = as_sequence(keypoints)
    np.testing.assert_array_equal(repair_swaps(sequence).keypoints_TK2, sequence.keypoints_TK2)


def test_other_skeletons_are_repaired_too():
    truth = as_sequence(with_noise(swaying(np.arange(45) / 30), 0.01))
    broken = truth.replace(keypoints_TK2=swap(truth.keypoints_TK2, slice(20, 30), LEGS))
    repaired = repair_swaps(broken.to_skeleton(COCO_17))
    np.testing.assert_array_equal(repaired.keypoints_TK2, truth.to_skeleton(COCO_17).keypoints_TK2)


def test_a_skeleton_without_sides_has_nothing_to_repair():
    dots = Skeleton(name="dots", joints=("a", "b"), limbs=())
    sequence = as_sequence(np.random.default_rng(0).random((10, 2, 2)), skeleton=dots)
    assert repair_swaps(sequence) is sequence


@pytest.mark.parametrize("num_frames", [0, 1, 2])
def test_too_few_frames_are_left_alone(num_frames):
    sequence = as_sequence(standing(num_frames))
    assert repair_swaps(sequence) is sequence


@pytest.mark.parametrize("fps", [5, 12.5, 30])
def test_one_broken_frame_does_not_hang_arms_on_the_other_side_for_the_rest(fps):
    """As seen of a rendered person at rest: for a frame, shoulders fell together and hands changed sides."""
    poses = with_noise(standing(38), 0.01)
    broken = poses[15]
    for word in ("shoulder", "elbow"):
        pair = [BLAZEPOSE_33.index(f"{side}_{word}") for side in ("left", "right")]
        middle = broken[pair].mean(axis=0)
        broken[pair] = middle - 0.2 * (broken[pair] - middle)
    poses[15:16] = swap(poses[15:16], slice(0, 1), ("wrist", "pinky", "index", "thumb"))
    repaired = repair_swaps(as_sequence(poses, fps=fps)).keypoints_TK2
    others = np.arange(38) != 15
    np.testing.assert_array_equal(repaired[others], as_sequence(poses, fps=fps).keypoints_TK2[others])
