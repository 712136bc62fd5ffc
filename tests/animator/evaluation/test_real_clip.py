from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from animator.canvas import Placement
from animator.evaluation import real_clip
from animator.evaluation.real_clip import RealClip, frames_on_screen
from animator.progress import SilentProgress
from pose_tracking.frame import Frame
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17


@dataclass
class _Clip:
    """Gray frames whose level tells their number."""

    times_s: tuple[float, ...]

    def frames(self) -> Iterator[Frame]:
        for index, time_s in enumerate(self.times_s):
            yield Frame(pixels_HWC=np.full((40, 20, 3), 10 * (index + 1), np.uint8), time_s=time_s, index=index)


def _levels(times_s: tuple[float, ...], at_s: list[float]) -> list[int]:
    return [int(frame.pixels_HWC[0, 0, 0]) // 10 for frame in frames_on_screen(_Clip(times_s), np.array(at_s))]  # type: ignore[arg-type]


def test_even_frames_come_one_by_one() -> None:
    assert _levels((0.0, 0.04, 0.08), [0.0, 0.04, 0.08]) == [1, 2, 3]


def test_a_frame_stays_on_screen_until_the_next() -> None:
    assert _levels((0.0, 0.3), [0.0, 0.1, 0.2, 0.3, 0.4]) == [1, 1, 1, 2, 2]


def test_frames_between_the_times_are_left_out() -> None:
    assert _levels((0.0, 0.02, 0.04, 0.06), [0.0, 0.04]) == [1, 3]


def test_rounded_time_stamps_are_the_same_time() -> None:
    assert _levels((0.0, 0.033, 0.067), [0.0, 1 / 30, 2 / 30]) == [1, 2, 3]


def _motion(seen: list[bool]) -> PoseSequence:
    joints = np.where(np.array(seen)[:, None, None], np.float32(30), np.float32(np.nan)) * np.ones((1, 17, 2))
    return PoseSequence(
        keypoints_TK2=joints,
        confidence_TK=np.ones((len(seen), 17)),
        times_s_T=np.arange(len(seen)) / 25,
        skeleton=COCO_17,
        frame_size=(60, 40),
    )


def _real_clip(monkeypatch: pytest.MonkeyPatch, seen: list[bool]) -> RealClip:
    def segment(pixels_HWC: np.ndarray, person: object) -> np.ndarray:
        matte = np.zeros(pixels_HWC.shape[:2], np.float32)
        matte[5:20, 22 : 22 + int(pixels_HWC[0, 30, 0]) // 10] = 0.8
        matte[25:, :] = 0.4
        return matte

    monkeypatch.setattr(real_clip, "segment_person", segment)
    monkeypatch.setattr(real_clip, "face_landmarks", lambda crop: [])
    placement = Placement(scale=1.0, offset=(20.0, 0.0), photo_size=(20, 40), canvas_size=(60, 40))
    clip = _Clip(tuple(index / 25 for index in range(len(seen))))
    return RealClip(clip, _motion(seen), placement, border_HWC=np.full((40, 60, 3), 7, np.uint8))  # type: ignore[arg-type]


def test_frames_lie_on_the_canvas_before_the_border_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    real = _real_clip(monkeypatch, [True, True])
    with SilentProgress().stage("real clip") as stage:
        frames = list(real.examine(stage))
    assert [frame.index for frame in frames] == [0, 1]
    assert [int(frame.pixels_HWC[10, 30, 0]) for frame in frames] == [10, 20]
    assert all((frame.pixels_HWC[:, :20] == 7).all() and (frame.pixels_HWC[:, 40:] == 7).all() for frame in frames)


def test_what_was_found_comes_back_on_every_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    real = _real_clip(monkeypatch, [True, True, True])
    with SilentProgress().stage("real clip") as stage:
        list(real.examine(stage))
    for _ in range(2):
        for index, frame in enumerate(real.frames()):
            expected = np.zeros((40, 60), dtype=bool)
            expected[5:20, 22 : 23 + index] = True
            assert (frame.person_HW == expected).all()


def test_nobody_in_view_has_an_empty_matte_and_no_face(monkeypatch: pytest.MonkeyPatch) -> None:
    real = _real_clip(monkeypatch, [True, False])
    with SilentProgress().stage("real clip") as stage:
        list(real.examine(stage))
    present, absent = real.frames()
    assert present.person_HW.any()
    assert not absent.person_HW.any()
    assert absent.face_L2 is None
