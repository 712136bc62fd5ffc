"""From tracked numbers to motion, in one call."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from pydantic import ValidationError

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.errors import MotionError
from temporal.metrics import lag_s
from temporal.motion import MotionConfig, clean_motion
from temporal.smoothing import SMOOTHERS, Unsmoothed
from tests.temporal.motions import LEGS, TORSO_PX, as_sequence, kicking, standing, swap, swaying, with_noise

WRIST = BLAZEPOSE_33.index("left_wrist")
FPS = Fraction(30)


def _disturbed(truth: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(3)
    broken = swap(with_noise(truth, 0.02), slice(70, 80), LEGS)
    for frame, joint in np.argwhere(random.random(truth.shape[:2]) < 0.005):
        broken[frame, joint] += random.choice([-1, 1]) * TORSO_PX
    for frame, joint in np.argwhere(random.random(truth.shape[:2]) < 0.003):
        broken[frame : frame + 4, joint] = np.nan
    broken[30:34] = np.nan
    broken[110:114] += [3 * TORSO_PX, 0]
    return broken


def _error(motion: PoseSequence, truth: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean((motion.keypoints_TK2 - truth) ** 2)) / TORSO_PX)


@pytest.mark.parametrize("name", [name for name in SMOOTHERS if name != "none"])
def test_a_disturbed_motion_comes_back(name):
    truth = swaying(np.arange(150) / 30)
    broken = as_sequence(_disturbed(truth))
    motion, report = clean_motion(broken, MotionConfig(smoother=name), fps=FPS)
    assert _error(broken, truth) > 0.2
    assert _error(motion, truth) < 0.018
    assert abs(lag_s(as_sequence(truth), motion)) < 0.002
    assert report.num_swapped_frames == 10
    assert report.num_rejected > 20
    assert report.jitter_after < 0.6 * report.jitter_before
    assert abs(report.lag_ms) < 2
    assert report.unseen_fraction == pytest.approx(np.isnan(truth[0, :, 0]).mean())
    assert 0.02 < report.filled_fraction < 0.1


def test_nothing_is_done_that_was_switched_off():
    sequence = as_sequence(_disturbed(swaying(np.arange(150) / 30)))
    off = MotionConfig(smoother="none", max_gap_s=0, reject_outliers=False, repair_swaps=False, repair_flips=False)
    motion, report = clean_motion(sequence, off, fps=FPS)
    np.testing.assert_array_equal(motion.keypoints_TK2, sequence.keypoints_TK2)
    assert (report.num_rejected, report.num_swapped_frames, report.filled_fraction) == (0, 0, 0.0)


def test_limbs_swing_and_trunks_keep_their_side_on_the_grid_of_the_output():
    keypoints = standing(20)
    left, right, elbow, wrist = (
        BLAZEPOSE_33.index(joint) for joint in ("left_shoulder", "right_shoulder", "left_elbow", "left_wrist")
    )
    for side, sign in (("left", 1), ("right", -1)):
        for joint in ("shoulder", "hip"):
            keypoints[:, BLAZEPOSE_33.index(f"{side}_{joint}"), 0] = 320 + sign * np.where(np.arange(20) == 15, -1, 10)
    keypoints[:, wrist] = keypoints[:, elbow] + np.where(np.arange(20) < 10, 50, -44)[:, None] * (0.01, 1.0)

    def motion(repair_flips: bool) -> PoseSequence:
        config = MotionConfig(smoother="none", reject_outliers=False, fps=30, repair_flips=repair_flips)
        return clean_motion(as_sequence(keypoints, fps=5), config, fps=Fraction(5))[0]

    def most_deg(poses: PoseSequence) -> float:
        forearm = poses.keypoints_TK2[:, wrist] - poses.keypoints_TK2[:, elbow]
        return float(np.rad2deg(np.abs(np.diff(np.unwrap(np.arctan2(forearm[:, 1], forearm[:, 0]))))).max())

    assert most_deg(motion(False)) > 150 > 75 > most_deg(motion(True))
    assert (motion(False).keypoints_TK2[:, left, 0] < motion(False).keypoints_TK2[:, right, 0]).any()
    assert (motion(True).keypoints_TK2[:, left, 0] > motion(True).keypoints_TK2[:, right, 0]).all()


def test_output_takes_the_clip_s_rate_unless_told_otherwise():
    sequence = as_sequence(standing(60))
    as_the_clip, _ = clean_motion(sequence, MotionConfig(), fps=FPS)
    slower, _ = clean_motion(sequence, MotionConfig(fps=15), fps=FPS)
    longer, _ = clean_motion(sequence, MotionConfig(fps=15), fps=FPS, duration_s=3.0)
    assert (len(as_the_clip), len(slower), len(longer)) == (60, 30, 45)


def test_kicks_survive_the_whole_way():
    sequence = as_sequence(with_noise(kicking(np.arange(120) / 60), 0.005), fps=60)
    motion, report = clean_motion(sequence, MotionConfig(), fps=Fraction(60))
    reach = motion.joint("left_ankle")[:, 0].max() - motion.joint("left_ankle")[0, 0]
    assert reach > 0.95 * TORSO_PX
    assert report.num_rejected == 0


def test_long_absences_stay_unseen_and_are_told():
    keypoints = standing(90)
    keypoints[30:60] = np.nan
    motion, report = clean_motion(as_sequence(keypoints), MotionConfig(), fps=FPS)
    np.testing.assert_array_equal(motion.seen_TK.any(axis=1), np.isfinite(keypoints).any(axis=(1, 2)))
    assert report.unseen_fraction > 1 / 3


def test_a_clip_in_which_nobody_was_found_stays_empty():
    motion, report = clean_motion(as_sequence(np.full((12, 33, 2), np.nan)), MotionConfig(), fps=FPS)
    assert not motion.seen_TK.any()
    assert (report.jitter_before, report.jitter_after, report.lag_ms, report.foot_slide) == (None,) * 4
    assert report.unseen_fraction == 1.0


@pytest.mark.parametrize("num_frames", [1, 2, 3, 5])
def test_short_clips_are_cleaned_too(num_frames):
    motion, _ = clean_motion(as_sequence(standing(num_frames)), MotionConfig(), fps=FPS)
    np.testing.assert_allclose(motion.keypoints_TK2, np.float32(standing(num_frames)), rtol=1e-6)


def test_a_clip_without_frames_is_refused():
    with pytest.raises(MotionError, match="without frames"):
        clean_motion(as_sequence(standing(0)), MotionConfig(), fps=FPS)


def test_a_smoother_can_be_given_as_an_object():
    sequence = as_sequence(with_noise(standing(30), 0.02))
    motion, _ = clean_motion(sequence, MotionConfig(repair_flips=False), fps=FPS, smoother=Unsmoothed())
    np.testing.assert_array_equal(motion.keypoints_TK2, sequence.keypoints_TK2)


def test_outside_smoothers_need_the_caller_s_trust():
    config = MotionConfig(smoother="temporal.smoothing:SavitzkyGolay", window_s=0.3)
    sequence = as_sequence(with_noise(standing(30), 0.02))
    with pytest.raises(MotionError, match="trusted"):
        clean_motion(sequence, config, fps=FPS)
    motion, _ = clean_motion(sequence, config, fps=FPS, trust_plugins=True)
    expected, _ = clean_motion(sequence, MotionConfig(window_s=0.3), fps=FPS)
    np.testing.assert_array_equal(motion.keypoints_TK2, expected.keypoints_TK2)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (None, None),
        (24, Fraction(24)),
        (23.976, Fraction(23976, 1000)),
        ("30000/1001", Fraction(30000, 1001)),
        (Fraction(25), Fraction(25)),
        ("12.5", Fraction(25, 2)),
    ],
)
def test_rates_are_taken_as_written(written, meant):
    config = MotionConfig(fps=written)
    assert config.fps == meant
    assert MotionConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("fps", [0, -1, 241, "fast", "1/0", True, float("nan"), float("inf"), [24]])
def test_rates_that_are_none_are_refused(fps):
    with pytest.raises(ValidationError, match="fps"):
        MotionConfig(fps=fps)


@pytest.mark.parametrize(
    "wrong", [{"smoother": "gauss"}, {"window_s": 0}, {"window_s": 60}, {"max_gap_s": -1}, {"window": 0.4}]
)
def test_configurations_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        MotionConfig(**wrong)


def test_every_field_explains_itself():
    fields = MotionConfig.model_json_schema()["properties"]
    assert all(field.get("description") for field in fields.values())
    json.dumps(MotionConfig.model_json_schema())


def test_importing_the_configuration_does_not_load_scipy():
    code = "import sys, temporal.motion; sys.exit(any(m.startswith('scipy') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


CLIPS = {"dance_dress": 25, "juggle_fullbody": 24, "lab_kick_front": 60, "sign_walk": 30}


def _tracked(path) -> PoseSequence:
    """A BlazePose file of fractions of the frame, null where nobody was found."""
    found = json.loads(path.read_text())
    unseen = [[np.nan] * 4] * 33
    landmarks = np.array([frame or unseen for frame in found["frames"]], dtype=float)
    return PoseSequence(
        keypoints_TK2=landmarks[..., :2] * [found["width"], found["height"]],
        confidence_TK=np.nan_to_num(landmarks[..., 3]).clip(0, 1),
        times_s_T=np.arange(len(landmarks)) / found["fps"],
        skeleton=BLAZEPOSE_33,
        frame_size=(found["width"], found["height"]),
    )


@pytest.mark.dev_media
@pytest.mark.parametrize(("clip", "fps"), CLIPS.items())
def test_tracked_clips_get_calmer_and_stay_where_they_are(dev_media, clip, fps):
    sequence = _tracked(dev_media / "poses" / f"{clip}_mp33.json")
    motion, report = clean_motion(sequence, MotionConfig(), fps=Fraction(fps))
    assert len(motion) == len(sequence)
    assert report.jitter_after < 0.75 * report.jitter_before
    assert abs(report.lag_ms) < 1
    assert report.num_swapped_frames == 0
    assert report.num_rejected < 0.005 * sequence.seen_TK.sum()
    assert report.unseen_fraction == 0
    moved = np.linalg.norm(motion.keypoints_TK2 - sequence.keypoints_TK2, axis=-1)
    assert np.percentile(moved, 95) < 0.05 * np.median(np.ptp(sequence.keypoints_TK2[..., 1], axis=1))


@pytest.mark.dev_media
@pytest.mark.parametrize("words", [LEGS, ("",)])
@pytest.mark.parametrize(("clip", "fps"), CLIPS.items())
def test_swaps_in_tracked_clips_are_put_back(dev_media, clip, fps, words):
    sequence = _tracked(dev_media / "poses" / f"{clip}_mp33.json")
    middle = len(sequence) // 2
    frames = slice(middle, middle + fps // 3)
    swapped = sequence.replace(
        keypoints_TK2=swap(sequence.keypoints_TK2, frames, words),
        confidence_TK=swap(sequence.confidence_TK[..., None], frames, words)[..., 0],
    )
    expected, _ = clean_motion(sequence, MotionConfig(), fps=Fraction(fps))
    motion, report = clean_motion(swapped, MotionConfig(), fps=Fraction(fps))
    np.testing.assert_allclose(motion.keypoints_TK2, expected.keypoints_TK2, atol=1e-3)
    assert report.num_swapped_frames == fps // 3


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "9" * 5000, "1/" + "9" * 5000, "nan", "inf", "", "x"])
def test_a_rate_that_cannot_be_one_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValidationError, match="no frame rate") as caught:
        MotionConfig.model_validate({"fps": text})
    assert len(caught.value.errors()[0]["msg"]) < 200


@pytest.mark.parametrize(
    ("value", "rate"),
    [(24, "24"), ("24", "24"), (23.976, "23.976"), ("30000/1001", "30000/1001"), ("2.4e1", "24"), (1e-05, "1/100000")],
)
def test_a_rate_is_taken_by_its_digits(value: object, rate: str) -> None:
    assert MotionConfig.model_validate({"fps": value}).fps == Fraction(rate)


@pytest.mark.parametrize("value", [0, -1, 241, "1e9", "0/7"])
def test_a_rate_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="expected more than 0"):
        MotionConfig.model_validate({"fps": value})


@pytest.mark.parametrize("name", SMOOTHERS)
@pytest.mark.parametrize("fps", [FPS, Fraction(60), Fraction(12)])
def test_joined_shots_move_as_each_does_by_itself(name, fps):
    first, second = as_sequence(swaying(np.arange(60) / 30)), as_sequence(kicking(np.arange(60) / 30) * 1.7 + 40)
    joined = as_sequence(np.concatenate([first.keypoints_TK2, second.keypoints_TK2])).replace(cuts_s=(2.0,))
    config = MotionConfig(smoother=name, fps=fps)
    motion, _ = clean_motion(joined, config, fps=FPS)
    half = len(motion) // 2
    for part, shot in ((motion[:half], first), (motion[half:], second)):
        alone, _ = clean_motion(shot, config, fps=FPS)
        np.testing.assert_allclose(part.keypoints_TK2, alone.keypoints_TK2, atol=1e-3)
    assert motion.shots() == [slice(0, half), slice(half, 2 * half)]


def test_what_is_lost_at_a_cut_is_not_filled_in_across_it():
    truth = np.concatenate([standing(20), standing(20) + 200])
    truth[18:23] = np.nan
    motion, _ = clean_motion(as_sequence(truth).replace(cuts_s=(20 / 30,)), MotionConfig(), fps=FPS)
    expected = np.concatenate([standing(20), standing(20) + 200])
    np.testing.assert_allclose(motion.keypoints_TK2, expected, atol=0.01)
