from __future__ import annotations

import os
import resource
import weakref
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from animator.encoding import (
    AudioSource,
    EncodeConfig,
    check_output,
    encode,
    open_encoder,
    provenance_metadata,
)
from animator.encoding.images import write_png
from animator.errors import DiskError, EncodeError
from pose_tracking.frame import Frame

MakeFilm = Callable[..., list[Frame]]
OUTPUTS = ["out.mp4", "out.gif", "out.webp", "out"]


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def content_of(path: Path) -> list[bytes]:
    return [file.read_bytes() for file in (sorted(path.iterdir()) if path.is_dir() else [path])]


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("num_frames", [1, 2, 9])
def test_frames_become_one_file_and_nothing_else(
    tmp_path: Path, make_film: MakeFilm, name: str, num_frames: int
) -> None:
    result = encode(make_film(num_frames), tmp_path / name, fps=20)
    assert result.path == tmp_path / name
    assert result.num_frames == num_frames
    assert result.duration_s == pytest.approx(num_frames / 20)
    assert names_in(tmp_path) == [name]


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_frames_is_an_error_that_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(EncodeError, match="no frames"):
        encode([], tmp_path / name, fps=25)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("trouble", [RuntimeError("generator died"), OSError(28, "not ours"), KeyboardInterrupt()])
@pytest.mark.parametrize("good_frames", [0, 4])
def test_trouble_in_the_frames_passes_through_and_leaves_nothing(
    tmp_path: Path, make_film: MakeFilm, name: str, trouble: BaseException, good_frames: int
) -> None:
    def frames() -> Iterator[Frame]:
        yield from make_film(good_frames)
        raise trouble

    with pytest.raises(type(trouble)) as caught:
        encode(frames(), tmp_path / name, fps=25)
    assert caught.value is trouble
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out.webp"])
def test_failed_render_keeps_the_earlier_file(tmp_path: Path, make_film: MakeFilm, name: str) -> None:
    (tmp_path / name).write_bytes(b"from yesterday")

    def frames() -> Iterator[Frame]:
        yield from make_film(3)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        encode(frames(), tmp_path / name, fps=25)
    assert (tmp_path / name).read_bytes() == b"from yesterday"
    encode(make_film(3), tmp_path / name, fps=25)
    assert (tmp_path / name).read_bytes() != b"from yesterday"
    assert names_in(tmp_path) == [name]


@pytest.mark.parametrize("name", OUTPUTS)
def test_frames_of_several_sizes_are_refused(tmp_path: Path, make_film: MakeFilm, name: str) -> None:
    with pytest.raises(EncodeError, match="frame 2 is 32x48 px, the ones before 64x48"):
        encode([*make_film(2), *make_film(1, width=32)], tmp_path / name, fps=25)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", OUTPUTS)
def test_memory_holds_few_frames_at_a_time(tmp_path: Path, name: str) -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def frames() -> Iterator[Frame]:
        nonlocal most
        for index in range(60):
            pixels = np.full((32, 32, 3), index * 4, np.uint8)
            alive.append(weakref.ref(pixels))
            most = max(most, sum(ref() is not None for ref in alive))
            yield Frame(pixels_HWC=pixels, time_s=0.0, index=index)

    encode(frames(), tmp_path / name, fps=25)
    assert most <= 3


@pytest.mark.parametrize("name", OUTPUTS)
def test_full_disk_is_named_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0)
    frames = (
        Frame(pixels_HWC=noise.integers(0, 255, (240, 320, 3), dtype=np.uint8), time_s=0.0, index=index)
        for index in range(40)
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(DiskError, match="the disk took no more data"):
            encode(frames, tmp_path / name, fps=25)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", OUTPUTS)
def test_place_that_cannot_be_written_is_refused_before_the_first_frame(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")

    def frames() -> Iterator[Frame]:
        raise AssertionError("a frame was made in vain")
        yield

    with pytest.raises(EncodeError, match="cannot be written"):
        encode(frames(), tmp_path / "file" / name, fps=25)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission_is_refused(tmp_path: Path, make_film: MakeFilm) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(EncodeError, match="Permission denied"):
        encode(make_film(1), tmp_path / "out.mp4", fps=25)


def test_missing_folders_are_made(tmp_path: Path, make_film: MakeFilm) -> None:
    assert encode(make_film(1), tmp_path / "a" / "b" / "out.mp4", fps=25).path.is_file()


def test_folder_in_the_place_of_the_file_is_refused(tmp_path: Path, make_film: MakeFilm) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(EncodeError, match="is not a file"):
        encode(make_film(1), tmp_path / "out.mp4", fps=25)


MARK = provenance_metadata(generator="puppet", source_type="compositeSynthetic")


def test_pictures_of_an_earlier_render_are_replaced(tmp_path: Path, make_film: MakeFilm) -> None:
    encode(make_film(3), tmp_path / "out", fps=25, metadata=MARK)
    (tmp_path / "out").chmod(0o750)
    encode(make_film(2), tmp_path / "out", fps=25, metadata=MARK)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["000000.png", "000001.png"]
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("foreign", ["notes.txt", "000007.png", "000008.png", "IMG_1.png"])
def test_a_folder_that_holds_anything_else_is_left_alone(tmp_path: Path, make_film: MakeFilm, foreign: str) -> None:
    folder = tmp_path / "out"
    encode(make_film(2), folder, fps=25, metadata=MARK)
    if foreign == "000008.png":
        write_png(folder / foreign, make_film(1)[0].pixels_HWC)  # a picture, but not one that says it is ours
    else:
        (folder / foreign).write_bytes(b"the only copy")
    before = content_of(folder)
    with pytest.raises(EncodeError, match=f"already holds something else.*{foreign}"):
        encode(make_film(1), folder, fps=25, metadata=MARK)
    assert content_of(folder) == before


def test_a_file_in_the_place_of_a_folder_of_pictures_is_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"the only copy")
    with pytest.raises(EncodeError, match="out: is a file, and a folder of pictures is to be written"):
        check_output(tmp_path / "out", fps=25)


def test_a_file_that_comes_while_pictures_are_written_is_kept(tmp_path: Path, make_film: MakeFilm) -> None:
    folder = tmp_path / "out"
    encode(make_film(2), folder, fps=25, metadata=MARK)
    with pytest.raises(EncodeError, match="already holds something else"):
        encode(_joined_by(folder / "notes.txt", make_film(2)), folder, fps=25, metadata=MARK)
    assert sorted(path.name for path in folder.iterdir()) == ["000000.png", "000001.png", "notes.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _joined_by(file: Path, frames: list[Frame]) -> Iterator[Frame]:
    """The frames; with the second one a file appears."""
    yield frames[0]
    file.write_text("mine")
    yield from frames[1:]


def test_check_output_says_what_encode_would_say_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "d.mp4").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    for name, complaint in (("x.avi", "cannot write .avi"), ("d.mp4", "is not a file"), ("full", "notes.txt")):
        with pytest.raises(EncodeError, match=complaint):
            check_output(tmp_path / name, fps=25)
    with pytest.raises(EncodeError, match=r"0\.001 frames/s"):
        check_output(tmp_path / "out.mp4", fps=Fraction(1, 1000))
    with pytest.raises(EncodeError, match="is an input"):
        check_output(tmp_path / "out.mp4", fps=25, inputs=[tmp_path / "out.mp4"])
    check_output(tmp_path / "new" / "out.mp4", fps=25)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.mp4", "full"]


@pytest.mark.parametrize("link", ["same name", "symbolic link", "hard link", "dotted way"])
def test_an_input_is_never_overwritten(tmp_path: Path, make_film: MakeFilm, link: str) -> None:
    photo = tmp_path / "photo.webp"
    photo.write_bytes(b"the only copy")
    output = tmp_path / "out.webp"
    if link == "same name":
        output = photo
    elif link == "symbolic link":
        output.symlink_to(photo)
    elif link == "hard link":
        output.hardlink_to(photo)
    else:
        output = tmp_path / ".." / tmp_path.name / "photo.webp"
    with pytest.raises(EncodeError, match="is an input"):
        encode(make_film(1), output, fps=25, inputs=[photo])
    assert photo.read_bytes() == b"the only copy"


def test_the_driving_clip_is_never_overwritten(tmp_path: Path, make_film: MakeFilm) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"the only copy")
    config = EncodeConfig(keep_audio=False)
    with pytest.raises(EncodeError, match="is an input"):
        encode(make_film(1), clip, config, fps=25, audio=AudioSource(path=clip))


@pytest.mark.parametrize("name", ["out.avi", "out.mov", "out.png", "out.MP3"])
def test_unknown_ending_is_refused_with_the_choices(tmp_path: Path, make_film: MakeFilm, name: str) -> None:
    with pytest.raises(EncodeError, match=r"\.mp4, \.gif or \.webp"):
        encode(make_film(1), tmp_path / name, fps=25)


def test_an_ending_alone_is_no_name_of_a_folder(tmp_path: Path, make_film: MakeFilm) -> None:
    with pytest.raises(EncodeError, match=r"such as out\.mp4"):
        encode(make_film(1), tmp_path / ".mp4", fps=25)


def test_ending_is_read_in_any_case(tmp_path: Path, make_film: MakeFilm) -> None:
    assert encode(make_film(2), tmp_path / "OUT.GIF", fps=25).path.read_bytes().startswith(b"GIF89a")


def test_ending_that_contradicts_the_format_is_refused(tmp_path: Path, make_film: MakeFilm) -> None:
    with pytest.raises(EncodeError, match=r"ends in \.gif, but the format asked for is mp4"):
        encode(make_film(1), tmp_path / "out.gif", EncodeConfig(format="mp4"), fps=25)


@pytest.mark.parametrize("fps", [0, -25, 5000])
def test_impossible_rate_is_refused(tmp_path: Path, make_film: MakeFilm, fps: int) -> None:
    with pytest.raises(EncodeError, match="frames/s"):
        encode(make_film(1), tmp_path / "out.mp4", fps=fps)


@pytest.mark.parametrize("name", ["out.gif", "out.webp", "out"])
def test_formats_without_sound_say_so(tmp_path: Path, make_film: MakeFilm, name: str) -> None:
    source = AudioSource(path=tmp_path / "clip.mp4")
    result = encode(make_film(2), tmp_path / name, fps=25, audio=source)
    assert "holds no sound" in result.warnings[0]
    quiet = encode(make_film(2), tmp_path / f"2{name}", EncodeConfig(keep_audio=False), fps=25, audio=source)
    assert quiet.warnings == ()


def test_pushed_frames_give_the_same_file_as_pulled_ones(tmp_path: Path, make_film: MakeFilm) -> None:
    encode(make_film(5), tmp_path / "pulled.mp4", fps=25)
    with open_encoder(tmp_path / "pushed.mp4", fps=25) as encoder:
        for frame in make_film(5):
            encoder.write(frame)
        assert not (tmp_path / "pushed.mp4").exists()
    assert encoder.result.num_frames == 5
    assert (tmp_path / "pushed.mp4").read_bytes() == (tmp_path / "pulled.mp4").read_bytes()


@pytest.mark.parametrize("wrong", [{"crf": 0}, {"crf": 52}, {"preset": "warp"}, {"format": "avi"}, {"quality": 3}])
def test_config_refuses_what_it_does_not_know(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        EncodeConfig(**wrong)
