"""A job whose preparation is done, made of a drawn figure without photo or clip."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from animator.canvas import Placement
from animator.config import RenderJob
from animator.jobs.beginning import begin_job
from animator.jobs.folder import JobFolder
from animator.jobs.record import JobRecord, software
from animator.jobs.scene import Scene, save_scene
from animator.subject import Subject
from tests.animator.figure import as_sequence, draw_figure, standing_pose
from tests.faults.tiny_job import waving

SIZE = (96, 128)


def prepared_job(path: Path, *, num_frames: int, chunk_size: int = 24) -> JobFolder:
    """A job folder with a scene of `num_frames` waving poses."""
    keypoints = standing_pose(height=100, center_x=48, top=10)
    photo, matte = draw_figure(keypoints, SIZE)
    subject = Subject(
        photo_HWC=photo,
        pose=as_sequence(keypoints, SIZE),
        matte_HW=matte,
        background_HWC=np.full_like(photo, 200),
        placement=Placement(scale=1.0, offset=(0.0, 0.0), photo_size=SIZE, canvas_size=SIZE),
        warnings=(),
    )
    folder = JobFolder(path)
    record = JobRecord(
        software=software(),
        fingerprint="0" * 64,
        inputs={},
        generator="puppet",
        canvas=SIZE,
        chunk_size=chunk_size,
        job={
            "photo": "/none.png",
            "clip": "/none.mp4",
            "output": str(path / "out.mp4"),
            "canvas": {"width": SIZE[0], "height": SIZE[1]},
        },
    )
    begin_job(folder, record)
    motion = waving(num_frames)
    save_scene(folder, record, Scene(subject=subject, driving=motion, tracked=motion, fps=Fraction(20)))
    return folder


def job_record(folder: Path, **changes: Any) -> JobRecord:
    """What a job's folder holds of a render of files in `folder`, with these settings."""
    job = RenderJob(photo=folder / "me.jpg", clip=folder / "walk.mp4", output=folder / "out.mp4", **changes)
    return JobRecord(
        software=software(),
        fingerprint=f"of {job.seed} {job.motion.window_s}",
        inputs={"photo": "aa", "clip": "bb"},
        generator=job.generator,
        canvas=(512, 640),
        chunk_size=24,
        job=job.model_dump(mode="json"),
    )
