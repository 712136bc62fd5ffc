"""What `animator bench` finds out before minutes of measuring."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from animator.benchmarking import chart, stages, table
from animator.cli import main

MEDIA = Path(__file__).parents[3] / "examples" / "media"


@pytest.fixture(autouse=True)
def _nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(*_: object, **__: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(stages, "measure", measure)


def test_the_chart_never_takes_the_photo_s_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "me.png"
    photo.write_bytes((MEDIA / "portrait.png").read_bytes())
    assert main(["bench", str(photo), str(MEDIA / "dance.mp4"), "-o", str(photo)]) == 3
    assert "me.png" in capsys.readouterr().err
    assert photo.read_bytes() == (MEDIA / "portrait.png").read_bytes()


def test_a_chart_that_cannot_be_written_is_found_out_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["bench", "-o", str(tmp_path / "file" / "chart.png")]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_a_dry_run_says_what_would_be_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chart = tmp_path / "chart.png"
    assert main(["bench", "-o", str(chart), "--frames", "7", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"event": "plan", "output": str(chart), "frames": 7}
    assert list(tmp_path.iterdir()) == []


def test_people_get_the_table_and_a_chart_that_breaks_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "chart.png"

    def draw(_: object, path: Path) -> None:
        path.write_bytes(b"half of it" if place.exists() else b"new")
        if place.exists():
            raise OSError("no more colours")

    monkeypatch.setattr(stages, "measure", lambda *_, **__: object())
    monkeypatch.setattr(table, "as_dict", lambda _: {})
    monkeypatch.setattr(table, "lines", lambda _: ["decode 1 ms"])
    monkeypatch.setattr(chart, "draw_report", draw)
    assert main(["bench", "-o", str(place)]) == 0
    assert capsys.readouterr().out.splitlines() == ["decode 1 ms", f"chart: {place}"]
    assert main(["bench", "-o", str(place)]) != 0
    assert place.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [place]
