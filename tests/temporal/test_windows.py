"""Five poses around every frame."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.skeleton import Skeleton
from temporal.windows import WINDOW_SIZE, pose_windows
from tests.temporal.motions import as_sequence

DOT = Skeleton(name="dot", joints=("dot",), limbs=())


def _counting(num_frames, *, fps=10.0):
    places = np.arange(num_frames, dtype=float)
    return as_sequence(np.stack([places, -places], axis=-1)[:, None], fps=fps, skeleton=DOT)


def _numbers(windows):
    return [window.keypoints_NK2[:, 0, 0].tolist() for window in windows]


def test_every_frame_has_a_window_in_order():
    windows = list(pose_windows(_counting(7)))
    assert [window.center for window in windows] == list(range(7))
    assert [window.time_s for window in windows] == pytest.approx([place / 10 for place in range(7)])


def test_a_window_tells_how_far_apart_its_poses_are_whichever_part_it_is_cut_from():
    whole = _counting(301, fps=30000 / 1001)
    intervals = {window.interval_s for part in (whole, whole[:2], whole[150:203]) for window in pose_windows(part)}
    assert len(intervals) == 1
    assert intervals.pop() == pytest.approx(1001 / 30000, abs=1e-6)
    assert next(pose_windows(_counting(1))).interval_s == 0


def test_the_middle_pose_is_the_frame_itself():
    sequence = _counting(9)
    for window in pose_windows(sequence):
        np.testing.assert_array_equal(window.keypoints_NK2[WINDOW_SIZE // 2], sequence.keypoints_TK2[window.center])
        np.testing.assert_array_equal(window.confidence_NK[WINDOW_SIZE // 2], sequence.confidence_TK[window.center])


def test_inside_windows_show_two_poses_before_and_after():
    assert WINDOW_SIZE == 5
    assert _numbers(pose_windows(_counting(7)))[2:5] == [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5], [2, 3, 4, 5, 6]]


def test_first_window_repeats_first_pose():
    windows = _numbers(pose_windows(_counting(7)))
    assert windows[0] == [0, 0, 0, 1, 2]
    assert windows[1] == [0, 0, 1, 2, 3]


def test_last_window_repeats_last_pose():
    assert _numbers(pose_windows(_counting(7)))[-1] == [4, 5, 6, 6, 6]


def test_reflection_plays_the_motion_backwards():
    windows = _numbers(pose_windows(_counting(7), edge="reflect"))
    assert windows[0] == [2, 1, 0, 1, 2]
    assert windows[-1] == [4, 5, 6, 5, 4]


def test_reflection_of_a_motion_shorter_than_the_window_goes_back_and_forth():
    assert _numbers(pose_windows(_counting(2), edge="reflect")) == [[0, 1, 0, 1, 0], [1, 0, 1, 0, 1]]
    assert _numbers(pose_windows(_counting(3), size=9, edge="reflect"))[1] == [1, 2, 1, 0, 1, 2, 1, 0, 1]


def test_outside_can_be_unseen():
    window = next(iter(pose_windows(_counting(7), edge="unseen")))
    np.testing.assert_array_equal(window.keypoints_NK2[:, 0, 0], [np.nan, np.nan, 0, 1, 2])
    np.testing.assert_array_equal(window.confidence_NK[:, 0], [0, 0, 1, 1, 1])


@pytest.mark.parametrize("edge", ["repeat", "reflect"])
def test_a_single_frame_fills_its_window(edge):
    assert _numbers(pose_windows(_counting(1), edge=edge)) == [[0] * 5]


@pytest.mark.parametrize("size", [1, 3, 7])
def test_windows_have_the_size_asked_for(size):
    for window in pose_windows(_counting(5), size=size):
        assert window.keypoints_NK2.shape == (size, 1, 2)
        assert window.confidence_NK.shape == (size, 1)


def test_unseen_joints_stay_unseen():
    sequence = _counting(7)
    keypoints = sequence.keypoints_TK2.copy()
    keypoints[3] = np.nan
    windows = list(pose_windows(sequence.replace(keypoints_TK2=keypoints)))
    assert np.isnan(windows[3].keypoints_NK2[2]).all()
    assert windows[3].confidence_NK[2, 0] == 0
    assert np.isnan(windows[1].keypoints_NK2[4]).all()


def test_windows_are_made_one_at_a_time():
    windows = pose_windows(_counting(1_000_000))
    assert next(windows).center == 0
    assert next(windows).center == 1


def test_a_window_can_be_changed_without_changing_the_motion():
    sequence = _counting(7)
    for window in pose_windows(sequence):
        window.keypoints_NK2[:] = -1
    assert _numbers(pose_windows(sequence))[3] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("size", [0, -1, 2, 4])
def test_windows_without_a_middle_are_refused_at_the_call(size):
    with pytest.raises(ValueError, match="odd and positive"):
        pose_windows(_counting(5), size=size)


def test_unknown_edges_are_refused_at_the_call():
    with pytest.raises(ValueError, match="repeat, reflect, unseen"):
        pose_windows(_counting(5), edge="wrap")  # type: ignore[arg-type]


def test_a_motion_without_frames_is_refused_at_the_call():
    with pytest.raises(ValueError, match="without frames"):
        pose_windows(_counting(0))


def test_no_window_looks_over_a_cut():
    cut = _counting(6).replace(cuts_s=(0.3,))
    assert _numbers(pose_windows(cut, size=3)) == [[0, 0, 1], [0, 1, 2], [1, 2, 2], [3, 3, 4], [3, 4, 5], [4, 5, 5]]
    assert [window.center for window in pose_windows(cut)] == list(range(6))
    unseen = list(pose_windows(cut, size=3, edge="unseen"))
    assert np.isnan(unseen[2].keypoints_NK2[2]).all()
    assert np.isnan(unseen[3].keypoints_NK2[0]).all()
