"""Two people who touch: whose pixels are whose, and who stands before whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ImageOps

from animator import company
from animator.company import divide, part_people
from animator.photo import Photo, read_photo
from animator.subject import Portrait
from pose_tracking.crowd import body_shape
from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.tracking import TrackerConfig
from tests.animator.figure import draw_figure, standing_pose

SIZE = (240, 320)


def _somebody(center_x: float, top: float, height: float = 280) -> tuple[Detection, np.ndarray]:
    joints = standing_pose(height=height, center_x=center_x, top=top)
    _, matte_HW = draw_figure(joints, SIZE)
    return Detection(keypoints_K2=joints, confidence_K=np.ones(33, np.float32)), matte_HW


BACK, BACK_HW = _somebody(100, 20)
FRONT, FRONT_HW = _somebody(150, 60)
ANYBODY_HW = np.maximum(BACK_HW, FRONT_HW)


def test_whoever_hides_the_person_stands_before() -> None:
    own, cover = divide(BACK_HW * (1 - FRONT_HW), [FRONT_HW], ANYBODY_HW, BACK, [FRONT])
    assert cover is not None
    assert np.abs(cover - FRONT_HW).mean() < 0.01
    assert np.abs(own - BACK_HW * (1 - FRONT_HW)).mean() < 0.01


def test_whoever_the_person_hides_stands_behind() -> None:
    own, cover = divide(FRONT_HW, [BACK_HW * (1 - FRONT_HW)], ANYBODY_HW, FRONT, [BACK])
    assert cover is None
    assert np.abs(own - FRONT_HW).mean() < 0.01


def test_what_the_matte_takes_of_somebody_before_is_given_back() -> None:
    taken = BACK_HW * (1 - FRONT_HW) + 0.6 * FRONT_HW
    own, _ = divide(taken, [FRONT_HW], ANYBODY_HW, BACK, [FRONT])
    assert own[FRONT_HW > 0.9].max() < 0.1
    assert own[(BACK_HW > 0.9) & (FRONT_HW < 0.1)].min() > 0.9


def test_what_both_mattes_claim_belongs_to_whoever_stands_before() -> None:
    contested = FRONT_HW > 0.95
    contested[:100] = contested[120:] = False
    claimed = np.where(contested, 1, BACK_HW * (1 - FRONT_HW)).astype(np.float32)
    own, cover = divide(claimed, [FRONT_HW * 0.98], ANYBODY_HW, BACK, [FRONT])
    assert cover is not None
    limbs = company._drawn(BACK, FRONT_HW.shape, trunk=False)
    assert (contested & ~limbs).sum() > 100
    assert own[contested & ~limbs].max() < 0.1
    assert cover[contested & ~limbs].min() > 0.9


def test_what_paint_over_a_neighbour_took_of_the_person_is_found_again() -> None:
    painted = body_shape(SIZE, FRONT, BLAZEPOSE_33)
    true = BACK_HW * (1 - FRONT_HW)
    assert true[painted].sum() > 500
    own, _ = divide(true * ~painted, [FRONT_HW], ANYBODY_HW, BACK, [FRONT])
    assert own[painted & (true > 0.9)].mean() > 0.8
    assert own[ANYBODY_HW < 0.1].max() < 0.1


def test_an_outline_around_a_neighbour_is_no_part_of_the_person() -> None:
    _, wider_HW = _somebody(151, 59)
    own, _ = divide(BACK_HW * (1 - FRONT_HW), [FRONT_HW], np.maximum(ANYBODY_HW, wider_HW), BACK, [FRONT])
    assert own[(wider_HW > 0.9) & (ANYBODY_HW < 0.1)].mean() < 0.1


def test_those_who_stand_apart_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "segment_person", None)  # not even looked at
    _, matte_HW = _somebody(40, 20, height=100)
    apart = [_somebody(190, 150, height=100)[0]]
    person = _somebody(40, 20, height=100)[0]
    own, cover = part_people(np.zeros((320, 240, 3), np.uint8), person, matte_HW, apart)
    assert own is matte_HW
    assert cover is None


@pytest.mark.dev_media
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_friend_who_sits_before_the_person_covers_what_is_behind(dev_media: Path, is_mirrored: bool) -> None:
    photo = read_photo(dev_media / "photos" / "three_men.jpg")
    if is_mirrored:
        photo = Photo.of(ImageOps.mirror(photo.image))
    portrait = Portrait.from_photo(photo, TrackerConfig())
    assert portrait.cover_HW is not None
    cover, own = (matte[:, ::-1] if is_mirrored else matte for matte in (portrait.cover_HW, portrait.matte_HW))
    assert cover[580, 400] > 0.9  # the friend's face
    assert own[580, 400] < 0.05
    assert cover[350, 980] == 0  # the third man touches neither
    assert own[520, 250] > 0.9  # the jumper beside the friend's head, which was painted out with it
    assert cover[520, 250] < 0.1
