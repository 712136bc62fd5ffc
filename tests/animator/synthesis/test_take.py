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


@pytest.fixture(scope="module")
def pair() -> tuple[Take, Take, Take]:
    # Seed 16's camera looks from the side.
    return paired_takes(16, SMALL)


def test_a_pair_is_one_motion_by_two_people_and_a_photo_in_the_same_place(pair: tuple[Take, Take, Take]) -> None:
    driver, film, still = pair
    assert driver.character.body.person != film.character.body.person
    # Legs are fitted to each body; all else is the same motion.
    np.testing.assert_array_equal(driver.motion.rotations_TJ33[:, 12:], film.motion.rotations_TJ33[:, 12:])
    assert still.character is film.character
    assert still.backdrop is film.backdrop
    assert len(still) == 1


def test_both_films_of_a_pair_look_from_the_same_side_and_height(pair: tuple[Take, Take, Take]) -> None:
    driver, film, _ = pair
    np.testing.assert_array_equal(driver.camera.world_to_camera_33, film.camera.world_to_camera_33)
    assert driver.camera.focal_px != film.camera.focal_px
    assert driver.backdrop.image_HW3.tobytes() != film.backdrop.image_HW3.tobytes()


def test_the_photo_of_a_pair_shows_the_whole_person_from_the_front(pair: tuple[Take, Take, Take]) -> None:
    _, film, still = pair
    back = -film.camera.world_to_camera_33[2]
    yaw_deg = np.rad2deg(np.arctan2(back[0], back[2]))
    assert abs(yaw_deg) > 25, "this seed would not show the difference"
    facing = still.motion.rotations_TJ33[0, 0, :, 2]
    assert abs(np.rad2deg(np.arctan2(facing[0], facing[2])) - yaw_deg) < 25
    matte = still.frame(0).matte_HW
    assert matte.mean() > 0.02
    assert max(matte[0].max(), matte[-1].max(), matte[:, 0].max(), matte[:, -1].max()) == 0.0


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
