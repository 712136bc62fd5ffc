"""A child answers over its line, hears nothing of Ctrl-C, and tidies up when it is told to end."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from animator.child_process import end_children, end_when_told, start_child

Child = tuple[BaseProcess, Connection]


def sit(line: Connection, note: Path, is_stubborn: bool) -> None:
    """Wait to be ended, and leave a note on the way out."""
    if is_stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        end_when_told()
    try:
        line.send("here")
        line.recv()
    finally:
        note.write_text("tidy")


def sit_in_a_callback(line: Connection, note: Path) -> None:
    """Wait where Python cannot pass an exception on, as in the callbacks of a compiler, and go on afterwards."""
    end_when_told()
    try:
        line.send("here")
        ctypes.CFUNCTYPE(None)(lambda: time.sleep(60))()
        time.sleep(60)
    finally:
        note.write_text("tidy")


class Half:
    """What is thrown away before it is whole, as by a compiler that is cut short."""

    def __del__(self) -> None:
        raise AttributeError("half")


def throw_away(line: Connection, is_told: bool) -> None:
    """Throw something away that complains of it, once told to end, or before."""
    end_when_told()
    half = Half()
    if not is_told:
        del half
    line.send("here")
    line.recv()


@pytest.mark.parametrize("is_told", [True, False])
def test_what_the_end_cuts_short_does_not_complain(capfd: pytest.CaptureFixture[str], is_told: bool) -> None:
    process, line = start_child(throw_away, is_told)
    assert line.poll(60)
    end_children([process], within_s=30)
    assert ("half" in capfd.readouterr().err) == (not is_told)


@pytest.fixture(params=[False])
def child(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Child]:
    process, line = start_child(sit, tmp_path / "note", request.param)
    assert line.poll(60)
    assert line.recv() == "here"
    yield process, line
    process.kill()


def test_a_child_that_is_told_to_end_tidies_up(child: Child, tmp_path: Path) -> None:
    process, _ = child
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.2)
    assert process.is_alive()
    end_children([process], within_s=30)
    assert (process.exitcode, (tmp_path / "note").read_text()) == (128 + signal.SIGTERM, "tidy")


def test_a_child_ends_where_an_exception_would_be_lost_and_does_not_complain(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    process, line = start_child(sit_in_a_callback, tmp_path / "note")
    assert line.poll(60)
    end_children([process], within_s=30)
    assert (process.exitcode, (tmp_path / "note").read_text()) == (128 + signal.SIGTERM, "tidy")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("child", [True], indirect=True)
def test_a_child_that_does_not_end_is_killed(child: Child, tmp_path: Path) -> None:
    process, _ = child
    end_children([process], within_s=0.3)
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "note").exists()


def test_a_child_ends_with_its_line(child: Child, tmp_path: Path) -> None:
    process, line = child
    line.close()
    process.join(30)
    assert process.exitcode == 1
    assert (tmp_path / "note").read_text() == "tidy"
