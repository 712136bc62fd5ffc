"""What is measured: every metric's name, unit, direction and meaning, in the one place the reports read.

The numbers themselves come from `metrics`, `temporal_metrics`, `faces` and `pose_metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from animator.evaluation.temporal_metrics import MOTION_S

Direction = Literal["higher", "lower", "one"]
Mode = Literal["self", "cross"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured quantity.

    Attributes:
        key: name in JSON and in `Scores.means`.
        title: short name for people.
        unit: what the number counts; empty for pure ratios.
        better: which way is better; `one` means the closer to 1 the better.
        meaning: one sentence for people, with the source where there is one.
        decimals: digits shown after the point.
    """

    key: str
    title: str
    unit: str
    better: Direction
    meaning: str
    decimals: int = 3

    def shown(self, value: float) -> str:
        """`value` as text; an en dash where nothing could be measured."""
        return f"{value:.{self.decimals}f}" if math.isfinite(value) else "–"

    def badness(self, value: float) -> float:
        """A number that falls as `value` gets better, to rank systems by; infinite for NaN."""
        if not math.isfinite(value):
            return math.inf
        if self.better == "higher":
            return -value
        if self.better == "lower":
            return value
        return abs(math.log(value)) if value > 0 else math.inf


def best_systems(metric: Metric, values: Mapping[str, float]) -> frozenset[str]:
    """The systems with the best value of `metric`; several on a tie as shown, none if nobody has a value.

    Ties are judged on the shown text: a difference that a reader cannot see is not a win.
    """
    ranked = {system: metric.badness(value) for system, value in values.items()}
    best = min(ranked.values(), default=math.inf)
    if math.isinf(best):
        return frozenset()
    winner = min(ranked, key=lambda system: ranked[system])
    return frozenset(system for system in values if metric.shown(values[system]) == metric.shown(values[winner]))


_PERSON = "over the real person (matte > 0.5)"
_L1 = "Mean absolute difference of RGB values in [0, 1]"
_PSNR = "Peak signal-to-noise ratio of RGB values; identical frames count as 100 dB"
_SSIM = "Structural similarity (Wang et al. 2004), Gaussian window of 11 px, mean over RGB"
_MS_SSIM = (
    "Multi-scale structural similarity (Wang et al. 2003): as many of its five scales as the shorter side allows "
    "(176 px for all five, 88 px for four, ...), their weights scaled to sum 1; not measured below 22 px"
)
_GMSD = "Gradient magnitude similarity deviation (Xue et al. 2014) of the luma: spread of edge damage, 0 is perfect"
_TEMPORAL = "Mean |change in the result from one frame to the next - the same change in the real clip|, RGB in [0, 1]"
_JOINTS = "joints of COCO-17 that the wanted pose holds with confidence above 0.5"

METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric(key="l1", title="L1", unit="", better="lower", decimals=4, meaning=f"{_L1}, whole frame."),
        Metric(key="person_l1", title="L1 person", unit="", better="lower", decimals=4, meaning=f"{_L1}, {_PERSON}."),
        Metric(key="psnr", title="PSNR", unit="dB", better="higher", decimals=2, meaning=f"{_PSNR}; whole frame."),
        Metric(
            key="person_psnr",
            title="PSNR person",
            unit="dB",
            better="higher",
            decimals=2,
            meaning=f"{_PSNR}; {_PERSON}.",
        ),
        Metric(key="ssim", title="SSIM", unit="", better="higher", meaning=f"{_SSIM}; whole frame."),
        Metric(key="person_ssim", title="SSIM person", unit="", better="higher", meaning=f"{_SSIM}; {_PERSON}."),
        Metric(key="ms_ssim", title="MS-SSIM", unit="", better="higher", meaning=f"{_MS_SSIM}; whole frame."),
        Metric(
            key="person_ms_ssim",
            title="MS-SSIM person",
            unit="",
            better="higher",
            meaning=f"{_MS_SSIM}; {_PERSON}, each scale's map averaged under the matte reduced to that scale.",
        ),
        Metric(key="gmsd", title="GMSD", unit="", better="lower", meaning=f"{_GMSD}; whole frame."),
        Metric(key="person_gmsd", title="GMSD person", unit="", better="lower", meaning=f"{_GMSD}; {_PERSON}."),
        Metric(
            key="sharpness",
            title="sharpness ratio",
            unit="× real",
            better="one",
            meaning=f"Mean squared luma gradient of the result over the real frame's, {_PERSON}: "
            "below 1 is blurred, above 1 over-sharpened or ragged.",
        ),
        Metric(
            key="temporal_error",
            title="temporal error",
            unit="",
            better="lower",
            decimals=4,
            meaning=f"{_TEMPORAL}, whole frame.",
        ),
        Metric(
            key="person_temporal_error",
            title="temporal error person",
            unit="",
            better="lower",
            decimals=4,
            meaning=f"{_TEMPORAL}, over pixels that are the person's in either real frame.",
        ),
        Metric(
            key="person_motion_error",
            title=f"temporal error person, {MOTION_S:g} s",
            unit="",
            better="lower",
            decimals=4,
            meaning=f"The same over {MOTION_S:g} s instead of one frame (at least one), so that clips of different "
            "frame rates can be compared.",
        ),
        Metric(
            key="faces_found",
            title="faces found",
            unit="of real",
            better="higher",
            meaning="Frames with a face found where the driving pose puts the head, "
            "over the frames where the real clip shows one there; not measured where it never does.",
        ),
        Metric(
            key="face_error",
            title="face landmark error",
            unit="face sizes",
            better="lower",
            meaning="Mean distance of the 468 face mesh landmarks from the real ones, over the square root of the real "
            "face's box area (Bulat & Tzimiropoulos 2017), over frames with both faces found.",
        ),
        Metric(
            key="pck",
            title="PCK@0.2",
            unit="",
            better="higher",
            meaning="Share of joints that, tracked again in the result, lie within 0.2 torsos of the wanted pose "
            f"(Yang & Ramanan 2013); over {_JOINTS}; a joint not found again is a miss.",
        ),
        Metric(
            key="pose_error",
            title="pose error",
            unit="torso lengths",
            better="lower",
            meaning=f"Mean distance of the joints tracked again in the result from the wanted pose; over {_JOINTS} "
            "and were found again.",
        ),
        Metric(
            key="limb_drift",
            title="limb-length drift",
            unit="",
            better="lower",
            meaning="Spread over time of each limb's length relative to the wanted pose's limb (half the range from "
            "the 16th to the 84th percentile of the log ratio), median over limbs: 0 keeps proportions, 0.1 is 10 %.",
        ),
        Metric(
            key="background_flicker",
            title="background flicker",
            unit="",
            better="lower",
            decimals=4,
            meaning="Back-and-forth of the pixels outside the person, root mean square of the second difference over "
            "time: 0 for a background at rest, d / 255 for one that alternates by d grey levels.",
        ),
    )
}

_CROSS = ("pck", "pose_error", "limb_drift", "background_flicker")


def metrics_of(mode: Mode) -> tuple[Metric, ...]:
    """The metrics of a self or cross evaluation, in the order of the reports."""
    return tuple(METRICS.values()) if mode == "self" else tuple(METRICS[key] for key in _CROSS)
