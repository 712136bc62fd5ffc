"""Keypoints over time, and the steps of the picture that go with them."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from pose_tracking.errors import TrackingError
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17, OPENPOSE_18

NUM_FRAMES = 6


def _measured(num_frames: int = NUM_FRAMES) -> PoseSequence:
    random = np.random.default_rng(0)
    keypoints = random.uniform(0, 100, size=(num_frames, 17, 2)).astype(np.float32)
    keypoints[2, 3] = np.nan
    steps = random.normal(size=keypoints.shape).astype(np.float32)
    steps[4, 5] = np.nan
    return PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=np.ones(keypoints.shape[:2]),
        times_s_T=np.arange(num_frames) / 25,
        skeleton=COCO_17,
        frame_size=(100, 100),
        steps_TK2=steps,
    )


def _steps(sequence: PoseSequence) -> np.ndarray:
    assert sequence.steps_TK2 is not None
    return sequence.steps_TK2


def test_a_step_is_unknown_where_the_joint_was_unseen_before() -> None:
    known_TK = ~np.isnan(_steps(_measured())).any(axis=-1)
    assert not known_TK[0].any()
    assert not known_TK[3, 3]
    assert not known_TK[4, 5]
    assert known_TK[1:].sum() == known_TK[1:].size - 2


@pytest.mark.parametrize("ending", [".npz", ".json"])
def test_steps_travel_with_the_file(tmp_path: Path, ending: str) -> None:
    measured = _measured()
    loaded = PoseSequence.load(measured.save(tmp_path / f"poses{ending}"))
    np.testing.assert_array_equal(_steps(loaded), _steps(measured))
    np.testing.assert_array_equal(loaded.keypoints_TK2, measured.keypoints_TK2)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("ending", [".npz", ".json"])
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path: Path, ending: str) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            _measured().save(tmp_path / f"poses{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    gc.collect()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".npz", ".json"])
def test_poses_without_steps_are_saved_and_read_without(tmp_path: Path, ending: str) -> None:
    unmeasured = _measured().replace(steps_TK2=None)
    assert PoseSequence.load(unmeasured.save(tmp_path / f"poses{ending}")).steps_TK2 is None
    assert unmeasured[1:3].steps_TK2 is None
    assert unmeasured.to_skeleton(OPENPOSE_18).steps_TK2 is None


@pytest.mark.parametrize(
    ("frames", "kept"),
    [
        (slice(2, 5), [3, 4]),
        (slice(None, None, 2), []),
        (np.array([1, 2, 5]), [2]),
        (np.array([True, True, False, True, True, True]), [1, 4, 5]),
        (3, []),
    ],
)
def test_a_selection_keeps_the_steps_whose_frame_before_it_keeps(frames: slice | np.ndarray, kept: list[int]) -> None:
    measured = _measured()
    places = np.atleast_1d(np.arange(NUM_FRAMES)[frames])
    expected = np.where(np.isin(places, kept)[:, None, None], _steps(measured)[places], np.nan)
    np.testing.assert_array_equal(_steps(measured[frames]), expected)


def test_steps_follow_their_joints_to_another_skeleton() -> None:
    measured = _measured()
    moved = measured.to_skeleton(OPENPOSE_18)
    here, there = COCO_17.index("left_wrist"), moved.skeleton.index("left_wrist")
    np.testing.assert_array_equal(_steps(moved)[:, there], _steps(measured)[:, here])


@pytest.mark.parametrize(
    ("steps", "message"),
    [(np.zeros((NUM_FRAMES, 16, 2)), "do not match"), (np.full((NUM_FRAMES, 17, 2), np.inf), "infinite")],
)
def test_steps_are_checked(steps: np.ndarray, message: str) -> None:
    with pytest.raises(TrackingError, match=message):
        _measured().replace(steps_TK2=steps)


def test_complex_numbers_are_refused_and_not_halved(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    _measured().save(path)
    fields = dict(np.load(path))
    np.savez(path, **{**fields, "times_s": fields["times_s"] + 1j})
    with pytest.raises(TrackingError, match=r"times_s holds complex numbers"):
        PoseSequence.load(path)


@pytest.mark.parametrize("ending", [".npz", ".json"])
def test_cuts_travel_with_the_file(tmp_path: Path, ending: str) -> None:
    cut = _measured().replace(cuts_s=(0.08, 0.16))
    assert PoseSequence.load(cut.save(tmp_path / f"poses{ending}")).cuts_s == (0.08, 0.16)
    assert PoseSequence.load(_measured().save(tmp_path / f"poses{ending}")).cuts_s == ()


def test_shots_lie_between_the_cuts() -> None:
    assert _measured().shots() == [slice(0, 6)]
    cut = _measured().replace(cuts_s=(0.08, 0.2))
    assert cut.shots() == [slice(0, 2), slice(2, 5), slice(5, 6)]
    assert cut[1:5].shots() == [slice(0, 1), slice(1, 4)]
    assert cut[2:5].shots() == [slice(0, 3)]
    assert cut[::3].shots() == [slice(0, 1), slice(1, 2)]
    assert cut[:0].shots() == [slice(0, 0)]


def test_no_step_leads_over_a_cut() -> None:
    steps = _steps(_measured().replace(cuts_s=(0.08,)))
    assert np.isnan(steps[2]).all()
    np.testing.assert_array_equal(steps[3:], _steps(_measured())[3:])


@pytest.mark.parametrize("cuts_s", [(0.1, 0.1), (0.2, 0.1), (float("nan"),)])
def test_cuts_that_do_not_rise_are_refused(cuts_s: tuple[float, ...]) -> None:
    with pytest.raises(TrackingError, match="cuts must be finite and strictly rising"):
        _measured().replace(cuts_s=cuts_s)


def test_what_is_done_shot_by_shot_comes_back_in_one_piece() -> None:
    cut = _measured().replace(cuts_s=(0.08, 0.2))
    lengths: list[int] = []

    def mirrored(shot: PoseSequence) -> PoseSequence:
        lengths.append(len(shot))
        return shot.replace(keypoints_TK2=-shot.keypoints_TK2)

    done = cut.map_shots(mirrored)
    assert lengths == [2, 3, 1]
    np.testing.assert_array_equal(done.keypoints_TK2, -cut.keypoints_TK2)
    np.testing.assert_array_equal(_steps(done), _steps(cut))
    np.testing.assert_array_equal(done.times_s_T, cut.times_s_T)
    assert done.cuts_s == cut.cuts_s


def test_shots_that_tell_nothing_join_the_one_before_or_the_first_that_tells() -> None:
    cut = _measured().replace(cuts_s=(0.04, 0.08, 0.12, 0.16, 0.2))

    def told(*places: int) -> list[slice]:
        return cut.join_shots(lambda shot: round(float(shot.times_s_T[0]) * 25) in places).shots()

    assert told(0, 3) == [slice(0, 3), slice(3, 6)]
    assert told(2, 4) == [slice(0, 4), slice(4, 6)]
    assert told() == [slice(0, 6)]
