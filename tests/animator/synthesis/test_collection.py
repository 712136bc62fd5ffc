"""Folders of clips and pairs: a true manifest, runs taken up again, other settings refused."""

import dataclasses
import json
from pathlib import Path

import pytest

from animator.errors import JobError
from animator.synthesis import collection
from animator.synthesis.collection import Collection, write_many
from animator.synthesis.export import ExportOptions
from animator.synthesis.take import TakeOptions

SMALL = ExportOptions(take=TakeOptions(height=64, width=48, num_frames=1), maps=False)


class Stopped(BaseException):
    """As a signal would."""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds of the clips that were rendered; nothing is drawn, seed 9 is where a signal comes."""
    seeds: list[int] = []

    def write(seed: int, output: Path, options: ExportOptions) -> list[Path]:
        output.with_name(f".{output.name}.0a.tmp").touch()
        if seed == 9:
            raise Stopped
        output.with_name(f".{output.name}.0a.tmp").rename(output)
        seeds.append(seed)
        return [output]

    monkeypatch.setattr(collection, "write_clip", write)
    return seeds


def listed(folder: Path) -> list[int]:
    return [entry["seed"] for entry in json.loads((folder / "manifest.json").read_text())["clips"]]


def test_folder_of_clips_has_a_manifest(tmp_path: Path) -> None:
    done: list[int] = []
    manifest = write_many("clips", tmp_path, 2, SMALL, seed=5, advance=done.append)
    about = json.loads(manifest.read_text())
    assert [entry["seed"] for entry in about["clips"]] == [5, 6]
    assert all((tmp_path / name).is_file() for entry in about["clips"] for name in entry["files"])
    assert (about["size"], about["num_frames"], about["fps"], about["crf"], about["split"]) == (
        [48, 64], 1, 25.0, 14, "train",
    )  # fmt: skip
    assert done == [1, 1]


def test_a_run_that_was_stopped_goes_on_where_it_stopped(tmp_path: Path, made: list[int]) -> None:
    with pytest.raises(Stopped):
        write_many("clips", tmp_path, 4, SMALL, seed=7)
    assert listed(tmp_path) == [7, 8]
    assert not list(tmp_path.glob(".*"))
    made.clear()
    advanced: list[int] = []
    write_many("clips", tmp_path, 4, SMALL, seed=5, advance=advanced.append)
    assert made == [5, 6]
    assert advanced == [2, 1, 1]
    assert listed(tmp_path) == [5, 6, 7, 8]


def test_a_clip_that_was_deleted_is_made_again(tmp_path: Path, made: list[int]) -> None:
    write_many("clips", tmp_path, 3, SMALL, seed=0)
    made.clear()
    (tmp_path / "clip_000001.mp4").unlink()
    write_many("clips", tmp_path, 3, SMALL, seed=0)
    assert made == [1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"crf": 20}, "crf 14 there, 20 now"),
        ({"maps": True}, "maps False there, True now"),
        ({"take": dataclasses.replace(SMALL.take, width=64)}, "size 48x64 there, 64x64 now"),
        ({"take": dataclasses.replace(SMALL.take, split="held-out")}, "split train there, held-out now"),
        ({"take": dataclasses.replace(SMALL.take, fps=12.0)}, "fps 25.0 there, 12.0 now"),
        ({"take": dataclasses.replace(SMALL.take, num_frames=2)}, "num_frames 1 there, 2 now"),
    ],
)
def test_other_settings_are_refused_and_named(tmp_path: Path, made: list[int], change: dict, reason: str) -> None:
    write_many("clips", tmp_path, 1, SMALL, seed=0)
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(JobError, match=reason):
        write_many("clips", tmp_path, 1, dataclasses.replace(SMALL, **change), seed=1)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_other_wardrobes_and_motions_are_other_settings(tmp_path: Path, made: list[int]) -> None:
    for name in ("hair/cap", "clothes/shoes01"):
        (tmp_path / "wardrobe" / name).mkdir(parents=True)
    (tmp_path / "wardrobe" / "hair" / "cap" / "cap.obj").write_text("v 0 0 0")
    options = dataclasses.replace(SMALL, take=dataclasses.replace(SMALL.take, wardrobe=tmp_path / "wardrobe"))
    write_many("clips", tmp_path / "clips", 1, options, seed=0)
    with pytest.raises(JobError, match=r"wardrobe \w{16} there, none now"):
        write_many("clips", tmp_path / "clips", 1, SMALL, seed=1)
    (tmp_path / "wardrobe").rename(tmp_path / "elsewhere")
    moved = dataclasses.replace(SMALL, take=dataclasses.replace(SMALL.take, wardrobe=tmp_path / "elsewhere"))
    write_many("clips", tmp_path / "clips", 2, moved, seed=0)
    assert made == [0, 1]


def test_folders_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JobError, match="is a file; clips go into a folder"):
        Collection.open("clips", tmp_path / "file", SMALL)
    (tmp_path / "manifest.json").write_text("[1]")
    with pytest.raises(JobError, match="is no manifest of rendered clips"):
        Collection.open("clips", tmp_path, SMALL)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "clip_000000.mp4").touch()
    with pytest.raises(JobError, match=r"holds clips but no manifest\.json"):
        Collection.open("clips", tmp_path / "old", SMALL)


def test_opening_writes_nothing(tmp_path: Path) -> None:
    assert Collection.open("pairs", tmp_path / "new", SMALL).missing(range(3)) == [0, 1, 2]
    assert not (tmp_path / "new").exists()
