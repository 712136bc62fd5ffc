"""MediaPipe behind our protocol: real people in developers' media, nobody in plain pictures."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from pose_tracking.clip import DrivingClip
from pose_tracking.errors import TrackingError
from pose_tracking.frame import Frame
from pose_tracking.skeleton import BLAZEPOSE_33, HOLISTIC_543
from pose_tracking.trackers import graphs
from pose_tracking.trackers.blazepose import BlazePoseTracker, face_landmarks, find_people
from pose_tracking.trackers.pose_stream import HASTE
from pose_tracking.trackers.recorded import read_recorded
from pose_tracking.trackers.shelf import Shelf
from pose_tracking.tracking import SinglePersonTracker
from tests.pose_tracking.people import blank_frame


def _photo(dev_media: Path, name: str) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(dev_media / "photos" / name)).convert("RGB"))


def _still(pixels: np.ndarray, index: int = 0) -> Frame:
    return Frame(pixels_HWC=pixels, time_s=index / 25, index=index)


def test_nobody_is_found_in_a_plain_picture() -> None:
    with BlazePoseTracker() as tracker:
        assert isinstance(tracker, SinglePersonTracker)
        assert tracker.detect(blank_frame(0)) == []
        tracker.look_at((100, 100, 300, 300))
        assert tracker.detect(blank_frame(1)) == []
        tracker.forget()
        assert tracker.detect(blank_frame(2)) == []
        assert tracker.search(blank_frame(3)) == []
    assert find_people(blank_frame().pixels_HWC) == []
    assert face_landmarks(blank_frame().pixels_HWC) == []


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (16, 16)])
def test_tiny_pictures_hold_nobody(size: tuple[int, int]) -> None:
    with BlazePoseTracker() as tracker:
        assert tracker.detect(blank_frame(width=size[0], height=size[1])) == []


def test_picture_that_mediapipe_refuses_is_named_in_one_line() -> None:
    with BlazePoseTracker() as tracker:
        tracker.detect(blank_frame())
        empty = Frame(pixels_HWC=np.zeros((0, 640, 3), np.uint8), time_s=1.0, index=1)
        with pytest.raises(TrackingError, match="MediaPipe cannot read a picture of 640 x 0 px") as raised:
            tracker.detect(empty)
    assert "\n" not in str(raised.value)


def test_whichever_thread_looks_at_photos_no_model_is_loaded_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(kind: tuple[str, frozenset[tuple[str, Any]]]) -> graphs.Graph:
        made.append(kind)
        return graphs.Graph(kind[0], **dict(kind[1]))

    monkeypatch.setattr(graphs, "_GRAPHS", Shelf(make, most=8))
    wall = np.full((64, 64, 3), 128, np.uint8)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        for thread in (one, other):
            assert thread.submit(find_people, wall).result() == []
    assert len(made) == 2  # at the usual confidence, and at that of the second look


@pytest.mark.parametrize("complexity", [0, 2])
def test_models_that_would_be_downloaded_are_refused(complexity: int) -> None:
    with pytest.raises(
        TrackingError, match=rf"complexity {complexity} needs pose_landmark_\w+\.tflite.*would download"
    ):
        BlazePoseTracker(complexity=complexity)


def test_starting_says_nothing_on_the_terminal() -> None:
    script = """
        import numpy as np
        from pose_tracking.trackers.blazepose import BlazePoseTracker, face_landmarks, find_people
        from pose_tracking.trackers.silhouette import segment_person
        from pose_tracking.frame import Frame
        pixels = np.full((240, 320, 3), 90, np.uint8)
        with BlazePoseTracker() as tracker:
            tracker.detect(Frame(pixels_HWC=pixels, time_s=0.0, index=0))
        find_people(pixels), segment_person(pixels), face_landmarks(pixels)
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, check=True, text=True)
    assert result.stderr == ""
    assert result.stdout == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_of_a_process_that_looked_at_pictures_says_that_it_cannot_and_lives() -> None:
    script = """
        import os, signal, numpy as np
        from pose_tracking.trackers.blazepose import BlazePoseTracker, find_people
        from pose_tracking.frame import Frame
        frame = Frame(pixels_HWC=np.full((64, 64, 3), 90, np.uint8), time_s=0.0, index=0)
        tracker = BlazePoseTracker()
        tracker.detect(frame)
        child = os.fork()
        if not child:
            signal.alarm(60)
            for look in (tracker.detect, BlazePoseTracker().detect, lambda frame: find_people(frame.pixels_HWC)):
                try:
                    look(frame)
                except Exception as error:
                    print(error, flush=True)
            tracker.close()
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), tracker.detect(frame))
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, check=True, text=True)
    *told, end = result.stdout.splitlines()
    assert len(told) == 3
    assert all(line.startswith("MediaPipe ran in this process before it was forked") for line in told)
    assert end == "7 []"


def test_importing_the_tracker_does_not_import_mediapipe() -> None:
    script = "import sys, pose_tracking.trackers.blazepose, pose_tracking.tracking; print('mediapipe' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert result.stdout == "False\n"


@pytest.mark.dev_media
def test_landmarks_agree_with_the_golden_ones(dev_media: Path) -> None:
    golden = read_recorded(dev_media / "poses" / "squats_blazepose33.json", frame_size=(720, 1280), fps=5)
    clip = DrivingClip.open(dev_media / "videos" / "squats_fullbody_5fps.mp4")
    frames = [
        # MediaPipe's own solution, which made the predictions, takes frames for a thirtieth of a second apart.
        Frame(pixels_HWC=frame.pixels_HWC, time_s=frame.index / 30 / HASTE, index=frame.index)
        for frame in islice(clip.frames(), 30)
    ]
    with BlazePoseTracker() as tracker:
        people = [tracker.detect(frame)[0] for frame in frames]
    errors = np.linalg.norm(np.stack([one.keypoints_K2 for one in people]) - golden.keypoints_TK2[:30], axis=-1)
    shoulders, hips = (
        (golden.joint(f"left_{part}") + golden.joint(f"right_{part}"))[:30] / 2 for part in ("shoulder", "hip")
    )
    torso = np.linalg.norm(shoulders - hips, axis=-1)
    assert np.median(errors / torso[:, None]) < 0.02


@pytest.mark.dev_media
@pytest.mark.parametrize("name", ["dance_dress", "sign_walk"])
def test_landmarks_agree_with_recorded_predictions(dev_media: Path, name: str) -> None:
    recorded = read_recorded(dev_media / "poses" / f"{name}_mp33.json")
    clip = DrivingClip.open(next((dev_media / "videos").glob(f"{name}.*")))
    frames = [
        # MediaPipe's own solution, which made the predictions, takes frames for a thirtieth of a second apart.
        Frame(pixels_HWC=frame.pixels_HWC, time_s=frame.index / 30 / HASTE, index=frame.index)
        for frame in islice(clip.frames(), 30)
    ]
    with BlazePoseTracker() as tracker:
        people = [tracker.detect(frame)[0] for frame in frames]
    errors = np.linalg.norm(np.stack([one.keypoints_K2 for one in people]) - recorded.keypoints_TK2[:30], axis=-1)
    assert np.median(errors) < 1.5  # px; the predictions were made with other confidences and colours


@pytest.mark.dev_media
def test_close_up_gives_the_same_pose_in_px_of_the_frame(dev_media: Path) -> None:
    pixels = _photo(dev_media, "man_park_full.jpg")
    with BlazePoseTracker() as tracker:
        whole = tracker.detect(_still(pixels))[0]
        tracker.look_at((560, 20, 900, 719))
        close = tracker.detect(_still(pixels, 1))[0]
    assert np.median(np.linalg.norm(whole.keypoints_K2 - close.keypoints_K2, axis=-1)) < 0.02 * whole.size_px


@pytest.mark.dev_media
def test_holistic_brings_hands_and_face_of_photo_and_frame(dev_media: Path) -> None:
    pixels = _photo(dev_media, "woman_blue_shirt_cropped.png")
    (still,) = find_people(pixels, holistic=True)
    with BlazePoseTracker(holistic=True) as tracker:
        (live,) = tracker.detect(_still(pixels))
    for person in (still, live):
        assert person.keypoints_K2.shape == (543, 2)
        assert not np.isnan(person.keypoints_K2).any()
        wrist, palm = (person.keypoints_K2[HOLISTIC_543.index(joint)] for joint in ("left_wrist", "left_hand_0"))
        assert np.linalg.norm(wrist - palm) < 0.05 * person.size_px
        nose, tip = (person.keypoints_K2[HOLISTIC_543.index(joint)] for joint in ("nose", "mesh_1"))
        assert np.linalg.norm(nose - tip) < 0.03 * person.size_px


@pytest.mark.dev_media
def test_drawn_people_get_a_second_look(dev_media: Path) -> None:
    (girl,) = find_people(_photo(dev_media, "anime_girl_rgba.png"))
    assert girl.keypoints_K2[BLAZEPOSE_33.index("nose")] == pytest.approx([170, 205], abs=60)


@pytest.mark.dev_media
def test_face_mesh_lies_on_the_face(dev_media: Path) -> None:
    pixels = _photo(dev_media, "woman_shouting_face.jpg")
    (person,), (face,) = find_people(pixels), face_landmarks(pixels)
    assert face.shape == (468, 2)
    assert np.linalg.norm(face[1] - person.keypoints_K2[0]) < 40  # tip of the nose, px of 720
