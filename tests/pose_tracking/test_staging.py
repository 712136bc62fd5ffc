"""People who are cut off by the picture, gestures wider than it, and what reaches over its edge."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking import cut_edge
from pose_tracking.retargeting import RetargetConfig, reach, retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.stage import shows_cut_head
from tests.pose_tracking.driven_figure import CANVAS, distance, lowest, middle, pose_of, sequence_of, subject, without

LET_GO = RetargetConfig(stay_in_view=False)


def half_body(scale: float = 250.0) -> PoseSequence:
    """Head to hips fill the picture; the legs lie below it."""
    return sequence_of(pose_of(), scale=scale, at=(320.0, 780.0 + 1.5 * scale), frame_size=CANVAS)


def with_arms(up: np.ndarray) -> PoseSequence:
    """Both arms from hanging (0) to above the head (1)."""
    return sequence_of(np.array([pose_of(arms=(0.2 + 2.6 * share, 0.2 + 2.6 * share)) for share in up]), fps=12.0)


def test_hands_that_would_leave_above_lower_the_body_gently_and_for_as_long_as_it_takes() -> None:
    onto = sequence_of(pose_of(), scale=205.0, at=(320.0, 715.0), frame_size=CANVAS)
    motion = with_arms(np.concatenate([np.zeros(40), np.sin(np.linspace(0, np.pi, 12)), np.zeros(40)]))
    free, held = (retarget(motion, onto=onto, canvas_size=CANVAS, config=c) for c in (LET_GO, RetargetConfig()))
    assert np.nanmin(free.keypoints_TK2[..., 1]) < 0
    assert np.nanmin(held.keypoints_TK2[..., 1]) > 0
    np.testing.assert_array_equal(held.keypoints_TK2[:25], free.keypoints_TK2[:25])
    drop = lowest(held) - lowest(free)
    assert drop.max() < 80
    assert np.abs(np.diff(drop)).max() < 0.25 * drop.max()


def test_a_gesture_wider_than_the_picture_does_not_make_the_body_smaller() -> None:
    onto = sequence_of(pose_of(), scale=230.0, at=(320.0, 795.0), frame_size=CANVAS)
    motion = sequence_of(np.array([pose_of(arms=(a, a)) for a in np.linspace(0.2, 1.6, 30)]), fps=12.0)
    result = retarget(motion, onto=onto, canvas_size=CANVAS)
    torso = distance(result, "left_hip", "left_shoulder")
    assert torso == pytest.approx(np.full(30, torso[0]), rel=1e-3)
    assert middle(result, "hip")[-1, 0] == pytest.approx(320.0, abs=3.0)


def test_whoever_comes_nearer_grows_only_as_far_as_the_picture_holds() -> None:
    scale = np.linspace(80.0, 400.0, 60)
    motion = sequence_of(np.repeat(pose_of()[None], 60, axis=0), scale=scale, at=np.stack([scale, 3 * scale], axis=1))
    result = retarget(motion, onto=subject(), canvas_size=CANVAS)
    height = lowest(result) - result.joint("nose")[:, 1]
    assert (np.diff(height) > -0.1).all()
    assert height[-1] < CANVAS[1]
    assert lowest(result).max() <= CANVAS[1]


def test_a_person_cut_off_below_neither_floats_nor_sinks_out_of_the_picture() -> None:
    bends = np.abs(np.sin(np.linspace(0, 4 * np.pi, 60)))
    poses = np.array([pose_of(knees=(1.4 * bend, 1.4 * bend)) for bend in bends])
    rises = np.linspace(0, 1.5, 60)[:, None, None] * (0.0, -1.0)
    onto = half_body()
    for motion in (sequence_of(poses, fps=12.0), sequence_of(poses[:1] + rises, fps=12.0)):
        result = retarget(motion, onto=onto, canvas_size=CANVAS)
        assert middle(result, "hip")[:, 1].min() >= middle(onto, "hip")[0, 1] - 0.5
        face = result.keypoints_TK2[:, :11, 1]
        assert face.max() <= CANVAS[1]
        assert face.min() >= 0


def bust(eyes_y: float) -> PoseSequence:
    """The picture ends at the chest, and above at the forehead if the eyes lie near enough to its edge."""
    pose = half_body(400.0)
    eyes = (pose.joint("left_eye") + pose.joint("right_eye"))[0, 1] / 2
    return pose.replace(keypoints_TK2=pose.keypoints_TK2 + np.array([0.0, eyes_y - eyes], dtype=np.float32))


@pytest.mark.parametrize(("eyes_y", "is_held"), [(40.0, True), (200.0, False)])
def test_a_head_that_the_picture_cuts_off_stays_as_high_and_as_large_as_it_is(eyes_y: float, is_held: bool) -> None:
    bends = np.abs(np.sin(np.linspace(0, 2 * np.pi, 60)))
    poses = np.array([pose_of(knees=(1.4 * bend, 1.4 * bend)) for bend in bends])
    motion, onto = sequence_of(poses, fps=12.0, scale=100.0 - 30.0 * bends), bust(eyes_y)
    result = retarget(motion, onto=onto, canvas_size=CANVAS)
    sunk = np.nanmax(result.joint("nose")[:, 1] - onto.joint("nose")[0, 1])
    assert (sunk < 0.03 * CANVAS[1]) == is_held
    arms = reach(with_arms(np.linspace(0, 1, 20)), onto=onto)
    assert (arms[1] >= 0) == is_held


def test_a_head_that_the_picture_cuts_off_below_the_eyes_is_cut_off_too() -> None:
    """Of a face of which the mouth alone is in the picture, nothing tells where the eyes are but the pose."""
    bends = np.abs(np.sin(np.linspace(0, 2 * np.pi, 60)))
    poses = np.array([pose_of(knees=(1.4 * bend, 1.4 * bend)) for bend in bends])
    motion, onto = sequence_of(poses, fps=12.0, scale=100.0 - 30.0 * bends), bust(-10.0)
    result = retarget(motion, onto=onto, canvas_size=CANVAS)
    assert np.nanmax(middle(result, "shoulder")[:, 1] - middle(onto, "shoulder")[0, 1]) < 0.03 * CANVAS[1]
    assert reach(with_arms(np.linspace(0, 1, 20)), onto=onto)[1] >= 0


def test_a_bust_that_leans_far_leans_little_and_its_cut_stays_below_the_picture() -> None:
    onto, leans = half_body(), np.concatenate([np.zeros(10), np.linspace(0, 1.2, 40)])
    upright = pose_of()
    hips = (upright[23] + upright[24]) / 2
    turned = [hips + (upright - hips) @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in leans]
    result = retarget(sequence_of(np.array(turned), fps=12.0), onto=onto, canvas_size=CANVAS)
    lean = cut_edge.lean_T(result)
    assert np.abs(lean).max() <= np.deg2rad(12.1)
    assert np.abs(lean).max() > np.deg2rad(9)
    assert (np.diff(np.abs(lean)) >= -1e-4).all()
    about = middle(result, "hip")
    shoulders = [onto.joint(f"{side}_shoulder")[0, 0] for side in ("right", "left")]
    ends = np.array([[x, CANVAS[1]] for x in shoulders]) - middle(onto, "hip")[0]
    carried = cut_edge.turned(np.repeat(ends[None], 50, axis=0) + about[:, None], lean, about_T2=about)
    assert carried[..., 1].min() >= CANVAS[1] - 1
    assert result.keypoints_TK2[:, :11, 1].max() <= CANVAS[1]


def test_thighs_that_the_photo_cuts_stay_below_when_a_trunk_without_legs_is_foreshortened() -> None:
    onto = sequence_of(pose_of(), scale=180.0, at=(320.0, CANVAS[1] + 160.0), frame_size=CANVAS)
    assert 0 < CANVAS[1] - middle(onto, "hip")[0, 1] < 200
    upright = pose_of()
    hips_y = upright[[23, 24], 1].mean()
    poses = np.repeat(upright[None], 50, axis=0)
    shown = 1 - 0.25 * np.sin(np.linspace(0, np.pi, 50))
    above = upright[:, 1] < hips_y
    poses[:, above, 1] = hips_y + shown[:, None] * (upright[above, 1] - hips_y)
    motion = without(sequence_of(poses, fps=12.0), "knee", "ankle", "heel", "foot")
    unseen = motion.confidence_TK * ~np.isnan(motion.keypoints_TK2[..., 0])
    free, held = (
        retarget(motion.replace(confidence_TK=unseen), onto=onto, canvas_size=CANVAS, config=config)
        for config in (LET_GO, RetargetConfig())
    )
    own = distance(onto, "left_hip", "left_shoulder")[0]
    cut_y = [
        middle(each, "hip")[:, 1]
        + distance(each, "left_hip", "left_shoulder") / own * (CANVAS[1] - middle(onto, "hip")[0, 1])
        for each in (free, held)
    ]
    assert cut_y[0].min() < CANVAS[1] - 10
    assert cut_y[1].min() > CANVAS[1] - 2
    assert held.keypoints_TK2[:, :11, 1].max() < CANVAS[1]


def test_who_stands_in_the_picture_leans_as_far_as_the_motion() -> None:
    upright = pose_of()
    hips = (upright[23] + upright[24]) / 2
    leaning = hips + (upright - hips) @ np.array([[np.cos(0.5), np.sin(0.5)], [-np.sin(0.5), np.cos(0.5)]])
    motion = sequence_of(np.array([upright] * 5 + [leaning] * 20), fps=12.0)
    lean = cut_edge.lean_T(retarget(motion, onto=subject(), canvas_size=CANVAS))
    assert abs(lean[-1] - lean[0]) > 0.4


def test_a_photo_that_shows_nobody_in_the_picture_is_left_to_itself() -> None:
    outside = sequence_of(pose_of(), scale=100.0, at=(-2000.0, 300.0), frame_size=CANVAS)
    motion = with_arms(np.linspace(0, 1, 10))
    held, free = (retarget(motion, onto=outside, canvas_size=CANVAS, config=c) for c in (RetargetConfig(), LET_GO))
    np.testing.assert_array_equal(held.keypoints_TK2, free.keypoints_TK2)


def test_reach_holds_hands_head_and_feet_of_all_frames() -> None:
    motion = with_arms(np.linspace(0, 1, 20))
    left, top, right, bottom = reach(motion, onto=subject())
    points = retarget(motion, onto=subject(), canvas_size=CANVAS, config=LET_GO).keypoints_TK2
    assert left == pytest.approx(points[..., 0].min())
    assert right == pytest.approx(points[..., 0].max())
    assert top == pytest.approx(points[..., 1].min())
    assert bottom == pytest.approx(points[..., 1].max())


def test_reach_goes_beyond_the_joints_to_the_crown_and_the_finger_tips() -> None:
    motion = with_arms(np.zeros(20))
    points = retarget(motion, onto=subject(), canvas_size=CANVAS, config=LET_GO)
    assert reach(motion, onto=subject())[1] < points.joint("left_eye")[:, 1].min() - 0.25 * 120
    stretched = motion.keypoints_TK2.copy()
    for joint in ("left_index", "left_pinky"):
        stretched[:, motion.skeleton.index(joint)] = motion.joint("left_wrist") + np.array([30.0, 0.0])
    pointing = motion.replace(keypoints_TK2=stretched)
    hand = retarget(pointing, onto=subject(), canvas_size=CANVAS, config=LET_GO).joint("left_index")
    assert reach(pointing, onto=subject())[2] > hand[:, 0].max() + 25


def test_walking_through_the_picture_is_no_reach() -> None:
    still = np.repeat(pose_of()[None], 20, axis=0)
    motion = sequence_of(still, scale=np.linspace(100, 300, 20), at=np.linspace((0.0, 500.0), (4000.0, 500.0), 20))
    left, _, right, _ = reach(motion, onto=subject())
    points = subject().keypoints_TK2[0, :, 0]
    assert left > points.min() - 0.6 * 120
    assert right < points.max() + 0.6 * 120


def test_the_reach_of_a_person_cut_off_below_ends_there() -> None:
    assert reach(with_arms(np.linspace(0, 1, 20)), onto=half_body())[3] <= CANVAS[1]


def test_joints_that_the_motion_lacks_hang_as_in_the_photo_and_count() -> None:
    motion = without(with_arms(np.linspace(0, 1, 20)), "knee", "ankle", "heel", "foot")
    assert reach(motion, onto=subject())[3] == pytest.approx(700.0, abs=15.0)


@pytest.mark.parametrize("doubted", ["left_wrist", "left_index", "left_eye"])
def test_a_joint_seen_with_less_confidence_now_and_then_moves_nobody(doubted: str) -> None:
    onto = sequence_of(pose_of(), scale=120.0, at=(320.0, 450.0), frame_size=CANVAS)
    motion = with_arms(np.linspace(0, 1, 40))
    confidence_TK = motion.confidence_TK.copy()
    confidence_TK[20:, motion.skeleton.index(doubted)] = 0.4
    sure, unsure = (
        retarget(each, onto=onto, canvas_size=CANVAS) for each in (motion, motion.replace(confidence_TK=confidence_TK))
    )
    np.testing.assert_allclose(middle(unsure, "hip"), middle(sure, "hip"), atol=0.5)


def leaning(motion: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Poses [T, K, 2] with all above the hips turned about them."""
    hips_T2 = motion[:, 23:25].mean(axis=1)
    above = cut_edge.turned(motion[:, :23], angles, about_T2=hips_T2)
    return np.concatenate([above, motion[:, 23:]], axis=1)


def carried_by_the_head(result: PoseSequence, onto: PoseSequence, points_N2: np.ndarray) -> np.ndarray:
    """Where [T, N, 2] points of the photo go that are fixed to its head; the face is carried by its best similarity."""
    face, own = result.keypoints_TK2[:, :11] @ (1, 1j), onto.keypoints_TK2[0, :11] @ (1, 1j)
    fit = ((face - face.mean(axis=1, keepdims=True)) * (own - own.mean()).conj()).mean(axis=1) / np.var(own)
    moved = face.mean(axis=1)[:, None] + fit[:, None] * (points_N2 @ (1, 1j) - own.mean())
    return np.stack([moved.real, moved.imag], axis=-1)


def edge_of(onto: PoseSequence) -> np.ndarray:
    """The picture's upper edge over the ears, [2, 2] px."""
    return np.array([[onto.joint(f"{side}_ear")[0, 0], 0.0] for side in ("right", "left")])


SWAYING = np.sin(np.linspace(0, 2 * np.pi, 60))


def test_the_cut_through_a_head_stays_out_of_the_picture_when_the_person_leans_and_bows() -> None:
    bows = 1 - 0.2 * np.abs(SWAYING)[:, None, None] * (0.0, 1.0)
    motion = sequence_of(leaning(np.repeat(pose_of()[None], 60, axis=0), 0.5 * SWAYING) * bows, fps=12.0)
    onto = bust(40.0)
    result = retarget(motion, onto=onto, canvas_size=CANVAS)
    free = retarget(motion, onto=onto, canvas_size=CANVAS, config=LET_GO)
    free_y, cut_y = (carried_by_the_head(each, onto, edge_of(onto))[..., 1].max(axis=1) for each in (free, result))
    assert free_y.max() > 0.1 * CANVAS[1]
    assert cut_y.max() < 0.005 * CANVAS[1]
    assert cut_y.min() > -0.1 * CANVAS[1]
    assert np.abs(np.diff(cut_y)).max() < np.abs(np.diff(free_y)).max()


def test_raised_arms_leave_the_picture_above_rather_than_lower_a_head_that_it_cuts_off() -> None:
    onto = bust(40.0)
    result = retarget(with_arms(np.linspace(0, 1, 20)), onto=onto, canvas_size=CANVAS)
    assert result.joint("left_wrist")[-1, 1] < 0
    assert carried_by_the_head(result, onto, edge_of(onto))[..., 1].max() < 0.005 * CANVAS[1]


def whole_figure(eyes_y: float) -> PoseSequence:
    """Feet near the picture's lower edge; the upper one cuts through the head if the eyes lie near enough to it."""
    pose = sequence_of(pose_of(), scale=235.0, at=(320.0, 780.0), frame_size=CANVAS)
    eyes = (pose.joint("left_eye") + pose.joint("right_eye"))[0, 1] / 2
    larger = (780.0 - eyes_y) / (780.0 - eyes)
    return pose.replace(
        keypoints_TK2=((pose.keypoints_TK2 - (320.0, 780.0)) * larger + (320.0, 780.0)).astype(np.float32)
    )


@pytest.mark.parametrize(("eyes_y", "is_held"), [(20.0, True), (120.0, False)])
def test_a_standing_person_grows_a_little_for_the_cut_through_the_head_to_stay_above(
    eyes_y: float, is_held: bool
) -> None:
    bends = 0.35 * np.abs(SWAYING)
    motion = sequence_of(np.array([pose_of(knees=(bend, bend)) for bend in bends]), fps=12.0)
    onto = whole_figure(eyes_y)
    result = retarget(motion, onto=onto, canvas_size=CANVAS)
    free = retarget(motion, onto=onto, canvas_size=CANVAS, config=LET_GO)
    np.testing.assert_allclose(lowest(result), lowest(onto)[0], atol=2.0)
    cut_y, free_y = (carried_by_the_head(each, onto, edge_of(onto))[..., 1].max() for each in (result, free))
    assert 10 < free_y < 0.09 * CANVAS[1]
    assert (cut_y < 3.0) == is_held


def test_a_standing_person_does_not_grow_beyond_a_tenth_for_the_cut_through_the_head() -> None:
    motion = sequence_of(np.array([pose_of(knees=(bend, bend)) for bend in np.abs(SWAYING) * 1.2]), fps=12.0)
    torso, free_torso = (
        distance(retarget(motion, onto=whole_figure(20.0), canvas_size=CANVAS, config=c), "left_hip", "left_shoulder")
        for c in (RetargetConfig(), LET_GO)
    )
    assert (torso / free_torso).max() == pytest.approx(1.1, abs=1e-3)


@pytest.mark.parametrize(
    ("pose", "shows"), [(whole_figure(20.0), True), (whole_figure(120.0), False), (bust(40.0), False)]
)
def test_the_cut_through_a_head_shows_where_feet_hold_the_body_on_the_floor(pose: PoseSequence, shows: bool) -> None:
    assert shows_cut_head(pose) == shows


def test_a_gesture_wider_than_the_picture_does_not_push_the_face_out_of_it() -> None:
    hand_before_the_chest = pose_of(arms=(0.2, 0.2), elbows=(-2.4, 0.2))
    onto = sequence_of(hand_before_the_chest, scale=600.0, at=(320.0, 1950.0), frame_size=CANVAS)
    poses = [pose_of(arms=(side, 0.2), elbows=(0.0, 0.2)) for side in np.linspace(0.2, 1.6, 30)]
    result = retarget(sequence_of(np.array(poses), fps=12.0), onto=onto, canvas_size=CANVAS)
    assert result.joint("left_wrist")[-1, 0] > CANVAS[0]
    face = result.keypoints_TK2[:, :11, 0]
    assert face.min() >= -0.1
    assert face.max() <= CANVAS[0] + 0.1
