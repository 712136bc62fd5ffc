from __future__ import annotations

import json
import os
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animator.encoding import encode, provenance_metadata
from animator.errors import JobError, PhotoError
from animator.inspection import inspect_file
from animator.origin import find_origin
from animator.progress import SilentProgress
from animator.sidecar import FORMAT
from pose_tracking.errors import ClipError, PipelineError, TrackingError
from pose_tracking.frame import Frame
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17

SILENT = SilentProgress()


def written(path: Path, *, num_frames: int = 12) -> Path:
    frames = (
        Frame(pixels_HWC=np.full((96, 64, 3), 9 * index, np.uint8), time_s=index / 10, index=index)
        for index in range(num_frames)
    )
    metadata = provenance_metadata(generator="puppet", source_type="compositeSynthetic", fingerprint="abc")
    return encode(frames, path, fps=Fraction(10), metadata=metadata).path


def test_a_clip_is_counted_not_believed(tmp_path: Path) -> None:
    inspection = inspect_file(written(tmp_path / "clip.mp4"), progress=SILENT)
    assert (inspection.kind, inspection.problems) == ("clip", ())
    facts = inspection.facts
    assert (facts["width"], facts["height"], facts["fps"], facts["num_frames"]) == (64, 96, 10.0, 12)
    assert (facts["duration_s"], facts["codec"], facts["has_audio"]) == (pytest.approx(1.2), "h264", False)


def test_the_problem_of_a_damaged_clip_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.mp4", num_frames=60)
    content = path.read_bytes()
    path.write_bytes(content[: 4 * len(content) // 5])
    inspection = inspect_file(path, progress=SILENT)
    assert inspection.facts["num_frames"] < 60
    assert "cut off before its end" in inspection.problems[0]


@pytest.mark.parametrize("name", ["result.webp", "result"])
def test_pictures_in_a_row_are_counted_and_timed_where_they_have_times(tmp_path: Path, name: str) -> None:
    inspection = inspect_file(written(tmp_path / name), progress=SILENT)
    assert inspection.kind == "pictures"
    timed = {"fps": 10.0, "duration_s": 1.2, "even_frame_times": True} if name.endswith(".webp") else {}
    assert inspection.facts == {"width": 64, "height": 96, "num_frames": 12, **timed}


def test_uneven_times_of_an_animation_are_told(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (80, 80), color) for color in ("red", "green", "blue")]
    pictures[0].save(tmp_path / "a.webp", save_all=True, append_images=pictures[1:], duration=[100, 300, 200])
    facts = inspect_file(tmp_path / "a.webp", progress=SILENT).facts
    assert (facts["duration_s"], facts["fps"], facts["even_frame_times"]) == (0.6, 5.0, False)


def test_a_photo_is_inspected_up_to_the_size_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3_500_000)  # Pillow refuses what has twice as many
    Image.new("L", (3000, 2500)).save(tmp_path / "phone.jpg")
    facts = inspect_file(tmp_path / "phone.jpg", progress=SILENT).facts
    assert (facts["width"], facts["height"], facts["format"]) == (3000, 2500, "JPEG")


def test_a_photo_that_moves_is_told(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (80, 80), color) for color in ("red", "blue")]
    pictures[0].save(tmp_path / "a.png", save_all=True, append_images=pictures[1:])
    inspection = inspect_file(tmp_path / "a.png", progress=SILENT)
    assert inspection.kind == "photo"
    assert inspection.problems[0] == "holds several pictures; only the first one is used as photo"


@pytest.mark.parametrize("name", ["result.mp4", "result.webp", "result.gif", "result"])
def test_a_result_says_that_it_was_generated(tmp_path: Path, name: str) -> None:
    provenance = find_origin(written(tmp_path / name)).mark
    assert provenance["digital_source_type"].endswith("/compositeSynthetic")
    assert (provenance["generator"], provenance["fingerprint"]) == ("puppet", "abc")


def test_a_file_without_a_mark_says_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (80, 80)).save(tmp_path / "plain.png")
    assert find_origin(tmp_path / "plain.png").mark == {}


def test_a_photo_is_told_upright_with_its_orientation_and_transparency(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    Image.new("RGB", (200, 100), "white").save(tmp_path / "photo.jpg", exif=exif)
    inspection = inspect_file(tmp_path / "photo.jpg", progress=SILENT)
    assert inspection.kind == "photo"
    facts = inspection.facts
    assert (facts["width"], facts["height"], facts["exif_orientation"]) == (100, 200, 6)
    assert (facts["format"], facts["transparency"], facts["people"]) == ("JPEG", False, 0)
    assert inspection.problems == (
        "nobody was found; show a person from head to at least the waist, large enough in the photo",
    )


def test_transparency_is_told(tmp_path: Path) -> None:
    Image.new("RGBA", (80, 90), (255, 0, 0, 128)).save(tmp_path / "photo.png")
    assert inspect_file(tmp_path / "photo.png", progress=SILENT).facts["transparency"] is True


@pytest.mark.parametrize("name", ["still.gif", "still.webp"])
def test_a_gif_or_webp_of_one_picture_is_a_photo(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (80, 90), "white").save(tmp_path / name)
    assert inspect_file(tmp_path / name, progress=SILENT).kind == "photo"


def test_a_moving_gif_is_a_clip(tmp_path: Path) -> None:
    assert inspect_file(written(tmp_path / "result.gif"), progress=SILENT).kind == "clip"


@pytest.mark.parametrize("ending", [".npz", ".json"])
def test_poses_are_told_with_what_is_missing(tmp_path: Path, ending: str) -> None:
    keypoints = np.full((4, 17, 2), 5.0)
    keypoints[1] = np.nan
    poses = PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=np.ones((4, 17)),
        times_s_T=np.arange(4) / 2,
        skeleton=COCO_17,
        frame_size=(64, 96),
    )
    inspection = inspect_file(poses.save(tmp_path / f"poses{ending}"), progress=SILENT)
    assert inspection.kind == "poses"
    facts = inspection.facts
    assert (facts["skeleton"], facts["num_frames"], facts["fps"]) == ("coco-17", 4, 2.0)
    assert (facts["frame_width"], facts["frame_height"], facts["most_people"]) == (64, 96, 1)
    assert (facts["frames_with_person"], facts["coverage"]) == (3, 0.75)
    assert inspection.problems == ("nobody in 1 of 4 frames",)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("clip.mp4", b"no clip", ClipError),
        ("photo.png", b"no photo", PhotoError),
        ("still.webp", b"no photo", PhotoError),
        ("poses.npz", b"no poses", TrackingError),
        ("poses.json", b"{}", TrackingError),
        ("unknown.xyz", b"anything", ClipError),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(
    tmp_path: Path, name: str, content: bytes, error: type[Exception]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=name):
        inspect_file(tmp_path / name, progress=SILENT)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="without PNG pictures or poses"):
        inspect_file(tmp_path, progress=SILENT)


@pytest.mark.parametrize(
    ("name", "content", "command"),
    [
        ("a job.toml", 'photo = "me.jpg"', "animator render '{}' --dry-run"),
        ("jobs.csv", "photo,clip,output", "animator render {} --dry-run"),
        ("out.mp4.json", json.dumps({"format": FORMAT}), "animator inspect {}"),
        ("out.job/job.json", "{}", "animator jobs status {}"),
        ("me/manifest.json", "{}", "animator models inspect {}"),
    ],
)
def test_what_another_command_looks_at_is_told_with_that_command(
    tmp_path: Path, name: str, content: str, command: str
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    (file.parent / "unet").mkdir()
    given = file if file.parent == tmp_path else file.parent
    named = given.with_suffix("") if name == "out.mp4.json" else given
    with pytest.raises(JobError) as caught:
        inspect_file(given, progress=SILENT)
    assert str(caught.value).endswith(command.format(named))


@pytest.mark.parametrize("name", ["a.webp", "a.gif", "a.json", "a.png", "a.mp4", "a.npz"])
def test_a_pipe_is_refused_instead_of_waited_on(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(PipelineError, match="pipe"):
        inspect_file(tmp_path / name, progress=SILENT)


def test_pipes_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    folder = written(tmp_path / "result")
    os.mkfifo(folder / "0.png")
    os.mkfifo(folder / "a.json")
    assert inspect_file(folder, progress=SILENT).facts["num_frames"] == 12
    assert find_origin(folder).mark["generator"] == "puppet"


def test_an_unrelated_json_file_does_not_make_a_folder_of_pictures_one_of_poses(tmp_path: Path) -> None:
    folder = written(tmp_path / "result")
    (folder / "notes.json").write_text('{"title": "mine"}')
    assert inspect_file(folder, progress=SILENT).kind == "pictures"


def test_a_folder_of_openpose_files_is_poses(tmp_path: Path) -> None:
    keypoints = [value for place in range(18) for value in (10.0 + place, 20.0, 0.9)]
    for index in range(3):
        person = {"pose_keypoints_2d": keypoints}
        (tmp_path / f"frame_{index}.json").write_text(json.dumps({"people": [person] * index}))
    inspection = inspect_file(tmp_path, progress=SILENT)
    assert inspection.kind == "poses"
    facts = inspection.facts
    assert (facts["skeleton"], facts["num_frames"], facts["most_people"]) == ("openpose-18", 3, 2)
    assert (facts["fps"], facts["frame_width"], facts["frames_with_person"]) == (None, None, 2)
    assert inspection.problems[1].startswith("up to 2 people")


@pytest.mark.dev_media
@pytest.mark.parametrize("name", ["skier_coco17.json", "squats_blazepose33.json"])
def test_pose_files_that_a_render_reads_are_told(dev_media: Path, name: str) -> None:
    assert inspect_file(dev_media / "poses" / name, progress=SILENT).kind == "poses"


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_pictures_that_claim_to_be_huge_are_refused_by_name(tmp_path: Path, ending: str) -> None:
    head = {
        ".gif": b"GIF89a\xff\xff\xff\xff\x00\x00\x00",
        ".webp": b"RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\xff\xff\x00\xff\xff\x00",
    }
    path = tmp_path / f"huge{ending}"
    path.write_bytes(head[ending] + b"\x2c\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x44\x01\x00;")
    with pytest.raises(PipelineError, match=f"huge{ending}: "):
        inspect_file(path, progress=SILENT)


def test_a_folder_whose_first_picture_is_huge_is_refused_by_name(tmp_path: Path) -> None:
    Image.new("L", (64, 64)).save(tmp_path / "000000.png")
    content = bytearray((tmp_path / "000000.png").read_bytes())
    content[16:24] = b"\x00\x01\x00\x00" * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "000000.png").write_bytes(content)
    with pytest.raises(PhotoError, match=r"000000\.png: cannot be read as a picture"):
        inspect_file(tmp_path, progress=SILENT)


def test_a_file_of_no_kind_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("hello")
    with pytest.raises(ClipError, match=r"^notes\.md: neither clip, photo, poses nor a result; as a clip: "):
        inspect_file(tmp_path / "notes.md", progress=SILENT)
    for name in ("nowhere.md", "cut.mp4"):
        (tmp_path / "cut.mp4").write_text("hello")
        with pytest.raises(ClipError) as caught:
            inspect_file(tmp_path / name, progress=SILENT)
        assert "neither" not in str(caught.value)
