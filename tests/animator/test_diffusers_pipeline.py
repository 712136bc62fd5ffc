"""The face for diffusers: saves, loads and renders as the model behind it does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler
from PIL import Image

from animator.diffusers_pipeline import AnimatorPipeline
from animator.errors import JobError, PhotoError
from animator.generators import diffusion
from animator.generators.diffusion import DiffusionGenerator
from animator.models import warp_refiner
from animator.models.bases import with_refiner
from animator.models.source import look_up
from animator.models.subject_model import SubjectModel
from animator.models.warp_refiner import WarpRefiner
from animator.photo import Photo
from animator.sampling.config import SamplerConfig
from animator.subject import Subject
from pose_tracking.errors import PipelineError, TrackingError
from pose_tracking.retargeting import retarget
from temporal.windows import pose_windows
from tests.animator.generators.scene import drawn_subject, figure_warp, waving
from tests.animator.models.tiny import CANVAS, tiny_model


@pytest.fixture(autouse=True)
def one_warp_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting the drawn figure out takes longer than everything else here."""
    monkeypatch.setattr(diffusion, "subject_warp", lambda *_: figure_warp(CANVAS))


@pytest.fixture(scope="module")
def pipeline() -> AnimatorPipeline:
    made = AnimatorPipeline.from_subject_model(tiny_model())
    made.set_progress_bar_config(disable=True)
    return made


def run(pipeline: AnimatorPipeline, **options: object) -> np.ndarray:
    settings = {"num_inference_steps": 2, "output_type": "np", "repair": 1.0, **options}
    seed = torch.Generator().manual_seed(5)
    return pipeline(drawn_subject(CANVAS), waving(CANVAS, 2), generator=seed, **settings).frames


def test_it_gives_the_frames_of_the_generator(pipeline: AnimatorPipeline) -> None:
    subject = drawn_subject(CANVAS)
    driving = retarget(waving(CANVAS, 2), onto=subject.pose, canvas_size=CANVAS)
    generator = DiffusionGenerator(pipeline.subject_model, SamplerConfig(steps=2, repair=1.0), seed=5)
    expected = [frame.pixels_HWC for frame in generator.generate(pose_windows(driving), subject)]
    assert np.array_equal((run(pipeline) * 255).round().astype(np.uint8), np.stack(expected))


def test_it_survives_saving_and_loading_through_its_own_class(pipeline: AnimatorPipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    again = AnimatorPipeline.from_pretrained(tmp_path, use_safetensors=True)
    again.set_progress_bar_config(disable=True)
    assert again.subject_model.manifest == pipeline.subject_model.manifest
    assert not list(tmp_path.rglob("*.bin"))
    # Where weights lie in memory decides the last bits of a sum.
    assert np.abs(run(again) - run(pipeline)).max() < 1.5 / 255


def test_a_model_that_looks_at_the_photo_does_so_here_too(tmp_path: Path) -> None:
    made = AnimatorPipeline.from_subject_model(tiny_model(reference="trained"))
    made.save_pretrained(tmp_path)
    again = AnimatorPipeline.from_pretrained(tmp_path, use_safetensors=True)
    for each in (made, again):
        each.set_progress_bar_config(disable=True)
    assert again.subject_model.reference is not None
    assert np.abs(run(again) - run(made)).max() < 1.5 / 255
    blind = AnimatorPipeline.from_subject_model(tiny_model(reference="untrained"))
    blind.set_progress_bar_config(disable=True)
    assert np.abs(run(made) - run(blind)).max() > 5 / 255


def test_a_model_that_corrects_the_warp_does_so_here_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if the person stood quite otherwise than in the photo.
    monkeypatch.setattr(warp_refiner, "_departure", lambda *_: torch.ones(1))
    refiner = WarpRefiner(widths=(8, 8), pose_width=8).eval()
    with torch.no_grad():
        refiner.conv_out.bias.copy_(torch.tensor([0.0, 0.36]))
    made = AnimatorPipeline.from_subject_model(with_refiner(tiny_model(), refiner))
    made.save_pretrained(tmp_path)
    again, without = (
        AnimatorPipeline.from_pretrained(tmp_path, use_safetensors=True),
        AnimatorPipeline.from_subject_model(tiny_model()),
    )
    for each in (made, again, without):
        each.set_progress_bar_config(disable=True)
    assert np.abs(run(again, repair=0.0) - run(made, repair=0.0)).max() < 1.5 / 255
    assert np.abs(run(made, repair=0.0) - run(without, repair=0.0)).max() > 5 / 255


def test_how_much_is_repaired_the_model_says_unless_it_is_asked_for() -> None:
    model = tiny_model()
    cautious = AnimatorPipeline.from_subject_model(
        replace(model, manifest=model.manifest.model_copy(update={"repair": 0.0}))
    )
    cautious.set_progress_bar_config(disable=True)
    seed = torch.Generator().manual_seed(5)
    said = cautious(drawn_subject(CANVAS), waving(CANVAS, 2), 2, generator=seed, output_type="np").frames
    asked, other = (run(cautious, repair=repair) for repair in (0.0, 0.5))
    assert np.array_equal(said, asked)
    assert not np.array_equal(said, other)


def test_the_shipped_base_makes_a_pipeline_of_the_parts_that_it_says_it_takes() -> None:
    shipped = SubjectModel.load(look_up("embedded").folder)
    made = AnimatorPipeline.from_subject_model(shipped)
    assert made.subject_model.nets.keys() == shipped.nets.keys()
    # Of other parts diffusers warns whoever loads the pipeline.
    assert isinstance(shipped.vae, get_type_hints(AnimatorPipeline.__init__)["vae"])


def test_its_scheduler_can_be_exchanged(pipeline: AnimatorPipeline) -> None:
    before = run(pipeline)
    kept = pipeline.scheduler
    pipeline.scheduler = EulerDiscreteScheduler.from_config(kept.config)
    after = run(pipeline)
    pipeline.scheduler = kept
    assert not np.array_equal(before, after)


def test_it_takes_as_many_steps_as_the_model_says(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    model = replace(model, manifest=model.manifest.model_copy(update={"steps": 3}))
    pipeline, steps = AnimatorPipeline.from_subject_model(model), []
    pipeline.set_progress_bar_config(disable=True)
    model.unet.register_forward_pre_hook(lambda *_: steps.append(1))
    run(pipeline, num_inference_steps=None, decode_chunk_size=2)
    assert len(steps) == 3


def test_a_transparent_picture_keeps_its_cut_out(pipeline: AnimatorPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def from_photo(photo: Photo, *_: object) -> Subject:
        seen.append(photo)
        return drawn_subject(CANVAS)

    monkeypatch.setattr(Subject, "from_photo", from_photo)
    picture = Image.new("RGBA", (80, 100), (200, 30, 30, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 40, 100))
    pipeline(picture, waving(CANVAS, 1), 1)
    assert np.array_equal(seen[0].opacity_HW, np.asarray(picture.getchannel("A"), np.float32) / 255)
    assert picture.getpixel((60, 50)) == (200, 30, 30, 255)


def test_another_picture_stands_behind_the_person(pipeline: AnimatorPipeline) -> None:
    kept, green = run(pipeline), run(pipeline, background=Image.new("RGB", (90, 90), (0, 255, 0)))
    assert np.allclose(green[:, :6, :6], (0, 1, 0))
    free = run(pipeline, background="generate")
    assert not np.allclose(kept[:, :6, :6], free[:, :6, :6], atol=0.02)
    torso = (slice(None), slice(90, 100), slice(60, 68))
    assert np.abs(kept[torso] - free[torso]).max() < 1.5 / 255


def test_output_types(pipeline: AnimatorPipeline) -> None:
    pictures = run(pipeline, output_type="pil")
    assert isinstance(pictures[0], Image.Image)
    assert pictures[0].size == CANVAS
    assert run(pipeline, output_type="pt").shape == (2, 3, 192, 128)
    assert isinstance(pipeline(drawn_subject(CANVAS), waving(CANVAS, 1), 1, return_dict=False), tuple)


@pytest.mark.parametrize(
    ("argument", "value", "error", "words"),
    [
        ("image", np.zeros((80, 64, 3), np.uint8), PhotoError, "image: got a ndarray, expected one PIL picture"),
        ("image", "me.jpg", PhotoError, "image: got a str, .*Image.open"),
        ("image", [Image.new("RGB", (80, 80))], PhotoError, "image: got a list"),
        ("image", None, PhotoError, "image: got None"),
        ("pose_video", np.zeros((2, 33, 2)), TrackingError, "pose_video: got a ndarray, expected a PoseSequence"),
        ("generator", [torch.Generator()], JobError, "generator: got a list, expected one torch.Generator"),
        ("output_type", "latent", JobError, "output_type: got 'latent', expected pil, np, pt"),
        ("output_type", [], JobError, r"output_type: got \[\]"),
        ("background", "beach.jpg", PhotoError, "background: got 'beach.jpg', expected 'keep', 'generate', or a PIL"),
        ("background", np.zeros((5, 5, 3), np.uint8), PhotoError, "background: got a ndarray"),
        ("background", Image.new("RGB", (50, 50)), PhotoError, "^background: 50x50 px is too small"),
        ("num_inference_steps", 0, JobError, "^num_inference_steps: got 0, expected at least 1$"),
        ("guidance_scale", -1.0, JobError, "^guidance_scale: got -1.0, expected at least 0$"),
        ("pose_guidance_scale", float("nan"), JobError, "^pose_guidance_scale: got nan, expected a finite number$"),
        ("decode_chunk_size", 0, JobError, "^decode_chunk_size: got 0"),
        ("repair", 7.0, JobError, "^repair: got 7.0, expected at most 1$"),
    ],
)
def test_an_argument_of_another_kind_is_named_in_one_line(
    pipeline: AnimatorPipeline, argument: str, value: object, error: type[PipelineError], words: str
) -> None:
    given = {"image": drawn_subject(CANVAS), "pose_video": waving(CANVAS, 2), argument: value}
    with pytest.raises(error, match=words) as caught:
        pipeline(**given)
    assert "\n" not in str(caught.value)


def test_two_wrong_settings_are_both_named_as_they_were_given(pipeline: AnimatorPipeline) -> None:
    with pytest.raises(JobError, match=r"num_inference_steps: got 0.*; decode_chunk_size: got -1"):
        pipeline(drawn_subject(CANVAS), waving(CANVAS, 2), num_inference_steps=0, decode_chunk_size=-1)
