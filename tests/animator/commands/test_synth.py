"""`animator synth` on the command line."""

import json
from pathlib import Path

import pytest

pytest.importorskip("anny", reason="needs the extra [synthesis]")

from animator.cli import main


def test_clip_is_written_with_its_ground_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "walk.mp4"
    code = main(["synth", "clip", "--seed", "7", "-o", str(output), "--size", "96x128", "--seconds", "0.1", "--quiet"])
    assert code == 0
    assert output.is_file()
    assert capsys.readouterr().out.split() == [str(output), str(tmp_path / "walk.npz")]


def test_pairs_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", "pairs", "-n", "3", "-o", str(tmp_path / "pairs"), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["count"] == 3
    assert not (tmp_path / "pairs").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--size", "big"], "'big'"),
        (["--split", "val"], "'val'"),
        (["--motions", "/nowhere"], "no such folder"),
        (["--wardrobe", "/nowhere"], "no wardrobe"),
    ],
)
def test_wrong_options_are_usage_errors_in_one_line(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", "clip", "-o", str(tmp_path / "a.mp4"), *arguments]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1


def test_group_without_a_command_shows_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth"]) == 2
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("clip", "dataset", "pairs"))
