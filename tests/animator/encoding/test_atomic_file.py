from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from animator.encoding.atomic_file import explained, replacing, replacing_folder
from animator.errors import DiskError, EncodeError


def test_file_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    with replacing(target) as temporary:
        temporary.write_bytes(b"half")
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert not target.exists()
        temporary.write_bytes(b"whole")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("out.bin", b"whole")]


def test_file_gets_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with replacing(tmp_path / "out.bin"):
        pass
    assert (tmp_path / "out.bin").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_error_keeps_the_old_file_and_removes_the_new(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")

    def fail() -> None:
        with replacing(target) as temporary:
            temporary.write_bytes(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("out.bin", b"old")]


def test_bytes_and_name_are_on_the_disk_before_the_block_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        real_fsync(handle)

    def replace(source: Path, target: Path) -> None:
        steps.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    with replacing(tmp_path / "out.bin"):
        pass
    assert steps == ["file", "rename", "folder"]


def test_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "frames"
    with replacing_folder(target) as temporary:
        (temporary / "0.png").write_bytes(b"0")
        assert not target.exists()
    assert [entry.name for entry in target.iterdir()] == ["0.png"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["frames"]


def test_folder_is_removed_on_error(tmp_path: Path) -> None:
    def fail() -> None:
        with replacing_folder(tmp_path / "frames") as temporary:
            (temporary / "0.png").write_bytes(b"0")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_trouble_of_the_disk_is_a_disk_error(tmp_path: Path, code: int) -> None:
    with pytest.raises(DiskError, match="MB free"), explained(tmp_path / "out.bin"):
        raise OSError(code, os.strerror(code))


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENAMETOOLONG])
def test_place_that_refuses_is_an_encode_error(tmp_path: Path, code: int) -> None:
    with pytest.raises(EncodeError, match=os.strerror(code)), explained(tmp_path / "out.bin"):
        raise OSError(code, os.strerror(code))
