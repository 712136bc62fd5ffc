"""The whole way with the diffusion generator, on networks so small that they draw nothing anybody would know."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from animator.canvas import CanvasConfig
from animator.cli import main
from animator.config import RenderJob
from animator.encoding import read_provenance
from animator.generators.registry import choose_generator
from animator.models import bases
from animator.photo import read_photo
from animator.pipeline import animate, prepare_motion, track_clip
from animator.plan import plan_render, try_out
from animator.progress import Progress, SilentProgress
from animator.subject import Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.retargeting import retarget
from temporal.windows import pose_windows
from tests.animator.models.tiny import CANVAS, save_base, tiny_model

MEDIA = Path(__file__).parents[2] / "examples" / "media"
PORTRAIT, DANCE = MEDIA / "portrait.png", MEDIA / "dance.mp4"
MARKS = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in `tiny`, a base in `sd`."""
    folder = tmp_path_factory.mktemp("models")
    tiny_model().save(folder / "tiny")
    save_base(folder / "sd")
    return folder


@pytest.fixture
def models(made: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return shutil.copytree(made, tmp_path / "models")


def words(output: Path, *options: str) -> list[str]:
    return ["animate", str(PORTRAIT), str(DANCE), "-o", str(output), "--quiet", "--no-preview", *options]


def job(folder: Path, model: Path, **changes: Any) -> RenderJob:
    settings = {"photo": PORTRAIT, "clip": DANCE, "output": folder / "out.mp4", "model": str(model), "device": "cpu"}
    preview = {"contact_sheet": False, "side_by_side": False}
    return RenderJob.model_validate({**settings, "preview": preview, "sampler": {"steps": 1}, **changes})


def test_one_command_renders_on_the_model_s_canvas_and_says_how(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    options = ("--model", str(made / "tiny"), "--steps", "2", "--guidance-pose", "2", "--end", "0.2", "--json")
    assert main(words(output, *options)) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    info = DrivingClip.open(output).info
    assert (info.width, info.height, info.num_frames) == (*CANVAS, report["num_frames"])
    assert any("never trained on poses" in warning for warning in report["warnings"])
    mark = read_provenance(output)
    assert mark is not None
    assert (mark["generator"], mark["model"], mark["fingerprint"]) == ("diffusion", "tiny", report["fingerprint"])
    assert mark["digital_source_type"] == MARKS + "compositeWithTrainedAlgorithmicMedia"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "out.mp4.json"]


def test_frames_10_to_20_equal_frames_10_to_20_of_the_whole(made: Path, tmp_path: Path) -> None:
    each = job(tmp_path, made / "tiny", end_s=1.0, sampler={"steps": 1, "noise": "mixed"})
    chosen = choose_generator(each.generator, each.generator_settings(on_note=lambda _: None))
    clip = DrivingClip.open(each.clip, end_s=each.end_s)
    subject = Subject.from_photo(read_photo(each.photo), chosen.canvas, each.tracker)
    motion, _, _ = prepare_motion(clip, track_clip(clip, each.tracker, progress=SilentProgress()), each.motion)
    driving = retarget(motion, onto=subject.pose, config=each.retarget, canvas_size=chosen.canvas.size)
    windows = list(pose_windows(driving))
    whole = list(chosen.open().generate(windows, subject))
    part = list(chosen.open().generate(windows[10:20], subject))
    assert [frame.index for frame in part] == list(range(10, 20))
    for frame in part:
        np.testing.assert_array_equal(frame.pixels_HWC, whole[frame.index].pixels_HWC)
    assert not np.array_equal(part[0].pixels_HWC, part[-1].pixels_HWC)


def test_out_of_memory_goes_on_with_less_and_the_report_says_so(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scarce(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if len(inputs[0]) > 1:
            raise torch.OutOfMemoryError("simulated")

    opened = bases.open_base

    def open_base(*args: Any, **options: Any) -> Any:
        model = opened(*args, **options)
        model.unet.register_forward_pre_hook(scarce)
        return model

    monkeypatch.setattr(bases, "open_base", open_base)
    each = job(tmp_path, made / "tiny", end_s=0.2, sampler={"steps": 1, "batch": 2})
    report = animate(each)
    assert report.num_frames == DrivingClip.open(report.path).info.num_frames
    assert any("out of memory with 2 frames at once: going on with 1" in warning for warning in report.warnings)


def test_a_stable_diffusion_folder_renders_on_a_canvas_of_choice(made: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    options = ("--base", str(made / "sd"), "--canvas", "64x128", "--steps", "1", "--end", "0.1")
    assert main(words(output, *options)) == 0
    info = DrivingClip.open(output).info
    assert (info.width, info.height) == (64, 128)


# What bad input gets: nothing written, one line, the right code, and all of it before the clip is tracked.


def spoilt(models: Path, how: str) -> None:
    """Damage the models in `models`."""
    tiny, sd = models / "tiny", models / "sd"
    weights = tiny / "unet" / "diffusion_pytorch_model.safetensors"
    if how == "changed":
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    elif how == "pickle inside":
        (tiny / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x02never read")
    elif how == "pickled base":
        path = sd / "vae" / "diffusion_pytorch_model.safetensors"
        path.rename(path.with_suffix(".bin"))
    elif how == "pickle":
        (models / "me.pth").write_bytes(b"\x80\x02never read")
    elif how == "no image encoder":
        shutil.rmtree(sd / "image_encoder")
    elif how == "other shapes":
        path = sd / "unet" / "config.json"
        settings = json.loads(path.read_text())
        path.write_text(json.dumps({**settings, "block_out_channels": [24, 32]}))


def tracked_until_the_model_is_known(*_: object, progress: Progress, **__: object) -> None:
    """The model is opened while the clip is tracked: the next frame hears that it cannot serve."""
    with progress.stage("track") as stage:
        for _frame in range(600):
            time.sleep(0.1)
            stage.advance()
    pytest.fail("tracked to the end with a model that cannot serve")


@pytest.mark.parametrize(
    ("how", "options", "code", "line"),
    [
        ("", "--model tiny --canvas 256x320", 3, "made for 128x192 px"),
        ("", "--base sd --canvas 120x200", 3, "multiples of 64 px, for example 128x192"),
        ("", "--model nowhere", 4, "nowhere: no such folder"),
        ("", "--model tiny --device cuda:99", 5, "'cuda:99' is not there"),
        ("changed", "--model tiny", 4, "unet/diffusion_pytorch_model.safetensors was changed"),
        ("pickle inside", "--model tiny", 4, "diffusion_pytorch_model.bin is not in the manifest"),
        ("pickled base", "--base sd", 4, "is a pickle, which can run code"),
        ("pickle", "--model me.pth", 4, "is not opened"),
        ("no image encoder", "--base sd", 4, "image_encoder/ is missing"),
        ("no image encoder", "--base sd --image-encoder nowhere", 4, "nowhere: no such folder"),
        ("other shapes", "--base sd", 4, "unet"),
    ],
)
def test_a_model_that_cannot_serve_is_one_line_and_its_code(
    models: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    options: str,
    code: int,
    line: str,
) -> None:
    spoilt(models, how)
    monkeypatch.chdir(models)
    monkeypatch.setattr("animator.pipeline.track_clip", tracked_until_the_model_is_known)
    before = sorted(path.name for path in models.iterdir())
    assert main(words(Path("out.mp4"), *options.split())) == code
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert line in err
    assert sorted(path.name for path in models.iterdir()) == before


def test_offline_a_hub_id_that_is_not_cached_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "animator", *words(tmp_path / "out.mp4", "--base", "owner/never-fetched")]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 4, done.stderr
    assert "owner/never-fetched: not in the local cache, and HF_HUB_OFFLINE is set" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.mp4").exists()


# Plans


def test_a_dry_run_says_generator_model_device_steps_and_evaluations(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("animator.plan.try_out", lambda job, plan, **_: plan)
    options = ("--model", str(made / "tiny"), "--steps", "4", "--guidance-image", "2", "--device", "cpu", "--dry-run")
    assert main(words(tmp_path / "out.mp4", *options)) == 0
    assert "by diffusion with tiny on cpu: 4 steps of dpm++, 12 UNet evaluations per frame" in capsys.readouterr().out
    assert main(words(tmp_path / "out.mp4", *options, "--json")) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["generator"], plan["device"], plan["evaluations_per_frame"]) == ("diffusion", "cpu", 12)
    assert (plan["canvas_size"], plan["steps"]) == (list(CANVAS), 4)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_is_tried_on_few_frames_where_a_network_computes_on_the_cpu(made: Path, tmp_path: Path) -> None:
    each = job(tmp_path, made / "tiny", end_s=1.0)
    tried = try_out(each, plan_render(each), progress=SilentProgress())
    assert tried.estimated_s is not None
    assert "as the first 3 frames went" in tried.lines()[-1]
    assert plan_render(each.model_copy(update={"generator": "puppet"})).trial_frames == 12
    assert list(tmp_path.iterdir()) == []


def test_the_fingerprint_follows_weights_and_settings_and_not_places(made: Path, models: Path, tmp_path: Path) -> None:
    from animator.rendering import fingerprint

    clip = DrivingClip.open(DANCE, end_s=0.2)

    def of(model: Path, **changes: Any) -> str:
        each = job(tmp_path, model, **changes)
        chosen = choose_generator(each.generator, each.generator_settings())
        return fingerprint(each.model_copy(update={"canvas": chosen.canvas}), clip, chosen)

    first = of(made / "tiny")
    assert first == of(models / "tiny")
    assert first == of(made / "tiny", canvas=CanvasConfig(width=CANVAS[0], height=CANVAS[1]))
    assert first != of(made / "tiny", sampler={"steps": 2})
    assert first != of(made / "tiny", seed=1)
    path = models / "tiny" / "manifest.json"
    path.write_text(path.read_text().replace('"canvas"', ' "canvas"'))
    assert first != of(models / "tiny")
