"""What the warp gets wrong on rendered people: place or colour, the tracker's errors or the warp's own.

    python benchmarks/warp_errors.py --wardrobe MAKEHUMAN --motions MOTIONS [--pairs 60] [--seed 7777]

Oracles, which know the true picture: every pixel taken from where it truly lies (`true_displacement`, cells that do
not know take their nearest neighbour's), and a correction of colour that is as coarse as its blur. Means over pairs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.refinement import displaced
from animator.conditioning.warp import WarpedPhoto
from animator.synthesis.dataset import DatasetOptions, RenderedPeople
from animator.synthesis.motions.library import read_motion_files
from animator.synthesis.take import TakeOptions
from animator.training.rendered import RefinementPairs, RenderedPairs
from animator.training.samples import Sample

# Pixels about the person, warped or true, that count with it.
MARGIN_PX = 2
BLURS_PX = (24, 12, 6)


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wardrobe", type=Path)
    parser.add_argument("--motions", type=Path)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7777)
    given = parser.parse_args()
    take = TakeOptions(
        split="held-out",
        wardrobe=given.wardrobe,
        motions=None if given.motions is None else read_motion_files(given.motions),
    )
    tracked = DatasetOptions(take=take, samples_per_take=12, targets_per_reference=6, open_takes=1)
    print(f"{given.pairs} pairs, seed {given.seed}, {take.width}x{take.height}\n")
    for name, options in (("tracked keypoints", tracked), ("exact keypoints", replace(tracked, noise=0.0))):
        people = RenderedPeople(given.seed, options)
        pairs, truths = RenderedPairs(people, seed=given.seed), RefinementPairs(people, seed=given.seed)
        found = [measures(pairs.sample(n), truths.sample(n)) for n in range(given.pairs)]
        if options is tracked:
            print("| | " + " | ".join(found[0]) + " |\n" + "|---" * (len(found[0]) + 1) + "|")
        means = [sum(each[key] for each in found) / len(found) for key in found[0]]
        print(f"| {name} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |", flush=True)


def measures(pair: Sample, truth: Sample) -> dict[str, float]:
    """Of one pair, by name."""
    target, warped = pair["target"].float() / 255, pair["warped"]
    coverage, matte = pair["coverage"], truth["matte"]
    whole = WarpedPhoto(
        colors_B3HW=warped[None], coverage_BHW=torch.ones_like(coverage)[None], repair_BHW=coverage[None]
    )
    moved = displaced(whole, field_everywhere(truth)[None])
    counted = F.max_pool2d(torch.maximum(coverage, matte)[None], 2 * MARGIN_PX + 1, 1, MARGIN_PX)[0] > 0.5
    values = {
        "warp, dB": psnr(warped, target, counted),
        "displaced, dB": psnr(moved.colors_B3HW[0], target, counted),
        "sharpness of the warp": energy(warped, counted) / energy(target, counted),
        "sharpness displaced": energy(moved.colors_B3HW[0], counted) / energy(target, counted),
        "IoU of the warp": overlap(coverage, matte),
        "IoU displaced": overlap(moved.repair_BHW[0], matte),
        "px": float(truth["field"].norm(dim=0)[truth["known"]].mean()),
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
