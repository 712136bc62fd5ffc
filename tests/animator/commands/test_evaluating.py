"""`animator evaluate`: what was typed becomes an evaluation; evaluations themselves are tested elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from animator.cli import main
from animator.evaluation import runs
from animator.evaluation.scores import Evaluation
from animator.models.source import EMBEDDED, find_model

MEDIA = Path(__file__).parents[3] / "examples" / "media"
CLIP, PHOTO = str(MEDIA / "dance.mp4"), str(MEDIA / "portrait.png")


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Puts stand-ins in the place of both evaluations; the list gets what they were called with."""
    calls: list[dict[str, Any]] = []

    def stand_in(mode: Any) -> Any:
        def evaluate(*media: Path, **options: Any) -> Evaluation:
            calls.append({"mode": mode, "media": media, **options})
            return Evaluation(mode=mode, facts={"clip": "dance.mp4"}, scores=(), partial=False)

        return evaluate

    monkeypatch.setattr(runs, "evaluate_self", stand_in("self"))
    monkeypatch.setattr(runs, "evaluate_cross", stand_in("cross"))
    return calls


def test_options_become_the_settings_of_an_evaluation(
    evaluated: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = f"--canvas 128x160 --start 1 --end 2 --background {PHOTO} --photo-person 1 --set retarget.lock_root=true"
    assert main(["evaluate", "--clip", CLIP, "--photo", PHOTO, *options.split(), "-o", str(tmp_path / "r")]) == 0
    (call,) = evaluated
    settings = call["settings"]
    assert (call["mode"], call["media"]) == ("cross", (Path(PHOTO), Path(CLIP)))
    assert (settings.canvas.size, settings.start_s, settings.end_s) == ((128, 160), 1, 2)
    assert (settings.background, settings.photo_person) == (Path(PHOTO), 1)
    assert settings.retarget.lock_root
    assert [generator.name for generator in call["generators"]] == ["puppet"]
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["evaluation.html", "evaluation.json"]
    assert str(tmp_path / "r" / "evaluation.html") in capsys.readouterr().out


def test_a_clip_held_against_itself_keeps_its_background(
    evaluated: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--clip", CLIP, "--background", PHOTO]) == 2
    assert "goes with --photo" in capsys.readouterr().err
    assert main(["evaluate", "--clip", CLIP, "--background", "keep"]) == 0
    assert [call["mode"] for call in evaluated] == ["self"]


def test_a_dry_run_says_what_would_be_compared(
    evaluated: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--clip", CLIP, "--photo", PHOTO, "-o", str(tmp_path / "report"), "--dry-run", "--json"]
    assert main(words) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["mode"], plan["systems"], plan["canvas"]) == ("cross", ["puppet", "hold"], [512, 640])
    assert evaluated == []
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_tells_the_canvas_that_the_model_fills(capsys: pytest.CaptureFixture[str]) -> None:
    canvas = find_model(EMBEDDED).manifest.canvas
    assert main(["evaluate", "--clip", CLIP, "--model", EMBEDDED, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["canvas"] == list(canvas)
    assert main(["evaluate", "--clip", CLIP, "--model", EMBEDDED, "--canvas", "96x96", "--dry-run"]) == 3
    assert "was made for" in capsys.readouterr().err


@pytest.mark.parametrize("partial", [False, True])
def test_evaluate_ends_with_7_where_the_clip_was_read_in_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], partial: bool
) -> None:
    evaluation = Evaluation(mode="self", facts={}, scores=(), partial=partial)
    monkeypatch.setattr(runs, "evaluate_self", lambda *_, **__: evaluation)
    assert main(["evaluate", "--clip", CLIP, "--json"]) == (7 if partial else 0)
    assert json.loads(capsys.readouterr().out)["partial"] is partial
