"""What a render finds out and says before any work, and what is left of one that fails."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from animator import pipeline, rendering
from animator.config import RenderJob
from animator.errors import DeviceError, DiskError, JobError, ModelError, PhotoError
from animator.generators.protocol import FrameGenerator
from animator.jobs.beginning import begin_job
from animator.jobs.folder import JobFolder
from animator.jobs.record import JobRecord, read_record
from animator.jobs.scene import Scene
from animator.preview.paths import contact_sheet_path, side_by_side_path
from animator.progress import SilentProgress
from animator.rendering import Render
from animator.sidecar import read_sidecar, sidecar_path
from animator.subject import Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import ClipError
from pose_tracking.frame import Frame
from pose_tracking.sequence import PoseSequence
from temporal.windows import PoseWindow
from tests.animator.generators.scene import drawn_subject, waving
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


def test_recorded_poses_count_by_their_content_wherever_they_lie(tmp_path: Path) -> None:
    here, there = tmp_path / "here.npz", tmp_path / "there.npz"
    for path in (here, there):
        path.write_bytes(b"poses")

    def record(poses: Path | None) -> JobRecord:
        paths = {"photo": CLIP.with_name("portrait.png"), "clip": CLIP, "output": tmp_path / "out.mp4"}
        job = RenderJob.model_validate({**paths, "tracker": {"recorded": poses}})
        return Render.of(job, pipeline.prepare_scene, progress=SilentProgress(), trust=False).record()

    folder, begun = JobFolder(tmp_path / "job"), record(here)
    begin_job(folder, begun)
    assert record(there).fingerprint == begun.fingerprint != record(None).fingerprint
    moved = begin_job(folder, record(there))
    assert moved == read_record(folder)
    assert moved.render_job().tracker.recorded == there
    there.write_bytes(b"other poses")
    with pytest.raises(JobError, match=r"job: the poses have changed \(there\.npz\)"):
        begin_job(folder, record(there))


CANVAS, NUM_FRAMES = (64, 96), 8


class Photographer:
    """Shows the photo in every frame; may fall over at one. A `FrameGenerator`."""

    name = "photographer"

    def __init__(self, fails_at: int | None = None) -> None:
        self._fails_at = fails_at

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        for window in windows:
            if window.center == self._fails_at:
                raise DeviceError("the device is lost")
            yield Frame(pixels_HWC=subject.photo_HWC, time_s=window.time_s, index=window.center)


def a_render(output: Path, trouble: str, **settings: Any) -> Render:
    """At a photographer's, with a side film, of poses nobody has to look for; what goes wrong is in `trouble`."""

    def make_scene(job: RenderJob, clip: DrivingClip, *, on_tracked: Any = None, **_: object) -> Scene:
        tracked = waving((clip.info.width, clip.info.height), NUM_FRAMES)
        on_tracked(tracked)
        if trouble == "photo":
            raise PhotoError("me.png: nobody was found")
        return Scene(
            subject=drawn_subject(CANVAS), driving=waving(CANVAS, NUM_FRAMES), tracked=tracked, fps=Fraction(10)
        )

    def open_generator() -> FrameGenerator:
        if trouble == "model":
            raise ModelError("no weights")
        return Photographer(fails_at=5 if trouble == "frames" else None)

    paths = {"photo": CLIP.with_name("portrait.png"), "clip": CLIP, "output": output}
    job = RenderJob.model_validate(
        {**paths, "end_s": 0.5, "canvas": {"width": CANVAS[0], "height": CANVAS[1]}, **settings}
    )
    render = Render.of(job, make_scene, progress=SilentProgress(), trust=False)
    return replace(render, chosen=replace(render.chosen, open=open_generator))


def test_a_render_at_once_leaves_its_film_previews_and_sidecar(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    report = a_render(output, "none").at_once()
    assert report.num_frames == NUM_FRAMES
    films = {output, side_by_side_path(output), contact_sheet_path(output), sidecar_path(output)}
    assert set(tmp_path.iterdir()) == films


@pytest.mark.parametrize(
    ("full_at", "there", "said"),
    [
        ("out.mp4", [], ""),
        ("out.mp4.json", ["out.mp4"], "not written: out.mp4.json, out.contact.png, out.side.mp4."),
        ("out.side.mp4", ["out.mp4", "out.mp4.json"], "not written: out.contact.png, out.side.mp4."),
        ("out.contact.png", ["out.mp4", "out.mp4.json", "out.side.mp4"], "not written: out.contact.png."),
    ],
)
def test_a_disk_that_fills_at_the_end_leaves_whole_files_and_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: str, there: list[str], said: str
) -> None:
    put_in_place = os.replace

    def refuse(source: Path, place: Path) -> None:
        if Path(place).name == full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put_in_place(source, place)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(DiskError) as caught:
        a_render(tmp_path / "out.mp4", "none").at_once()
    assert sorted(path.name for path in tmp_path.iterdir()) == there
    assert str(caught.value).startswith(f"{tmp_path / full_at}: the disk took no more data")
    assert str(caught.value).endswith(f" out.mp4 is complete; {said}" if said else "another folder.")
    sidecar = read_sidecar(tmp_path / "out.mp4")
    assert (sidecar is not None and sidecar.fits) == ("out.mp4.json" in there)


def test_a_watermark_that_is_not_heard_in_the_result_is_said(tmp_path: Path) -> None:
    report = a_render(tmp_path / "out.mp4", "none", provenance={"watermark": True}).at_once()
    assert [line for line in report.warnings if line.startswith("out.mp4: its watermark ")]


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ("photo", r"^me\.png: nobody was found$"),
        ("model", "^no weights$"),
        ("frames", "^the device is lost$"),
        ("clip", "damaged"),
    ],
)
def test_a_render_that_fails_beside_its_panels_leaves_no_file_and_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str, error: str
) -> None:
    panels_of, told = rendering.clip_panels, []

    def panels(clip: DrivingClip, tracked: PoseSequence) -> Iterator[Frame]:
        told.append("begun")
        try:
            yield from islice(panels_of(clip, tracked), 3)
            if trouble == "clip":
                raise ClipError("dance.mp4: damaged at 0.2 s")
            while True:  # as if the clip had no end: who fails must not wait for it
                yield Frame(pixels_HWC=drawn_subject(CANVAS).photo_HWC, time_s=9.0, index=9)
        finally:
            told.append("ended")

    monkeypatch.setattr(rendering, "clip_panels", panels)
    with pytest.raises((PhotoError, ModelError, DeviceError, ClipError), match=error):
        a_render(tmp_path / "out.mp4", trouble).at_once()
    assert told in ([], ["begun", "ended"])  # nobody may have come to begin
    assert list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("ahead", "beside"))]
