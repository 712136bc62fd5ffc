"""What a motion does while nobody is in view."""

import numpy as np

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17, Skeleton
from temporal.absence import drop_passages, hold_through_absence
from temporal.scale import torso_length_px


def _motion(seen_T, *, positions_T=None):
    seen = np.asarray(seen_T, dtype=bool)
    places = np.arange(len(seen), dtype=float) * 10 if positions_T is None else np.asarray(positions_T, dtype=float)
    keypoints = np.repeat(np.stack([places, places + 1], -1)[:, None], 17, axis=1)
    keypoints[~seen] = np.nan
    return PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=np.where(seen[:, None], 0.8, 0.0) * np.ones((1, 17)),
        times_s_T=np.arange(len(seen)) * 0.1,
        skeleton=COCO_17,
        frame_size=(640, 480),
    )


def test_a_motion_without_gaps_is_left_alone():
    motion = _motion([1, 1, 1, 1])
    held, absences = hold_through_absence(motion)
    np.testing.assert_array_equal(held.keypoints_TK2, motion.keypoints_TK2)
    assert absences == ()


def test_who_appears_late_and_leaves_early_stands_still_there():
    held, absences = hold_through_absence(_motion([0, 0, 1, 1, 0]))
    assert held.keypoints_TK2[:, 0, 0].tolist() == [20, 20, 20, 30, 30]
    np.testing.assert_allclose(held.confidence_TK, 0.8, atol=1e-6)
    np.testing.assert_allclose(absences, [(0.0, 0.2), (0.4, 0.4)])


def test_between_two_sightings_the_person_moves_over_and_rests_at_both_ends():
    held, absences = hold_through_absence(_motion([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]))
    way = held.keypoints_TK2[:, 3, 0]
    assert way[0] == 0
    assert way[-1] == 100
    steps = np.diff(way)
    assert (steps > 0).all()
    assert steps[0] < steps[5] > steps[-1]
    np.testing.assert_allclose(absences, [(0.1, 1.0)])


def test_through_a_long_absence_the_person_waits_and_then_goes_at_walking_pace():
    seen_T = [1] + [0] * 49 + [1]
    held, _ = hold_through_absence(_motion(seen_T))
    way = held.keypoints_TK2[:, 3, 0]
    pace = np.diff(way) / 0.1 / torso_length_px(held)
    assert way[25] == way[0]
    assert way[-1] == 500
    assert (pace >= 0).all()
    assert 1.0 < pace.max() < 4.0


def test_a_body_that_went_away_moves_over_as_a_whole():
    motion = _motion([1] + [0] * 49 + [1])
    keypoints = motion.keypoints_TK2.copy()
    keypoints[-1, COCO_17.index("left_ankle")] += 300
    held, _ = hold_through_absence(motion.replace(keypoints_TK2=keypoints))
    is_moving_TK = np.linalg.norm(np.diff(held.keypoints_TK2, axis=0), axis=-1) > 0
    assert (is_moving_TK.all(axis=1) == is_moving_TK.any(axis=1)).all()


def test_a_joint_that_is_never_seen_stays_unseen():
    motion = _motion([1, 0, 1])
    keypoints = motion.keypoints_TK2.copy()
    keypoints[:, 5] = np.nan
    held, absences = hold_through_absence(motion.replace(keypoints_TK2=keypoints))
    assert np.isnan(held.keypoints_TK2[:, 5]).all()
    assert not np.isnan(held.keypoints_TK2[:, 4]).any()
    assert len(absences) == 1


def test_a_joint_that_is_lost_alone_goes_along_with_the_body():
    motion = _motion([1] * 8 + [0, 0] + [1] * 6, positions_T=np.arange(16) ** 2)
    keypoints = motion.keypoints_TK2.copy()
    keypoints[:, 5] += (30, -20)
    whole, _ = hold_through_absence(motion.replace(keypoints_TK2=keypoints))
    keypoints[2:12, 5] = np.nan
    held, absences = hold_through_absence(motion.replace(keypoints_TK2=keypoints))
    np.testing.assert_allclose(held.keypoints_TK2, whole.keypoints_TK2, atol=1e-4)
    np.testing.assert_allclose(absences, [(0.8, 1.0)])


def _cut_at_the_lower_edge(motion, frames, *, below=("knee", "ankle", "hip")):
    keypoints = motion.keypoints_TK2.copy()
    joints = [place for place, name in enumerate(COCO_17.joints) if any(part in name for part in below)]
    keypoints[np.ix_(frames, joints, [1])] = 600.0
    return motion.replace(keypoints_TK2=keypoints)


def test_who_comes_in_from_the_edge_counts_once_the_body_is_in_view():
    motion = _cut_at_the_lower_edge(_motion([0, 0, 1, 1, 1, 1, 1, 1, 1, 0]), [2, 3, 8])
    whole, passages = drop_passages(motion)
    assert whole.seen_TK.any(1).tolist() == [False, False, False, False, True, True, True, True, False, False]
    np.testing.assert_allclose(passages, [(0.2, 0.4), (0.8, 0.9)])
    held, absences = hold_through_absence(whole)
    assert held.keypoints_TK2[:4, 0, 0].tolist() == [40, 40, 40, 40]
    np.testing.assert_allclose(absences, [(0.0, 0.4), (0.8, 0.9)])


def _upright(*, seen, feet_at):
    """A body 100 px long from shoulders to hips, whose legs hang, or at some frames end at another height."""
    motion = _motion(seen)
    keypoints = np.zeros_like(motion.keypoints_TK2)
    for place, name in enumerate(COCO_17.joints):
        height = {"hip": 200, "knee": 260, "ankle": 320}.get(name.split("_")[-1], 100)
        keypoints[:, place] = 300 + (20 if name.startswith("left") else -20), height
    for frame, (left, right) in feet_at.items():
        keypoints[frame, COCO_17.index("left_ankle"), 1], keypoints[frame, COCO_17.index("right_ankle"), 1] = (
            left,
            right,
        )
    keypoints[~np.asarray(seen, dtype=bool)] = np.nan
    return motion.replace(keypoints_TK2=keypoints)


def test_a_body_folded_into_the_part_in_view_is_a_guess_at_who_comes_in():
    """For five seconds of an empty room the subject crouched down into the pose to come."""
    seen = [0, 0] + [1] * 8
    folded = {2: (160, 150), 3: (170, 180)}
    whole, passages = drop_passages(_upright(seen=seen, feet_at=folded))
    assert whole.seen_TK.any(1).tolist() == [False] * 4 + [True] * 6
    np.testing.assert_allclose(passages, [(0.2, 0.4)])
    # One foot may be raised, and with nobody coming in both may.
    assert drop_passages(_upright(seen=seen, feet_at={2: (160, 320), 3: (160, 320)}))[1] == ()
    assert drop_passages(_upright(seen=[1] * 10, feet_at=folded))[1] == ()


def test_a_skeleton_without_legs_has_none_to_fold():
    bust = Skeleton(name="bust", joints=("left_shoulder", "right_shoulder"), limbs=((0, 1),))
    motion = _motion([0, 1, 1])
    kept = motion.replace(
        keypoints_TK2=motion.keypoints_TK2[:, :2], confidence_TK=motion.confidence_TK[:, :2], skeleton=bust
    )
    assert drop_passages(kept)[1] == ()


def test_a_slip_of_the_tracker_does_not_make_a_leaving_body_whole():
    times_s = np.arange(60) / 30
    motion = _motion([1] * 50 + [0] * 10).replace(times_s_T=times_s)
    leaving = [*range(20, 40), *range(42, 50)]
    whole, passages = drop_passages(_cut_at_the_lower_edge(motion, leaving))
    assert whole.seen_TK.any(1).tolist() == [True] * 20 + [False] * 40
    np.testing.assert_allclose(passages, [(times_s[20], times_s[50])])
    # Back in view for half a second: that is no slip, and what lies before stays.
    _, passages = drop_passages(_cut_at_the_lower_edge(motion, [*range(15, 25), *range(40, 50)]))
    np.testing.assert_allclose(passages, [(times_s[40], times_s[50])])


def test_half_a_body_in_the_middle_of_a_sighting_or_throughout_is_kept():
    seen = [0, 1, 1, 1, 1, 1, 1, 0]
    for frames in ([3, 4], range(8)):
        motion = _cut_at_the_lower_edge(_motion(seen), list(frames))
        whole, passages = drop_passages(motion)
        np.testing.assert_array_equal(whole.keypoints_TK2, motion.keypoints_TK2)
        assert passages == ()


def test_a_clip_that_begins_or_ends_with_half_a_body_has_no_passage_there():
    motion = _cut_at_the_lower_edge(_motion([1, 1, 1, 1, 0, 1, 1, 1, 1]), [0, 8])
    assert drop_passages(motion)[1] == ()
    without_gap = _cut_at_the_lower_edge(_motion([1] * 5), [0, 4])
    assert drop_passages(without_gap) == (without_gap, ())


def test_a_glimpse_between_two_absences_is_taken_out():
    whole, passages = drop_passages(_motion([1] * 8 + [0] * 8 + [1, 1] + [0] * 8 + [1] * 8))
    assert whole.seen_TK.any(1).tolist() == [True] * 8 + [False] * 18 + [True] * 8
    np.testing.assert_allclose(passages, [(1.6, 1.8)])


def test_a_sighting_that_lasts_between_two_absences_is_kept():
    motion = _motion([1] * 8 + [0] * 8 + [1] * 5 + [0] * 8 + [1] * 8)
    whole, passages = drop_passages(motion)
    np.testing.assert_array_equal(whole.keypoints_TK2, motion.keypoints_TK2)
    assert passages == ()


def test_glimpses_alone_are_kept_and_so_are_those_with_which_a_clip_begins_or_ends():
    for seen_T in ([0] * 8 + [1, 1] + [0] * 8, [1] + [0] * 8 + [1, 1]):
        motion = _motion(seen_T)
        np.testing.assert_array_equal(drop_passages(motion)[0].keypoints_TK2, motion.keypoints_TK2)


def test_over_a_cut_nobody_moves():
    motion = _motion([1, 1, 0, 0, 0, 0, 1, 1]).replace(cuts_s=(0.4,))
    held, absences = hold_through_absence(motion)
    assert held.keypoints_TK2[:, 0, 0].tolist() == [0, 10, 10, 10, 60, 60, 60, 70]
    np.testing.assert_allclose(absences, [(0.2, 0.6)])
    assert held.cuts_s == (0.4,)


def test_a_shot_without_anybody_holds_the_pose_before_it():
    motion = _motion([1, 1, 0, 0, 1, 1]).replace(cuts_s=(0.2, 0.4))
    held, _ = hold_through_absence(motion)
    assert held.keypoints_TK2[:, 0, 0].tolist() == [0, 10, 10, 10, 40, 50]
    assert held.shots() == [slice(0, 4), slice(4, 6)]


def test_a_first_shot_without_anybody_shows_the_first_pose_of_the_next():
    held, _ = hold_through_absence(_motion([0, 0, 1, 1]).replace(cuts_s=(0.2,)))
    assert held.keypoints_TK2[:, 0, 0].tolist() == [20, 20, 20, 30]


def test_whom_a_cut_takes_out_of_view_was_there_to_the_last():
    motion = _cut_at_the_lower_edge(_motion([1, 1, 1, 1, 1, 1, 0, 0, 0]), [4, 5])
    assert drop_passages(motion)[1] != ()
    assert drop_passages(motion.replace(cuts_s=(motion.times_s_T[6],)))[1] == ()


def _without_shoulders(motion, frames):
    keypoints, confidence = motion.keypoints_TK2.copy(), motion.confidence_TK.copy()
    left, right = (COCO_17.index(f"{side}_shoulder") for side in ("left", "right"))
    keypoints[frames, left] = (-20, 5)  # beyond the picture
    confidence[frames, right] = 0.1  # a guess
    return motion.replace(keypoints_TK2=keypoints, confidence_TK=confidence)


def test_a_shot_of_a_face_or_of_legs_alone_shows_nobody():
    motion = _without_shoulders(_motion([1] * 9), slice(3, 6)).replace(cuts_s=(0.3, 0.6))
    whole, spans = drop_passages(motion)
    assert whole.seen_TK.any(axis=1).tolist() == [True] * 3 + [False] * 3 + [True] * 3
    np.testing.assert_allclose(spans, [(0.3, 0.6)])


def test_a_clip_that_shows_no_trunk_anywhere_is_kept():
    motion = _without_shoulders(_motion([1] * 9), slice(0, 9)).replace(cuts_s=(0.3,))
    assert drop_passages(motion)[1] == ()


def test_arms_before_the_shoulders_for_a_moment_are_no_other_shot():
    motion = _without_shoulders(_motion([1] * 9), slice(4, 6)).replace(cuts_s=(0.3,))
    assert drop_passages(motion)[1] == ()
