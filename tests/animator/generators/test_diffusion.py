"""The diffusion generator on tiny random networks: what holds whatever the weights are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from animator.conditioning.inputs import picture_tensor, window_tensors
from animator.errors import DeviceError, JobError, ModelError
from animator.generators import diffusion
from animator.generators.diffusion import DiffusionGenerator, aligned, slots
from animator.generators.painting import reach
from animator.generators.registry import GeneratorSettings, open_generator
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from animator.sampling.repair import trust
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow, pose_windows
from tests.animator.generators.scene import drawn_subject, figure_warp, waving
from tests.animator.models.tiny import CANVAS, tiny_model

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_warp_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting the drawn figure out takes longer than everything else here."""
    monkeypatch.setattr(diffusion, "subject_warp", lambda *_: figure_warp(CANVAS))


@pytest.fixture
def model() -> SubjectModel:
    return tiny_model()


def windows(first: int, last: int, num_frames: int = 24) -> list[PoseWindow]:
    return list(pose_windows(waving(CANVAS, num_frames)))[first:last]


def render(
    model: SubjectModel,
    which: list[PoseWindow],
    *,
    note: Callable[[str], None] = print,
    lock_background: bool = False,
    **config: object,
) -> list[Frame]:
    settings = SamplerConfig(**{"steps": 2, "repair": 1.0, **config})
    generator = DiffusionGenerator(model, settings, seed=4, on_note=note, lock_background=lock_background)
    return list(generator.generate(which, drawn_subject(CANVAS)))


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


class SmallMemory:
    """Lets the network see at most `limit` frames and branches at once."""

    def __init__(self, model: SubjectModel, limit: int) -> None:
        self.sizes, self.limit = [], limit
        model.unet.register_forward_pre_hook(self)

    def __call__(self, _: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if len(inputs[0]) > self.limit:
            raise torch.OutOfMemoryError("simulated")
        self.sizes.append(len(inputs[0]))


def test_out_of_memory_branches_in_turn_then_half_the_batch_and_says_so() -> None:
    options = {"batch": 4, "steps": 1, "guidance_image": 8.0, "guidance_pose": 3.0, "noise": "independent"}
    expected = render(tiny_model(), windows(2, 9), **options)
    model, notes = tiny_model(), []
    memory = SmallMemory(model, limit=2)
    frames = render(model, windows(2, 9), note=notes.append, **options)
    assert set(memory.sizes) == {2}
    assert [frame.index for frame in frames] == list(range(2, 9))
    for frame, other in zip(frames, expected, strict=True):
        assert np.abs(frame.pixels_HWC.astype(int) - other.pixels_HWC).max() <= 1
    told = [note for note in notes if "out of memory" in note]
    assert len(told) == 2
    assert "one after the other" in told[0]
    assert "with 4 frames at once: going on with 2" in told[1]


def test_a_second_shortage_in_the_middle_of_a_batch_loses_no_frame() -> None:
    model, sizes = tiny_model(), []

    def scarce(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > 2 or (len(inputs[0]) > 1 and len(sizes) > 4):
            raise torch.OutOfMemoryError("simulated")

    model.unet.register_forward_pre_hook(scarce)
    frames = render(model, windows(0, 8), note=lambda _: None, batch=8, steps=1, noise="independent")
    assert [frame.index for frame in frames] == list(range(8))
    expected = render(tiny_model(), windows(0, 8), batch=8, steps=1, noise="independent")
    for frame, other in zip(frames, expected, strict=True):
        assert np.abs(frame.pixels_HWC.astype(int) - other.pixels_HWC).max() <= 1


def test_out_of_memory_with_one_frame_is_an_error_with_a_way_out(model: SubjectModel) -> None:
    SmallMemory(model, limit=0)
    with pytest.raises(DeviceError, match="one frame of 128x192 px") as caught:
        render(model, windows(0, 1), batch=2)
    assert caught.value.exit_code == 5


def test_other_failures_are_not_taken_for_a_lack_of_memory(model: SubjectModel) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    model.unet.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="multiplied"):
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
