"""The loop: resumes to the bit, keeps the best, says what went wrong, and never leaves half a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from animator.cli import explain
from animator.errors import DeviceError, JobError, ModelError, PhotoError
from animator.progress import SilentProgress
from animator.training.config import TrainConfig, learning_rate_factor
from animator.training.loop import fit
from animator.training.samples import Batch, Sample, batches

CPU = torch.device("cpu")
CONFIG = TrainConfig(steps=12, batch=4, learning_rate=0.05, warmup=2, ema=0.9, checkpoint_every=3)


class Numbers:
    """x and 3x + 1 with noise."""

    def sample(self, number: int) -> Sample:
        rng = torch.Generator().manual_seed(number)
        x = torch.randn(1, generator=rng)
        return {"x": x, "y": 3 * x + 1}


class Line:
    """Fits a curve; optionally falls over at one update."""

    name = "line"

    def __init__(self, *, dies_at: int | None = None, checks: list[float] | None = None, bad: bool = False) -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
        self._dies_at, self._checks, self._bad, self.updates = dies_at, checks or [], bad, 0

    @property
    def nets(self) -> Mapping[str, nn.Module]:
        return {"line": self.net}

    def draws(self, batch: Batch, rng: torch.Generator) -> Batch:
        return {"noise": 0.1 * torch.randn(batch["x"].shape, generator=rng)}

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        if self.updates == self._dies_at:
            raise KeyboardInterrupt
        self.updates += 1
        loss = (nets["line"](batch["x"] + batch["noise"]) - batch["y"]).square().mean()
        return {"loss": loss * float("nan") if self._bad else loss}

    def check(self) -> float | None:
        return self._checks.pop(0) if self._checks else None


def weights(line: Line) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in line.net.parameters()])


def test_training_that_was_interrupted_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = Line()
    fit(whole, Numbers(), CONFIG, tmp_path / "whole", device=CPU)
    broken = Line(dies_at=7)
    with pytest.raises(KeyboardInterrupt):
        fit(broken, Numbers(), CONFIG, tmp_path / "broken", device=CPU)
    resumed = Line()
    report = fit(resumed, Numbers(), CONFIG, tmp_path / "broken", device=CPU)
    assert report.steps == 12
    assert resumed.updates == 6  # from the checkpoint after update 6
    assert torch.equal(weights(whole), weights(resumed))


def test_loss_falls_and_is_written_as_table_and_picture(tmp_path: Path) -> None:
    line = Line()
    report = fit(line, Numbers(), CONFIG.model_copy(update={"steps": 150}), tmp_path, device=CPU)
    rows = (tmp_path / "losses.csv").read_text().splitlines()
    assert rows[0] == "step,name,value"
    assert len(rows) == 151
    assert report.loss < 0.2 * float(rows[1].split(",")[2])
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")


def test_resumed_table_has_every_update_once(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(Line(dies_at=8), Numbers(), CONFIG, tmp_path, device=CPU)
    fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU)
    steps = [int(row.split(",")[0]) for row in (tmp_path / "losses.csv").read_text().splitlines()[1:]]
    assert steps == list(range(1, 13))


def test_early_stop_returns_the_weights_of_the_best_check(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"check_every": 2, "patience": 2, "ema": 0.0})
    stopped = Line(checks=[5.0, 1.0, 2.0, 3.0, 0.0])
    report = fit(stopped, Numbers(), config, tmp_path / "a", device=CPU)
    assert report.stopped_early
    assert report.best == (1.0, 4)
    assert report.steps == 8
    reference = Line()
    fit(reference, Numbers(), config, tmp_path / "b", device=CPU)
    assert not torch.equal(weights(stopped), weights(reference))


def test_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU)
    with pytest.raises(JobError, match=r"learning_rate = 0\.05, now 0\.1"):
        fit(Line(), Numbers(), CONFIG.model_copy(update={"learning_rate": 0.1}), tmp_path, device=CPU)


def test_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU)
    (newest,) = tmp_path.glob("step-*")
    (newest / "line.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be resumed"):
        fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU)


def test_only_the_newest_checkpoint_is_kept(tmp_path: Path) -> None:
    fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU)
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-00000012"]


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not finite at update 0"):
        fit(Line(bad=True), Numbers(), CONFIG, tmp_path, device=CPU)


def test_processes_share_every_batch_without_overlap() -> None:
    def numbers(rank: int, world: int) -> list[list[float]]:
        given = batches(Numbers(), start=2, stop=4, batch=4, rank=rank, world=world)
        return [batch["x"][:, 0].tolist() for batch in given]

    whole, first, second = numbers(0, 1), numbers(0, 2), numbers(1, 2)
    for update in range(2):
        assert sorted(whole[update]) == sorted(first[update] + second[update])
    assert whole[0][0] == float(Numbers().sample(8)["x"])


def test_learning_rate_warms_up_and_decays() -> None:
    config = TrainConfig(steps=110, warmup=10)
    factors = [learning_rate_factor(step, config) for step in range(111)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[10] == pytest.approx(1.0)
    assert factors[110] == pytest.approx(0.01)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert learning_rate_factor(100, config.model_copy(update={"decay": "constant"})) == 1.0


def test_other_data_does_not_go_on_with_a_training(tmp_path: Path) -> None:
    fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU, learns_from="these")
    with pytest.raises(JobError, match="other photos, clips or weights"):
        fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU, learns_from="those")


def test_the_best_of_a_training_that_left_no_checkpoint_is_forgotten(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"check_every": 2, "checkpoint_every": 100, "ema": 0.0})
    with pytest.raises(KeyboardInterrupt):
        fit(Line(dies_at=5, checks=[0.001, 5.0]), Numbers(), config, tmp_path, device=CPU)
    assert list((tmp_path / "best").glob("*"))
    report = fit(Line(checks=[3.0, 4.0]), Numbers(), config.model_copy(update={"steps": 4}), tmp_path, device=CPU)
    assert report.best == (3.0, 2)


def test_interrupted_with_checks_and_averages_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"check_every": 4})
    checks = [3.0, 2.0, 4.0]
    whole = Line(checks=list(checks))
    first = fit(whole, Numbers(), config, tmp_path / "whole", device=CPU)
    with pytest.raises(KeyboardInterrupt):
        fit(Line(dies_at=7, checks=list(checks)), Numbers(), config, tmp_path / "broken", device=CPU)
    resumed = Line(checks=checks[1:])
    second = fit(resumed, Numbers(), config, tmp_path / "broken", device=CPU)
    assert first.best == second.best == (2.0, 8)
    assert torch.equal(weights(whole), weights(resumed))


def test_patience_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"check_every": 2, "checkpoint_every": 1, "patience": 2})
    with pytest.raises(KeyboardInterrupt):
        fit(Line(dies_at=5, checks=[1.0, 2.0]), Numbers(), config, tmp_path, device=CPU)
    report = fit(Line(checks=[3.0, 0.5]), Numbers(), config, tmp_path, device=CPU)
    assert (report.stopped_early, report.steps, report.best) == (True, 6, (1.0, 2))


def test_a_table_whose_last_line_was_cut_short_is_taken_up(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(Line(dies_at=8), Numbers(), CONFIG, tmp_path, device=CPU)
    with open(tmp_path / "losses.csv", "a", encoding="utf-8") as file:
        file.write("7,lo")
    assert fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU).steps == 12


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


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing_and_an_interrupted_training_ends_with_the_same_bits(
    tmp_path: Path, workers: int
) -> None:
    whole = Line()
    fit(whole, Numbers(), CONFIG, tmp_path / "whole", device=CPU)
    config = CONFIG.model_copy(update={"workers": workers})
    with pytest.raises(KeyboardInterrupt):
        fit(Line(dies_at=7), Numbers(), config, tmp_path / "broken", device=CPU)
    resumed = Line()
    fit(resumed, Numbers(), config, tmp_path / "broken", device=CPU)
    assert torch.equal(weights(whole), weights(resumed))


class Unreadable(Numbers):
    """Cannot make one of its samples."""

    def sample(self, number: int) -> Sample:
        if number == 9:
            raise PhotoError("me.jpg: nobody to be seen. Give another photo.")
        return super().sample(number)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_worker_cannot_do_is_said_in_its_own_words(tmp_path: Path, workers: int) -> None:
    config = CONFIG.model_copy(update={"workers": workers})
    with pytest.raises(PhotoError) as caught:
        fit(Line(), Unreadable(), config, tmp_path, device=CPU)
    assert explain(caught.value) == (3, "me.jpg: nobody to be seen. Give another photo.")


def test_tensorboard_gets_every_loss(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    fit(Line(checks=[2.0] * 3), Numbers(), CONFIG.model_copy(update={"check_every": 4}), tmp_path, device=CPU)
    board = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    rows = [row.split(",") for row in (tmp_path / "losses.csv").read_text().splitlines()[1:]]
    for name in ("loss", "check"):
        told = [(event.step, event.value) for event in board.Scalars(name)]
        written = [(int(step), float(value)) for step, which, value in rows if which == name]
        assert [step for step, _ in told] == [step for step, _ in written]
        assert [value for _, value in told] == pytest.approx([value for _, value in written])
    assert len(board.Scalars("loss")) == 12
