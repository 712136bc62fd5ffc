"""Pictures of nothing: overlapping shapes with textures, whose edges and scales are distributed as in photos.

An autoencoder that sees only rendered people keeps rendered people; these bring the detail of gravel, foliage and
print without a photo. Source: Lee, Mumford and Huang 2001; their use for training, Baradad et al. 2021.

Legend: H W pixels.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

# Sides are drawn twice as large, which gives shapes soft edges.
_SUPERSAMPLING = 2
_RADIUS_SHARE = (0.012, 0.35)


def dead_leaves(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """uint8 RGB [H, W, 3]."""
    size = width * _SUPERSAMPLING, height * _SUPERSAMPLING
    picture = Image.fromarray(texture(rng, size[1], size[0]))
    smallest, largest = (share * max(size) for share in _RADIUS_SHARE)
    for _ in range(int(rng.integers(40, 260))):
        # Areas by a power law of exponent -3 look the same at every scale.
        share = rng.random()
        radius = 1 / np.sqrt((1 - share) / smallest**2 + share / largest**2)
        shape = Image.new("L", size)
        points = _outline(rng, radius) + rng.uniform(0, 1, 2) * size
        ImageDraw.Draw(shape).polygon([tuple(point) for point in points], fill=255)
        box = shape.getbbox()
        if box is None:
            continue
        if rng.random() < 0.6:
            filling = Image.new("RGB", (box[2] - box[0], box[3] - box[1]), tuple(rng.integers(0, 256, 3).tolist()))
        else:
            filling = Image.fromarray(texture(rng, box[3] - box[1], box[2] - box[0]))
        picture.paste(filling, box[:2], shape.crop(box))
    return np.array(picture.resize((width, height), Image.Resampling.BOX))


def texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """uint8 RGB [H, W, 3]: noise with a spectrum 1/f^a in colours about a random mean."""
    # Made small and repeated: a filling has no need to be unique.
    side = 64
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1
    spectrum = frequency ** -rng.uniform(0.4, 2.2)
    shift = np.exp(2j * np.pi * rng.random((2, *spectrum.shape)))
    waves = np.fft.irfft2(spectrum * shift, s=(side, side))
    waves /= waves.std(axis=(1, 2), keepdims=True) + 1e-9
    colours = rng.normal(0, rng.uniform(5, 40), (2, 3))
    tile = rng.uniform(10, 245, 3) + np.einsum("nhw,nc->hwc", waves, colours)
    tile = np.clip(tile, 0, 255).astype(np.uint8)
    scale = rng.integers(1, 4)
    tile = tile.repeat(scale, 0).repeat(scale, 1)
    reach = (-(-height // tile.shape[0]), -(-width // tile.shape[1]), 1)
    return np.tile(tile, reach)[:height, :width]


def _outline(rng: np.random.Generator, radius: float) -> np.ndarray:
    """[points, 2] about (0, 0): an ellipse, a bar or a polygon, turned at random."""
    corners = int(rng.choice([3, 4, 5, 24]))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners)) if corners < 24 else np.linspace(0, 2 * np.pi, corners)
    stretch = np.exp(rng.normal(0, 0.6))
    points = radius * np.stack([np.cos(angles) * stretch, np.sin(angles) / stretch], 1)
    turn = rng.uniform(0, 2 * np.pi)
    return np.asarray(points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]))
