"""Help: complete, true, and without anything heavy."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from animator.canvas import CanvasConfig
from animator.cli import app
from animator.commands.choice_table import CHOICES
from animator.job_schema import find_field, job_keys

VERBS = ("animate", "track", "render", "evaluate", "inspect", "doctor")
HEAVY = ("torch", "mediapipe", "numpy", "pydantic", "scipy", "av", "PIL", "tqdm")


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert all(f" {verb} " in result.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_an_example_and_every_option_a_phrase(verb: str) -> None:
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]
    assert command.epilog.startswith(f"Example: animator {verb}")
    assert command.help
    assert [parameter.name for parameter in command.params if not parameter.help] == []


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["models", "--help"], *([verb, "--help"] for verb in VERBS)]
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    script = (
        "import sys; from animator.cli import main; code = main(sys.argv[1:]);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.name)
def test_every_choice_sets_a_key_of_the_job(choice: Any) -> None:
    given: dict[str, Any] = {"canvas": "64x64", "person": "0.5,0.5", "photo_person": "1"}
    changes = choice.changes(given.get(choice.name, True))
    assert changes
    assert all(find_field(key.split(".")) is not None for key in changes)


def test_the_defaults_in_the_help_are_those_of_the_job() -> None:
    defaults = {key.name: key.default.strip('"') for key in job_keys()}
    shown = {choice.sets: choice.default for choice in CHOICES if isinstance(choice.sets, str)}
    by_quality = {"4 for drafts, else 1", "preview for drafts, else full"}
    unset = {"none", "the clip's", "its end", "the base's own", "the base's own, else 0.5", *by_quality}
    words = {"none": unset, "0.0": {"its start", "off"}, "false": {"off"}}
    assert [key for key, text in shown.items() if text not in words.get(defaults[key], {defaults[key]})] == []
    canvas = next(choice.default for choice in CHOICES if choice.name == "canvas")
    assert canvas.endswith("x".join(map(str, CanvasConfig().size)))
    assert (defaults["canvas.fit"], defaults["tracker.person"]) == ("auto", "largest")
    assert [defaults[key] for key in ("encode.keep_audio", "preview.contact_sheet", "preview.side_by_side")] == [
        "true"
    ] * 3
