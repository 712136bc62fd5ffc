"""A training that was interrupted ends as if it had not been."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from animator.training.loop import fit
from tests.animator.training.line import CONFIG, CPU, Line, Numbers, weights


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


def test_resumed_table_has_every_update_once(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(Line(dies_at=8), Numbers(), CONFIG, tmp_path, device=CPU)
    fit(Line(), Numbers(), CONFIG, tmp_path, device=CPU)
    steps = [int(row.split(",")[0]) for row in (tmp_path / "losses.csv").read_text().splitlines()[1:]]
    assert steps == list(range(1, 13))


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
