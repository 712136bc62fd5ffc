from __future__ import annotations

import io
import json

import pytest

from animator.progress import JsonProgress, SilentProgress, TqdmProgress


def events(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_bar_shows_stage_steps_and_total() -> None:
    stream = io.StringIO()
    with TqdmProgress(stream).stage("track", 4) as stage:
        stage.advance()
        stage.advance(3)
    last = stream.getvalue().replace("\n", "").split("\r")[-1]
    assert last.startswith("track")
    assert "4/4" in last


def test_what_a_terminal_obeys_in_a_warning_is_spelled_out() -> None:
    message = "a\x1b[31mb\nc\x9b\udcff.png: too dark"
    shown, told = io.StringIO(), io.StringIO()
    TqdmProgress(shown, bars=False).warn(message)
    assert shown.getvalue() == "warning: a\\x1b[31mb\\nc\\x9b\\udcff.png: too dark\n"
    JsonProgress(told).warn(message)
    assert told.getvalue().rstrip("\n").isprintable()
    assert events(told) == [{"event": "warning", "message": message}]


def test_without_bars_only_warnings_are_written() -> None:
    stream = io.StringIO()
    progress = TqdmProgress(stream, bars=False)
    with progress.stage("track", 4) as stage:
        stage.advance(4)
    progress.warn("the photo is small")
    assert stream.getvalue() == "warning: the photo is small\n"


@pytest.mark.parametrize("kind", [TqdmProgress, JsonProgress])
def test_the_same_warning_is_written_once(kind: type[TqdmProgress] | type[JsonProgress]) -> None:
    stream = io.StringIO()
    progress = kind(stream)
    for message in ("dark", "dark", "small", "dark"):
        progress.warn(message)
    assert [word for word in stream.getvalue().replace('"', " ").split() if word in {"dark", "small"}] == [
        "dark",
        "small",
    ]


def test_json_stage_begins_counts_and_ends() -> None:
    stream = io.StringIO()
    with JsonProgress(stream, interval_s=0).stage("render", 3) as stage:
        stage.advance(2)
        stage.advance()
    begin, two, three, end = events(stream)
    assert begin == {"event": "stage", "state": "begin", "stage": "render", "total": 3}
    assert [event["done"] for event in (two, three)] == [2, 3]
    assert (end["state"], end["done"], end["total"]) == ("end", 3, 3)


def test_json_progress_is_told_no_more_often_than_its_interval() -> None:
    stream = io.StringIO()
    with JsonProgress(stream, interval_s=3600).stage("render", 1000) as stage:
        for _ in range(1000):
            stage.advance()
    assert [event["event"] for event in events(stream)] == ["stage", "stage"]


def test_json_stage_that_raises_is_told_as_failed() -> None:
    stream = io.StringIO()

    def fail() -> None:
        with JsonProgress(stream).stage("render"):
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        fail()
    assert events(stream)[-1]["state"] == "failed"


def test_silence_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = SilentProgress()
    with progress.stage("render", 3) as stage:
        stage.advance()
    progress.warn("nobody hears this")
    assert capsys.readouterr() == ("", "")
