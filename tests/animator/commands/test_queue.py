"""The verbs of a queue: jobs go in, are listed in their order, and the index can be made anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from animator.cli import BAD_INPUT, USAGE, main

WALK = Path(__file__).parents[3] / "examples" / "jobs" / "walk.toml"


def listed(queue: Path, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, int, str]]:
    capsys.readouterr()
    assert main(["jobs", "list", str(queue), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [(Path(line["folder"]).name, line["priority"], line["state"]) for line in lines]


def test_jobs_go_into_a_queue_with_their_priority_and_survive_its_index(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = tmp_path / "night"
    for name, priority in (("one", 0), ("two", 4)):
        output = ["--set", f"output={tmp_path / name}.mp4", "--canvas", "64x80"]
        words = ["jobs", "submit", str(WALK), "--queue", str(queue), "--priority", str(priority), *output]
        assert main(words) == 0, capsys.readouterr().err
    expected = [("two.job", 4, "waiting"), ("one.job", 0, "waiting")]
    assert listed(queue, capsys) == expected
    (queue / "queue.sqlite").write_bytes(b"no database")
    assert main(["jobs", "reindex", str(queue)]) == 0
    assert listed(queue, capsys) == expected
    assert main(["jobs", "cancel", str(queue / "two.job")]) == 0
    assert main(["jobs", "reindex", str(queue)]) == 0
    assert listed(queue, capsys)[-1] == ("two.job", 4, "cancelled")


def test_a_job_folder_that_was_renamed_in_a_queue_is_told_with_what_takes_it_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = tmp_path / "a night"
    words = ["jobs", "submit", str(WALK), "--queue", str(queue), "--canvas", "64x80"]
    assert main([*words, "--set", f"output={tmp_path / 'one.mp4'}"]) == 0
    (queue / "one.job").rename(queue / "two.job")
    capsys.readouterr()
    for verb in (["jobs", "list", str(queue)], ["worker", str(queue), "--until-empty"]):
        assert main(verb) == 0
        err = capsys.readouterr().err
        assert "two.job: came here by hand and will not be rendered" in err
        assert f"animator jobs reindex '{queue}'" in err
    assert main(["jobs", "list", str(queue), "-q"]) == 0
    assert capsys.readouterr().out == f"{queue}: no jobs\n"
    assert main(["jobs", "reindex", str(queue)]) == 0
    assert capsys.readouterr() == (f"{queue}: 1 job\n", "")
    assert main(["jobs", "list", str(queue)]) == 0
    out, err = capsys.readouterr()
    assert (out.split(), err) == (["waiting", "0", "two.job"], "")


def test_a_queue_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list", str(tmp_path / "nowhere")]) == BAD_INPUT
    assert "nowhere: no such folder" in capsys.readouterr().err


def test_the_options_of_a_cluster_belong_to_its_executor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", str(tmp_path), "--address", "auto"]) == USAGE
    assert "--executor ray" in capsys.readouterr().err
