"""Smoothers by name, and how they meet unseen joints."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.errors import MotionError
from temporal.metrics import jitter, lag_s
from temporal.smoothing import SMOOTHERS, SavitzkyGolay, Smoother, smooth_positions, smoother_by_name
from tests.temporal.motions import TORSO_PX, as_sequence, kicking, standing, swaying, with_noise

WRIST = BLAZEPOSE_33.index("left_wrist")
REAL_SMOOTHERS = [name for name in SMOOTHERS if name != "none"]


class _Shift:
    """Moves every run by its length, so that a test can see what was called on what."""

    def __init__(self, *, window_s):
        self.window_s = window_s

    def smooth(self, positions_TK2, times_s_T, confidence_TK):
        return positions_TK2 + len(positions_TK2)


class _Wrong(_Shift):
    def smooth(self, positions_TK2, times_s_T, confidence_TK):
        return positions_TK2[1:]


class _NotFinite(_Shift):
    def smooth(self, positions_TK2, times_s_T, confidence_TK):
        return positions_TK2 * np.nan


@pytest.fixture
def plugin(monkeypatch):
    module = types.ModuleType("somebodys_smoothers")
    module.Shift, module.no_class = _Shift, lambda window_s: object()
    monkeypatch.setitem(sys.modules, "somebodys_smoothers", module)
    return "somebodys_smoothers:Shift"


@pytest.mark.parametrize("name", SMOOTHERS)
def test_every_name_gives_a_smoother(name):
    assert isinstance(smoother_by_name(name, window_s=0.45), Smoother)


def test_the_named_default_is_the_class_s_default():
    assert smoother_by_name("savitzky-golay", window_s=0.45) == SavitzkyGolay()


@pytest.mark.parametrize("name", REAL_SMOOTHERS)
def test_noise_falls_and_more_in_longer_windows(name):
    truth = as_sequence(swaying(np.arange(240) / 60), fps=60)
    noisy = truth.replace(keypoints_TK2=with_noise(truth.keypoints_TK2, 0.02))
    left = [jitter(smooth_positions(noisy, smoother_by_name(name, window_s=w))) for w in (0.25, 0.45, 0.8)]
    assert jitter(noisy) > left[0] > left[1] > left[2]
    smoothed = smooth_positions(noisy, smoother_by_name(name, window_s=0.45))

    def error(motion):
        return np.sqrt(np.nanmean((motion.keypoints_TK2 - truth.keypoints_TK2) ** 2))

    assert error(smoothed) < 0.6 * error(noisy)
    assert abs(lag_s(truth, smoothed)) < 0.002


@pytest.mark.parametrize("fps", [24, 30, 60])
@pytest.mark.parametrize("lasting_s", [0.3, 0.4, 0.6])
@pytest.mark.parametrize("name", REAL_SMOOTHERS)
def test_kicks_keep_their_reach(name, lasting_s, fps):
    sequence = as_sequence(kicking(np.arange(2 * fps) / fps, lasting_s=lasting_s), fps=fps)
    smoothed = smooth_positions(sequence, smoother_by_name(name, window_s=0.45))
    loss_px = sequence.joint("left_ankle")[:, 0].max() - smoothed.joint("left_ankle")[:, 0].max()
    assert loss_px < 0.05 * TORSO_PX


def test_nothing_is_smoothed_across_unseen_frames():
    keypoints = standing(30)
    keypoints[10:13, WRIST] = np.nan
    keypoints[13:, WRIST] += [2 * TORSO_PX, 0]
    smoothed = smooth_positions(as_sequence(keypoints), SavitzkyGolay())
    np.testing.assert_allclose(smoothed.keypoints_TK2, as_sequence(keypoints).keypoints_TK2, atol=1e-3)


def test_every_run_is_smoothed_by_itself_in_torso_lengths():
    keypoints = standing(10)
    keypoints[4, WRIST] = np.nan
    smoothed = smooth_positions(as_sequence(keypoints), _Shift(window_s=0.45))
    moved = (smoothed.keypoints_TK2 - as_sequence(keypoints).keypoints_TK2) / TORSO_PX
    np.testing.assert_allclose(moved[:4, WRIST], 4, rtol=1e-5)
    np.testing.assert_allclose(moved[5:, WRIST], 5, rtol=1e-5)
    np.testing.assert_allclose(moved[:, BLAZEPOSE_33.index("nose")], 10, rtol=1e-5)


def test_confidence_times_and_unseen_joints_are_kept():
    sequence = as_sequence(with_noise(standing(30), 0.02))
    smoothed = smooth_positions(sequence, SavitzkyGolay())
    np.testing.assert_array_equal(smoothed.seen_TK, sequence.seen_TK)
    np.testing.assert_array_equal(smoothed.confidence_TK, sequence.confidence_TK)
    np.testing.assert_array_equal(smoothed.times_s_T, sequence.times_s_T)


@pytest.mark.parametrize("broken", [_Wrong, _NotFinite])
def test_a_smoother_that_breaks_the_motion_is_named(broken):
    with pytest.raises(MotionError, match=f"{broken.__name__} returned"):
        smooth_positions(as_sequence(standing(8)), broken(window_s=0.45))


def test_outside_code_runs_only_when_trusted(plugin):
    with pytest.raises(MotionError, match="not run unless plugins are trusted"):
        smoother_by_name(plugin, window_s=0.45)
    smoother = smoother_by_name(plugin, window_s=0.25, trust_plugins=True)
    assert isinstance(smoother, _Shift)
    assert smoother.window_s == 0.25


def test_an_untrusted_module_is_not_even_imported(tmp_path, monkeypatch):
    (tmp_path / "sneaky_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MotionError):
        smoother_by_name("sneaky_module:Thing", window_s=0.45)
    assert "sneaky_module" not in sys.modules


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module_anywhere:Thing", "could not be built"),
        ("somebodys_smoothers:Nothing", "could not be built"),
        ("somebodys_smoothers:no_class", "has no method smooth"),
    ],
)
def test_broken_plugins_are_explained(plugin, name, reason):
    with pytest.raises(MotionError, match=reason):
        smoother_by_name(name, window_s=0.45, trust_plugins=True)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(MotionError, match="savitzky-golay, one-euro, kalman, none"):
        smoother_by_name("gaussian", window_s=0.45)


@pytest.mark.parametrize("window_s", [0, -1, float("nan"), float("inf")])
def test_windows_are_positive(window_s):
    with pytest.raises(MotionError, match="window_s"):
        smoother_by_name("kalman", window_s=window_s)
