"""Several jobs one after the other: what is wrong with one of them is told, and the others are made."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from animator.cli import main
from animator.config import RenderJob, RenderReport
from animator.errors import DiskError, JobError

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Of the jobs `good`, `bad` and `late`."""
    path = tmp_path / "night.csv"
    rows = [f"{name}.jpg,walk.mp4,{name}.mp4" for name in ("good", "bad", "late")]
    path.write_text("\n".join(("photo,clip,output", *rows)))
    return path


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> dict[str, Exception]:
    """What goes wrong with which job; the others leave an output and a folder behind, as a render does."""
    wrong: dict[str, Exception] = {}

    def animate(job: RenderJob, *, folder: Path, **_: Any) -> RenderReport:
        folder.mkdir(exist_ok=True)
        if job.output.stem in wrong:
            raise wrong[job.output.stem]
        job.output.write_bytes(b"a film")
        return RenderReport(path=job.output, num_frames=3, duration_s=0.1, seconds=1.0, fingerprint="0")

    module = types.ModuleType("animator.pipeline")
    module.animate = animate  # type: ignore[attr-defined]
    module.is_made = lambda job, **_: job.output.exists()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "animator.pipeline", module)
    return wrong


def results(capsys: Capture) -> list[dict[str, Any]]:
    return [each for each in map(json.loads, capsys.readouterr().out.splitlines()) if each["event"] != "warning"]


@pytest.mark.parametrize("error", [JobError("no such photo"), FileNotFoundError("gone"), ZeroDivisionError("a bug")])
def test_a_job_that_fails_stops_no_other_one(
    table: Path, faults: dict[str, Exception], capsys: Capture, error: Exception
) -> None:
    faults["bad"] = error
    assert main(["render", str(table), "--json"]) == 7
    told = results(capsys)
    assert [each["event"] for each in told] == ["report", "failed", "report", "batch"]
    assert str(error) in told[1]["message"]
    assert (told[-1]["made"], told[-1]["failed_or_partial"]) == (2, [str(table.parent / "bad.mp4")])
    assert [path.name for path in table.parent.glob("*.job")] == ["bad.job"]


def test_the_same_call_again_makes_what_is_missing(table: Path, faults: dict[str, Exception], capsys: Capture) -> None:
    faults["bad"] = JobError("no such photo")
    main(["render", str(table), "--quiet"])
    faults.clear()
    capsys.readouterr()
    assert main(["render", str(table), "--json", "--keep-jobs"]) == 0
    assert [each["event"] for each in results(capsys)] == ["skipped", "report", "skipped", "batch"]
    assert (table.parent / "bad.job").is_dir()


def test_a_full_disk_ends_the_batch(table: Path, faults: dict[str, Exception], capsys: Capture) -> None:
    faults["bad"] = DiskError("the disk took no more data")
    assert main(["render", str(table), "--quiet"]) == 6
    assert not (table.parent / "late.mp4").exists()
    assert "the disk took no more data" in capsys.readouterr().err


def test_a_dry_run_names_every_job_that_could_not_be_rendered(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def plan_render(job: RenderJob, **_: Any) -> Any:
        if job.output.stem != "good":
            raise JobError(f"{job.photo.name}: no such photo")
        facts = {"num_frames": 30, "num_chunks": 2, "estimated_s": 9.0, "memory_bytes": 1e9}
        facts |= {"disk_bytes": 5e6, "folder_bytes": 4e6, "passing_bytes": 0}
        return types.SimpleNamespace(as_dict=lambda: facts, lines=lambda: ["good.mp4: 30 frames"], **facts)

    monkeypatch.setattr("animator.plan.plan_render", plan_render)
    monkeypatch.setattr("animator.plan.try_out", lambda job, plan, **_: plan)
    assert main(["render", str(table), "--dry-run", "--quiet"]) == 7
    out, err = capsys.readouterr()
    assert "1 job: 30 frames in 2 chunks, about 9 s, with 1.0 GB of memory and 5 MB of disk" in out
    assert "bad.jpg: no such photo" in err
    assert "late.jpg: no such photo" in err
    assert "2 of 3 jobs could not be rendered" in err


@pytest.mark.parametrize(("keep", "bytes_needed"), [([], 3 + 40 + 5), (["--keep-jobs"], 3 + 3 * 40 + 5)])
def test_folders_that_go_before_the_next_job_begins_take_their_room_once(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, keep: list[str], bytes_needed: int
) -> None:
    facts = {"num_frames": 30, "num_chunks": 2, "estimated_s": 9.0, "memory_bytes": 10**9}
    facts |= {"disk_bytes": 46, "result_bytes": 1, "passing_bytes": 5, "folder_bytes": 40}
    plan = types.SimpleNamespace(as_dict=lambda: facts, lines=lambda: ["30 frames"], **facts)
    monkeypatch.setattr("animator.plan.plan_render", lambda *_, **__: plan)
    monkeypatch.setattr("animator.plan.try_out", lambda job, plan, **_: plan)
    assert main(["render", str(table), "--dry-run", "--json", *keep]) == 0
    assert results(capsys)[-1]["disk_bytes"] == bytes_needed


def test_a_dry_run_of_jobs_that_all_fail_ends_as_one_of_which_some_do(table: Path, capsys: Capture) -> None:
    """None of the photos is there."""
    assert main(["render", str(table), "--dry-run", "--quiet"]) == 7
    out, err = capsys.readouterr()
    assert "0 jobs: 0 frames" in out
    assert "3 of 3 jobs could not be rendered" in err
