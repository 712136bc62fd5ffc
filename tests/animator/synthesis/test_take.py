"""Takes: pure functions of a seed, any frame without the others, pairs that share one motion."""

import numpy as np
import pytest

from animator.errors import JobError
from animator.synthesis.take import Take, TakeOptions, paired_takes, photo_pose, random_take

SMALL = TakeOptions(height=160, width=128, num_frames=12)


@pytest.fixture(scope="module")
def take() -> Take:
    return random_take(4, SMALL)


def test_same_seed_gives_the_same_picture(take: Take) -> None:
    again = random_take(4, SMALL)
    assert again.frame(7).image_HWC.tobytes() == take.frame(7).image_HWC.tobytes()


def test_frames_can_be_drawn_in_any_order(take: Take) -> None:
    alone = take.frame(11).image_HWC
    for index, frame in enumerate(take):
        if index == 11:
            np.testing.assert_array_equal(frame.image_HWC, alone)


def test_joints_without_drawing_equal_those_of_the_picture(take: Take) -> None:
    np.testing.assert_allclose(take.keypoints(5), take.frame(5).keypoints_K2, atol=1e-4)


def test_person_is_whole_in_every_frame(take: Take) -> None:
    for frame in take:
        border = np.concatenate([frame.matte_HW[0], frame.matte_HW[-1], frame.matte_HW[:, 0], frame.matte_HW[:, -1]])
        assert border.max() == 0.0
        assert frame.matte_HW.mean() > 0.02


def test_splits_draw_different_people(take: Take) -> None:
    other = random_take(4, TakeOptions(height=160, width=128, num_frames=12, split="held-out"))
    assert other.character.body.person != take.character.body.person


def test_a_pair_is_one_motion_by_two_people_and_a_photo_in_the_same_place() -> None:
    driver, film, still = paired_takes(3, SMALL)
    assert driver.character.body.person != film.character.body.person
    # Legs are fitted to each body; all else is the same motion.
    np.testing.assert_array_equal(driver.motion.rotations_TJ33[:, 12:], film.motion.rotations_TJ33[:, 12:])
    assert still.character is film.character
    assert still.backdrop is film.backdrop
    assert len(still) == 1
    assert still.frame(0).matte_HW.mean() > 0.02


def test_photo_poses_stand_with_hanging_arms() -> None:
    for seed in range(5):
        pose = photo_pose(seed)
        assert len(pose) == 1
        assert pose.roots_T3[0, 1] == pytest.approx(0.985, abs=0.02)


@pytest.mark.parametrize(
    ("change", "reason"), [({"split": "val"}, "'val'"), ({"width": 8}, "8x160"), ({"num_frames": 0}, "0 frames")]
)
def test_impossible_options_are_refused(change: dict, reason: str) -> None:
    with pytest.raises(JobError, match=reason):
        TakeOptions(**({"height": 160, "width": 128, "num_frames": 12} | change))
