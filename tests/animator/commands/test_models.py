"""`animator models` and `animator import-dreampose` on the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from animator.cli import main
from animator.commands.models import import_dreampose
from animator.models import listing, source
from animator.models.manifest import read_manifest
from tests.animator.models.test_dreampose_import import base, release  # noqa: F401  (fixtures)
from tests.animator.models.tiny import CANVAS, save_base, tiny_model

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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a model in `tiny`, a base in `sd`, no embedded base."""
    tiny_model().save(tmp_path / "tiny")
    save_base(tmp_path / "sd")
    monkeypatch.chdir(tmp_path)
    for module in (source, listing):
        monkeypatch.setattr(module, "embedded_folder", lambda: tmp_path / "nothing")
    return tmp_path


def test_models_lists_those_of_the_current_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [["tiny", "untrained", "128x192"]]
    assert main(["models", "list", "sd"]) == 0
    assert "no model here" in capsys.readouterr().out


def test_models_lists_the_embedded_base_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (source, listing):
        monkeypatch.setattr(module, "embedded_folder", lambda: folder / "tiny")
    assert main(["models", "list", "tiny", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [Path(each["name"]).name for each in told["models"]] == ["embedded", "tiny"]


def test_a_model_that_cannot_be_read_is_a_warning_in_the_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken").mkdir()
    (folder / "broken" / "manifest.json").write_text("{}")
    assert main(["models", "list"]) == 0
    out, err = capsys.readouterr()
    assert "tiny" in out
    assert err.startswith("warning: ")
    assert "broken" in err


def test_inspect_tells_what_a_model_is_made_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "inspect", "tiny", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["manifest"]["canvas"], told["manifest"]["ranges"]["pose"]) == ([128, 192], [0.0, 1.0])
    assert told["problem"] is None
    assert {part["name"] for part in told["parts"]} == {"unet", "adapter", "vae", "image_encoder"}
    assert told["num_parameters"] == sum(part["num_parameters"] for part in told["parts"]) > 100_000
    assert main(["models", "inspect", "tiny"]) == 0
    assert "all 9 files are as the manifest says" in capsys.readouterr().out
    assert main(["models", "inspect", "sd"]) == 0
    assert "a Stable Diffusion folder, not trained on poses" in capsys.readouterr().out


def test_inspect_tells_to_which_photos_a_model_was_tuned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, photos = tiny_model(), ("5e" * 32, "a7" * 32)
    tuned = model.manifest.model_copy(update={"phase": "subject", "subject_photos": photos})
    replace(model, manifest=tuned).save(folder / "me")
    for name, words in (("tiny", "not told"), ("me", "5e5e5e5e5e5e, a7a7a7a7a7a7")):
        assert main(["models", "inspect", name]) == 0
        (line,) = [each for each in capsys.readouterr().out.splitlines() if "subject photos" in each]
        assert line.endswith(words)
    assert main(["models", "inspect", "me", "--json"]) == 0
    assert tuple(json.loads(capsys.readouterr().out)["manifest"]["subject_photos"]) == photos


def test_inspect_finds_a_changed_file_and_still_tells_the_rest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "tiny" / "vae" / "config.json"
    path.write_text(path.read_text() + " ")
    assert main(["models", "inspect", "tiny"]) == 4
    out, err = capsys.readouterr()
    assert "blazepose-33" in out
    assert "files are as the manifest says" not in out
    assert "vae/config.json was changed" in err


def test_licence_names_it_and_prints_the_text_that_lies_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "licence", "tiny"]) == 0
    assert capsys.readouterr().out.startswith("tiny: cc0-1.0\nmade from tiny, licence cc0-1.0\nits text does not lie")
    (folder / "sd" / "LICENSE.md").write_text("You may.\n")
    assert main(["models", "licence", "sd"]) == 0
    assert "creativeml-openrail-m\n\n--- LICENSE.md ---\nYou may." in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["inspect", "licence"])
@pytest.mark.parametrize("name", ["embedded", "./nowhere"])
def test_a_model_that_is_not_there_is_missing(folder: Path, verb: str, name: str) -> None:
    assert main(["models", verb, name]) == 4
