"""What is asked of the embedded base, and how near it comes: the tables of `evaluate_base.py`."""

from __future__ import annotations

import datetime
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from animator.evaluation.scores import Scores

Means = dict[str, float]
SYSTEMS = ("diffusion", "puppet", "hold", "film")
# Clips that show the whole person; on the others only the mean counts.
FULL_BODY = (
    "dance_dress",
    "fashion_turn",
    "juggle_fullbody",
    "lab_kick_back",
    "lab_kick_front",
    "squats_fullbody_5fps",
)
COLUMNS = (
    "person_psnr",
    "person_ssim",
    "person_l1",
    "person_temporal_error",
    "sharpness",
    "person_gmsd",
    "faces_found",
    "face_error",
    "pck",
    "background_flicker",
)
CROSS_COLUMNS = ("pck", "background_flicker", "limb_drift")


@dataclass(kw_only=True)
class Results:
    """Means by set, case and system."""

    sets: dict[str, dict[str, dict[str, Means]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, case: str, runs: Sequence[Sequence[Scores]]) -> None:
        """The medians over several seeds of one case."""
        systems: dict[str, list[Means]] = {}
        for scores in runs:
            for each in scores:
                systems.setdefault(each.system, []).append(dict(each.means))
        self.sets.setdefault(name, {})[case] = {
            system: {key: _median(row.get(key, math.nan) for row in rows) for key in rows[0]}
            for system, rows in systems.items()
        }

    def median(self, name: str, system: str, key: str) -> float:
        """Over the cases of a set."""
        return _median(case[system].get(key, math.nan) for case in self.sets.get(name, {}).values() if system in case)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One thing that is asked of the base, and what was measured."""

    what: str
    value: float
    asked: str
    reached: bool


def bars(results: Results) -> Iterator[Bar]:
    """All bars that were measured."""
    if "rendered" in results.sets:
        yield from _rendered_bars(results)
    for name, title in (("self", "real clips"), ("tuned", "real clips, subject phase")):
        if name in results.sets:
            yield from _self_bars(results, name, title)
    if "cross" in results.sets:
        pck, drift = (results.median("cross", "diffusion", key) for key in ("pck", "limb_drift"))
        flicker, puppet = (results.median("cross", each, "background_flicker") for each in ("diffusion", "puppet"))
        yield Bar(what="cross: PCK@0.2", value=pck, asked=">= 0.90", reached=pck >= 0.9)
        yield Bar(what="cross: background flicker", value=flicker, asked=f"<= {puppet:.2g}", reached=flicker <= puppet)
        yield Bar(what="cross: limb drift", value=drift, asked="<= 0.05", reached=drift <= 0.05)


def _rendered_bars(results: Results) -> Iterator[Bar]:
    ours, puppet, film = (partial(results.median, "rendered", system) for system in ("diffusion", "puppet", "film"))
    for key, more in (("person_psnr", 3.0), ("person_ssim", 0.05)):
        gained = ours(key) - puppet(key)
        yield Bar(what=f"rendered: {key} above puppet", value=gained, asked=f">= {more}", reached=gained >= more)
    yield _sharpness("rendered", ours)
    yield _below("rendered", "person_gmsd", ours, puppet)
    faces = ours("faces_found")
    yield Bar(what="rendered: faces_found", value=faces, asked=">= 0.97", reached=faces >= 0.97)
    for key in ("person_temporal_error", "background_flicker"):
        yield _below("rendered", key, ours, puppet)
    share = ours("pck") / film("pck")
    yield Bar(what="rendered: PCK over the film's", value=share, asked=">= 0.95", reached=share >= 0.95)


def _self_bars(results: Results, name: str, title: str) -> Iterator[Bar]:
    ours, puppet = (partial(results.median, name, system) for system in ("diffusion", "puppet"))
    cases = results.sets[name]
    full = [case for stem, case in cases.items() if stem in FULL_BODY]
    better: tuple[tuple[str, Callable[[float, float], bool]], ...] = (
        ("person_psnr", lambda a, b: a > b),
        ("person_ssim", lambda a, b: a > b),
        ("person_l1", lambda a, b: a < b),
        ("person_temporal_error", lambda a, b: a < b),
        ("pck", lambda a, b: a >= b),
    )
    for key, wins in better:
        won = sum(wins(case["diffusion"][key], case["puppet"][key]) for case in full)
        yield Bar(
            what=f"{title}: full-body clips won on {key}", value=won, asked=f"{len(full)}", reached=won == len(full)
        )
    gains = [case["diffusion"]["person_psnr"] - case["puppet"]["person_psnr"] for case in cases.values()]
    gained = statistics.fmean(gains)
    yield Bar(what=f"{title}: mean person PSNR above puppet", value=gained, asked=">= 1", reached=gained >= 1)
    yield _sharpness(title, ours)
    yield _below(title, "person_gmsd", ours, puppet)
    found = ours("faces_found")
    yield Bar(
        what=f"{title}: faces_found",
        value=found,
        asked=f">= {puppet('faces_found'):.3g}",
        reached=found >= puppet("faces_found"),
    )
    yield _below(title, "face_error", ours, puppet)


def _sharpness(title: str, ours: Callable[[str], float]) -> Bar:
    value = ours("sharpness")
    return Bar(what=f"{title}: sharpness", value=value, asked="0.85-1.15", reached=0.85 <= value <= 1.15)


def _below(title: str, key: str, ours: Callable[[str], float], puppet: Callable[[str], float]) -> Bar:
    value, limit = ours(key), puppet(key)
    return Bar(what=f"{title}: {key}", value=value, asked=f"<= {limit:.4g}", reached=value <= limit)


def document(results: Results, *, model: str, seeds: int, frames: int, fps: float | None = None) -> str:
    """The results as Markdown: all bars, then every case of every set."""
    lines = [
        f"# The base `{model}` against its bars",
        "",
        f"{datetime.date.today():%Y-%m-%d}; {seeds} seeds, {frames} frames a case"
        + ("" if fps is None else f", real clips at {fps:g} frames/s")
        + "; made by `python benchmarks/evaluate_base.py`.",
        "",
        "| bar | measured | asked | |",
        "|---|---|---|---|",
        *(
            f"| {bar.what} | {bar.value:.4g} | {bar.asked} | {'reached' if bar.reached else 'missed'} |"
            for bar in bars(results)
        ),
    ]
    for name, cases in results.sets.items():
        columns = CROSS_COLUMNS if name == "cross" else COLUMNS
        lines += ["", f"## {name}", "", "| case | system | " + " | ".join(columns) + " |"]
        lines.append("|---" * (len(columns) + 2) + "|")
        for case, systems in cases.items():
            for system in (each for each in SYSTEMS if each in systems):
                cells = " | ".join(f"{systems[system].get(key, math.nan):.4g}" for key in columns)
                lines.append(f"| {case} | {system} | {cells} |")
    lines += ["", *(f"- {what}: {seconds:.0f} s" for what, seconds in results.seconds.items())]
    return "\n".join(lines) + "\n"


def _median(values: Iterator[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else math.nan
