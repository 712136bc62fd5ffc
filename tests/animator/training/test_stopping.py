"""Ctrl-C during a training: it ends at once and in one line, leaves nothing half-written, and goes on afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from animator.models.subject_model import SubjectModel
from tests.animator.models.tiny import tiny_model
from tests.faults.patience import HANG_S, await_that

ROOT = Path(__file__).parents[3]
PORTRAIT = ROOT / "examples" / "media" / "portrait.png"


def finetune(folder: Path, *settings: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "animator", "finetune", str(PORTRAIT), "-o", str(folder / "me"), "-q"]
    command += ["--base", str(folder / "base"), "--device", "cpu"]
    for setting in ("denoise.batch=2", "denoise.checkpoint_every=1", "decoder.batch=1", *settings):
        command += ["--set", setting]
    # A group of its own, as a terminal gives one to every command: Ctrl-C reaches all of it.
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for_checkpoint(running: subprocess.Popen[str], folder: Path) -> None:
    for _ in range(2400):
        if list(folder.glob("me.training/denoise/step-*/training.json")):
            return
        if running.poll() is not None:
            pytest.fail(f"ended by itself: {running.communicate()[1]}")
        time.sleep(0.05)
    pytest.fail("no checkpoint within two minutes")


@pytest.mark.slow
def test_ctrl_c_ends_a_finetuning_which_goes_on_when_started_again(tmp_path: Path) -> None:
    tiny_model().save(tmp_path / "base")
    # Workers must not answer the signal in words of their own.
    running = finetune(tmp_path, "denoise.steps=100000", "denoise.workers=1")
    wait_for_checkpoint(running, tmp_path)
    began_s = time.monotonic()
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert time.monotonic() - began_s < 30
    assert [line for line in err.splitlines() if not line.startswith("warning:")] == ["error: stopped by SIGINT"]
    assert {path.name for path in tmp_path.iterdir()} == {"base", "me.training"}
    assert not [path for path in tmp_path.rglob(".*") if path.is_dir()]
    (checkpoint,) = (tmp_path / "me.training/denoise").glob("step-*")
    done = int(checkpoint.name.removeprefix("step-"))
    again = finetune(tmp_path, f"denoise.steps={done + 1}", "decoder.steps=1")
    _, err = again.communicate(timeout=240)
    assert again.returncode == 0, err
    assert SubjectModel.load(tmp_path / "me").manifest.phase == "subject"
    rows = (tmp_path / "me.training/denoise/losses.csv").read_text(encoding="utf-8").splitlines()[1:]
    steps = [int(row.split(",")[0]) for row in rows if ",loss," in row]
    assert steps == list(range(1, done + 2))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_while_workers_start_it_says_so_in_one_line(tmp_path: Path, number: signal.Signals) -> None:
    """Workers are spawned, for MediaPipe has run: each imports torch for seconds, and what cuts in made a traceback."""
    tiny_model().save(tmp_path / "base")
    running = finetune(tmp_path, "denoise.workers=2")
    await_that(lambda: spawned(running.pid) or running.poll() is not None)
    time.sleep(1.0)
    os.killpg(running.pid, number) if number == signal.SIGINT else running.send_signal(number)
    _, err = running.communicate(timeout=HANG_S)
    assert running.returncode == 128 + number
    assert [line for line in err.splitlines() if not line.startswith("warning:")] == [
        f"error: stopped by {number.name}"
    ]


def spawned(pid: int) -> list[psutil.Process]:
    """Workers of a process that are there, if not yet at work."""
    found = []
    for child in psutil.Process(pid).children():
        try:
            found += [child] if "spawn_main" in " ".join(child.cmdline()) else []
        except psutil.Error:
            continue
    return found
