"""What outer headers announce, on real files and on crafted ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pose_tracking.container_headers import read_container_header
from tests.pose_tracking.drawn_clips import write_clip


def box(kind: bytes, content: bytes = b"", *, size: int | None = None) -> bytes:
    return struct.pack(">I4s", 8 + len(content) if size is None else size, kind) + content


def sample_sizes(count: int) -> bytes:
    return box(b"stsz", struct.pack(">III", 0, 1, count))


def in_table(*boxes: bytes) -> bytes:
    content = b"".join(boxes)
    for kind in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        content = box(kind, content)
    return content


def num_samples(tmp_path: Path, content: bytes) -> int:
    (tmp_path / "crafted.mp4").write_bytes(content)
    return read_container_header(tmp_path / "crafted.mp4").num_samples


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", {}),
        ("fragmented.mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
        ("plain.mov", {}),
    ],
)
def test_counts_the_samples_of_real_files(tmp_path: Path, name: str, options: dict[str, dict[str, str]]) -> None:
    path = write_clip(tmp_path / name, num_frames=20, container_options=options.get("container_options"))
    header = read_container_header(path)
    assert header.num_samples == 20
    assert header.num_bytes == path.stat().st_size


@pytest.mark.parametrize(
    ("name", "codec"), [("plain.mkv", "libx264"), ("plain.webm", "libvpx-vp9"), ("plain.avi", "mpeg4")]
)
def test_knows_how_long_a_file_should_be(tmp_path: Path, name: str, codec: str) -> None:
    path = write_clip(tmp_path / name, codec=codec)
    size = path.stat().st_size
    assert read_container_header(path).num_bytes == size
    path.write_bytes(path.read_bytes()[: size // 2])
    assert read_container_header(path).num_bytes == size


def test_live_matroska_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "live.mkv", container_options={"live": "1"})
    assert read_container_header(path).num_bytes == 0


def test_counts_all_tracks_and_fragments(tmp_path: Path) -> None:
    fragment = box(b"moof", box(b"traf", box(b"trun", struct.pack(">II", 0, 30))))
    assert num_samples(tmp_path, in_table(sample_sizes(5)) + in_table(sample_sizes(7)) + fragment) == 42


def test_a_broken_box_hides_nothing_behind_its_parent(tmp_path: Path) -> None:
    broken = box(b"free", size=3)
    assert num_samples(tmp_path, in_table(broken) + in_table(sample_sizes(10**9))) == 10**9


def test_sizes_beyond_the_file_and_64_bit_sizes_are_walked(tmp_path: Path) -> None:
    large = struct.pack(">I4sQ", 1, b"free", 20) + b"1234"
    assert num_samples(tmp_path, large + in_table(sample_sizes(9))) == 9
    table = in_table(sample_sizes(9))
    assert num_samples(tmp_path, struct.pack(">I", 2**31) + table[4:]) == 9


def test_a_flood_of_boxes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="boxes"):
        num_samples(tmp_path, box(b"free") * 500_001)


@pytest.mark.parametrize("content", [b"", b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\x81", b"RIFF", b"abc", b"\0" * 100])
def test_stumps_announce_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "stump").write_bytes(content)
    header = read_container_header(tmp_path / "stump")
    assert (header.num_samples, header.num_bytes) == (0, 0)
