"""From the command line to the job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from animator.cli import main
from animator.config import PreviewConfig, RenderJob, RenderReport
from animator.job_file import read_job
from animator.progress import Progress
from tests.animator.cli.stand_in import ANIMATE, MEDIA, REPORT, makes


def test_options_become_the_job(pipeline: Any) -> None:
    jobs = pipeline(makes())
    options = (
        "--canvas 256x320 --fill --fps 29.97 --seed 7 --start 1 --end 2.5 --person 0.3,0.5 --photo-person 2"
        " --smoother kalman --lock-root --crf 20 --no-audio --no-preview --tracker holistic --set motion.window_s=0.5"
        " --exposure 0.005"
    )
    assert main([*ANIMATE, *options.split()]) == 0
    (job,) = jobs
    assert job.photo == Path.cwd() / "me.png"
    assert (job.canvas.size, job.canvas.fit, job.seed, job.start_s, job.end_s) == ((256, 320), "fill", 7, 1, 2.5)
    assert (job.tracker.person, job.tracker.kind, job.retarget.lock_root) == ((0.3, 0.5), "holistic", True)
    assert job.photo_person == 2
    assert (job.motion.smoother, job.motion.window_s, str(job.motion.fps)) == ("kalman", 0.5, "2997/100")
    assert (job.encode.crf, job.encode.keep_audio) == (20, False)
    assert job.puppet.exposure_s == 0.005
    assert job.preview == PreviewConfig(contact_sheet=False, side_by_side=False)


def test_without_options_the_job_has_its_defaults(pipeline: Any) -> None:
    jobs = pipeline(makes())
    assert main(ANIMATE) == 0
    here = Path.cwd()
    assert jobs == [RenderJob(photo=here / "me.png", clip=here / "dance.mp4", output=here / "out.mp4")]


def test_options_of_render_go_before_the_file(pipeline: Any, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(
        'photo = "a.png"\nclip = "b.mp4"\noutput = "c.mp4"\nseed = 1\nstart_s = 3.0\n', encoding="utf-8"
    )
    jobs = pipeline(makes())
    assert main(["render", str(tmp_path / "job.toml"), "--seed", "2", "--set", "encode.crf=9"]) == 0
    (job,) = jobs
    assert (job.seed, job.start_s, job.encode.crf, job.photo) == (2, 3.0, 9, tmp_path / "a.png")


def real_paths(folder: Path) -> list[str]:
    return ["animate", str(MEDIA / "portrait.png"), str(MEDIA / "dance.mp4"), "-o", str(folder / "out.mp4")]


def test_job_out_writes_the_job_that_is_rendered(pipeline: Any, tmp_path: Path) -> None:
    jobs = pipeline(makes())
    assert main([*real_paths(tmp_path), "--seed", "5", "--job-out", str(tmp_path / "job.toml")]) == 0
    assert jobs == [read_job(tmp_path / "job.toml")]


def test_job_out_writes_no_job_that_cannot_be_rendered(pipeline: Any, tmp_path: Path) -> None:
    pipeline(makes())
    job_file = tmp_path / "job.toml"
    assert main([*real_paths(tmp_path), "--start", "100", "--job-out", str(job_file)]) == 3
    assert main([*ANIMATE, "--job-out", str(job_file)]) == 3
    assert not job_file.exists()


@pytest.mark.parametrize("name", ["me.png", "out.mp4"])
def test_job_out_never_overwrites_what_the_job_reads_or_makes(
    pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    jobs = pipeline(makes())
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"the only copy")
    assert main([*ANIMATE, "--job-out", name]) == 3
    assert (tmp_path / name).read_bytes() == b"the only copy"
    assert jobs == []


@pytest.mark.parametrize(("words", "code"), [(["--set", "motion.fsp=3"], 2), (["--generator", "foo"], 2), ([], 3)])
def test_what_was_typed_beside_a_job_file_is_a_matter_of_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    (tmp_path / "set.toml").write_text('photo = "a"\nclip = "b"\noutput = "c.mp4"\n' + ("" if words else "fsp = 3\n"))
    assert main(["render", str(tmp_path / "set.toml"), *words]) == code
    assert ("set.toml" in capsys.readouterr().err) == (not words)


@pytest.mark.parametrize("words", [["--trust"], []])
def test_a_python_object_needs_trust(pipeline: Any, words: list[str]) -> None:
    trusted: list[bool] = []

    def animate(job: RenderJob, *, progress: Progress, trust: bool) -> RenderReport:
        trusted.append(trust)
        return REPORT

    pipeline(animate)
    code = main([*ANIMATE, "--generator", "my_pkg.mod:Thing", *words])
    assert (code, trusted) == ((0, [True]) if words else (2, []))
