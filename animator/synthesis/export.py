"""Rendered people as files: clips with ground truth, and pairs for cross-identity evaluation.

Legend: T frames, H W pixels, K keypoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from animator.encoding import EncodeConfig, encode
from animator.encoding.atomic_file import check_file_place, replacing
from animator.errors import JobError
from animator.synthesis.scene import RenderedFrame
from animator.synthesis.take import Take, TakeOptions, paired_takes, random_take
from animator.synthesis.truth_file import TruthFile
from pose_tracking.frame import Frame
from pose_tracking.pose_file import FORMAT
from pose_tracking.skeleton import BLAZEPOSE_33

Advance = Callable[[int], None]
# Steps of U and V between 0 and 1 in the exported maps.
UV_STEPS = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How takes are written.

    Attributes:
        take: what is drawn.
        crf: quality of the MP4, lower is better.
        maps: also write part, layer, U,V and depth (about 2 MB a second at 256x320).
    """

    take: TakeOptions
    crf: int = 14
    maps: bool = True

    def __post_init__(self) -> None:
        width, height = self.take.width, self.take.height
        if width % 2 or height % 2:
            raise JobError(
                f"pictures of {width}x{height} px; MP4 wants even sides: give {width + width % 2}x{height + height % 2}"
            )


def check_clip_place(output: Path) -> None:
    """Find out whether a clip and its ground truth can be written, leaving nothing behind.

    Raises:
        JobError: an output that does not end in .mp4.
        EncodeError, DiskError: a place that cannot be written.
    """
    if output.suffix.lower() != ".mp4":
        raise JobError(f"{output.name}: a clip is written as .mp4 with its ground truth as .npz beside it")
    check_file_place(output)
    check_file_place(truth_path(output))


def truth_path(output: Path) -> Path:
    """Where the ground truth of the clip `output` lies."""
    return output.with_suffix(".npz")


def write_clip(seed: int, output: Path, options: ExportOptions, *, advance: Advance | None = None) -> list[Path]:
    """Writes the take with this seed as `output` (.mp4) and its ground truth beside it (.npz); see `write_take`.

    Raises:
        JobError: an output that does not end in .mp4.
    """
    check_clip_place(output)
    return write_take(random_take(seed, options.take), output, options, advance=advance)


def write_take(take: Take, output: Path, options: ExportOptions, *, advance: Advance | None = None) -> list[Path]:
    """Writes all frames of a take, in one pass and in memory that does not grow with its length.

    The .npz is a pose file of ours (`PoseSequence.load` reads it: keypoints, confidence, times_s) with more in it:
    keypoints_3d [T, K, 3] world metres, matte [T, H, W] uint8, and with `maps` parts and layers [T, H, W] uint8, uv
    [T, H, W, 2] uint16 (65535 is 1) and depth [T, H, W] float16 metres (inf on the background).

    Returns:
        The two paths.
    """
    fps = Fraction(options.take.fps).limit_denominator(1001)
    labels = {
        "format": np.array(FORMAT),
        "skeleton": np.array(BLAZEPOSE_33.name),
        "frame_size": np.array((take.camera.width, take.camera.height)),
        "times_s": np.arange(len(take)) / float(fps),
    }
    # The clip takes its place first, the truth right after: where there is a truth, both are whole.
    with replacing(truth_path(output)) as temporary, TruthFile(output.parent) as truth:

        def frames() -> Iterator[Frame]:
            for index, rendered in enumerate(take):
                truth.append(_rows(rendered), _maps(rendered, surface=options.maps))
                yield Frame(pixels_HWC=rendered.image_HWC, time_s=float(index / fps), index=index)
                if advance is not None:
                    advance(1)

        encode(frames(), output, EncodeConfig(crf=options.crf), fps=fps)
        truth.save(temporary, labels)
    return [output, truth_path(output)]


def _rows(rendered: RenderedFrame) -> dict[str, np.ndarray]:
    return {
        "keypoints": rendered.keypoints_K2,
        # A hidden joint is where it is said to be, but nobody could see it.
        "confidence": np.where(rendered.visibility_K > 0, np.float32(1.0), np.float32(0.4)),
        "keypoints_3d": rendered.keypoints_K3,
    }


def _maps(rendered: RenderedFrame, *, surface: bool) -> dict[str, np.ndarray]:
    maps = {"matte": np.round(rendered.matte_HW * 255).astype(np.uint8)}
    if surface:
        maps |= {
            "parts": rendered.parts_HW,
            "layers": rendered.layers_HW,
            "uv": np.round(rendered.uv_HW2.clip(0, 1) * UV_STEPS).astype(np.uint16),
            "depth": rendered.depth_HW.astype(np.float16),
        }
    return maps


def write_pair(seed: int, folder: Path, options: ExportOptions, *, advance: Advance | None = None) -> list[Path]:
    """Writes driver.mp4, subject.mp4 (the same motion by the other person: the true answer) and photo.png."""
    driver, film, still = paired_takes(seed, options.take)
    paths = write_take(driver, folder / "driver.mp4", options, advance=advance)
    paths += write_take(film, folder / "subject.mp4", options, advance=advance)
    photo = folder / "photo.png"
    with replacing(photo) as temporary:
        Image.fromarray(still.frame(0).image_HWC).save(temporary, format="PNG")
    return [*paths, photo]
