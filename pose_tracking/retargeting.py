"""Driving motion carried onto a subject: the driver's poses and timing, the subject's limbs, place and floor.

Legend: T frames, K keypoints, P points of the tree (see `pose_tracking.kinematics`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pose_tracking.errors import TrackingError
from pose_tracking.footing import Feet, foot_anchoring
from pose_tracking.kinematics import INNER_POINTS, Body, is_shown, rebuild
from pose_tracking.limbs import weighted_quantile
from pose_tracking.proportions import Fit, fit_shots, reference_weights, shows_limbs
from pose_tracking.sequence import PoseSequence
from pose_tracking.stage import Stage, boxes
from pose_tracking.staging import stay_in_view


class RetargetConfig(BaseModel):
    """How driving motion is carried onto the subject."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["proportions", "align", "identity"] = Field(
        default="proportions",
        description="proportions: the subject's own limb lengths; align: the driver's proportions, moved and scaled as "
        "a whole; identity: driving points are canvas points already",
    )
    lock_root: bool = Field(default=False, description="hold the hips over one place instead of letting them travel")
    root_scale: float = Field(
        default=1.0, ge=0, le=10, description="times the way the hips travel sideways; other than 1 makes feet slide"
    )
    keep_feet_on_floor: bool = Field(
        default=True, description="hang the body on its lowest foot, so that feet stand where the subject's stood"
    )
    stay_in_view: bool = Field(
        default=True,
        description="hold growth, travel and reach back where they would lead out of the picture; false: let go",
    )


DEFAULT_CONFIG = RetargetConfig()


def retarget(
    motion: PoseSequence,
    *,
    onto: PoseSequence,
    canvas_size: tuple[int, int],
    config: RetargetConfig = DEFAULT_CONFIG,
) -> PoseSequence:
    """Make the subject do what the driving person does.

    Every limb keeps the direction and the foreshortening it has in the driving frame and takes the subject's length,
    from the hips outwards, as in motion retargeting by joint rotations (Gleicher 1998), but in the picture plane. The
    driver's coming nearer and going away is kept. Where the body stands and how large it is follow from the driving
    frames most like the photo: those, or where there are none the typical ones, land on the subject.

    A cut is the camera's, not the person's: in each shot place, size and floor are found anew, so that the subject
    stays where it stood and as large when a wide shot goes over to a close one, and limbs keep their lengths. A shot in
    which no limb is seen for sure counts to the one before it.

    Args:
        motion: driving poses in px of the clip; NaN where unseen.
        onto: the subject's own pose, one frame, in px of the canvas.
        canvas_size: (width, height) in px of the result.
        config: what is kept and what is changed.

    Returns:
        Poses in px of the canvas with the times, skeleton and confidence of `motion`; NaN where that has NaN.

    Raises:
        TrackingError: no frames, not exactly one pose of the subject, or nobody seen in one of the two.
    """
    if len(motion) == 0:
        raise TrackingError("the driving motion has no frames, expected at least one; check the clip's start and end")
    motion = motion.replace(steps_TK2=None)  # which belong to the clip's picture
    if config.mode == "identity":
        return motion.replace(frame_size=canvas_size)
    if len(onto) != 1:
        raise TrackingError(f"the subject has {len(onto)} poses, expected one; choose a frame, as in onto=poses[0]")
    onto = onto.to_skeleton(motion.skeleton)

    def in_view(carried: _Carried) -> PoseSequence:
        stage = carried.stage(onto.replace(frame_size=canvas_size))
        return stay_in_view(
            carried.poses,
            stage,
            place_T2=carried.place_T2,
            size_T=carried.size_T,
            likeness_T=carried.likeness_T,
        )

    shots = [in_view(shot) if config.stay_in_view else shot.poses for shot in _carry_shots(motion, onto, config)]
    return motion.replace(keypoints_TK2=np.concatenate([shot.keypoints_TK2 for shot in shots]), frame_size=canvas_size)


def reach(
    motion: PoseSequence, *, onto: PoseSequence, config: RetargetConfig = DEFAULT_CONFIG
) -> tuple[float, float, float, float]:
    """Box (left, top, right, bottom) px of the subject's gestures, when nothing holds them back.

    The way counts up to half a torso to each side, and coming nearer not at all: a picture with room for somebody who
    walks through it would show the person small and mostly what the photo does not have. Of the subject counts what
    its picture shows; someone whom that cuts off below, or below and above, is cut off there still.

    Args:
        motion: driving poses.
        onto: the subject's own pose, one frame, in px of any picture of it; the box is in the same px.
        config: how the motion is carried over.

    Raises:
        TrackingError: as `retarget` does.
    """
    onto = onto.to_skeleton(motion.skeleton)
    reached_S4 = np.array([_reach_of_shot(shot, onto) for shot in _carry_shots(motion, onto, config)])
    left, top = reached_S4[:, :2].min(axis=0).tolist()
    right, bottom = reached_S4[:, 2:].max(axis=0).tolist()
    return left, top, right, bottom


def _reach_of_shot(carried: _Carried, onto: PoseSequence) -> tuple[float, float, float, float]:
    """As `reach`, of one shot."""
    stage = carried.stage(onto)
    outline_TO2 = stage.outline_TO2(carried.poses, place_T2=carried.place_T2, size_T=carried.size_T)
    way_T2 = np.clip(carried.place_T2 - carried.place_2, -carried.torso_px / 2, carried.torso_px / 2)
    about_TO2 = (outline_TO2 - carried.place_T2[:, None]) / np.fmax(carried.size_T, 1.0)[:, None, None]
    gestures_TO2 = carried.place_2 + way_T2[:, None] + about_TO2
    left, top, right, bottom = boxes(gestures_TO2.reshape(1, -1, 2))[0].tolist()
    if stage.is_cut_on_both_ends:
        top = max(top, 0.0)
    return left, top, right, bottom if stage.stands else min(bottom, float(onto.frame_size[1]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Carried:
    """A motion on the subject's limbs, wherever it leads; `fit` and the rest as in `Stage` and `stay_in_view`."""

    poses: PoseSequence
    place_2: np.ndarray
    place_T2: np.ndarray
    size_T: np.ndarray
    torso_px: float
    likeness_T: np.ndarray

    def stage(self, pose: PoseSequence) -> Stage:
        return Stage.from_pose(pose, place_2=self.place_2, torso_px=self.torso_px)


def _carry_shots(motion: PoseSequence, onto: PoseSequence, config: RetargetConfig) -> list[_Carried]:
    """Each shot of the driver, see `_carry`; both on one skeleton."""
    motion = motion.join_shots(shows_limbs)
    fits = fit_shots(motion, onto)
    return [_carry(motion[shot], onto, fit, config) for shot, fit in zip(motion.shots(), fits, strict=True)]


def _carry(motion: PoseSequence, onto: PoseSequence, fit: Fit, config: RetargetConfig) -> _Carried:
    """The driver's poses and way with the subject's limbs, place and floor."""
    if config.mode == "align":
        fit = fit.without_deviations()
    driver = Body.from_poses(motion, where="the clip")
    subject = Body.from_poses(onto, where="the photo")
    feet = Feet.from_points(driver.points_TP2, driver) if config.keep_feet_on_floor else None
    if feet is not None and not is_shown(feet.weight_TS.max(axis=1)):
        feet = None
    built_TP2 = rebuild(driver, ratio=fit.ratio, reach=fit.reach, scale_T=fit.scale_T)
    built_TP2 += _path(built_TP2, driver, feet, fit, config)[:, None]
    shared = _shared_point(driver, subject)
    shift_2 = _shift(built_TP2, driver, subject, fit, shared)
    floor = Feet.from_points(subject.points_TP2, subject).lowest_T[0]
    if feet is not None and floor <= onto.frame_size[1]:
        prior_T = feet.contact_T(fit.scale_T, motion.times_s_T)
        lowest_T = Feet.from_points(built_TP2, driver).lowest_T
        shift_2[1] = floor - weighted_quantile(lowest_T, reference_weights(fit.likeness_T, prior_T), 0.5)
    placed_TP2 = built_TP2 + shift_2
    keypoints_TK2 = placed_TP2[:, : len(motion.skeleton)].astype(np.float32)
    keypoints_TK2[~motion.seen_TK] = np.nan
    usual_scale = weighted_quantile(fit.scale_T, reference_weights(fit.likeness_T), 0.5)
    return _Carried(
        poses=motion.replace(keypoints_TK2=keypoints_TK2),
        place_2=subject.points_TP2[0, subject.index(shared)],
        place_T2=placed_TP2[:, driver.index(shared)],
        size_T=fit.scale_T / usual_scale,
        torso_px=fit.ratio["torso"] * fit.reach["torso"] * usual_scale,
        likeness_T=fit.likeness_T,
    )


def _path(built_TP2: np.ndarray, driver: Body, feet: Feet | None, fit: Fit, config: RetargetConfig) -> np.ndarray:
    """Way [T, 2] px of the root, up to one shift of all frames; `built_TP2` has the root at (0, 0)."""
    legs = ("thigh", "shin") if feet is not None else ("torso",)
    stride = sum(fit.ratio[kind] * fit.reach[kind] for kind in legs) / sum(fit.reach[kind] for kind in legs)
    root_T2 = driver.points_TP2[:, driver.root]
    path_T2 = stride * root_T2
    if feet is not None:
        built = Feet.from_points(built_TP2, driver)
        path_T2 += foot_anchoring(feet, built, driver_root_T2=root_T2, travel=stride, scale_T=fit.scale_T)
    across = 0.0 if config.lock_root else config.root_scale
    # Where feet are seen, height follows from them: a squat stays a squat in place.
    return path_T2 * (across, 1.0 if feet is not None else across)


def _shift(placed_TP2: np.ndarray, driver: Body, subject: Body, fit: Fit, name: str) -> np.ndarray:
    """Shift [2] px of all frames that lays the point called `name` of the reference frames onto the subject's."""
    place = driver.index(name)
    weight_T = reference_weights(fit.likeness_T) * np.maximum(driver.confidence_TP[:, place], 1e-6)
    reference_2 = [weighted_quantile(placed_TP2[:, place, axis], weight_T, 0.5) for axis in (0, 1)]
    return subject.points_TP2[0, subject.index(name)] - reference_2


def _shared_point(driver: Body, subject: Body) -> str:
    """The middle of the hips; shoulders stand in for hips, and ears for shoulders, where clip or photo lack them."""
    for test in (Body.shows, Body.knows):
        for name in INNER_POINTS:
            if test(driver, name) and test(subject, name):
                return name
    raise TrackingError(
        "the clip and the photo have neither hips, shoulders nor ears in common, expected at least one; choose "
        "material that shows the same part of the body"
    )
