"""DensePose arrays are read frame by frame and checked before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose_tracking.errors import TrackingError
from pose_tracking.trackers.densepose import open_densepose


def _save(folder: Path, name: str, channels: int = 2, height: int = 6, width: int = 4, *, value: float = 0.5) -> None:
    np.save(folder / name, np.full((channels, height, width), value, np.float32))


@pytest.mark.parametrize("channels", [2, 3])
def test_frames_are_read_in_the_order_of_their_numbers(tmp_path: Path, channels: int) -> None:
    for number in (10, 9, 2):
        _save(tmp_path, f"frame_{number}.npy", channels, value=number)
    sequence = open_densepose(tmp_path)
    assert len(sequence) == 3
    assert sequence.frame_size == (4, 6)
    assert sequence.num_channels == channels
    frames = [sequence.uv_frame(index) for index in range(3)]
    assert [frame.max() for frame in frames] == [2, 9, 10]
    assert frames[0].shape == (channels, 6, 4)
    assert frames[0].dtype == np.float32


def test_whole_numbers_are_read_as_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "0.npy", np.full((3, 2, 2), 255, np.uint8))
    assert open_densepose(tmp_path).uv_frame(0).max() == 255.0


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 6, 4), np.float32),
        np.zeros((6, 4), np.float32),
        np.zeros((2, 0, 4), np.float32),
        np.zeros((2, 6, 4), "U1"),
        np.array([{"u": 1}], dtype=object),
    ],
)
def test_other_arrays_are_refused_by_name(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "7.npy", array, allow_pickle=True)
    with pytest.raises(TrackingError, match=r"7\.npy: "):
        open_densepose(tmp_path)


def test_announced_giants_are_refused_without_reading_them(tmp_path: Path) -> None:
    header = np.lib.format.magic(1, 0)
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4000000, 4000000), }"
    text += b" " * (117 - len(text)) + b"\n"
    (tmp_path / "0.npy").write_bytes(header + len(text).to_bytes(2, "little") + text)
    with pytest.raises(TrackingError, match=r"0\.npy: "):
        open_densepose(tmp_path)


def test_mixed_shapes_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="no such folder"):
        open_densepose(tmp_path / "missing")
    with pytest.raises(TrackingError, match=r"0 \.npy files"):
        open_densepose(tmp_path)
    _save(tmp_path, "0.npy")
    _save(tmp_path, "1.npy", height=8)
    with pytest.raises(TrackingError, match=r"1\.npy: shape \[2, 8, 4\], 0\.npy has \[2, 6, 4\]"):
        open_densepose(tmp_path)


def test_values_that_are_not_finite_are_refused_when_read(tmp_path: Path) -> None:
    _save(tmp_path, "0.npy", value=np.nan)
    with pytest.raises(TrackingError, match="expected finite values"):
        open_densepose(tmp_path).uv_frame(0)
