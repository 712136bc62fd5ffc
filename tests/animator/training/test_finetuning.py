"""The subject phase end to end on a tiny base: a model of the person comes out, whole, and resumes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from animator.errors import EncodeError, JobError
from animator.models.subject_model import SubjectModel
from animator.training import finetuning
from animator.training.config import TrainConfig
from animator.training.decoder import DecoderStage
from animator.training.finetuning import finetune
from animator.training.jobs import FinetuneJob, TrainBaseJob, overlaid, subject_phase
from animator.training.loop import fit
from animator.training.lora import add_lora, merge_lora
from animator.training.photos import SubjectPhotos
from animator.training.samples import batches
from tests.animator.generators.scene import drawn_subject
from tests.animator.models.tiny import CANVAS, tiny_model, tiny_unet

CPU = torch.device("cpu")
SHORT = TrainConfig(steps=3, batch=2, learning_rate=1e-3, warmup=1, ema=0.9, check_every=2)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    tiny_model().save(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture(autouse=True)
def _drawn_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn figure in place of a tracked photo: the tracker does not know it."""
    monkeypatch.setattr(finetuning, "_subject", lambda path, job, model: drawn_subject(CANVAS))


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
    assert tuned.manifest.base == before.manifest.base
    assert differs(tuned.unet, before.unet)
    assert differs(tuned.adapter, before.adapter)
    assert differs(tuned.vae.decoder, before.vae.decoder)
    assert not differs(tuned.vae.encoder, before.vae.encoder)  # latents keep their meaning
    assert not differs(tuned.image_encoder, before.image_encoder)
    assert report.denoise.steps == report.decoder.steps == 3
    assert (tmp_path / "me.training/decoder/losses.png").is_file()
    assert not list((tmp_path / "me.training").rglob("*.safetensors"))


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


def test_interrupted_finetuning_ends_with_the_same_model(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SHORT.model_copy(update={"checkpoint_every": 1})
    finetune(job(base, tmp_path / "whole", denoise=config, decoder=config))
    losses, calls = DecoderStage.losses, []

    def dies(self: DecoderStage, *arguments: object) -> dict[str, torch.Tensor]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return losses(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(DecoderStage, "losses", dies)
        with pytest.raises(KeyboardInterrupt):
            finetune(job(base, tmp_path / "broken", denoise=config, decoder=config))
    assert not (tmp_path / "broken").exists()
    finetune(job(base, tmp_path / "broken", denoise=config, decoder=config))
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
