"""How much of the warp a diffused frame keeps: repair mask, detail, background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from animator.conditioning.inputs import picture_tensor, window_tensors
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.painting import reach
from animator.models import warp_refiner
from animator.models.bases import with_refiner
from animator.models.subject_model import SubjectModel
from animator.models.warp_refiner import WarpRefiner
from animator.sampling.repair import trust
from temporal.windows import PoseWindow
from tests.animator.generators.scene import drawn_subject, figure_warp
from tests.animator.generators.tiny_render import render, windows
from tests.animator.models.tiny import CANVAS, tiny_model

pytestmark = pytest.mark.usefixtures("one_warp_for_all")
CPU = torch.device("cpu")


def warped_figure(window: list[PoseWindow]) -> torch.Tensor:
    """[1, 3, H, W]: what the puppet would show."""
    keypoints, confidence = window_tensors(window, 1, CPU)
    warped = figure_warp(CANVAS)(keypoints[:, 0], confidence[:, 0])
    return warped.over(picture_tensor(drawn_subject(CANVAS).background_HWC, CPU))


def as_pixels(picture_13HW: torch.Tensor) -> np.ndarray:
    return picture_13HW.mul(255).add(0.5).clamp(0, 255).to(torch.uint8)[0].permute(1, 2, 0).numpy()


def test_repair_0_without_its_detail_gives_the_decoded_warp(model: SubjectModel) -> None:
    window = windows(5, 6)
    with torch.inference_mode():
        expected = as_pixels(model.codec.decode(model.codec.encode(warped_figure(window))))
    assert np.array_equal(render(model, window, repair=0.0, keep_detail=False)[0].pixels_HWC, expected)


def test_repair_0_gives_the_warp_itself_whatever_the_autoencoder_loses(model: SubjectModel) -> None:
    window = windows(5, 6)
    frame = render(model, window, repair=0.0)[0].pixels_HWC
    assert np.abs(frame.astype(int) - as_pixels(warped_figure(window))).max() <= 1


def test_detail_of_the_warp_stays_where_the_warp_is_trusted(model: SubjectModel) -> None:
    window = windows(5, 6)
    kept, lost = (render(model, window, repair=0.5, keep_detail=keep)[0].pixels_HWC for keep in (True, False))
    keypoints, confidence = window_tensors(window, 1, CPU)
    share = trust(figure_warp(CANVAS)(keypoints[:, 0], confidence[:, 0]).repair_BHW, 0.5)[0].numpy()
    warp = as_pixels(warped_figure(window)).astype(int)
    errors = [np.abs(frame - warp).mean(axis=-1)[share > 0.99].mean() for frame in (kept, lost)]
    assert errors[0] < 0.5 * errors[1]


def test_who_is_trusted_with_less_than_what_needs_repair_leaves_the_outline_to_the_warp(model: SubjectModel) -> None:
    """Cells of half a person were decoded as a haze about it, another one in every frame."""
    window = windows(5, 6)
    keypoints, confidence = window_tensors(window, 1, CPU)
    beyond = (figure_warp(CANVAS)(keypoints[:, 0], confidence[:, 0]).coverage_BHW == 0)[0].numpy()
    background = drawn_subject(CANVAS).background_HWC
    little, needed = (render(model, window, repair=repair)[0].pixels_HWC for repair in (0.45, 0.5))
    assert np.array_equal(little[beyond], background[beyond])
    assert not np.array_equal(needed[beyond], background[beyond])
    # Inside it is painted.
    assert not np.array_equal(little[~beyond], as_pixels(warped_figure(window))[~beyond])


def test_repair_1_paints_all_of_it_anew(model: SubjectModel) -> None:
    kept, lost = (render(model, windows(5, 6), repair=1.0, keep_detail=keep)[0] for keep in (True, False))
    assert np.array_equal(kept.pixels_HWC, lost.pixels_HWC)


def test_repair_1_keeps_nothing_of_the_warp(model: SubjectModel, monkeypatch: pytest.MonkeyPatch) -> None:
    masked = render(model, windows(5, 6), repair=1.0)[0]
    monkeypatch.setattr(DiffusionGenerator, "_known", lambda *_: None)
    unmasked = render(model, windows(5, 6), repair=1.0)[0]
    assert np.array_equal(masked.pixels_HWC, unmasked.pixels_HWC)


def test_without_warp_channels_there_is_no_repair_mask() -> None:
    model = tiny_model(warp=False)
    first, second = (render(model, windows(5, 6), repair=repair)[0] for repair in (0.0, 1.0))
    assert np.array_equal(first.pixels_HWC, second.pixels_HWC)


def test_the_background_is_locked_away_from_the_person(model: SubjectModel) -> None:
    subject = drawn_subject(CANVAS)
    free = render(model, windows(0, 1))[0].pixels_HWC
    locked = render(model, windows(0, 1), lock_background=True)[0].pixels_HWC
    assert np.array_equal(locked[:8, :8], subject.background_HWC[:8, :8])
    assert not np.array_equal(free[:8, :8], subject.background_HWC[:8, :8])
    torso = (slice(90, 100), slice(60, 68))
    assert np.array_equal(locked[torso], free[torso])


def test_the_reach_covers_the_person_and_fades_out() -> None:
    keypoints, confidence = window_tensors(windows(0, 1), 1, CPU)
    warped = figure_warp(CANVAS)(keypoints[:, 0], confidence[:, 0])
    mask = reach(warped)
    assert float(mask[warped.coverage_BHW > 0.99].min()) > 0.99
    assert 0 < float(((mask > 0.05) & (mask < 0.95)).float().mean()) < 0.2
    assert float(mask[0, :6, :6].max()) == 0


def test_a_model_may_say_how_much_of_the_warp_it_can_repair(model: SubjectModel) -> None:
    cautious = replace(model, manifest=model.manifest.model_copy(update={"repair": 0.0}))
    window = windows(5, 6)
    frame = render(cautious, window, repair=None)[0].pixels_HWC
    assert np.abs(frame.astype(int) - as_pixels(warped_figure(window))).max() <= 1
    assert np.array_equal(
        render(model, window, repair=None)[0].pixels_HWC, render(model, window, repair=0.5)[0].pixels_HWC
    )


def test_a_refiner_moves_the_person_before_the_network_looks_unless_it_is_told_not_to(
    model: SubjectModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the person stood quite otherwise than in the photo.
    monkeypatch.setattr(warp_refiner, "_departure", lambda *_: torch.ones(1))
    refiner = WarpRefiner(widths=(8, 8), pose_width=8).eval()
    with torch.no_grad():
        refiner.conv_out.bias.copy_(torch.tensor([0.0, 0.36]))  # two px down on this canvas
    moving, window = with_refiner(model, refiner), windows(5, 6)
    still, moved, told_not = (
        render(each, window, repair=0.0, refine=strength)[0].pixels_HWC.astype(int)
        for each, strength in ((model, 1.0), (moving, 1.0), (moving, 0.0))
    )
    assert np.array_equal(still, told_not)
    shifted = [np.abs(moved[10:-10] - np.roll(still, -step, axis=0)[10:-10]).mean() for step in (0, 2)]
    assert shifted[1] < 0.4 * shifted[0]
    # What is not asked for, the model says.
    for told, same in ((0.0, still), (None, moved)):
        saying = replace(moving, manifest=moving.manifest.model_copy(update={"refine": told}))
        assert np.array_equal(render(saying, window, repair=0.0, refine=None)[0].pixels_HWC, same)
