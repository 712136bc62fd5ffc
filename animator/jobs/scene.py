"""Who does what: all that a generator is given, made once per job and kept in its folder.

Legend: T frames, H W canvas pixels.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from animator.canvas import Placement
from animator.encoding.atomic_file import explained
from animator.errors import JobError
from animator.jobs.folder import JobFolder, appearing
from animator.jobs.inputs import input_sha256
from animator.jobs.record import JobRecord, Prepared, write_record
from pose_tracking.errors import PipelineError
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import SKELETONS

if TYPE_CHECKING:
    from animator.subject import Subject

FORMAT = "pose-animator-subject/1"
# Photo, background and both mattes of the largest canvas (4096 x 4096 px) and some air.
MAX_SUBJECT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Who does what.

    Attributes:
        subject: the person of the photo, on the canvas.
        driving: one pose per output frame, canvas px.
        tracked: what was found in the clip, px of the clip.
        fps: rate of the output.
    """

    subject: Subject
    driving: PoseSequence
    tracked: PoseSequence
    fps: Fraction


def save_scene(
    folder: JobFolder, record: JobRecord, scene: Scene, *, warnings: tuple[str, ...] = (), damage: str | None = None
) -> JobRecord:
    """Write the scene into the job's folder, and its hashes into job.json, which makes the job a prepared one.

    Raises:
        DiskError: the disk is full or fails.
    """
    for path, poses in ((folder.poses, scene.driving), (folder.tracked, scene.tracked)):
        with explained(path):
            poses.save(path)
    _save_subject(folder, scene.subject)
    files = (folder.poses, folder.tracked, folder.subject)
    prepared = Prepared(
        num_frames=len(scene.driving),
        fps=str(scene.fps),
        sha256={path.name: input_sha256(path) for path in files},
        warnings=warnings,
        damage=damage,
    )
    return write_record(folder, record.model_copy(update={"prepared": prepared}))


def load_scene(folder: JobFolder, record: JobRecord) -> Scene:
    """Read what `save_scene` wrote.

    Raises:
        JobError: a file is missing, damaged, or another one than was written.
    """
    ready = record.ready
    for path in (folder.poses, folder.tracked, folder.subject):
        if not path.is_file() or ready.sha256.get(path.name) != input_sha256(path):
            raise JobError(
                f"{folder.name}/{path.name}: missing, or not the file that this job wrote. Start a new job folder."
            )
    scene = Scene(
        subject=_load_subject(folder),
        driving=PoseSequence.load(folder.poses),
        tracked=PoseSequence.load(folder.tracked),
        fps=ready.rate,
    )
    if len(scene.driving) != ready.num_frames or scene.subject.placement.canvas_size != record.canvas:
        raise JobError(f"{folder.name}: job.json and the files beside it do not belong together")
    return scene


def _save_subject(folder: JobFolder, subject: Subject) -> None:
    # Archived in memory: what `zipfile` could not finish on a full disk, it complains about once more on its own.
    placement, archive = subject.placement, BytesIO()
    cover = {} if subject.cover_HW is None else {"cover": subject.cover_HW}
    np.savez(
        archive,
        format=np.array(FORMAT),
        photo=subject.photo_HWC,
        background=subject.background_HWC,
        matte=subject.matte_HW,
        keypoints=subject.pose.keypoints_TK2,
        confidence=subject.pose.confidence_TK,
        skeleton=np.array(subject.pose.skeleton.name),
        scale=np.array(placement.scale, np.float64),
        offset=np.array(placement.offset, np.float64),
        sizes=np.array([placement.photo_size, placement.canvas_size]),
        warnings=np.array(subject.warnings, dtype=np.str_),
        **cover,
    )
    with appearing(folder.subject) as temporary:
        temporary.write_bytes(archive.getbuffer())


def _load_subject(folder: JobFolder) -> Subject:
    try:
        return _as_subject(_arrays(folder.subject))
    except PipelineError:
        raise
    except Exception as error:  # damaged archives raise many kinds of errors
        raise JobError(f"{folder.name}/{folder.subject.name}: damaged ({type(error).__name__}: {error})") from error


def _arrays(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_SUBJECT_BYTES:
            raise JobError(f"{path.name}: unpacks to more than {MAX_SUBJECT_BYTES} bytes")
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if arrays["format"].item() != FORMAT:
        raise JobError(f"{path.name}: format {arrays['format'].item()!r}, expected {FORMAT!r}")
    return arrays


def _as_subject(arrays: dict[str, Any]) -> Subject:
    from animator.subject import Subject  # brings torch along

    photo_size, canvas_size = ((int(width), int(height)) for width, height in arrays["sizes"])
    width, height = canvas_size
    photo, background, matte, cover = arrays["photo"], arrays["background"], arrays["matte"], arrays.get("cover")
    masks = [matte] if cover is None else [matte, cover]
    if not photo.shape == background.shape == (height, width, 3) or any(m.shape != (height, width) for m in masks):
        raise JobError("its pictures are not of the canvas's size")
    if photo.dtype != np.uint8 or background.dtype != np.uint8 or not all(np.isfinite(m).all() for m in masks):
        raise JobError("its pictures are not 8-bit, or one of its mattes holds NaN")
    return Subject(
        photo_HWC=photo,
        pose=PoseSequence(
            keypoints_TK2=arrays["keypoints"],
            confidence_TK=arrays["confidence"],
            times_s_T=np.zeros(1),
            skeleton=SKELETONS[arrays["skeleton"].item()],
            frame_size=canvas_size,
        ),
        matte_HW=matte.astype(np.float32),
        background_HWC=background,
        placement=Placement(
            scale=float(arrays["scale"]),
            offset=(float(arrays["offset"][0]), float(arrays["offset"][1])),
            photo_size=photo_size,
            canvas_size=canvas_size,
        ),
        warnings=tuple(str(each) for each in arrays["warnings"]),
        cover_HW=None if cover is None else cover.astype(np.float32),
    )
