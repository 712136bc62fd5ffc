"""Conditions: what is told, what null means, and that batches of any make see the same tensors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from animator.conditioning.clip_picture import clip_picture
from animator.conditioning.conditioning import Conditioner, Conditioning, predict
from animator.conditioning.inputs import picture_tensor, window_tensors
from animator.errors import ModelError
from animator.models.subject_model import SubjectModel
from temporal.windows import pose_windows
from tests.animator.generators.scene import drawn_subject, figure_warp, waving
from tests.animator.models.tiny import CANVAS, LATENT, tiny_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> SubjectModel:
    return tiny_model()


def conditioning(model: SubjectModel, *, warp: bool = True) -> Conditioning:
    draws = torch.Generator().manual_seed(0)
    conditioner = Conditioner(model)
    features = conditioner.features(torch.rand(1, 3, 192, 128, generator=draws))
    tokens = conditioner.tokens(features)
    maps = torch.rand(3, 45, 24, 16, generator=draws) + 0.1
    channels = torch.rand(3, 5, 24, 16, generator=draws) + 0.1 if warp else None
    return conditioner.condition(tokens, maps, channels, conditioner.photo_memory(features, tokens))


def test_null_image_is_a_black_picture_through_the_same_encoders(model: SubjectModel) -> None:
    conditioner = Conditioner(model)
    black = conditioner.tokens(conditioner.features(torch.zeros(1, 3, 192, 128)))
    told = conditioning(model).without_image()
    assert torch.equal(told.tokens_BLD, black.expand(3, -1, -1))
    assert not torch.allclose(told.tokens_BLD, conditioning(model).tokens_BLD)


def test_without_image_there_is_no_warp_but_the_pose(model: SubjectModel) -> None:
    whole = conditioning(model)
    told = whole.without_image()
    assert float(told.warp_BChw.abs().max()) == 0
    assert torch.equal(told.pose_map_BChw, whole.pose_map_BChw)


def test_without_pose_there_is_no_warp_but_the_photo(model: SubjectModel) -> None:
    whole = conditioning(model)
    told = whole.without_pose()
    assert float(told.warp_BChw.abs().max()) == 0
    assert float(told.pose_map_BChw.abs().max()) == 0
    assert torch.equal(told.tokens_BLD, whole.tokens_BLD)


def test_a_residual_model_keeps_its_start_whatever_is_taken_away(model: SubjectModel) -> None:
    """Its output is added to the warped photo: guidance is to strengthen the correction, not the whole picture."""
    told = replace(conditioning(model), warp_is_start=True)
    nothing = told.without_pose().without_image()
    assert torch.equal(nothing.warp_BChw, told.warp_BChw)
    assert float(nothing.pose_map_BChw.abs().max()) == 0
    assert torch.equal(nothing.tokens_BLD, told.null_tokens_1LD.expand_as(nothing.tokens_BLD))
    assert Conditioning.joined([told, nothing]).warp_is_start


def test_the_manifest_says_whether_the_warped_photo_is_the_start(model: SubjectModel) -> None:
    schedule = {**model.noise_schedule, "prediction_type": "sample"}
    manifest = model.manifest.model_copy(update={"residual": True})
    residual = replace(model, noise_schedule=schedule, manifest=manifest)
    assert conditioning(residual).warp_is_start
    assert not conditioning(model).warp_is_start


@torch.no_grad()
def test_without_image_self_attention_sees_no_photo_either() -> None:
    model = tiny_model(reference="trained")
    whole = conditioning(model)
    without = whole.without_image()
    latents, level = torch.randn(3, 4, 24, 16, generator=torch.Generator().manual_seed(1)), torch.tensor(400)
    blind = replace(without, photo=None)
    torch.testing.assert_close(predict(model.unet, latents, level, without), predict(model.unet, latents, level, blind))
    with_photo = predict(model.unet, latents, level, whole)
    assert not torch.allclose(with_photo, predict(model.unet, latents, level, replace(whole, photo=None)), atol=1e-3)
    no_pose = whole.without_pose()
    torch.testing.assert_close(no_pose.photo.present_B, torch.ones(3, dtype=torch.bool))


@torch.no_grad()
def test_branches_that_are_joined_give_what_each_gives_alone() -> None:
    model = tiny_model(reference="trained")
    parts = [conditioning(model).without_image(), conditioning(model).without_pose(), conditioning(model)]
    latents, level = torch.randn(3, 4, 24, 16, generator=torch.Generator().manual_seed(1)), torch.tensor(400)
    together = predict(model.unet, latents.repeat(3, 1, 1, 1), level, Conditioning.joined(parts))
    for part, output in zip(parts, together.chunk(3), strict=True):
        torch.testing.assert_close(output, predict(model.unet, latents, level, part))


def test_a_model_that_looks_at_the_photo_is_given_it_and_no_other_is(model: SubjectModel) -> None:
    looking = tiny_model(reference="untrained")
    memory = conditioning(looking).photo
    assert memory is not None
    assert conditioning(model).photo is None
    told = conditioning(model)
    with pytest.raises(ModelError, match="looks at no photo"):
        Conditioner(model).condition(told.tokens_BLD, told.pose_map_BChw, told.warp_BChw, memory)
    with pytest.raises(ModelError, match="looks at the photo"):
        Conditioner(looking).condition(told.tokens_BLD, told.pose_map_BChw, told.warp_BChw)


def test_conditions_are_dropped_sample_by_sample(model: SubjectModel) -> None:
    whole = conditioning(model)
    told = whole.dropped(image_B=torch.tensor([True, False, False]), pose_B=torch.tensor([False, True, False]))
    no_image, no_pose = whole.without_image(), whole.without_pose()
    for name in ("tokens_BLD", "pose_map_BChw", "warp_BChw"):
        got = getattr(told, name)
        assert torch.equal(got[0], getattr(no_image, name)[0])
        assert torch.equal(got[1], getattr(no_pose, name)[1])
        assert torch.equal(got[2], getattr(whole, name)[2])


def test_models_without_warp_take_none_and_are_given_none() -> None:
    model = tiny_model(warp=False)
    told = conditioning(model, warp=False)
    assert told.without_pose().warp_BChw is None
    assert told.channels_BChw.shape[1] == 45
    with pytest.raises(ModelError, match="takes no warped photo"):
        conditioning(model, warp=True)


def test_the_latents_stand_before_poses_and_warp(model: SubjectModel) -> None:
    told = conditioning(model)
    assert torch.equal(told.channels_BChw[:, :45], told.pose_map_BChw)
    assert torch.equal(told.channels_BChw[:, 45:], told.warp_BChw)
    seen = []
    handle = model.unet.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    latents = torch.randn(3, 4, 24, 16)
    predict(model.unet, latents, torch.tensor(10), told)
    handle.remove()
    assert torch.equal(seen[0], torch.cat([latents, told.channels_BChw], 1))


def test_warp_channels_are_scaled_latents_and_mean_coverage(model: SubjectModel) -> None:
    picture, coverage = torch.rand(1, 3, 192, 128), torch.zeros(1, 192, 128)
    coverage[:, :4, :8] = 1.0
    channels = Conditioner(model).warp_channels(picture, coverage)
    assert torch.equal(channels[:, :4], model.codec.encode(picture))
    assert float(channels[0, 4, 0, 0]) == pytest.approx(0.5)
    assert float(channels[0, 4].sum()) == pytest.approx(0.5)


def test_training_tensors_equal_rendering_tensors(model: SubjectModel) -> None:
    """A batch of one frame each, as training makes it, against three windows of one subject, as rendering does."""
    subject, windows = drawn_subject(CANVAS), list(pose_windows(waving(CANVAS, 3)))
    keypoints, confidence = window_tensors(windows, 5, CPU)
    warp = figure_warp(CANVAS)
    background, photo = picture_tensor(subject.background_HWC, CPU), picture_tensor(subject.photo_HWC, CPU)

    def told(rows: slice, photos: torch.Tensor) -> Conditioning:
        conditioner = Conditioner(model)
        warped = warp(keypoints[rows, 2], confidence[rows, 2])
        return conditioner.condition(
            conditioner.tokens(conditioner.features(photos)),
            conditioner.keypoint_map(keypoints[rows], confidence[rows]),
            conditioner.warp_channels(warped.over(background), warped.coverage_BHW),
        )

    rendering = told(slice(0, 3), photo[None])
    training = [told(slice(row, row + 1), photo[None]) for row in range(3)]
    for name in ("tokens_BLD", "pose_map_BChw", "warp_BChw", "null_tokens_1LD"):
        parts = [getattr(each, name) for each in training]
        joined = parts[0] if name == "null_tokens_1LD" else torch.cat(parts)
        # Batches of one and of three are summed in another order; random weights make 1e-4 of that.
        assert torch.allclose(getattr(rendering, name), joined, atol=5e-4), name


def test_windows_keep_their_order_and_lose_their_ends_for_smaller_models() -> None:
    windows = list(pose_windows(waving(CANVAS, 9)))
    keypoints, confidence = window_tensors(windows[3:5], 5, CPU)
    assert keypoints.shape == (2, 5, 33, 2)
    assert confidence.shape == (2, 5, 33)
    assert np.allclose(keypoints[0].numpy(), waving(CANVAS, 9).keypoints_TK2[1:6])
    assert torch.equal(window_tensors(windows[3:5], 1, CPU)[0][:, 0], keypoints[:, 2])
    with pytest.raises(ModelError, match="windows of 5 poses"):
        window_tensors(windows, 7, CPU)


def test_nobody_in_view_gives_an_empty_warp_and_a_map_that_is_not_null(model: SubjectModel) -> None:
    subject = drawn_subject(CANVAS)
    nobody = torch.full((1, 5, 33, 2), float("nan")), torch.zeros(1, 5, 33)
    conditioner = Conditioner(model)
    warped = figure_warp(CANVAS)(nobody[0][:, 2], nobody[1][:, 2])
    assert float(warped.coverage_BHW.max()) == 0
    background = picture_tensor(subject.background_HWC, CPU)
    assert torch.allclose(warped.over(background)[0], background)
    assert float(conditioner.keypoint_map(*nobody).abs().max()) > 0


def test_a_frame_without_anybody_does_not_disturb_the_others() -> None:
    keypoints, confidence = window_tensors(list(pose_windows(waving(CANVAS, 3))), 1, CPU)
    warp, alone = figure_warp(CANVAS), keypoints[:, 0].clone()
    alone[0], confidence[0] = float("nan"), 0.0
    mixed = warp(alone, confidence[:, 0])
    assert float(mixed.coverage_BHW[0].max()) == 0
    assert torch.equal(mixed.coverage_BHW[1:], warp(keypoints[1:, 0], confidence[1:, 0]).coverage_BHW)


def test_clip_sees_the_whole_canvas_or_its_middle() -> None:
    photo = torch.zeros(1, 3, 160, 128)
    photo[..., :8, :] = 1.0
    padded, cropped = (clip_picture(photo, side=64, fit=fit) for fit in ("pad", "crop"))
    assert padded.shape == cropped.shape == (1, 3, 64, 64)
    assert float(padded[..., 0, 32].mean()) > 0.8
    assert float(padded[..., :6].max()) == 0
    assert float(cropped.max()) < 0.01


def test_another_canvas_is_refused_with_the_right_one(model: SubjectModel) -> None:
    with pytest.raises(ModelError, match="--canvas 128x192"):
        Conditioner(model).features(torch.zeros(1, 3, 64, 64))


def test_the_adapter_learns_through_the_tokens_even_after_rendering(model: SubjectModel) -> None:
    conditioner = Conditioner(model)
    with torch.inference_mode():
        conditioner.null_tokens()
    model.adapter.requires_grad_(True)
    conditioner.null_tokens().square().mean().backward()
    assert float(model.adapter.linear1.weight.grad.abs().max()) > 0
    model.adapter.requires_grad_(False).zero_grad()


def test_keypoints_and_densepose_do_not_serve_for_each_other(model: SubjectModel) -> None:
    with pytest.raises(ModelError, match="not DensePose"):
        Conditioner(model).densepose_map(torch.zeros(1, 5, 2, 8, 8))
    assert model.latent_size == LATENT
