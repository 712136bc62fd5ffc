"""Pose maps: values worked out by hand, and what has to be told apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from animator.conditioning.pose_map import (
    GIVEN,
    LIMB_GROUPS,
    NOBODY,
    POSE_CHANNELS,
    SIGMA_CELLS,
    densepose_map,
    null_pose,
    pose_map,
)
from animator.errors import ModelError
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import standing_pose

CANVAS, LATENT = (256, 320), (32, 40)
LEFT_ARM = 1 + next(i for i, group in enumerate(LIMB_GROUPS) if ("left_shoulder", "left_elbow") in group)


def draw(keypoints_NK2: np.ndarray, confidence_NK: np.ndarray | None = None) -> torch.Tensor:
    if confidence_NK is None:
        confidence_NK = np.ones(keypoints_NK2.shape[:2], dtype=np.float32)
    return pose_map(
        torch.from_numpy(keypoints_NK2)[None],
        torch.from_numpy(confidence_NK)[None],
        canvas_size=CANVAS,
        latent_size=LATENT,
    )[0]


def standing(num_poses: int = 1) -> np.ndarray:
    pose = standing_pose(height=260, center_x=128, top=30)
    return np.repeat(pose[None], num_poses, axis=0)


def lonely_upper_arm(first: tuple[float, float], second: tuple[float, float]) -> np.ndarray:
    keypoints = np.full((1, 33, 2), np.nan, dtype=np.float32)
    keypoints[0, BLAZEPOSE_33.index("left_shoulder")] = first
    keypoints[0, BLAZEPOSE_33.index("left_elbow")] = second
    return keypoints


def test_a_limb_is_a_gaussian_ridge_around_its_line() -> None:
    # Along the centres of row 10, from the centre of cell 8 to the centre of cell 16.
    drawn = draw(lonely_upper_arm((8.5 * 8, 10.5 * 8), (16.5 * 8, 10.5 * 8)))
    assert torch.allclose(drawn[LEFT_ARM, 10, 8:17], torch.ones(9))
    for rows, columns in ((1, 0), (2, 0), (0, 2), (1, 1)):
        expected = math.exp(-(rows**2 + columns**2) / (2 * SIGMA_CELLS**2))
        assert float(drawn[LEFT_ARM, 10 + rows, 16 + columns]) == pytest.approx(expected, abs=1e-5)
    others = [channel for channel in range(1, POSE_CHANNELS) if channel != LEFT_ARM]
    assert float(drawn[others].abs().max()) == 0
    assert torch.equal(drawn[0], torch.full_like(drawn[0], GIVEN))


def test_five_poses_lie_one_behind_the_other() -> None:
    keypoints = standing(5) + np.arange(5, dtype=np.float32)[:, None, None] * 6
    drawn = draw(keypoints)
    assert drawn.shape == (5 * POSE_CHANNELS, LATENT[1], LATENT[0])
    for place in range(5):
        alone = draw(keypoints[place : place + 1])
        assert torch.allclose(drawn[place * POSE_CHANNELS : (place + 1) * POSE_CHANNELS], alone)


def test_a_shift_of_a_quarter_pixel_changes_the_map() -> None:
    before, after = draw(standing()), draw(standing() + np.float32(0.25))
    assert float((before - after).abs().max()) > 0.01


def test_a_shift_by_whole_cells_shifts_the_map() -> None:
    before, after = draw(standing()), draw(standing() + np.array([16, 8], dtype=np.float32))
    assert torch.allclose(after[:, 5:35, 6:26], before[:, 4:34, 4:24], atol=1e-4)


def test_confidence_is_the_height_of_the_ridge() -> None:
    confidence = np.ones((1, 33), dtype=np.float32)
    confidence[0, BLAZEPOSE_33.index("left_elbow")] = 0.25
    confidence[0, BLAZEPOSE_33.index("left_wrist")] = 0.0
    sure, unsure = draw(standing()), draw(standing(), confidence)
    assert float(unsure[LEFT_ARM].max()) == pytest.approx(0.25 * float(sure[LEFT_ARM].max()), rel=0.05)
    assert torch.equal(sure[LEFT_ARM + 1], unsure[LEFT_ARM + 1])


def test_nobody_in_view_is_neither_somebody_nor_no_pose_given() -> None:
    nobody = draw(np.full((1, 33, 2), np.nan, dtype=np.float32), np.zeros((1, 33), dtype=np.float32))
    assert torch.equal(nobody[0], torch.full_like(nobody[0], NOBODY))
    assert float(nobody[1:].abs().max()) == 0
    null = null_pose(nobody)
    assert not torch.equal(nobody, null)
    assert not torch.equal(draw(standing()), null)
    assert float(null.abs().max()) == 0


def test_an_unseen_joint_leaves_no_nan() -> None:
    keypoints = standing()
    keypoints[0, BLAZEPOSE_33.index("right_knee")] = np.nan
    drawn = draw(keypoints)
    assert bool(drawn.isfinite().all())
    right_leg = 1 + next(i for i, group in enumerate(LIMB_GROUPS) if ("right_hip", "right_knee") in group)
    assert float(drawn[right_leg].max()) == 0


def test_left_and_right_are_told_apart() -> None:
    drawn = draw(standing())
    left, right = drawn[LEFT_ARM], drawn[LEFT_ARM + 1]
    columns = torch.arange(LATENT[0]) + 0.5
    assert float((left * columns).sum() / left.sum()) > 18 > 14 > float((right * columns).sum() / right.sum())


def test_every_limb_names_joints_that_exist_and_differ() -> None:
    for group in LIMB_GROUPS:
        for first, second in group:
            assert BLAZEPOSE_33.index(first) != BLAZEPOSE_33.index(second)


def test_densepose_arrays_are_averaged_into_cells_and_mapped_to_their_range() -> None:
    uv = torch.zeros(1, 5, 2, 80, 64)
    uv[:, 2, 0, 8:16, 16:24] = 1.0
    uv[:, 2, 1, 8:12, 16:24] = 1.0
    drawn = densepose_map(uv, latent_size=(8, 10), value_range=(-1.0, 1.0))
    assert drawn.shape == (1, 10, 10, 8)
    assert float(drawn[0, 4, 1, 2]) == pytest.approx(1.0)
    assert float(drawn[0, 5, 1, 2]) == pytest.approx(0.0)
    assert float(drawn[0, 4, 3, 3]) == pytest.approx(-1.0)
    assert float(drawn[0, :4].max()) == pytest.approx(-1.0)


def test_densepose_arrays_of_another_shape_are_centred_not_squashed() -> None:
    drawn = densepose_map(torch.ones(1, 1, 2, 40, 80), latent_size=(8, 10))
    assert float(drawn[0, :, 3:7].min()) == pytest.approx(1.0)
    assert float(drawn[0, :, :3].max()) == 0
    assert float(drawn[0, :, 7:].max()) == 0


def test_densepose_arrays_with_part_indices_are_refused() -> None:
    with pytest.raises(ModelError, match="U and V"):
        densepose_map(torch.ones(1, 1, 3, 40, 80), latent_size=(8, 10))
