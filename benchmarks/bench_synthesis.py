"""Rendered people against the tracker, against themselves, and against the clock.

    python benchmarks/bench_synthesis.py [--output TABLE.md] [--takes 40] [--wardrobe DIR] [--only PART]

Found: share of upright frames in which MediaPipe Pose finds the person, every frame searched anew. Error: distance of
its joints from the true ones that can be seen, in torso lengths. Surface: pixels of one frame painted with another
frame's colours by part, layer, U and V, all read back from an exported clip's ground truth. Needs the extra
[synthesis]; about five minutes on two cores, no network.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from animator.benchmarking.machine import processor
from animator.synthesis.export import UV_STEPS, ExportOptions, write_take
from animator.synthesis.motions.library import random_motion
from animator.synthesis.motions.motion import turn_motion, upright_frames
from animator.synthesis.motions.variety import count_distinct
from animator.synthesis.scene import RenderedFrame, pose_vertices
from animator.synthesis.take import Take, TakeOptions, random_take
from animator.synthesis.tracker_noise import torso_px
from pose_tracking.frame import Frame
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.trackers.blazepose import BlazePoseTracker

FRAMES_PER_TAKE = 8
SURFACE_GAP = 5
# Joint types by what their names contain; the first that fits counts.
TYPES = {
    "face": ("nose", "eye", "ear", "mouth"),
    "foot": ("heel", "foot_index"),
    "shoulder": ("shoulder",),
    "elbow": ("elbow",),
    "wrist": ("wrist",),
    "hand": ("pinky", "index", "thumb"),
    "hip": ("hip",),
    "knee": ("knee",),
    "ankle": ("ankle",),
}
TIMED_FRAMES = 60
TORCH_BATCH = 4
WANTED_POSES = 2000


def main() -> None:
    """Print the tables; write them too where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="also write the tables to this Markdown file")
    parser.add_argument("--takes", type=int, default=40, help="people and motions to look at, half of them held out")
    parser.add_argument("--wardrobe", type=Path, help="MakeHuman assets, to measure the surface with them too")
    parts = {
        "tracker": lambda: tracker_table(arguments.takes),
        "surface": lambda: surface_lines(arguments.takes, arguments.wardrobe),
        "variety": variety_line,
        "speed": speed_table,
    }
    parser.add_argument("--only", choices=parts, help="this part alone")
    arguments = parser.parse_args()
    if arguments.only:
        lines = parts[arguments.only]()
    else:
        lines = [*heading(), *(line for part in parts.values() for line in part())]
    print("\n".join(lines))
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n")


def heading() -> list[str]:
    return [
        "# Rendered people: tracker, surface, variety, speed",
        "",
        f"Measured with `benchmarks/bench_synthesis.py` on {os.cpu_count()} cores ({processor()}), "
        f"Python {platform.python_version()}, 256x320 px, everything procedural where nothing else is "
        "said.",
        "",
    ]


def takes(count: int) -> Iterator[Take]:
    for seed in range(count):
        yield random_take(seed, TakeOptions(split=("train", "held-out")[seed % 2], num_frames=100))


def tracker_table(count: int) -> list[str]:
    """Found, and error by joint type."""
    found = total = 0
    errors: dict[str, list[float]] = {name: [] for name in TYPES}
    with BlazePoseTracker() as tracker:
        for take in takes(count):
            upright = np.flatnonzero(upright_frames(take.motion))
            for frame in upright[np.linspace(0, len(upright) - 1, FRAMES_PER_TAKE).astype(int)]:
                shown = take.frame(int(frame))
                tracker.forget()
                seen = tracker.detect(Frame(pixels_HWC=shown.image_HWC, time_s=float(total), index=total))
                total += 1
                if seen:
                    found += 1
                    collect_errors(errors, shown, seen[0].keypoints_K2)
    everything = np.concatenate([np.array(values) for values in errors.values()])
    rows = [
        "## Tracker",
        "",
        f"Found in {found} of {total} upright frames ({100 * found / total:.1f} %) of {count} people, half held out.",
        "",
        "| joints | seen | median error, torsos | 90th percentile |",
        "|---|---|---|---|",
    ]
    for name, values in [*errors.items(), ("all", everything)]:
        rows.append(f"| {name} | {len(values)} | {np.median(values):.3f} | {np.quantile(values, 0.9):.3f} |")
    return [*rows, ""]


def collect_errors(errors: dict[str, list[float]], shown: RenderedFrame, tracked_K2: np.ndarray) -> None:
    away = np.linalg.norm(tracked_K2 - shown.keypoints_K2, axis=1) / torso_px(shown.keypoints_K2[None])[0]
    for index, joint in enumerate(BLAZEPOSE_33.joints):
        kind = next(name for name, parts in TYPES.items() if any(part in joint for part in parts))
        if shown.visibility_K[index] > 0 and np.isfinite(away[index]):
            errors[kind].append(float(away[index]))


def surface_lines(count: int, wardrobe: Path | None) -> list[str]:
    """How well exported surface coordinates carry colours over, without and with a wardrobe."""
    lines = [
        "## Surface",
        "",
        "A frame painted with the colours of the frame 0.2 s before, by part, layer, U and V as exported, over the "
        "pixels wholly covered and seen in both; light and shadow differ between frames. Colours are those of the "
        "frames before they are encoded.",
        "",
        "| clothes and hair | people | median PSNR, dB | lowest | without layers: median | lowest |",
        "|---|---|---|---|---|---|",
    ]
    for name, folder in (("procedural", None), ("procedural and MakeHuman assets", wardrobe)):
        if name == "procedural" or folder is not None:
            told, merged = np.array([surface_psnr(seed, folder) for seed in range(count)]).T
            lines.append(
                f"| {name} | {count} | {np.median(told):.1f} | {told.min():.1f} | {np.median(merged):.1f} | "
                f"{merged.min():.1f} |"
            )
    return [*lines, ""]


def surface_psnr(seed: int, wardrobe: Path | None) -> tuple[float, float]:
    """PSNR, dB, of a frame painted with another's colours at the nearest exported place of the surface.

    The second figure is what it would be if layers were not told apart.
    """
    options = TakeOptions(split=("train", "held-out")[seed % 2], num_frames=100, wardrobe=wardrobe)
    take = random_take(seed, options)
    part = slice(len(take) // 2, len(take) // 2 + SURFACE_GAP + 1)
    take = replace(take, motion=take.motion.take(part), sway_T2=take.sway_T2[part], hair_T3=take.hair_T3[part])
    with tempfile.TemporaryDirectory() as folder:
        _, truth = write_take(take, Path(folder) / "clip.mp4", ExportOptions(take=options))
        with np.load(truth) as maps:
            source, target = (
                (surface(maps, index), take.frame(index).image_HWC[maps["matte"][index] == 255].astype(np.float64))
                for index in (0, SURFACE_GAP)
            )
    return painted_psnr(source, target), painted_psnr(*((place[:, [0, 2, 3]], c) for place, c in (source, target)))


def painted_psnr(source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]) -> float:
    """PSNR of the target's colours against those of the source's nearest place, within 0.004 in U, V."""
    away, nearest = cKDTree(source[0]).query(target[0], distance_upper_bound=0.004)
    both = np.isfinite(away)
    return float(10 * np.log10(255**2 / np.mean((source[1][nearest[both]] - target[1][both]) ** 2)))


def surface(maps: Mapping[str, np.ndarray], index: int) -> np.ndarray:
    """Part, layer, U, V [N, 4] of the pixels the person covers wholly; parts and layers lie far apart."""
    whole = maps["matte"][index] == 255
    names = [10.0 * maps[name][index][whole][:, None] for name in ("parts", "layers")]
    return np.concatenate([*names, maps["uv"][index][whole] / UV_STEPS], axis=1)


def variety_line() -> list[str]:
    """How many motions it takes until 2,000 poses are distinct."""
    drawn = 0

    def motions() -> Iterator:  # type: ignore[type-arg]
        nonlocal drawn
        for seed in range(4000):
            drawn += 1
            rng = np.random.default_rng(seed)
            # The camera's yaw, as takes draw it.
            yaw = rng.normal(0, 18) if rng.random() < 0.75 else rng.uniform(-75, 75)
            yield turn_motion(random_motion(seed), -yaw).take(slice(None, None, 4))

    distinct = count_distinct(motions(), stop_at=WANTED_POSES)
    return [
        "## Variety",
        "",
        f"{distinct} upright poses, any two more than 0.2 torsos apart (mean over the twelve limb joints, as the "
        f"camera sees them), are found in the first {drawn} training motions of 5 s, every fourth frame looked at.",
        "",
    ]


def speed_table() -> list[str]:
    """Frames a second of one process, of as many as there are cores, and of the torch path."""
    start = time.process_time()
    take = random_take(0)
    make_s = time.process_time() - start
    one_s, one_cpu_s = timed_frames(0)
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        timed = list(pool.map(timed_frames, range(cores)))
    torch_s, torch_cpu_s = timed_torch(take)
    several, several_cpu = (sum(TIMED_FRAMES / each[k] for each in timed) for k in (0, 1))
    return [
        "## Speed",
        "",
        f"Other work was running: load {os.getloadavg()[0]:.1f} on {cores} cores. The second column counts processor "
        "time only.",
        "",
        "| path | frames/s | frames/s of processor time |",
        "|---|---|---|",
        f"| one process | {TIMED_FRAMES / one_s:.1f} | {TIMED_FRAMES / one_cpu_s:.1f} |",
        f"| {cores} processes on {cores} cores | {several:.1f} | {several_cpu:.1f} |",
        f"| torch on one CPU thread | {TORCH_BATCH / torch_s:.1f} | {TORCH_BATCH / torch_cpu_s:.1f} |",
        "",
        f"A new take (person, motion, camera, backdrop) costs {make_s:.2f} s of processor time once; a dataset draws "
        "24 samples of each.",
    ]


def timed_frames(seed: int) -> tuple[float, float]:
    """Seconds on the clock and of the processor for `TIMED_FRAMES` frames, compiled code warm."""
    take = random_take(seed)
    take.frame(0)
    start, start_cpu = time.perf_counter(), time.process_time()
    for index in range(TIMED_FRAMES):
        take.frame(index)
    return time.perf_counter() - start, time.process_time() - start_cpu


def timed_torch(take: Take) -> tuple[float, float]:
    """The same for one batch of the torch path, on one thread."""
    import torch

    from animator.synthesis.batch_renderer import Job, TorchRenderer

    torch.set_num_threads(1)
    renderer = TorchRenderer(torch.device("cpu"))
    jobs = [
        Job(
            mesh=take.character.mesh,
            vertices_V3=pose_vertices(take.character, take.motion[frame])[0],
            camera=take.camera,
            light=take.backdrop.light,
            background_HW3=take.backdrop.image_HW3,
            floor_strength=take.backdrop.floor_strength,
        )
        for frame in range(0, 20 * TORCH_BATCH, 20)
    ]
    renderer.draw(jobs)
    start, start_cpu = time.perf_counter(), time.process_time()
    renderer.draw(jobs)
    return time.perf_counter() - start, time.process_time() - start_cpu


if __name__ == "__main__":
    main()
