"""`animator bench` measures, prints and draws; wrong wishes are refused first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from animator.cli import main
from tests.animator.models.tiny import CANVAS, tiny_model

PORTRAIT = Path(__file__).parents[3] / "examples" / "media" / "portrait.png"


def test_every_stage_gets_a_price_and_the_chart_is_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_model().save(tmp_path / "tiny")
    options = ("--model", str(tmp_path / "tiny"), "--steps", "2", "--frames", "8", "--device", "cpu", "--json")
    assert main(["bench", "-o", str(tmp_path / "bench.png"), *options]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["canvas_size"] == list(CANVAS)
    names = [stage["name"] for stage in report["stages"]]
    for part in ("decode", "track", "warp", "encode the video", "UNet (2 calls)", "photo", "motion"):
        assert any(name.startswith(part) for name in names), part
    assert all(stage["seconds"] > 0 for stage in report["stages"])
    assert set(report["frames_per_s"]) == {"puppet", "diffusion"}
    assert [load["name"] for load in report["loads"]] == ["UNet", "encoder", "decoder"]
    with Image.open(tmp_path / "bench.png") as chart:
        assert chart.width > 500
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.png", "tiny"]


def test_a_draft_has_prices_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_model().save(tmp_path / "tiny")
    options = ("--model", str(tmp_path / "tiny"), "--frames", "4", "--device", "cpu", "--quality", "draft", "--json")
    assert main(["bench", "-o", str(tmp_path / "bench.png"), *options]) == 0
    stages = {
        stage["name"]: stage["seconds"] for stage in json.loads(capsys.readouterr().out.splitlines()[-1])["stages"]
    }
    assert stages["UNet (20 calls)"] > 0
    assert stages["pictures of the latents"] > 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("-o", "chart.jpg"), 2, "--output: got 'chart.jpg', expected a name ending in .png"),
        ((str(PORTRAIT),), 2, "the clip is missing"),
        ((str(PORTRAIT), "missing.mp4"), 3, "missing.mp4"),
    ],
)
def test_wrong_wishes_end_with_one_line(
    words: tuple[str, ...],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *words]) == code
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
