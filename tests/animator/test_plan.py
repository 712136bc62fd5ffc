from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from animator import pipeline
from animator.canvas import CanvasConfig
from animator.config import RenderJob, RenderReport
from animator.errors import EncodeError, JobError, PhotoError
from animator.plan import TRIAL_FRAMES, plan_render, try_out
from animator.progress import Progress, SilentProgress
from animator.rendering import Render
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import AbsenceError, ClipError, TrackingError
from pose_tracking.pose_cache import PoseCache
from tests.animator.generators.scene import waving

MEDIA = Path(__file__).parents[2] / "examples" / "media"


def job_with(folder: Path, **changes: object) -> RenderJob:
    settings = {
        "photo": MEDIA / "portrait.png",
        "clip": MEDIA / "dance.mp4",
        "output": folder / "out.mp4",
        "canvas": CanvasConfig(width=128, height=160),
    }
    return RenderJob.model_validate({**settings, **changes})


class Listener(SilentProgress):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture
def paced(monkeypatch: pytest.MonkeyPatch) -> list[RenderJob]:
    """A pipeline that does nothing, at a known pace: 3 s for the photo, 20 ms a tracked, 50 ms a rendered frame."""
    jobs: list[RenderJob] = []
    now_s = 100.0
    monkeypatch.setattr("animator.plan.time.monotonic", lambda: now_s)

    def animate(job: RenderJob, *, progress: Progress, trust: bool, folder: Path | None) -> RenderReport:
        nonlocal now_s
        jobs.append(job)
        job.output.write_bytes(b"half a film")
        for name, step_s in (("photo", 3.0), ("track", 0.02), ("render", 0.05)):
            with progress.stage(name) as stage:
                for _ in range(1 if name == "photo" else TRIAL_FRAMES):
                    now_s += step_s
                    stage.advance()
        return RenderReport(path=job.output, num_frames=12, duration_s=1, seconds=1, fingerprint="")

    monkeypatch.setattr(pipeline, "animate", animate)
    return jobs


def test_a_plan_knows_size_rate_and_length(tmp_path: Path) -> None:
    plan = plan_render(job_with(tmp_path, start_s=1.0, end_s=3.0, motion={"fps": 30}))
    assert (plan.num_frames, plan.fps, plan.canvas_size) == (60, 30, (128, 160))
    assert plan.clip.duration_s == pytest.approx(2.0)
    assert plan.has_sound
    assert not plan_render(job_with(tmp_path, encode={"keep_audio": False})).has_sound


@pytest.mark.parametrize(("end_s", "said"), [(0.4, "1 chunk;"), (4.0, "chunks;")])
def test_one_chunk_is_one(tmp_path: Path, end_s: float, said: str) -> None:
    known = {"memory_bytes": 10**9, "result_bytes": 10**6, "passing_bytes": 0, "folder_bytes": 0}
    plan = dataclasses.replace(plan_render(job_with(tmp_path, end_s=end_s)), **known)
    assert any(said in line for line in plan.lines())


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    plan_render(job_with(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_must_not_be_replaced_is_found(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").touch()
    plan_render(job_with(tmp_path))
    with pytest.raises(JobError, match="exists already"):
        plan_render(job_with(tmp_path, overwrite=False))


def test_the_estimate_follows_the_pace_of_the_trial(tmp_path: Path, paced: list[RenderJob]) -> None:
    job = job_with(tmp_path)
    plan = plan_render(job)
    tried = try_out(job, plan, progress=SilentProgress())
    assert plan.num_frames is not None
    assert tried.estimated_s == pytest.approx(3.0 + plan.num_frames * (0.02 + 0.05), abs=0.1)
    assert f"about {tried.estimated_s:.0f} s on this machine" in tried.lines()[-1]


def test_a_clip_whose_poses_are_kept_is_not_tracked_by_the_trial_nor_counted(
    tmp_path: Path, paced: list[RenderJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANIMATOR_CACHE", str(tmp_path / "cache"))
    job = job_with(tmp_path)
    clip, poses = DrivingClip.open(job.clip), waving((640, 800), 100)
    poses = poses.replace(frame_size=(clip.info.width, clip.info.height))
    PoseCache.default().keep(clip, job.tracker, poses, max_side_px=pipeline.TRACKING_SIDE_PX)
    plan = plan_render(job)
    tried = try_out(job, plan, progress=SilentProgress())
    # What the stand-in spends on the 12 frames it pretends to track is over.
    assert tried.estimated_s == pytest.approx(3.0 + TRIAL_FRAMES * 0.02 + plan.num_frames * 0.05, abs=0.1)
    assert paced[0].tracker.recorded is not None
    try_out(job.model_copy(update={"pose_cache": False}), plan, progress=SilentProgress())
    assert paced[1].tracker.recorded is None


def test_the_trial_renders_the_beginning_into_a_folder_that_vanishes(tmp_path: Path, paced: list[RenderJob]) -> None:
    job = job_with(tmp_path, start_s=1.0)
    try_out(job, plan_render(job), progress=SilentProgress())
    (tried,) = paced
    assert (tried.start_s, tried.end_s) == (1.0, pytest.approx(1.0 + TRIAL_FRAMES / 25))
    assert tried.output.is_relative_to(tempfile.gettempdir())
    assert not tried.output.parent.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_trial_is_no_longer_than_the_job(tmp_path: Path, paced: list[RenderJob]) -> None:
    job = job_with(tmp_path, end_s=0.2)
    try_out(job, plan_render(job), progress=SilentProgress())
    assert paced[0].end_s == 0.2


def test_a_clip_that_ends_before_a_trial_would_is_tried_whole_and_nothing_is_missed(
    tmp_path: Path, paced: list[RenderJob]
) -> None:
    rest_s = DrivingClip.open(MEDIA / "dance.mp4").info.duration_s - 0.2
    for end_s in (None, 1000.0):
        job = job_with(tmp_path, start_s=rest_s, end_s=end_s)
        plan = try_out(job, plan_render(job), progress=SilentProgress())
        assert paced[-1].end_s is None
        assert plan.num_frames == 5
        assert plan.lines()[-1].endswith("as all frames went")


def failing(error: Exception) -> Callable[..., RenderReport]:
    def animate(job: RenderJob, **_: object) -> RenderReport:
        raise error

    return animate


def test_nobody_in_the_first_frames_is_told_and_leaves_the_time_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "animate", failing(AbsenceError("dance.mp4: nobody")))
    listener, job = Listener(), job_with(tmp_path)
    assert try_out(job, plan_render(job), progress=listener).estimated_s is None
    assert listener.warnings == [f"no time estimate from the first {TRIAL_FRAMES} frames: dance.mp4: nobody"]


def test_a_tracker_that_is_not_at_hand_is_an_error(tmp_path: Path) -> None:
    for tracker in ({"recorded": tmp_path / "missing.json"}, {"kind": str(tmp_path / "missing.task")}):
        job = job_with(tmp_path, tracker=tracker)
        with pytest.raises(TrackingError, match="missing"):
            try_out(job, plan_render(job), progress=SilentProgress())


@pytest.mark.parametrize(("name", "complaint"), [("x.avi", "cannot write .avi"), ("d.mp4", "is not a file")])
def test_a_place_that_cannot_be_written_is_found(tmp_path: Path, name: str, complaint: str) -> None:
    (tmp_path / "d.mp4").mkdir()
    with pytest.raises(EncodeError, match=complaint):
        plan_render(job_with(tmp_path, output=tmp_path / name))


def test_an_end_beyond_the_clip_s_is_said_by_plan_and_render(
    tmp_path: Path, paced: list[RenderJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, job = Listener(), job_with(tmp_path, start_s=1.0, end_s=1000.0)
    try_out(job, plan_render(job), progress=listener)
    (told,) = listener.warnings
    assert told.startswith("dance.mp4: ends at ")
    assert told.endswith("to 1000 s, as asked for")
    Render.of(job, pipeline.prepare_scene, progress=listener, trust=False)
    assert listener.warnings == [told, told]


def test_a_start_beyond_the_end_is_found(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"dance\.mp4: shows nothing from 100 s on"):
        plan_render(job_with(tmp_path, start_s=100))


def test_nobody_in_the_photo_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "animate", failing(PhotoError("me.png: nobody")))
    job = job_with(tmp_path)
    with pytest.raises(PhotoError):
        try_out(job, plan_render(job), progress=SilentProgress())


def test_the_shipped_media_can_be_tried(tmp_path: Path) -> None:
    job = job_with(tmp_path, preview={"side_by_side": False})
    tried = try_out(job, plan_render(job), progress=SilentProgress())
    assert tried.estimated_s is not None
    assert tried.estimated_s > 0
    assert tried.folder_bytes == 0
    assert list(tmp_path.iterdir()) == []


def size(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def test_a_job_that_is_kept_takes_the_room_that_was_said(tmp_path: Path) -> None:
    job = job_with(tmp_path / "out", end_s=2.0)
    job.output.parent.mkdir()
    tried = try_out(job, plan_render(job), keep=True, progress=SilentProgress())
    assert list(tmp_path.rglob("*")) == [job.output.parent]
    pipeline.animate(job, folder=tmp_path / "job")
    assert tried.folder_bytes == pytest.approx(1.1 * size(tmp_path / "job"), rel=0.1)
    assert tried.result_bytes == pytest.approx(size(job.output.parent), rel=0.5)
    assert tried.disk_bytes == tried.folder_bytes + tried.result_bytes  # type: ignore[operator]
    assert f"{tried.folder_bytes / 1e6:.1f} MB of it for the job's folder" in " ".join(tried.lines())  # type: ignore[operator]


def test_the_frames_of_a_gif_wait_on_the_disk(tmp_path: Path, paced: list[RenderJob]) -> None:
    job = job_with(tmp_path, output=tmp_path / "out.gif")
    tried = try_out(job, plan_render(job), progress=SilentProgress())
    assert tried.passing_bytes == 128 * 160 * 3 * (tried.num_frames or 0) > 0
