"""Body scales and limb lengths read off moving and still pictures of a figure of known build."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.errors import TrackingError
from pose_tracking.limbs import KINDS, TYPICAL_BUILD, body_scale, measure_limbs, smooth_scale, weighted_quantile
from pose_tracking.proportions import fit_proportions
from tests.pose_tracking.driven_figure import ADULT, dance, pose_of, sequence_of, without

TYPICAL_B = np.array([TYPICAL_BUILD[kind].length for kind in KINDS])


def scale_of(poses: np.ndarray, scale: float = 100.0) -> np.ndarray:
    return body_scale(*measure_limbs(sequence_of(poses, scale=scale)), TYPICAL_B)


@pytest.mark.parametrize(
    "pose",
    [
        {},
        {"turn": 1.2},
        {"knees": (1.2, 1.2)},
        {"arms_forward": (1.4, 1.4)},
        {"arms_forward": (1.2, 0.0), "knees": (0.0, 1.2), "turn": 0.7},
        {"head_turn": 1.0},
    ],
)
def test_the_body_scale_does_not_depend_on_the_pose(pose: dict[str, object]) -> None:
    assert scale_of(pose_of(**pose))[0] == pytest.approx(100.0, rel=0.04)  # type: ignore[arg-type]


def test_the_body_scale_follows_the_distance_to_the_camera() -> None:
    assert scale_of(pose_of(), scale=240.0)[0] == pytest.approx(2.4 * scale_of(pose_of())[0])


def test_frames_without_a_person_have_no_scale_until_smoothed() -> None:
    motion = without(sequence_of(dance(), scale=80.0), "", frames=slice(10, 14))
    scale = body_scale(*measure_limbs(motion), TYPICAL_B)
    assert np.isnan(scale[10:14]).all()
    assert smooth_scale(scale, motion.times_s_T) == pytest.approx(np.full(60, 80.0), rel=0.04)


def test_one_glitch_does_not_move_the_smoothed_scale() -> None:
    scale = np.full(50, 90.0)
    scale[20:23] = 300.0
    assert smooth_scale(scale, np.arange(50) / 25) == pytest.approx(np.full(50, 90.0))


@pytest.mark.parametrize("turn", [0.0, 0.4, 0.8, 1.2, 1.57])
def test_a_turning_head_keeps_its_size(turn: float) -> None:
    length, _ = measure_limbs(sequence_of(pose_of(head_turn=turn)))
    assert length[0, KINDS.index("head")] == pytest.approx(100 * ADULT["head"], rel=0.06)


def test_unsure_joints_are_not_measured() -> None:
    pose = sequence_of(pose_of())
    confidence = np.where(["left_elbow" in name for name in pose.skeleton.joints], 0.3, 0.9)[None]
    _, weight = measure_limbs(pose.replace(confidence_TK=confidence))
    assert [KINDS[place] for place in np.flatnonzero(weight[0] == 0)] == ["upper_arm", "forearm"]


def test_the_same_build_has_one_ratio_for_all_limbs() -> None:
    fit = fit_proportions(sequence_of(dance(), scale=80.0), sequence_of(pose_of(arms=(2.0, 0.2)), scale=200.0))
    assert fit.size_ratio == pytest.approx(2.5, rel=0.03)
    assert list(fit.ratio.values()) == pytest.approx([2.5] * len(fit.ratio), rel=0.05)


def test_a_camera_above_the_driver_makes_nobody_a_giant() -> None:
    # Legs look short in every frame and shoulders and head broad, as in a clip from under a ceiling.
    seen = {"torso": 1.05, "shoulders": 0.8, "neck": 0.5, "head": 0.29, "thigh": 0.55, "shin": 0.55}
    fit = fit_proportions(sequence_of(dance(build={**ADULT, **seen})), sequence_of(pose_of()))
    lengths = {kind: fit.ratio[kind] * length for kind, length in zip(KINDS, fit.length_B.tolist(), strict=True)}
    for kind in ("shoulders", "head", "thigh"):
        assert lengths[kind] / lengths["torso"] == pytest.approx(ADULT[kind] / ADULT["torso"], rel=0.1), kind


def test_both_sides_of_a_body_change_alike() -> None:
    # The right arm of the photo points at the camera; the left one tells how long both are.
    photo = sequence_of(pose_of({**ADULT, "upper_arm": 0.8}, arms_forward=(0.0, 1.2)))
    fit = fit_proportions(sequence_of(dance()), photo)
    assert fit.ratio["upper_arm"] / fit.size_ratio == pytest.approx(0.8 / 0.57, rel=0.08)


def test_a_frame_of_the_clip_is_the_one_most_like_itself() -> None:
    motion = sequence_of(dance())
    fit = fit_proportions(motion, motion[23])
    assert np.argmax(fit.likeness_T) == 23
    assert fit.likeness_T[23] == pytest.approx(1.0)
    assert fit.likeness_T.sum() < 2.0


def test_another_pose_is_like_no_frame() -> None:
    fit = fit_proportions(sequence_of(dance()), sequence_of(pose_of(arms=(2.8, 2.8))))
    assert fit.likeness_T.max() < 0.01


def test_bodies_are_compared_by_what_both_show() -> None:
    legs = ("knee", "ankle", "heel", "foot")
    big_legs = {**ADULT, "thigh": 1.3, "shin": 1.3}
    fit = fit_proportions(without(sequence_of(dance()), *legs), sequence_of(pose_of(big_legs)))
    assert fit.size_ratio == pytest.approx(1.0, rel=0.03)


def test_nobody_is_an_error_that_names_where() -> None:
    with pytest.raises(TrackingError, match="seen in the clip with confidence"):
        fit_proportions(without(sequence_of(dance()), ""), sequence_of(pose_of()))


def test_the_quantile_mirrors_and_ignores_what_has_no_weight() -> None:
    generator = np.random.default_rng(5)
    values, weights = generator.normal(size=40), generator.uniform(size=40)
    assert weighted_quantile(-values, weights, 0.3) == pytest.approx(-weighted_quantile(values, weights, 0.7))
    values[3], weights[4] = np.nan, 0.0
    kept = ~np.isin(np.arange(40), [3, 4])
    assert weighted_quantile(values, weights, 0.5) == weighted_quantile(values[kept], weights[kept], 0.5)
    assert np.isnan(weighted_quantile(values, np.zeros(40), 0.5))


def test_the_quantile_of_many_values_is_the_usual_one() -> None:
    values = np.random.default_rng(7).normal(size=20_000)
    assert weighted_quantile(values, np.ones(20_000), 0.75) == pytest.approx(np.quantile(values, 0.75), abs=0.02)


def test_the_quantile_changes_smoothly_where_values_tie() -> None:
    values, weights = np.array([0.0, 1.0, 1.0, 4.0]), np.array([1.0, 0.1, 3.0, 1.0])
    for quantile in (0.2, 0.5, 0.8):
        either = [weighted_quantile(values + np.array([0, step, 0, 0]), weights, quantile) for step in (-1e-9, 1e-9)]
        assert either[0] == pytest.approx(either[1], abs=1e-6)
