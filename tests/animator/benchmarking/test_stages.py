"""What a frame costs does not depend on how many come at once, and the model measured is the one asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from animator.benchmarking import stages
from animator.benchmarking.roofline import Roof
from animator.canvas import CanvasConfig
from animator.config import RenderJob
from animator.models.loading import quiet
from animator.progress import SilentProgress
from animator.sampling.config import SamplerConfig
from animator.subject import Subject
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow, pose_windows
from tests.animator.generators.scene import drawn_subject, waving
from tests.animator.models.tiny import save_base, tiny_image_encoder
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


def test_a_base_is_measured_on_the_canvas_and_with_the_image_encoder_that_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    canvas = (64, 128)
    base = save_base(tmp_path / "base", image_encoder=False)
    with quiet():
        tiny_image_encoder().save_pretrained(tmp_path / "encoder")
    front_end = drawn_subject(canvas), list(pose_windows(waving(canvas, 2)))
    monkeypatch.setattr(stages._Bench, "front_end", lambda *_: front_end)
    monkeypatch.setattr(stages, "measure_roof", lambda *_: Roof(flops_per_s=1e12, bytes_per_s=1e10))
    job = RenderJob(
        photo=tmp_path / "me.png",
        clip=tmp_path / "dance.mp4",
        output=tmp_path / "bench.mp4",
        model=str(base),
        image_encoder=str(tmp_path / "encoder"),
        canvas=CanvasConfig(width=canvas[0], height=canvas[1]),
        sampler=SamplerConfig(steps=1),
    )
    report = stages.measure(job, num_frames=2, progress=SilentProgress())
    assert (report.canvas_size, report.num_frames) == (canvas, 2)
    assert report.frames_per_s.keys() == {"puppet", "diffusion"}
