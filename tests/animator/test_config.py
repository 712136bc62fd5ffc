from __future__ import annotations

import dataclasses
from pathlib import Path
from types import NoneType

import pytest
from pydantic import ValidationError

from animator.config import RenderJob, RenderReport
from animator.job_schema import find_field, job_keys, types_in

LEAST = {"photo": Path("me.jpg"), "clip": Path("dance.mp4"), "output": Path("out.mp4")}


def test_three_paths_make_a_job() -> None:
    job = RenderJob(**LEAST)
    assert (job.generator, job.canvas.size, job.seed) == ("puppet", (512, 640), 0)


def test_naming_a_model_means_diffusion_unless_a_generator_is_named() -> None:
    assert RenderJob(**LEAST, model="me").generator == "diffusion"
    assert RenderJob(**LEAST, model="me", generator="puppet").generator == "puppet"


@pytest.mark.parametrize("given", ["keep", Path("beach.jpg"), Path("./beach.jpg"), Path("/pictures/beach")])
def test_behind_the_person_is_a_name_or_a_picture(given: str | Path) -> None:
    job = RenderJob(**LEAST, background=given)
    assert job.background == given
    assert job.background_picture == (given if isinstance(given, Path) else None)
    assert RenderJob.model_validate(job.model_dump(mode="json")) == job


@pytest.mark.parametrize(
    ("word", "advice"), [("genrate", "did you mean generate"), ("kep", "did you mean keep"), ("beach", "./file")]
)
def test_a_word_that_is_no_name_of_a_background_is_refused(word: str, advice: str) -> None:
    with pytest.raises(ValidationError, match=advice):
        RenderJob(**LEAST, background=word)


def test_the_puppet_cannot_paint_a_background() -> None:
    with pytest.raises(ValidationError, match="the puppet paints nothing"):
        RenderJob(**LEAST, background="generate")
    for background, is_locked in (("generate", False), ("keep", True), (Path("beach.jpg"), True)):
        job = RenderJob(**LEAST, generator="diffusion", background=background)
        assert job.generator_settings().lock_background == is_locked


def test_a_canvas_nobody_chose_is_the_model_s() -> None:
    canvas = RenderJob.model_validate({**LEAST, "canvas": {"height": 320}}).canvas
    assert (canvas.size, canvas.completed((256, 384)).size) == ((512, 320), (256, 320))


def test_lcm_and_tcd_refuse_more_steps_than_they_can_take() -> None:
    RenderJob.model_validate({**LEAST, "sampler": {"scheduler": "lcm", "steps": 50}})
    with pytest.raises(ValidationError, match="lcm takes at most 50 steps, got 51"):
        RenderJob.model_validate({**LEAST, "sampler": {"scheduler": "lcm", "steps": 51}})


@pytest.mark.parametrize("changes", [{"photos": "me.jpg"}, {"canvas": {"size": 3}}, {"preview": {"gif": True}}])
def test_unknown_names_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        RenderJob.model_validate({**LEAST, **changes})


def test_a_job_does_not_change() -> None:
    job = RenderJob(**LEAST)
    with pytest.raises(ValidationError, match="frozen"):
        job.seed = 1


@pytest.mark.parametrize(("start_s", "end_s"), [(2.0, 2.0), (2.0, 1.0)])
def test_the_end_lies_after_the_start(start_s: float, end_s: float) -> None:
    with pytest.raises(ValidationError, match="must lie after"):
        RenderJob(**LEAST, start_s=start_s, end_s=end_s)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_times_are_finite(seconds: float) -> None:
    with pytest.raises(ValidationError):
        RenderJob(**LEAST, start_s=seconds)
    with pytest.raises(ValidationError):
        RenderJob(**LEAST, end_s=seconds)


def test_what_may_be_empty_is_empty_by_default() -> None:
    """TOML has no word for nothing: only a default of nothing survives being written and read."""
    optional = [key for key in job_keys() if NoneType in types_in(find_field(key.name.split(".")).annotation)]
    assert optional
    assert [key.name for key in optional if key.default != "none"] == []


def test_every_key_is_described() -> None:
    undescribed = [key.name for key in job_keys() if not key.description]
    assert undescribed == []


def test_a_report_does_not_change() -> None:
    report = RenderReport(path=Path("out.mp4"), num_frames=1, duration_s=0.1, seconds=1.0, fingerprint="f")
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.num_frames = 2  # type: ignore[misc]
    assert (report.previews, report.warnings, report.partial) == ((), (), False)


@pytest.mark.parametrize("name", ["foo", "", ":Thing", "my_pkg.mod:", "a b:C"])
def test_an_unknown_generator_is_no_job(name: str) -> None:
    with pytest.raises(ValidationError, match="generator"):
        RenderJob(**LEAST, generator=name)


def test_photo_and_clip_have_their_own_choice_of_a_person() -> None:
    job = RenderJob(**LEAST, tracker={"person": 1, "max_missing": 0.5})
    assert (job.photo_tracker().person, job.photo_tracker().max_missing) == ("largest", 0.5)
    job = RenderJob(**LEAST, photo_person=[0.25, 0.5])
    assert (job.tracker.person, job.photo_tracker().person) == ("largest", (0.25, 0.5))
