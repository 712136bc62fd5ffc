import numpy as np
import pytest

from animator.errors import PhotoError
from animator.evaluation.subject_frame import best_subject_frame, person_extent, subject_frame_scores
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17

_STANDING = {
    "nose": (0, -40),
    "left_eye": (6, -46),
    "right_eye": (-6, -46),
    "left_ear": (14, -42),
    "right_ear": (-14, -42),
    "left_shoulder": (33, 0),
    "right_shoulder": (-33, 0),
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


def _standing(num_frames: int = 9) -> PoseSequence:
    joints = np.array([_STANDING[name] for name in COCO_17.joints], np.float32) + np.float32([200, 80])
    return PoseSequence(
        keypoints_TK2=np.repeat(joints[None], num_frames, axis=0),
        confidence_TK=np.full((num_frames, 17), 0.9),
        times_s_T=np.arange(num_frames) / 25,
        skeleton=COCO_17,
        frame_size=(400, 400),
    )


def _with_frame(sequence: PoseSequence, place: int, joints_K2: np.ndarray) -> PoseSequence:
    keypoints = sequence.keypoints_TK2.copy()
    keypoints[place] = joints_K2
    return sequence.replace(keypoints_TK2=keypoints)


def _about_the_middle(sequence: PoseSequence, matrix: np.ndarray) -> np.ndarray:
    return (sequence.keypoints_TK2[0] - (200, 180)) @ matrix.T + (200, 180)


def test_a_person_who_stands_still_and_faces_the_camera_scores_the_squared_confidence() -> None:
    assert subject_frame_scores(_standing()) == pytest.approx(0.81, abs=0.01)
    assert best_subject_frame(_standing()) == 0


def test_a_bent_head_scores_less_and_a_leaning_person_s_does_not() -> None:
    nose = COCO_17.index("nose")
    bent = _standing().keypoints_TK2[0].copy()
    bent[nose] += (0, 35)
    sequence = _with_frame(_standing(), 4, bent)
    scores = subject_frame_scores(sequence)
    assert scores[4] < 0.3 * scores[0]
    tilt = np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]])
    leaning = _standing().replace(keypoints_TK2=np.repeat(_about_the_middle(_standing(), tilt)[None], 9, axis=0))
    assert subject_frame_scores(leaning) == pytest.approx(np.cos(0.2) ** 2 * 0.81, rel=0.08)


@pytest.mark.parametrize("width", [0.3, -1.0], ids=["turned sideways", "seen from behind"])
def test_frames_that_do_not_face_the_camera_score_less(width: float) -> None:
    turned = _standing().replace(
        keypoints_TK2=np.repeat(_about_the_middle(_standing(), np.diag([width, 1.0]))[None], 9, axis=0)
    )
    assert (subject_frame_scores(turned) < 0.5).all()
    assert (subject_frame_scores(turned) > 0).all()


def test_a_person_lying_down_scores_less() -> None:
    lying = _standing().replace(
        keypoints_TK2=np.repeat(_about_the_middle(_standing(), np.array([[0.0, -1.0], [1.0, 0.0]]))[None], 9, axis=0)
    )
    assert (subject_frame_scores(lying) < 0.1).all()


def test_joints_that_are_unsure_unseen_or_outside_score_nothing() -> None:
    whole = subject_frame_scores(_standing())[4]
    confidence = _standing().confidence_TK.copy()
    confidence[4, COCO_17.index("left_wrist")] = 0
    assert subject_frame_scores(_standing().replace(confidence_TK=confidence))[4] == pytest.approx(
        whole * (16 / 17) ** 2
    )
    shifted = _standing().replace(keypoints_TK2=_standing().keypoints_TK2 + np.float32([0, 150]))
    assert subject_frame_scores(shifted)[4] == pytest.approx(whole * (13 / 17) ** 2)  # knees and ankles below 400 px


def test_a_fast_move_is_blurred_and_scores_less() -> None:
    moving = _standing().keypoints_TK2.copy()
    moving[5:, COCO_17.index("left_wrist")] += np.float32([80, 0])
    scores = subject_frame_scores(_standing().replace(keypoints_TK2=moving))
    assert scores[[4, 5]].max() < scores[[0, 1, 2, 7, 8]].min()


def test_hands_before_the_trunk_hide_it_and_score_less() -> None:
    hands = _standing().keypoints_TK2[0].copy()
    wrists = [COCO_17.index(f"{side}_wrist") for side in ("left", "right")]
    hands[wrists] = np.array([(10, 50), (-10, 50)]) + [200, 80]
    sequence = _standing().replace(keypoints_TK2=np.repeat(hands[None], 9, axis=0))
    one = sequence.keypoints_TK2.copy()
    one[:, wrists[0]] = _standing().keypoints_TK2[0, wrists[0]]
    free, one_hides, both_hide = (
        subject_frame_scores(each)[4] for each in (_standing(), sequence.replace(keypoints_TK2=one), sequence)
    )
    assert one_hides == pytest.approx(0.9 * free, rel=1e-3)
    assert both_hide == pytest.approx(0.8 * free, rel=1e-3)


def test_the_best_frame_is_the_one_facing_the_camera() -> None:
    sideways = _standing().replace(
        keypoints_TK2=np.repeat(_about_the_middle(_standing(), np.diag([0.2, 1.0]))[None], 9, axis=0)
    )
    # The frame beside moves as much, but is not frontal.
    assert best_subject_frame(_with_frame(sideways, 6, _standing().keypoints_TK2[0])) == 6


def test_half_bodies_are_scored_without_hips() -> None:
    half = _standing()
    keypoints = half.keypoints_TK2.copy()
    for joint in ("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"):
        keypoints[:, COCO_17.index(joint)] = np.nan
    assert subject_frame_scores(half.replace(keypoints_TK2=keypoints)) == pytest.approx((0.9 * 11 / 17) ** 2, abs=0.01)


def test_a_lone_frame_has_a_score() -> None:
    assert subject_frame_scores(_standing(1)) == pytest.approx(0.81, abs=0.01)


def test_a_clip_without_the_person_is_refused() -> None:
    nobody = _standing().replace(keypoints_TK2=np.full((9, 17, 2), np.nan))
    with pytest.raises(PhotoError, match="no frame"):
        best_subject_frame(nobody)


def test_the_extent_holds_every_pose_with_air_and_stays_in_the_picture() -> None:
    motion = _standing(3)
    joints = motion.keypoints_TK2.copy()
    joints[2] += (60, 0)
    left, top, right, bottom = person_extent(motion.replace(keypoints_TK2=joints))
    low, high = joints.min((0, 1)), joints.max((0, 1))
    assert 0 <= left < low[0]
    assert 0 <= top < low[1]
    assert high[0] < right < high[0] + 40
    assert high[1] < bottom <= 400
    aside = person_extent(motion.replace(keypoints_TK2=joints - np.float32([170, 0])))
    assert aside[0] == 0
