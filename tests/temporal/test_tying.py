"""Where a joint stands comes from the tracker, how it moves from the clip."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.motion import MotionConfig, clean_motion
from temporal.tying import tie_to_picture
from tests.temporal.motions import TORSO_PX, as_sequence, standing, swap, swaying, with_noise

WEIGHT = MotionConfig().picture_weight
WRIST = BLAZEPOSE_33.index("left_wrist")
FPS = Fraction(30)
EVERYTHING = ("",)


def _with_steps(keypoints_TK2: np.ndarray, truth_TK2: np.ndarray) -> PoseSequence:
    """Tracked keypoints with the steps of the truth."""
    steps_TK2 = np.diff(truth_TK2, axis=0, prepend=truth_TK2[:1])
    return as_sequence(keypoints_TK2).replace(steps_TK2=steps_TK2)


def _step_error(motion: PoseSequence, truth_TK2: np.ndarray) -> float:
    wrong_SK2 = np.diff(motion.keypoints_TK2 - truth_TK2, axis=0)
    return float(np.sqrt(np.nanmean(wrong_SK2**2)) / TORSO_PX)


def _error(motion: PoseSequence, truth_TK2: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean((motion.keypoints_TK2 - truth_TK2) ** 2)) / TORSO_PX)


def test_a_person_at_rest_holds_still_while_the_tracker_twitches() -> None:
    truth = standing(60)
    tracked = _with_steps(with_noise(truth, 0.01), truth)
    tied = tie_to_picture(tracked, weight=WEIGHT)
    assert _step_error(tied, truth) < 0.1 * _step_error(tracked, truth)
    assert _error(tied, truth) < 0.5 * _error(tracked, truth)


def test_a_moving_person_moves_more_truly_than_tracked() -> None:
    truth = swaying(np.arange(90) / 30)
    tracked = _with_steps(with_noise(truth, 0.01), truth)
    tied = tie_to_picture(tracked, weight=WEIGHT)
    assert _step_error(tied, truth) < 0.6 * _step_error(tracked, truth)
    assert _error(tied, truth) < _error(tracked, truth)


def test_a_repeated_frame_repeats_the_pose() -> None:
    # 12.5 pictures per second in a clip of 25 frames per second; a smoother moves on through the repeats.
    shown = swaying(np.arange(40) / 12.5).repeat(2, axis=0)
    smooth = (shown + np.roll(shown, 1, axis=0)) / 2
    smooth[0] = shown[0]
    tied = tie_to_picture(_with_steps(smooth, shown), weight=WEIGHT)
    before = np.linalg.norm(np.diff(smooth, axis=0)[::2], axis=-1)
    after = np.linalg.norm(np.diff(tied.keypoints_TK2, axis=0)[::2], axis=-1)
    assert np.nanmean(after) < 0.05 * np.nanmean(before)


def test_steps_that_add_up_to_a_drift_do_not_carry_the_pose_away() -> None:
    truth = standing(300)
    tracked = as_sequence(truth).replace(steps_TK2=np.full_like(truth, 0.05))  # 15 px in all
    tied = tie_to_picture(tracked, weight=WEIGHT)
    assert np.nanmax(np.abs(tied.keypoints_TK2 - truth)) < 0.01 * TORSO_PX


def test_a_long_step_is_believed_less_than_a_short_one() -> None:
    truth = standing(3)
    pulled = []
    for length_px in (0.1, 20.0):
        steps_TK2 = np.zeros_like(truth)
        steps_TK2[1, :, 0] = length_px
        tied = tie_to_picture(as_sequence(truth).replace(steps_TK2=steps_TK2), weight=WEIGHT)
        moved = tied.keypoints_TK2 - as_sequence(truth).keypoints_TK2
        pulled.append((moved[1, WRIST, 0] - moved[0, WRIST, 0]) / length_px)
    assert pulled[1] < 0.4 * pulled[0]


@pytest.mark.parametrize("weight", [1.0, WEIGHT, 1e6])
def test_motion_that_agrees_with_the_picture_is_unchanged(weight: float) -> None:
    truth = swaying(np.arange(40) / 30)
    tracked = _with_steps(truth, truth)
    np.testing.assert_allclose(
        tie_to_picture(tracked, weight=weight).keypoints_TK2, tracked.keypoints_TK2, atol=2e-3, rtol=0
    )


def test_without_steps_or_weight_nothing_changes() -> None:
    truth = swaying(np.arange(20) / 30)
    unmeasured, measured = as_sequence(with_noise(truth, 0.02)), _with_steps(with_noise(truth, 0.02), truth)
    assert tie_to_picture(unmeasured, weight=WEIGHT) is unmeasured
    assert tie_to_picture(measured, weight=0) is measured
    unknown = measured.replace(steps_TK2=np.full_like(truth, np.nan))
    assert tie_to_picture(unknown, weight=WEIGHT) is unknown


def test_unseen_joints_stay_unseen_and_nothing_crosses_a_gap() -> None:
    truth = standing(20)
    jumped = truth.copy()
    jumped[10:] += [50.0, 0.0]
    jumped[8:10] = np.nan
    tied = tie_to_picture(as_sequence(jumped).replace(steps_TK2=np.zeros_like(truth)), weight=WEIGHT)
    np.testing.assert_allclose(tied.keypoints_TK2, as_sequence(jumped).keypoints_TK2, atol=2e-3, rtol=0)


def test_joints_that_were_not_measured_keep_their_positions() -> None:
    truth = standing(30)
    tracked = _with_steps(with_noise(truth, 0.01), truth)
    steps_TK2 = np.array(tracked.steps_TK2)
    steps_TK2[:, WRIST] = np.nan
    tracked = tracked.replace(steps_TK2=steps_TK2)
    tied = tie_to_picture(tracked, weight=WEIGHT)
    np.testing.assert_array_equal(tied.keypoints_TK2[:, WRIST], tracked.keypoints_TK2[:, WRIST])


def test_the_whole_chain_ties_at_the_clips_times_and_leaves_the_steps_behind() -> None:
    truth = standing(60)
    tracked = _with_steps(with_noise(truth, 0.02), truth)
    tied, _ = clean_motion(tracked, MotionConfig(), fps=FPS)
    loose, _ = clean_motion(tracked, MotionConfig(picture_weight=0), fps=FPS)
    unmeasured, _ = clean_motion(tracked.replace(steps_TK2=None), MotionConfig(), fps=FPS)
    assert _step_error(tied, truth) < 0.3 * _step_error(loose, truth)
    np.testing.assert_array_equal(loose.keypoints_TK2, unmeasured.keypoints_TK2)
    assert tied.steps_TK2 is None
    assert clean_motion(tracked, MotionConfig(fps=12), fps=FPS)[0].steps_TK2 is None


def test_swapped_joints_take_their_steps_with_them() -> None:
    truth = swaying(np.arange(90) / 30)
    swapped = slice(40, 50)
    steps_TK2 = np.diff(truth, axis=0, prepend=truth[:1])
    # Measured around where the joints were found in the frame before.
    measured = swap(steps_TK2, slice(swapped.start + 1, swapped.stop + 1), EVERYTHING)
    broken = as_sequence(swap(truth, swapped, EVERYTHING)).replace(steps_TK2=measured)
    config = MotionConfig(smoother="none", repair_flips=False)
    whole, report = clean_motion(broken, config, fps=FPS)
    assert report.num_swapped_frames == 10
    np.testing.assert_allclose(whole.keypoints_TK2, as_sequence(truth).keypoints_TK2, atol=0.01)


def test_a_limb_that_moves_before_a_background_at_rest_is_not_held_by_it() -> None:
    truth = standing(40)
    truth[:, :, 0] += np.linspace(0, 2 * TORSO_PX, 40)[:, None]
    swung = truth.copy()
    swung[:, WRIST, 1] -= TORSO_PX * np.sin(np.arange(40) / 5)
    steps_TK2 = np.diff(truth, axis=0, prepend=truth[:1])
    steps_TK2[:, WRIST] = 0
    tied = tie_to_picture(as_sequence(swung).replace(steps_TK2=steps_TK2), weight=WEIGHT)
    assert np.abs(tied.keypoints_TK2[:, WRIST] - swung[:, WRIST]).max() < 0.12 * TORSO_PX


def test_a_hand_that_passes_before_a_hip_does_not_carry_it_along() -> None:
    truth = standing(40)
    truth[:, :, 0] += 0.01 * TORSO_PX * np.arange(40)[:, None]
    steps_TK2 = np.diff(truth, axis=0, prepend=truth[:1])
    hip = BLAZEPOSE_33.index("left_hip")
    steps_TK2[19, hip], steps_TK2[21, hip] = (0.1 * TORSO_PX, 0.0), (0.0, -0.1 * TORSO_PX)
    tied = tie_to_picture(as_sequence(truth).replace(steps_TK2=steps_TK2), weight=WEIGHT)
    assert np.abs(tied.keypoints_TK2[:, hip] - truth[:, hip]).max() < 0.01 * TORSO_PX


def test_what_passes_is_doubted_before_and_after_the_step_that_gives_it_away() -> None:
    truth = standing(40)
    truth[:, :, 0] += 0.01 * TORSO_PX * np.arange(40)[:, None]
    hip = BLAZEPOSE_33.index("left_hip")

    def pulled_px(*, passing: bool) -> float:
        steps_TK2 = np.diff(truth, axis=0, prepend=truth[:1])
        steps_TK2[18:20, hip, 1] = 0.02 * TORSO_PX
        if passing:
            steps_TK2[20, hip, 0] += 0.2 * TORSO_PX
        tied = tie_to_picture(as_sequence(truth).replace(steps_TK2=steps_TK2), weight=WEIGHT)
        return float(np.ptp(tied.keypoints_TK2[15:25, hip, 1]))

    assert pulled_px(passing=True) < 0.6 * pulled_px(passing=False)


def test_what_flow_gets_wrong_bit_by_bit_is_not_made_good_at_once_where_it_ends() -> None:
    truth = standing(40)
    steps_TK2 = np.full_like(truth, 0.3)  # 0.003 torso lengths in every frame
    steps_TK2[18:23] = np.nan
    tied = tie_to_picture(as_sequence(truth).replace(steps_TK2=steps_TK2), weight=WEIGHT)
    assert np.nanmax(np.abs(np.diff(tied.keypoints_TK2, axis=0))) < 0.015 * TORSO_PX
