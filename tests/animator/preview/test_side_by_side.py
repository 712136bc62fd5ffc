from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from animator.preview import SideBySide, side_by_side
from animator.preview.side_by_side import PANEL_HEIGHT_PX
from pose_tracking.frame import Frame

PHOTO = np.full((90, 60, 3), (200, 30, 30), np.uint8)


def grey(level: int, time_s: float, index: int = 0, size: tuple[int, int] = (50, 80)) -> Frame:
    return Frame(pixels_HWC=np.full((*size, 3), level, np.uint8), time_s=time_s, index=index)


def clip(times: Sequence[float]) -> Iterator[Frame]:
    for index, time_s in enumerate(times):
        yield grey(10 * (index + 1), time_s, index)


def results(times: Sequence[float]) -> Iterator[Frame]:
    for index, time_s in enumerate(times):
        yield grey(100 + index, time_s, index, size=(64, 32))


def clip_levels(frames: list[Frame]) -> list[int]:
    """Which clip frame is seen in the middle panel (photo 40 px, line 2 px, clip 96 px wide at height 60)."""
    return [int(frame.pixels_HWC[50, 42 + 48, 0]) // 10 - 1 for frame in frames]


def test_panels_stand_in_a_row_under_their_captions() -> None:
    (frame,) = side_by_side(PHOTO, clip([0.0]), results([0.0]), height=60)
    pixels = frame.pixels_HWC
    assert pixels.shape == (20 + 60, 40 + 2 + 96 + 2 + 30, 3)
    assert (pixels[20:, :40] == (200, 30, 30)).all()
    assert (pixels[20:, 42:138] == 10).all()
    assert (pixels[20:, 140:170] == 100).all()
    for left, right in ((0, 40), (42, 138), (140, 170)):
        assert pixels[:20, left:right].max() > 120  # letters


def test_clip_shows_the_newest_picture_that_is_not_later() -> None:
    frames = list(
        side_by_side(PHOTO, clip([0.0, 0.1, 0.2, 0.3]), results([0.0, 0.05, 0.1, 0.19, 0.2, 0.25]), height=60)
    )
    assert clip_levels(frames) == [0, 0, 1, 1, 2, 2]


def test_slower_results_skip_clip_pictures_and_faster_ones_repeat_them() -> None:
    slow = list(side_by_side(PHOTO, clip([i / 30 for i in range(24)]), results([0.0, 0.2, 0.4, 0.6]), height=60))
    assert clip_levels(slow) == [0, 6, 12, 18]
    fast = list(side_by_side(PHOTO, clip([0.0, 0.1]), results([0.0, 0.04, 0.08, 0.12]), height=60))
    assert clip_levels(fast) == [0, 0, 0, 1]


def test_same_time_reached_by_different_arithmetic_is_the_same_time() -> None:
    times = [index * (1 / 30) for index in range(20)]
    frames = list(side_by_side(PHOTO, clip([sum([1 / 30] * i) for i in range(20)]), results(times), height=60))
    assert clip_levels(frames) == list(range(20))


def test_uneven_clip_times_are_followed() -> None:
    frames = list(side_by_side(PHOTO, clip([0.0, 0.02, 0.5]), results([0.0, 0.1, 0.4, 0.6]), height=60))
    assert clip_levels(frames) == [0, 1, 1, 2]


def test_clip_that_starts_late_or_ends_early_holds_its_end_picture() -> None:
    frames = list(side_by_side(PHOTO, clip([0.3, 0.4]), results([0.0, 0.2, 0.35, 0.4, 5.0]), height=60))
    assert clip_levels(frames) == [0, 0, 0, 1, 1]


def test_result_times_and_order_are_kept() -> None:
    frames = list(side_by_side(PHOTO, clip([0.0]), results([0.0, 0.5, 1.0]), height=60))
    assert [(frame.time_s, frame.index) for frame in frames] == [(0.0, 0), (0.5, 1), (1.0, 2)]


@pytest.mark.parametrize("height", [59, 60, 361])
@pytest.mark.parametrize("width", [61, 62])
def test_sides_are_even_for_video(height: int, width: int) -> None:
    photo = np.zeros((60, width, 3), np.uint8)
    (frame,) = side_by_side(photo, clip([0.0]), results([0.0]), height=height)
    assert [side % 2 for side in frame.pixels_HWC.shape[:2]] == [0, 0]


def test_clip_is_read_one_frame_ahead_and_no_further() -> None:
    read = []

    def watched() -> Iterator[Frame]:
        for frame in clip([i / 10 for i in range(20)]):
            read.append(frame.index)
            yield frame

    composer = SideBySide(PHOTO, watched(), height=60)
    composer.compose(grey(0, 0.0))
    assert read == [0, 1]
    composer.compose(grey(0, 0.35))
    assert read == [0, 1, 2, 3, 4]


def test_clip_pictures_of_another_size_keep_the_film_in_one_size() -> None:
    changing = [grey(10, 0.0), grey(20, 0.1, 1, size=(100, 40))]
    sizes = {f.pixels_HWC.shape for f in side_by_side(PHOTO, changing, results([0.0, 0.1]), height=60)}
    assert len(sizes) == 1


def test_a_picture_of_any_shape_gives_a_film_that_can_be_encoded() -> None:
    widest = np.full((64, 4096, 3), (200, 30, 30), np.uint8)
    wide = grey(90, 0.0, size=(64, 2048))
    (frame,) = side_by_side(widest, [wide, grey(95, 0.1, 1, size=(64, 2048))], [grey(100, 0.1, size=(4096, 64))])
    pixels = frame.pixels_HWC
    assert pixels.shape == (20 + PANEL_HEIGHT_PX, 1280 + 2 + 1280 + 2 + 6, 3)
    for left, right, height, level in ((0, 1280, 20, 200), (1282, 2562, 40, 95), (2564, 2570, 360, 100)):
        panel = pixels[20:, left:right, 0]
        top = (PANEL_HEIGHT_PX - height) // 2
        assert (panel[top : top + height] == level).all()
        assert (panel[:top] == 24).all()
        assert (panel[top + height :] == 24).all()


def test_clip_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="no frames"):
        SideBySide(PHOTO, [])
