"""The whole way, on the media the project ships: a photo and a clip become a moving picture."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animator.canvas import CanvasConfig
from animator.config import PreviewConfig, RenderJob
from animator.encoding import read_provenance
from animator.errors import EncodeError, JobError, PhotoError
from animator.jobs.folder import JobFolder
from animator.jobs.inputs import input_sha256
from animator.jobs.record import read_record, software
from animator.origin import find_origin
from animator.pipeline import animate, is_made, resume, submit
from pose_tracking.clip import DrivingClip
from temporal.motion import MotionConfig
from tests.animator.encoding.signer import write_signer

MEDIA = Path(__file__).parents[2] / "examples" / "media"
PORTRAIT, DANCE = MEDIA / "portrait.png", MEDIA / "dance.mp4"
NO_PREVIEW = PreviewConfig(contact_sheet=False, side_by_side=False)


def _job(tmp_path, **changes):
    settings = {
        "photo": PORTRAIT,
        "clip": DANCE,
        "output": tmp_path / "out.mp4",
        "end_s": 0.8,
        "canvas": CanvasConfig(width=192, height=256),
        "preview": NO_PREVIEW,
    }
    return RenderJob(**{**settings, **changes})


class _Events:
    """Remembers what the pipeline reported."""

    def __init__(self):
        self.stages, self.warnings = [], []

    def stage(self, name, total=None):
        from contextlib import nullcontext

        self.stages.append(name)
        return nullcontext(self)

    def advance(self, n=1):
        pass

    def warn(self, message):
        self.warnings.append(message)


def test_photo_and_clip_become_an_mp4_with_sound_previews_and_a_mark(tmp_path):
    events = _Events()
    report = animate(_job(tmp_path, preview=PreviewConfig()), progress=events)
    made = DrivingClip.open(report.path)
    assert (made.info.width, made.info.height) == (192, 256)
    assert made.info.fps == DrivingClip.open(DANCE).info.fps
    assert made.info.num_frames == report.num_frames
    assert report.duration_s == pytest.approx(0.8, abs=1 / float(made.info.fps))
    assert made.info.has_audio
    assert events.stages == ["track", "photo", "render"]
    made_files = ["out.contact.png", "out.mp4", "out.mp4.json", "out.side.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == made_files
    mark = read_provenance(report.path)
    assert mark is not None
    assert mark["fingerprint"] == report.fingerprint
    assert "Synthetic" in mark["digital_source_type"]
    assert [read_provenance(path) for path in report.previews] == [mark, mark]


def test_the_person_moves_and_the_background_holds_still(tmp_path):
    report = animate(_job(tmp_path, end_s=1.6, motion=MotionConfig(fps=Fraction(10))))
    frames = np.stack([frame.pixels_HWC for frame in DrivingClip.open(report.path).frames()]).astype(int)
    change = np.abs(frames - frames[:1]).max(axis=(0, 3))
    assert (change > 40).mean() > 0.01
    assert np.median(change) <= 6


def test_the_same_job_gives_the_same_pictures_and_fingerprint(tmp_path):
    first = animate(_job(tmp_path, end_s=0.3))
    second = animate(_job(tmp_path, end_s=0.3, output=tmp_path / "again.mp4"))
    assert first.fingerprint == second.fingerprint
    for one, other in zip(DrivingClip.open(first.path).frames(), DrivingClip.open(second.path).frames(), strict=True):
        np.testing.assert_array_equal(one.pixels_HWC, other.pixels_HWC)
    assert animate(_job(tmp_path, end_s=0.3, seed=1)).fingerprint != first.fingerprint


def test_another_picture_stands_behind_the_person_and_counts_by_its_content(tmp_path):
    beach, moved = tmp_path / "beach.png", tmp_path / "moved.png"
    for path in (beach, moved):
        Image.new("RGB", (300, 100), (30, 90, 200)).save(path)
    animate(_job(tmp_path, end_s=0.2, output=tmp_path / "first", background=beach))
    frame = np.asarray(Image.open(min((tmp_path / "first").glob("*.png"))))
    assert (frame[:8, :8] == (30, 90, 200)).all()
    assert (np.abs(frame.astype(int) - (30, 90, 200)).sum(-1) > 60).mean() > 0.05
    job = _job(tmp_path, end_s=0.2, output=tmp_path / "first", background=moved)
    assert is_made(job)
    Image.new("RGB", (300, 100), (30, 90, 201)).save(moved)
    assert not is_made(job)
    folder = tmp_path / "job"
    submit(job, folder)
    record = JobFolder(folder).record.read_text()
    assert input_sha256(moved) in record
    Image.new("RGB", (300, 100), (30, 90, 202)).save(moved)
    with pytest.raises(JobError, match=r"the background has changed \(moved\.png\)"):
        resume(folder)


def test_a_job_that_another_version_of_the_program_only_began_is_rendered(tmp_path):
    folder = submit(_job(tmp_path, end_s=0.2), tmp_path / "job")
    record = json.loads(folder.record.read_text())
    folder.record.write_text(json.dumps({**record, "software": "pose-animator 0.0.1", "fingerprint": "another"}))
    report = resume(folder.path)
    assert (report.path, report.partial) == (folder.path / "out.mp4", False)
    assert read_record(folder).software == software()


def test_a_background_that_is_no_picture_ends_before_any_work(tmp_path):
    with pytest.raises(PhotoError, match="no picture"):
        animate(_job(tmp_path, background=DANCE), progress=(events := _Events()))
    assert events.stages == []


def test_the_output_rate_is_chosen_freely_and_the_duration_stays(tmp_path):
    report = animate(_job(tmp_path, end_s=1.0, motion=MotionConfig(fps=Fraction(15))))
    assert report.num_frames == 15
    assert DrivingClip.open(report.path).info.fps == 15


def test_a_photo_without_a_person_ends_before_anything_is_written(tmp_path):
    from PIL import Image

    Image.new("RGB", (300, 300), "gray").save(tmp_path / "wall.png")
    with pytest.raises(PhotoError, match=r"wall\.png: nobody was found"):
        animate(_job(tmp_path, photo=tmp_path / "wall.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["wall.png"]


class FailingGenerator:
    """Makes two frames and then breaks."""

    name = "failing"

    def generate(self, windows, subject):
        """Two frames, then an error."""
        from pose_tracking.frame import Frame

        for count, window in enumerate(windows):
            if count == 2:
                raise MemoryError("no memory left")
            yield Frame(pixels_HWC=subject.photo_HWC, time_s=window.time_s, index=window.center)


def test_a_failure_in_the_middle_leaves_nothing_half_written(tmp_path):
    before = tmp_path / "out.mp4"
    before.write_bytes(b"an older result")
    job = _job(tmp_path, generator="tests.e2e.test_animate:FailingGenerator", preview=PreviewConfig())
    with pytest.raises(MemoryError):
        animate(job, trust=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert before.read_bytes() == b"an older result"


@pytest.mark.dev_media
def test_a_clip_cut_short_renders_what_is_there_and_says_so(tmp_path, dev_media):
    clip = dev_media / "odd" / "truncated_faststart_60pct.mp4"
    events = _Events()
    report = animate(_job(tmp_path, clip=clip, end_s=None), progress=events)
    assert report.partial
    assert any("truncated_faststart_60pct.mp4" in warning for warning in events.warnings)
    assert DrivingClip.open(report.path).info.num_frames == report.num_frames
    assert report.num_frames == len(DrivingClip.open(clip).times_s())  # no picture stands still where the clip ends


def test_what_is_wrong_with_the_output_is_found_before_any_work(tmp_path):
    (tmp_path / "out.side.mp4").write_bytes(DANCE.read_bytes())
    events = _Events()
    for changes in ({"output": tmp_path / "x.avi"}, {"clip": tmp_path / "out.side.mp4", "preview": PreviewConfig()}):
        with pytest.raises(EncodeError):
            animate(_job(tmp_path, **changes), progress=events)
    assert events.stages == []
    assert (tmp_path / "out.side.mp4").read_bytes() == DANCE.read_bytes()


@pytest.mark.dev_media
@pytest.mark.slow
def test_nobody_in_view_is_waited_out_and_reported(tmp_path, dev_media):
    job = _job(tmp_path, clip=dev_media / "videos" / "enter_leave_139s.mp4", end_s=24.0)
    events = _Events()
    report = animate(job.model_copy(update={"motion": MotionConfig(fps=Fraction(2))}), progress=events)
    assert report.duration_s == pytest.approx(24, abs=0.5)
    assert any("nobody in view" in warning for warning in events.warnings)


def test_a_result_tells_its_origin_in_four_ways_that_agree(tmp_path):
    chain, key = write_signer(tmp_path)
    settings = {"kind": "c2pa", "certificate": chain, "key": key, "watermark": True, "consent": "A drawn figure"}
    canvas = CanvasConfig(width=256, height=320)
    report = animate(_job(tmp_path, end_s=0.3, canvas=canvas, provenance=settings))
    origin = find_origin(report.path)
    assert origin.mark["fingerprint"] == report.fingerprint
    assert origin.mark["consent"] == "A drawn figure"
    assert origin.credentials is not None
    assert (origin.credentials.state, origin.credentials.details["fingerprint"]) == ("valid", report.fingerprint)
    assert origin.watermark is not None
    assert origin.fingerprint_agrees
    assert origin.sidecar is not None
    assert (origin.sidecar.path, origin.sidecar.fits) == (report.sidecar, True)
    assert origin.sidecar.content["fingerprint"] == report.fingerprint
    assert origin.sidecar.content["seconds"] == round(report.seconds, 3) > 0


def test_who_signs_and_who_agreed_make_no_other_pictures(tmp_path):
    plain = animate(_job(tmp_path, end_s=0.2))
    told = animate(_job(tmp_path, end_s=0.2, provenance={"consent": "A drawn figure", "sidecar": False}))
    marked = animate(_job(tmp_path, end_s=0.2, provenance={"watermark": True}))
    assert plain.fingerprint == told.fingerprint != marked.fingerprint
