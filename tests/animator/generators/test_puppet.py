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


def _crossing(*, times: int = 1, is_mirrored: bool = False):
    """A person with one striped trouser leg, who folds an arm across the trunk and lifts a leg; `times` as large."""
    size = (SIZE[0] * times, SIZE[1] * times)
    standing = standing_pose(height=130 * times, center_x=60 * times, top=15 * times)
    picture, matte = draw_figure(standing, size)
    picture = picture.copy()
    hip, knee = (standing[BLAZEPOSE_33.index(f"left_{joint}")] for joint in ("hip", "knee"))
    for share in (0.3, 0.6, 0.9):
        x, y = (hip + share * (knee - hip)).astype(int)
        picture[y - times : y + times, x - 3 * times : x + 3 * times] = (240, 240, 60)
    motion = np.repeat(standing[None], 4, axis=0)
    unit = 65 * times
    ways = {"left_elbow": (-0.1, -0.05), "left_wrist": (-0.45, -0.25), "left_index": (-0.5, -0.3)}
    ways |= {"left_pinky": (-0.5, -0.28), "left_thumb": (-0.5, -0.3)}
    ways |= {f"right_{joint}": (-0.12, -0.1) for joint in ("knee", "ankle", "heel", "foot_index")}
    for joint, way in ways.items():
        motion[:, BLAZEPOSE_33.index(joint)] += np.arange(4)[:, None] / 3 * np.array(way) * unit
    if is_mirrored:
        picture, matte = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(matte[:, ::-1])
        standing, motion = (
            points[..., BLAZEPOSE_33.mirror, :] * (-1, 1) + (size[0], 0) for points in (standing, motion)
        )
    person = Detection(keypoints_K2=standing.astype(np.float32), confidence_K=np.ones(33, dtype=np.float32))
    placement = place_photo(size, CanvasConfig(width=size[0], height=size[1], fit="fit"))
    subject = Subject.from_parts(Image.fromarray(picture), person, matte, placement)
    driving = PoseSequence(
        keypoints_TK2=motion,
        confidence_TK=np.ones((4, 33)),
        times_s_T=np.arange(4) / 24,
        skeleton=BLAZEPOSE_33,
        frame_size=size,
    )
    return [frame.pixels_HWC for frame in PuppetGenerator().generate(pose_windows(driving), subject)]


def _psnr_db(one, other):
    return 10 * np.log10(255**2 / np.square(one.astype(float) - other).mean())


def test_the_mirror_image_of_photo_and_motion_gives_the_mirror_image_of_the_film():
    for frame, mirrored in zip(_crossing(), _crossing(is_mirrored=True), strict=True):
        assert _psnr_db(frame, mirrored[:, ::-1]) > 36
        assert _psnr_db(frame, frame[:, ::-1]) < 26  # which is not so by itself


def test_a_canvas_twice_as_large_shows_the_same():
    for frame, large in zip(_crossing(times=2), _crossing(times=4), strict=True):
        smaller = np.asarray(Image.fromarray(large).resize((frame.shape[1], frame.shape[0]), Image.Resampling.BOX))
        assert _psnr_db(frame, smaller) > 30


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
