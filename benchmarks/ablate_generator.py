"""What each part of the diffusion generator is worth, on rendered people with a true answer.

    python benchmarks/ablate_generator.py --model five=DIR --model one=DIR ... [--pairs 4] [--frames 16] -o RESULT.json

A held-out person's photo is driven by the true poses of the same person's film (`paired_takes`), and every generated
frame is compared with the film. Each named model is rendered as it is; besides the first one also

    pure warp        repair 0: the warped photo through the autoencoder
    no repair mask   repair 1: everything is generated
    no warp          without the warped photo as condition (the null warp), everything generated
    subject          after the subject phase's first half, on the photo
    subject+decoder  after both halves
    puppet, hold     no network

Person PSNR and SSIM, sharpness ratio, temporal-difference error of the person, and background flicker.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.nn.functional import max_pool2d

from animator.canvas import CanvasConfig, place_photo
from animator.evaluation import metrics
from animator.evaluation.baselines import HoldGenerator
from animator.evaluation.temporal_metrics import BackgroundFlicker, TemporalError
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.protocol import FrameGenerator
from animator.generators.puppet import PuppetGenerator
from animator.inpainting import push_pull
from animator.models.bases import open_base
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from animator.subject import Subject
from animator.synthesis.take import TakeOptions, paired_takes
from animator.training.finetuning import train_subject
from animator.training.jobs import subject_phase
from animator.training.photos import SubjectPhotos
from animator.training.samples import batches
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.windows import pose_windows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """A photo, the poses of a film, and the film."""

    subject: Subject
    driving: PoseSequence
    film: list[np.ndarray]
    persons: list[np.ndarray]


def truth(seed: int, canvas: tuple[int, int], frames: int) -> Truth:
    """Held-out pair `seed`."""
    width, height = canvas
    _, film, still = paired_takes(seed, TakeOptions(split="held-out", width=width, height=height))
    shown = still.frame(0)
    planes = torch.from_numpy(shown.image_HWC.copy()).permute(2, 0, 1).float() / 255
    grown = max_pool2d(torch.from_numpy(shown.matte_HW)[None, None].float(), 5, stride=1, padding=2)[0, 0]
    background = push_pull(planes, 1 - grown).mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    config = CanvasConfig(width=width, height=height)
    subject = Subject(
        photo_HWC=shown.image_HWC,
        pose=_sequence(shown.keypoints_K2[None], canvas),
        matte_HW=shown.matte_HW.astype(np.float32),
        background_HWC=background,
        placement=place_photo(canvas, config),
    )
    rendered = [film.frame(index) for index in range(frames)]
    keypoints = np.stack([frame.keypoints_K2 for frame in rendered])
    return Truth(
        subject=subject,
        driving=_sequence(keypoints, canvas),
        film=[frame.image_HWC for frame in rendered],
        persons=[frame.matte_HW > 0.5 for frame in rendered],
    )


def _sequence(keypoints_TK2: np.ndarray, canvas: tuple[int, int]) -> PoseSequence:
    frames = len(keypoints_TK2)
    return PoseSequence(
        keypoints_TK2=keypoints_TK2.astype(np.float32),
        confidence_TK=np.ones((frames, len(BLAZEPOSE_33)), np.float32),
        times_s_T=np.arange(frames) / 25,
        skeleton=BLAZEPOSE_33,
        frame_size=canvas,
    )


def scores(generator: FrameGenerator, given: Truth) -> tuple[dict[str, float], list[np.ndarray]]:
    """Means over the frames, and the frames."""
    made = [frame.pixels_HWC for frame in generator.generate(pose_windows(given.driving), given.subject)]
    flicker, temporal = BackgroundFlicker(), TemporalError()
    rows: dict[str, list[float]] = {name: [] for name in ("psnr", "ssim", "sharpness", "temporal", "flicker")}
    for picture, real, person in zip(made, given.film, given.persons, strict=True):
        ours, theirs, region = (
            metrics.frame_tensor(picture),
            metrics.frame_tensor(real),
            metrics.region_tensor(person),
        )
        rows["psnr"].append(metrics.psnr(ours, theirs, region))
        rows["ssim"].append(metrics.ssim(metrics.similarity_pyramid(ours, theirs), region))
        rows["sharpness"].append(metrics.sharpness_ratio(ours, theirs, region))
        rows["temporal"].append(temporal.add(ours - theirs, region))
        rows["flicker"].append(flicker.add(picture, person))
    # The first frames have nothing to be compared with.
    return {name: float(np.nanmean(each)) for name, each in rows.items()}, made


class WithoutWarp:
    """A generator whose network is never shown the warped photo."""

    name = "no warp"

    def __init__(self, model: SubjectModel, config: SamplerConfig) -> None:
        self._generator = DiffusionGenerator(model, config.model_copy(update={"repair": 1.0}))
        conditioner = self._generator._conditioner
        real = conditioner.warp_channels
        conditioner.warp_channels = lambda *given, **more: torch.zeros_like(real(*given, **more))  # type: ignore[method-assign]

    def generate(self, windows: object, subject: Subject) -> Iterator[object]:
        return self._generator.generate(windows, subject)  # type: ignore[arg-type]


def tuned(model: SubjectModel, subject: Subject, *, decoder: bool) -> SubjectModel:
    """After the subject phase, or its first half."""
    made = copy.deepcopy(model)
    first, second = subject_phase(True)
    held_out = list(
        batches(SubjectPhotos([subject], seed=0, held_out=True, refiner=model.refiner), start=0, stop=1, batch=4)
    )
    with tempfile.TemporaryDirectory() as folder:
        train_subject(
            made,
            SubjectPhotos([subject], seed=0, refiner=model.refiner),
            held_out,
            first,
            second if decoder else second.model_copy(update={"steps": 1, "learning_rate": 1e-12}),
            Path(folder),
            device=model.device,
        )
    return made


def systems(models: dict[str, SubjectModel], config: SamplerConfig, given: Truth) -> dict[str, FrameGenerator]:
    """Every generator to compare on one pair."""
    first = next(iter(models.values()))

    def diffusion(model: SubjectModel, **changes: object) -> FrameGenerator:
        return DiffusionGenerator(model, config.model_copy(update=changes))

    made: dict[str, FrameGenerator] = {name: diffusion(model) for name, model in models.items()}
    made["pure warp"] = diffusion(first, repair=0.0)
    made["no repair mask"] = diffusion(first, repair=1.0)
    made["no warp"] = WithoutWarp(first, config)  # type: ignore[assignment]
    made["subject"] = diffusion(tuned(first, given.subject, decoder=False))
    made["subject+decoder"] = diffusion(tuned(first, given.subject, decoder=True))
    made["puppet"], made["hold"] = PuppetGenerator(), HoldGenerator()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True, metavar="NAME=DIR")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    models = {name: open_base(folder) for name, _, folder in (each.partition("=") for each in given.model)}
    canvas = next(iter(models.values())).manifest.canvas
    config = SamplerConfig(steps=given.steps, batch=1)
    rows: dict[str, list[dict[str, float]]] = {}
    pictures: dict[str, list[np.ndarray]] = {}
    for seed in range(given.pairs):
        pair = truth(seed, canvas, given.frames)
        pictures.setdefault("truth", []).append(pair.film[given.frames // 2])
        for name, generator in systems(models, config, pair).items():
            values, made = scores(generator, pair)
            rows.setdefault(name, []).append(values)
            pictures.setdefault(name, []).append(made[given.frames // 2])
            print(seed, name, {key: round(value, 4) for key, value in values.items()}, flush=True)
    table = {name: {key: median(row[key] for row in each) for key in each[0]} for name, each in rows.items()}
    given.output.write_text(json.dumps({"settings": vars(given) | {"output": None}, "medians": table}, indent=2))
    _sheet(pictures, given.output.with_suffix(".png"))
    for name, values in table.items():
        print(f"{name:18s}", "  ".join(f"{key} {value:.4f}" for key, value in values.items()))


def _sheet(pictures: dict[str, list[np.ndarray]], path: Path) -> None:
    from PIL import Image

    rows = [np.concatenate(each, 1) for each in zip(*pictures.values(), strict=True)]
    Image.fromarray(np.concatenate(rows, 0)).save(path)


if __name__ == "__main__":
    main()
