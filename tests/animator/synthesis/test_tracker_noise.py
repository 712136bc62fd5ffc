"""Tracked-looking joints: errors of the right size, smooth, shared, and honest confidence."""

import numpy as np
import pytest

from animator.synthesis.tracker_noise import apply_noise, draw_bias, draw_noise, torso_px
from pose_tracking.skeleton import BLAZEPOSE_33

BODY = np.arange(11, 33)
NUM = len(BLAZEPOSE_33)


@pytest.fixture(scope="module")
def standing() -> np.ndarray:
    rng = np.random.default_rng(0)
    points = rng.uniform([90, 60], [160, 290], (NUM, 2)).astype(np.float32)
    for part, y in (("shoulder", 100.0), ("hip", 160.0)):
        points[BLAZEPOSE_33.index(f"left_{part}")] = (140, y)
        points[BLAZEPOSE_33.index(f"right_{part}")] = (110, y)
    return points


def errors(standing: np.ndarray, seed: int, frames: int = 400, seen: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    noise = draw_noise(np.random.default_rng(seed), frames, fps=25.0)
    true = np.tile(standing, (frames, 1, 1))
    keypoints, confidence = apply_noise(noise, np.arange(frames), true, np.full(NUM, seen))
    return (keypoints - true) / 60.0, confidence


def test_torso_is_sixty_pixels(standing: np.ndarray) -> None:
    assert torso_px(standing[None])[0] == pytest.approx(60.0)


def test_errors_are_about_a_twentieth_of_a_torso(standing: np.ndarray) -> None:
    sizes = [np.nanmean(np.linalg.norm(errors(standing, seed)[0][:, BODY], axis=-1)) for seed in range(20)]
    assert 0.035 < np.mean(sizes) < 0.07


def test_errors_drift_rather_than_jump(standing: np.ndarray) -> None:
    error, _ = errors(standing, 1)
    steps = np.nanstd(np.diff(error, axis=0))
    assert steps < 0.5 * np.nanstd(error)


def test_errors_of_one_person_are_shared_between_photo_and_clip(standing: np.ndarray) -> None:
    bias = draw_bias(np.random.default_rng(5))
    means = []
    for seed in (1, 2):
        noise = draw_noise(np.random.default_rng(seed), 600, fps=25.0, bias_K2=bias)
        means.append(noise.offsets_TK2.mean(0)[BODY].ravel())
    assert np.corrcoef(*means)[0, 1] > 0.8


def test_hidden_joints_are_less_sure_and_further_off(standing: np.ndarray) -> None:
    seen_error, seen_confidence = errors(standing, 3)
    hidden_error, hidden_confidence = errors(standing, 3, seen=0.0)
    assert np.nanmean(np.abs(hidden_error)) > 1.5 * np.nanmean(np.abs(seen_error))
    assert hidden_confidence.mean() < seen_confidence.mean() - 0.3


def test_some_limbs_get_lost_but_never_shoulders_and_hips(standing: np.ndarray) -> None:
    lost = np.zeros(NUM, bool)
    for seed in range(30):
        error, confidence = errors(standing, seed, frames=125)
        missing = np.isnan(error).any(-1)
        np.testing.assert_array_equal(missing, confidence == 0)
        lost |= missing.any(0)
    assert lost[BLAZEPOSE_33.index("left_wrist")]
    for part in ("shoulder", "hip"):
        assert not lost[BLAZEPOSE_33.index(f"left_{part}")]


def test_strength_zero_leaves_seen_joints_where_they_are(standing: np.ndarray) -> None:
    noise = draw_noise(np.random.default_rng(0), 5, fps=25.0, strength=0.0)
    true = np.tile(standing, (5, 1, 1))
    keypoints, _ = apply_noise(noise, np.arange(5), true, np.ones(NUM))
    seen = np.isfinite(keypoints)
    np.testing.assert_allclose(keypoints[seen], true[seen], atol=1e-4)
