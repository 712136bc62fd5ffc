"""Fabrics: what people wear, woven onto a cloth template: colour, pattern, folds, seams.

Patterns and folds are functions of the template position, so they meet at the seams of the chart and do not move.

Legend: H W texels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from animator.synthesis.cloth import ClothTemplate

# Colours of clothes, sRGB, with how often they are worn: mostly black, navy, grey, white and earth tones.
PALETTE: tuple[tuple[tuple[int, int, int], float], ...] = (
    ((28, 28, 31), 9),
    ((58, 60, 64), 6),
    ((112, 114, 117), 5),
    ((168, 169, 170), 3),
    ((236, 234, 229), 8),
    ((221, 211, 194), 5),
    ((31, 40, 66), 8),
    ((62, 84, 122), 4),
    ((121, 146, 178), 4),
    ((176, 146, 108), 4),
    ((106, 80, 60), 3),
    ((84, 88, 62), 4),
    ((48, 70, 58), 3),
    ((140, 154, 132), 2),
    ((104, 40, 48), 3),
    ((158, 80, 56), 2),
    ((190, 148, 70), 1.5),
    ((200, 158, 156), 2.5),
    ((156, 142, 172), 1.2),
    ((172, 44, 46), 1.5),
    ((54, 112, 116), 1.5),
    ((226, 196, 130), 1),
)
PATTERNS = ("plain", "stripes", "checks", "dots", "gradient", "denim", "knit", "print", "melange")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """Attributes:
    colour, accent: sRGB 0 to 255; the accent is the pattern's second colour.
    pattern: one of `PATTERNS`.
    scale_m: size of the pattern's repeat.
    folds: strength of the folds, 1 ordinary.
    gloss, fuzz: see `Material`.
    seed: noise of this piece.
    """

    colour: tuple[float, float, float]
    accent: tuple[float, float, float]
    pattern: str
    scale_m: float
    folds: float
    gloss: float
    fuzz: float
    seed: int


def random_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """A colour of the palette with a little variation."""
    share = np.array([weight for _, weight in PALETTE])
    base = np.array(PALETTE[int(rng.choice(len(PALETTE), p=share / share.sum()))][0], float)
    moved = base * rng.normal(1, 0.06) + rng.normal(0, 4, 3)
    moved = moved.mean() + rng.uniform(0.6, 1.0) * (moved - moved.mean())
    r, g, b = np.clip(moved, 14, 242)
    return float(r), float(g), float(b)


def random_fabric(rng: np.random.Generator, patterns: dict[str, float]) -> Fabric:
    """A fabric whose pattern is drawn with the given weights."""
    names = list(patterns)
    weights = np.array([patterns[name] for name in names])
    pattern = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    colour, accent = random_colour(rng), random_colour(rng)
    if pattern == "denim":
        shade = rng.uniform(0.35, 1.15)
        colour = (58 * shade + 8, 78 * shade + 8, 112 * shade + 10)
        accent = (150, 165, 185)
    if pattern == "stripes" and rng.random() < 0.5:
        accent = (236, 234, 229) if sum(colour) < 380 else (31, 36, 56)
    return Fabric(
        colour=colour,
        accent=accent,
        pattern=pattern,
        scale_m=float(rng.uniform(0.03, 0.075)),
        folds=float(rng.uniform(0.6, 1.15)),
        gloss=float(rng.choice([0.0, 0.01, 0.03], p=[0.5, 0.35, 0.15])),
        fuzz=float(rng.uniform(0.1, 0.5)),
        seed=int(rng.integers(1 << 31)),
    )


def weave(
    fabric: Fabric, template: ClothTemplate, edge_HW: np.ndarray, *, hanging: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Colour [H, W, 3] float sRGB and bump [H, W, 4] uint8 of the fabric on the template.

    `edge_HW` is the distance in metres to the piece's nearest cut edge; hems get their stitching from it.
    `hanging` cloth (skirts) falls in long folds from the waist instead of creasing at joints.
    """
    rng = np.random.default_rng(fabric.seed)
    place = template.place_HW3
    around, along = cloth_coordinates(place, hanging=hanging)
    height = (hanging_folds(place, rng) if hanging else fold_heights(place, rng)) * fabric.folds
    colour = _pattern(fabric, place, around, along, rng)
    if fabric.pattern == "knit":
        rib = 0.0012 * np.sin(2 * np.pi * around / 0.016)
        height = height + rib
        colour = colour * (1 + 0.05 * np.sin(2 * np.pi * around / 0.016))[..., None]
    stitch = np.exp(-(((edge_HW - 0.018) / 0.0035) ** 2))
    height = height - 0.0012 * stitch + 0.0012 * np.clip(edge_HW / 0.018, 0, 1)
    colour = colour * (1 - 0.10 * stitch)[..., None]
    colour = colour * (1 + 0.018 * fourier_noise(place, rng, 0.012))[..., None]
    return np.clip(colour, 4, 250), encode_bump(height, template)


def cloth_coordinates(place_HW3: np.ndarray, *, hanging: bool) -> tuple[np.ndarray, np.ndarray]:
    """Metres around and along the limb a texel lies on: trunk, arm (|x| > 0.2 m at shoulder height) or leg."""
    x, y, z = place_HW3[..., 0], place_HW3[..., 1], place_HW3[..., 2]
    arm = (np.abs(x) > 0.19) & (y > 1.2)
    leg = (y < 0.84) & (not hanging)
    around = np.arctan2(x, z - 0.015) * 0.145
    around = np.where(leg, np.arctan2(x - np.sign(x) * 0.103, z) * 0.08, around)
    around = np.where(arm, np.arctan2(y - 1.357, z) * 0.055, around)
    return around, np.where(arm, np.abs(x) + 0.9, y)


def _pattern(
    fabric: Fabric, place: np.ndarray, around: np.ndarray, along: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    colour, accent = np.array(fabric.colour), np.array(fabric.accent)
    scale = fabric.scale_m
    if fabric.pattern == "stripes":
        share = _band(along / scale, rng.uniform(0.3, 0.5))
    elif fabric.pattern == "checks":
        share = 0.5 * _band(along / scale, 0.5) + 0.5 * _band(around / scale, 0.5)
    elif fabric.pattern == "dots":
        row = np.floor(along / scale)
        u, v = (around / scale + 0.5 * (row % 2)) % 1 - 0.5, along / scale % 1 - 0.5
        share = np.clip((0.22 - np.hypot(u, v)) * 12 + 0.5, 0, 1)
    elif fabric.pattern == "gradient":
        share = np.clip((along - 0.2) / 1.1, 0, 1)
    elif fabric.pattern == "denim":
        worn = np.exp(-(((place[..., 1] - 0.66) / 0.22) ** 2)) * np.clip(place[..., 2] * 9, 0, 1)
        share = 0.32 * worn * rng.uniform(0.2, 1.0) + 0.03 * fourier_noise(place, rng, 0.012)
    elif fabric.pattern == "print":
        share = _print(place, rng)
    elif fabric.pattern == "melange":
        share = 0.07 * np.clip(fourier_noise(place, rng, 0.008) + 0.3, 0, 1)
    else:
        share = np.zeros(place.shape[:2])
    return colour + (accent - colour) * np.clip(share, 0, 1)[..., None]


def _band(phase: np.ndarray, width: float) -> np.ndarray:
    """1 inside a band covering `width` of each unit of phase, with soft edges."""
    distance = np.abs(phase % 1 - 0.5)
    return np.clip((width / 2 - distance) * 14 + 0.5, 0, 1)


def _print(place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Either an all-over print of blobs, or one motif on the chest."""
    if rng.random() < 0.5:
        return np.clip(4 * (fourier_noise(place, rng, rng.uniform(0.05, 0.1)) - 0.35), 0, 1)
    x, y = place[..., 0], place[..., 1] - rng.uniform(1.22, 1.28)
    front = place[..., 2] > 0.03
    angle, radius = np.arctan2(y, x), np.hypot(x, y * rng.uniform(0.8, 1.5))
    size = rng.uniform(0.045, 0.08) * (1 + rng.uniform(0, 0.35) * np.cos(rng.integers(0, 6) * angle))
    hollow = rng.uniform(-0.3, 0.7) * size
    shape = np.clip((size - radius) * 250 + 0.5, 0, 1) * np.clip((radius - hollow) * 250 + 0.5, 0, 1)
    return np.where(front, shape, 0)


def fourier_noise(place: np.ndarray, rng: np.random.Generator, size_m: float, count: int = 14) -> np.ndarray:
    """Smooth noise of unit spread and feature size `size_m`, as a sum of random plane waves in space."""
    waves = (rng.normal(0, 1, (count, 3)) / size_m * 1.4).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    height, width = place.shape[:2]
    # Features of a centimetre and more need no more than every other texel.
    sparse = place[::2, ::2] if size_m >= 0.01 else place
    noise = np.cos(sparse.astype(np.float32) @ waves.T + phases).sum(-1) * np.float32(np.sqrt(2 / count))
    return noise if noise.shape == (height, width) else cv2.resize(noise, (width, height))


def fold_heights(place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Height in metres of the folds: compressed rings at elbows, knees, waist; long drapes elsewhere."""
    x, y, z = place[..., 0], place[..., 1], place[..., 2]
    arm = (np.abs(x) > 0.19) & (y > 1.2)
    along = np.where(arm, np.abs(x) * 1.0, y)
    joints = np.where(
        arm,
        np.exp(-(((np.abs(x) - 0.43) / 0.09) ** 2)) + 0.6 * np.exp(-(((np.abs(x) - 0.62) / 0.06) ** 2)),
        np.exp(-(((y - 0.50) / 0.09) ** 2))
        + 0.8 * np.exp(-(((y - 0.13) / 0.07) ** 2))
        + 0.7 * np.exp(-(((y - 0.86) / 0.07) ** 2))
        + 0.45 * np.exp(-(((y - 1.06) / 0.08) ** 2)),
    )
    warp = 0.030 * fourier_noise(place, rng, 0.16) + 0.012 * fourier_noise(place, rng, 0.06)
    envelope = np.clip(0.5 + 0.9 * fourier_noise(place, rng, 0.11), 0, 1.4)
    rings = np.cos(2 * np.pi * (along + warp) / 0.062) * envelope
    slanted = np.cos(2 * np.pi * (along * 0.55 + np.where(arm, z, x) * 0.9 + 1.5 * warp) / 0.11)
    drapes = 0.55 * slanted * np.clip(0.4 + fourier_noise(place, rng, 0.2), 0, 1.2)
    broad = fourier_noise(place, rng, 0.09)
    return 0.0024 * joints * rings + 0.0026 * drapes + 0.0008 * broad


def hanging_folds(place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Height in metres of folds that run from the waist to the hem and grow on the way."""
    angle = np.arctan2(place[..., 0], place[..., 2] - 0.015)
    down = np.clip((1.05 - place[..., 1]) / 0.6, 0, 1)
    bend = 0.25 * fourier_noise(place, rng, 0.35)
    count = int(rng.integers(7, 15))
    waves = np.cos(count * (angle + bend) + rng.uniform(0, 6.3)) + 0.5 * np.cos(
        (2 * count + 1) * (angle + bend) + rng.uniform(0, 6.3)
    )
    envelope = np.clip(0.6 + 0.5 * fourier_noise(place, rng, 0.25), 0.1, 1.3)
    return (0.0008 + 0.0042 * down) * waves * envelope + 0.0006 * fourier_noise(place, rng, 0.12)


def encode_bump(height_HW: np.ndarray, template: ClothTemplate) -> np.ndarray:
    """uint8 [H, W, 4]: slope along u and v around 128 (full scale 1), cavity in the third channel."""
    smooth = cv2.GaussianBlur(height_HW.astype(np.float32), (0, 0), 0.8)
    dv, du = np.gradient(smooth, template.texel_m)
    edge = cv2.erode(template.inside_HW.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    du, dv = np.where(edge, du, 0), np.where(edge, -dv, 0)
    hollow = cv2.GaussianBlur(smooth, (0, 0), 7) - cv2.GaussianBlur(smooth, (0, 0), 1.5)
    cavity = np.clip(1 - 26 * np.where(edge, hollow, 0), 0.55, 1)
    channels = [128 + 127 * np.clip(du, -1, 1), 128 + 127 * np.clip(dv, -1, 1), 255 * cavity, np.full_like(cavity, 255)]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)
