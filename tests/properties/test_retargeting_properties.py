"""What retargeting must hold for any figure, clip and photo: equivariance, bounded limbs, floors, nothing invented."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pose_tracking.kinematics import STRETCH_LIMIT
from pose_tracking.mismatch import mismatch
from pose_tracking.proportions import fit_proportions
from pose_tracking.retargeting import RetargetConfig, retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.pose_tracking.driven_figure import ADULT, dance, distance, pose_of, sequence_of, without

CANVAS = (640, 800)
WIDTH = 640.0
# Without shrinking: the examples are short as they are, and each shrinking step renders whole motions.
quick = settings(max_examples=20, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))

places = st.tuples(st.floats(-500, 500), st.floats(-500, 500))
scales = st.floats(0.3, 4.0)
builds = st.fixed_dictionaries({kind: st.floats(0.85 * length, 1.2 * length) for kind, length in ADULT.items()})


# Drawn as plain numbers, so that a failing example can be read.
motions = st.fixed_dictionaries(
    {
        "build": builds,
        "sway": st.floats(0, 1),
        "gaps": st.lists(
            st.tuples(
                st.sampled_from(["left_wrist", "right_hip", "knee", "ankle", "left_ear"]),
                st.integers(0, 20),
                st.integers(1, 24),
            ),
            max_size=3,
        ),
    }
)
photos = st.fixed_dictionaries(
    {
        "build": builds,
        "arms": st.tuples(st.floats(0, 2.5), st.floats(0, 2.5)),
        "turn": st.floats(-0.6, 0.6),
        "cut": st.sampled_from([(), ("ankle", "heel", "foot"), ("wrist", "left_elbow")]),
    }
)


def filmed(motion: dict[str, Any]) -> PoseSequence:
    """A dance of a person of any build, with gaps."""
    poses = sequence_of(dance(motion["build"], num_frames=24, sway=motion["sway"]), fps=12.0)
    for joint, first, length in motion["gaps"]:
        poses = without(poses, joint, frames=slice(first, first + length))
    return poses


def taken(photo: dict[str, Any]) -> PoseSequence:
    """One pose of a person of any build, at times cut off."""
    pose = pose_of(photo["build"], arms=photo["arms"], turn=photo["turn"], lean=0.1)
    return without(sequence_of(pose, scale=120.0, at=(320.0, 700.0), frame_size=CANVAS), *photo["cut"])


def carried(motion: PoseSequence, onto: PoseSequence, **config: object) -> np.ndarray:
    # The picture's edges are no part of these properties; tests/properties/test_staging_properties.py has them.
    settings_ = RetargetConfig(**{"stay_in_view": False, **config})  # type: ignore[arg-type]
    return retarget(motion, onto=onto, canvas_size=CANVAS, config=settings_).keypoints_TK2


def moved(poses: PoseSequence, scale: float, shift: tuple[float, float]) -> PoseSequence:
    size = (max(1, round(poses.frame_size[0] * scale + shift[0])), max(1, round(10_000 * scale)))
    return poses.replace(keypoints_TK2=poses.keypoints_TK2 * scale + np.array(shift), frame_size=size)


def mirrored(poses: PoseSequence) -> PoseSequence:
    swapped = list(BLAZEPOSE_33.mirror)
    keypoints = poses.keypoints_TK2[:, swapped] * (-1.0, 1.0) + (WIDTH, 0.0)
    return poses.replace(keypoints_TK2=keypoints, confidence_TK=poses.confidence_TK[:, swapped])


def assert_alike(found: np.ndarray, expected: np.ndarray, tolerance_px: float) -> None:
    assert (np.isnan(found) == np.isnan(expected)).all()
    assert np.nanmax(np.abs(found - expected), initial=0.0) < tolerance_px


@quick
@given(motion=motions, photo=photos, scale=scales, shift=places)
def test_where_and_how_large_the_driver_was_filmed_does_not_matter(
    motion: dict[str, Any], photo: dict[str, Any], scale: float, shift: tuple[float, float]
) -> None:
    clip, onto = filmed(motion), taken(photo)
    assert_alike(carried(moved(clip, scale, shift), onto), carried(clip, onto), 0.2)


@quick
@given(motion=motions, photo=photos, scale=scales, shift=places)
def test_moving_and_scaling_the_subject_moves_and_scales_the_result(
    motion: dict[str, Any], photo: dict[str, Any], scale: float, shift: tuple[float, float]
) -> None:
    clip, onto = filmed(motion), taken(photo).replace(frame_size=(640, 10_000))
    expected = carried(clip, onto) * scale + np.array(shift)
    assert_alike(carried(clip, moved(onto, scale, shift)), expected, 0.2 * max(scale, 1.0))


@quick
@given(motion=motions, photo=photos)
def test_mirroring_both_mirrors_the_result(motion: dict[str, Any], photo: dict[str, Any]) -> None:
    clip, onto = filmed(motion), taken(photo)
    expected = carried(clip, onto)[:, list(BLAZEPOSE_33.mirror)] * (-1.0, 1.0) + (WIDTH, 0.0)
    assert_alike(carried(mirrored(clip), mirrored(onto)), expected, 0.2)


@quick
@given(motion=motions, photo=photos, mode=st.sampled_from(["proportions", "align", "identity"]), lock=st.booleans())
def test_no_joint_is_invented_or_lost(motion: dict[str, Any], photo: dict[str, Any], mode: str, lock: bool) -> None:
    clip = filmed(motion)
    result = carried(clip, taken(photo), mode=mode, lock_root=lock)
    assert (np.isnan(result[..., 0]) == ~clip.seen_TK).all()
    assert np.isfinite(result[clip.seen_TK]).all()


@quick
@given(motion=motions, photo=photos, glitch=st.floats(-900, 900), frame=st.integers(0, 23))
def test_limbs_never_exceed_the_subjects_length(
    motion: dict[str, Any], photo: dict[str, Any], glitch: float, frame: int
) -> None:
    clip, onto = filmed(motion), taken(photo)
    torn = clip.keypoints_TK2.copy()
    torn[frame, BLAZEPOSE_33.index("right_wrist")] += glitch
    clip = clip.replace(keypoints_TK2=torn)
    fit = fit_proportions(clip, onto)
    result = retarget(clip, onto=onto, canvas_size=CANVAS)
    for kind, start, end in (
        ("forearm", "right_elbow", "right_wrist"),
        ("thigh", "left_hip", "left_knee"),
        ("shin", "right_knee", "right_ankle"),
        ("upper_arm", "left_shoulder", "left_elbow"),
    ):
        longest_T = STRETCH_LIMIT * fit.ratio[kind] * fit.reach[kind] * fit.scale_T
        length_T = distance(result, start, end)
        assert (length_T <= 1.001 * longest_T)[~np.isnan(length_T)].all(), kind


@quick
@given(motion=motions, build=builds, arms=st.floats(2.0, 2.8))
def test_feet_stay_over_the_floor_of_the_photo(motion: dict[str, Any], build: dict[str, float], arms: float) -> None:
    onto = sequence_of(pose_of(build, arms=(arms, arms)), scale=120.0, at=(320.0, 700.0), frame_size=CANVAS)
    feet = [place for place, name in enumerate(BLAZEPOSE_33.joints) if "heel" in name or "foot" in name]
    assert np.nanmax(carried(filmed(motion), onto)[:, feet, 1]) < 700.0 + 0.02 * 120


@quick
@given(motion=motions, frame=st.integers(0, 23))
def test_a_frame_of_the_clip_as_photo_gives_the_clip_back(motion: dict[str, Any], frame: int) -> None:
    clip = filmed(motion)
    apart = np.linalg.norm(carried(clip, clip[frame]) - clip.keypoints_TK2, axis=-1)
    assert np.nanmedian(apart) < 0.02 * 100


@quick
@given(motion=motions, photo=photos)
def test_a_half_body_clip_moves_any_photo(motion: dict[str, Any], photo: dict[str, Any]) -> None:
    half = without(filmed(motion), "knee", "ankle", "heel", "foot")
    result = carried(half, taken(photo))
    assert (np.isnan(result[..., 0]) == ~half.seen_TK).all()


@quick
@given(motion=motions, photo=photos)
def test_mismatch_scores_lie_between_nothing_and_everything(motion: dict[str, Any], photo: dict[str, Any]) -> None:
    clip, onto = filmed(motion), taken(photo)
    found = mismatch(clip, onto)
    assert 0.0 <= found.score <= 1.0
    assert (found.score > 0) == bool(found.reasons)
    assert all(reason[0].isupper() and reason.endswith(".") for reason in found.reasons)
    assert found.score <= mismatch(clip, without(onto, "shoulder", "elbow", "wrist", "ankle", "knee")).score
