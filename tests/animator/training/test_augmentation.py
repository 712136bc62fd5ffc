"""Views and colours: picture, matte and joints move together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animator.training.augmentation import Photometric, View
from animator.training.photos import SubjectPhotos, viewed
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.generators.scene import drawn_subject

SIZE = (64, 96)
CANVAS = (128, 192)


def dotted(x: int, y: int) -> np.ndarray:
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    return picture


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), mirrored=st.booleans())
def test_a_dot_and_its_joint_end_at_the_same_place(seed: int, mirrored: bool) -> None:
    view = View.draw(np.random.default_rng(seed), SIZE, centre=(32, 48), mirrored=mirrored)
    seen = view.picture(dotted(30, 50), border=0)[..., 0].astype(float)
    ys, xs = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    middle = np.array([(seen * xs).sum(), (seen * ys).sum()]) / seen.sum()
    keypoints = np.full((33, 2), np.nan)
    keypoints[BLAZEPOSE_33.index("left_wrist")] = (30.5, 50.5)
    moved, _ = view.points(keypoints, np.ones(33))
    name = "right_wrist" if mirrored else "left_wrist"
    assert moved[BLAZEPOSE_33.index(name)] == pytest.approx(middle, abs=0.25)
    other = "left_wrist" if mirrored else "right_wrist"
    assert np.isnan(moved[BLAZEPOSE_33.index(other)]).all()


def test_the_identity_view_changes_nothing() -> None:
    view = View.draw(np.random.default_rng(0), SIZE, centre=(0, 0), zoom=(1, 1), shift=0, turn_deg=0)
    assert np.array_equal(view.picture(dotted(20, 30)), dotted(20, 30))


def test_colours_of_strength_zero_change_nothing() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert np.array_equal(Photometric.draw(np.random.default_rng(1), 0.0).apply(picture), picture)


def test_photo_pose_matte_and_background_of_a_view_agree() -> None:
    subject = drawn_subject(CANVAS)
    rng = np.random.default_rng(3)
    view = View.draw(rng, CANVAS, centre=(64, 96), mirrored=True)
    seen = viewed(subject, view)
    x, y = seen.pose.keypoints_TK2[0, 11:13].mean(0).astype(int) + np.array([0, 8])
    assert seen.matte_HW[y, x] > 0.9
    outside = seen.matte_HW < 0.01
    difference = np.abs(seen.photo_HWC.astype(int) - seen.background_HWC.astype(int)).max(-1)
    assert np.quantile(difference[outside], 0.98) <= 3


def test_beyond_the_border_of_a_photo_nobody_stands() -> None:
    # From farther away: a picture that is reflected at its border shows the head once more, upside down.
    subject = drawn_subject(CANVAS)
    view = View.draw(np.random.default_rng(0), CANVAS, centre=(64, 150), zoom=(0.7, 0.7), shift=0, turn_deg=0)
    seen = viewed(subject, view)
    top = round(float(view.points(np.array([[0.0, 0.0]]), np.ones(1))[0][0, 1])) - 1
    assert top > 30
    assert seen.matte_HW[:top].max() == 0
    assert np.array_equal(seen.photo_HWC[:top], seen.background_HWC[:top])


def test_subject_samples_are_warped_from_another_view_and_never_stand_still() -> None:
    source = SubjectPhotos([drawn_subject(CANVAS)], seed=1)
    samples = [source.sample(number) for number in range(6)]
    for sample in samples:
        assert not np.array_equal(sample["photo"].numpy(), sample["target"].numpy())
        # The warp is near the target, but not the target.
        away = (sample["warped"] - sample["target"] / 255).abs().mean()
        assert 0.0005 < float(away) < 0.1
        steps = sample["keypoints"].diff(dim=0).norm(dim=-1).mean((1,))
        assert float(steps.min()) > 0
    assert not np.array_equal(samples[0]["target"].numpy(), samples[1]["target"].numpy())


def test_subject_samples_repeat_by_number_and_held_out_ones_differ() -> None:
    subject = drawn_subject(CANVAS)
    first, second = (SubjectPhotos([subject], seed=1).sample(3)["target"] for _ in range(2))
    held_out = SubjectPhotos([subject], seed=1, held_out=True).sample(3)["target"]
    assert np.array_equal(first.numpy(), second.numpy())
    assert not np.array_equal(first.numpy(), held_out.numpy())
