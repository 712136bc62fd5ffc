"""`animator import-dreampose` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from animator.commands.models import import_dreampose
from animator.models.manifest import read_manifest
from tests.animator.models.test_dreampose_import import base, release  # noqa: F401  (fixtures)
from tests.animator.models.tiny import CANVAS

SIZE = f"{CANVAS[0]}x{CANVAS[1]}"


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(import_dreampose)
    return made


def test_a_release_is_imported_and_reported(app: typer.Typer, release: Path, base: Path, tmp_path: Path) -> None:  # noqa: F811
    words = [str(release), "-o", str(tmp_path / "model"), "--base", str(base), "--canvas", SIZE, "--pose-range", "0,1"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "unet: " in done.stdout
    assert "[16, 14, 3, 3]" in done.stdout
    manifest = read_manifest(tmp_path / "model")
    assert manifest.ranges.pose == (0.0, 1.0)
    assert json.loads((tmp_path / "model" / "manifest.json").read_text())["canvas"] == list(CANVAS)


@pytest.mark.parametrize(
    "wrong", [("--pose-range", "1,-1"), ("--pose-range", "one"), ("--canvas", "large"), ("--clip-range", "0,1,2")]
)
def test_wrong_values_are_a_matter_of_usage(app: typer.Typer, tmp_path: Path, wrong: tuple[str, str]) -> None:
    done = CliRunner().invoke(app, [str(tmp_path), "-o", str(tmp_path / "model"), "--base", "x", *wrong])
    assert done.exit_code == 2
    assert wrong[0] in done.output
