"""Tracked-looking joints: errors of the right size, smooth, shared, and honest confidence."""

import numpy as np
import pytest

from animator.synthesis.tracker_noise import apply_noise, draw_bias, draw_noise, no_noise, torso_px
from pose_tracking.skeleton import BLAZEPOSE_33

BODY = np.arange(11, 33)
NUM = len(BLAZEPOSE_33)
SIDES = ("left", "right")


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
    limbs = [BLAZEPOSE_33.index(f"left_{part}") for part in ("elbow", "wrist", "index", "ankle")]
    assert hidden_confidence[:, limbs].mean() < seen_confidence[:, limbs].mean() - 0.3


def test_trunk_and_face_are_never_doubted(standing: np.ndarray) -> None:
    trunk = [*range(11), *(BLAZEPOSE_33.index(f"{side}_{part}") for side in SIDES for part in ("shoulder", "hip"))]
    assert errors(standing, 3, seen=0.0)[1][:, trunk].min() > 0.6


def test_hands_go_wrong_with_their_wrists_and_trunks_by_themselves(standing: np.ndarray) -> None:
    found = np.concatenate([errors(standing, seed, frames=50)[0][::10] for seed in range(40)])

    def correlation(one: str, other: str) -> float:
        pairs = found[:, [BLAZEPOSE_33.index(one), BLAZEPOSE_33.index(other)]]
        x, y = pairs[np.isfinite(pairs).all((1, 2))].transpose(1, 0, 2).reshape(2, -1)
        return float(np.corrcoef(x, y)[0, 1])

    assert correlation("left_wrist", "left_index") > 0.7
    assert correlation("left_ankle", "left_foot_index") > 0.3
    assert correlation("left_elbow", "left_wrist") > 0.25
    assert abs(correlation("left_shoulder", "right_hip")) < 0.2


def test_the_whole_person_hardly_moves(standing: np.ndarray) -> None:
    """What all joints share, and what is left of each without it: measured .016 and .039 torso lengths."""
    limbs = [
        BLAZEPOSE_33.index(f"{s}_{p}") for s in SIDES for p in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    ]
    found = np.stack([errors(standing, seed, frames=60)[0][[0, 50]] for seed in range(60)])
    between = (found[:, 1] - found[:, 0])[:, limbs]
    shift = np.nanmedian(between, axis=1, keepdims=True)
    assert np.median(np.linalg.norm(shift, axis=-1)) < 0.02
    assert 0.025 < np.nanmedian(np.linalg.norm(between - shift, axis=-1)) < 0.05


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


def test_no_noise_loses_nothing_and_still_says_what_is_hidden(standing: np.ndarray) -> None:
    true = np.tile(standing, (3, 1, 1))
    wrist, hip = BLAZEPOSE_33.index("left_wrist"), BLAZEPOSE_33.index("left_hip")
    keypoints, confidence = apply_noise(no_noise(3), np.arange(3), true, 1 - np.eye(NUM)[wrist])
    np.testing.assert_allclose(keypoints, true, atol=1e-4)
    assert confidence[0, wrist] < confidence[0, hip] - 0.2
