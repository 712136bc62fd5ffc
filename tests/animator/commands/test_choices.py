"""Commands that take the shared options get what was typed as keys of a job."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pytest
import typer

from animator.commands.choice_table import CHOICES
from animator.commands.choices import typed_job, with_choices


def test_a_command_gets_its_own_values_and_the_choices_that_were_made() -> None:
    got: list[tuple[str, Mapping[str, Any]]] = []

    @with_choices("seed", "start", "end")
    def command(photo: str, *, changes: Mapping[str, Any]) -> None:
        got.append((photo, changes))

    assert list(inspect.signature(command).parameters) == ["photo", "seed", "start", "end"]
    command("me.jpg", start=2.0, end=None, seed=0)
    assert got == [("me.jpg", {"start_s": 2.0, "seed": 0})]


def test_without_names_a_command_gets_every_choice_there_is() -> None:
    @with_choices()
    def command(*, changes: Mapping[str, Any]) -> None: ...

    assert set(inspect.signature(command).parameters) == {choice.name for choice in CHOICES}


def test_no_two_choices_share_a_flag_or_a_name() -> None:
    flags = [flag for choice in CHOICES for spelled in choice.flags for flag in spelled.split("/")]
    assert len(flags) == len(set(flags))
    assert len({choice.name for choice in CHOICES}) == len(CHOICES)


def test_a_job_that_was_typed_wrong_is_wrong_usage() -> None:
    values = {"photo": "me.jpg", "clip": "dance.mp4", "output": "out.mp4"}
    assert typed_job(values, ["encode.crf=20"], changes={"seed": 3}).seed == 3
    with pytest.raises(typer.BadParameter, match=r"encode\.crv"):
        typed_job(values, ["encode.crv=20"], changes={})
    with pytest.raises(typer.BadParameter, match="seed"):
        typed_job(values, [], changes={"seed": "many"})
