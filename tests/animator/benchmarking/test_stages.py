"""What a frame costs does not depend on how many come at once, and the model measured is the one asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from animator.benchmarking import stages
from animator.benchmarking.roofline import Roof
from animator.benchmarking.stages import BenchReport
from animator.canvas import CanvasConfig
from animator.config import RenderJob
from animator.models.loading import quiet
from animator.progress import SilentProgress
from animator.sampling.config import SamplerConfig
from animator.subject import Subject
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow, pose_windows
from tests.animator.generators.scene import drawn_subject, waving
from tests.animator.models.tiny import save_base, tiny_image_encoder, tiny_model
from tests.pose_tracking.people import blank_frame

CANVAS = (96, 128)
WINDOWS = list(pose_windows(waving(CANVAS, 12)))


@dataclass
class Bursts:
    """Prepares a photo for 100 s, then makes so many frames at once in 6 s, by a clock of its own."""

    at_once: int
    now_s: float = 0.0
    name: str = "bursts"

    def perf_counter(self) -> float:
        return self.now_s

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        self.now_s += 100
        asked = iter(windows)
        while together := [window for _, window in zip(range(self.at_once), asked, strict=False)]:
            self.now_s += 6
            yield from (blank_frame(window.center) for window in together)


@pytest.mark.parametrize(("at_once", "expected_s"), [(1, 72.0), (3, 24.0), (12, 6.0)])
def test_frames_that_come_together_are_all_paid_for_and_the_photo_is_not(
    monkeypatch: pytest.MonkeyPatch, at_once: int, expected_s: float
) -> None:
    generator = Bursts(at_once)
    monkeypatch.setattr(stages, "time", generator)
    frames, seconds = stages.paced(generator, WINDOWS, drawn_subject(CANVAS))
    assert (len(frames), seconds) == (12, expected_s)


def measured(monkeypatch: pytest.MonkeyPatch, folder: Path, size: tuple[int, int], **choices: Any) -> BenchReport:
    """What is found for a figure that waves, with nothing tracked and no roof measured."""
    front_end = drawn_subject(size), list(pose_windows(waving(size, 2)))
    monkeypatch.setattr(stages._Bench, "front_end", lambda *_: front_end)
    monkeypatch.setattr(stages, "measure_roof", lambda *_: Roof(flops_per_s=1e12, bytes_per_s=1e10))
    places = {"photo": folder / "me.png", "clip": folder / "dance.mp4", "output": folder / "bench.mp4"}
    job = RenderJob(**places, sampler=SamplerConfig(steps=1), **choices)
    return stages.measure(job, num_frames=2, progress=SilentProgress())


def test_a_base_is_measured_on_the_canvas_and_with_the_image_encoder_that_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = save_base(tmp_path / "base", image_encoder=False)
    with quiet():
        tiny_image_encoder().save_pretrained(tmp_path / "encoder")
    canvas = CanvasConfig(width=64, height=128)
    choices = {"model": str(base), "image_encoder": str(tmp_path / "encoder"), "canvas": canvas}
    report = measured(monkeypatch, tmp_path, (64, 128), **choices)
    assert (report.canvas_size, report.num_frames) == ((64, 128), 2)
    assert report.frames_per_s.keys() == {"puppet", "diffusion"}


def test_the_network_has_its_price_where_the_model_would_repair_nothing_of_these_frames(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = tiny_model()
    replace(model, manifest=model.manifest.model_copy(update={"repair": 0.0})).save(tmp_path / "model")
    report = measured(monkeypatch, tmp_path, model.manifest.canvas, model=str(tmp_path / "model"))
    seconds = {stage.name: stage.seconds for stage in report.stages}
    assert seconds["UNet (1 calls)"] > 0
    assert seconds["pictures of the latents"] > 0
