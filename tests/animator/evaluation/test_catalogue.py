import math

import pytest

from animator.evaluation.catalogue import METRICS, best_systems, metrics_of


def test_every_metric_is_measured_in_self_mode_and_cross_mode_needs_no_real_frames() -> None:
    assert {metric.key for metric in metrics_of("self")} == METRICS.keys()
    assert [metric.key for metric in metrics_of("cross")] == ["pck", "pose_error", "limb_drift", "background_flicker"]


@pytest.mark.parametrize(
    ("key", "values", "best"),
    [
        ("psnr", {"hold": 12.0, "puppet": 15.0}, {"puppet"}),
        ("l1", {"hold": 0.12, "puppet": 0.05}, {"puppet"}),
        ("sharpness", {"hold": 0.5, "puppet": 1.8}, {"puppet"}),
        ("sharpness", {"hold": 0.9, "puppet": 1.2}, {"hold"}),
        ("sharpness", {"hold": 0.0, "puppet": 7.0}, {"puppet"}),
        ("pck", {"hold": math.nan, "puppet": 0.1}, {"puppet"}),
        ("pck", {"hold": math.nan, "puppet": math.nan}, set()),
        ("pck", {}, set()),
        ("psnr", {"hold": 15.0012, "puppet": 15.0009}, {"hold", "puppet"}),
    ],
)
def test_the_best_system_follows_the_direction(key: str, values: dict[str, float], best: set[str]) -> None:
    assert best_systems(METRICS[key], values) == best


def test_what_was_not_measured_is_shown_as_a_dash() -> None:
    assert METRICS["psnr"].shown(math.nan) == "–"
    assert METRICS["psnr"].shown(17.256) == "17.26"
