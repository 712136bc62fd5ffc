"""MediaPipe behind our protocol: real people in developers' media, nobody in plain pictures."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from pose_tracking.clip import DrivingClip
from pose_tracking.crowd import body_shape
from pose_tracking.errors import TrackingError
from pose_tracking.frame import Frame
from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33, HOLISTIC_543
from pose_tracking.trackers import blazepose, graphs
from pose_tracking.trackers.blazepose import BlazePoseTracker, face_landmarks, find_people, segment_person
from pose_tracking.trackers.pose_stream import HASTE
from pose_tracking.trackers.recorded import read_recorded
from pose_tracking.trackers.shelf import Shelf
from pose_tracking.tracking import SinglePersonTracker
from tests.pose_tracking.people import blank_frame, standing


def _photo(dev_media: Path, name: str) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(dev_media / "photos" / name)).convert("RGB"))


def _still(pixels: np.ndarray, index: int = 0) -> Frame:
    return Frame(pixels_HWC=pixels, time_s=index / 25, index=index)


def _coverage(matte: np.ndarray, person: Detection) -> float:
    """Share of the confident joints inside the picture that lie on the matte."""
    points = person.keypoints_K2[person.confidence_K > 0.5].astype(int)
    points = points[(points >= 0).all(axis=1) & (points < matte.shape[::-1]).all(axis=1)]
    return float((matte[points[:, 1], points[:, 0]] > 0.5).mean())


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


def test_matte_of_a_picture_without_anybody_is_empty() -> None:
    matte = segment_person(blank_frame().pixels_HWC)
    assert matte.shape == (480, 640)
    assert matte.dtype == np.float32
    assert matte.mean() < 0.05


def test_starting_says_nothing_on_the_terminal() -> None:
    script = """
        import numpy as np
        from pose_tracking.trackers.blazepose import BlazePoseTracker, face_landmarks, find_people, segment_person
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
@pytest.mark.parametrize("name", ["woman_squat_full.jpg", "man_park_full.jpg", "signer_frame.jpg"])
def test_matte_holds_the_whole_person_with_hands_and_feet(dev_media: Path, name: str) -> None:
    pixels = _photo(dev_media, name)
    (person,) = find_people(pixels)
    matte = segment_person(pixels, person)
    assert matte.shape == pixels.shape[:2]
    assert _coverage(matte, person) > 0.9
    left, top, right, bottom = (int(value) for value in person.box(margin=0.15))
    outside = matte.copy()
    outside[max(0, top) : bottom, max(0, left) : right] = 0
    assert outside.mean() < 0.01


def test_a_mask_that_takes_in_others_is_looked_for_anew_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    person, other = standing(200), standing(420)
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    alone, both = (body_shape((640, 480), one, BLAZEPOSE_33).astype(np.float32) for one in (person, other))
    both = np.maximum(alone, both)
    looked_at = []

    class Still:
        def process(self, view: np.ndarray) -> SimpleNamespace:
            looked_at.append(view)
            if view.shape != pixels.shape:  # closer: still both
                return SimpleNamespace(segmentation_mask=np.ones(view.shape[:2], np.float32))
            return SimpleNamespace(segmentation_mask=both if np.array_equal(view, pixels) else alone)

    monkeypatch.setattr(blazepose, "lend_still_pose", lambda *_, **__: nullcontext(Still()))
    monkeypatch.setattr(blazepose, "read_person", lambda *_, **__: person)
    assert np.array_equal(segment_person(pixels, person, others=[other]), alone)
    assert len(looked_at) == 3  # at all, closer, and without the other
    # Of one who is alone, a mask that is wider than the body is the body's.
    assert np.array_equal(segment_person(pixels, person), both)


def test_hair_and_skirts_beyond_the_joints_are_in_the_silhouette(monkeypatch: pytest.MonkeyPatch) -> None:
    person = standing(320, 200, 120)
    figure = np.zeros((480, 640), np.float32)
    figure[120:400, 280:360] = 1  # a tall hat, a long skirt
    pixels = np.repeat((figure[..., None] * 255).astype(np.uint8), 3, axis=-1)
    monkeypatch.setattr(blazepose, "read_person", lambda *_, **__: None)  # the pose model sees nobody
    monkeypatch.setattr(blazepose, "segment_anybody", lambda view: (view[..., 0] > 127).astype(np.float32))
    assert np.array_equal(segment_person(pixels, person), figure)


@pytest.mark.dev_media
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_each_of_several_people_gets_their_own_matte(dev_media: Path, is_mirrored: bool) -> None:
    pixels = _photo(dev_media, "three_men.jpg")
    pixels = np.ascontiguousarray(pixels[:, ::-1]) if is_mirrored else pixels
    people = find_people(pixels)
    for person in people:
        matte = segment_person(pixels, person, others=[other for other in people if other is not person])
        face = person.keypoints_K2[:11].mean(axis=0).astype(int)
        assert matte[face[1], face[0]] > 0.5
        for other in people:
            if other is not person:
                face = other.keypoints_K2[:11].mean(axis=0).astype(int)
                assert matte[face[1], face[0]] < 0.5


@pytest.mark.dev_media
def test_face_mesh_lies_on_the_face(dev_media: Path) -> None:
    pixels = _photo(dev_media, "woman_shouting_face.jpg")
    (person,), (face,) = find_people(pixels), face_landmarks(pixels)
    assert face.shape == (468, 2)
    assert np.linalg.norm(face[1] - person.keypoints_K2[0]) < 40  # tip of the nose, px of 720
