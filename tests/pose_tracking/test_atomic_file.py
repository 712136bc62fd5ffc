"""A file appears whole or not at all: beside its place first, then by a rename."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pose_tracking.atomic_file import hidden_name, put_in_place


@pytest.mark.parametrize("name", ["out.mp4", "人" * 85, "x" * 255])
def test_a_hidden_name_lies_beside_its_file_is_nobody_elses_and_fits(tmp_path: Path, name: str) -> None:
    names = {hidden_name(tmp_path / name) for _ in range(50)}
    assert len(names) == 50
    for each in names:
        assert each.parent == tmp_path
        assert each.name.startswith(".")
        each.touch()  # a name that is too long is refused


def test_what_stood_there_before_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    path.write_text("old")
    temporary = hidden_name(path)
    temporary.write_text("new")
    put_in_place(temporary, path)
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_put_in_place_like_a_file(tmp_path: Path) -> None:
    temporary = hidden_name(tmp_path / "frames")
    temporary.mkdir()
    (temporary / "000000.png").touch()
    put_in_place(temporary, tmp_path / "frames")
    assert [each.name for each in (tmp_path / "frames").iterdir()] == ["000000.png"]


def test_a_file_whose_bytes_the_disk_does_not_take_never_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "poses.npz"
    path.write_text("old")
    temporary = hidden_name(path)
    temporary.write_text("new")

    def refuse(_handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        put_in_place(temporary, path)
    assert path.read_text() == "old"
