"""The subject phase learns and is judged by what a render shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from animator.conditioning.inputs import window_tensors
from animator.generators.diffusion import DiffusionGenerator
from animator.models.subject_model import SubjectModel
from animator.training.denoising import DenoisingStage, encoded
from animator.training.pairs import Reference, pair_sample
from animator.training.photos import SubjectPhotos
from animator.training.samples import Batch, batches
from animator.training.subject import RenderedError, SubjectStage, painted
from temporal.windows import pose_windows
from tests.animator.generators.scene import drawn_subject, waving
from tests.animator.models.tiny import CANVAS, tiny_model


@pytest.fixture(scope="module")
def photos() -> Batch:
    (batch,) = batches(SubjectPhotos([drawn_subject(CANVAS)], seed=0), start=0, stop=1, batch=6)
    return batch


@pytest.fixture
def model() -> SubjectModel:
    return tiny_model()


def without_faults(batch: Batch) -> Batch:
    return {**batch, "repair": torch.zeros_like(batch["repair"])}


def test_samples_have_places_that_a_render_leaves_to_the_network(photos: Batch, model: SubjectModel) -> None:
    shares = painted(photos, model).mean((1, 2, 3))
    assert int((shares > 0.005).sum()) >= 3
    assert float(shares.max()) < 0.25


def test_the_model_is_shown_the_photo_and_not_what_became_of_it(photos: Batch) -> None:
    photo = torch.from_numpy(drawn_subject(CANVAS).photo_HWC.copy()).permute(2, 0, 1)
    assert torch.equal(photos["photo"][0], photo)


def test_a_held_out_photo_is_judged_by_the_frame_that_the_generator_makes(model: SubjectModel) -> None:
    subject, motion = drawn_subject(CANVAS), waving(CANVAS, 12)
    window = list(pose_windows(motion))[11]
    keypoints, confidence = window_tensors([window], 5, torch.device("cpu"))
    sample = pair_sample(Reference.prepare(subject), subject.photo_HWC, keypoints[0].numpy(), confidence[0].numpy())
    batch = {name: each[None] for name, each in sample.items()}
    assert bool(painted(batch, model).any())
    made = RenderedError(model, [batch]).rendered(batch)[0].clamp(0, 1)
    with torch.inference_mode():
        (frame,) = DiffusionGenerator(model, seed=0, workers=1, lock_background=False).generate([window], subject)
    wanted = torch.from_numpy(frame.pixels_HWC.copy()).permute(2, 0, 1) / 255
    assert float((made - wanted).abs().max()) < 0.01


def test_a_network_that_computes_nan_is_worse_than_any_other(photos: Batch, model: SubjectModel) -> None:
    torch.nn.init.constant_(model.unet.conv_in.weight, float("nan"))
    assert RenderedError(model, [photos])() == float("inf")


def test_only_painted_cells_are_judged(photos: Batch, model: SubjectModel) -> None:
    elsewhere = 1 - painted(photos, model)
    # The error has differences between neighbours: pixels beside a painted cell have a say.
    far = -torch.nn.functional.max_pool2d(-elsewhere, 3, stride=1, padding=1)
    changed = {**photos, "target": torch.where(far.bool(), 0, photos["target"]).to(torch.uint8)}
    assert RenderedError(model, [photos])() == pytest.approx(RenderedError(model, [changed])(), rel=1e-6)
    wrong = {**photos, "target": 255 - photos["target"]}
    assert RenderedError(model, [wrong])() != pytest.approx(RenderedError(model, [photos])(), rel=0.01)


def test_what_a_render_does_not_show_counts_little(
    photos: Batch, model: SubjectModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[torch.Tensor] = []

    def recorded(_: DenoisingStage, batch: Batch, nets: object) -> dict[str, torch.Tensor]:
        counted.append(batch["importance"] / photos["importance"])
        return {}

    monkeypatch.setattr(DenoisingStage, "losses", recorded)
    stage = SubjectStage(model)
    stage.losses(photos, stage.nets)
    seen = painted(photos, model)[:, 0] > 0
    assert torch.allclose(counted[0][seen], torch.tensor(1.0))
    assert float(counted[0][~seen].max()) < 0.2


def test_beside_what_is_painted_the_network_sees_the_warped_photo_and_not_the_truth(
    photos: Batch, model: SubjectModel
) -> None:
    stage = SubjectStage(model)
    given = {**photos, **encoded(photos, stage.conditioner)}
    start = stage.noised_from(given)
    seen = painted(photos, model)[:, :, ::8, ::8] > 0
    assert torch.equal(start, torch.where(seen, given["target_latents"], given["warp"][:, :-1]))


def test_where_the_warp_has_no_fault_the_check_is_that_of_denoising(photos: Batch, model: SubjectModel) -> None:
    held_out = [without_faults(photos)]
    stage = SubjectStage(model, held_out=held_out)
    assert not RenderedError(model, held_out).is_telling
    value = stage.check()
    assert value is not None
    assert np.isfinite(value)


def test_a_model_without_warp_is_checked_and_trained_by_denoising(photos: Batch) -> None:
    model = tiny_model(warp=False)
    stage = SubjectStage(model, held_out=[photos])
    draws = stage.draws(photos, torch.Generator().manual_seed(0))
    assert torch.isfinite(stage.losses({**photos, **draws}, stage.nets)["loss"])
    assert stage.check() == DenoisingStage(model, held_out=[photos]).check()
