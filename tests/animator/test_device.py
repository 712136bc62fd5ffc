"""What is computed at once on cards of every size, in which number format, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from animator import device
from animator.device import (
    DevicePlan,
    Footprint,
    measure_footprint,
    peak_bytes,
    plan_device,
    side_by_side,
    warp_device,
    working_dtype,
)

CPU = torch.device("cpu")
GIB = 2**30
# Stable Diffusion's UNet at 512x640 in half precision takes about this much beside its weights.
LARGE = Footprint(fixed_bytes=GIB // 4, frame_bytes=int(2.4 * GIB), lone_branch_bytes=int(0.9 * GIB))


def plan_for(free_gib: float, *, branches: int = 3, offloadable: float = 0.3, low_vram: bool = False) -> DevicePlan:
    return plan_device(
        LARGE,
        free_bytes=int(free_gib * GIB),
        most_frames=8,
        branches=branches,
        offloadable_bytes=int(offloadable * GIB),
        low_vram=low_vram,
    )


@pytest.mark.parametrize(
    ("free_gib", "plan"),
    [
        (139, DevicePlan(batch=8, branches_together=True)),
        (78, DevicePlan(batch=8, branches_together=True)),
        (22, DevicePlan(batch=4, branches_together=True)),
        (10, DevicePlan(batch=2, branches_together=True)),
        (5, DevicePlan(batch=1, branches_together=True)),
        (3.2, DevicePlan(batch=1, branches_together=True, offload=True)),
        (2.5, DevicePlan(batch=2, branches_together=False, offload=True)),
        (1.3, DevicePlan(batch=1, branches_together=False, offload=True)),
        (0.2, DevicePlan(batch=1, branches_together=False, offload=True)),
    ],
)
def test_every_card_computes_as_much_at_once_as_it_holds(free_gib: float, plan: DevicePlan) -> None:
    assert plan_for(free_gib) == plan


def test_more_memory_never_means_less_at_once() -> None:
    def at_once(plan: DevicePlan) -> tuple[bool, int]:
        return plan.branches_together, plan.batch

    plans = [at_once(plan_for(free / 4)) for free in range(1, 600)]
    assert plans == sorted(plans)


def test_what_is_planned_fits() -> None:
    for free in range(6, 600):
        plan = plan_for(free / 4)
        each = LARGE.frame_bytes if plan.branches_together else LARGE.lone_branch_bytes
        room = free / 4 * GIB + (0.3 * GIB if plan.offload else 0)
        assert LARGE.fixed_bytes + plan.batch * each <= room


def test_a_single_branch_is_never_taken_apart() -> None:
    assert plan_for(0.2, branches=1).branches_together


def test_low_vram_takes_as_little_as_possible_whatever_is_free() -> None:
    assert plan_for(139, low_vram=True) == DevicePlan(batch=1, branches_together=False, offload=True)


def test_workers_share_what_is_free() -> None:
    small = Footprint(fixed_bytes=0, frame_bytes=GIB, lone_branch_bytes=GIB)
    plan = plan_device(small, free_bytes=4 * GIB, most_frames=1, most_workers=16)
    assert plan.workers == int(4 * device.USABLE_SHARE)


def test_the_peak_is_what_lives_at_once_and_views_take_nothing() -> None:
    weight = torch.ones(256, 1024)

    def work() -> None:
        held = torch.zeros(1024, 256)  # 1 MiB
        for _ in range(5):
            held = held.view(-1).reshape(1024, 256) + weight.t()  # one more, for a moment

    assert peak_bytes(work, CPU) == 2 * 2**20


def test_the_footprint_comes_of_trials_of_one_and_two_frames() -> None:
    def trial(frames: int, branches: int) -> None:
        kept = [torch.zeros(100, 256)] + [torch.zeros(frames, 256, 256) for _ in range(branches)]
        assert kept

    found = measure_footprint(trial, CPU, branches=3)
    assert found == Footprint(fixed_bytes=100 * 1024, frame_bytes=3 * 2**18, lone_branch_bytes=2**18)


def test_branches_that_do_not_fit_together_are_reckoned_from_one() -> None:
    def trial(frames: int, branches: int) -> torch.Tensor:
        if branches > 1:
            raise torch.OutOfMemoryError
        return torch.zeros(frames, 256, 256)

    found = measure_footprint(trial, CPU, branches=3)
    assert found == Footprint(fixed_bytes=0, frame_bytes=3 * 2**18, lone_branch_bytes=2**18)


def test_a_trial_that_does_not_fit_at_all_finds_nothing_and_other_errors_pass() -> None:
    def too_large(frames: int, branches: int) -> None:
        raise torch.OutOfMemoryError

    def wrong(frames: int, branches: int) -> None:
        raise RuntimeError("shapes")

    assert measure_footprint(too_large, CPU, branches=3) is None
    with pytest.raises(RuntimeError, match="shapes"):
        measure_footprint(wrong, CPU, branches=3)


@pytest.mark.parametrize(("knows", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_cpu_takes_bfloat16_only_where_it_has_instructions_for_it(
    knows: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_cpu_multiplies_bfloat16", lambda: knows)
    assert working_dtype(CPU) == dtype
    assert working_dtype(CPU, "float32") == torch.float32


@pytest.mark.parametrize(("capability", "dtype"), [((9, 0), torch.bfloat16), ((7, 5), torch.float16)])
def test_a_gpu_takes_bfloat16_from_ampere_on(
    capability: tuple[int, int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert working_dtype(torch.device("cuda")) == dtype


def test_the_warp_stays_off_apple_s_gpu() -> None:
    assert warp_device(torch.device("mps")) == CPU
    assert warp_device(torch.device("cuda")) == torch.device("cuda")


@pytest.mark.parametrize(("most", "taken", "left"), [("1000", "400", 600), ("max", "400", 2**62), ("100", "400", 0)])
def test_a_container_s_limit_counts(tmp_path: Path, most: str, taken: str, left: int) -> None:
    (tmp_path / "memory.max").write_text(most + "\n")
    (tmp_path / "memory.current").write_text(taken + "\n")
    assert device._left_in_container(tmp_path) == left
    assert device._left_in_container(tmp_path / "nowhere") == 2**62


def test_work_side_by_side_keeps_its_order_its_mode_and_the_threads_of_torch() -> None:
    before = torch.get_num_threads()
    with torch.inference_mode():
        made = side_by_side(lambda x: (x * 2, torch.ones(1).is_inference()), [3, 1, 2], torch.device("cpu"))
    assert made == [(6, True), (2, True), (4, True)]
    assert torch.get_num_threads() == before


def test_an_error_beside_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda x: 1 // x, [1, 0], torch.device("cpu"))
