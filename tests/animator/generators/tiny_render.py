"""Renders of a drawn figure on tiny random networks."""

from __future__ import annotations

from collections.abc import Callable

from animator.generators.diffusion import DiffusionGenerator
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow, pose_windows
from tests.animator.generators.scene import drawn_subject, waving
from tests.animator.models.tiny import CANVAS


def windows(first: int, last: int, num_frames: int = 24) -> list[PoseWindow]:
    """Some windows of the waving figure."""
    return list(pose_windows(waving(CANVAS, num_frames)))[first:last]


def render(
    model: SubjectModel,
    which: list[PoseWindow],
    *,
    note: Callable[[str], None] = print,
    lock_background: bool = False,
    **config: object,
) -> list[Frame]:
    """Two steps without the warp, unless `config` says otherwise."""
    settings = SamplerConfig(**{"steps": 2, "repair": 1.0, **config})
    generator = DiffusionGenerator(model, settings, seed=4, on_note=note, lock_background=lock_background)
    return list(generator.generate(which, drawn_subject(CANVAS)))
