"""What the watermark costs, how often it is found after encoding, and how often where there is none.

    python benchmarks/bench_watermark.py --frames FOLDER [--clips FOLDER] [--shuffled 200]

FOLDER holds the PNG pictures of a render without a watermark; the clips are films nobody marked.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from animator.encoding import EncodeConfig, encode, watermark
from animator.encoding.watermark import DETECTED_FROM, WatermarkReader, embed_watermark
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import PipelineError
from pose_tracking.frame import Frame

CODE = "1a2b3c4d"
CLIP_ENDINGS = (".mp4", ".mov", ".mkv", ".webm", ".gif", ".avi")
# As `animator inspect` does.
NUM_PICTURES = 24


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, required=True)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--shuffled", type=int, default=200, help="other signs tried on every clip")
    options = parser.parse_args()
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(options.frames.glob("*.png"))]
    measure_cost(pictures)
    measure_survival(pictures)
    if options.clips:
        measure_false_alarms(options.clips, options.shuffled)


def measure_cost(pictures: Sequence[np.ndarray]) -> None:
    """PSNR and time of embedding."""
    embed_watermark(pictures[0], CODE)
    began_s = time.process_time()
    marked = [embed_watermark(picture, CODE) for picture in pictures]
    milliseconds = 1000 * (time.process_time() - began_s) / len(pictures)
    errors = [np.mean((one.astype(np.float32) - other) ** 2) for one, other in zip(marked, pictures, strict=True)]
    largest = max(int(np.abs(one.astype(int) - other).max()) for one, other in zip(marked, pictures, strict=True))
    height, width = pictures[0].shape[:2]
    print(
        f"{len(pictures)} frames of {width}x{height} px: PSNR {10 * np.log10(255**2 / np.mean(errors)):.1f} dB, "
        f"at most {largest} levels of 255, {milliseconds:.1f} ms of a core a frame"
    )


def measure_survival(pictures: Sequence[np.ndarray]) -> None:
    """Share of single frames, and of whole files, in which mark and code are found after encoding."""
    print("| encoding | size | mark in single frames | code right in single frames | score of 24 frames | its code |")
    print("|---|---|---|---|---|---|")
    for name, crf in (("x.mp4", 16), ("x.mp4", 20), ("x.mp4", 23), ("x.mp4", 28), ("x.webp", 16), ("x.gif", 16)):
        with tempfile.TemporaryDirectory() as folder:
            sizes = []
            for is_marked in (False, True):
                film = (embed_watermark(picture, CODE) if is_marked else picture for picture in pictures)
                frames = (Frame(pixels_HWC=each, time_s=n / 25, index=n) for n, each in enumerate(film))
                path = encode(frames, Path(folder) / name, EncodeConfig(crf=crf), fps=Fraction(25)).path
                sizes.append(path.stat().st_size)
            shown = list(_pictures(path))
        singles = [_read([picture]) for picture in shown]
        found = np.mean([single is not None for single in singles])
        right = np.mean([single is not None and single.code == CODE for single in singles])
        whole = _read(shown[:NUM_PICTURES])
        score, code = (0.0, "none") if whole is None else (whole.score, "right" if whole.code == CODE else "unreadable")
        label = f"{name[2:]} crf {crf}" if name.endswith("mp4") else name[2:]
        print(f"| {label} | {sizes[1] / sizes[0] - 1:+.0%} | {found:.1%} | {right:.1%} | {score:.1f} | {code} |")


def measure_false_alarms(folder: Path, num_shuffled: int) -> None:
    """Scores of films that carry no mark, by its own signs and by as many others as asked for."""
    own, others, num_frames = [], [], 0
    for path in sorted(each for each in folder.rglob("*") if each.suffix.lower() in CLIP_ENDINGS):
        try:
            pictures = list(islice(_pictures(path), NUM_PICTURES))
        except (PipelineError, OSError):
            continue
        num_frames += len(pictures)
        with mock.patch.object(watermark, "DETECTED_FROM", -np.inf):
            own += [found.score for picture in pictures if (found := _read([picture])) is not None]
            whole = WatermarkReader()
            for picture in pictures:
                whole.add(picture)
            own += [whole.result.score] if whole.result else []
        heard = None if whole._sum_RQF is None else whole._sum_RQF.ravel()
        if heard is not None and heard.any():
            signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(num_shuffled, heard.size))
            others += list(signs @ heard / np.sqrt((heard**2).sum()))
    print(
        f"{num_frames} unmarked frames: scores {min(own):.1f} to {max(own):.1f}, "
        f"{sum(score >= DETECTED_FROM for score in own)} of {len(own)} taken for marked (threshold {DETECTED_FROM:g}); "
        f"{len(others)} scores by other signs: mean {np.mean(others):.2f}, deviation {np.std(others):.2f}, "
        f"largest {np.max(np.abs(others)):.1f}"
    )


def _read(pictures: Sequence[np.ndarray]) -> watermark.Watermark | None:
    reader = WatermarkReader()
    for picture in pictures:
        reader.add(picture)
    return reader.result


def _pictures(path: Path) -> Iterator[np.ndarray]:
    if path.suffix == ".webp":
        with Image.open(path) as image:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                yield np.asarray(image.convert("RGB"))
    else:
        yield from (frame.pixels_HWC for frame in DrivingClip.open(path).frames())


if __name__ == "__main__":
    main()
