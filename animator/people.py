"""The people in a photo, and what to say about how they were found."""

from __future__ import annotations

import math

from animator.photo import Photo
from pose_tracking.person import Detection, choose_person
from pose_tracking.photo import track_photo, track_photo_close_up
from pose_tracking.tracking import TrackerConfig

# Finds smaller than this share of the photo's diagonal may be bits of things, or of a person who shows whole in a part
# of the photo: of 131 tall and wide pictures of one person of 8 to 40 % of the height, 29 showed less than three
# quarters of them at once, and 4 in a closer look.
_SMALL = 0.25


def find_people(photo: Photo, tracker: TrackerConfig) -> tuple[list[Detection], tuple[str, ...]]:
    """Everybody in a photo, from left to right, and notes for the person at the keyboard.

    Where nobody shows in the whole photo, or nobody who is large in it, its parts are looked at, which takes up to
    fifty times as long; where somebody is asked for at a point at which nobody shows, the place around it.
    """
    at_once = track_photo(photo.pixels_HWC, tracker)
    people = at_once
    if isinstance(tracker.person, tuple) and _chosen(people, photo, tracker) is None:
        people = track_photo_close_up(photo.pixels_HWC, tracker, known=people, point=tracker.person)
    is_nobody_large = all(person.size_px < _SMALL * math.hypot(*photo.image.size) for person in at_once)
    if is_nobody_large and len(people) == len(at_once):
        people = track_photo_close_up(photo.pixels_HWC, tracker, known=people)
    chosen = _chosen(people, photo, tracker)
    if chosen is None or any(chosen is person for person in at_once):
        return people, ()
    _, top, _, bottom = chosen.box()
    share = (bottom - top) / photo.image.height
    note = (
        f"{photo.name}: the person is small in the photo ({share:.0%} of its height) and was found by a closer look; "
        "crop the photo around them, or use a larger one, if the result is not sharp"
    )
    return people, (note,)


def _chosen(people: list[Detection], photo: Photo, tracker: TrackerConfig) -> Detection | None:
    return choose_person(people, tracker.person, frame_size=photo.image.size)
