"""The diffusion generator on tiny random networks: what holds whatever the weights are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from animator.errors import DeviceError, JobError, ModelError
from animator.generators.diffusion import DiffusionGenerator, aligned, slots
from animator.generators.registry import GeneratorSettings, open_generator
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from temporal.windows import pose_windows
from tests.animator.generators.scene import drawn_subject, waving
from tests.animator.generators.tiny_render import render, windows
from tests.animator.models.tiny import CANVAS, tiny_model

pytestmark = pytest.mark.usefixtures("one_warp_for_all")


def evaluations(model: SubjectModel) -> list[int]:
    """Batch sizes of the network's evaluations, as they happen."""
    sizes: list[int] = []
    model.unet.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    return sizes


def test_frames_come_in_order_with_their_index_and_time(model: SubjectModel) -> None:
    frames = render(model, windows(3, 6), batch=2)
    assert [frame.index for frame in frames] == [3, 4, 5]
    assert [frame.time_s for frame in frames] == pytest.approx([0.12, 0.16, 0.2])
    assert {frame.pixels_HWC.shape for frame in frames} == {(192, 128, 3)}
    assert frames[0].pixels_HWC.dtype == np.uint8


@pytest.mark.parametrize("noise", ["shared", "independent", "mixed"])
def test_frames_10_to_20_equal_frames_10_to_20_of_the_whole(model: SubjectModel, noise: str) -> None:
    options = {"batch": 4, "noise": noise, "repair": 0.6, "guidance_image": 2.0, "guidance_pose": 3.0}
    whole = render(model, windows(0, 24), **options)
    part = render(model, windows(10, 20), **options)
    for frame in part:
        assert np.array_equal(frame.pixels_HWC, whole[frame.index].pixels_HWC), frame.index


def test_lcm_s_own_noise_is_a_function_of_the_frame_too(model: SubjectModel) -> None:
    options = {"batch": 2, "scheduler": "lcm", "noise": "independent", "steps": 3}
    whole, part = render(model, windows(0, 6), **options), render(model, windows(3, 5), **options)
    assert np.array_equal(part[0].pixels_HWC, whole[3].pixels_HWC)
    assert not np.array_equal(part[0].pixels_HWC, part[1].pixels_HWC)


def test_seed_and_pose_and_photo_all_matter(model: SubjectModel) -> None:
    subject, config = drawn_subject(CANVAS), SamplerConfig(steps=2, repair=1.0)
    window = windows(3, 4)
    base = next(DiffusionGenerator(model, config, seed=1).generate(window, subject)).pixels_HWC
    again = next(DiffusionGenerator(model, config, seed=1).generate(window, subject)).pixels_HWC
    seed = next(DiffusionGenerator(model, config, seed=2).generate(window, subject)).pixels_HWC
    pose = next(DiffusionGenerator(model, config, seed=1).generate(windows(9, 10), subject)).pixels_HWC
    assert np.array_equal(base, again)
    assert not np.array_equal(base, seed)
    assert not np.array_equal(base, pose)


@pytest.mark.parametrize(
    ("image", "pose", "expected"), [(1.0, 1.0, [1, 1]), (2.0, 2.0, [2, 2]), (8.0, 3.0, [3, 3]), (1.0, 0.0, [1, 1])]
)
def test_redundant_branches_are_not_computed(
    model: SubjectModel, image: float, pose: float, expected: list[int]
) -> None:
    sizes = evaluations(model)
    render(model, windows(0, 1), guidance_image=image, guidance_pose=pose)
    assert sizes == expected


def test_outside_the_guidance_interval_one_branch_is_computed(model: SubjectModel) -> None:
    sizes = evaluations(model)
    render(model, windows(0, 1), steps=4, guidance_image=8.0, guidance_pose=3.0, guidance_interval=(0.0, 0.4))
    assert sizes == [3, 3, 1, 1]


def test_a_nan_in_the_weights_is_an_error_that_names_frame_and_stage(model: SubjectModel) -> None:
    with torch.no_grad():
        model.unet.conv_out.bias[0] = float("nan")
    with pytest.raises(ModelError, match="frames 3-3: the network's prediction at step 1 of 2 holds NaN") as caught:
        render(model, windows(3, 4))
    assert caught.value.exit_code == 4


def test_a_nan_in_the_decoder_is_an_error_too(model: SubjectModel) -> None:
    with torch.no_grad():
        model.vae.decoder.conv_out.bias[0] = float("nan")
    with pytest.raises(ModelError, match="the decoded picture holds NaN"):
        render(model, windows(0, 1))


def test_an_untrained_base_says_so(model: SubjectModel) -> None:
    notes: list[str] = []
    render(model, windows(0, 1), note=notes.append)
    assert any("never trained on poses" in note for note in notes)


def test_another_canvas_is_refused(model: SubjectModel) -> None:
    window = list(pose_windows(waving((64, 128), 1)))
    with pytest.raises(ModelError, match="--canvas 128x192"):
        list(DiffusionGenerator(model).generate(window, drawn_subject((64, 128))))


def test_a_densepose_model_renders_from_arrays_and_asks_for_them(tmp_path) -> None:
    model = tiny_model(num_poses=5, warp=False, pose_channels=2, skeleton="densepose-uv")
    with pytest.raises(ModelError, match=r"sampler\.densepose"):
        render(model, windows(0, 1))
    draws = np.random.default_rng(0)
    for frame in range(3):
        np.save(tmp_path / f"frame_{frame}.npy", draws.random((2, 192, 128), dtype=np.float32))
    first, second = render(model, windows(0, 2), densepose=tmp_path)
    assert not np.array_equal(first.pixels_HWC, second.pixels_HWC)
    with pytest.raises(ModelError, match="3 DensePose arrays, but frame 3"):
        render(model, windows(3, 4), densepose=tmp_path)


def test_batches_are_cut_at_multiples_and_windows_keep_their_place() -> None:
    chunks = list(aligned(windows(6, 15), 4))
    assert [[window.center for window in chunk] for chunk in chunks] == [[6, 7], [8, 9, 10, 11], [12, 13, 14]]
    assert [window.center for window in slots(chunks[0], 4)] == [6, 6, 6, 7]
    assert [window.center for window in slots(chunks[2], 4)] == [12, 13, 14, 12]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_nearly_the_same_picture(dtype: torch.dtype) -> None:
    options = {"guidance_image": 2.0, "guidance_pose": 2.0, "scheduler": "euler", "repair": 0.7}
    full = render(tiny_model(), windows(5, 6), **options)[0].pixels_HWC.astype(int)
    half = render(tiny_model().to(dtype=dtype), windows(5, 6), **options)[0].pixels_HWC.astype(int)
    assert np.abs(full - half).mean() < 3


def test_the_registry_opens_it_with_model_and_sampler(tmp_path) -> None:
    tiny_model().save(tmp_path / "model")
    settings = GeneratorSettings(
        model=str(tmp_path / "model"), sampler=SamplerConfig(steps=1), seed=3, device="cpu", on_note=lambda _: None
    )
    generator = open_generator("diffusion", settings=settings)
    assert generator.name == "diffusion"
    assert len(list(generator.generate(windows(0, 1), drawn_subject(CANVAS)))) == 1
    assert open_generator("puppet").name == "puppet"
    with pytest.raises(JobError, match="diffusion, puppet"):
        open_generator("gan")
    with pytest.raises(DeviceError, match="warp9"):
        open_generator("diffusion", settings=GeneratorSettings(device="warp9"))


def test_the_model_says_how_many_steps_it_needs_unless_told(tmp_path) -> None:
    model = tiny_model()
    quick = replace(model, manifest=model.manifest.model_copy(update={"steps": 3}))
    assert DiffusionGenerator(model).config.steps == 20
    assert DiffusionGenerator(quick).config.steps == 3
    assert DiffusionGenerator(quick, SamplerConfig(steps=7)).config.steps == 7
