"""No room on the disk, no memory, no numbers: what a job does then, and how it goes on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from animator.conditioning.conditioning import Conditioner
from animator.config import RenderJob
from animator.errors import ModelError
from animator.generators import branches
from animator.generators.diffusion import DiffusionGenerator
from animator.jobs.folder import JobFolder
from animator.jobs.status import read_status
from animator.models import bases
from animator.models.vae import LatentCodec
from animator.pipeline import animate
from tests.animator.models.tiny import tiny_model
from tests.faults.tiny_job import TinyJob, decoded, left_behind, only_prepared
from tests.faults.warm import Warm

# The disk


@pytest.mark.parametrize("after", [0, 2, 4, 7, 12, 20, 40, 55, 85, 88])
def test_a_full_disk_ends_with_6_and_what_was_made_is_gone_on_from(
    warm: Warm, tiny: TinyJob, undisturbed: np.ndarray, finished: Path, tmp_path: Path, after: int
) -> None:
    folder, output = tmp_path / "job", tmp_path / "out.mp4"
    if after > 10:
        only_prepared(finished, folder)
    words = tiny.animate(output, folder)
    assert warm.run(words, log=tmp_path / "log", inject="full_disk", after=after) == 6, (tmp_path / "log").read_text()
    told = (tmp_path / "log").read_text()
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert left_behind(tmp_path) == []
    assert not output.exists() or np.array_equal(decoded(output), undisturbed)
    assert warm.run(words, log=tmp_path / "again") == 0, (tmp_path / "again").read_text()
    assert np.array_equal(decoded(output), undisturbed)
    print(f"\ndisk full after {after} steps: exit 6, resumed, same pictures")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_really_full_is_gone_on_from_when_there_is_room(
    warm: Warm, tiny: TinyJob, undisturbed: np.ndarray, small_disk: Path, tmp_path: Path
) -> None:
    words = tiny.animate(tmp_path / "out.mp4", small_disk / "job")
    assert warm.run(words, log=tmp_path / "log") == 6
    assert "the disk took no more data" in (tmp_path / "log").read_text()
    made = len(list(small_disk.glob("job/frames/*.png")))
    assert 0 < made < tiny.num_frames
    assert left_behind(small_disk) == []
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    assert warm.run(words, log=tmp_path / "log") == 0
    assert np.array_equal(decoded(tmp_path / "out.mp4"), undisturbed)
    print(f"\na disk of 200 kB: full after {made} frames, exit 6, resumed with more room, same pictures")


# Memory


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model().save(folder)
    return folder


def diffusion_job(tiny: TinyJob, model: Path, tmp_path: Path, **sampler: Any) -> RenderJob:
    canvas = {"width": None, "height": None}
    place = {"model": str(model), "output": tmp_path / "out.mp4", "device": "cpu", "end_s": 0.8, "canvas": canvas}
    return RenderJob.model_validate({**tiny.values, **place, "sampler": {"steps": 1, **sampler}})


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_out_of_memory_halves_the_batch_and_the_ledger_says_so(
    tiny: TinyJob, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    def scarce(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if len(inputs[0]) > limit:
            raise torch.OutOfMemoryError("simulated")

    opened = bases.open_base

    def open_base(*args: Any, **options: Any) -> Any:
        found = opened(*args, **options)
        found.unet.register_forward_pre_hook(scarce)
        return found

    monkeypatch.setattr(bases, "open_base", open_base)
    report = animate(diffusion_job(tiny, model, tmp_path, batch=8), folder=tmp_path / "job")
    assert (report.num_frames, report.partial) == (16, False)
    entry = json.loads((tmp_path / "job" / "chunks" / "000000-000015.json").read_text())
    notes = " ".join(entry["sittings"][0]["notes"])
    assert f"out of memory with {2 * limit} frames at once: going on with {limit}" in notes
    assert any(f"going on with {limit}" in warning for warning in report.warnings)
    print(f"\nout of memory above {limit} frames at once: batch halved, recorded, 16 of 16 frames")


# Numbers


STAGES: dict[str, tuple[Any, str]] = {
    "pose map": (DiffusionGenerator, "_pose_maps"),
    "warp": (Conditioner, "warp_channels"),
    "noise": (DiffusionGenerator, "_noise"),
    "prediction": (branches, "predict"),
    "picture": (LatentCodec, "decode"),
}


def spoil(monkeypatch: pytest.MonkeyPatch, stage: str, frames: range) -> None:
    """Put NaN into one stage of these frames, whenever they are made."""
    in_hand: list[int] = []
    owner, name = STAGES[stage]
    whole, part = DiffusionGenerator._pixels, getattr(owner, name)

    def watched(self: Any, windows: Any, *more: Any) -> Any:
        in_hand[:] = [window.center for window in windows]
        return whole(self, windows, *more)

    def spoiled(*arguments: Any, **options: Any) -> torch.Tensor:
        values = part(*arguments, **options).clone()
        assert len(values) == len(in_hand)
        values[[place for place, center in enumerate(in_hand) if center in frames]] = float("nan")
        return values

    monkeypatch.setattr(DiffusionGenerator, "_pixels", watched)
    monkeypatch.setattr(owner, name, spoiled)


@pytest.fixture(scope="module")
def sound(tiny: TinyJob, model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """The pictures of a render that nothing happened to."""
    folder = tmp_path_factory.mktemp("sound")
    job = diffusion_job(tiny, model, folder, batch=4).model_copy(update={"output": folder / "out"})
    return pictures(animate(job).path)


def pictures(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]


@pytest.mark.parametrize(("stage", "is_kept"), [*((stage, True) for stage in STAGES), ("picture", False)])
def test_nan_in_one_frame_leaves_a_gap_and_never_a_black_frame(
    tiny: TinyJob,
    model: Path,
    sound: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    is_kept: bool,
) -> None:
    job = diffusion_job(tiny, model, tmp_path, batch=4).model_copy(update={"output": tmp_path / "out"})
    spoil(monkeypatch, stage, range(5, 6))
    folder = tmp_path / "job" if is_kept else None
    report = animate(job, folder=folder)
    assert (report.gaps, report.partial, report.num_frames) == ((5,), True, 16)
    assert any("1 frame could not be made (5)" in warning for warning in report.warnings)
    for index, (expected, got) in enumerate(zip(sound, pictures(job.output), strict=True)):
        assert np.array_equal(got, sound[4] if index == 5 else expected)
    if folder is not None:
        assert not JobFolder(folder).frame(5).exists()
        assert (read_status(JobFolder(folder)).state, read_status(JobFolder(folder)).gaps) == ("partial", (5,))
        monkeypatch.undo()
        assert animate(job, folder=folder).gaps == ()
        assert read_status(JobFolder(folder)).state == "done"
    print(f"\nNaN in the {stage} of 1 of 16 frames: the picture before is held, 15 frames as ever, partial")


def test_nan_everywhere_is_the_model_s_fault_and_leaves_no_result(
    tiny: TinyJob, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, "picture", range(100))
    job = diffusion_job(tiny, model, tmp_path)
    for folder in (None, tmp_path / "job"):
        with pytest.raises(ModelError, match="the decoded picture holds NaN"):
            animate(job, folder=folder)
        assert not job.output.exists()
    assert read_status(JobFolder(tmp_path / "job")).state == "failed"


def test_a_poisoned_frame_ends_with_7_and_everything_else_is_there(
    warm: Warm, tiny: TinyJob, undisturbed: np.ndarray, finished: Path, tmp_path: Path
) -> None:
    folder, output = only_prepared(finished, tmp_path / "job"), tmp_path / "out.mp4"
    words = tiny.animate(output, folder)
    assert warm.run(words, log=tmp_path / "log", inject="nan_in_frames", frames=[0, 1, 20], times=9) == 7
    assert "3 frames could not be made (0-1, 20)" in (tmp_path / "log").read_text()
    assert len(decoded(output)) == tiny.num_frames
    assert warm.run(["jobs", "resume", folder], log=tmp_path / "log") == 0
    assert np.array_equal(decoded(folder / "out.mp4"), undisturbed)


def test_what_fails_once_is_made_the_next_time(
    warm: Warm, tiny: TinyJob, undisturbed: np.ndarray, finished: Path, tmp_path: Path
) -> None:
    words = tiny.animate(tmp_path / "out.mp4", only_prepared(finished, tmp_path / "job"))
    assert warm.run(words, log=tmp_path / "log", inject="nan_in_frames", frames=[9], times=2) == 0
    assert np.array_equal(decoded(tmp_path / "out.mp4"), undisturbed)
