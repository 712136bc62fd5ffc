import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animator.evaluation.pose_metrics import limb_drift, pck, pose_error, torso_lengths
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33, COCO_17

TORSO_PX = 100.0
# A person seen from the front: torso 100 px from mid-shoulder to mid-hip, shoulders 60 px apart.
_STANDING = {
    "nose": (0, -40),
    "left_eye": (6, -46),
    "right_eye": (-6, -46),
    "left_ear": (14, -42),
    "right_ear": (-14, -42),
    "left_shoulder": (30, 0),
    "right_shoulder": (-30, 0),
    "left_elbow": (45, 50),
    "right_elbow": (-45, 50),
    "left_wrist": (50, 100),
    "right_wrist": (-50, 100),
    "left_hip": (20, 100),
    "right_hip": (-20, 100),
    "left_knee": (22, 180),
    "right_knee": (-22, 180),
    "left_ankle": (24, 260),
    "right_ankle": (-24, 260),
}


def _standing(num_frames: int = 12, confidence: float = 0.9) -> PoseSequence:
    joints = np.array([_STANDING[name] for name in COCO_17.joints], dtype=np.float32) + np.float32([200, 80])
    return PoseSequence(
        keypoints_TK2=np.repeat(joints[None], num_frames, axis=0),
        confidence_TK=np.full((num_frames, 17), confidence),
        times_s_T=np.arange(num_frames) / 25,
        skeleton=COCO_17,
        frame_size=(400, 400),
    )


def _moved(sequence: PoseSequence, by_px: float, joint: str | None = None) -> PoseSequence:
    keypoints = sequence.keypoints_TK2.copy()
    keypoints[:, slice(None) if joint is None else COCO_17.index(joint), 0] += by_px
    return sequence.replace(keypoints_TK2=keypoints)


def _without(sequence: PoseSequence, joint: str) -> PoseSequence:
    keypoints = sequence.keypoints_TK2.copy()
    keypoints[:, COCO_17.index(joint)] = np.nan
    return sequence.replace(keypoints_TK2=keypoints)


def test_equal_poses_are_perfect() -> None:
    assert pck(_standing(), _standing()) == 1
    assert pose_error(_standing(), _standing()) == 0
    assert limb_drift(_standing(), _standing()) == 0


@pytest.mark.parametrize(("by_px", "expected"), [(19.9, 1.0), (20.1, 0.0)])
def test_pck_turns_at_a_fifth_of_the_torso(by_px: float, expected: float) -> None:
    assert pck(_moved(_standing(), by_px), _standing()) == expected


def test_pose_error_is_in_torso_lengths() -> None:
    assert pose_error(_moved(_standing(), 30), _standing()) == pytest.approx(0.3, rel=1e-5)


def test_one_wrong_joint_costs_its_share() -> None:
    assert pck(_moved(_standing(), 90, "left_wrist"), _standing()) == pytest.approx(16 / 17)


def test_a_joint_not_found_again_is_a_miss_but_has_no_distance() -> None:
    predicted = _without(_standing(), "left_wrist")
    assert pck(predicted, _standing()) == pytest.approx(16 / 17)
    assert pose_error(predicted, _standing()) == 0


def test_joints_the_target_is_not_sure_of_do_not_count() -> None:
    confidence = np.full((12, 17), 0.9)
    confidence[:, COCO_17.index("left_wrist")] = 0.5
    target = _standing().replace(confidence_TK=confidence)
    assert pck(_moved(_standing(), 90, "left_wrist"), target) == 1


def test_nothing_is_measured_without_a_confident_target() -> None:
    target = _standing(confidence=0.4)
    assert math.isnan(pck(_standing(), target))
    assert math.isnan(pose_error(_standing(), target))
    assert math.isnan(limb_drift(_standing(), target))


def test_nobody_found_again_is_all_misses() -> None:
    nobody = _standing().replace(keypoints_TK2=np.full((12, 17, 2), np.nan))
    assert pck(nobody, _standing()) == 0
    assert math.isnan(pose_error(nobody, _standing()))


def test_skeletons_are_compared_by_name() -> None:
    assert pck(_standing().to_skeleton(BLAZEPOSE_33), _standing()) == 1


def test_poses_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="do not pair up"):
        pck(_standing(3), _standing(4))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.integers(0, 100))
def test_pck_grows_with_the_threshold(thresholds: list[float], seed: int) -> None:
    target = _standing(3)
    noise = np.random.default_rng(seed).normal(0, 30, target.keypoints_TK2.shape)
    predicted = target.replace(keypoints_TK2=target.keypoints_TK2 + noise)
    scores = [pck(predicted, target, threshold=threshold) for threshold in sorted(thresholds)]
    assert scores == sorted(scores)


def test_the_torso_runs_from_mid_shoulder_to_mid_hip() -> None:
    assert torso_lengths(_standing()) == pytest.approx(TORSO_PX)


def test_a_half_body_takes_its_shoulders_as_yardstick() -> None:
    half = _without(_without(_standing(), "left_hip"), "right_hip")
    assert torso_lengths(half) == pytest.approx(1.5 * 60)


def test_a_person_bending_to_the_camera_keeps_a_yardstick() -> None:
    keypoints = _standing().keypoints_TK2.copy()
    for hip in ("left_hip", "right_hip"):
        keypoints[:, COCO_17.index(hip), 1] -= 95
    assert torso_lengths(_standing().replace(keypoints_TK2=keypoints)) == pytest.approx(1.5 * 60)


def test_frames_without_a_torso_take_the_clips_median() -> None:
    confidence = np.full((12, 17), 0.9)
    confidence[3] = 0
    assert torso_lengths(_standing().replace(confidence_TK=confidence))[3] == pytest.approx(TORSO_PX)


def test_other_proportions_are_no_drift() -> None:
    larger = _standing().replace(keypoints_TK2=_standing().keypoints_TK2 * np.float32(1.3))
    assert limb_drift(larger, _standing()) == pytest.approx(0, abs=1e-6)


def test_foreshortening_that_both_share_is_no_drift() -> None:
    widths = np.linspace(0.7, 1.3, 12, dtype=np.float32)[:, None]
    target = _standing()
    keypoints = target.keypoints_TK2.copy()
    keypoints[..., 1] = (keypoints[..., 1] - 80) * widths + 80
    moving = target.replace(keypoints_TK2=keypoints)
    assert limb_drift(moving, moving) == 0
    assert limb_drift(target, moving) > 0.1


def test_drift_is_the_spread_of_the_length_in_log_units() -> None:
    breathing = np.exp(0.1 * np.resize([-1, 1], 400)).astype(np.float32)[:, None, None]
    target = _standing(400)
    predicted = target.replace(keypoints_TK2=target.keypoints_TK2 * breathing)
    assert limb_drift(predicted, target) == pytest.approx(0.1, abs=1e-3)


def test_single_wrong_frames_are_no_drift() -> None:
    keypoints = _standing(40).keypoints_TK2.copy()
    keypoints[7] *= 2
    assert limb_drift(_standing(40).replace(keypoints_TK2=keypoints), _standing(40)) == pytest.approx(0, abs=1e-6)
