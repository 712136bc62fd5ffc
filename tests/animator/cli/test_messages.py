"""What is said and where, and the codes with which the program ends."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from animator.cli import app, explain, main
from animator.config import RenderJob, RenderReport
from animator.errors import DeviceError, DiskError, EncodeError, JobError, ModelError, PhotoError
from animator.progress import Progress
from pose_tracking.errors import ClipError, TrackingError
from tests.animator.cli.stand_in import ANIMATE, REPORT, fails, json_lines, makes

PEOPLE = "expected largest, center, a number from the left (0, 1, ...), or X,Y: a point, both from 0 to 1"


# What is said, and where


def test_the_result_goes_to_stdout_and_nothing_else_does(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def animate(job: RenderJob, *, progress: Progress, trust: bool) -> RenderReport:
        with progress.stage("track", 3) as stage:
            stage.advance(3)
        return REPORT

    pipeline(animate)
    assert main(ANIMATE) == 0
    out, err = capsys.readouterr()
    assert out == "out.mp4: 48 frames, 2.0 s, made in 4.0 s (12.0/s)\n"
    assert "track" in err
    assert "3/3" in err


def test_quiet_says_nothing_but_the_result(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def animate(job: RenderJob, *, progress: Progress, trust: bool) -> RenderReport:
        with progress.stage("track", 3) as stage:
            stage.advance(3)
        return REPORT

    pipeline(animate)
    assert main([*ANIMATE, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_a_warning_is_said_once(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def animate(job: RenderJob, *, progress: Progress, trust: bool) -> RenderReport:
        progress.warn("the photo is dark")
        return dataclasses.replace(REPORT, warnings=("the photo is dark", "no sound"))

    pipeline(animate)
    assert main([*ANIMATE, "-q"]) == 0
    assert capsys.readouterr().err.splitlines() == ["warning: the photo is dark", "warning: no sound"]


@pytest.mark.parametrize("words", [["--json", *ANIMATE], [*ANIMATE, "--json"]])
def test_json_lines_tell_the_events_and_end_with_the_report(
    pipeline: Any, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    def animate(job: RenderJob, *, progress: Progress, trust: bool) -> RenderReport:
        with progress.stage("track", 3) as stage:
            stage.advance(3)
        progress.warn("dark")
        return REPORT

    pipeline(animate)
    assert main(words) == 0
    out, err = capsys.readouterr()
    events = json_lines(out)
    assert [event["event"] for event in events] == ["stage", "stage", "warning", "report"]
    assert (events[-1]["path"], events[-1]["num_frames"], events[-1]["partial"]) == ("out.mp4", 48, False)
    assert err == ""


def test_json_tells_an_error_too(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline(fails(ClipError("dance.mp4: is empty")))
    assert main([*ANIMATE, "--json"]) == 3
    out, err = capsys.readouterr()
    assert json_lines(out) == [{"event": "error", "exit_code": 3, "message": "dance.mp4: is empty"}]
    assert err == "error: dance.mp4: is empty\n"


# Exit codes


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ClipError("dance.mp4: is empty"), 3, "dance.mp4: is empty"),
        (TrackingError("nobody"), 3, "nobody"),
        (PhotoError("me.png: dark"), 3, "me.png: dark"),
        (JobError("job"), 3, "job"),
        (EncodeError("out.mp4: is a folder"), 3, "is a folder"),
        (ModelError("no weights"), 4, "no weights"),
        (DeviceError("no card"), 5, "no card"),
        (MemoryError("Unable to allocate 9 GiB"), 5, "out of memory (Unable to allocate 9 GiB)"),
        (DiskError("disk"), 6, "disk"),
        (OSError(errno.ENOSPC, "No space left on device", "out.mp4"), 6, "out.mp4: No space left on device"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 6, "Disk quota exceeded"),
        (PermissionError(errno.EACCES, "Permission denied", "me.png"), 3, "me.png: Permission denied. Choose a file"),
        (OSError(errno.EROFS, "Read-only file system", "out.mp4"), 3, "Choose another folder"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "o.mp4"), 3, "File name too long. Give a shorter name"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a"), 3, "Check the path"),
        (KeyError("joint"), 1, "KeyError: 'joint'. This is a bug"),
        (ValueError("several\nlines\n\tof it"), 1, "ValueError: several lines of it. This is a bug"),
        (AssertionError(), 1, "AssertionError. This is a bug"),
    ],
)
def test_an_error_is_one_line_and_its_code(
    pipeline: Any, capsys: pytest.CaptureFixture[str], error: Exception, code: int, words: str
) -> None:
    pipeline(fails(error))
    assert main(ANIMATE) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert words in err


def test_torch_running_out_of_memory_is_out_of_memory() -> None:
    torch = pytest.importorskip("torch")
    assert explain(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))[0] == 5
    for words in ("[enforce fail] DefaultCPUAllocator: can't allocate memory", "MPS backend out of memory (9 GiB)"):
        code, line = explain(RuntimeError(words))
        assert (code, line.startswith(f"out of memory ({words}). Try a smaller --canvas")) == (5, True)


def test_a_partial_result_is_told_and_ends_with_seven(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline(
        makes(
            RenderReport(
                path=Path("out.mp4"),
                num_frames=3,
                duration_s=1,
                seconds=1,
                fingerprint="",
                warnings=("cut",),
                partial=True,
            )
        )
    )
    assert main(ANIMATE) == 7
    out, err = capsys.readouterr()
    assert out.startswith("out.mp4: 3 frames")
    assert "warning: cut" in err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["anmate"], "Did you mean 'animate'?"),
        (["animate", "me.png"], "CLIP"),
        (["animate", "me.png", "dance.mp4"], "--output"),
        ([*ANIMATE, "--frobnicate"], "--frobnicate"),
        ([*ANIMATE, "--canvas", "huge"], "expected WIDTHxHEIGHT"),
        ([*ANIMATE, "--person", "9" * 5000], "expected largest, center, a number from the left"),
        (["synth", "clip", "-o", "walk.mp4", "--size", "9" * 5000 + "x64"], "expected WIDTHxHEIGHT"),
        ([*ANIMATE, "--canvas", "513x640"], "canvas.width: got 513, expected a multiple of 2"),
        ([*ANIMATE, "--person", "a,b"], f"--person: got 'a,b', {PEOPLE}"),
        ([*ANIMATE, "--person", "-1"], f"--person: got '-1', {PEOPLE}"),
        ([*ANIMATE, "--photo-person", "-1"], f"--photo-person: got '-1', {PEOPLE}"),
        ([*ANIMATE, "--person", "biggest"], f"--person: got 'biggest', {PEOPLE}"),
        ([*ANIMATE, "--person", "nan,0"], f"--person: got 'nan,0', {PEOPLE}"),
        ([*ANIMATE, "--person", "0.5,0.5,0.5"], f"--person: got '0.5,0.5,0.5', {PEOPLE}"),
        (["finetune", "me.png", "-o", "me", "--photo-person", "640,320"], f"--photo-person: got '640,320', {PEOPLE}"),
        ([*ANIMATE, "--crf", "99"], "encode.crf: got 99, expected at most 51"),
        ([*ANIMATE, "--fps", "fast"], "motion.fps"),
        ([*ANIMATE, "--set", "canvas.widht=3"], "did you mean canvas.width?"),
        ([*ANIMATE, "--start", "2", "--end", "1"], "must lie after"),
        (["track", "dance.mp4", "-o", "poses.txt"], "expected a name ending in .npz or .json"),
        (["evaluate"], "--clip"),
    ],
)
def test_wrong_usage_is_one_line_and_two(capsys: pytest.CaptureFixture[str], words: list[str], line: str) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err.startswith("error: ")) == ("", 1, True)
    assert line in err


def verbs(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below this one, and how it is called."""
    for name, each in getattr(command, "commands", {}).items():
        yield (*path, name), each
        yield from verbs(each, *path, name)


OUTPUTS = [path for path, verb in verbs(get_command(app)) if any("--output" in each.opts for each in verb.params)]
WRITING = [*([*path, "-o"] for path in OUTPUTS), ["track", "--preview"], ["render", "--job-out"]]


@pytest.mark.parametrize("words", WRITING)
def test_nothing_is_written_to_stdout_nor_to_a_file_of_its_name(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main([*words, "-"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"'{words[-1]}': got '-', but nothing is written to stdout; give it a name" in err


def test_files_without_a_command_are_told_what_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["me.jpg", "dance.mp4", "-o", "out.mp4"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "'me.jpg' is no command. A command comes first, such as: animator animate PHOTO CLIP -o OUT" in err


def test_every_verb_that_writes_is_looked_at_here() -> None:
    assert {("animate",), ("track",), ("synth", "clip"), ("train", "base")} < set(OUTPUTS)


def test_the_help_that_is_pointed_to_is_the_command_s(capsys: pytest.CaptureFixture[str]) -> None:
    for words, command in ((["jobs", "list"], "animator jobs list"), ([*ANIMATE, "--crf", "99"], "animator animate")):
        assert main(words) == 2
        assert capsys.readouterr().err.endswith(f"({command} --help)\n")


@pytest.mark.parametrize("group", ["jobs", "train", "synth"])
def test_a_group_alone_shows_its_commands_and_is_wrong_usage(capsys: pytest.CaptureFixture[str], group: str) -> None:
    assert main([group]) == 2
    out, err = capsys.readouterr()
    assert (f"Usage: animator {group}" in out, err) == (True, "")


@pytest.mark.parametrize("words", [["models", "--json"], ["--json", "models"], ["models", "--json", "list"]])
def test_what_goes_everywhere_goes_with_groups_too(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert ([each["event"] for each in json_lines(out)], err) == (["models"], "")


def test_no_command_shows_the_help_and_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: animator" in capsys.readouterr().out


def test_a_wrong_job_file_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text('photo = "a.png"\nseeed = 1\n', encoding="utf-8")
    assert main(["render", str(tmp_path / "job.toml")]) == 3
    line = capsys.readouterr().err
    assert line == "error: job.toml: clip: missing; output: missing; seeed: unknown key; did you mean seed?\n"


@pytest.mark.parametrize("verb", [["inspect"], ["track", "-o", "x.npz"], ["evaluate", "--clip"]])
def test_a_file_that_is_not_there_is_bad_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: list[str]
) -> None:
    assert main([*verb, str(tmp_path / "nowhere.mp4")]) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "nowhere.mp4" in err


@pytest.mark.parametrize("debug", ["flag", "environment"])
def test_debug_shows_the_traceback(
    pipeline: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    pipeline(fails(KeyError("joint")))
    if debug == "environment":
        monkeypatch.setenv("ANIMATOR_DEBUG", "1")
    assert main([*ANIMATE, *(["--debug"] if debug == "flag" else [])]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("error: KeyError")


@pytest.mark.parametrize("asked", ["photos/closed", "photos/closed/job.json", "photos/closed/frames/000000.png"])
def test_a_closed_folder_is_named_and_not_what_was_looked_for_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    closed = tmp_path / "photos" / "closed"
    closed.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, *_, **__: Path(path) != closed)
    code, text = explain(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / asked)))
    assert code == 3
    assert text.startswith(f"{closed}: this folder must be open for what is in it to be read, and is not")
    assert text.endswith(f"(Permission denied). Open it with: chmod u+rx {closed}, or choose another one.")


def test_a_file_that_must_not_be_read_is_bad_input_and_not_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    monkeypatch.setattr(Path, "is_dir", fails(refusal))
    (tmp_path / "mine.png").write_bytes(b"secret")
    for words in (["inspect"], ["models", "inspect"]):
        assert main([*words, str(tmp_path / "mine.png")]) == 3
        err = capsys.readouterr().err
        assert "Permission denied. Choose a file you may read" in err
        assert "--help" not in err
