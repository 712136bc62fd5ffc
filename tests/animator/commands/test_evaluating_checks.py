"""What `animator evaluate` finds out and says before anything is measured."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from animator.cli import main
from animator.evaluation import runs
from animator.evaluation.scores import Evaluation
from tests.animator.models.tiny import tiny_model

MEDIA = Path(__file__).parents[3] / "examples" / "media"
CLIP, PHOTO = str(MEDIA / "dance.mp4"), str(MEDIA / "portrait.png")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> list[runs.EvaluationSettings]:
    """Those of the evaluations that were begun."""
    begun: list[runs.EvaluationSettings] = []

    def evaluate(*_: Path, settings: runs.EvaluationSettings, **__: Any) -> Evaluation:
        begun.append(settings)
        return Evaluation(mode="self", facts={"clip": "dance.mp4"}, scores=(), partial=False)

    monkeypatch.setattr(runs, "evaluate_self", evaluate)
    monkeypatch.setattr(runs, "evaluate_cross", evaluate)
    return begun


def test_a_report_that_cannot_be_written_is_found_out_first(
    settings: list[runs.EvaluationSettings], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert main(["evaluate", "--clip", CLIP, "-o", str(tmp_path / "file" / "report")]) == 3
    assert settings == []


@pytest.mark.parametrize("words", [["--trust"], []])
def test_only_who_trusts_a_job_has_its_plugins_run(settings: list[runs.EvaluationSettings], words: list[str]) -> None:
    assert main(["evaluate", "--clip", CLIP, *words]) == 0
    assert [each.trust_plugins for each in settings] == [bool(words)]


@pytest.mark.parametrize("photo", ["anna.png", None])
def test_a_model_of_one_person_is_told_from_others_where_there_is_a_photo(
    settings: list[runs.EvaluationSettings], tmp_path: Path, capsys: pytest.CaptureFixture[str], photo: str | None
) -> None:
    model = tiny_model()
    known = hashlib.sha256(b"ben").hexdigest()
    tuned = model.manifest.model_copy(update={"phase": "subject", "subject_photos": (known,)})
    dataclasses.replace(model, manifest=tuned).save(tmp_path / "ben")
    (tmp_path / "anna.png").write_bytes(Path(PHOTO).read_bytes())
    words = [] if photo is None else ["--photo", str(tmp_path / photo)]
    assert main(["evaluate", "--clip", CLIP, "--model", str(tmp_path / "ben"), "--device", "cpu", *words]) == 0
    assert ("ben was tuned to another photo" in capsys.readouterr().err) == (photo is not None)
    assert len(settings) == 1


@pytest.mark.parametrize("wrong", ["--photo", "--background"])
def test_a_dry_run_looks_at_the_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    (tmp_path / "text.png").write_text("no picture")
    pictures = {"--photo": PHOTO, "--background": PHOTO, wrong: str(tmp_path / "text.png")}
    words = [word for pair in pictures.items() for word in pair]
    assert main(["evaluate", "--clip", CLIP, *words, "--dry-run"]) == 3
    assert "text.png" in capsys.readouterr().err


def test_a_dry_run_counts_the_frames_between_start_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    def counted(*words: str) -> int:
        assert main(["evaluate", "--clip", CLIP, *words, "--dry-run", "--json"]) == 0
        return int(json.loads(capsys.readouterr().out)["num_frames"])

    assert (counted("--end", "1"), counted("--start", "0.5", "--end", "1")) == (25, 12)


def test_people_get_the_table_and_where_it_was_written(
    settings: list[runs.EvaluationSettings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--clip", CLIP, "-o", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "clip: dance.mp4"
    assert [line for line in lines if line.startswith("metric")]
    assert {Path(line).name for line in lines[-2:]} == {"evaluation.json", "evaluation.html"}
