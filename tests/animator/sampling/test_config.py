"""How many steps a sampling takes, from what is written and what the model needs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from animator.sampling.config import DEFAULT_STEPS, DISTILLED_STEPS, DRAFT_REUSE, SamplerConfig


@pytest.mark.parametrize(
    ("quality", "needed", "steps"),
    [
        ("draft", 4, 4),
        ("standard", 4, 4),
        ("best", 4, 10),
        ("draft", None, DEFAULT_STEPS),
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


@pytest.mark.parametrize(
    ("settings", "reuse"),
    [({}, 1), ({"quality": "draft"}, DRAFT_REUSE), ({"quality": "draft", "reuse": 1}, 1), ({"reuse": 3}, 3)],
)
def test_drafts_spare_deep_layers_unless_something_else_is_written(settings: dict[str, object], reuse: int) -> None:
    assert SamplerConfig.model_validate(settings).completed(4).reuse == reuse


@pytest.mark.parametrize(
    ("settings", "decoder"),
    [
        ({}, "full"),
        ({"quality": "draft"}, "preview"),
        ({"quality": "draft", "steps": 7}, "preview"),
        ({"quality": "draft", "decoder": "full"}, "full"),
        ({"quality": "best", "decoder": "preview"}, "preview"),
    ],
)
def test_drafts_are_decoded_quickly_unless_something_else_is_written(settings: dict[str, object], decoder: str) -> None:
    assert SamplerConfig.model_validate(settings).completed(4).decoder == decoder


def test_schedulers_of_distilled_models_get_no_more_steps_than_they_know() -> None:
    assert SamplerConfig(scheduler="lcm", quality="best").completed(40).steps == DISTILLED_STEPS
    with pytest.raises(ValidationError, match="at most"):
        SamplerConfig(scheduler="tcd", steps=DISTILLED_STEPS + 1)


def test_another_quality_is_refused() -> None:
    with pytest.raises(ValidationError, match="draft"):
        SamplerConfig.model_validate({"quality": "superb"})


@pytest.mark.parametrize(
    ("written", "of_the_model", "expected"), [(None, None, 0.5), (None, 0.35, 0.35), (0.8, 0.35, 0.8), (0.0, 0.35, 0.0)]
)
def test_as_much_is_repaired_as_is_written_else_as_the_model_says(
    written: float | None, of_the_model: float | None, expected: float
) -> None:
    assert SamplerConfig(repair=written).completed(4, of_the_model).repair == expected
