"""How a finished render is told: the same to people and programs, and what is missing shows in the exit code."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import typer

from animator.commands.console import PARTIAL, Console
from animator.commands.reporting import report_fields, report_lines, tell_report
from animator.config import RenderReport
from animator.progress import SilentProgress


class Listener(SilentProgress):
    """Keeps what it is warned of."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def warn(self, message: str) -> None:
        self.heard.append(message)


def report(**changes: Any) -> RenderReport:
    facts = {"path": Path("out.mp4"), "num_frames": 48, "duration_s": 2.0, "seconds": 4.0, "fingerprint": "ab12"}
    return RenderReport(**facts | changes)


def test_a_whole_result_is_one_line_with_its_speed_and_the_previews_below(capsys: pytest.CaptureFixture[str]) -> None:
    tell_report(Console(), report(previews=(Path("sheet.png"), Path("beside.mp4"))), SilentProgress())
    first, *previews = capsys.readouterr().out.splitlines()
    assert first == "out.mp4: 48 frames, 2.0 s, made in 4.0 s (12.0/s)"
    assert previews == ["sheet.png", "beside.mp4"]


@pytest.mark.parametrize("json_lines", [False, True])
def test_a_result_in_part_is_told_before_it_ends_with_7(json_lines: bool, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Listener()
    broken = report(partial=True, gaps=(3, 4), warnings=("2 frames could not be made",))
    with pytest.raises(typer.Exit) as ended:
        tell_report(Console(json_lines=json_lines), broken, progress)
    assert ended.value.exit_code == PARTIAL == 7
    assert progress.heard == ["2 frames could not be made"]
    (line,) = capsys.readouterr().out.splitlines()
    if json_lines:
        told = json.loads(line)
        assert (told["event"], told["partial"], told["gaps"]) == ("report", True, [3, 4])
    else:
        assert line.startswith("out.mp4: 48 frames")


def test_programs_are_told_every_fact_in_json_s_own_types() -> None:
    whole = report(previews=(Path("sheet.png"),), sidecar=Path("out.mp4.json"), duration_s=2.00049, gaps=(1,))
    fields = report_fields(whole)
    assert set(fields) == {field.name for field in dataclasses.fields(RenderReport)}
    assert json.loads(json.dumps(fields)) == fields
    assert (fields["path"], fields["sidecar"], fields["duration_s"]) == ("out.mp4", "out.mp4.json", 2.0)
    assert report_fields(report())["sidecar"] is None


def test_a_render_that_was_already_there_has_no_speed() -> None:
    assert report_lines(report(seconds=0.0)) == ["out.mp4: 48 frames, 2.0 s, made in 0.0 s (0.0/s)"]


def test_one_frame_is_told_as_one() -> None:
    assert report_lines(report(num_frames=1, duration_s=0.04)) == ["out.mp4: 1 frame, 0.0 s, made in 4.0 s (0.2/s)"]
