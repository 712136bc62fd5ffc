"""What a job reads counts by its content, and lies wherever it lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from animator.config import RenderJob
from animator.errors import JobError
from animator.jobs.inputs import INPUT_SETTINGS, input_sha256, with_places


def test_a_folder_s_hash_follows_names_and_contents_and_not_the_place(tmp_path: Path) -> None:
    def folder(place: str, **files: str) -> str:
        (tmp_path / place).mkdir()
        for name, text in files.items():
            (tmp_path / place / name).write_text(text)
        return input_sha256(tmp_path / place)

    first = folder("here", a="1", b="2")
    assert folder("there", a="1", b="2") == first
    assert len({first, folder("changed", a="1", b="3"), folder("named", a="1", c="2"), folder("less", a="1")}) == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_refused_instead_of_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "poses.json")
    with pytest.raises(JobError, match=r"poses\.json: a pipe, socket or device"):
        input_sha256(tmp_path / "poses.json")


def test_all_places_of_a_job_are_told_from_the_root_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {
        **{"photo": "me.jpg", "clip": "walk.mp4", "output": "out.mp4", "background": "beach.jpg"},
        "tracker": {"recorded": "poses.npz", "kind": "full.task", "max_people": 2},
        "sampler": {"densepose": "uv", "steps": 7},
    }
    job = RenderJob.model_validate(settings)
    assert set(job.inputs) == set(INPUT_SETTINGS)
    values = with_places(job)
    assert values["output"] == str(tmp_path / "out.mp4")
    for role, path in RenderJob.model_validate(values).inputs.items():
        assert path == tmp_path / job.inputs[role]
    assert (values["tracker"]["max_people"], values["sampler"]["steps"]) == (2, 7)


def test_what_is_not_given_has_no_place(tmp_path: Path) -> None:
    job = RenderJob(photo=tmp_path / "me.jpg", clip=tmp_path / "walk.mp4", output=tmp_path / "out.mp4")
    assert set(job.inputs) == {"photo", "clip"}
    assert with_places(job) == job.model_dump(mode="json")
