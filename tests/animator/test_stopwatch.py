"""The pace of a stage is that of its steps behind the first, which loads models."""

import pytest

from animator import stopwatch
from animator.progress import SilentProgress
from animator.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now_s = [0.0]
    monkeypatch.setattr(stopwatch.time, "monotonic", lambda: now_s[0])
    return now_s


def _run(watch: Stopwatch, name: str, steps_s: list[float], clock: list[float]) -> None:
    with watch.stage(name, len(steps_s)) as stage:
        for step_s in steps_s:
            clock[0] += step_s
            stage.advance()


def test_the_rest_goes_on_at_the_pace_behind_the_first_step(clock: list[float]) -> None:
    watch = Stopwatch(SilentProgress())
    _run(watch, "track", [9.0, 0.1, 0.3], clock)
    _run(watch, "render", [5.0, 2.0], clock)
    assert watch.rest_s({"track": 13, "render": 2}) == pytest.approx(10 * 0.2)


def test_a_single_step_and_a_stage_nobody_asks_for_tell_no_rest(clock: list[float]) -> None:
    watch = Stopwatch(SilentProgress())
    _run(watch, "track", [9.0], clock)
    _run(watch, "photo", [1.0, 1.0], clock)
    assert watch.rest_s({"track": 100}) == 0
