"""Frames by index: the same frames as streaming gives, from either reader, in any order, across processes."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest

from pose_tracking import random_access
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import ClipError
from pose_tracking.random_access import FrameReader, open_random_access
from tests.pose_tracking.drawn_clips import read_number, write_clip

NUM_FRAMES = 40
SHUFFLED = [int(index) for index in np.random.default_rng(0).permutation(NUM_FRAMES)]

needs_decord = pytest.mark.skipif(importlib.util.find_spec("decord") is None, reason="decord is not installed")
BACKENDS = [pytest.param("decord", marks=needs_decord), "av"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> DrivingClip:
    path = tmp_path_factory.mktemp("clips") / "plain.mp4"
    options = {"bf": "2", "g": "12", "flags": "+cgop"}
    return DrivingClip.open(write_clip(path, num_frames=NUM_FRAMES, codec_options=options))


def assert_equal_to_streaming(reader: FrameReader, clip: DrivingClip, order: list[int]) -> None:
    streamed = list(clip.frames())
    assert len(reader) == len(streamed)
    for index in order:
        frame = reader.frame(index)
        assert frame.index == index
        assert frame.time_s == streamed[index].time_s
        assert np.array_equal(frame.pixels_HWC, streamed[index].pixels_HWC)


@pytest.mark.parametrize("backend", BACKENDS)
class TestReaders:
    def test_give_the_frames_of_streaming_in_any_order(self, clip: DrivingClip, backend: str) -> None:
        reader = open_random_access(clip, prefer=backend)  # type: ignore[arg-type]
        assert reader.backend == backend
        assert_equal_to_streaming(reader, clip, SHUFFLED)

    def test_give_many_in_the_order_asked_for_with_repeats(self, clip: DrivingClip, backend: str) -> None:
        reader = open_random_access(clip, prefer=backend)  # type: ignore[arg-type]
        asked = [7, 3, 39, 3, 0, 7]
        assert [read_number(frame.pixels_HWC) for frame in reader.frames(asked)] == asked
        assert reader.frames([]) == []

    @pytest.mark.parametrize("index", [-1, NUM_FRAMES])
    def test_refuse_an_index_outside(self, clip: DrivingClip, backend: str, index: int) -> None:
        reader = open_random_access(clip, prefer=backend)  # type: ignore[arg-type]
        with pytest.raises(IndexError, match=f"{index} of a clip with 40"):
            reader.frame(index)

    def test_work_after_pickling(self, clip: DrivingClip, backend: str) -> None:
        reader = open_random_access(clip, prefer=backend)  # type: ignore[arg-type]
        reader.frame(5)
        copy = pickle.loads(pickle.dumps(reader))
        assert (copy.backend, copy.reason, len(copy)) == (reader.backend, reader.reason, len(reader))
        assert read_number(copy.frame(9).pixels_HWC) == 9

    def test_work_from_several_threads_at_once(self, clip: DrivingClip, backend: str) -> None:
        reader = open_random_access(clip, prefer=backend)  # type: ignore[arg-type]
        found: dict[int, int] = {}

        def read(indices: list[int]) -> None:
            for index in indices:
                found[index] = read_number(reader.frame(index).pixels_HWC)

        threads = [threading.Thread(target=read, args=(SHUFFLED[part::3],), daemon=True) for part in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
        assert not any(thread.is_alive() for thread in threads)
        assert found == {index: index for index in range(NUM_FRAMES)}

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_work_on_both_sides_of_a_fork(self, clip: DrivingClip, backend: str) -> None:
        reader = open_random_access(clip, prefer=backend)  # type: ignore[arg-type]
        reader.frame(3)  # decoder threads are running now
        context = multiprocessing.get_context("fork")
        answers = context.SimpleQueue()
        child = context.Process(target=lambda: answers.put(read_number(reader.frame(11).pixels_HWC)), daemon=True)
        child.start()
        child.join(timeout=20)
        if child.is_alive():
            child.kill()
            pytest.fail("the child hangs")
        assert child.exitcode == 0
        assert answers.get() == 11
        assert read_number(reader.frame(4).pixels_HWC) == 4


class TestOrderedPass:
    def test_reads_forward_without_starting_over(self, clip: DrivingClip, monkeypatch: pytest.MonkeyPatch) -> None:
        reader = open_random_access(clip, prefer="av")
        starts = []
        frames = DrivingClip.frames
        monkeypatch.setattr(DrivingClip, "frames", lambda self, **rest: starts.append(1) or frames(self, **rest))
        for index in (0, 4, 5, 20):
            reader.frame(index)
        assert len(starts) == 1
        reader.frame(5)  # remembered
        assert len(starts) == 1
        reader.frame(6)  # gone by
        assert len(starts) == 2

    def test_remembers_no_more_than_its_share_of_memory(
        self, clip: DrivingClip, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reader = open_random_access(clip, prefer="av")
        monkeypatch.setattr(random_access, "_CACHE_BYTES", 3 * reader.frame(0).pixels_HWC.nbytes)
        reader.frames(range(NUM_FRAMES))
        assert sorted(reader._cache) == [37, 38, 39]  # type: ignore[attr-defined]

    def test_tells_when_the_file_has_changed(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "shrinking.mp4", num_frames=20)
        reader = open_random_access(DrivingClip.open(path), prefer="av")
        write_clip(path, num_frames=10)
        with pytest.raises(ClipError, match="lost its frame 15"):
            reader.frame(15)

    def test_honours_trimming(self, clip: DrivingClip) -> None:
        part = DrivingClip.open(clip.path, start_s=0.5, end_s=1.0)
        reader = open_random_access(part)
        assert (reader.backend, len(reader)) == ("av", 12)
        assert_equal_to_streaming(reader, part, [11, 0, 6])


@needs_decord
class TestChoice:
    def test_takes_decord_for_a_plain_clip(self, clip: DrivingClip) -> None:
        assert open_random_access(clip).backend == "decord"

    @pytest.mark.parametrize(
        ("name", "options", "reason"),
        [
            ("turned.mp4", {"rotation": 90}, "turned"),
            ("late.mp4", {"stamps_s": [1, 1.1, 1.2], "sound_s": 2.0}, "starts late"),
            ("stream.ts", {}, "mpegts"),
            ("deep.mp4", {"pixel_format": "yuv420p10le"}, "8 bits"),
            ("old.mp4", {"codec": "mpeg4"}, "mpeg4"),
            (
                "open.mp4",
                {"num_frames": 48, "codec_options": {"g": "12", "bf": "2", "x264-params": "open-gop=1:scenecut=0"}},
                "open groups",
            ),
        ],
    )
    def test_keeps_clips_from_decord_that_it_reads_wrongly(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, object], reason: str
    ) -> None:
        monkeypatch.setattr(random_access, "_open_decord", lambda clip: pytest.fail("decord was let at it"))
        clip = DrivingClip.open(write_clip(tmp_path / name, **options))  # type: ignore[arg-type]
        reader = open_random_access(clip)
        assert reader.backend == "av"
        assert reason in reader.reason
        assert_equal_to_streaming(reader, clip, [2, 0, 1])
        with pytest.raises(ClipError, match=reason):
            open_random_access(clip, prefer="decord")

    def test_keeps_damaged_clips_from_decord(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "cut.mkv", num_frames=48)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert open_random_access(DrivingClip.open(path)).reason == "the file is damaged"

    @pytest.mark.parametrize(
        ("length", "shift", "reason"), [(39, 0, "decord finds 39 frames"), (40, 1, "frame 0 differs by")]
    )
    def test_does_not_trust_a_reader_that_disagrees(
        self, clip: DrivingClip, monkeypatch: pytest.MonkeyPatch, length: int, shift: int, reason: str
    ) -> None:
        frames = list(clip.frames())

        class WrongReader:
            def __init__(self, clip: DrivingClip) -> None:
                self.clip = clip

            def __len__(self) -> int:
                return length

            def __getitem__(self, index: int) -> object:
                pixels_HWC = frames[min(index + shift, NUM_FRAMES - 1)].pixels_HWC
                return type("Array", (), {"asnumpy": lambda self: pixels_HWC})()

        monkeypatch.setattr(random_access, "_open_decord", WrongReader)
        reader = open_random_access(clip)
        assert reader.backend == "av"
        assert reason in reader.reason

    def test_falls_back_when_decord_fails(self, clip: DrivingClip, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(clip: DrivingClip) -> None:
            raise RuntimeError("broken\nmetadata")

        monkeypatch.setattr(random_access, "_open_decord", fail)
        assert open_random_access(clip).reason == "decord fails on it (broken metadata)"


def test_falls_back_when_decord_is_not_installed(clip: DrivingClip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_access, "find_spec", lambda name: None)
    reader = open_random_access(clip)
    assert (reader.backend, reader.reason) == ("av", "decord is not installed")
    assert read_number(reader.frame(17).pixels_HWC) == 17


@pytest.mark.dev_media
@pytest.mark.parametrize(
    "name", ["open_gop", "editlist_trim", "resolution_change", "base_indexed", "vp9", "mpeg4_bframes"]
)
def test_shuffled_reads_of_difficult_clips_are_right(dev_media: Path, name: str) -> None:
    path = next((dev_media / "odd").glob(f"{name}.*"))
    clip = DrivingClip.open(path)
    reader = open_random_access(clip)
    assert_equal_to_streaming(reader, clip, [index for index in SHUFFLED if index < len(reader)])
