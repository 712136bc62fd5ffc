"""Costly things are made once, used by one at a time, and freed when nobody will need them."""

from __future__ import annotations

import os
import threading

import pytest

from pose_tracking.trackers.shelf import Shelf


class Thing:
    def __init__(self, kind: str) -> None:
        self.kind, self.is_closed = kind, False

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def shelf() -> Shelf[str, Thing]:
    return Shelf(Thing, most=2)


def lent(shelf: Shelf[str, Thing], kind: str = "pose") -> Thing:
    with shelf.lend(kind) as thing:
        return thing


def test_a_thing_is_used_again_by_whichever_thread(shelf: Shelf[str, Thing]) -> None:
    things = [lent(shelf)]
    for _ in range(3):
        other = threading.Thread(target=lambda: things.append(lent(shelf)))
        other.start()
        other.join()
    assert len(set(map(id, things))) == 1
    assert lent(shelf, "face") is not things[0]


def test_two_who_need_one_at_once_get_two(shelf: Shelf[str, Thing]) -> None:
    with shelf.lend("pose") as first, shelf.lend("pose") as second:
        assert first is not second
    assert {id(lent(shelf)), id(lent(shelf))} <= {id(first), id(second)}


def test_a_thing_over_which_something_failed_is_closed_and_nobody_s(shelf: Shelf[str, Thing]) -> None:
    with pytest.raises(RuntimeError), shelf.lend("pose") as broken:
        raise RuntimeError("no such picture")
    assert broken.is_closed
    assert lent(shelf) is not broken


def test_what_waits_too_long_is_closed_and_the_others_are_kept(shelf: Shelf[str, Thing]) -> None:
    old, used, new = (lent(shelf, kind) for kind in ("old", "used", "new"))
    assert [thing.is_closed for thing in (old, used, new)] == [True, False, False]
    assert lent(shelf, "used") is used
    lent(shelf, "newest")
    assert [thing.is_closed for thing in (used, new)] == [False, True]


def test_a_forked_process_leaves_its_parent_s_things_alone(
    shelf: Shelf[str, Thing], monkeypatch: pytest.MonkeyPatch
) -> None:
    parents = lent(shelf)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    own = [lent(shelf, kind) for kind in ("pose", "face", "hands")]
    assert parents not in own
    assert not parents.is_closed
