"""The people in a photo, and what to say about how they were found."""

from __future__ import annotations

from animator.photo import Photo
from pose_tracking.person import Detection
from pose_tracking.photo import track_photo, track_photo_close_up
from pose_tracking.tracking import TrackerConfig


def find_people(photo: Photo, tracker: TrackerConfig) -> tuple[list[Detection], tuple[str, ...]]:
    """Everybody in a photo, from left to right, and notes for the person at the keyboard.

    Where nobody shows in the whole photo, its parts are looked at, which finds people who are small in it and takes up
    to fifty times as long.
    """
    people = track_photo(photo.pixels_HWC, tracker)
    if people:
        return people, ()
    people = track_photo_close_up(photo.pixels_HWC, tracker)
    if not people:
        return people, ()
    _, top, _, bottom = max(people, key=lambda person: person.size_px).box()
    share = (bottom - top) / photo.image.height
    note = (
        f"{photo.name}: the person is small in the photo ({share:.0%} of its height) and was found by a closer look; "
        "crop the photo around them, or use a larger one, if the result is not sharp"
    )
    return people, (note,)
