"""Ground truth on disk: what was put in comes out, in the same bytes, in memory that does not grow."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from animator.synthesis.truth_file import TruthFile


def write(path: Path, num_frames: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    written = []
    with TruthFile(path.parent) as truth:
        for index in range(num_frames):
            depth = rng.normal(size=(160, 128)).astype(np.float16)
            truth.append({"row": np.array([index, 1.5], np.float32)}, {"depth": depth, "parts": depth > 0})
            written.append(depth)
        truth.save(path, {"format": np.array("a")})
    return written


def test_arrays_come_back_stacked_along_time(tmp_path: Path) -> None:
    written = write(tmp_path / "a.npz", 5)
    with np.load(tmp_path / "a.npz") as loaded:
        assert str(loaded["format"]) == "a"
        np.testing.assert_array_equal(loaded["row"], [[index, 1.5] for index in range(5)])
        np.testing.assert_array_equal(loaded["depth"], np.stack(written))
        assert loaded["depth"].dtype == np.float16
        np.testing.assert_array_equal(loaded["parts"], np.stack(written) > 0)


def test_bytes_do_not_depend_on_the_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.npz", 3)
    monkeypatch.setattr("time.time", lambda: 2e9)
    write(tmp_path / "b.npz", 3)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path) -> None:
    peaks = []
    for num_frames in (10, 100):
        tracemalloc.start()
        with TruthFile(tmp_path) as truth:
            for index in range(num_frames):
                rows = np.random.default_rng(index).integers(0, 255, (320, 256), np.uint8)
                truth.append({}, {"matte": rows})
            truth.save(tmp_path / "a.npz", {})
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 25 * 320 * 256


def test_nothing_stays_when_the_take_breaks_off(tmp_path: Path) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield np.zeros((4, 4), np.uint8)
        raise KeyError

    def write_frames() -> None:
        with TruthFile(tmp_path) as truth:
            for matte in frames():
                truth.append({}, {"matte": matte})

    with pytest.raises(KeyError):
        write_frames()
    assert list(tmp_path.iterdir()) == []
