"""What the warp gets wrong on rendered people: place or colour, the tracker's errors or the warp's own.

    python benchmarks/warp_errors.py --wardrobe MAKEHUMAN --motions MOTIONS [--pairs 60] [--seed 7777]
                                     [--refiner FOLDER] [--cut found]

Oracles, which know the true picture: every pixel taken from where it truly lies (`true_displacement`, cells that do
not know take their nearest neighbour's); the whole person moved by the mean of that; as smooth a field as the refiner
can tell, fitted to what its training asks for; and a correction of colour that is as coarse as its blur. Beside them
what a trained refiner makes of the pairs. Means over pairs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.inputs import picture_tensor
from animator.models.loading import load_net
from animator.models.warp_refiner import CELL_PX, KNOT_PX, WarpRefiner
from animator.synthesis.dataset import DatasetOptions, RenderedPeople
from animator.synthesis.motions.library import read_motion_files
from animator.synthesis.take import TakeOptions
from animator.training.correspondence import true_displacement
from animator.training.pairs import Reference
from animator.training.refinement import LIKENESS, VARIATION, carried, likeness_loss
from animator.training.rendered import Cut, RefinementPairs, RenderedScene
from animator.training.samples import Sample

# Pixels about the person, warped or true, that count with it.
MARGIN_PX = 2
BLURS_PX = (24, 12, 6)
# Of a fit: updates, and px that the first ones move the field by.
UPDATES, STEP_PX = 150, 0.3
CPU = torch.device("cpu")
# Where joints come from, by name.
JOINTS: dict[str, dict[str, Any]] = {
    "tracked joints": {"joints": "tracked"},
    "drawn errors": {"joints": "drawn"},
    "half of the drawn errors": {"joints": "drawn", "noise": 0.5},
    "true joints": {"joints": "true"},
}


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wardrobe", type=Path)
    parser.add_argument("--motions", type=Path)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7777)
    parser.add_argument("--refiner", type=Path, help="of a trained model: its folder refiner")
    parser.add_argument("--cut", choices=get_args(Cut), default="true", help="how people of photos are cut out (true)")
    given = parser.parse_args()
    refiner = None if given.refiner is None else load_net(WarpRefiner, given.refiner)
    take = TakeOptions(
        split="held-out",
        wardrobe=given.wardrobe,
        motions=None if given.motions is None else read_motion_files(given.motions),
    )
    options = DatasetOptions(take=take, samples_per_take=12, targets_per_reference=6, open_takes=1)
    print(f"{given.pairs} pairs, seed {given.seed}, {take.width}x{take.height}\n")
    for number, (name, joints) in enumerate(JOINTS.items()):
        people = RenderedPeople(given.seed, replace(options, **joints))
        pairs = RefinementPairs(people, seed=given.seed, cut=given.cut)
        found = [measures(*pair, refiner) for pair in (of_pair(pairs, n) for n in range(given.pairs))]
        if number == 0:
            print("| | " + " | ".join(found[0]) + " |\n" + "|---" * (len(found[0]) + 1) + "|")
        means = [sum(each[key] for each in found) / len(found) for key in found[0]]
        print(f"| {name} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |", flush=True)


def of_pair(pairs: RefinementPairs, number: int) -> tuple[Sample, RenderedScene]:
    """A sample, its target in [0, 1], with the true displacement (`field`, `known`); and what it was made from."""
    scene, sample = pairs.scene(number), pairs.sample(number)
    field, known = true_displacement(scene.reference, sample["keypoints"], sample["confidence"], scene.rendered)
    return {**sample, "target": sample["target"].float() / 255, "field": field, "known": known}, scene


def measures(truth: Sample, scene: RenderedScene, refiner: WarpRefiner | None) -> dict[str, float]:
    """Of one pair, by name."""
    target, warped, coverage, matte = (truth[name] for name in ("target", "warped", "coverage", "matte"))
    counted = F.max_pool2d(torch.maximum(coverage, matte)[None], 2 * MARGIN_PX + 1, 1, MARGIN_PX)[0] > 0.5
    fields = {
        "displaced": field_everywhere(truth),
        "shifted as the surface": truth["field"][:, truth["known"]].mean(1)[:, None, None].expand(2, *matte.shape),
        "fitted to the picture": fitted(truth),
    }
    shown = {"warp": (warped, coverage)}
    for name, field in fields.items():
        moved = carried(torch.cat([warped, coverage[None]])[None], field[None], mode="bicubic")[0]
        shown[name] = moved[:3].clamp(0, 1), moved[3]
    if refiner is not None:
        subject = scene.reference.subject
        refined = Reference.prepare(subject, refiner).carried(truth["keypoints"], truth["confidence"])
        shown["refined"] = refined.over(picture_tensor(subject.background_HWC, CPU))[0], refined.coverage_BHW[0]
    values = {"px": float(truth["field"].norm(dim=0)[truth["known"]].mean())}
    for name, (picture, opacity) in shown.items():
        values |= {
            f"{name}, dB": psnr(picture, target, counted),
            f"{name}, sharpness": energy(picture, counted) / energy(target, counted),
            f"{name}, IoU": overlap(opacity, matte),
        }
    for blur in BLURS_PX:
        share = gaussian_filter(counted.float().numpy(), blur)
        coarse = [gaussian_filter((plane * counted).numpy(), blur) / (share + 1e-3) for plane in target - warped]
        right = warped + torch.stack([torch.from_numpy(plane) for plane in coarse])
        values[f"colour right but for a blur of {blur} px, dB"] = psnr(right, target, counted)
    return values


def field_everywhere(truth: Sample) -> torch.Tensor:
    """[2, H, W]: cells that do not know what they show take their nearest neighbour's displacement."""
    row, column = distance_transform_edt(~truth["known"].numpy(), return_distances=False, return_indices=True)
    size = tuple(truth["matte"].shape)
    return F.interpolate(truth["field"][:, row, column][None], size, mode="bilinear")[0]


def fitted(truth: Sample) -> torch.Tensor:
    """[2, H, W]: told every `KNOT_PX`, and as like the target as descent brings it; see `likeness_loss`."""
    height, width = truth["matte"].shape
    batch = {name: each[None] for name, each in truth.items()}
    told = torch.zeros(1, 2, height // KNOT_PX, width // KNOT_PX, requires_grad=True)
    optimizer = torch.optim.Adam([told], lr=STEP_PX)
    for update in range(UPDATES):
        optimizer.param_groups[0]["lr"] = STEP_PX * (1 - update / UPDATES)
        cells = F.interpolate(told, (height // CELL_PX, width // CELL_PX), mode="bicubic")
        variation = cells.diff(dim=-1).abs().mean() + cells.diff(dim=-2).abs().mean()
        optimizer.zero_grad()
        (LIKENESS * likeness_loss(cells, batch) + VARIATION * variation).backward()
        optimizer.step()
    return F.interpolate(told.detach(), (height, width), mode="bicubic")[0]


def psnr(picture_3HW: torch.Tensor, target_3HW: torch.Tensor, counted_HW: torch.Tensor) -> float:
    return float(-10 * torch.log10((picture_3HW - target_3HW).square().mean(0)[counted_HW].mean()))


def energy(picture_3HW: torch.Tensor, counted_HW: torch.Tensor) -> float:
    """Mean squared gradient."""
    down, across = picture_3HW.diff(dim=1)[..., :-1], picture_3HW.diff(dim=2)[:, :-1]
    return float((down.square() + across.square()).mean(0)[counted_HW[:-1, :-1]].mean())


def overlap(one_HW: torch.Tensor, other_HW: torch.Tensor) -> float:
    first, second = one_HW > 0.5, other_HW > 0.5
    return float((first & second).sum() / (first | second).sum())


if __name__ == "__main__":
    main()
