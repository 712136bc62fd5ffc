"""What a render finds out and says before any work."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from PIL import Image

from animator import pipeline
from animator.config import RenderJob
from animator.progress import SilentProgress
from animator.rendering import Render
from tests.animator.models.tiny import tiny_model

CLIP = Path(__file__).parents[2] / "examples" / "media" / "dance.mp4"


class Listener(SilentProgress):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def said(job: RenderJob) -> list[str]:
    listener = Listener()
    Render.of(job, pipeline.prepare_scene, progress=listener, trust=False)
    return listener.warnings


def test_a_model_of_one_person_says_when_it_is_given_another_photo(tmp_path: Path) -> None:
    for name, color in (("anna.png", "red"), ("ben.png", "blue")):
        Image.new("RGB", (90, 120), color).save(tmp_path / name)
    known = hashlib.sha256((tmp_path / "anna.png").read_bytes()).hexdigest()
    model = tiny_model()
    tuned = model.manifest.model_copy(update={"phase": "subject", "subject_photos": (known,)})
    replace(model, manifest=tuned).save(tmp_path / "anna")
    model.save(tmp_path / "anybody")

    def job(photo: str, model: str) -> RenderJob:
        paths = {"photo": tmp_path / photo, "clip": CLIP, "output": tmp_path / "out.mp4", "device": "cpu"}
        return RenderJob.model_validate({**paths, "model": str(tmp_path / model)})

    assert said(job("anna.png", "anna")) == []
    assert said(job("ben.png", "anybody")) == []
    (told,) = said(job("ben.png", "anna"))
    assert told.startswith("ben.png: anna was tuned to another photo")
    # Whether there is a photo at all is found out where it is read.
    assert said(job("nobody.png", "anna")) == []
