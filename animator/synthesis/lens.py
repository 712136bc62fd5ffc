"""What a real camera adds to a rendered picture: softness, shot noise, compression."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Attributes:
    blur_px: Gaussian softness.
    shot_noise: standard deviation at full white, 0 to 1; falls with the root of the light.
    jpeg_quality: 1 to 95, or None for no compression.
    """

    blur_px: float = 0.0
    shot_noise: float = 0.0
    jpeg_quality: int | None = None


def random_lens(rng: np.random.Generator) -> Lens:
    """A camera or clip one meets: half are clean."""
    if rng.random() < 0.5:
        return Lens()
    return Lens(
        blur_px=float(rng.uniform(0.0, 0.8)),
        shot_noise=float(rng.uniform(0.0, 0.03)),
        jpeg_quality=int(rng.integers(55, 95)) if rng.random() < 0.7 else None,
    )


def photograph(image_HWC: np.ndarray, lens: Lens, rng: np.random.Generator) -> np.ndarray:
    """The uint8 picture as `lens` takes it; noise from `rng`."""
    if lens.blur_px > 0:
        image_HWC = gaussian_filter(image_HWC, (lens.blur_px, lens.blur_px, 0))
    if lens.shot_noise > 0:
        light = image_HWC.astype(np.float32) / 255
        light += lens.shot_noise * np.sqrt(light) * rng.standard_normal(light.shape, dtype=np.float32)
        image_HWC = np.round(light.clip(0, 1) * 255).astype(np.uint8)
    if lens.jpeg_quality is not None:
        stored = io.BytesIO()
        Image.fromarray(image_HWC).save(stored, format="JPEG", quality=lens.jpeg_quality)
        image_HWC = np.asarray(Image.open(stored))
    return image_HWC
