from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from animator.config import RenderJob
from animator.encoding.atomic_file import (
    check_file_place,
    check_folder_place,
    check_new_folder,
    explained,
    replacing,
    replacing_folder,
)
from animator.encoding.images import write_png
from animator.errors import DiskError, EncodeError
from animator.evaluation.report import write_text
from animator.job_file import write_job


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_files(tmp_path: Path) -> Iterator[None]:
    """A disk that takes no more than a block of any file, once the test's folder is there."""
    with _files_of_at_most(4096):
        yield


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[None]:
    """A disk that takes names and no bytes, once the test's folder is there."""
    with _files_of_at_most(0):
        yield


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("check", [check_file_place, check_folder_place])
def test_a_full_disk_is_found_before_any_work(tmp_path: Path, check: Callable[[Path], None]) -> None:
    with pytest.raises(DiskError, match=r"out: the disk took no more data"):
        check(tmp_path / "new" / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("kind", ["picture", "page", "job"])
def test_a_disk_that_fills_up_is_told_with_the_file_s_name(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    job = RenderJob.model_validate(
        {"photo": "a.png", "clip": "a.mp4", "output": "b.mp4", "provenance": {"consent": "人" * 2000}}
    )
    write = {"picture": lambda path: write_png(path, noise), "page": lambda path: write_text(path, "word " * 2000)}
    with pytest.raises(DiskError, match=r"/out: the disk took no more data"):
        write.get(kind, lambda path: write_job(job, path))(tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_disk_that_fills_up_under_weights_is_told_the_same_way(tmp_path: Path, kind: str) -> None:
    def write() -> None:
        with replacing(tmp_path / "out") if kind == "file" else replacing_folder(tmp_path / "out") as temporary:
            save_file({"weights": np.zeros(4096)}, temporary if kind == "file" else temporary / "weights")

    with pytest.raises(DiskError, match=r"/out: the disk took no more data"):
        write()
    assert not list(tmp_path.iterdir())


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


@pytest.mark.parametrize(
    ("code", "next_step"),
    [
        (errno.EACCES, "a folder you may write to"),
        (errno.EROFS, "Choose another folder"),
        (errno.ENAMETOOLONG, "Give a shorter name"),
    ],
)
def test_place_that_refuses_is_an_encode_error(tmp_path: Path, code: int, next_step: str) -> None:
    told = rf"{os.strerror(code)}\)\. .*{next_step}"
    with pytest.raises(EncodeError, match=told), explained(tmp_path / "out.bin"):
        raise OSError(code, os.strerror(code))


def test_a_link_stays_and_what_it_points_at_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "out.bin").symlink_to(tmp_path / "far" / "real.bin")
    (tmp_path / "frames").symlink_to(tmp_path / "far" / "frames")
    (tmp_path / "far" / "frames").mkdir(mode=0o700)
    with replacing(tmp_path / "out.bin") as temporary:
        temporary.write_bytes(b"new")
    with replacing_folder(tmp_path / "frames") as folder:
        (folder / "0.png").write_bytes(b"0")
    assert (tmp_path / "out.bin").is_symlink()
    assert (tmp_path / "far" / "real.bin").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "far" / "frames").iterdir()] == ["0.png"]
    assert (tmp_path / "far" / "frames").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("place", [".", "..", "/", "{}"])
def test_a_folder_in_use_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(EncodeError, match="folder in use"):
        check_folder_place(Path(place.format(tmp_path)))


def test_what_takes_hours_to_make_is_put_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for there in ("empty", "file"):
        with pytest.raises(EncodeError, match=f"{there}: exists already. Choose another --output, or move it away"):
            check_new_folder(tmp_path / there)
    with pytest.raises(EncodeError, match="cannot be written"):
        check_new_folder(tmp_path / "file" / "model")
    check_new_folder(tmp_path / "new" / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_place_that_takes_no_file_is_found_out_by_trying() -> None:
    for check in (check_file_place, check_folder_place):
        with pytest.raises(EncodeError, match="/proc/x: cannot be written"):
            check(Path("/proc/x"))


def test_a_file_above_the_place_and_an_impossible_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EncodeError, match="cannot be written"):
        check_file_place(tmp_path / "file" / "out.mp4")
    with pytest.raises(EncodeError, match="NUL"):
        check_file_place(tmp_path / "a\0b.mp4")
    with pytest.raises(EncodeError, match="is a file, and a model's folder is to be written"):
        check_folder_place(tmp_path / "file", what="a model's folder")
    with (
        pytest.raises(EncodeError, match="is a file, and a folder is to be written"),
        replacing_folder(tmp_path / "file"),
    ):
        pass
