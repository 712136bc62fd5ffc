"""What a command prints: one line per line, nothing that a terminal obeys, or JSON."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from animator.commands.console import Console
from animator.progress import JsonProgress, TqdmProgress


def context(**flags: bool) -> Any:
    return SimpleNamespace(meta={"animator.flags": flags})


def test_the_flags_are_those_given_before_or_after_the_verb() -> None:
    assert Console.of(context(quiet=True)) == Console(quiet=True)
    assert Console.of(SimpleNamespace(meta={})) == Console()  # type: ignore[arg-type]


def test_a_result_is_lines_for_a_person_and_one_object_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    fields, lines = {"path": "a\nb.mp4"}, ["a\nb.mp4: made", "\x1b]0;mine\x07"]
    Console().result("report", fields, lines)
    assert capsys.readouterr().out.splitlines() == [r"a\nb.mp4: made", r"\x1b]0;mine\x07"]
    Console(json_lines=True).result("report", fields, lines)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"event": "report", **fields}


def test_who_watches_depends_on_the_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(Console(json_lines=True, quiet=True).progress(), JsonProgress)
    quiet = Console(quiet=True).progress()
    assert isinstance(quiet, TqdmProgress)
    with quiet.stage("track", 2) as stage:
        stage.advance(2)
    quiet.warn("dark")
    assert capsys.readouterr().err == "warning: dark\n"
