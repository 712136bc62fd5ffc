"""The Rauch-Tung-Striebel recursion against the least-squares problem it solves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import make_smoothing_spline

from temporal.kalman import KalmanSmoother, rts_smooth


def _brute_force(xs, ts, variances, density):
    """Positions of the states that minimise measurement plus process cost, by one dense least-squares solution."""
    num = len(ts)
    rows, wanted = [], []
    for i in range(num):
        row = np.zeros(2 * num)
        row[2 * i] = 1 / np.sqrt(variances[i])
        rows.append(row)
        wanted.append(xs[i] / np.sqrt(variances[i]))
    for i in range(num - 1):
        step = ts[i + 1] - ts[i]
        noise = density * np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        whiten = np.linalg.inv(np.linalg.cholesky(noise))
        block = np.zeros((2, 2 * num))
        block[:, 2 * i : 2 * i + 2] = -np.array([[1, step], [0, 1]])
        block[:, 2 * i + 2 : 2 * i + 4] = np.eye(2)
        rows.extend(whiten @ block)
        wanted.extend([0.0, 0.0])
    return np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0][::2]


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("density", [0.1, 30.0, 3000.0])
def test_recursion_solves_the_least_squares_problem(even, density):
    random = np.random.default_rng(8)
    ts = np.arange(40) / 30 if even else np.cumsum(random.uniform(0.005, 0.08, size=40))
    positions = np.cumsum(random.normal(size=(40, 3, 2)), axis=0) * 0.1
    variances = random.uniform(0.001, 0.1, size=(40, 3))
    smoothed = rts_smooth(positions, ts, variance_TK=variances, acceleration_density=density)
    for joint in range(3):
        for axis in range(2):
            expected = _brute_force(positions[:, joint, axis], ts, variances[:, joint], density)
            np.testing.assert_allclose(smoothed[:, joint, axis], expected, atol=1e-6)


def test_it_is_the_cubic_smoothing_spline():
    """Wahba 1978: white acceleration and a diffuse start make the smoothing spline with lambda = variance / density."""
    random = np.random.default_rng(9)
    ts = np.cumsum(random.uniform(0.01, 0.06, size=60))
    positions = random.normal(size=(60, 1, 2))
    smoothed = rts_smooth(positions, ts, variance_TK=np.full((60, 1), 0.02), acceleration_density=50.0)
    spline = make_smoothing_spline(ts, positions[:, 0, 0], lam=0.02 / 50.0)
    np.testing.assert_allclose(smoothed[:, 0, 0], spline(ts), atol=1e-6)


@pytest.mark.parametrize("fps", [30, 120])
def test_the_cutoff_halves_an_amplitude(fps):
    times_s = np.arange(6 * fps) / fps
    wave = np.sin(2 * np.pi * 4.0 * times_s)[:, None, None].repeat(2, axis=2)
    smoothed = KalmanSmoother(cutoff_hz=4.0).smooth(wave, times_s, np.ones((len(times_s), 1)))
    middle = slice(2 * fps, 4 * fps)
    assert np.std(smoothed[middle]) / np.std(wave[middle]) == pytest.approx(0.5, abs=0.02)


def test_unsure_samples_count_less():
    positions = np.zeros((31, 1, 2))
    positions[15] = 1.0
    confidence = np.ones((31, 1))
    sure = KalmanSmoother().smooth(positions, np.arange(31) / 30, confidence)
    confidence[15] = 0.3
    unsure = KalmanSmoother().smooth(positions, np.arange(31) / 30, confidence)
    assert unsure[15, 0, 0] < 0.3 * sure[15, 0, 0]


def test_long_runs_stay_finite_and_close():
    times_s = np.arange(5000) / 120
    path = np.stack([np.sin(times_s), np.cos(times_s)], axis=-1)[:, None]
    smoothed = KalmanSmoother().smooth(path, times_s, np.full((5000, 1), 0.01))
    np.testing.assert_allclose(smoothed, path, atol=0.02)


@pytest.mark.parametrize("num_frames", [1, 2])
def test_runs_too_short_to_judge_pass_unchanged(num_frames):
    positions = np.random.default_rng(0).normal(size=(num_frames, 2, 2))
    smoothed = KalmanSmoother().smooth(positions, np.arange(num_frames) / 30, np.ones((num_frames, 2)))
    np.testing.assert_array_equal(smoothed, positions)
