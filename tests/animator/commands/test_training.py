"""`animator finetune` and `animator train` as typed: a model comes out, and what is wrong is said in one line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from animator.cli import main
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.subject_model import SubjectModel
from animator.models.vae import has_preview, load_autoencoder
from animator.training import base as stories
from animator.training import finetuning, pictures, record
from animator.training.base import _learns_from as learned_from
from animator.training.jobs import TrainBaseJob, subject_phase
from tests.animator.generators.scene import drawn_subject
from tests.animator.models.tiny import CANVAS, tiny_model

SHORT = ["--set", "denoise.steps=2", "--set", "denoise.batch=1", "--set", "decoder.steps=2", "--set", "decoder.batch=1"]

DEVICES = "expected auto, cpu, cuda, cuda:1 or mps"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    tiny_model().save(tmp_path / "base")
    Image.new("RGB", (80, 96)).save(tmp_path / "me.png")
    return tmp_path / "base"


def test_finetune_writes_a_model(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetuning, "_subject", lambda path, job, model: drawn_subject(CANVAS))
    monkeypatch.setattr(finetuning, "_HELD_OUT", 1)
    assert (
        main(["finetune", str(tmp_path / "me.png"), "-o", str(tmp_path / "me"), "--base", str(base), "-q", *SHORT]) == 0
    )
    assert SubjectModel.load(tmp_path / "me").manifest.phase == "subject"


@pytest.mark.parametrize("words", [["finetune", "me.png"], ["train", "base"], ["train", "autoencoder"]])
def test_the_setting_that_the_help_names_is_one(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(base.parent)
    assert main([*words, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    named = re.search(r"such as (\S+=\d+)", text)
    assert named is not None
    assert main([*words, "-o", "new", "--set", named[1], "--dry-run"]) == 0
    assert f"batch {named[1].partition('=')[2]}," in capsys.readouterr().out


def test_finetune_plans_without_writing(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["finetune", str(tmp_path / "me.png"), "-o", str(tmp_path / "me"), "--base", str(base), "--dry-run"]
    assert main([*arguments, "--json", *SHORT]) == 0
    plan = json.loads(capsys.readouterr().out.splitlines()[-1])
    # What was asked for, and what suits the base.
    assert (plan["denoise"]["steps"], plan["decoder"]["batch"]) == (2, 1)
    assert plan["decoder"]["learning_rate"] == subject_phase(True)[1].learning_rate
    assert main([*arguments, *SHORT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("denoise: ")).startswith(
        "denoise: steps 2, batch 1, learning_rate 0.0001, "
    )
    assert {f"photos: {tmp_path / 'me.png'}", "image_encoder: none", "flip: true"} <= set(lines)
    assert not any(word in line for line in lines for word in ("None", "True", "False", "[", "'"))
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
        (["finetune", "me.png", "-o", "me", "--device", "tpu"], 2, f"device: got 'tpu', {DEVICES}"),
        (["finetune", "me.png", "-o", "me", "--set", "device=xpu"], 2, f"device: got 'xpu', {DEVICES}"),
        (["train", "base", "-o", "b", "--device", "tpu"], 2, f"device: got 'tpu', {DEVICES}"),
        (["train", "autoencoder", "-o", "b", "--device", "tpu"], 2, f"device: got 'tpu', {DEVICES}"),
        (["finetune", "me.png", "-o", "me", "--device", "cuda:99"], 5, "device 'cuda:99' is not there"),
        (["train", "base", "-o", "b", "--base", "BASE", "--clips", "nowhere"], 3, "nowhere"),
        (["train", "base", "-o", "b", "--clips", "nowhere", "--dry-run"], 3, "nowhere: no such folder"),
        (["train", "autoencoder", "-o", "b", "--motions", "me.png", "--dry-run"], 3, "me.png: is a file, not a folder"),
        (["train", "base", "-o", "b", "--base", "new"], 2, "autoencoder"),
        (["train", "base", "-o", "b", "--base", "new", "--autoencoder", "nowhere"], 3, "nowhere: no such folder"),
        (["train", "base", "-o", "b", "--base", "new", "--autoencoder", "base"], 4, "its own is base/vae"),
        (["train", "base", "-o", "b", "--base", "BASE", "--wardrobe", "base"], 3, "base is no wardrobe"),
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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "me.png"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["finetune", "me.png", "-o", "there"], "there: exists already"),
        (["finetune", "me.png", "-o", "there", "--dry-run"], "there: exists already"),
        (["finetune", "nobody.png", "-o", "me"], "nobody.png"),
        (["train", "base", "-o", "there"], "there: exists already"),
        (["train", "autoencoder", "-o", "me.png", "--dry-run"], "me.png: exists already"),
        (["import-dreampose", "release", "-o", "me.png", "--base", "sd"], "me.png: is a file"),
    ],
)
def test_what_is_in_the_way_is_told_before_anything_slow_is_loaded(words: list[str], told: str, tmp_path: Path) -> None:
    Image.new("RGB", (80, 96)).save(tmp_path / "me.png")
    (tmp_path / "there").mkdir()
    script = (
        "import sys; from animator.cli import main; code = main(sys.argv[1:]);"
        "print([name for name in ('torch', 'diffusers') if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (3, "[]")
    assert told in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["me.png", "there"]


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


class Drawn:
    """Coloured squares, in the place of rendered people."""

    def __init__(self, people: object, *, seed: int) -> None:
        del people
        self.seed = seed

    def sample(self, number: int) -> dict[str, torch.Tensor]:
        coarse = np.random.default_rng([self.seed, number % 8]).integers(0, 256, (3, 4, 4), dtype=np.uint8)
        return {"picture": torch.from_numpy(coarse.repeat(8, axis=1).repeat(8, axis=2))}


def test_a_new_autoencoder_gets_a_preview_decoder_that_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pictures, "Pictures", Drawn)
    monkeypatch.setattr(stories, "_people", lambda *_, **__: None)
    monkeypatch.setattr(stories, "_NUM_TYPICAL", 16)
    monkeypatch.setattr(record, "plot", lambda *_: None)  # curves take longer than all else
    short = ["--set", "train.batch=1", "--set", "preview.steps=3", "--set", "preview.batch=2"]
    short += ["--set", "preview.warmup=1", "--set", "preview.checkpoint_every=1", "--device", "cpu", "-q"]
    output = tmp_path / "vae"
    options = ["train", "autoencoder", "-o", str(output), *short]

    def preview_after(steps: int) -> dict[str, torch.Tensor]:
        assert main([*options, "--steps", str(steps), "--set", "preview_width=8"]) == 0
        vae = load_autoencoder(output)
        assert has_preview(vae)
        shutil.rmtree(output)
        return vae.preview_decoder.state_dict()

    first = preview_after(1)
    assert first["last.weight"].abs().max() > 0  # silent before it learned
    # Trained on, the autoencoder is another one, and so is what imitates it.
    second = preview_after(2)
    assert any(not torch.equal(each, second[name]) for name, each in first.items())
    again = preview_after(2)
    assert all(torch.equal(each, again[name]) for name, each in second.items())
    capsys.readouterr()
    assert main([*options, "--steps", "2", "--set", "preview_width=0", "--json"]) == 0
    assert not has_preview(load_autoencoder(output))
    # Rendering what is looked at before the first update takes minutes, too.
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    begun = [(each["stage"], each["total"]) for each in events if each.get("state") == "begin"]
    assert begun[:2] == [("typical pictures", 16), ("held-out pictures", 16)]


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


@pytest.mark.parametrize(
    ("words", "batch"),
    [
        (["finetune", "PORTRAIT", "--set", "denoise.batch=4", "--set", "decoder.batch=2"], 2),
        (["train", "base", "--clips", "MEDIA", "--set", "train.batch=3"], 3),
        (["train", "autoencoder", "--set", "train.batch=4", "--set", "preview.batch=6"], 6),
    ],
)
def test_a_batch_that_processes_cannot_share_is_told_before_any_work(
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    batch: int,
) -> None:
    """The second half's, too: hours lie between."""
    media = Path(__file__).parents[3] / "examples" / "media"
    words = [{"PORTRAIT": str(media / "portrait.png"), "MEDIA": str(media)}.get(word, word) for word in words]
    words += [] if "autoencoder" in words else ["--base", str(base)]
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert main([*words, "-o", str(tmp_path / "new"), "--device", "cpu", "-q"]) == 3
    assert f"a batch of {batch} cannot be split among 4 processes" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "me.png"]
