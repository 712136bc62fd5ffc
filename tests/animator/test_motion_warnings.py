"""What a person should know about a clip's motion is told in the clip's own times."""

from pathlib import Path

import numpy as np

from animator.motion_warnings import motion_warnings
from animator.pipeline import prepare_motion
from pose_tracking.clip import DrivingClip
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.motion import MotionConfig
from tests.animator.figure import standing_pose

DANCE = Path(__file__).parents[2] / "examples" / "media" / "dance.mp4"
START_S = 1.0


def test_cuts_and_absences_count_from_where_the_clip_begins_not_from_start() -> None:
    clip = DrivingClip.open(DANCE, start_s=START_S)
    times_s = np.arange(round(clip.info.duration_s * float(clip.info.fps))) / float(clip.info.fps)
    keypoints = np.repeat(standing_pose(height=200, center_x=96, top=20)[None], len(times_s), axis=0)
    confidence = np.ones(keypoints.shape[:2], dtype=np.float32)
    away = (times_s > 1.19) & (times_s < 3)
    keypoints[away], confidence[away] = np.nan, 0.0
    tracked = PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=confidence,
        times_s_T=times_s,
        skeleton=BLAZEPOSE_33,
        frame_size=(192, 240),
        cuts_s=(float(times_s[10]),),
    )
    _, _, warnings = prepare_motion(clip, tracked, MotionConfig())
    assert len(warnings) == 2, warnings
    cut, absence = warnings
    assert f"{START_S + times_s[10]:.2f} s" in cut
    assert f"at {START_S + 1.2:.1f}-" in absence


def test_a_clip_without_trouble_is_not_talked_about() -> None:
    assert motion_warnings(DrivingClip.open(DANCE), cuts_s=(), absences=(), passages=()) == []


def test_of_many_times_the_first_are_told_and_the_rest_counted() -> None:
    spans = tuple((float(second), second + 0.5) for second in range(6))
    clip = DrivingClip.open(DANCE)
    absent, partly = motion_warnings(clip, cuts_s=(), absences=spans, passages=spans[:4])
    assert "nobody in view at 0.0-0.5 s, 1.0-1.5 s, 2.0-2.5 s, 3.0-3.5 s and 2 more; the pose is held" in absent
    assert "only part of the person in view" in partly
    assert "at 0.0-0.5 s, 1.0-1.5 s, 2.0-2.5 s, 3.0-3.5 s; taken for not in view" in partly
