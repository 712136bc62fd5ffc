"""Mattes of people: their own, whole, and hardly ever wrong in large pieces."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageOps

from pose_tracking.crowd import body_shape
from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.trackers import silhouette
from pose_tracking.trackers.blazepose import find_people
from pose_tracking.trackers.silhouette import segment_person, segment_photo
from tests.pose_tracking.people import blank_frame, standing

PERSON = standing(320, 100, 300)
# Px of the picture are its own column and row: a cut-out tells where it is from, and whether it is mirrored.
PLACES = np.stack([*np.indices((480, 640))[::-1], np.zeros((480, 640))], -1).astype(np.float64)


def _photo(dev_media: Path, name: str) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(dev_media / "photos" / name)).convert("RGB"))


def _coverage(matte: np.ndarray, person: Detection) -> float:
    """Share of the confident joints inside the picture that lie on the matte."""
    points = person.keypoints_K2[person.confidence_K > 0.5].astype(int)
    points = points[(points >= 0).all(axis=1) & (points < matte.shape[::-1]).all(axis=1)]
    return float((matte[points[:, 1], points[:, 0]] > 0.5).mean())


def test_matte_of_a_picture_without_anybody_is_empty() -> None:
    matte = segment_person(blank_frame().pixels_HWC)
    assert matte.shape == (480, 640)
    assert matte.dtype == np.float32
    assert matte.mean() < 0.05


@pytest.mark.dev_media
@pytest.mark.parametrize("name", ["woman_squat_full.jpg", "man_park_full.jpg", "signer_frame.jpg"])
def test_matte_holds_the_whole_person_with_hands_and_feet(dev_media: Path, name: str) -> None:
    pixels = _photo(dev_media, name)
    (person,) = find_people(pixels)
    matte = segment_person(pixels, person)
    assert matte.shape == pixels.shape[:2]
    assert _coverage(matte, person) > 0.9
    left, top, right, bottom = (int(value) for value in person.box(margin=0.15))
    outside = matte.copy()
    outside[max(0, top) : bottom, max(0, left) : right] = 0
    assert outside.mean() < 0.01


def test_a_mask_that_takes_in_others_is_looked_for_anew_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    person, other = standing(200), standing(420)
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    alone, both = (body_shape((640, 480), one, BLAZEPOSE_33).astype(np.float32) for one in (person, other))
    both = np.maximum(alone, both)
    looked_at = []

    class Still:
        def process(self, view: np.ndarray) -> SimpleNamespace:
            looked_at.append(view)
            if view.shape != pixels.shape:  # closer: still both
                return SimpleNamespace(segmentation_mask=np.ones(view.shape[:2], np.float32))
            return SimpleNamespace(segmentation_mask=both if np.array_equal(view, pixels) else alone)

    monkeypatch.setattr(silhouette, "lend_still_pose", lambda *_, **__: nullcontext(Still()))
    monkeypatch.setattr(silhouette, "read_person", lambda *_, **__: person)
    assert np.array_equal(segment_person(pixels, person, others=[other]), alone)
    assert len(looked_at) == 3  # at all, closer, and without the other
    # Of one who is alone, a mask that is wider than the body is the body's.
    assert np.array_equal(segment_person(pixels, person), both)


def test_hair_and_skirts_beyond_the_joints_are_in_the_silhouette(monkeypatch: pytest.MonkeyPatch) -> None:
    person = standing(320, 200, 120)
    figure = np.zeros((480, 640), np.float32)
    figure[120:400, 280:360] = 1  # a tall hat, a long skirt
    pixels = np.repeat((figure[..., None] * 255).astype(np.uint8), 3, axis=-1)
    monkeypatch.setattr(silhouette, "read_person", lambda *_, **__: None)  # the pose model sees nobody
    monkeypatch.setattr(silhouette, "segment_anybody", lambda view: (view[..., 0] > 127).astype(np.float32))
    assert np.array_equal(segment_person(pixels, person), figure)


@pytest.mark.dev_media
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_each_of_several_people_gets_their_own_matte(dev_media: Path, is_mirrored: bool) -> None:
    pixels = _photo(dev_media, "three_men.jpg")
    pixels = np.ascontiguousarray(pixels[:, ::-1]) if is_mirrored else pixels
    people = find_people(pixels)
    for person in people:
        matte = segment_person(pixels, person, others=[other for other in people if other is not person])
        face = person.keypoints_K2[:11].mean(axis=0).astype(int)
        assert matte[face[1], face[0]] > 0.5
        for other in people:
            if other is not person:
                face = other.keypoints_K2[:11].mean(axis=0).astype(int)
                assert matte[face[1], face[0]] < 0.5


def stand_in(monkeypatch: pytest.MonkeyPatch, seen: Callable[[np.ndarray, int], np.ndarray]) -> list[np.ndarray]:
    """A pose model for pictures like `PLACES`; says of each picture what `seen` tells of its places, look by look."""
    looks: list[np.ndarray] = []

    class Still:
        def process(self, view: np.ndarray) -> SimpleNamespace:
            looks.append(view)
            return SimpleNamespace(view=view, segmentation_mask=seen(view, len(looks)).astype(np.float32))

    def read(result: SimpleNamespace, *_: object, **__: object) -> Detection:
        corner, is_mirrored = result.view[0, 0, :2], result.view[0, 0, 0] > result.view[0, -1, 0]
        if not is_mirrored:
            return PERSON.moved(-corner)
        return silhouette.mirrored(
            PERSON.moved((-result.view[0, -1, 0], -corner[1])), BLAZEPOSE_33, width=result.view.shape[1]
        )

    monkeypatch.setattr(silhouette, "lend_still_pose", lambda *_, **__: nullcontext(Still()))
    monkeypatch.setattr(silhouette, "read_person", read)
    return looks


def is_block(view: np.ndarray) -> np.ndarray:
    """The person drawn as a block, beyond the box about the joints."""
    x, y = view[..., 0], view[..., 1]
    return (x > 260) & (x < 366) & (y > 20) & (y < 420)


def test_a_photo_is_looked_at_from_both_sides_and_from_near_and_far(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = stand_in(monkeypatch, lambda view, _: is_block(view))
    matte = segment_photo(PLACES, PERSON)
    assert np.array_equal(matte, is_block(PLACES))
    assert len({view.shape for view in looks}) == 4
    assert sum(view[0, 0, 0] > view[0, -1, 0] for view in looks) == 4


def test_what_few_looks_miss_or_make_up_is_not_in_the_matte(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(view: np.ndarray, number: int) -> np.ndarray:
        missed = is_block(view) & (view[..., 1] < 300)
        made_up = is_block(view) | (view[..., 0] > 400)
        return {2: missed, 3: missed, 5: made_up}.get(number, is_block(view))

    stand_in(monkeypatch, seen)
    assert np.array_equal(segment_photo(PLACES, PERSON), is_block(PLACES))


def test_a_close_look_says_nothing_of_what_lies_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of eight looks six show neither the hat nor the train: two that do must not be outvoted.
    looks = stand_in(monkeypatch, lambda view, _: np.ones(view.shape[:2]))
    matte = segment_photo(PLACES, PERSON)
    assert any(view.shape != PLACES.shape for view in looks)
    assert (matte == 1).all()


def test_beside_somebody_close_one_look_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = stand_in(monkeypatch, lambda view, _: is_block(view))
    assert np.array_equal(segment_photo(PLACES, PERSON, others=[standing(420, 100, 300)]), is_block(PLACES))
    assert len(looks) == 1
    looks.clear()
    segment_photo(PLACES, PERSON, others=[standing(600, 100, 60)])
    assert len(looks) == 8


def test_the_matte_of_a_huge_photo_has_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    person = standing(2000, 500, 1500)
    pixels = np.zeros((2400, 4000, 3), np.uint8)
    pixels[500:2000, 1800:2200] = 255
    shown: list[tuple[int, ...]] = []

    class Still:
        def process(self, view: np.ndarray) -> SimpleNamespace:
            shown.append(view.shape)
            return SimpleNamespace(segmentation_mask=(view[..., 0] > 127).astype(np.float32))

    monkeypatch.setattr(silhouette, "lend_still_pose", lambda *_, **__: nullcontext(Still()))
    monkeypatch.setattr(silhouette, "read_person", lambda *_, **__: person.scaled((0.32, 0.32)))
    monkeypatch.setattr(Detection, "distance", lambda *_: 0.0)
    matte = segment_photo(pixels, person)
    assert matte.shape == (2400, 4000)
    assert matte.dtype == np.float32
    assert max(max(shape) for shape in shown) == 1280
    assert np.abs(matte - (pixels[..., 0] > 127)).mean() < 0.005


@pytest.mark.dev_media
def test_the_photo_of_a_drawn_skirt_keeps_all_of_it(dev_media: Path) -> None:
    pixels = _photo(dev_media, "maid_halfbody_drawn.png")
    (person,) = find_people(pixels)
    height, width = pixels.shape[:2]
    # The right side of the skirt, which one look takes for ground.
    skirt = (slice(int(0.85 * height), int(0.97 * height)), slice(int(0.72 * width), int(0.78 * width)))
    assert segment_photo(pixels, person)[skirt].mean() > 0.8
