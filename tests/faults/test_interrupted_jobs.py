"""Whatever stops a job, it goes on from what lies in its folder, and the pictures are those of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np

from tests.faults.patience import HANG_S, Promise, await_that
from tests.faults.tiny_job import TinyJob, decoded, left_behind, only_prepared, rounds
from tests.faults.warm import ROOT, Warm


def test_killed_at_random_points_and_resumed_nothing_is_lost_doubled_or_different(
    warm: Warm, tiny: TinyJob, finished: Path, undisturbed: np.ndarray, tmp_path: Path
) -> None:
    points, draw, jobs = rounds(20, 300), random.Random(7), 0
    where: Counter[str] = Counter()
    while where.total() < points:
        folder, output, jobs = tmp_path / f"job{jobs}", tmp_path / f"out{jobs}.mp4", jobs + 1
        if jobs % 3:
            only_prepared(finished, folder)
        for _ in range(min(4, points - where.total())):
            pid = warm.start(tiny.animate(output, folder), log=tmp_path / "log")
            await_progress(warm, pid, folder, made(folder) + draw.randint(0, 20))
            time.sleep(draw.uniform(0, 0.1 if made(folder) else 0.6))
            send(signal.SIGKILL, pid)
            code = warm.wait(pid)
            assert code in (0, -signal.SIGKILL), (tmp_path / "log").read_text()
            if code == 0:
                break
            where[stage_of(folder, output)] += 1
        assert warm.run(tiny.animate(output, folder), log=tmp_path / "log") == 0, (tmp_path / "log").read_text()
        assert np.array_equal(decoded(output), undisturbed)
        assert left_behind(tmp_path) == []
    assert where["rendering"] > 0
    print(f"\nSIGKILL: {where.total()} ({dict(where)}), {jobs} jobs, 0 frames lost, doubled or different")


def made(folder: Path) -> int:
    return len(list(folder.glob("frames/0*.png")))


def await_progress(warm: Warm, pid: int, folder: Path, num_frames: int) -> None:
    """Until so many frames are there, all of them, or the program has ended."""
    await_that(lambda: made(folder) >= min(num_frames, 40) or warm.has_ended(pid))


def send(signum: signal.Signals, pid: int) -> None:
    """A signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, signum)


def stage_of(folder: Path, output: Path) -> str:
    if output.exists():
        return "delivered"
    num_frames = made(folder)
    if num_frames == 40:
        return "assembling"
    return "rendering" if num_frames else "preparing"


def test_asked_to_end_a_job_ends_within_ten_seconds_tidily_and_goes_on_later(
    warm: Warm, tiny: TinyJob, finished: Path, undisturbed: np.ndarray, tmp_path: Path
) -> None:
    times, draw, longest_s, caught = rounds(5, 20), random.Random(3), 0.0, 0
    for number in range(times):
        folder, output = tmp_path / f"job{number}", tmp_path / f"out{number}.mp4"
        signum = signal.SIGINT if number % 2 else signal.SIGTERM
        words = tiny.animate(output, folder)
        if number % 4:
            only_prepared(finished, folder)
        pid = warm.start(words, log=tmp_path / "log")
        await_progress(warm, pid, folder, draw.choice([0, 1, 10, 30]))
        time.sleep(draw.uniform(0.0, 0.3))
        promise = Promise(10)
        send(signum, pid)
        ended = warm.wait(pid)
        longest_s = max(longest_s, promise.taken_s())
        assert ended in (128 + signum, 0), (tmp_path / "log").read_text()
        caught += ended != 0
        assert left_behind(tmp_path) == []
        assert warm.run(words, log=tmp_path / "log") == 0
        assert np.array_equal(decoded(output), undisturbed)
    assert caught > 0
    print(f"\nSIGTERM, SIGINT: {times}, {caught} before the end, slowest {longest_s:.1f} s, 0 temporary files")


def test_the_program_as_people_start_it_stops_and_goes_on(
    warm: Warm, tiny: TinyJob, undisturbed: np.ndarray, tmp_path: Path
) -> None:
    words = [str(word) for word in tiny.animate(tmp_path / "out.mp4", tmp_path / "job")]
    process = subprocess.Popen([sys.executable, "-m", "animator", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    await_that(lambda: made(tmp_path / "job") or process.poll() is not None)
    promise = Promise(10)
    process.terminate()
    _, told = process.communicate(timeout=HANG_S)
    promise.taken_s()
    assert (process.returncode, told) == (143, "error: stopped by SIGTERM\n")
    assert 0 < made(tmp_path / "job") < tiny.num_frames
    assert warm.run(["jobs", "resume", tmp_path / "job"], log=tmp_path / "log") == 0
    assert np.array_equal(decoded(tmp_path / "job" / "out.mp4"), undisturbed)
