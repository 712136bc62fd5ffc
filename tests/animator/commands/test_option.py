"""One option of the command line and the keys of a job that it sets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from animator.commands.option import Choice, in_panel, written

CRF = Choice(flags=("--crf", "-q"), sets="encode.crf", kind=int, text="Quality.", default="18")


@pytest.mark.parametrize(
    ("flags", "name"),
    [(("--crf", "-q"), "crf"), (("--low-vram",), "low_vram"), (("--fill/--no-fill", "-f"), "fill")],
)
def test_an_option_is_called_as_its_first_flag(flags: tuple[str, ...], name: str) -> None:
    choice = dataclasses.replace(CRF, flags=flags)
    assert (choice.name, choice.parameter().name) == (name, name)
    assert choice.parameter().default is None


def test_only_what_was_given_changes_a_job() -> None:
    assert CRF.changes(None) == {}
    assert CRF.changes(0) == {"encode.crf": 0}
    assert dataclasses.replace(CRF, sets=lambda size: {"canvas.width": size, "canvas.height": 2 * size}).changes(8) == {
        "canvas.width": 8,
        "canvas.height": 16,
    }


@pytest.mark.parametrize(("flag", "changes"), [("--overwrite", {}), ("--fill/--fit", {"key": False})])
def test_off_is_said_only_by_a_flag_that_has_a_word_for_it(flag: str, changes: dict[str, Any]) -> None:
    choice = Choice(flags=(flag,), sets="key", kind=bool, text="", default="")
    assert choice.changes(False) == changes
    assert choice.changes(True) == {"key": True}


def test_choices_under_one_heading_are_otherwise_the_same() -> None:
    (moved,) = in_panel("Film", CRF)
    assert moved == dataclasses.replace(CRF, panel="Film")
    assert CRF.panel == ""


@pytest.mark.parametrize(("place", "code"), [("-", 2), ("./-", 2), ("out.mp4", 0), ("-.mp4", 0), (None, 0)])
def test_nothing_is_written_to_a_file_that_was_meant_as_stdout(place: str | None, code: int) -> None:
    app, given = typer.Typer(), []

    @app.command()
    def command(output: Annotated[Path | None, written("--output", "-o", text="The film.")] = None) -> None:
        given.append(output)

    done = CliRunner().invoke(app, [] if place is None else ["-o", place])
    assert done.exit_code == code
    assert given == ([] if code else [None if place is None else Path(place)])
