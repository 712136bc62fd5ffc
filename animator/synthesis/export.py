"""Rendered people as files: clips with ground truth, folders of them, and pairs for cross-identity evaluation.

Legend: T frames, H W pixels, K keypoints.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from animator.encoding import EncodeConfig, encode
from animator.encoding.atomic_file import replacing
from animator.errors import JobError
from animator.synthesis.scene import RenderedFrame
from animator.synthesis.take import Take, TakeOptions, paired_takes, random_take
from pose_tracking.frame import Frame
from pose_tracking.sequence import FORMAT
from pose_tracking.skeleton import BLAZEPOSE_33

MANIFEST = "manifest.json"
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How takes are written.

    Attributes:
        take: what is drawn.
        crf: quality of the MP4, lower is better.
        maps: also write part index, U,V and depth (about 1 MB a second at 256x320).
    """

    take: TakeOptions
    crf: int = 14
    maps: bool = True


def write_clip(seed: int, output: Path, options: ExportOptions, *, advance: Advance | None = None) -> list[Path]:
    """Writes the take with this seed as `output` (.mp4) and its ground truth beside it (.npz); see `write_take`.

    Raises:
        JobError: an output that does not end in .mp4.
    """
    if output.suffix.lower() != ".mp4":
        raise JobError(f"{output.name}: a clip is written as .mp4 with its ground truth as .npz beside it")
    return write_take(random_take(seed, options.take), output, options, advance=advance)


def write_take(take: Take, output: Path, options: ExportOptions, *, advance: Advance | None = None) -> list[Path]:
    """Writes all frames of a take, in one pass.

    The .npz is a pose file of ours (`PoseSequence.load` reads it: keypoints, confidence, times_s) with more in it:
    keypoints_3d [T, K, 3] world metres, matte [T, H, W] uint8, and with `maps` parts [T, H, W] uint8, uv
    [T, H, W, 2] uint8 (255 is 1) and depth [T, H, W] float16 metres (inf on the background).

    Returns:
        The two paths.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    truth: dict[str, list[np.ndarray]] = {}
    fps = Fraction(options.take.fps).limit_denominator(1001)

    def frames() -> Iterator[Frame]:
        for index, rendered in enumerate(take):
            _collect(truth, rendered, maps=options.maps)
            yield Frame(pixels_HWC=rendered.image_HWC, time_s=float(index / fps), index=index)
            if advance is not None:
                advance(1)

    encode(frames(), output, EncodeConfig(crf=options.crf), fps=fps)
    truth_path = output.with_suffix(".npz")
    labels = {
        "format": np.array(FORMAT),
        "skeleton": np.array(BLAZEPOSE_33.name),
        "frame_size": np.array((take.camera.width, take.camera.height)),
        "times_s": np.arange(len(take)) / float(fps),
    }
    with replacing(truth_path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **labels, **{name: np.stack(values) for name, values in truth.items()})
    return [output, truth_path]


def _collect(truth: dict[str, list[np.ndarray]], rendered: RenderedFrame, *, maps: bool) -> None:
    fields = {
        "keypoints": rendered.keypoints_K2,
        # A hidden joint is where it is said to be, but nobody could see it.
        "confidence": np.where(rendered.visibility_K > 0, np.float32(1.0), np.float32(0.4)),
        "keypoints_3d": rendered.keypoints_K3,
        "matte": np.round(rendered.matte_HW * 255).astype(np.uint8),
    }
    if maps:
        fields |= {
            "parts": rendered.parts_HW,
            "uv": np.round(rendered.uv_HW2.clip(0, 1) * 255).astype(np.uint8),
            "depth": rendered.depth_HW.astype(np.float16),
        }
    for name, value in fields.items():
        truth.setdefault(name, []).append(value)


def write_pair(seed: int, folder: Path, options: ExportOptions, *, advance: Advance | None = None) -> list[Path]:
    """Writes driver.mp4, subject.mp4 (the same motion by the other person: the true answer) and photo.png."""
    driver, film, still = paired_takes(seed, options.take)
    paths = write_take(driver, folder / "driver.mp4", options, advance=advance)
    paths += write_take(film, folder / "subject.mp4", options, advance=advance)
    photo = folder / "photo.png"
    with replacing(photo) as temporary:
        Image.fromarray(still.frame(0).image_HWC).save(temporary, format="PNG")
    return [*paths, photo]


def write_many(
    kind: str,
    folder: Path,
    count: int,
    options: ExportOptions,
    *,
    seed: int,
    jobs: int = 1,
    advance: Advance | None = None,
) -> Path:
    """Writes `count` clips ("clips") or pairs ("pairs") into `folder` with a manifest; seeds count up from `seed`.

    Args:
        jobs: processes at work; the files do not depend on it.
        advance: called with 1 when a clip or pair is done.

    Returns:
        The manifest.
    """
    if count < 1 or jobs < 1:
        raise JobError(f"{count} {kind} by {jobs} processes; expected at least one of each")
    folder.mkdir(parents=True, exist_ok=True)
    write = {"clips": _write_numbered_clip, "pairs": _write_numbered_pair}[kind]
    work = partial(write, folder=folder, options=options)
    entries = []
    for entry in _mapped(work, range(seed, seed + count), jobs):
        entries.append(entry)
        if advance is not None:
            advance(1)
    take = options.take
    about = {
        "format": f"rendered-{kind}/1",
        "split": take.split,
        "fps": take.fps,
        "size": [take.width, take.height],
        "num_frames": take.num_frames,
        kind: entries,
    }
    path = folder / MANIFEST
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return path


def _mapped(work: Callable[[int], dict[str, object]], seeds: range, jobs: int) -> Iterator[dict[str, object]]:
    if jobs == 1:
        yield from map(work, seeds)
        return
    from multiprocessing import get_context

    # Spawned, not forked: numba's and torch's threads do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(work, seeds)
        finally:
            pool.shutdown(cancel_futures=True)


def _write_numbered_clip(seed: int, *, folder: Path, options: ExportOptions) -> dict[str, object]:
    paths = write_clip(seed, folder / f"clip_{seed:06d}.mp4", options)
    return {"seed": seed, "files": [path.name for path in paths]}


def _write_numbered_pair(seed: int, *, folder: Path, options: ExportOptions) -> dict[str, object]:
    name = f"pair_{seed:06d}"
    paths = write_pair(seed, folder / name, options)
    return {"seed": seed, "files": [f"{name}/{path.name}" for path in paths]}
