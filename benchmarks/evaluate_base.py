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
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from ablate_generator import Truth, truth
from base_bars import FULL_BODY, Results, document
from PIL import Image

from animator.canvas import CanvasConfig
from animator.evaluation.evaluators import RealFrame
from animator.evaluation.faces import find_face
from animator.evaluation.runs import EvaluationSettings, best_photo, evaluate_against, evaluate_cross, evaluate_self
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
from temporal.motion import MotionConfig
from temporal.windows import PoseWindow


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
    settings = _settings(model, clip, given)
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
    settings = _settings(model, clip, given)
    evaluation = evaluate_cross(photo, clip, generators=generators(model, 0), settings=settings)
    results.add("cross", f"{photo.stem} x {clip.stem}", [evaluation.scores])


def _settings(model: SubjectModel, clip: Path, given: argparse.Namespace) -> EvaluationSettings:
    width, height = model.manifest.canvas
    rate = given.fps or float(DrivingClip.open(clip).info.fps)
    return EvaluationSettings(
        canvas=CanvasConfig(width=width, height=height),
        motion=MotionConfig(fps=given.fps),
        end_s=given.frames / rate,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--clips", type=Path, help="folder of real clips")
    parser.add_argument("--photos", type=Path, help="folder of real photos")
    parser.add_argument("--only", nargs="*", help="names of clips")
    parser.add_argument("--pairs", type=int, default=8, help="rendered pairs")
    parser.add_argument("--frames", type=int, default=40, help="of each case, from the beginning (40)")
    parser.add_argument("--fps", type=float, help="of real clips; few spread the frames over more of a clip (its own)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cross", type=int, default=6, help="photos, each with the next clip")
    parser.add_argument("--no-subject-phase", action="store_true")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    model, results = open_base(given.model), Results()
    told = partial(document, results, model=given.model, seeds=given.seeds, frames=given.frames, fps=given.fps)

    def attempt(what: str, work: Callable[[], None]) -> None:
        began = time.monotonic()
        try:
            work()
        except PipelineError as error:
            print(f"{what}: left out: {error}", flush=True)
        print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)
        given.output.write_text(told(), encoding="utf-8")

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
