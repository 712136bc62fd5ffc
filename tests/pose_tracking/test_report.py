"""What a tracking report says about motions whose faults are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pose_tracking.report import TrackingReport, report_tracking
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33, COCO_17, Skeleton
from tests.pose_tracking.people import standing

TORSO_PX = 0.33 * 300  # of `standing` at 300 px


def _sequence(keypoints_TK2: np.ndarray, confidence: float | np.ndarray = 0.9) -> PoseSequence:
    return PoseSequence(
        keypoints_TK2=keypoints_TK2,
        confidence_TK=np.broadcast_to(np.float32(confidence), keypoints_TK2.shape[:2]).copy(),
        times_s_T=np.arange(len(keypoints_TK2)) / 10,
        skeleton=BLAZEPOSE_33,
        frame_size=(640, 480),
    )


def _walk(num_frames: int = 30, *, step: float = 4.0) -> np.ndarray:
    return np.stack([standing(100 + step * index).keypoints_K2 for index in range(num_frames)])


def test_steady_walk_has_no_faults() -> None:
    report = report_tracking(_sequence(_walk()))
    assert report.coverage == 1.0
    assert report.missing_runs == ()
    assert report.jitter_median == pytest.approx(0, abs=1e-5)
    assert report.limb_length_drift == pytest.approx(0, abs=1e-5)
    assert report.num_swaps == 0
    assert report.mean_confidence == pytest.approx(0.9)


def test_gaps_are_listed_in_frames_and_seconds() -> None:
    walk = _walk(20)
    walk[:3] = walk[7] = walk[18:] = np.nan
    report = report_tracking(_sequence(walk))
    assert report.coverage == pytest.approx(14 / 20)
    assert report.missing_runs == ((0, 2), (7, 7), (18, 19))
    assert np.allclose(report.missing_runs_s, ((0.0, 0.3), (0.7, 0.8), (1.8, 2.0)))


def test_jitter_is_the_second_difference_in_torso_lengths() -> None:
    walk = _walk(31)
    walk[1::2] += (0, 3)  # up and down by 3 px: second difference 6 px
    report = report_tracking(_sequence(walk))
    assert report.jitter_median == pytest.approx(6 / TORSO_PX, rel=1e-3)
    assert report.jitter_p95 == pytest.approx(6 / TORSO_PX, rel=1e-3)


def test_jitter_of_guessed_joints_does_not_count() -> None:
    walk = _walk(31)
    walk[1::2, 25:] += (0, 30)
    confidence = np.full((31, 33), 0.9)
    confidence[:, 25:] = 0.1
    assert report_tracking(_sequence(walk, confidence)).jitter_p95 == pytest.approx(0, abs=1e-5)


def test_growing_limbs_drift_and_coming_closer_does_not() -> None:
    closer = np.stack([standing(200, height=100 + 10 * index).keypoints_K2 for index in range(30)])
    assert report_tracking(_sequence(closer)).limb_length_drift == pytest.approx(0, abs=1e-4)
    longer = _walk(30, step=0)
    joints = [
        place for place, joint in enumerate(BLAZEPOSE_33.joints) if "hip" not in joint and "shoulder" not in joint
    ]
    stretch = np.linspace(1.0, 1.3, 30)[:, None, None]
    longer[:, joints] = (longer[:, joints] - longer[:, :1]) * stretch + longer[:, :1]
    assert report_tracking(_sequence(longer)).limb_length_drift > 0.05


def test_exchanged_sides_are_counted_where_they_begin_and_end() -> None:
    walk = _walk(30, step=0.5)
    legs = [BLAZEPOSE_33.index(f"{side}_{part}") for part in ("knee", "ankle") for side in ("left", "right")]
    mirrored = [BLAZEPOSE_33.mirror[joint] for joint in legs]
    walk[10:15, legs] = walk[10:15, mirrored]
    assert report_tracking(_sequence(walk)).num_swaps == 2


def test_legs_that_pass_each_other_are_not_exchanged() -> None:
    walk = _walk(50, step=0)
    for index, offset in enumerate(40 * np.sin(np.linspace(0, 4 * np.pi, 50))):
        for side, sign in (("left", -1), ("right", 1)):
            for part in ("knee", "ankle"):
                walk[index, BLAZEPOSE_33.index(f"{side}_{part}"), 0] = 100 + sign * offset
    assert report_tracking(_sequence(walk)).num_swaps == 0


@pytest.mark.parametrize("num_frames", [0, 1, 2])
def test_short_sequences_are_reported(num_frames: int) -> None:
    report = report_tracking(_sequence(_walk(3)[:num_frames]))
    assert report.num_frames == num_frames
    assert math.isnan(report.jitter_median)
    assert report.lines()


def test_empty_clip_and_skeleton_without_a_torso_are_reported() -> None:
    nobody = report_tracking(_sequence(np.full((10, 33, 2), np.nan)))
    assert nobody.coverage == 0
    assert nobody.missing_runs == ((0, 9),)
    hand = Skeleton(name="hand", joints=("wrist", "thumb"), limbs=((0, 1),))
    motion = PoseSequence(
        keypoints_TK2=np.ones((5, 2, 2)),
        confidence_TK=np.ones((5, 2)),
        times_s_T=np.arange(5),
        skeleton=hand,
        frame_size=(9, 9),
    )
    assert math.isnan(report_tracking(motion).jitter_median)


def test_every_skeleton_is_measured() -> None:
    report = report_tracking(_sequence(_walk()).to_skeleton(COCO_17))
    assert report.jitter_median == pytest.approx(0, abs=1e-5)


def test_sentences_name_what_people_ask_for() -> None:
    report = TrackingReport(
        num_frames=1394,
        coverage=1024 / 1394,
        missing_runs=((0, 65), (191, 228)),
        missing_runs_s=((0.0, 6.6), (19.1, 22.9)),
        jitter_median=0.0017,
        jitter_p95=0.0695,
        limb_length_drift=0.06,
        num_swaps=7,
        mean_confidence=0.73,
    )
    assert report.lines() == [
        "person in 1024 of 1394 frames (73%)",
        "not in view: 0.0-6.6 s, 19.1-22.9 s",
        "mean confidence 0.73",
        "jitter 0.002 torso lengths (95th percentile 0.070)",
        "limb lengths drift by 6% over the clip",
        "left and right may be exchanged at 7 frames",
    ]


def test_cuts_are_told() -> None:
    assert not any("cut" in line for line in report_tracking(_sequence(_walk(10))).lines())
    cut = _sequence(_walk(10)).replace(cuts_s=(0.12, 0.24))
    assert report_tracking(cut).cuts_s == (0.12, 0.24)
    assert "cuts to another shot: 0.12, 0.24 s" in report_tracking(cut).lines()
    many = _sequence(_walk(10)).replace(cuts_s=tuple(0.02 * number for number in range(1, 9)))
    assert any(line.endswith("0.10 s and 3 more") for line in report_tracking(many).lines())
