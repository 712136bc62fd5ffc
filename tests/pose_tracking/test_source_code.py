"""Other code has another hash, whatever its version number says."""

from pathlib import Path

from pose_tracking.source_code import source_sha256


def package(folder: Path, text: str, name: str = "code.py") -> Path:
    (folder / "package").mkdir(parents=True)
    (folder / "package" / name).write_text(text)
    return folder / "package"


def test_the_hash_follows_names_and_contents_and_not_the_place(tmp_path: Path) -> None:
    first = source_sha256(package(tmp_path / "a", "x = 1"))
    assert source_sha256(package(tmp_path / "b", "x = 1")) == first
    assert source_sha256(package(tmp_path / "c", "x = 2")) != first
    assert source_sha256(package(tmp_path / "d", "x = 1", name="other.py")) != first


def test_what_is_no_code_does_not_count(tmp_path: Path) -> None:
    folder = package(tmp_path / "a", "x = 1")
    (folder / "notes.txt").write_text("later")
    assert source_sha256(folder) == source_sha256(package(tmp_path / "b", "x = 1"))
