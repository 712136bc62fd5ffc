"""`--dry-run` of every verb."""

from __future__ import annotations

from pathlib import Path

import pytest

from animator.cli import main
from tests.animator.cli.stand_in import json_lines


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photo and a clip in which nobody is: enough for all that does not track."""
    from fractions import Fraction

    import numpy as np

    from animator.encoding import encode
    from animator.encoding.images import write_png
    from pose_tracking.frame import Frame

    folder = tmp_path_factory.mktemp("media")
    write_png(folder / "me.png", np.full((120, 90, 3), 200, np.uint8))
    frames = (Frame(pixels_HWC=np.full((96, 64, 3), 5 * i, np.uint8), time_s=i / 10, index=i) for i in range(20))
    encode(frames, folder / "dance.mp4", fps=Fraction(10))
    return folder


@pytest.fixture
def _no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn media show nobody who could be rendered; tests/animator/test_plan.py tries the real thing."""
    monkeypatch.setattr("animator.plan.try_out", lambda job, plan, **_: plan)


@pytest.mark.usefixtures("_no_trial")
def test_a_dry_run_tells_the_plan_and_writes_nothing(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    words = ["animate", str(media / "me.png"), str(media / "dance.mp4"), "-o", str(output), "--fps", "25"]
    assert main([*words, "--canvas", "256x320", "--end", "1.2", "--dry-run", "--json"]) == 0
    (plan,) = json_lines(capsys.readouterr().out)
    assert (plan["event"], plan["num_frames"], plan["duration_s"]) == ("plan", 30, 1.2)
    assert (plan["canvas_size"], plan["photo_size"], plan["clip_size"]) == ([256, 320], [90, 120], [64, 96])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_no_trial")
def test_a_dry_run_for_a_person_tells_frames_size_and_length(media: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dry-run", "animate", str(media / "me.png"), str(media / "dance.mp4"), "-o", "out.mp4"]) == 0
    out = capsys.readouterr().out
    assert "20 frames, 2.0 s, 512x640 px at 10 frames/s, without sound" in out


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["-o", "out.xyz"], 3, "cannot write .xyz"),
        (["-o", "out.mp4", "--generator", "pupet"], 2, "generator"),
        (["-o", "out.mp4", "--start", "99"], 3, "from 99 s on"),
    ],
)
def test_a_dry_run_finds_what_would_fail(
    media: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, line: str
) -> None:
    assert main(["animate", str(media / "me.png"), str(media / "dance.mp4"), *words, "--dry-run"]) == code
    assert line in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["track", "-o", "poses.npz"], ["evaluate", "-o", "report", "--clip"]], ids=["track", "evaluate"]
)
def test_a_dry_run_of_the_other_verbs_writes_nothing(
    media: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, str(media / "dance.mp4"), "--dry-run", "--json"]) == 0
    (plan,) = json_lines(capsys.readouterr().out)
    assert (plan["event"], plan["num_frames"]) == ("plan", 20)
    assert list(tmp_path.iterdir()) == []
