"""How many steps a sampling takes, from what is written and what the model needs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from animator.sampling.config import DEFAULT_STEPS, DISTILLED_STEPS, SamplerConfig


@pytest.mark.parametrize(
    ("quality", "needed", "steps"),
    [
        ("draft", 4, 1),
        ("standard", 4, 4),
        ("best", 4, 10),
        ("draft", None, DEFAULT_STEPS // 4),
        ("standard", None, DEFAULT_STEPS),
        ("best", None, 50),
        ("draft", 1, 1),
        ("best", 1000, 1000),
    ],
)
def test_a_quality_is_a_multiple_of_what_the_model_needs(quality: str, needed: int | None, steps: int) -> None:
    assert SamplerConfig.model_validate({"quality": quality}).completed(needed).steps == steps


def test_steps_that_are_written_stay_whatever_the_quality() -> None:
    assert SamplerConfig(steps=7, quality="best").completed(4).steps == 7


def test_schedulers_of_distilled_models_get_no_more_steps_than_they_know() -> None:
    assert SamplerConfig(scheduler="lcm", quality="best").completed(40).steps == DISTILLED_STEPS
    with pytest.raises(ValidationError, match="at most"):
        SamplerConfig(scheduler="tcd", steps=DISTILLED_STEPS + 1)


def test_another_quality_is_refused() -> None:
    with pytest.raises(ValidationError, match="draft"):
        SamplerConfig.model_validate({"quality": "superb"})
