"""The options about the result: each one reaches the job, and the help does not lie about what comes without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from animator.commands.result_choices import ORIGIN, RESULT
from animator.config import RenderJob
from animator.job_file import build_job

FILES = {"photo": "me.png", "clip": "dance.mp4", "output": "out.mp4"}
CHOICES = {choice.name: choice for choice in (*RESULT, *ORIGIN)}
# What is typed, and what the job says then; credentials need both of their files.
TYPED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "fps": ({"fps": "30000/1001"}, {"motion.fps": "30000/1001"}),
    "crf": ({"crf": 30}, {"encode.crf": 30}),
    "no_audio": ({"no_audio": True}, {"encode.keep_audio": False}),
    "no_preview": ({"no_preview": True}, {"preview.contact_sheet": False, "preview.side_by_side": False}),
    "provenance": (
        {"provenance": "c2pa", "c2pa_cert": "chain.pem", "c2pa_key": "key.pem"},
        {"provenance.kind": "c2pa", "provenance.certificate": "chain.pem", "provenance.key": "key.pem"},
    ),
    "watermark": ({"watermark": True}, {"provenance.watermark": True}),
    "consent": ({"consent": "she agreed"}, {"provenance.consent": "she agreed"}),
    "no_sidecar": ({"no_sidecar": True}, {"provenance.sidecar": False}),
}


def job_of(typed: dict[str, Any]) -> RenderJob:
    changes = {key: each for name, value in typed.items() for key, each in CHOICES[name].changes(value).items()}
    return build_job(FILES, (), changes=changes)


def read(job: RenderJob, key: str) -> Any:
    section, name = key.split(".")
    value = getattr(getattr(job, section), name)
    return value.name if isinstance(value, Path) else value


def test_every_option_is_looked_at_here() -> None:
    assert {name for typed, _ in TYPED.values() for name in typed} == set(CHOICES)


@pytest.mark.parametrize("name", TYPED)
def test_what_is_typed_is_what_the_job_says_and_nothing_else_changes(name: str) -> None:
    typed, wanted = TYPED[name]
    job, plain = job_of(typed), job_of({})
    for key, value in wanted.items():
        assert str(read(job, key)) == str(value)
        assert read(job, key) != read(plain, key), f"{key} is {value} without the option, too"
    sections = {key.split(".")[0] for key in wanted}
    assert job.model_dump(exclude=sections) == plain.model_dump(exclude=sections)
    for section in sections:
        before, after = getattr(plain, section).model_dump(), getattr(job, section).model_dump()
        changed = {f"{section}.{field}" for field in before if before[field] != after[field]}
        assert changed <= set(wanted)


@pytest.mark.parametrize("name", CHOICES)
def test_an_option_that_is_not_typed_changes_nothing(name: str) -> None:
    assert CHOICES[name].changes(None) == {}
    if CHOICES[name].kind is bool:
        assert CHOICES[name].changes(False) == {}


def test_the_defaults_in_words_are_the_job_s() -> None:
    plain = job_of({})
    assert CHOICES["crf"].default == str(plain.encode.crf)
    assert CHOICES["provenance"].default == plain.provenance.kind
    assert plain.motion.fps is None
    assert (plain.encode.keep_audio, plain.provenance.sidecar, plain.provenance.watermark) == (True, True, False)
    assert plain.preview.contact_sheet
    assert plain.preview.side_by_side
