"""Makes docs/images anew: 64 people, and 12 clips as filmstrips, one JPEG each.

    python examples/make_sheets.py [FOLDER]

Needs the extra [synthesis]; about three minutes on one core.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from einops import rearrange
from PIL import Image

from animator.synthesis.backdrop import make_backdrop
from animator.synthesis.motions.framing import frame_points, outline_points
from animator.synthesis.scene import Character, RenderedFrame
from animator.synthesis.splits import SPLITS
from animator.synthesis.take import TakeOptions, fit_motion, make_take, photo_pose, random_take

MAX_BYTES = 350_000
PEOPLE, PEOPLE_IN_ROW = 64, 16
CLIPS, FRAMES, CLIP = 12, 10, TakeOptions(height=160, width=128, num_frames=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    save(people(), folder / "synthesis_people.jpg")
    save(clips(), folder / "synthesis_clips.jpg")


def people() -> np.ndarray:
    """Photos of the first people, half of them held out from training."""
    photos = [photo(seed).image_HWC for seed in range(PEOPLE)]
    return rearrange(np.stack(photos), "(rows columns) h w c -> (rows h) (columns w) c", columns=PEOPLE_IN_ROW)


def photo(seed: int) -> RenderedFrame:
    """One person standing for a photo, close up, somewhere."""
    character = Character.from_seed(seed, split=SPLITS[seed % 2])
    motion = fit_motion(character, photo_pose(seed))
    points = outline_points(motion, character.body.rest_J3) + np.array([0.0, character.lift_m, 0.0])
    camera = frame_points(points, height=224, width=128, margin=0.05, yaw_deg=14.0 * (seed % 3 - 1))
    return make_take(character, motion, camera=camera, backdrop=make_backdrop(seed, camera)).frame(0)


def clips() -> np.ndarray:
    """The first takes as filmstrips, two beside each other."""
    strips = []
    for seed in range(CLIPS):
        take = random_take(seed, dataclasses.replace(CLIP, split=SPLITS[seed % 2]))
        frames = np.linspace(0, len(take) - 1, FRAMES).astype(int)
        strips.append(np.concatenate([take.frame(int(frame)).image_HWC for frame in frames], axis=1))
    return rearrange(np.stack(strips), "(rows columns) h w c -> (rows h) (columns w) c", columns=2)


def save(sheet_HWC: np.ndarray, path: Path) -> None:
    """As a JPEG of the best quality that fits."""
    for quality in range(92, 30, -4):
        Image.fromarray(sheet_HWC).save(path, quality=quality, optimize=True)
        if path.stat().st_size <= MAX_BYTES:
            break
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
