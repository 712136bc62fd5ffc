"""How the picture around joints moves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pose_tracking.optical_flow import StepMeter
from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.pose_tracking.people import standing

WIDTH, HEIGHT = 320, 400
NUM_JOINTS = len(BLAZEPOSE_33)


def _scenery(*, seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Soft blotches some px wide, which flow can follow everywhere."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).normal(size=(height, width))
    blotches = gaussian_filter(noise, 4, mode="wrap") + 0.5 * gaussian_filter(noise[::-1], 1.5, mode="wrap")
    grey = 128 + 50 * blotches / blotches.std()
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def _moved(pixels_HWC: np.ndarray, right: int, down: int) -> np.ndarray:
    return np.roll(pixels_HWC, (down, right), axis=(0, 1))


def _person(*, x: float = 160.0, top: float = 80.0, height: float = 240.0) -> Detection:
    return standing(x, top, height)


def _steps(*frames: tuple[np.ndarray, Detection | None], frame_size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    with ThreadPoolExecutor(max_workers=1) as worker, StepMeter(frame_size, worker) as meter:
        for pixels_HWC, person in frames:
            meter.add(pixels_HWC, person)
        return meter.steps_TK2(NUM_JOINTS)


def test_a_picture_that_moves_moves_every_joint_by_as_much() -> None:
    scenery = _scenery()
    steps_TK2 = _steps((scenery, _person()), (_moved(scenery, 3, -2), _person(x=164)))
    assert np.isnan(steps_TK2[0]).all()
    np.testing.assert_allclose(steps_TK2[1], np.tile([3.0, -2.0], (NUM_JOINTS, 1)), atol=0.2)


def test_a_repeated_frame_holds_still_however_the_tracker_twitches() -> None:
    scenery = _scenery()
    steps_TK2 = _steps((scenery, _person()), (scenery, _person(x=170, top=75)))
    np.testing.assert_allclose(steps_TK2[1], 0, atol=0.02)


def test_only_what_moves_moves() -> None:
    before, other = _scenery(), _scenery(seed=5)
    person = _person()
    x, y = person.keypoints_K2[BLAZEPOSE_33.index("left_wrist")].astype(int)
    left = slice(y - 14, y + 14), slice(x - 14, x + 14)
    moved = slice(y - 10, y + 18), slice(x - 12, x + 16)
    now = before.copy()
    before[left] = other[left]
    now[moved] = other[left]
    steps_TK2 = _steps((before, person), (now, person))
    np.testing.assert_allclose(steps_TK2[1, BLAZEPOSE_33.index("left_wrist")], [2, 4], atol=0.5)
    np.testing.assert_allclose(steps_TK2[1, BLAZEPOSE_33.index("right_ankle")], [0, 0], atol=0.1)


def test_where_the_picture_is_plain_nothing_is_known() -> None:
    before, person = _scenery(), _person()
    plain = slice(0, int(person.keypoints_K2[BLAZEPOSE_33.index("left_shoulder"), 1]) + 40)
    before[plain] = 128
    now = _moved(before, 2, 0)
    steps_TK2 = _steps((before, person), (now, person))
    assert np.isnan(steps_TK2[1, BLAZEPOSE_33.index("nose")]).all()
    np.testing.assert_allclose(steps_TK2[1, BLAZEPOSE_33.index("left_knee")], [2, 0], atol=0.2)


def test_steps_are_given_in_the_size_poses_are_given_in() -> None:
    scenery = _scenery()
    double = (2 * WIDTH, 2 * HEIGHT)
    person = _person(x=320, top=160, height=480)
    steps_TK2 = _steps((scenery, person), (_moved(scenery, 2, 1), person), frame_size=double)
    np.testing.assert_allclose(steps_TK2[1], np.tile([4.0, 2.0], (NUM_JOINTS, 1)), atol=0.3)


def test_a_large_picture_is_looked_at_small_and_its_steps_are_given_large() -> None:
    scenery = np.repeat(np.repeat(_scenery(), 3, axis=0), 3, axis=1)
    person = _person(x=480, top=150, height=900)
    size = (3 * WIDTH, 3 * HEIGHT)
    steps_TK2 = _steps((scenery, person), (_moved(scenery, 9, 6), person), frame_size=size)
    np.testing.assert_allclose(np.median(steps_TK2[1], axis=0), [9, 6], atol=0.5)


def test_nothing_is_known_across_an_absence() -> None:
    scenery = _scenery()
    seen = (scenery, _person())
    steps_TK2 = _steps(seen, (scenery, None), seen, seen)
    assert [bool(np.isnan(steps_K2).all()) for steps_K2 in steps_TK2] == [True, True, True, False]


def test_joints_outside_the_picture_have_no_steps() -> None:
    scenery = _scenery()
    person = _person(top=210)
    steps_TK2 = _steps((scenery, person), (scenery, person))
    outside = person.keypoints_K2[:, 1] >= HEIGHT
    assert outside.any()
    assert np.isnan(steps_TK2[1, outside]).all()
    inside = person.keypoints_K2[:, 1] < HEIGHT - 1
    assert not np.isnan(steps_TK2[1, inside]).any()


@pytest.mark.parametrize("size", [(12, 10), (40, 400)])
def test_pictures_too_small_for_flow_are_left_alone(size: tuple[int, int]) -> None:
    tiny = _scenery(width=size[0], height=size[1])
    person = _person(x=size[0] / 2, top=0.1 * size[1], height=0.8 * size[1])
    assert np.isnan(_steps((tiny, person), (tiny, person), frame_size=size)).all()


def test_frames_of_another_shape_have_no_steps_between_them() -> None:
    steps_TK2 = _steps((_scenery(), _person()), (_scenery(width=300), _person()))
    assert np.isnan(steps_TK2).all()


def test_no_frames_have_no_steps() -> None:
    assert _steps().shape == (0, NUM_JOINTS, 2)
