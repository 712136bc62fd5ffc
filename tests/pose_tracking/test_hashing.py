"""Files are known again by their bytes, several of them also by their names and order."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from pose_tracking.hashing import file_sha256, files_sha256


@pytest.mark.parametrize("num_bytes", [0, 10, (1 << 20) + 7])
def test_the_hash_of_a_file_is_that_of_all_its_bytes(tmp_path: Path, num_bytes: int) -> None:
    content = bytes(range(250)) * (num_bytes // 250 + 1)
    (tmp_path / "file").write_bytes(content[:num_bytes])
    assert file_sha256(tmp_path / "file") == sha256(content[:num_bytes]).hexdigest()


def test_several_files_are_told_from_others_by_bytes_names_and_order(tmp_path: Path) -> None:
    for name, content in {"a": b"one", "b": b"two", "c": b"one"}.items():
        (tmp_path / name).write_bytes(content)
    a, b, c = (tmp_path / name for name in "abc")
    lines = f"a {sha256(b'one').hexdigest()}\nb {sha256(b'two').hexdigest()}\n"
    assert files_sha256([a, b]) == sha256(lines.encode()).hexdigest()
    assert len({files_sha256(files) for files in ([a, b], [b, a], [c, b], [a], [])}) == 5


def test_a_file_that_is_not_there_is_the_caller_s_to_explain(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files_sha256([tmp_path / "gone"])
