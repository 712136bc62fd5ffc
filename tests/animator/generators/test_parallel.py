"""Frames side by side: the same frames, in order, however many threads make them; and an end when nobody takes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from animator.generators import diffusion, puppet
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.parallel import frame_workers, in_order, leave_if_given_up
from animator.generators.puppet import PuppetGenerator
from animator.sampling.config import SamplerConfig
from temporal.windows import pose_windows
from tests.animator.generators.scene import drawn_subject, figure_warp, waving
from tests.animator.models.tiny import CANVAS, tiny_model

CPU = torch.device("cpu")


def test_results_come_in_the_order_of_the_items_whichever_is_done_first() -> None:
    def make(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0.0)
        return item

    assert list(in_order(make, range(20), workers=3, device=CPU)) == list(range(20))


def test_all_workers_are_at_work_at_once() -> None:
    meeting = threading.Barrier(3, timeout=10)
    list(in_order(lambda _: meeting.wait(), range(6), workers=3, device=CPU))  # raises if they never meet


def test_items_are_pulled_by_the_caller_and_never_far_ahead() -> None:
    pulled: list[str] = []

    def items() -> Iterator[int]:
        for item in range(100):
            pulled.append(threading.current_thread().name)
            yield item

    made = in_order(lambda item: item, items(), workers=2, device=CPU)
    for _ in range(10):
        next(made)
    assert len(pulled) <= 10 + 4
    assert set(pulled) == {threading.current_thread().name}
    made.close()


def test_an_error_comes_in_its_turn_behind_the_results_before_it() -> None:
    def make(item: int) -> int:
        if item == 3:
            raise ValueError("item 3")
        time.sleep(0.02)
        return item

    made = in_order(make, range(10), workers=4, device=CPU)
    assert [next(made), next(made), next(made)] == [0, 1, 2]
    with pytest.raises(ValueError, match="item 3"):
        next(made)


def test_whoever_stops_taking_ends_the_work_in_hand_and_starts_no_more() -> None:
    begun: list[int] = []

    def make(item: int) -> int:
        begun.append(item)
        for _ in range(0 if item == 0 else 1000):  # twenty seconds, unless it is given up
            leave_if_given_up()
            time.sleep(0.02)
        return item

    made = in_order(make, range(50), workers=2, device=CPU)
    began_s = time.monotonic()
    assert next(made) == 0
    made.close()
    assert time.monotonic() - began_s < 10
    assert len(begun) <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("frames")]


def test_every_thread_computes_with_one_thread_of_torch_and_the_caller_gets_its_own_back() -> None:
    torch.set_num_threads(2)
    try:
        seen = list(in_order(lambda _: torch.get_num_threads(), range(6), workers=2, device=CPU))
        alone = list(in_order(lambda _: torch.get_num_threads(), range(2), workers=1, device=CPU))
        assert set(seen + alone) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_no_gradients_are_kept_in_any_thread() -> None:
    weight = torch.ones(3, requires_grad=True)
    assert not any(in_order(lambda _: (weight * 2).requires_grad, range(4), workers=2, device=CPU))


def test_a_cpu_makes_as_many_frames_as_torch_has_threads_and_a_gpu_one() -> None:
    assert frame_workers(CPU) == torch.get_num_threads()
    assert frame_workers(CPU, 3) == 3
    assert frame_workers(torch.device("cuda"), 3) == 1


@pytest.mark.parametrize("workers", [2, 3])
def test_the_puppet_s_frames_do_not_depend_on_the_number_of_workers(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(puppet, "subject_warp", lambda *_: figure_warp(CANVAS))
    windows, subject = list(pose_windows(waving(CANVAS, 8))), drawn_subject(CANVAS)
    alone = list(PuppetGenerator(workers=1).generate(windows, subject))
    beside = list(PuppetGenerator(workers=workers).generate(windows, subject))
    assert [frame.index for frame in beside] == list(range(8))
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(one.pixels_HWC, other.pixels_HWC)


@pytest.mark.parametrize("scheduler", ["dpm++", "unipc", "lcm"])
def test_the_diffusion_s_frames_do_not_depend_on_the_number_of_workers(
    scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusion, "subject_warp", lambda *_: figure_warp(CANVAS))
    windows, subject = list(pose_windows(waving(CANVAS, 6))), drawn_subject(CANVAS)
    model = tiny_model()
    settings = SamplerConfig(steps=3, scheduler=scheduler, repair=1.0, noise="mixed", guidance_pose=2.0)

    def pixels(workers: int) -> np.ndarray:
        generator = DiffusionGenerator(model, settings, seed=1, workers=workers, lock_background=False)
        frames = generator.generate(windows, subject)
        return np.stack([frame.pixels_HWC for frame in frames])

    np.testing.assert_array_equal(pixels(1), pixels(3))


def test_out_of_memory_beside_each_other_goes_on_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion, "subject_warp", lambda *_: figure_warp(CANVAS))
    model, at_once, refused, notes = tiny_model(), threading.Semaphore(1), threading.Event(), []
    forward = type(model.unet).forward

    def greedy(*arguments: object, **options: object) -> object:
        if not at_once.acquire(blocking=False):
            refused.set()
            raise MemoryError
        try:
            refused.wait(60)  # until the other has come, however busy the machine is
            return forward(*arguments, **options)
        finally:
            at_once.release()

    monkeypatch.setattr(type(model.unet), "forward", greedy)
    settings = SamplerConfig(steps=2, repair=1.0)
    generator = DiffusionGenerator(model, settings, workers=2, on_note=notes.append, lock_background=False)
    frames = list(generator.generate(pose_windows(waving(CANVAS, 6)), drawn_subject(CANVAS)))
    assert [frame.index for frame in frames] == list(range(6))
    assert any("one at a time" in note for note in notes)
