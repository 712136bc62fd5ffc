"""A `.task` file finds several people; a wrong one is refused in one line."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pose_tracking.errors import TrackingError
from pose_tracking.frame import Frame
from pose_tracking.trackers.graphs import load_mediapipe
from pose_tracking.trackers.task_file import TaskTracker, people_in
from tests.pose_tracking.people import blank_frame


@pytest.fixture(scope="module")
def task_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle like the published ones, made of the models in the package and the metadata that they lack."""
    modules = Path(load_mediapipe().__file__).parent / "modules"
    writer_module = pytest.importorskip("mediapipe.tasks.python.metadata.metadata_writers.metadata_writer")
    path = tmp_path_factory.mktemp("models") / "pose.task"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as bundle:
        for name, model, mean, deviation in (
            ("pose_detector.tflite", "pose_detection/pose_detection.tflite", 127.5, 127.5),
            ("pose_landmarks_detector.tflite", "pose_landmark/pose_landmark_full.tflite", 0.0, 255.0),
        ):
            writer = writer_module.MetadataWriter.create(bytearray((modules / model).read_bytes()))
            writer.add_general_info(name, "for tests").add_image_input([mean], [deviation])
            bundle.writestr(name, writer.populate()[0])
    return path


def test_nobody_is_found_in_plain_pictures_at_any_pace(task_file: Path) -> None:
    with TaskTracker(task_file) as tracker:
        assert tracker.detect(blank_frame(0, fps=5000)) == []
        assert tracker.detect(blank_frame(1, fps=5000)) == []  # the same millisecond


@pytest.mark.parametrize("content", [b"", b"hello" * 100, b"PK\x03\x04" + bytes(100)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pose.task"
    path.write_bytes(content)
    with pytest.raises(TrackingError, match=r"pose\.task: not a MediaPipe pose landmarker bundle") as raised:
        TaskTracker(path)
    assert "\n" not in str(raised.value)


def test_bundle_without_the_models_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pose.task"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("pose_detector.tflite", b"nothing")
    with pytest.raises(TrackingError, match="not a MediaPipe pose landmarker bundle"):
        TaskTracker(path)


@pytest.mark.parametrize("name", ["missing.task", "."])
def test_missing_file_and_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrackingError, match="cannot be read"):
        TaskTracker(tmp_path / name)


def test_every_person_of_a_result_becomes_a_detection() -> None:
    people = [[SimpleNamespace(x=x, y=0.5, visibility=0.9)] * 33 for x in (0.25, 0.75)]
    found = people_in(SimpleNamespace(pose_landmarks=people), size=(200, 100))
    assert [one.keypoints_K2[0].tolist() for one in found] == [[50, 50], [150, 50]]
    assert found[0].confidence_K == pytest.approx(np.full(33, 0.9))


@pytest.mark.dev_media
def test_several_people_are_found_at_once(dev_media: Path, task_file: Path) -> None:
    pixels = np.asarray(Image.open(dev_media / "photos" / "two_women.png").convert("RGB"))
    with TaskTracker(task_file) as tracker:
        people = tracker.detect(Frame(pixels_HWC=pixels, time_s=0.0, index=0))
    assert sorted(round(person.center[0] / 512, 1) for person in people) == [0.2, 0.8]


def test_a_pipe_is_refused_instead_of_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pose.task")
    with pytest.raises(TrackingError, match="pipe"):
        TaskTracker(tmp_path / "pose.task")
