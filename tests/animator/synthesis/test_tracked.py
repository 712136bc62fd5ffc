"""Joints as the tracker finds them in a take: near the truth, kept, and where the take shows them."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from animator.synthesis import dataset, tracked
from animator.synthesis.dataset import DatasetOptions, RenderedPeople, Sample
from animator.synthesis.take import TakeOptions
from animator.synthesis.tracked import carried, find_motion, find_pose, take_key
from pose_tracking.errors import AbsenceError
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33

BODY = np.arange(11, 33)
TRACKED = DatasetOptions(
    take=TakeOptions(height=256, width=192, num_frames=16),
    samples_per_take=4,
    targets_per_reference=2,
    open_takes=1,
    lens=False,
    joints="tracked",
)


@pytest.fixture(scope="module", autouse=True)
def _takes_made_once() -> Iterator[None]:
    """A take is a function of its arguments, see `test_take`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "random_take", lru_cache(maxsize=8)(dataset.random_take))
        yield


@pytest.fixture(scope="module")
def poses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("poses")


@pytest.fixture(scope="module")
def samples(poses: Path) -> list[Sample]:
    people = RenderedPeople(1, replace(TRACKED, poses=poses))
    return [people.sample(number) for number in range(4)]


def equal(one: Sample, two: Sample) -> bool:
    return set(one) == set(two) and all(torch.equal(one[name].nan_to_num(), two[name].nan_to_num()) for name in one)


def error(sample: Sample) -> np.ndarray:
    """[joints of the body] px, of the middle of the window."""
    off = sample["keypoints_NK2"][2] - sample["true_target_K2"]
    return off.norm(dim=-1)[BODY].numpy()


def test_tracked_joints_are_near_the_true_ones_but_are_not_them(samples: list[Sample]) -> None:
    for sample in samples:
        assert 0.1 < np.median(error(sample)) < 8
        photo = (sample["reference_keypoints_K2"] - sample["true_reference_K2"]).norm(dim=-1)[BODY]
        assert 0.1 < float(photo.median()) < 8


def test_other_joints_change_no_picture(samples: list[Sample]) -> None:
    drawn = RenderedPeople(1, replace(TRACKED, joints="drawn")).sample(1)
    assert torch.equal(drawn["reference_CHW"], samples[1]["reference_CHW"])
    assert torch.equal(drawn["target_CHW"], samples[1]["target_CHW"])
    assert not torch.equal(drawn["keypoints_NK2"].nan_to_num(), samples[1]["keypoints_NK2"].nan_to_num())


def test_true_joints_are_the_true_ones_and_all_there() -> None:
    sample = RenderedPeople(1, replace(TRACKED, joints="true")).sample(1)
    np.testing.assert_allclose(error(sample), 0, atol=1e-3)
    assert bool(sample["keypoints_NK2"].isfinite().all())
    torch.testing.assert_close(sample["reference_keypoints_K2"], sample["true_reference_K2"])


def test_neighbours_with_one_photo_have_one_pose_of_it(samples: list[Sample]) -> None:
    first, second, third = (each["reference_keypoints_K2"] for each in samples[:3])
    assert torch.equal(first, second)
    assert not torch.equal(second, third)


def test_a_take_that_is_kept_is_not_tracked_again(
    samples: list[Sample], poses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("tracked again")

    monkeypatch.setattr(tracked, "track", refuse)
    again = RenderedPeople(1, replace(TRACKED, poses=poses))
    assert all(equal(again.sample(number), samples[number]) for number in (2, 1))


def test_where_nobody_is_found_joints_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise AbsenceError("nobody in any frame")

    monkeypatch.setattr(tracked, "track", nobody)
    one, other = (RenderedPeople(1, replace(TRACKED, joints=joints)).sample(0) for joints in ("tracked", "drawn"))
    assert equal(one, other)


def test_nobody_is_found_in_an_empty_room() -> None:
    wall = np.full((96, 96, 3), 130, np.uint8)
    assert find_pose(wall) is None
    assert find_motion([wall] * 6, fps=25.0, num_frames=6) is None


def test_kept_takes_of_other_settings_have_other_names() -> None:
    options = TakeOptions()
    names = [
        take_key(1, options, is_photographed=True),
        take_key(2, options, is_photographed=True),
        take_key(1, options, is_photographed=False),
        take_key(1, replace(options, fps=12.5), is_photographed=True),
        take_key(1, replace(options, split="held-out"), is_photographed=True),
    ]
    assert len(set(names)) == len(names)


def walker(num_frames: int = 12) -> PoseSequence:
    """Somebody who waves and takes a step aside."""
    points = np.random.default_rng(0).normal([100, 150], [4, 4], (33, 2))
    for part, x, y in (("shoulder", 16, 80), ("elbow", 24, 105), ("wrist", 26, 130)):
        points[[BLAZEPOSE_33.index(f"{side}_{part}") for side in ("left", "right")]] = [[100 + x, y], [100 - x, y]]
    for part, x, y in (
        ("hip", 10, 140),
        ("knee", 10, 185),
        ("ankle", 10, 230),
        ("heel", 9, 235),
        ("foot_index", 14, 238),
    ):
        points[[BLAZEPOSE_33.index(f"{side}_{part}") for side in ("left", "right")]] = [[100 + x, y], [100 - x, y]]
    points[:11] = [100, 55] + np.random.default_rng(1).normal(0, 3, (11, 2))
    moves = np.tile(points, (num_frames, 1, 1))
    moves[:, :, 0] += np.linspace(0, 12, num_frames)[:, None]
    swing = np.linspace(0, 1, num_frames)
    for joint in ("wrist", "pinky", "index", "thumb"):
        elbow = moves[:, BLAZEPOSE_33.index("left_elbow")]
        moves[:, BLAZEPOSE_33.index(f"left_{joint}")] = elbow + 25 * np.stack([np.sin(swing), np.cos(swing)], -1)
    return PoseSequence(
        keypoints_TK2=moves,
        confidence_TK=np.ones((num_frames, 33)),
        times_s_T=np.arange(num_frames) / 25,
        skeleton=BLAZEPOSE_33,
        frame_size=(200, 260),
    )


def test_motion_is_carried_to_where_the_take_shows_it_wherever_the_photo_has_the_person() -> None:
    motion = walker()
    photo = motion[3:4]
    elsewhere = photo.replace(keypoints_TK2=photo.keypoints_TK2 + np.float32([7, -3]))
    near, same = carried(motion, photo), carried(motion, elsewhere)
    np.testing.assert_allclose(same.keypoints_TK2, near.keypoints_TK2, atol=0.05)
    assert np.abs(near.keypoints_TK2 - motion.keypoints_TK2)[:, BODY].max() < 6


def test_carried_motion_has_the_limbs_of_the_photo() -> None:
    motion = walker()
    longer = motion[3:4].keypoints_TK2.copy()
    wrist, elbow = BLAZEPOSE_33.index("right_wrist"), BLAZEPOSE_33.index("right_elbow")
    longer[0, wrist] += 0.15 * (longer[0, wrist] - longer[0, elbow])
    found = carried(motion, motion[3:4].replace(keypoints_TK2=longer))

    def forearm(poses: PoseSequence) -> float:
        return float(np.linalg.norm(poses.keypoints_TK2[:, wrist] - poses.keypoints_TK2[:, elbow], axis=-1).mean())

    assert forearm(found) > 1.05 * forearm(motion)
