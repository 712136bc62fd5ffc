"""The plan of a job: however a clip is cut, every frame is made once, from the window it has in the whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from animator.jobs.plan import chunk_size, chunk_windows, plan_chunks
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17
from temporal.windows import pose_windows


def motion(num_frames: int) -> PoseSequence:
    """Every pose is another one."""
    keypoints = np.arange(num_frames * 17 * 2, dtype=np.float32).reshape(num_frames, 17, 2)
    return PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=np.ones((num_frames, 17)),
        times_s_T=np.arange(num_frames) / 24,
        skeleton=COCO_17,
        frame_size=(64, 64),
    )


@given(num_frames=st.integers(1, 2000), size=st.integers(1, 400))
def test_every_frame_is_in_exactly_one_chunk_in_order(num_frames: int, size: int) -> None:
    chunks = plan_chunks(num_frames, size)
    assert [index for chunk in chunks for index in chunk.frames] == list(range(num_frames))
    assert all(len(chunk.frames) == size for chunk in chunks[:-1])
    assert 1 <= len(chunks[-1].frames) <= size
    assert [chunk.name for chunk in chunks] == sorted(chunk.name for chunk in chunks)


@given(batch=st.integers(1, 200))
def test_chunks_hold_whole_batches_of_the_generator(batch: int) -> None:
    size = chunk_size(batch)
    assert size % batch == 0
    assert 16 <= size <= 32 or size == batch > 32


@given(num_frames=st.integers(1, 90), size=st.integers(1, 40), window=st.sampled_from([1, 3, 5, 9]), data=st.data())
def test_any_cut_gives_the_windows_of_the_whole(num_frames: int, size: int, window: int, data: st.DataObject) -> None:
    begins = data.draw(st.sets(st.integers(1, num_frames), max_size=5), label="frames that begin another shot")
    driving = motion(num_frames).replace(cuts_s=tuple(frame / 24 for frame in sorted(begins)))
    whole = list(pose_windows(driving, size=window))
    wanted = data.draw(st.sets(st.integers(0, num_frames - 1)))
    cut = [
        each
        for chunk in plan_chunks(num_frames, size)
        for each in chunk_windows(driving, chunk, only=wanted, size=window)
    ]
    assert [each.center for each in cut] == sorted(wanted)
    for each in cut:
        expected = whole[each.center]
        np.testing.assert_array_equal(each.keypoints_NK2, expected.keypoints_NK2)
        np.testing.assert_array_equal(each.confidence_NK, expected.confidence_NK)
        assert each.time_s == expected.time_s
