"""Training and rendering see the same tensors, whatever is trained and whatever is rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from animator.conditioning import conditioning as conditioning_module
from animator.conditioning.conditioning import Conditioner, Conditioning
from animator.errors import JobError
from animator.generators import branches
from animator.generators.diffusion import DiffusionGenerator
from animator.models.bases import with_refiner
from animator.models.manifest import ValueRanges
from animator.models.subject_model import SubjectModel
from animator.models.warp_refiner import WarpRefiner
from animator.sampling.config import SamplerConfig
from animator.training.denoising import NO_DROPOUT, ConditionDropout, DenoisingStage, encoded
from animator.training.latent_cache import LatentCache
from animator.training.pairs import DETAIL, PERSON, Reference, importance, on_cpu, pair_sample
from animator.training.photos import SubjectPhotos
from animator.training.samples import Sample
from temporal.windows import pose_windows
from tests.animator.generators.scene import drawn_subject, waving
from tests.animator.models.tiny import CANVAS, tiny_model


@pytest.fixture(
    scope="module",
    params=[ValueRanges(), ValueRanges(appearance=(0.0, 2.0), image_encoder=(-1.0, 1.0), image_encoder_fit="crop")],
    ids=["usual ranges", "other ranges"],
)
def model(request: pytest.FixtureRequest) -> SubjectModel:
    model = tiny_model()
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        # As it comes, the adapter lets nothing of the photo's latents through.
        for weight in model.adapter.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=draws)
    return replace(model, manifest=model.manifest.model_copy(update={"ranges": request.param}))


@pytest.fixture(scope="module")
def sample() -> Sample:
    subject, motion = drawn_subject(CANVAS), waving(CANVAS, 5)
    return pair_sample(Reference.prepare(subject), subject.photo_HWC, motion.keypoints_TK2, motion.confidence_TK)


def told_in_training(
    model: SubjectModel, sample: Sample, monkeypatch: pytest.MonkeyPatch, dropout: ConditionDropout = NO_DROPOUT
) -> Conditioning:
    """What `predict` gets from a training step."""
    seen: list[Conditioning] = []

    def listen(unet: torch.nn.Module, latents: torch.Tensor, *rest: object, **options: object) -> torch.Tensor:
        seen.append(next(each for each in rest if isinstance(each, Conditioning)))
        return latents

    monkeypatch.setattr("animator.training.denoising.predict", listen)
    stage = DenoisingStage(model, dropout=dropout)
    batch = default_collate([sample])
    stage.losses({**batch, **stage.draws(batch, torch.Generator().manual_seed(0))}, stage.nets)
    return seen[0]


def told_in_rendering(
    model: SubjectModel, monkeypatch: pytest.MonkeyPatch, image: float = 1, pose: float = 1
) -> Conditioning:
    """What the branches get when the same photo is rendered in the same pose."""
    seen: list[Conditioning] = []

    def listen(unet: torch.nn.Module, latents: torch.Tensor, *rest: object, **options: object) -> torch.Tensor:
        seen.append(next(each for each in rest if isinstance(each, Conditioning)))
        return torch.zeros_like(latents)

    monkeypatch.setattr(branches, "predict", listen)
    generator = DiffusionGenerator(model, SamplerConfig(steps=1, batch=1, guidance_image=image, guidance_pose=pose))
    windows = [window for window in pose_windows(waving(CANVAS, 5)) if window.center == 2]
    list(generator.generate(windows, drawn_subject(CANVAS)))
    return seen[0]


def test_training_and_rendering_batches_are_equal(
    model: SubjectModel, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = told_in_training(model, sample, monkeypatch)
    rendering = told_in_rendering(model, monkeypatch)
    for name in ("pose_map_BChw", "tokens_BLD", "null_tokens_1LD", "warp_BChw"):
        ours, theirs = getattr(training, name), getattr(rendering, name)
        assert ours.shape == theirs.shape, name
        torch.testing.assert_close(ours.detach(), theirs, rtol=0, atol=0, msg=name)
    assert conditioning_module.predict is not branches.predict  # both were listened to


NOTHING = ConditionDropout(image=0, pose=0, both=1)
NO_POSE = ConditionDropout(image=0, pose=1, both=0)


@pytest.mark.parametrize("residual", [False, True])
# With these strengths one null branch is computed, and it comes first.
@pytest.mark.parametrize(("dropout", "image", "pose"), [(NOTHING, 2, 2), (NO_POSE, 1, 2)])
def test_null_is_the_same_in_training_and_rendering(
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
    residual: bool,
    dropout: ConditionDropout,
    image: float,
    pose: float,
) -> None:
    plain = tiny_model()
    schedule = {**plain.noise_schedule, "prediction_type": "sample"}
    manifest = plain.manifest.model_copy(update={"residual": residual})
    model = replace(plain, noise_schedule=schedule, manifest=manifest)
    training = told_in_training(model, sample, monkeypatch, dropout)
    rendering = told_in_rendering(model, monkeypatch, image, pose)
    for name in ("pose_map_BChw", "tokens_BLD", "warp_BChw"):
        ours, theirs = getattr(training, name), getattr(rendering, name)
        assert len(theirs) == 2
        torch.testing.assert_close(ours.detach(), theirs[:1], rtol=0, atol=1e-6, msg=name)
    assert bool(training.warp_BChw.abs().max() > 0) == residual


def test_where_a_model_corrects_the_warp_training_sees_it_corrected_as_rendering_does(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    refiner = WarpRefiner(widths=(8, 16), pose_width=16).eval()
    torch.nn.init.normal_(refiner.conv_out.weight, std=0.3)
    model, subject, motion = with_refiner(tiny_model(), refiner), drawn_subject(CANVAS), waving(CANVAS, 5)
    reference = Reference.prepare(subject, on_cpu(refiner))
    corrected = pair_sample(reference, subject.photo_HWC, motion.keypoints_TK2, motion.confidence_TK)
    assert (corrected["warped"] - sample["warped"]).abs().max() > 0.1
    training = told_in_training(model, corrected, monkeypatch)
    rendering = told_in_rendering(model, monkeypatch)
    torch.testing.assert_close(training.warp_BChw, rendering.warp_BChw, rtol=0, atol=0)
    photos = [SubjectPhotos([subject], seed=0, refiner=each).sample(0)["warped"] for each in (refiner, None)]
    assert (photos[0] - photos[1]).abs().max() > 0.1


def test_sample_holds_photo_target_warp_and_weights(sample: Sample) -> None:
    width, height = CANVAS
    assert sample["photo"].shape == sample["target"].shape == (3, height, width)
    assert sample["photo"].dtype == torch.uint8
    assert sample["warped"].shape == (3, height, width)
    assert 0 <= float(sample["warped"].min()) <= float(sample["warped"].max()) <= 1
    assert sample["keypoints"].shape == (5, 33, 2)


def test_face_and_hands_count_most_and_the_background_least() -> None:
    subject = drawn_subject(CANVAS)
    keypoints = subject.pose.keypoints_TK2[0]
    weight = importance(keypoints, subject.matte_HW)
    x, y = keypoints[0].astype(int)
    assert weight[y, x] == DETAIL
    x, y = keypoints[11:13].mean(0).astype(int) + np.array([0, 6])
    assert weight[y, x] == pytest.approx(PERSON, abs=0.05)
    assert weight[2, 2] == 1


def test_unseen_joints_make_nothing_important() -> None:
    weight = importance(np.full((33, 2), np.nan, np.float32), np.zeros((20, 10), np.float32))
    assert np.array_equal(weight, np.ones((20, 10), np.float32))


def test_cached_samples_are_the_encoded_ones(model: SubjectModel, sample: Sample, tmp_path: Path) -> None:
    asked: list[int] = []

    class One:
        def sample(self, number: int) -> Sample:
            asked.append(number)
            return sample

    conditioner = Conditioner(model)
    cache = LatentCache(One(), conditioner, tmp_path, size=2)
    first, again = cache.sample(0), cache.sample(2)
    assert asked == [0]
    direct = encoded(default_collate([sample]), conditioner)
    for name, tensor in direct.items():
        torch.testing.assert_close(first[name].float(), tensor[0].float(), rtol=2e-3, atol=2e-3)
        assert torch.equal(first[name], again[name])


def test_a_damaged_sample_of_the_cache_is_made_again(model: SubjectModel, sample: Sample, tmp_path: Path) -> None:
    class One:
        def sample(self, number: int) -> Sample:
            return sample

    cache = LatentCache(One(), Conditioner(model), tmp_path, size=2)
    # Copies: what is read may be a view of the file that is about to be damaged.
    whole = {name: tensor.clone() for name, tensor in cache.sample(0).items()}
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:50])
    again = cache.sample(0)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_cache_whose_note_is_damaged_is_refused(model: SubjectModel, sample: Sample, tmp_path: Path) -> None:
    class One:
        def sample(self, number: int) -> Sample:
            return sample

    (tmp_path / "cache.json").write_text("{", encoding="utf-8")
    with pytest.raises(JobError, match="choose another --cache"):
        LatentCache(One(), Conditioner(model), tmp_path, size=2)
