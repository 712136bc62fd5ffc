"""Who is found in a photo, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animator import people, subject
from animator.errors import PhotoError
from animator.photo import Photo, read_photo
from animator.subject import Portrait
from pose_tracking.person import Detection
from pose_tracking.tracking import TrackerConfig
from tests.pose_tracking.people import standing

LOOKS: list[dict[str, object]] = []  # what was asked of each closer look
WALL = Photo.of(Image.new("RGB", (600, 1000)), name="wall.png")


def finding(monkeypatch: pytest.MonkeyPatch, at_once: list[Detection], close_up: list[Detection]) -> None:
    def look_closer(*_: object, **asked: object) -> list[Detection]:
        LOOKS.append(asked)
        return close_up

    LOOKS.clear()
    monkeypatch.setattr(people, "track_photo", lambda pixels, config: at_once)
    monkeypatch.setattr(people, "track_photo_close_up", look_closer)
    monkeypatch.setattr(subject, "segment_photo", lambda pixels, *_, **__: np.ones(pixels.shape[:2], np.float32))


def test_whoever_shows_at_once_needs_no_closer_look(monkeypatch: pytest.MonkeyPatch) -> None:
    person = standing(300, height=600)
    finding(monkeypatch, [person], [standing(100, height=90)])
    portrait = Portrait.from_photo(WALL, TrackerConfig())
    assert (portrait.person, portrait.warnings, LOOKS) == (person, (), [])


def test_whoever_is_asked_for_where_nobody_shows_is_looked_for_there(monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = standing(400, height=600), standing(100, top=700, height=100)
    finding(monkeypatch, [large], [small, large])
    portrait = Portrait.from_photo(WALL, TrackerConfig(person=(0.17, 0.75)))
    assert (portrait.person, LOOKS) == (small, [{"known": [large], "point": (0.17, 0.75)}])
    assert "(9% of its height) and was found by a closer look" in portrait.warnings[0]
    portrait = Portrait.from_photo(WALL, TrackerConfig(person=(0.67, 0.4)))
    assert (portrait.person, portrait.warnings, len(LOOKS)) == (large, (), 1)


def test_a_find_that_is_small_does_not_stop_the_closer_look(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, person = standing(500, height=80), standing(100, top=400, height=200)
    finding(monkeypatch, [wrong], [person])
    portrait = Portrait.from_photo(WALL, TrackerConfig())
    assert (portrait.person, LOOKS) == (person, [{"known": [wrong]}])
    finding(monkeypatch, [person], [person])
    assert Portrait.from_photo(WALL, TrackerConfig()).warnings == ()


def test_whoever_shows_in_a_closer_look_is_taken_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    person = standing(300, top=800, height=100)
    finding(monkeypatch, [], [person])
    portrait = Portrait.from_photo(WALL, TrackerConfig())
    assert portrait.person is person
    (warning,) = portrait.warnings
    assert warning.startswith(
        "wall.png: the person is small in the photo (9% of its height) and was found by a closer "
    )
    assert "crop the photo around them" in warning


def test_where_nobody_is_found_the_likely_reasons_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    finding(monkeypatch, [], [])
    with pytest.raises(PhotoError, match=r"^wall\.png: nobody was found .* crop it if they are small in it"):
        Portrait.from_photo(WALL, TrackerConfig())


def test_what_is_to_know_about_the_file_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    finding(monkeypatch, [standing(300, height=600)], [])
    photo = Photo(image=WALL.image, opacity_HW=None, original_size=(600, 1000), name="a.gif", notes=("a.gif: moves",))
    assert Portrait.from_photo(photo, TrackerConfig()).warnings == ("a.gif: moves",)


@pytest.mark.parametrize(("found", "trouble"), [([], "nobody was found"), ([standing(300, height=600)], "none at 3")])
def test_what_is_to_know_about_the_file_is_said_where_its_first_picture_is_no_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: list[Detection], trouble: str
) -> None:
    black, grey = Image.new("RGB", (90, 120)), Image.new("RGB", (90, 120), "grey")
    black.save(tmp_path / "a.gif", save_all=True, append_images=[grey])
    finding(monkeypatch, found, [])
    with pytest.raises(PhotoError, match=rf"{trouble}.* It holds several pictures; only the first one is used as"):
        Portrait.from_photo(read_photo(tmp_path / "a.gif"), TrackerConfig(person=3))


@pytest.mark.parametrize(("top", "is_said"), [(-30.0, True), (30.0, False)])
def test_a_head_cut_off_above_standing_feet_is_said(monkeypatch: pytest.MonkeyPatch, top: float, is_said: bool) -> None:
    finding(monkeypatch, [standing(300, top=top, height=900)], [])
    warnings = Portrait.from_photo(WALL, TrackerConfig()).warnings
    assert [warning.startswith("wall.png: the photo's upper edge cuts off the head") for warning in warnings] == (
        [True] if is_said else []
    )


def test_before_another_picture_the_person_stands_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    beach = Photo(
        image=WALL.image, opacity_HW=None, original_size=(600, 1000), name="beach.gif", notes=("beach.gif: moves",)
    )
    finding(monkeypatch, [standing(300, height=600)], [])
    assert Portrait.from_photo(WALL, TrackerConfig()).notes_before(beach) == beach.notes
    finding(monkeypatch, [standing(150, height=600), standing(500, height=600)], [])
    first, second = Portrait.from_photo(WALL, TrackerConfig()).notes_before(beach)
    assert first == "beach.gif: moves"
    assert second.startswith("beach.gif: only the person stands before it, without the others in the photo; ")


def test_a_photo_s_transparency_trims_those_before_the_person_too(monkeypatch: pytest.MonkeyPatch) -> None:
    finding(monkeypatch, [standing(300, height=600), standing(330, height=500)], [])
    whole = np.ones((1000, 600), np.float32)
    monkeypatch.setattr(subject, "part_people", lambda pixels, person, matte, others: (matte, 0.5 * whole))
    picture = Image.new("RGBA", (600, 1000), (90, 90, 90, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 600, 400))
    portrait = Portrait.from_photo(Photo.of(picture), TrackerConfig())
    assert portrait.cover_HW is not None
    for opacity, inside in ((portrait.matte_HW, 1.0), (portrait.cover_HW, 0.5)):
        assert float(opacity[:399].max()) == 0
        assert float(opacity[401:].min()) == inside
