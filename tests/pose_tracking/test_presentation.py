"""Orientation, square pixels and the clock, apart from any file."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest

from pose_tracking.presentation import Orientation, PresentationClock, limited_size, square_pixel_size

ONE = 1 << 16


def read(stamps_s: list[float | None], *, origin_s: float = 0.0) -> list[float]:
    clock = PresentationClock(origin_s=origin_s, period_s=0.04)
    return [clock.read(stamp_s) for stamp_s in stamps_s]


class TestClock:
    def test_leaves_rising_stamps_alone_but_for_the_origin(self) -> None:
        assert read([5.0, 5.04, 5.5, 5.501], origin_s=5.0) == pytest.approx([0, 0.04, 0.5, 0.501])

    def test_moves_repeated_stamps_just_behind_each_other(self) -> None:
        times_s = read([0.0, 0.04, 0.04, 0.04, 0.08])
        assert times_s == pytest.approx([0, 0.04, 0.045, 0.05, 0.08])

    def test_moves_a_slightly_backward_stamp_behind_its_predecessor(self) -> None:
        assert read([0.0, 0.08, 0.04, 0.12]) == pytest.approx([0, 0.08, 0.085, 0.12])

    def test_goes_on_when_the_clock_was_set_back(self) -> None:
        assert read([0.0, 10.0, 3.0, 3.04]) == pytest.approx([0, 10, 10.04, 10.08])

    def test_lets_frames_without_a_stamp_follow_a_period_later(self) -> None:
        assert read([None, None, 0.1, None]) == pytest.approx([0, 0.04, 0.1, 0.14])

    def test_never_stands_still(self) -> None:
        stamps_s: list[float | None] = [float(stamp_s) for stamp_s in np.random.default_rng(0).uniform(0, 2, 300)]
        assert (np.diff(read(stamps_s)) > 0).all()


class TestOrientation:
    PICTURE_HWC = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)

    @pytest.mark.parametrize(
        ("matrix", "shown"),
        [
            ((ONE, 0, 0, ONE), PICTURE_HWC),
            ((-ONE, 0, 0, ONE), PICTURE_HWC[:, ::-1]),
            ((ONE, 0, 0, -ONE), PICTURE_HWC[::-1]),
            ((-ONE, 0, 0, -ONE), np.rot90(PICTURE_HWC, 2)),
            ((0, ONE, -ONE, 0), np.rot90(PICTURE_HWC, -1)),
            ((0, -ONE, ONE, 0), np.rot90(PICTURE_HWC, 1)),
            ((0, ONE, ONE, 0), PICTURE_HWC.transpose(1, 0, 2)),
            ((60000, 26000, -26000, 60000), PICTURE_HWC),  # oblique: the nearest quarter turn
        ],
    )
    def test_follows_the_matrix(self, matrix: tuple[int, int, int, int], shown: np.ndarray) -> None:
        a, b, c, d = matrix
        orientation = Orientation.from_display_matrix(struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30))
        turned = orientation.turn(self.PICTURE_HWC)
        assert np.array_equal(turned, shown)
        assert turned.flags.c_contiguous
        assert orientation.shown_size(4, 2) == shown.shape[1::-1]

    @pytest.mark.parametrize("matrix", [None, b"", b"\1\2\3"])
    def test_is_as_stored_without_a_matrix(self, matrix: bytes | None) -> None:
        assert Orientation.from_display_matrix(matrix) == Orientation()


@pytest.mark.parametrize(
    ("aspect", "size"),
    [(None, (512, 480)), (Fraction(0), (512, 480)), (Fraction(15, 16), (512, 512)), (Fraction(2), (1024, 480))],
)
def test_square_pixels_widen_or_heighten(aspect: Fraction | None, size: tuple[int, int]) -> None:
    assert square_pixel_size(512, 480, aspect) == size


@pytest.mark.parametrize(
    ("max_side_px", "size"), [(None, (1920, 1080)), (1920, (1920, 1080)), (640, (640, 360)), (1, (1, 1))]
)
def test_limited_size_keeps_the_shape(max_side_px: int | None, size: tuple[int, int]) -> None:
    assert limited_size(1920, 1080, max_side_px) == size
