"""The diffusion generator where memory does not suffice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from animator.errors import DeviceError
from animator.models.subject_model import SubjectModel
from tests.animator.generators.tiny_render import render, windows
from tests.animator.models.tiny import tiny_model

pytestmark = pytest.mark.usefixtures("one_warp_for_all")


class SmallMemory:
    """Lets the network see at most `limit` frames and branches at once."""

    def __init__(self, model: SubjectModel, limit: int) -> None:
        self.sizes, self.limit = [], limit
        model.unet.register_forward_pre_hook(self)

    def __call__(self, _: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if len(inputs[0]) > self.limit:
            raise torch.OutOfMemoryError("simulated")
        self.sizes.append(len(inputs[0]))


def test_out_of_memory_branches_in_turn_then_half_the_batch_and_says_so() -> None:
    options = {"batch": 4, "steps": 1, "guidance_image": 8.0, "guidance_pose": 3.0, "noise": "independent"}
    expected = render(tiny_model(), windows(2, 9), **options)
    model, notes = tiny_model(), []
    memory = SmallMemory(model, limit=2)
    frames = render(model, windows(2, 9), note=notes.append, **options)
    assert set(memory.sizes) == {2}
    assert [frame.index for frame in frames] == list(range(2, 9))
    for frame, other in zip(frames, expected, strict=True):
        assert np.abs(frame.pixels_HWC.astype(int) - other.pixels_HWC).max() <= 1
    told = [note for note in notes if "out of memory" in note]
    assert len(told) == 2
    assert "one after the other" in told[0]
    assert "with 4 frames at once: going on with 2" in told[1]


def test_a_second_shortage_in_the_middle_of_a_batch_loses_no_frame() -> None:
    model, sizes = tiny_model(), []

    def scarce(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > 2 or (len(inputs[0]) > 1 and len(sizes) > 4):
            raise torch.OutOfMemoryError("simulated")

    model.unet.register_forward_pre_hook(scarce)
    frames = render(model, windows(0, 8), note=lambda _: None, batch=8, steps=1, noise="independent")
    assert [frame.index for frame in frames] == list(range(8))
    expected = render(tiny_model(), windows(0, 8), batch=8, steps=1, noise="independent")
    for frame, other in zip(frames, expected, strict=True):
        assert np.abs(frame.pixels_HWC.astype(int) - other.pixels_HWC).max() <= 1


def test_out_of_memory_with_one_frame_is_an_error_with_a_way_out(model: SubjectModel) -> None:
    SmallMemory(model, limit=0)
    with pytest.raises(DeviceError, match="one frame of 128x192 px") as caught:
        render(model, windows(0, 1), batch=2)
    assert caught.value.exit_code == 5


def test_other_failures_are_not_taken_for_a_lack_of_memory(model: SubjectModel) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    model.unet.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="multiplied"):
        render(model, windows(0, 1))
