"""Generators are chosen and checked before a weight is read, and say what they are going to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from animator.canvas import CanvasConfig
from animator.errors import DeviceError, JobError, ModelError
from animator.generators import diffusion, puppet
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.puppet_config import PuppetConfig
from animator.generators.registry import GeneratorSettings, choose_generator
from animator.models import bases
from animator.sampling.config import SamplerConfig
from animator.subject import Subject
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow, pose_windows
from tests.animator.generators.scene import drawn_subject, figure_warp, waving
from tests.animator.models.tiny import CANVAS, save_base, tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model().save(folder)
    return str(folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_base(tmp_path_factory.mktemp("bases") / "sd"))


def settings(model: str, **changes: object) -> GeneratorSettings:
    return GeneratorSettings(**{"model": model, "device": "cpu", "on_note": lambda _: None, **changes})


def test_the_puppet_fills_any_canvas_and_says_what_it_ignores() -> None:
    chosen = choose_generator("puppet", GeneratorSettings(canvas=CanvasConfig(width=256)))
    assert (chosen.canvas.size, chosen.notes, chosen.source_type) == ((256, 640), (), "compositeSynthetic")
    sampled = GeneratorSettings(model="me", sampler=SamplerConfig(steps=3))
    assert [note.split(":")[0] for note in choose_generator("puppet", sampled).notes] == [
        "the puppet has no model",
        "the puppet has no sampler",
    ]


def test_the_exposure_is_the_puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    monkeypatch.setattr(puppet, "PuppetGenerator", lambda **settings: asked.update(settings))
    long = GeneratorSettings(device="cpu", puppet=PuppetConfig(exposure_s=0.1))
    choose_generator("puppet", long).open()
    assert asked["exposure_s"] == 0.1
    assert choose_generator("diffusion", long).notes == ("only the puppet is exposed: --exposure changes nothing",)
    assert choose_generator("diffusion", GeneratorSettings(device="cpu")).notes == ()


def test_a_model_fills_its_own_canvas_and_no_other(model: str) -> None:
    assert choose_generator("diffusion", settings(model)).canvas.size == CANVAS
    given = CanvasConfig(width=CANVAS[0], height=CANVAS[1], fit="fill")
    assert choose_generator("diffusion", settings(model, canvas=given)).canvas == given
    with pytest.raises(JobError, match=r"made for 128x192 px; .*--canvas 128x192") as caught:
        choose_generator("diffusion", settings(model, canvas=CanvasConfig(width=256, height=320)))
    assert caught.value.exit_code == 3


def test_a_base_fills_multiples_of_64(base: str) -> None:
    assert choose_generator("diffusion", settings(base)).canvas.size == (512, 640)
    given = CanvasConfig(width=192, height=256)
    assert choose_generator("diffusion", settings(base, canvas=given)).canvas.size == (192, 256)
    with pytest.raises(JobError, match="multiples of 64 px, for example 128x192") as caught:
        choose_generator("diffusion", settings(base, canvas=CanvasConfig(width=120, height=200)))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("repair", "lock_background", "expected"),
    [
        (0.5, True, "compositeWithTrainedAlgorithmicMedia"),
        (1.0, True, "compositeWithTrainedAlgorithmicMedia"),
        (0.5, False, "compositeWithTrainedAlgorithmicMedia"),
        (1.0, False, "trainedAlgorithmicMedia"),
    ],
)
def test_the_mark_says_whether_anything_of_the_photo_is_left(
    model: str, repair: float, lock_background: bool, expected: str
) -> None:
    asked = settings(model, sampler=SamplerConfig(repair=repair), lock_background=lock_background)
    assert choose_generator("diffusion", asked).source_type == expected


@pytest.mark.parametrize(
    "sampler",
    [
        {"steps": 3},
        {"steps": 1, "guidance_image": 8.0, "guidance_pose": 3.0},
        {"steps": 4, "guidance_image": 2.0, "guidance_pose": 2.0, "guidance_interval": (0.3, 0.7)},
        {"steps": 5, "guidance_pose": 0.0, "scheduler": "euler"},
    ],
)
def test_the_evaluations_foretold_are_those_that_happen(
    model: str, monkeypatch: pytest.MonkeyPatch, sampler: dict[str, object]
) -> None:
    monkeypatch.setattr(diffusion, "subject_warp", lambda *_: figure_warp(CANVAS))
    chosen = choose_generator("diffusion", settings(model, sampler=SamplerConfig(**sampler)))
    generator = chosen.open()
    assert isinstance(generator, DiffusionGenerator)
    sizes: list[int] = []
    generator.model.unet.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    list(generator.generate(list(pose_windows(waving(CANVAS, 2)))[:1], drawn_subject(CANVAS)))
    assert sum(sizes) == chosen.evaluations
    assert f"{chosen.evaluations} UNet evaluations per frame" in chosen.line()


def test_the_facts_are_json_s_own(model: str) -> None:
    facts = choose_generator("diffusion", settings(model)).as_dict()
    assert facts == {
        "generator": "diffusion",
        "model": model,
        "device": "cpu",
        "scheduler": "dpm++",
        "steps": 20,
        "evaluations_per_frame": 20,
        "reuse": 1,
        "decoder": "full",
    }


def test_weights_too_large_for_the_device_are_told_with_a_way_out(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("simulated")

    monkeypatch.setattr(bases, "open_base", too_large)
    with pytest.raises(DeviceError, match="tiny: its weights do not fit into the memory of cpu") as caught:
        choose_generator("diffusion", settings(model)).open()
    assert caught.value.exit_code == 5


def test_foreign_code_is_not_made_before_it_is_opened() -> None:
    name = "animator.evaluation.baselines:HoldGenerator"
    with pytest.raises(JobError, match="--trust"):
        choose_generator(name, GeneratorSettings())
    chosen = choose_generator(name, GeneratorSettings(), trust=True)
    assert (chosen.name, chosen.canvas.size, chosen.open().name) == (name, (512, 640), "hold")


def test_a_base_is_opened_on_the_canvas_that_was_asked_for(base: str, tmp_path: Path) -> None:
    given = CanvasConfig(width=CANVAS[0], height=CANVAS[1])
    generator = choose_generator("diffusion", settings(base, canvas=given)).open()
    assert isinstance(generator, DiffusionGenerator)
    assert generator.model.manifest.canvas == CANVAS


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (":Thing", "cannot be loaded"),
        ("nowhere_to_be_found:Thing", "cannot be loaded"),
        ("os:nothing", "cannot be loaded"),
        ("os:sep", "is no class or function"),
        ("os.path:join", "cannot be called without arguments"),
        ("os:getcwd", "gives a str, which has no generate"),
    ],
)
def test_an_object_that_is_no_generator_is_refused_before_any_work(name: str, complaint: str) -> None:
    with pytest.raises(JobError, match=complaint):
        choose_generator(name, GeneratorSettings(), trust=True).open()


def test_a_class_of_ones_own_is_opened_without_arguments() -> None:
    chosen = choose_generator("animator.evaluation.baselines:HoldGenerator", GeneratorSettings(), trust=True)
    assert chosen.open().name == "hold"


class Unwilling:
    def __init__(self) -> None:
        raise RuntimeError("no licence")


def test_what_goes_wrong_in_a_class_of_ones_own_is_not_taken_for_a_bug_of_ours() -> None:
    chosen = choose_generator(f"{__name__}:Unwilling", GeneratorSettings(), trust=True)
    with pytest.raises(ModelError, match=r":Unwilling' failed: RuntimeError: no licence"):
        chosen.open()


class Failing:
    name = "failing"

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        raise KeyError("colour")
        yield


class TooSmall:
    name = "too-small"

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        for window in windows:
            yield Frame(pixels_HWC=np.zeros((8, 8, 3), np.uint8), time_s=window.time_s, index=window.center)


@pytest.mark.parametrize(
    ("thing", "complaint"),
    [
        ("Failing", r"generator 'tests\..*:Failing' failed: KeyError: 'colour'"),
        ("TooSmall", r":TooSmall' gave pixels of uint8, \(8, 8, 3\); expected uint8, \("),
    ],
)
def test_what_goes_wrong_in_a_class_of_ones_own_is_told_as_its_own(thing: str, complaint: str) -> None:
    subject = drawn_subject(CANVAS)
    generator = choose_generator(f"{__name__}:{thing}", GeneratorSettings(), trust=True).open()
    with pytest.raises(ModelError, match=complaint):
        list(generator.generate(pose_windows(waving(CANVAS, 2)), subject))


def test_a_densepose_model_asks_for_its_arrays_before_anything_is_tracked(tmp_path: Path) -> None:
    tiny_model(skeleton="densepose-uv", pose_channels=2).save(tmp_path / "uv")
    with pytest.raises(JobError, match=r"sampler\.densepose"):
        choose_generator("diffusion", settings(str(tmp_path / "uv")))
