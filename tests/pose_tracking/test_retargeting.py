"""Driving motion on a subject's own proportions: sizes, floors, turns, skeletons, and itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pose_tracking.errors import TrackingError
from pose_tracking.retargeting import RetargetConfig, reach, retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33, COCO_17, HOLISTIC_543, OPENPOSE_18, SKELETONS, WHOLEBODY_133
from tests.pose_tracking.driven_figure import (
    ADULT,
    CANVAS,
    dance,
    distance,
    lowest,
    middle,
    pose_of,
    sequence_of,
    subject,
    without,
)

# The motion as it is, wherever it leads.
LET_GO = RetargetConfig(stay_in_view=False)


def own_error(motion: PoseSequence, frame: int) -> float:
    """Median distance in torsos between a motion and itself retargeted onto one of its frames."""
    result = retarget(motion, onto=motion[frame], canvas_size=motion.frame_size, config=LET_GO)
    torso = np.nanmedian(np.linalg.norm(middle(motion, "shoulder") - middle(motion, "hip"), axis=-1))
    apart = np.linalg.norm(result.keypoints_TK2 - motion.keypoints_TK2, axis=-1)
    return float(np.median(apart[motion.confidence_TK >= 0.5]) / torso)


def recorded(path: Path) -> PoseSequence:
    """MediaPipe landmarks as the developers' media folder keeps them."""
    content = json.loads(path.read_text())
    empty = [[np.nan, np.nan, np.nan, 0.0]] * 33
    if isinstance(content, list):
        points, size, fps = np.array(content, dtype=float), (720, 1280), 5.0
        keypoints, confidence = points[..., :2], np.ones(points.shape[:2])
    else:
        size, fps = (content["width"], content["height"]), content["fps"]
        points = np.array([frame or empty for frame in content["frames"]], dtype=float)
        keypoints, confidence = points[..., :2] * size, np.clip(points[..., 3], 0, 1)
    return PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=confidence,
        times_s_T=np.arange(len(keypoints)) / fps,
        skeleton=BLAZEPOSE_33,
        frame_size=size,
    )


# The driver's own photo


@pytest.mark.parametrize("frame", [0, 17, 30, 52])
def test_motion_onto_one_of_its_own_frames_stays_as_it_is(frame: int) -> None:
    motion = sequence_of(dance(sway=0.6))
    assert own_error(motion, frame) < 0.01


@pytest.mark.dev_media
@pytest.mark.parametrize(
    "name", ["juggle_fullbody_mp33", "squats_blazepose33", "dance_dress_mp33", "lab_kick_front_mp33", "sign_walk_mp33"]
)
def test_real_motion_onto_one_of_its_own_frames_stays_as_it_is(dev_media: Path, name: str) -> None:
    motion = recorded(dev_media / "poses" / f"{name}.json")
    errors = [own_error(motion, frame) for frame in range(0, len(motion), len(motion) // 8)]
    assert max(errors) < 0.02


def test_a_photo_taken_in_mid_jump_keeps_its_height() -> None:
    height = np.concatenate([np.zeros(20), np.sin(np.linspace(0, np.pi, 12)) * 0.5, np.zeros(20)])
    motion = sequence_of(np.array([pose_of(arms=(1 + 2 * lift, 1 + 2 * lift), lift=lift) for lift in height]))
    assert own_error(motion, 26) < 0.01


# Size and place


def test_a_person_twice_as_large_moves_twice_as_far() -> None:
    motion = sequence_of(dance(sway=0.5))
    once = retarget(motion, onto=sequence_of(pose_of(), scale=100.0), canvas_size=CANVAS, config=LET_GO)
    twice = retarget(motion, onto=sequence_of(pose_of(), scale=200.0), canvas_size=CANVAS, config=LET_GO)
    assert np.ptp(middle(twice, "hip"), axis=0) == pytest.approx(2 * np.ptp(middle(once, "hip"), axis=0), rel=1e-3)
    assert np.median(distance(once, "left_hip", "left_knee")) == pytest.approx(
        np.median(distance(motion, "left_hip", "left_knee")), rel=0.02
    )


def test_hips_move_about_the_subjects_place_and_feet_stand_on_its_floor() -> None:
    motion = sequence_of(dance(sway=0.5), at=(90.0, 333.0))
    result = retarget(motion, onto=subject(arms=(2.6, 2.6)), canvas_size=CANVAS)
    assert np.median(middle(result, "hip")[:, 0]) == pytest.approx(320.0, abs=2.0)
    assert lowest(result) == pytest.approx(700.0, abs=1.0)
    assert result.frame_size == CANVAS


def test_the_frames_in_the_photos_pose_stand_where_the_photo_was_taken() -> None:
    poses = np.concatenate([np.repeat(pose_of()[None], 10, axis=0), dance(num_frames=50) + np.array([1.5, 0.0])])
    result = retarget(sequence_of(poses), onto=subject(), canvas_size=CANVAS)
    assert np.abs(result.keypoints_TK2[:10] - subject().keypoints_TK2).max() < 0.02 * 120


LIMB_ENDS = [
    ("thigh", "left_hip", "left_knee"),
    ("shin", "right_knee", "right_ankle"),
    ("upper_arm", "left_shoulder", "left_elbow"),
    ("forearm", "right_elbow", "right_wrist"),
    ("shoulders", "left_shoulder", "right_shoulder"),
    ("head", "left_ear", "right_ear"),
]


def length_change(kind: str, start: str, end: str, times: float) -> float:
    """How much longer a limb of the result gets when the subject's is `times` as long; the torso has to stay."""
    motion = sequence_of(dance())
    plain = retarget(motion, onto=subject(), canvas_size=CANVAS)
    result = retarget(motion, onto=subject({kind: ADULT[kind] * times}), canvas_size=CANVAS)
    torso = np.linalg.norm(middle(result, "shoulder") - middle(result, "hip"), axis=-1)
    assert np.max(torso) == pytest.approx(120.0, rel=0.06)
    return float(np.median(distance(result, start, end)) / np.median(distance(plain, start, end)))


@pytest.mark.parametrize(("kind", "start", "end"), LIMB_ENDS)
@pytest.mark.parametrize("times", [1.25, 1.5])
def test_a_longer_limb_takes_the_subjects_length(kind: str, start: str, end: str, times: float) -> None:
    assert length_change(kind, start, end, times) == pytest.approx(times, rel=0.09)


@pytest.mark.parametrize(("kind", "start", "end"), LIMB_ENDS)
def test_a_limb_seen_a_little_short_is_believed_in_part(kind: str, start: str, end: str) -> None:
    # It may be short or foreshortened: the truth lies between the subject's measure and the driver's build.
    assert 0.83 < length_change(kind, start, end, 0.85) < 0.97


def test_an_arm_that_points_at_the_camera_in_the_photo_is_not_taken_for_short() -> None:
    motion = sequence_of(dance())
    plain = retarget(motion, onto=subject(), canvas_size=CANVAS)
    pointing = retarget(motion, onto=subject(arms_forward=(1.3, 1.3)), canvas_size=CANVAS)
    one_arm = retarget(motion, onto=subject(arms_forward=(0.0, 0.7)), canvas_size=CANVAS)
    for result in (pointing, one_arm):
        for start, end in (("left_shoulder", "left_elbow"), ("right_elbow", "right_wrist")):
            assert np.max(distance(result, start, end)) > 0.93 * np.max(distance(plain, start, end))


def test_an_arm_that_points_at_the_camera_all_through_the_clip_does_not_grow() -> None:
    poses = np.array([pose_of(arms_forward=(1.3 + 0.1 * wave, 1.3), head_turn=wave) for wave in np.sin(np.arange(40))])
    result = retarget(sequence_of(poses), onto=subject(arms=(1.2, 1.2)), canvas_size=CANVAS)
    assert np.max(distance(result, "left_shoulder", "left_elbow")) < 0.57 * 120 * 0.5


def test_turning_keeps_its_narrow_shoulders_and_its_back_views() -> None:
    poses = np.array([pose_of(turn=angle) for angle in np.linspace(0, np.pi, 40)])
    result = retarget(sequence_of(poses), onto=subject({"shoulders": 0.8}), canvas_size=CANVAS)
    width = result.joint("left_shoulder")[:, 0] - result.joint("right_shoulder")[:, 0]
    assert width[0] == pytest.approx(0.8 * 120, rel=0.06)
    assert width[-1] == pytest.approx(-0.8 * 120, rel=0.06)
    assert np.abs(width).min() < 0.05 * 120
    assert (np.diff(width) < 0).all()


def test_the_face_keeps_its_shape_and_takes_the_subjects_size() -> None:
    motion = sequence_of(dance())
    result = retarget(motion, onto=subject({"head": 0.34}), canvas_size=CANVAS)
    face = [BLAZEPOSE_33.index(joint) for joint in ("nose", "left_eye", "right_eye", "mouth_left", "mouth_right")]
    driven = motion.keypoints_TK2[:, face] - middle(motion, "ear")[:, None]
    found = result.keypoints_TK2[:, face] - middle(result, "ear")[:, None]
    times = np.linalg.norm(found, axis=-1).sum() / np.linalg.norm(driven, axis=-1).sum()
    assert np.allclose(found, times * driven, atol=1e-2)
    assert times == pytest.approx(1.2 * 0.34 / 0.24, rel=0.06)


# Modes and skeletons


def test_align_is_one_similarity_of_the_whole_motion() -> None:
    motion = sequence_of(dance(sway=0.5))
    onto = subject({"thigh": 0.95, "head": 0.4})
    result = retarget(motion, onto=onto, canvas_size=CANVAS, config=RetargetConfig(mode="align"))
    driven = motion.keypoints_TK2.reshape(-1, 2).astype(float)
    found = result.keypoints_TK2.reshape(-1, 2).astype(float)
    driven, found = driven - driven.mean(axis=0), found - found.mean(axis=0)
    times = (driven * found).sum() / (driven**2).sum()
    assert np.abs(found - times * driven).max() < 0.01
    assert np.median(lowest(result)) == pytest.approx(700.0, abs=1.0)


def test_identity_changes_nothing_but_the_canvas() -> None:
    motion = without(sequence_of(dance()), "left_knee")
    result = retarget(motion, onto=subject(), canvas_size=CANVAS, config=RetargetConfig(mode="identity"))
    assert np.array_equal(result.keypoints_TK2, motion.keypoints_TK2, equal_nan=True)
    assert result.frame_size == CANVAS


@pytest.mark.parametrize("skeleton", [COCO_17, OPENPOSE_18, WHOLEBODY_133, HOLISTIC_543], ids=lambda s: s.name)
def test_motion_keeps_its_own_skeleton(skeleton: object) -> None:
    target = SKELETONS[skeleton.name]  # type: ignore[attr-defined]
    full = retarget(sequence_of(dance()), onto=subject(), canvas_size=CANVAS)
    result = retarget(sequence_of(dance(), skeleton=target), onto=subject(), canvas_size=CANVAS)
    assert result.skeleton is target
    again = result.to_skeleton(BLAZEPOSE_33)
    for joint in ("left_wrist", "right_ankle", "nose", "left_hip"):
        assert np.abs(again.joint(joint) - full.joint(joint)).max() < 0.08 * 120, joint


def test_fingers_and_face_of_a_whole_body_skeleton_go_with_wrist_and_head() -> None:
    poses = sequence_of(dance(), skeleton=HOLISTIC_543)
    keypoints = poses.keypoints_TK2.copy()
    tip, chin = HOLISTIC_543.index("left_hand_12"), HOLISTIC_543.index("mesh_152")
    keypoints[:, tip] = poses.joint("left_wrist") + np.array([20.0, -30.0])
    keypoints[:, chin] = poses.joint("nose") + np.array([0.0, 15.0])
    confidence = poses.confidence_TK.copy()
    confidence[:, [tip, chin]] = 0.9
    result = retarget(
        poses.replace(keypoints_TK2=keypoints, confidence_TK=confidence), onto=subject(), canvas_size=CANVAS
    )
    fingers = result.joint("left_hand_12") - result.joint("left_wrist")
    assert fingers == pytest.approx(np.broadcast_to((24.0, -36.0), fingers.shape), rel=0.05)
    below = result.joint("mesh_152") - result.joint("nose")
    assert below == pytest.approx(np.broadcast_to((0.0, 18.0), below.shape), rel=0.05, abs=0.01)


# What people get wrong


def test_a_motion_without_frames_is_refused() -> None:
    with pytest.raises(TrackingError, match="no frames"):
        retarget(sequence_of(dance())[:0], onto=subject(), canvas_size=CANVAS)


def test_more_than_one_pose_of_the_subject_is_refused() -> None:
    with pytest.raises(TrackingError, match="has 60 poses, expected one"):
        retarget(sequence_of(dance()), onto=sequence_of(dance()), canvas_size=CANVAS)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="lock_rot"):
        RetargetConfig(lock_rot=True)  # type: ignore[call-arg]


def joined(*shots: PoseSequence) -> PoseSequence:
    """Shots one behind the other, with cuts between them."""
    lengths = np.cumsum([len(shot) for shot in shots])
    return shots[0].replace(
        keypoints_TK2=np.concatenate([shot.keypoints_TK2 for shot in shots]),
        confidence_TK=np.concatenate([shot.confidence_TK for shot in shots]),
        times_s_T=np.arange(lengths[-1]) / 25,
        cuts_s=tuple(lengths[:-1] / 25),
    )


def close_up(motion: PoseSequence) -> PoseSequence:
    """The same, filmed by another camera: twice as large, somewhere else."""
    return motion.replace(keypoints_TK2=2 * motion.keypoints_TK2 - (250, 100))


@pytest.mark.parametrize("mode", ["proportions", "align"])
@pytest.mark.parametrize("config", [{"stay_in_view": False}, {}])
def test_another_camera_moves_nobody(mode: str, config: dict[str, bool]) -> None:
    wide = sequence_of(dance())
    chosen = RetargetConfig.model_validate({"mode": mode, **config})
    alone = retarget(wide, onto=subject(), canvas_size=CANVAS, config=chosen)
    both = retarget(joined(wide, close_up(wide)), onto=subject(), canvas_size=CANVAS, config=chosen)
    assert both.shots() == [slice(0, 60), slice(60, 120)]
    for shot in both.shots():
        np.testing.assert_allclose(both.keypoints_TK2[shot], alone.keypoints_TK2, atol=1.0)


def test_limbs_keep_their_lengths_in_a_shot_that_shows_them_foreshortened() -> None:
    wide = sequence_of(dance())
    pointing = sequence_of(np.array([pose_of(arms_forward=(1.2, 1.2))] * 8))
    both = retarget(joined(wide, pointing), onto=subject(), canvas_size=CANVAS, config=LET_GO)
    within = retarget(joined(wide, pointing).replace(cuts_s=()), onto=subject(), canvas_size=CANVAS, config=LET_GO)
    for start, end in (("left_elbow", "left_wrist"), ("left_hip", "left_knee"), ("right_shoulder", "right_hip")):
        np.testing.assert_allclose(
            distance(both, start, end)[60:], distance(within, start, end)[60:], rtol=0.05, err_msg=f"{start}-{end}"
        )


def test_a_shot_in_which_no_limb_is_sure_goes_with_the_one_before_it() -> None:
    wide = sequence_of(dance())
    vague = wide[:5].replace(confidence_TK=np.full((5, len(wide.skeleton)), 0.1))
    together = retarget(joined(wide, vague, close_up(wide)), onto=subject(), canvas_size=CANVAS)
    assert np.isfinite(together.keypoints_TK2).all()
    assert together.shots() == [slice(0, 60), slice(60, 65), slice(65, 125)]


def test_room_is_left_for_the_gestures_of_every_shot() -> None:
    calm, wide_armed = sequence_of(np.array([pose_of()] * 30)), sequence_of(np.array([pose_of(arms=(1.5, 1.5))] * 30))
    both = reach(joined(calm, close_up(wide_armed)), onto=subject())
    alone = [reach(shot, onto=subject()) for shot in (calm, wide_armed)]
    np.testing.assert_allclose(both, [*np.min(alone, axis=0)[:2], *np.max(alone, axis=0)[2:]], atol=1.0)
