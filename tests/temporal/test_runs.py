"""Stretches of seen frames."""

from __future__ import annotations

import numpy as np

from temporal.runs import joint_groups, seen_runs


def test_joints_seen_together_are_handled_together():
    seen = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 1], [1, 1, 1]], dtype=bool)
    groups = {tuple(joints): tuple(frames) for frames, joints in joint_groups(seen)}
    assert groups == {(0, 1): (0, 1, 3), (2,): (1, 2, 3)}


def test_runs_have_no_holes():
    seen = np.array([[1, 0], [1, 1], [0, 1], [1, 0]], dtype=bool)
    runs = sorted((tuple(joints), frames.start, frames.stop) for frames, joints in seen_runs(seen))
    assert runs == [((0,), 0, 2), ((0,), 3, 4), ((1,), 1, 3)]


def test_every_seen_keypoint_is_in_exactly_one_run():
    seen = np.random.default_rng(0).random((50, 9)) < 0.6
    count = np.zeros(seen.shape, dtype=int)
    for frames, joints in seen_runs(seen):
        count[frames, joints] += 1
    np.testing.assert_array_equal(count, seen.astype(int))


def test_nobody_seen_gives_no_run():
    assert list(seen_runs(np.zeros((4, 3), dtype=bool))) == []
    assert list(seen_runs(np.zeros((0, 3), dtype=bool))) == []
