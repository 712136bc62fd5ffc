"""The subject phase end to end on a tiny base: a model of the person comes out, whole, and resumes."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
import torch

from animator.errors import EncodeError, JobError
from animator.models import bases
from animator.models.bases import open_base
from animator.models.manifest import read_manifest
from animator.models.subject_model import SubjectModel
from animator.models.vae import has_preview
from animator.training import finetuning, pairs, photos
from animator.training.config import TrainConfig
from animator.training.decoder import DecoderStage
from animator.training.denoising import DenoisingStage
from animator.training.finetuning import finetune, train_subject
from animator.training.jobs import FinetuneJob, TrainBaseJob, overlaid, subject_phase
from animator.training.loop import fit
from animator.training.lora import add_lora, merge_lora
from animator.training.photos import SubjectPhotos
from animator.training.samples import batches
from animator.training.stage import TrainReport
from animator.training.subject import SubjectDecoderStage, SubjectStage
from pose_tracking.tracking import TrackerConfig
from tests.animator.generators.scene import drawn_subject, figure_warp
from tests.animator.models.tiny import CANVAS, save_base, tiny_model, tiny_unet

CPU = torch.device("cpu")
# Without checks: a few updates of random weights need not make anything better, and what does not is not kept.
SHORT = TrainConfig(steps=3, batch=2, learning_rate=1e-3, warmup=1, ema=0.9, check_every=0)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    model = tiny_model()
    replace(model, manifest=model.manifest.model_copy(update={"steps": 2})).save(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture(autouse=True)
def _drawn_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn figure in place of a tracked photo: the tracker does not know it."""
    monkeypatch.setattr(finetuning, "_subject", lambda path, job, model: drawn_subject(CANVAS))
    # Cutting the figure out of each of its views takes longer than everything else here.
    monkeypatch.setattr(pairs, "subject_warp", lambda *_: figure_warp(CANVAS))
    monkeypatch.setattr(photos, "_VIEWS", 2)
    monkeypatch.setattr(finetuning, "_HELD_OUT", 2)


def job(base: Path, output: Path, **changes: object) -> FinetuneJob:
    photo = output.parent / "me.png"
    if not photo.exists():
        photo.write_bytes(b"a photo")
    values = {"photos": [photo], "output": output, "base": str(base), "denoise": SHORT, "decoder": SHORT}
    return FinetuneJob.model_validate({**values, "device": "cpu", **changes})


def differs(one: torch.nn.Module, two: torch.nn.Module) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_finetune_writes_a_model_that_loads_and_knows_its_base(base: Path, tmp_path: Path) -> None:
    report = finetune(job(base, tmp_path / "me"))
    tuned, before = SubjectModel.load(tmp_path / "me"), SubjectModel.load(base)
    assert tuned.manifest.phase == "subject"
    assert tuned.manifest.subject_photos == (hashlib.sha256(b"a photo").hexdigest(),)
    assert before.manifest.subject_photos == ()
    assert tuned.manifest.base == before.manifest.base
    assert differs(tuned.unet, before.unet)
    assert differs(tuned.adapter, before.adapter)
    assert differs(tuned.vae.decoder, before.vae.decoder)
    assert not differs(tuned.vae.encoder, before.vae.encoder)  # latents keep their meaning
    assert not differs(tuned.image_encoder, before.image_encoder)
    assert report.denoise.steps == report.decoder.steps == 3
    assert (tmp_path / "me.training/decoder/losses.png").is_file()
    assert not list((tmp_path / "me.training").rglob("*.safetensors"))


def test_where_nothing_better_is_learned_the_model_is_the_base_and_says_so(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rising = itertools.count()
    for stage in (SubjectStage, SubjectDecoderStage):
        monkeypatch.setattr(stage, "check", lambda _: float(next(rising)))
    checked = SHORT.model_copy(update={"check_every": 1})
    report = finetune(job(base, tmp_path / "me", denoise=checked, decoder=checked))
    tuned, before = SubjectModel.load(tmp_path / "me"), SubjectModel.load(base)
    for name, net in tuned.nets.items():
        assert not differs(net, before.nets[name]), name
    assert [line for line in report.warnings if "is the base as it was" in line]


@pytest.mark.parametrize("best", [0, 2])
def test_the_preview_stays_with_the_decoder_that_it_imitates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best: int
) -> None:
    model = open_base("embedded")
    before = {name: each.clone() for name, each in model.vae.state_dict().items()}
    ended = TrainReport(steps=2, loss=1.0, best=(1.0, best), stopped_early=False)
    monkeypatch.setattr(finetuning, "fit", lambda *_, **__: ended)
    source = SubjectPhotos([drawn_subject(model.manifest.canvas)], seed=0)
    train_subject(model, source, [], SHORT, SHORT, tmp_path, device=CPU)
    assert has_preview(model.vae) == (best == 0)
    if best == 0:
        assert list(model.vae.state_dict()) == list(before)
        assert all(torch.equal(each, before[name]) for name, each in model.vae.state_dict().items())
        assert model.vae.config.preview_width == open_base("embedded").vae.config.preview_width


def test_lora_changes_the_unet_and_leaves_its_shape(base: Path, tmp_path: Path) -> None:
    finetune(job(base, tmp_path / "me", lora_rank=2))
    tuned, before = SubjectModel.load(tmp_path / "me"), SubjectModel.load(base)
    assert list(tuned.unet.state_dict()) == list(before.unet.state_dict())
    changed = [
        name
        for name, value in tuned.unet.state_dict().items()
        if not torch.equal(value, before.unet.state_dict()[name])
    ]
    assert any(".to_q" in name for name in changed)
    # The first layer learns along: an untrained base has yet to learn what poses are.
    assert all(".to_" in name or name == "conv_in.weight" or name == "conv_in.bias" for name in changed)


def test_merged_lora_computes_what_the_additions_did() -> None:
    unet = tiny_unet()
    add_lora(unet, 2, seed=0)
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    inputs = (torch.randn(1, 4, 16, 16), torch.tensor([10]), torch.randn(1, 3, 32))
    with torch.no_grad():
        before = unet(*inputs).sample
        merge_lora(unet)
        torch.testing.assert_close(unet(*inputs).sample, before, rtol=1e-4, atol=1e-5)


def test_existing_model_is_not_overwritten(base: Path) -> None:
    with pytest.raises(EncodeError, match="exists already"):
        finetune(job(base, base))


@pytest.mark.parametrize("lora_rank", [0, 2])
@pytest.mark.parametrize("half", [DenoisingStage, DecoderStage])
def test_finetuning_interrupted_within_either_half_ends_with_the_same_model(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: type, lora_rank: int
) -> None:
    config = SHORT.model_copy(update={"checkpoint_every": 1, "check_every": 0})
    changes = {"denoise": config, "decoder": config, "lora_rank": lora_rank}
    finetune(job(base, tmp_path / "whole", **changes))
    losses, calls = half.losses, []

    def dies(self: object, *arguments: object) -> dict[str, torch.Tensor]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return losses(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(half, "losses", dies)
        with pytest.raises(KeyboardInterrupt):
            finetune(job(base, tmp_path / "broken", **changes))
    assert not (tmp_path / "broken").exists()
    reports = finetune(job(base, tmp_path / "broken", **changes))
    assert reports.denoise.steps == reports.decoder.steps == 3
    whole, broken = SubjectModel.load(tmp_path / "whole"), SubjectModel.load(tmp_path / "broken")
    for name, net in whole.nets.items():
        assert not differs(net, broken.nets[name]), name


def test_decoder_phase_brings_held_out_crops_nearer(tmp_path: Path) -> None:
    model = tiny_model()
    subject = drawn_subject(CANVAS)
    held_out = list(batches(SubjectPhotos([subject], seed=0, held_out=True), start=0, stop=1, batch=2))
    stage = DecoderStage(model, held_out=held_out)
    before = stage.check()
    config = TrainConfig(steps=30, batch=2, learning_rate=5e-3, warmup=2, ema=0.0)
    fit(stage, SubjectPhotos([subject], seed=0), config, tmp_path, device=CPU)
    after = stage.check()
    assert before is not None
    assert after is not None
    assert after < 0.7 * before


def test_settings_follow_the_size_of_the_base() -> None:
    small, large = subject_phase(True), subject_phase(False)
    assert large[0].learning_rate == 1e-5  # DreamPose, section 4.1
    assert large[0].steps == 500
    assert small[0].steps < large[0].steps


def test_contradicting_sources_of_a_base_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leave them out with clips"):
        TrainBaseJob(output=tmp_path, clips=tmp_path, motions=tmp_path)
    with pytest.raises(ValueError, match="autoencoder"):
        TrainBaseJob(output=tmp_path, base="new")


def test_another_photo_does_not_go_on_with_the_first_ones_training(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SHORT.model_copy(update={"checkpoint_every": 1})

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DecoderStage, "losses", dies)
        with pytest.raises(KeyboardInterrupt):
            finetune(job(base, tmp_path / "me", denoise=config, decoder=config))
    (tmp_path / "me.png").write_bytes(b"another photo")
    with pytest.raises(JobError, match="other photos"):
        finetune(job(base, tmp_path / "me", denoise=config, decoder=config))


def test_halves_may_compute_in_different_precision(base: Path, tmp_path: Path) -> None:
    half = SHORT.model_copy(update={"precision": "bf16"})
    finetune(job(base, tmp_path / "me", denoise=half, decoder=SHORT))
    assert (tmp_path / "me" / "manifest.json").is_file()


def test_what_is_not_set_keeps_what_suits_the_base() -> None:
    asked = TrainConfig(precision="bf16")
    suited = overlaid(subject_phase(False)[0], asked)
    assert (suited.precision, suited.steps, suited.learning_rate) == ("bf16", 500, 1e-5)
    assert overlaid(suited, None) is suited


def test_a_base_that_knows_no_poses_is_said_to_be_one(base: Path, tmp_path: Path) -> None:
    report = finetune(job(base, tmp_path / "me"))
    assert any("never trained on poses" in warning for warning in report.warnings)


def test_a_model_tuned_from_a_hub_id_names_its_commit_and_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--owner--name"
    folder = save_base(repository / "snapshots" / commit)
    (folder / "LICENSE").write_text("Use it kindly.\n", encoding="utf-8")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(bases, "DEFAULT_CANVAS", CANVAS)
    cached = huggingface_hub.snapshot_download
    monkeypatch.setattr(
        huggingface_hub,
        "snapshot_download",
        lambda *args, **options: cached(*args, cache_dir=tmp_path / "hub", **options),
    )
    finetune(job(Path("owner/name"), tmp_path / "me"))
    manifest = read_manifest(tmp_path / "me")
    assert (manifest.base.name, manifest.base.revision) == ("owner/name", commit)
    assert manifest.base.licence == manifest.licence == "creativeml-openrail-m"
    assert (tmp_path / "me" / "LICENSE").read_text() == "Use it kindly.\n"
    # Tuned once more, by its folder: the origin stays the hub's.
    finetune(job(tmp_path / "me", tmp_path / "again"))
    assert read_manifest(tmp_path / "again").base == manifest.base


def test_completed_a_job_holds_what_was_asked_for_and_else_what_suits_the_base(base: Path, tmp_path: Path) -> None:
    asked = job(base, tmp_path / "me", denoise=TrainConfig(steps=7), decoder=None)
    small, large = (asked.completed(unet_parameters=number) for number in (20_000_000, 860_000_000))
    assert small.denoise == subject_phase(True)[0].model_copy(update={"steps": 7})
    assert large.denoise == subject_phase(False)[0].model_copy(update={"steps": 7})
    assert small.decoder == subject_phase(True)[1]


@pytest.mark.dev_media
def test_one_of_several_people_in_a_photo_is_chosen(
    base: Path, dev_media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the real tracker
    model = SubjectModel.load(base)

    def place_of(person: int | str) -> float:
        """How far to the right in the photo the person stands, px."""
        tracker = TrackerConfig.model_validate({"person": person})
        asked = FinetuneJob(photos=(dev_media / "photos" / "three_men.jpg",), output=base / "me", tracker=tracker)
        subject = finetuning._subject(asked.photos[0], asked, model)
        shoulders = subject.pose.keypoints_TK2[0, 11:13].mean(0)
        return float((shoulders[0] - subject.placement.offset[0]) / subject.placement.scale)

    first, second, third = (place_of(person) for person in (0, 1, 2))
    assert first < second < third
    assert place_of("largest") in {first, second, third}
