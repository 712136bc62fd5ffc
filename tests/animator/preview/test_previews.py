"""The previews of a render: the same whether the clip's pictures were made before or on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animator.preview.paths import side_by_side_path
from animator.preview.previews import Previews, at_even_times, clip_panels, panels_ahead
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import ClipInfo, Frame
from pose_tracking.sequence import PoseSequence
from tests.animator.generators.scene import drawn_subject

CLIP = Path(__file__).parents[3] / "examples" / "media" / "dance.mp4"


def test_panels_made_ahead_change_no_byte(tmp_path: Path) -> None:
    subject, clip = drawn_subject((64, 96)), DrivingClip.open(CLIP, end_s=0.4)
    length, size = clip.info.num_frames, (clip.info.width, clip.info.height)
    pose = subject.pose
    tracked = PoseSequence(
        keypoints_TK2=np.repeat(pose.keypoints_TK2 * np.float32(3), length, axis=0),
        confidence_TK=np.repeat(pose.confidence_TK, length, axis=0),
        times_s_T=np.arange(length) / float(clip.info.fps),
        skeleton=pose.skeleton,
        frame_size=size,
    )

    def film(name: str, panels: Iterator[Frame] | None = None) -> bytes:
        output = tmp_path / f"{name}.mp4"
        result = np.full((96, 64, 3), 90, np.uint8)
        frames = [Frame(pixels_HWC=result, time_s=index / 15, index=index) for index in range(length)]
        with Previews(
            output,
            contact_sheet=False,
            side_by_side=True,
            subject=subject,
            clip=clip,
            tracked=tracked,
            num_frames=length,
            fps=Fraction(15),
            panels=panels,
        ) as previews:
            assert len(list(previews.watch(frames))) == length
        return side_by_side_path(output).read_bytes()

    on_the_way = film("one")
    with closing(clip_panels(clip, tracked)) as panels:
        before = list(panels)
    assert film("two", iter(before)) == on_the_way


@pytest.mark.parametrize(
    ("width", "height", "most"), [(1920, 1080, 96), (1080, 1920, 96), (3840, 2160, 96), (1280, 360, 48), (8192, 64, 96)]
)
def test_panels_that_wait_take_64_mib_however_wide_the_clip_is(width: int, height: int, most: int) -> None:
    info = ClipInfo(height=height, width=width, fps=Fraction(25), num_frames=99, duration_s=4.0, has_audio=False)
    assert panels_ahead(info) == most


def shown_at_even_times(times_s: list[float], *, fps: int, duration_s: float) -> list[int]:
    film = (
        Frame(pixels_HWC=np.full((2, 2, 3), index, np.uint8), time_s=time_s, index=index)
        for index, time_s in enumerate(times_s)
    )
    frames = list(at_even_times(film, fps=Fraction(fps), duration_s=duration_s))
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert [frame.time_s for frame in frames] == pytest.approx([index / fps for index in range(len(frames))])
    return [int(frame.pixels_HWC[0, 0, 0]) for frame in frames]


def test_frames_of_an_even_film_pass_one_by_one_though_their_times_are_rounded() -> None:
    times_s = [index / 24 + (-1) ** index * 0.0009 for index in range(48)]
    assert shown_at_even_times(times_s, fps=24, duration_s=2.0) == list(range(48))


def test_an_uneven_film_keeps_its_times_and_its_length() -> None:
    assert shown_at_even_times([0, 0.1, 0.2, 0.6, 0.7], fps=10, duration_s=1.0) == [0, 1, 2, 2, 2, 2, 3, 4, 4, 4]
    assert shown_at_even_times([0, 0.02, 0.04, 0.1], fps=10, duration_s=0.2) == [2, 3]


def test_a_film_without_frames_stays_one() -> None:
    assert shown_at_even_times([], fps=10, duration_s=1.0) == []
