"""Makes the picture of the README anew: the photo, moments of the clip, and what became of them.

    python examples/make_picture.py [FILE]

Half a minute on one core.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageOps

from animator.config import RenderJob
from animator.pipeline import animate

HERE = Path(__file__).parent
PHOTO, CLIP = HERE / "media" / "portrait.png", HERE / "media" / "dance.mp4"
MOMENTS_S = (0.4, 1.6, 2.4, 3.2, 4.0, 5.6)
CELL = (160, 200)
GAP_PX = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", metavar="FILE", nargs="?", type=Path, default=HERE.parent / "docs/images/demo.jpg")
    picture = parser.parse_args().picture
    with tempfile.TemporaryDirectory() as folder:
        result = animate(RenderJob(photo=PHOTO, clip=CLIP, output=Path(folder, "demo.mp4"))).path
        rows = (moments(CLIP), moments(result))
    compose(Image.open(PHOTO), rows).save(picture, quality=90, optimize=True)
    print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


def moments(clip: Path) -> list[Image.Image]:
    """The frames that are shown at the moments."""
    with av.open(str(clip)) as file:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    times_s = np.array([time_s for time_s, _ in frames])
    return [Image.fromarray(frames[int(np.abs(times_s - moment).argmin())][1]) for moment in MOMENTS_S]


def compose(photo: Image.Image, rows: tuple[list[Image.Image], list[Image.Image]]) -> Image.Image:
    """The photo, and beside it the clip's frames above those made."""
    width, height = CELL
    tall = 2 * height + GAP_PX
    large = ImageOps.fit(photo.convert("RGB"), (round(tall * width / height), tall))
    sheet = Image.new("RGB", (large.width + len(MOMENTS_S) * (width + GAP_PX), tall), "white")
    sheet.paste(large, (0, 0))
    for y, row in zip((0, height + GAP_PX), rows, strict=True):
        for number, frame in enumerate(row):
            sheet.paste(ImageOps.fit(frame, CELL), (large.width + GAP_PX + number * (width + GAP_PX), y))
    return sheet


if __name__ == "__main__":
    main()
