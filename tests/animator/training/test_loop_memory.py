"""A training where memory does not suffice for a whole batch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from animator.errors import DeviceError
from animator.progress import SilentProgress
from animator.training.loop import fit
from animator.training.samples import Batch
from tests.animator.training.line import CONFIG, CPU, Line, Numbers, weights


class Scarce(Line):
    """Runs out of memory with more than `limit` samples at once, from update `since` on."""

    def __init__(self, limit: int, *, since: int = 0, error: type[Exception] = torch.OutOfMemoryError) -> None:
        super().__init__()
        self._limit, self._since, self._error, self.sizes = limit, since, error, []

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        self.sizes.append(len(batch["x"]))
        losses = super().losses(batch, nets)
        if self.updates > self._since and len(batch["x"]) > self._limit:
            raise self._error("DefaultCPUAllocator: can't allocate memory")
        return losses


class Told(SilentProgress):
    """Remembers what it is warned of."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, message: str) -> None:
        self.lines.append(message)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, torch.cuda.OutOfMemoryError, RuntimeError, MemoryError])
def test_out_of_memory_halves_what_is_computed_at_once_says_so_and_learns_the_same(
    tmp_path: Path, error: type[Exception]
) -> None:
    whole = Line()
    plain = fit(whole, Numbers(), CONFIG, tmp_path / "whole", device=CPU)
    scarce, told = Scarce(1, since=5, error=error), Told()
    report = fit(scarce, Numbers(), CONFIG, tmp_path / "scarce", device=CPU, progress=told)
    assert told.lines == [
        f"training line: out of memory with {before} samples at once: going on with {before // 2}, whose gradients "
        "add up to the same batch"
        for before in (4, 2)
    ]
    # Five whole batches, one that failed whole and in halves, then four parts each.
    assert scarce.sizes == [4] * 5 + [4, 2] + [1, 1, 1, 1] * 7
    assert report.steps == 12
    torch.testing.assert_close(weights(scarce), weights(whole), rtol=1e-5, atol=1e-6)
    assert report.loss == pytest.approx(plain.loss, rel=1e-5)


def test_a_batch_that_cannot_be_halved_evenly_still_counts_every_sample_once(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"batch": 7})
    whole, scarce = Line(), Scarce(3)
    fit(whole, Numbers(), config, tmp_path / "whole", device=CPU)
    fit(scarce, Numbers(), config, tmp_path / "scarce", device=CPU)
    assert scarce.sizes[:4] == [7, 3, 3, 1]
    torch.testing.assert_close(weights(scarce), weights(whole), rtol=1e-5, atol=1e-6)


def test_out_of_memory_with_one_sample_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"one sample at a time\. Set gradient_checkpointing=true") as caught:
        fit(Scarce(0), Numbers(), CONFIG, tmp_path, device=CPU)
    assert caught.value.exit_code == 5


def test_other_failures_are_not_taken_for_a_lack_of_memory(tmp_path: Path) -> None:
    class Broken(Line):
        def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
            raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="multiplied"):
        fit(Broken(), Numbers(), CONFIG, tmp_path, device=CPU)
