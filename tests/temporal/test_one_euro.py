"""One-Euro against a computation written from the paper, sample by sample."""

from __future__ import annotations

import math

import numpy as np
import pytest

from temporal.one_euro import START_S, OneEuro


def _paper(xs, ts, *, min_cutoff, beta, speed_cutoff):
    """Casiez et al. 2012, algorithm 1, on one coordinate; begun at the start velocity and its lag behind it."""

    def alpha(cutoff, step):
        tau = 1.0 / (2.0 * math.pi * cutoff)
        return 1.0 / (1.0 + tau / step)

    head = [i for i in range(len(ts)) if i < 3 or ts[i] <= ts[0] + START_S + 1e-6]
    slope = np.polyfit([ts[i] for i in head], [xs[i] for i in head], 1)[0]
    speed = slope
    filtered = [xs[0] - slope / (2 * math.pi * (min_cutoff + beta * abs(slope)))]
    for i in range(1, len(xs)):
        step = ts[i] - ts[i - 1]
        a = alpha(speed_cutoff, step)
        speed = a * (xs[i] - xs[i - 1]) / step + (1 - a) * speed
        a = alpha(min_cutoff + beta * abs(speed), step)
        filtered.append(a * xs[i] + (1 - a) * filtered[-1])
    return np.array(filtered)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize(("min_cutoff", "beta", "speed_cutoff"), [(1.0, 4.0, 3.0), (0.5, 0.0, 1.0), (3.0, 10.0, 6.0)])
def test_both_passes_are_the_paper_s_filter(even, min_cutoff, beta, speed_cutoff):
    random = np.random.default_rng(5)
    ts = np.arange(80) / 30 if even else np.cumsum(random.uniform(0.01, 0.06, size=80))
    xs = np.sin(3 * ts) + 0.05 * random.normal(size=80)
    options = {"min_cutoff": min_cutoff, "beta": beta, "speed_cutoff": speed_cutoff}
    forward = _paper(xs, ts, **options)
    backward = _paper(xs[::-1], ts[-1] - ts[::-1], **options)[::-1]
    smoother = OneEuro(min_cutoff_hz=min_cutoff, beta=beta, speed_cutoff_hz=speed_cutoff)
    positions = np.stack([xs, np.zeros(80)], axis=-1)[:, None]
    smoothed = smoother.smooth(positions, ts, np.ones((80, 1)))
    np.testing.assert_allclose(smoothed[:, 0, 0], (forward + backward) / 2, atol=1e-10)
    np.testing.assert_allclose(smoothed[:, 0, 1], 0, atol=1e-12)


def test_cutoff_follows_the_speed_in_the_picture_not_along_the_axes():
    random = np.random.default_rng(6)
    ts = np.arange(90) / 30
    path = np.stack([np.sin(4 * ts), np.cos(3 * ts)], axis=-1)[:, None] + 0.02 * random.normal(size=(90, 1, 2))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    smoother = OneEuro()
    turned = smoother.smooth(path @ turn, ts, np.ones((90, 1)))
    np.testing.assert_allclose(turned, smoother.smooth(path, ts, np.ones((90, 1))) @ turn, atol=1e-12)


def test_a_pass_lags_and_the_two_together_do_not():
    ts = np.arange(240) / 60
    wave = np.sin(2 * np.pi * ts)[:, None, None].repeat(2, axis=2)
    smoother = OneEuro(min_cutoff_hz=2.0, beta=0.0)

    def phase(path):
        return np.angle((path[60:180, 0, 0] * np.exp(-2j * np.pi * ts[60:180])).sum())

    single = smoother.one_pass(wave, ts)
    both = smoother.smooth(wave, ts, np.ones((240, 1)))
    assert phase(single) - phase(wave) < -0.3
    assert phase(both) == pytest.approx(phase(wave), abs=0.01)


def test_rest_is_smoothed_more_than_motion():
    random = np.random.default_rng(7)
    ts = np.arange(300) / 60
    noise = 0.02 * random.normal(size=(300, 1, 2))
    moving = np.stack([3 * np.sin(2 * ts), np.cos(2 * ts)], axis=-1)[:, None]
    smoother = OneEuro()
    left_at_rest = smoother.smooth(noise, ts, np.ones((300, 1)))
    left_in_motion = smoother.smooth(moving + noise, ts, np.ones((300, 1))) - smoother.smooth(
        moving, ts, np.ones((300, 1))
    )
    assert np.std(left_at_rest) < 0.6 * np.std(left_in_motion)


@pytest.mark.parametrize("num_frames", [1, 2])
def test_runs_too_short_to_have_a_velocity_pass_unchanged(num_frames):
    positions = np.random.default_rng(0).normal(size=(num_frames, 2, 2))
    smoothed = OneEuro().smooth(positions, np.arange(num_frames) / 30, np.ones((num_frames, 2)))
    np.testing.assert_array_equal(smoothed, positions)
