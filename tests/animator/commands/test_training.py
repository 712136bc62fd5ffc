"""`animator finetune` and `animator train` as typed: a model comes out, and what is wrong is said in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from animator.cli import main
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.subject_model import SubjectModel
from animator.training import finetuning
from animator.training.base import _learns_from as learned_from
from animator.training.jobs import TrainBaseJob, subject_phase
from tests.animator.generators.scene import drawn_subject
from tests.animator.models.tiny import CANVAS, tiny_model

SHORT = ["--set", "denoise.steps=2", "--set", "denoise.batch=1", "--set", "decoder.steps=2", "--set", "decoder.batch=1"]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    tiny_model().save(tmp_path / "base")
    Image.new("RGB", (80, 96)).save(tmp_path / "me.png")
    return tmp_path / "base"


def test_finetune_writes_a_model(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetuning, "_subject", lambda path, job, model: drawn_subject(CANVAS))
    assert (
        main(["finetune", str(tmp_path / "me.png"), "-o", str(tmp_path / "me"), "--base", str(base), "-q", *SHORT]) == 0
    )
    assert SubjectModel.load(tmp_path / "me").manifest.phase == "subject"


def test_finetune_plans_without_writing(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["finetune", str(tmp_path / "me.png"), "-o", str(tmp_path / "me"), "--base", str(base), "--dry-run"]
    assert main([*arguments, "--json", *SHORT]) == 0
    plan = json.loads(capsys.readouterr().out.splitlines()[-1])
    # What was asked for, and what suits the base.
    assert (plan["denoise"]["steps"], plan["decoder"]["batch"]) == (2, 1)
    assert plan["decoder"]["learning_rate"] == subject_phase(True)[1].learning_rate
    assert main([*arguments, *SHORT]) == 0
    assert "denoise: steps 2, batch 1, learning_rate 0.0001, " in capsys.readouterr().out
    assert not (tmp_path / "me").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["finetune", "nobody.png", "-o", "me", "--base", "BASE"], 3, "nobody.png"),
        (["finetune", "me.png", "-o", "BASE", "--base", "BASE"], 3, "exists already"),
        (["finetune", "me.png", "-o", "me", "--base", "./nowhere"], 4, "nowhere"),
        (["finetune", "me.png", "-o", "me", "--set", "denoise.stepz=2"], 2, "did you mean denoise.steps?"),
        (
            ["finetune", "me.png", "-o", "me", "--set", "denoise.steps=0"],
            2,
            "denoise.steps: got 0, expected at least 1",
        ),
        (["train", "base", "-o", "b", "--set", "cache_size=no"], 2, "cache_size: got 'no', expected a whole number"),
        (["finetune", "me.png", "-o", "me", "--device", "tpu"], 5, "tpu"),
        (["train", "base", "-o", "b", "--base", "BASE", "--clips", "nowhere"], 3, "nowhere"),
        (["train", "base", "-o", "b", "--base", "new"], 2, "autoencoder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str],
    code: int,
    said: str,
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([argument.replace("BASE", str(base)) for argument in arguments]) == code
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1
    assert said in error[0]
    assert not (tmp_path / "me").exists()


def test_base_is_trained_on_a_folder_of_clips(base: Path, tmp_path: Path) -> None:
    clips = Path(__file__).parents[3] / "examples" / "media"
    options = ["--set", "train.steps=2", "--set", "train.batch=1", "--base", str(base), "-q"]
    assert main(["train", "base", "--clips", str(clips), "-o", str(tmp_path / "new"), *options]) == 0
    trained = SubjectModel.load(tmp_path / "new")
    assert trained.manifest.phase == "base"
    assert (tmp_path / "new.training" / "poses").is_dir()


def test_base_is_trained_on_rendered_people(base: Path, tmp_path: Path) -> None:
    options = ["--set", "train.steps=2", "--set", "train.batch=1", "--base", str(base), "-q", "--device", "cpu"]
    cache = tmp_path / "cache"
    assert main(["train", "base", "-o", str(tmp_path / "new"), "--cache", str(cache), *options]) == 0
    trained, before = SubjectModel.load(tmp_path / "new"), SubjectModel.load(base)
    assert trained.manifest.phase == "base"
    changed = [not torch.equal(a, b) for a, b in zip(trained.unet.parameters(), before.unet.parameters(), strict=True)]
    assert any(changed)
    assert len(list(cache.glob("*.safetensors"))) == 2


def test_encoded_samples_of_another_model_are_refused(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "cache.json").write_text(json.dumps({"of": "another model"}), encoding="utf-8")
    options = ["--set", "train.steps=1", "--set", "train.batch=1", "--base", str(base), "-q", "--device", "cpu"]
    assert main(["train", "base", "-o", str(tmp_path / "new"), "--cache", str(cache), *options]) == 3
    assert "holds samples of another source or autoencoder" in capsys.readouterr().err
    assert json.loads((cache / "cache.json").read_text(encoding="utf-8")) == {"of": "another model"}
    assert not (tmp_path / "new").exists()


def test_what_a_training_learns_from_follows_base_and_latents(base: Path, tmp_path: Path) -> None:
    """A cache, and a training to go on with, belong to these."""
    autoencoder = tmp_path / "autoencoder"
    PatchAutoencoder(latent_channels=4, widths=(8, 8, 8)).save_pretrained(autoencoder)
    new = TrainBaseJob(output=tmp_path / "new", base="new", autoencoder=autoencoder)
    before = learned_from(new)
    config = autoencoder / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**settings, "scaling_factor": 0.5}), encoding="utf-8")
    assert learned_from(new) != before
    tiny_model(num_poses=3).save(tmp_path / "other")
    one, other = (TrainBaseJob(output=tmp_path / "new", base=str(each)) for each in (base, tmp_path / "other"))
    assert learned_from(one) != learned_from(other)


@pytest.mark.slow
def test_two_processes_train_one_base(base: Path, tmp_path: Path) -> None:
    clips = Path(__file__).parents[3] / "examples" / "media"
    # What `accelerate launch` starts on GPUs, and does not start on CPUs.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += ["-m", "animator", "train", "base", "-q"]
    command += ["--clips", str(clips), "-o", str(tmp_path / "new"), "--base", str(base), "--device", "cpu"]
    command += ["--set", "train.steps=2", "--set", "train.batch=2"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=Path(__file__).parents[3])
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert SubjectModel.load(tmp_path / "new").manifest.phase == "base"
    assert ended.stdout.count("2 updates") == 1
