"""Savitzky-Golay against scipy where frames are even, against its definition where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import savgol_filter

from temporal.savitzky_golay import MIN_NEARNESS, MIN_WEIGHT, SavitzkyGolay, local_polynomial


def _noise(num_frames, num_joints=3, seed=0):
    return np.random.default_rng(seed).normal(size=(num_frames, num_joints, 2))


@pytest.mark.parametrize("fps", [24, 30000 / 1001, 120])
@pytest.mark.parametrize("num_samples", [5, 7, 9, 15])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_even_frames_give_the_classical_filter_ends_included(fps, num_samples, order):
    positions = _noise(60)
    smoother = SavitzkyGolay(window_s=num_samples / fps, order=order, taper=0)
    smoothed = smoother.smooth(positions, np.arange(60) / fps, np.full((60, 3), 0.7))
    expected = savgol_filter(positions, num_samples, order, axis=0, mode="interp")
    np.testing.assert_allclose(smoothed, expected, atol=1e-9)


@pytest.mark.parametrize("taper", [0, 2, 4])
@pytest.mark.parametrize("order", [0, 1, 2, 4])
def test_uneven_frames_give_the_weighted_polynomial_of_each_window(order, taper):
    random = np.random.default_rng(1)
    times_s = np.cumsum(random.uniform(0.02, 0.05, size=50))
    positions, confidence = _noise(50), random.uniform(0.1, 1, size=(50, 3))
    window_s = 9 * float(np.median(np.diff(times_s)))
    smoother = SavitzkyGolay(window_s=window_s, order=order, taper=taper)
    smoothed = smoother.smooth(positions, times_s, confidence)
    for frame in range(12, 38):
        offset_s = times_s - times_s[frame]
        near = np.abs(offset_s) < window_s / 2
        nearness = np.maximum(np.cos(np.pi * offset_s[near] / window_s) ** taper, MIN_NEARNESS)
        for joint in range(3):
            weights = np.sqrt(confidence[near, joint] * nearness)
            fit = np.polyfit(offset_s[near], positions[near, joint], order, w=weights)
            np.testing.assert_allclose(smoothed[frame, joint], fit[-1], atol=1e-7)


def test_tapered_windows_stop_the_jitter_that_the_classical_filter_lets_through():
    jitter = np.where(np.arange(120) % 2, 1.0, -1.0)[:, None, None].repeat(2, axis=2)
    classical = SavitzkyGolay(window_s=0.25, taper=0).smooth(jitter, np.arange(120) / 60, np.ones((120, 1)))
    tapered = SavitzkyGolay(window_s=0.45).smooth(jitter, np.arange(120) / 60, np.ones((120, 1)))
    assert np.abs(tapered[30:90]).max() < 0.05 * np.abs(classical[30:90]).max()


@pytest.mark.parametrize("fps", [12, 30, 60])
def test_polynomials_up_to_the_order_pass_unchanged(fps):
    times_s = np.sort(np.random.default_rng(3).uniform(0, 2, size=2 * fps))
    positions = np.stack([1 + times_s - 3 * times_s**2, times_s**4 - times_s**3], axis=-1)[:, None]
    smoothed = SavitzkyGolay(window_s=0.45, order=4).smooth(positions, times_s, np.ones((2 * fps, 1)))
    np.testing.assert_allclose(smoothed, positions, atol=1e-7)


def test_unsure_samples_count_less():
    positions = np.zeros((21, 1, 2))
    positions[10] = 1.0
    confidence = np.ones((21, 1))
    sure = SavitzkyGolay(window_s=0.3, order=2).smooth(positions, np.arange(21) / 30, confidence)
    confidence[10] = 0.1
    unsure = SavitzkyGolay(window_s=0.3, order=2).smooth(positions, np.arange(21) / 30, confidence)
    assert unsure[10, 0, 0] < 0.5 * sure[10, 0, 0]


def test_a_run_without_any_confidence_is_smoothed_all_the_same():
    positions = _noise(20)
    nothing = SavitzkyGolay().smooth(positions, np.arange(20) / 30, np.zeros((20, 3)))
    alike = SavitzkyGolay().smooth(positions, np.arange(20) / 30, np.full((20, 3), MIN_WEIGHT))
    np.testing.assert_array_equal(nothing, alike)
    assert np.abs(nothing - positions).max() > 0.01


@pytest.mark.parametrize("num_frames", [1, 2, 3, 4, 5])
def test_runs_no_longer_than_the_polynomial_pass_unchanged(num_frames):
    positions = _noise(num_frames)
    smoothed = SavitzkyGolay(order=4).smooth(positions, np.arange(num_frames) / 30, np.ones((num_frames, 3)))
    np.testing.assert_allclose(smoothed, positions, atol=1e-9)


def test_too_few_frames_per_second_for_the_window_smooth_nothing():
    positions = _noise(40)
    smoothed = SavitzkyGolay(window_s=0.45).smooth(positions, np.arange(40) / 5, np.ones((40, 3)))
    np.testing.assert_allclose(smoothed, positions, atol=1e-9)


def test_decimal_time_stamps_do_not_change_the_windows():
    positions = _noise(90)
    exact = SavitzkyGolay(window_s=0.45).smooth(positions, np.arange(90) / 30, np.ones((90, 3)))
    rounded = SavitzkyGolay(window_s=0.45).smooth(positions, np.round(np.arange(90) / 30, 3), np.ones((90, 3)))
    np.testing.assert_allclose(rounded, exact, atol=0.05)


def test_windows_are_in_seconds_not_in_frames():
    def attenuation(fps):
        times_s = np.arange(4 * fps) / fps
        wave = np.sin(2 * np.pi * 6 * times_s)[:, None, None].repeat(2, axis=2)
        smoothed = SavitzkyGolay(window_s=0.45).smooth(wave, times_s, np.ones((len(times_s), 1)))
        return np.std(smoothed[fps:-fps]) / np.std(wave[fps:-fps])

    assert attenuation(60) == pytest.approx(attenuation(240), abs=0.05)


def test_a_fast_stretch_in_a_slow_clip_is_determined_everywhere():
    times_s = np.concatenate([np.arange(20) / 60, 1 + np.arange(5) / 3, 4 + np.arange(20) / 60])
    positions = _noise(45)
    smoothed = SavitzkyGolay(window_s=0.1).smooth(positions, times_s, np.ones((45, 3)))
    assert np.isfinite(smoothed).all()
    np.testing.assert_allclose(smoothed[20:25], positions[20:25], atol=1e-6)


def test_positions_between_the_samples_lie_on_the_polynomial():
    times_s = np.arange(30) / 30
    positions = (2 * times_s**2 - times_s)[:, None, None].repeat(2, axis=2)
    at_s = np.linspace(-0.02, 1.0, 57)
    moved = local_polynomial(
        positions, times_s, at_s_M=at_s, window_s=0.2, order=2, taper=4, weights_TK=np.ones((30, 1))
    )
    np.testing.assert_allclose(moved[:, 0, 0], 2 * at_s**2 - at_s, atol=1e-9)
