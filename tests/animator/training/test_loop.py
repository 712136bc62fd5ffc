"""The loop: keeps the best, says what went wrong, and never leaves half a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from animator.cli import explain
from animator.errors import JobError, ModelError, PhotoError
from animator.training.config import TrainConfig, learning_rate_factor
from animator.training.loop import fit
from animator.training.samples import Sample, batches
from tests.animator.training.line import CONFIG, CPU, Line, Numbers, weights


def test_loss_falls_and_is_written_as_table_and_picture(tmp_path: Path) -> None:
    line = Line()
    report = fit(line, Numbers(), CONFIG.model_copy(update={"steps": 150}), tmp_path, device=CPU)
    rows = (tmp_path / "losses.csv").read_text().splitlines()
    assert rows[0] == "step,name,value"
    assert len(rows) == 151
    assert report.loss < 0.2 * float(rows[1].split(",")[2])
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")


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


def test_a_training_that_makes_nothing_better_ends_where_it_began(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"check_every": 4})
    line, untrained = Line(checks=[1.0, 1.0, 2.0, 3.0]), Line()
    report = fit(line, Numbers(), config, tmp_path / "a", device=CPU, keeps_start=True)
    assert report.kept_start
    assert torch.equal(weights(line), weights(untrained))
    better = Line(checks=[1.0, 2.0, 0.5, 3.0])
    assert fit(better, Numbers(), config, tmp_path / "b", device=CPU, keeps_start=True).best == (0.5, 8)
    assert not torch.equal(weights(better), weights(untrained))


def test_a_training_shorter_than_its_checks_is_still_judged_by_its_end(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"check_every": 100})
    report = fit(Line(checks=[1.0, 0.5]), Numbers(), config, tmp_path, device=CPU, keeps_start=True)
    assert report.best == (0.5, 12)


def test_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU)
    with pytest.raises(JobError, match=r"learning_rate = 0\.05, now 0\.1"):
        fit(Line(), Numbers(), CONFIG.model_copy(update={"learning_rate": 0.1}), tmp_path, device=CPU)


@pytest.mark.parametrize("facts", ["{}", '{"step": 3}', "[]", "3", "half of {"])
def test_a_checkpoint_whose_facts_are_not_whole_is_named(tmp_path: Path, facts: str) -> None:
    fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU)
    (path,) = tmp_path.glob("step-*/training.json")
    path.write_text(facts, encoding="utf-8")
    with pytest.raises(ModelError, match=rf"{path.parent.name}.*[Dd]elete .* to begin anew"):
        fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU)


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
