"""The verbs of a job's folder: made, looked at, ended, taken up again; and nothing is said that is not so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from animator.cli import BAD_INPUT, USAGE, main
from animator.config import RenderReport
from animator.jobs.folder import JobFolder, write_json
from animator.jobs.record import read_record
from animator.jobs.session import _plain
from tests.animator.jobs.job_folder import prepared_job

MEDIA = Path(__file__).parents[3] / "examples" / "media"
WALK = Path(__file__).parents[3] / "examples" / "jobs" / "walk.toml"
Capture = pytest.CaptureFixture[str]


def submit(place: Path, *words: str) -> int:
    return main(["jobs", "submit", str(WALK), "--job", str(place), "--canvas", "64x80", *words])


def finish(job: JobFolder) -> None:
    """What a render leaves behind, without one."""
    film = job.path / "out.mp4"
    film.write_bytes(b"a film")
    write_json(job.result, _plain(RenderReport(path=film, num_frames=3, duration_s=0.1, seconds=1.0, fingerprint="0")))


def files(place: Path) -> Iterator[tuple[Path, bytes]]:
    return ((path, path.read_bytes()) for path in sorted(place.rglob("*")) if path.is_file())


def test_a_job_that_is_there_is_not_said_to_be_made(tmp_path: Path, capsys: Capture) -> None:
    place = tmp_path / "me"
    assert submit(place) == 0
    finish(JobFolder(place))
    capsys.readouterr()
    assert submit(place, "--json") == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["state"], told["was_there"]) == ("done", True)
    assert submit(place) == 0
    assert capsys.readouterr().out == f"{place}: is there already, done\n"


def test_a_job_with_another_ending_gets_no_folder_that_would_forget_it(tmp_path: Path, capsys: Capture) -> None:
    place = tmp_path / "me"
    assert submit(place) == 0
    assert submit(place, "--set", f"output={tmp_path / 'me.webp'}") == BAD_INPUT
    assert "result is .mp4, and this one's is .webp" in capsys.readouterr().err
    assert read_record(JobFolder(place)).ending == ".mp4"


def test_another_consent_is_taken_into_the_job(tmp_path: Path) -> None:
    place = tmp_path / "me"
    assert submit(place) == submit(place, "--consent", "I am in the photo") == 0
    assert read_record(JobFolder(place)).job["provenance"]["consent"] == "I am in the photo"


def test_a_policy_binds_the_verbs_of_jobs_and_queues(tmp_path: Path, capsys: Capture) -> None:
    policy, place = tmp_path / "policy.toml", tmp_path / "night" / "me"
    policy.write_text("[require]\nconsent = true\n")
    assert submit(place, "--policy", str(policy)) == BAD_INPUT
    assert not place.exists()
    assert main(["jobs", "submit", str(WALK), "--queue", str(place.parent), "--canvas", "64x80"]) == 0
    (place,) = place.parent.glob("*.job")
    for verb in ("run", "resume"):
        assert main(["jobs", verb, str(place), "--policy", str(policy)]) == BAD_INPUT
    capsys.readouterr()
    assert main(["worker", str(place.parent), "--until-empty", "--policy", str(policy), "--quiet"]) == 7
    assert "requires a consent statement" in capsys.readouterr().err


def test_the_status_of_many_is_told_whatever_one_of_them_is(tmp_path: Path, capsys: Capture) -> None:
    prepared_job(tmp_path / "a", num_frames=3)
    prepared_job(tmp_path / "z", num_frames=3)
    for name in ("empty", "holiday"):
        (tmp_path / name).mkdir()
    (tmp_path / "queue.sqlite").touch()
    assert main(["jobs", "status", *map(str, sorted(tmp_path.iterdir()))]) == BAD_INPUT
    out, err = capsys.readouterr()
    assert [line.split(":")[0] for line in out.splitlines()] == [str(tmp_path / "a"), str(tmp_path / "z")]
    assert "empty: holds no job" in err
    assert "holiday: holds no job" in err
    assert "queue.sqlite" not in err
    assert main(["jobs", "status", str(tmp_path / "queue.sqlite")]) == BAD_INPUT


def test_a_job_that_is_done_is_not_cancelled(tmp_path: Path, capsys: Capture) -> None:
    job = prepared_job(tmp_path / "me", num_frames=3)
    assert main(["jobs", "cancel", str(job.path)]) == main(["jobs", "cancel", str(job.path)]) == 0
    job.cancelled.unlink()
    finish(job)
    assert main(["jobs", "cancel", str(job.path)]) == BAD_INPUT
    assert "is done already; there is nothing to cancel" in capsys.readouterr().err
    assert not job.cancelled.exists()


def test_the_page_of_a_job_is_written_anew_even_when_its_result_is_damaged(tmp_path: Path, capsys: Capture) -> None:
    job = prepared_job(tmp_path / "me", num_frames=3)
    job.result.write_text("{")
    assert main(["jobs", "report", str(job.path)]) == 0
    assert capsys.readouterr().out == f"{job.report}\n"
    assert "3 at 20/s" in job.report.read_text()


def test_a_dry_run_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("animator.plan.try_out", lambda job, plan, **_: plan)
    place = tmp_path / "night" / "me"
    assert submit(place, "--dry-run") == 0
    assert not place.parent.exists()
    assert submit(place) == 0
    JobFolder(place).cancelled.touch()
    before = dict(files(tmp_path))
    capsys.readouterr()
    assert main(["jobs", "resume", str(place), "--dry-run"]) == 0
    assert f"{place}: cancelled\n{place / 'out.mp4'}: 150 frames" in capsys.readouterr().out
    for words in (["cancel", str(place)], ["report", str(place)], ["reindex", str(place.parent)]):
        assert main(["jobs", *words, "--dry-run"]) == USAGE
    assert main(["worker", str(place.parent), "--until-empty", "--dry-run"]) == USAGE
    assert dict(files(tmp_path)) == before


def test_a_dry_run_refuses_a_folder_that_the_job_would_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("animator.plan.try_out", lambda *_, **__: pytest.fail("there is nothing to try"))
    place, output = tmp_path / "me", tmp_path / "me.mp4"
    place.write_text("the only copy")
    animate = ["animate", str(MEDIA / "portrait.png"), str(MEDIA / "dance.mp4"), "-o", str(output), "--canvas", "64x80"]
    for words in (["jobs", "submit", str(WALK)], animate, ["render", str(WALK)]):
        lines = set()
        for dry in ([], ["--dry-run"]):
            assert main([*words, "--job", str(place), *dry]) == BAD_INPUT
            lines.add(capsys.readouterr().err)
        assert lines == {
            f"error: {place}: is a file, and a job is a folder; give a new folder, or one that holds a job\n"
        }
    place.unlink()
    assert submit(place) == 0
    assert submit(place, "--set", "seed=1", "--dry-run") == BAD_INPUT
    assert "seed has changed (0 then, 1 now)" in capsys.readouterr().err


def test_a_worker_of_a_queue_that_is_not_there_does_not_wait_for_ever(tmp_path: Path, capsys: Capture) -> None:
    assert main(["worker", str(tmp_path / "nihgt")]) == BAD_INPUT
    assert "nihgt: no such folder" in capsys.readouterr().err
    assert not (tmp_path / "nihgt").exists()
