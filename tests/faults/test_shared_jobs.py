"""Several workers at one job: each frame is made once, and a worker that dies takes nothing along."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.faults.patience import HANG_S, Promise, await_that
from tests.faults.tiny_job import TinyJob, decoded, left_behind, only_prepared, rounds
from tests.faults.warm import Warm

NUM_FRAMES = 120


@pytest.fixture(scope="module")
def long_job(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished job of five chunks; its result is `out.mp4` beside it."""
    folder = tmp_path_factory.mktemp("long")
    tiny = TinyJob.make(folder, NUM_FRAMES)
    code = warm.run(tiny.animate(folder / "out.mp4", folder / "job"), log=folder / "log")
    assert code == 0, (folder / "log").read_text()
    return folder / "job"


def same_as_alone(folder: Path, long_job: Path) -> bool:
    return np.array_equal(decoded(folder / "out.mp4"), decoded(long_job.parent / "out.mp4"))


def sittings(folder: Path) -> list[dict[str, object]]:
    return [each for path in sorted(folder.glob("chunks/*.json")) for each in json.loads(path.read_text())["sittings"]]


def pictures(folder: Path) -> int:
    return len(list(folder.glob("frames/0*.png")))


def share(warm: Warm, folder: Path, log: Path, *, stale_s: float = 1.5) -> int:
    words = ["jobs", "run", folder, "--executor", "files", "--quiet"]
    return warm.start(words, log=log, inject="fast_leases", stale_s=stale_s)


def test_four_workers_on_one_folder_make_each_frame_once(warm: Warm, long_job: Path, tmp_path: Path) -> None:
    times, shares = rounds(5, 20), Counter[int]()
    for number in range(times):
        folder = only_prepared(long_job, tmp_path / f"job{number}")
        # Nobody dies here, and nobody is to be taken for dead because the machine is busy.
        workers = [share(warm, folder, tmp_path / f"log{each}", stale_s=HANG_S) for each in range(4)]
        assert [warm.wait(pid) for pid in workers] == [0] * 4, (tmp_path / "log0").read_text()
        told = sittings(folder)
        assert sum(int(str(each["num_frames"])) for each in told) == NUM_FRAMES
        assert len(told) == 5
        assert same_as_alone(folder, long_job)
        assert left_behind(folder) == []
        assert list((folder / "leases").iterdir()) == []
        shares[len({each["worker"] for each in told})] += 1
    assert max(shares) > 1
    print(f"\n4 workers: {times} rounds, each frame made once; rounds by workers with a share: {dict(shares)}")


def test_a_worker_killed_among_several_leaves_its_chunk_to_the_others(
    warm: Warm, long_job: Path, tmp_path: Path
) -> None:
    folder = only_prepared(long_job, tmp_path / "job")
    first = share(warm, folder, tmp_path / "log0")
    await_that(lambda: pictures(folder))
    others = [share(warm, folder, tmp_path / f"log{each}") for each in (1, 2)]
    os.kill(first, signal.SIGKILL)
    assert warm.wait(first) == -signal.SIGKILL
    assert [warm.wait(pid) for pid in others] == [0, 0], (tmp_path / "log1").read_text()
    assert same_as_alone(folder, long_job)
    assert left_behind(folder) == []
    print("\nfiles: 1 of 3 workers killed, job complete, bytes equal to local")


def test_a_worker_killed_under_a_head_is_replaced(warm: Warm, long_job: Path, tmp_path: Path) -> None:
    folder = only_prepared(long_job, tmp_path / "job")
    head = warm.start(["jobs", "run", folder, "--workers", "2", "--quiet"], log=tmp_path / "log")
    await_that(lambda: pictures(folder) >= 5 or warm.has_ended(head))
    assert not warm.has_ended(head), (tmp_path / "log").read_text()
    os.kill(children_of(head)[0], signal.SIGKILL)
    assert warm.wait(head) == 0, (tmp_path / "log").read_text()
    assert same_as_alone(folder, long_job)
    assert left_behind(folder) == []
    print("\nprocesses: 1 of 2 workers killed, job complete, bytes equal to local")


def test_asked_to_end_a_head_takes_its_workers_along_and_the_job_goes_on_alone(
    warm: Warm, long_job: Path, tmp_path: Path
) -> None:
    folder = only_prepared(long_job, tmp_path / "job")
    head = warm.start(["jobs", "run", folder, "--workers", "2", "--quiet"], log=tmp_path / "log")
    await_that(lambda: pictures(folder) >= 5 or warm.has_ended(head))
    workers = children_of(head)
    promise = Promise(10)
    os.kill(head, signal.SIGTERM)
    assert warm.wait(head) == 143
    promise.taken_s()
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert left_behind(folder) == []
    assert len(list(folder.glob("frames/*.png"))) < NUM_FRAMES
    assert warm.run(["jobs", "resume", folder, "--quiet"], log=tmp_path / "log") == 0, (tmp_path / "log").read_text()
    assert same_as_alone(folder, long_job)


def children_of(pid: int) -> list[int]:
    """Workers of a process: spawned children, multiprocessing's own tracker apart."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            is_worker = b"spawn_main" in (entry / "cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            continue
        if parent == pid and is_worker:
            found.append(int(entry.name))
    return sorted(found)


def test_who_is_alone_is_not_joined_and_says_who_is_there(warm: Warm, tiny: TinyJob, tmp_path: Path) -> None:
    words = tiny.animate(tmp_path / "out.mp4", tmp_path / "job")
    first = warm.start(words, log=tmp_path / "log")
    await_that(lambda: pictures(tmp_path / "job"))
    os.kill(first, signal.SIGSTOP)
    try:
        assert warm.run(words, log=tmp_path / "second") == 3
        assert f"is being rendered already (by process {first})" in (tmp_path / "second").read_text()
    finally:
        os.kill(first, signal.SIGCONT)
    assert warm.wait(first) == 0


def test_a_job_carried_elsewhere_goes_on_there(warm: Warm, finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "elsewhere")
    for index in (3, 17, 30):
        (folder / "frames" / f"{index:06d}.png").unlink()
    (folder / "frames" / "000020.png").write_bytes((folder / "frames" / "000021.png").read_bytes())
    (folder / "result.json").unlink()
    assert warm.run(["jobs", "run", folder, "--quiet"], log=tmp_path / "log") == 0, (tmp_path / "log").read_text()
    assert np.array_equal(decoded(folder / "out.mp4"), decoded(finished.parent / "out.mp4"))
