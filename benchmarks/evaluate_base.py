"""Every bar of the embedded base in one document, made by one command.

    python benchmarks/evaluate_base.py --clips CLIPS --photos PHOTOS -o RESULTS.md [--model embedded] [--seeds 3]

Four sets, each beside the puppet and the photo held still:

1. rendered pairs, held out: a photo of one film driven by the true poses of another film of the same person;
2. real clips: the clip's best frame driven by the clip itself, no subject phase;
3. the same after the subject phase on that frame;
4. a real photo moved by another person's clip.

Values are medians over seeds, then over pairs or clips. A bar that is missed is written down as missed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from ablate_generator import Truth, truth
from PIL import Image

from animator.canvas import CanvasConfig
from animator.evaluation.evaluators import RealFrame
from animator.evaluation.faces import find_face
from animator.evaluation.runs import EvaluationSettings, best_photo, evaluate_against, evaluate_cross, evaluate_self
from animator.evaluation.scores import Scores
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.protocol import FrameGenerator
from animator.models.bases import open_base
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from animator.subject import Subject
from animator.training.finetuning import finetune
from animator.training.jobs import FinetuneJob
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import PipelineError
from pose_tracking.frame import Frame
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.trackers.blazepose import face_landmarks
from temporal.windows import PoseWindow

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


class Film:
    """The true frames as a system: what the measures say of the truth itself."""

    name = "film"

    def __init__(self, frames: list[np.ndarray]) -> None:
        self._frames = frames

    def generate(self, windows: Sequence[PoseWindow], subject: Subject) -> Iterator[Frame]:
        for window in windows:
            yield Frame(pixels_HWC=self._frames[window.center], time_s=window.time_s, index=window.center)


def generators(model: SubjectModel, seed: int) -> list[FrameGenerator]:
    """The base as `animate` samples it."""
    return [DiffusionGenerator(model, SamplerConfig(), seed=seed, on_note=lambda _: None)]


def rendered_pair(results: Results, model: SubjectModel, pair: int, given: argparse.Namespace) -> None:
    """Set 1, one held-out person."""
    truths = truth(pair, model.manifest.canvas, given.frames)
    runs = []
    for seed in range(given.seeds):
        made: list[FrameGenerator] = generators(model, seed)
        if seed == 0:
            made.append(Film(truths.film))  # type: ignore[arg-type]  # frames come without a photo
        scores, _ = evaluate_against(partial(_film_frames, truths), made, truths.subject, truths.driving)
        runs.append(scores)
    results.add("rendered", str(pair), runs)


def _film_frames(truths: Truth) -> Iterator[RealFrame]:
    for place, (pixels, person) in enumerate(zip(truths.film, truths.persons, strict=True)):
        pose = truths.driving.keypoints_TK2[place], truths.driving.confidence_TK[place]
        face = find_face(pixels, *pose, BLAZEPOSE_33, finder=face_landmarks)
        yield RealFrame(pixels_HWC=pixels, person_HW=person, face_L2=face)


def real_clip(results: Results, model: SubjectModel, clip: Path, given: argparse.Namespace) -> None:
    """Sets 2 and 3, one clip."""
    settings = _settings(model, clip, given.frames)
    plain = [evaluate_self(clip, generators=generators(model, seed), settings=settings) for seed in range(given.seeds)]
    results.add("self", clip.stem, [evaluation.scores for evaluation in plain])
    if given.no_subject_phase:
        return
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        Image.fromarray(best_photo(clip, settings=settings)).save(photo)
        began = time.monotonic()
        finetune(FinetuneJob(photos=(photo,), base=given.model, output=Path(folder) / "model"))
        results.seconds[f"subject phase, {clip.stem}"] = time.monotonic() - began
        tuned = open_base(str(Path(folder) / "model"))
        runs = [
            evaluate_self(clip, generators=generators(tuned, seed), settings=settings) for seed in range(given.seeds)
        ]
    results.add("tuned", clip.stem, [evaluation.scores for evaluation in runs])


def cross(results: Results, model: SubjectModel, photo: Path, clip: Path, given: argparse.Namespace) -> None:
    """Set 4, one photo and one clip."""
    settings = _settings(model, clip, given.frames)
    evaluation = evaluate_cross(photo, clip, generators=generators(model, 0), settings=settings)
    results.add("cross", f"{photo.stem} x {clip.stem}", [evaluation.scores])


def _settings(model: SubjectModel, clip: Path, frames: int) -> EvaluationSettings:
    width, height = model.manifest.canvas
    rate = float(DrivingClip.open(clip).info.fps)
    return EvaluationSettings(canvas=CanvasConfig(width=width, height=height), end_s=frames / rate)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One line of the issue's table."""

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


def document(results: Results, given: argparse.Namespace) -> str:
    """The results as Markdown."""
    lines = [
        f"# The base `{given.model}` against its bars",
        "",
        f"{datetime.date.today():%Y-%m-%d}; {given.seeds} seeds, {given.frames} frames a case; made by "
        "`python benchmarks/evaluate_base.py`.",
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--clips", type=Path, help="folder of real clips")
    parser.add_argument("--photos", type=Path, help="folder of real photos")
    parser.add_argument("--only", nargs="*", help="names of clips")
    parser.add_argument("--pairs", type=int, default=8, help="rendered pairs")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cross", type=int, default=6, help="photos, each with the next clip")
    parser.add_argument("--no-subject-phase", action="store_true")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    model, results = open_base(given.model), Results()

    def attempt(what: str, work: Callable[[], None]) -> None:
        began = time.monotonic()
        try:
            work()
        except PipelineError as error:
            print(f"{what}: left out: {error}", flush=True)
        print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)
        given.output.write_text(document(results, given), encoding="utf-8")

    for pair in range(given.pairs):
        attempt(f"pair {pair}", partial(rendered_pair, results, model, pair, given))
    clips = [] if given.clips is None else sorted(path for path in given.clips.iterdir() if path.is_file())
    clips = [path for path in clips if not given.only or path.name in given.only]
    for clip in clips:
        attempt(clip.name, partial(real_clip, results, model, clip, given))
    photos = [] if given.photos is None else sorted(path for path in given.photos.iterdir() if path.is_file())
    whole = [clip for clip in clips if clip.stem in FULL_BODY]
    for number, photo in enumerate(photos[: given.cross] if whole else []):
        clip = whole[number % len(whole)]
        attempt(f"{photo.name} x {clip.name}", partial(cross, results, model, photo, clip, given))
    given.output.with_suffix(".json").write_text(json.dumps(results.sets, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
