"""The instant generator: its frames depend on their own window alone, and the background holds still."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from animator.canvas import CanvasConfig, place_photo
from animator.errors import JobError
from animator.generators.puppet import PuppetGenerator
from animator.generators.registry import open_generator
from animator.subject import Subject
from pose_tracking.person import Detection
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.windows import pose_windows
from tests.animator.figure import draw_figure, standing_pose

SIZE = (128, 160)
STANDING = standing_pose(height=130, center_x=64, top=15)


@pytest.fixture(scope="module")
def subject():
    picture, matte = draw_figure(STANDING, SIZE)
    canvas = CanvasConfig(width=SIZE[0], height=SIZE[1], fit="fit")
    person = Detection(keypoints_K2=STANDING, confidence_K=np.ones(33, dtype=np.float32))
    return Subject.from_parts(Image.fromarray(picture), person, matte, place_photo(SIZE, canvas))


@pytest.fixture(scope="module")
def motion():
    swing = np.zeros((12, 33, 2), dtype=np.float32)
    for joint in ("left_wrist", "left_index", "left_pinky", "left_thumb", "left_elbow"):
        swing[:, BLAZEPOSE_33.index(joint), 1] = -np.arange(12) * 2.0
    return PoseSequence(
        keypoints_TK2=STANDING + swing,
        confidence_TK=np.ones((12, 33)),
        times_s_T=np.arange(12) / 24,
        skeleton=BLAZEPOSE_33,
        frame_size=SIZE,
    )


def test_one_frame_per_window_with_its_index_and_time(subject, motion):
    frames = list(PuppetGenerator().generate(pose_windows(motion), subject))
    assert [frame.index for frame in frames] == list(range(12))
    assert frames[6].time_s == pytest.approx(0.25)
    assert frames[0].pixels_HWC.shape == (160, 128, 3)


def test_a_part_renders_to_the_same_frames_as_within_the_whole(subject, motion):
    windows = list(pose_windows(motion))
    generator = PuppetGenerator(batch=5, exposure_s=1 / 24)
    whole = list(generator.generate(windows, subject))
    part = list(generator.generate(windows[7:10], subject))
    for one, other in zip(whole[7:10], part, strict=True):
        np.testing.assert_array_equal(one.pixels_HWC, other.pixels_HWC)


def test_frames_are_made_as_they_are_asked_for(subject, motion):
    asked = []

    def watched():
        for window in pose_windows(motion):
            asked.append(window.center)
            yield window

    next(PuppetGenerator(batch=2, workers=1).generate(watched(), subject))
    assert len(asked) <= 3


def test_the_background_away_from_the_person_never_changes(subject, motion):
    frames = [frame.pixels_HWC for frame in PuppetGenerator().generate(pose_windows(motion), subject)]
    corner = np.stack([frame[:12] for frame in frames])
    assert (corner == corner[:1]).all()


def test_the_arm_moves_and_the_face_stays(subject, motion):
    frames = [frame.pixels_HWC.astype(int) for frame in PuppetGenerator().generate(pose_windows(motion), subject)]
    change = np.abs(frames[-1] - frames[0]).sum(-1)
    nose, wrist = (STANDING[BLAZEPOSE_33.index(joint)].astype(int) for joint in ("nose", "left_wrist"))
    assert change[nose[1] - 3 : nose[1] + 3, nose[0] - 3 : nose[0] + 3].mean() < 6
    assert change[wrist[1] - 3 : wrist[1] + 3, wrist[0] - 3 : wrist[0] + 3].mean() > 60


def test_an_arm_that_swings_is_smeared_and_what_rests_is_not(subject, motion):
    windows = list(pose_windows(motion))
    sharp, exposed = (
        [frame.pixels_HWC.astype(int) for frame in PuppetGenerator(exposure_s=seconds).generate(windows, subject)]
        for seconds in (0.0, 1 / 24)
    )
    change = np.abs(exposed[6] - sharp[6]).sum(-1)
    wrist = (STANDING + 6 * (motion.keypoints_TK2[1] - motion.keypoints_TK2[0]))[BLAZEPOSE_33.index("left_wrist")]
    x, y = wrist.astype(int)
    assert change[y - 6 : y + 6, x - 6 : x + 6].max() > 20
    knee_y = int(STANDING[BLAZEPOSE_33.index("left_knee"), 1])
    assert change[:40].max() == 0
    assert change[knee_y:].max() == 0


def test_a_person_at_rest_is_as_sharp_as_without_exposure(subject, motion):
    still = motion.replace(keypoints_TK2=np.repeat(motion.keypoints_TK2[:1], 12, axis=0))
    for seconds in (0.016, 1.0):
        sharp, exposed = (
            next(iter(PuppetGenerator(exposure_s=each).generate(pose_windows(still), subject))).pixels_HWC
            for each in (0.0, seconds)
        )
        np.testing.assert_array_equal(exposed, sharp)


def test_no_frame_is_exposed_longer_than_until_the_next(subject, motion):
    window = list(pose_windows(motion))[6]
    whole, longer, shorter = (
        next(iter(PuppetGenerator(exposure_s=seconds).generate([window], subject))).pixels_HWC
        for seconds in (window.interval_s, 0.5, window.interval_s / 4)
    )
    np.testing.assert_array_equal(whole, longer)
    assert (whole != shorter).any()


def test_a_window_without_neighbours_in_time_is_not_exposed(subject, motion):
    window = list(pose_windows(motion))[6]
    alone = replace(window, interval_s=0.0)
    sharp, exposed = (
        next(iter(PuppetGenerator(exposure_s=seconds).generate([alone], subject))).pixels_HWC for seconds in (0.0, 1.0)
    )
    np.testing.assert_array_equal(sharp, exposed)


def test_workers_change_no_bit_of_an_exposed_frame(subject, motion):
    windows = list(pose_windows(motion))
    one, three = (
        [frame.pixels_HWC for frame in PuppetGenerator(workers=workers, exposure_s=1 / 24).generate(windows, subject)]
        for workers in (1, 3)
    )
    np.testing.assert_array_equal(one, three)


def test_the_background_alone_shows_while_nobody_is_in_view(subject, motion):
    keypoints, confidence = motion.keypoints_TK2.copy(), motion.confidence_TK.copy()
    keypoints[4:], confidence[4:] = np.nan, 0
    gone = motion.replace(keypoints_TK2=keypoints, confidence_TK=confidence)
    frames = list(PuppetGenerator().generate(pose_windows(gone), subject))
    np.testing.assert_array_equal(frames[-1].pixels_HWC, subject.background_HWC)
    assert (frames[0].pixels_HWC != subject.background_HWC).any()


def test_generators_are_opened_by_name_and_code_only_with_trust():
    assert open_generator("puppet").name == "puppet"
    with pytest.raises(JobError, match=r"there is .*puppet"):
        open_generator("pupet")
    with pytest.raises(JobError, match="--trust"):
        open_generator("animator.evaluation.baselines:HoldGenerator")
    assert open_generator("animator.evaluation.baselines:HoldGenerator", trust=True).name == "hold"
    with pytest.raises(JobError, match="cannot be loaded"):
        open_generator("animator.nowhere:Thing", trust=True)
