"""`animator synth` on the command line."""

import json
import os
import signal
import subprocess
import sys
import time
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
        (["--size", "²x16"], "'²x16'"),
        (["--size", "129x161"], "130x162"),
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


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_file_where_the_folder_should_be_is_found_dry_or_not(
    dry: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "people").touch()
    assert main(["synth", "dataset", "-o", str(tmp_path / "people"), *dry]) == 3
    assert "is a file; clips go into a folder" in capsys.readouterr().err
    assert main(["synth", "clip", "-o", str(tmp_path / "people" / "a.mp4"), *dry]) == 3
    assert main(["synth", "clip", "-o", str(tmp_path / "a.mov"), *dry]) == 3


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_processes_in_seconds_and_leaves_a_true_manifest(tmp_path: Path, signum: int) -> None:
    folder = tmp_path / "people"
    command = ["-m", "animator", "synth", "dataset", "-q", "-n", "4", "--seconds", "30", "-j", "2", "-o", str(folder)]
    process = subprocess.Popen(
        [sys.executable, *command], start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        while process.poll() is None and len(list(folder.glob(".clip_*.mp4.*"))) < 2:
            time.sleep(0.05)
        # As the terminal does: to the whole group.
        os.killpg(process.pid, signum)
        start = time.monotonic()
        shown, complaints = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 128 + signum
    # A process that does not listen, because it compiles, is killed after ten seconds.
    assert time.monotonic() - start < 20
    assert (shown, complaints.decode().count("\n")) == (b"", 1), complaints.decode()
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]
    assert json.loads((folder / "manifest.json").read_text())["clips"] == []


def test_group_without_a_command_shows_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth"]) == 2
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("clip", "dataset", "pairs"))
