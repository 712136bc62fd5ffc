"""Skin and eyes: tones over the human range, lips, brows, lashes, beard shadow, irises; painted, not photographed.

Faces are painted by position on the template head (T-pose, metres): eyes at (±0.030, 1.597), brows near 1.622.

Legend: H W texels, V body vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from animator.synthesis.base_mesh import NUM_BODY_VERTICES, data_folder, load_base_mesh, triangulate
from animator.synthesis.body import Body, skin_weights
from animator.synthesis.cloth import template_place
from animator.synthesis.fabric import fourier_noise
from animator.synthesis.mesh import Material, Piece, compact
from animator.synthesis.textures import bake_attributes

_SIZE = 1024
# From light to dark, sRGB; linear in between.
_TONES = np.array(
    [
        (240, 202, 180), (231, 184, 156), (217, 165, 132), (196, 140, 105),
        (168, 111, 78), (133, 84, 58), (99, 61, 43), (70, 45, 34),
    ],
    float,
)  # fmt: skip
_HAIR_COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (24, 20, 19),
    "dark brown": (48, 33, 25),
    "brown": (84, 57, 38),
    "light brown": (128, 92, 60),
    "blond": (190, 152, 98),
    "red": (138, 66, 36),
    "grey": (150, 147, 143),
}
_EYE_COLOURS = ((70, 44, 26), (92, 62, 36), (112, 96, 56), (88, 110, 92), (92, 118, 142), (110, 122, 130))
_EYE_CENTRE = np.array([0.0296, 1.5967, 0.1092])
_EYE_RADIUS_M = 0.0149


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexion:
    """Attributes:
    tone: 0 lightest to 1 darkest.
    warmth: shift of the hue, about -1 to 1.
    hair: sRGB of hair, brows and beard.
    iris: sRGB.
    lips: strength of lip colour, 0.3 natural to 1 lipstick.
    brow: thickness of the brows, 1 ordinary.
    beard: 0 shaven to 1 full, painted.
    lash: darkness of the lashes.
    freckles: 0 to 1.
    seed: noise.
    """

    tone: float
    warmth: float
    hair: tuple[int, int, int]
    iris: tuple[int, int, int]
    lips: float
    brow: float
    beard: float
    lash: float
    freckles: float
    seed: int


def random_complexion(
    rng: np.random.Generator, *, ancestry: tuple[float, float, float], masculinity: float, age: float
) -> Complexion:
    """Tone and hair follow ancestry loosely, as they do."""
    tone = float(np.clip(np.dot(ancestry, (0.82, 0.34, 0.22)) + rng.normal(0, 0.14), 0, 1))
    fair = ancestry[2] * (1 - tone)
    weights = np.array(
        [1.2 + 4 * (1 - ancestry[2]), 2.0, 2.4 * fair, 1.8 * fair, 1.5 * fair, 0.5 * fair, 4.5 * max(age - 0.3, 0)]
    )
    names = list(_HAIR_COLOURS)
    hair = np.array(_HAIR_COLOURS[names[int(rng.choice(len(names), p=weights / weights.sum()))]])
    hair = np.clip(hair * rng.normal(1, 0.1), 12, 230).astype(int)
    eye_weights = np.array([2.5, 2.0, 0.3 + fair, 0.05 + fair, 0.05 + 1.3 * fair, 0.05 + 0.5 * fair])
    male = masculinity > 0.5
    return Complexion(
        tone=tone,
        warmth=float(rng.normal(0, 0.5)),
        hair=(int(hair[0]), int(hair[1]), int(hair[2])),
        iris=_EYE_COLOURS[int(rng.choice(len(_EYE_COLOURS), p=eye_weights / eye_weights.sum()))],
        lips=float(rng.uniform(0.3, 0.5) if male or rng.random() < 0.6 else rng.uniform(0.6, 1.0)),
        brow=float(rng.uniform(0.9, 1.35) if male else rng.uniform(0.65, 1.0)),
        beard=float(
            rng.choice([0.0, rng.uniform(0.15, 0.4), rng.uniform(0.6, 1.0)], p=[0.4, 0.35, 0.25]) if male else 0
        ),
        lash=float(rng.uniform(0.25, 0.5) if male else rng.uniform(0.5, 0.95)),
        freckles=float(max(rng.normal(-0.2, 0.35), 0) * (1 - tone)),
        seed=int(rng.integers(1 << 31)),
    )


@lru_cache(maxsize=1)
def _skin_map() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Template position of each skin texel [H, W, 3], the body's triangles and their texture corners."""
    mesh = load_base_mesh()
    group = mesh.groups["body"]
    faces, uv = triangulate(group.quads_F4), mesh.uv_T2[triangulate(group.uv_quads_F4)]
    place, _ = bake_attributes(uv, template_place()[faces], height=_SIZE, width=_SIZE)
    return place, faces, uv.astype(np.float32)


@lru_cache(maxsize=8)
def _mask(name: str) -> np.ndarray:
    data = np.frombuffer(data_folder().joinpath("textures", f"mpfb_{name}.jpg").read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    return cv2.resize(image, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def paint_skin(look: Complexion) -> np.ndarray:
    """uint8 [1024, 1024, 4] skin texture."""
    rng = np.random.default_rng(look.seed)
    place = _skin_map()[0]
    x, y, z = np.abs(place[..., 0]), place[..., 1], place[..., 2]
    base = _tone(look)
    skin = (np.ones((_SIZE, _SIZE, 3)) * base).astype(np.float32)
    skin *= 1 + 0.025 * fourier_noise(place, rng, 0.03)[..., None] + 0.012 * fourier_noise(place, rng, 0.006)[..., None]
    blush = np.exp(-(((x - 0.042) / 0.016) ** 2 + ((y - 1.572) / 0.014) ** 2)) * (z > 0.08)
    nose = np.exp(-((x / 0.014) ** 2 + ((y - 1.567) / 0.011) ** 2)) * (z > 0.12)
    ends = np.clip((x - 0.70) / 0.12, 0, 1) * (y > 1.2)
    warm = 0.5 * blush + 0.5 * nose + 0.35 * ends + 0.5 * _mask("ears")
    skin *= 1 - (0.10 + 0.06 * (1 - look.tone)) * warm[..., None] * np.array([0.1, 1.0, 1.0])
    if look.freckles > 0.02:
        spots = np.clip(fourier_noise(place, rng, 0.0035) - 1.3, 0, 1) * (z > 0.07) * (y > 1.55)
        skin *= 1 - 0.5 * look.freckles * spots[..., None] * np.array([0.6, 0.9, 1.0])
    skin = _mix(skin, base * np.array([1.02, 0.98, 0.97]) + 6, 0.5 * _mask("fingernails"))
    skin = _mix(skin, np.array([90.0, 42, 40]), _mask("inside-mouth"))
    _paint_lips(skin, look, base)
    skin = _mix(skin, np.array(look.hair, float), _beard(look, place, rng))
    skin = _mix(skin, np.array(look.hair, float) * 0.8, _brows(look, place, rng))
    skin = _mix(skin, base * 0.30, look.lash * _lash_line(place))
    texture = np.full((_SIZE, _SIZE, 4), 255, np.uint8)
    texture[..., :3] = np.round(np.clip(skin, 4, 250))
    return texture


def _mix(colours: np.ndarray, other: np.ndarray, share_HW: np.ndarray) -> np.ndarray:
    return colours + (other - colours).astype(colours.dtype) * np.clip(share_HW, 0, 1)[..., None].astype(colours.dtype)


def _tone(look: Complexion) -> np.ndarray:
    at = look.tone * (len(_TONES) - 1)
    index = min(int(at), len(_TONES) - 2)
    tone = _TONES[index] + (_TONES[index + 1] - _TONES[index]) * (at - index)
    return tone * (1 + look.warmth * np.array([0.008, -0.004, -0.022]))


def _paint_lips(skin: np.ndarray, look: Complexion, base: np.ndarray) -> None:
    mask = cv2.GaussianBlur(_mask("lips"), (0, 0), 1.0)
    natural = base * np.array([0.90, 0.66, 0.66])
    painted = np.array([165.0, 52, 62]) * (0.55 + 0.45 * base.mean() / 190)
    colour = natural + (painted - natural) * np.clip((look.lips - 0.45) / 0.6, 0, 1)
    skin[:] = _mix(skin, colour, mask * (0.55 + 0.45 * look.lips))
    line = np.exp(-(((_skin_map()[0][..., 1] - _mouth_line_m()) / 0.0016) ** 2)) * mask
    skin[:] = _mix(skin, base * 0.35, 0.65 * line)


@lru_cache(maxsize=1)
def _mouth_line_m() -> float:
    place = _skin_map()[0]
    lips = (_mask("lips") > 0.6) & (place[..., 2] > 0.10)
    low, high = np.percentile(place[..., 1][lips], [8, 92])
    return float(0.52 * high + 0.48 * low)


def _brows(look: Complexion, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x, y, z = np.abs(place[..., 0]), place[..., 1], place[..., 2]
    along = (x - 0.011) / 0.038
    arch = 1.6205 + 0.0045 * np.sin(np.clip(along, 0, 1.2) * 2.3) + rng.normal(0, 0.0007)
    half = look.brow * np.where(along < 0.55, 0.0034, 0.0034 - 0.0032 * (along - 0.55))
    body = np.clip((half - np.abs(y - arch)) / 0.0016 + 0.5, 0, 1)
    ends = np.clip(along * 7 + 0.3, 0, 1) * np.clip((1.02 - along) * 6, 0, 1)
    hairs = 0.78 + 0.22 * fourier_noise(place, rng, 0.003)
    return 0.92 * body * ends * hairs * (z > 0.075)


def _beard(look: Complexion, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if look.beard <= 0:
        return np.zeros(place.shape[:2])
    x, y, z = np.abs(place[..., 0]), place[..., 1], place[..., 2]
    jaw = np.clip((1.553 + 0.55 * np.clip(x - 0.028, 0, 0.1) - y) / 0.010, 0, 1)
    throat = np.clip((y - 1.487 + 0.12 * (0.10 - z)) / 0.014, 0, 1) * np.clip((z - 0.012) / 0.02, 0, 1)
    chin_gap = 1 - 0.9 * cv2.GaussianBlur(_mask("lips"), (0, 0), 1.5)
    grain = 0.85 + 0.15 * fourier_noise(place, rng, 0.003)
    return np.clip(0.72 * look.beard * jaw * throat * chin_gap * grain, 0, 0.85) * (x < 0.08)


def _lash_line(place: np.ndarray) -> np.ndarray:
    """Lid margins: skin that touches the eyeball, upper lid darker."""
    mirrored = place * np.array([1, 1, 1])
    mirrored[..., 0] = np.abs(mirrored[..., 0])
    offset = mirrored - _EYE_CENTRE
    gap = np.linalg.norm(offset, axis=-1) - _EYE_RADIUS_M
    near = np.exp(-((gap / 0.0026) ** 2)) * (offset[..., 2] > 0.004)
    return np.clip(near * np.where(offset[..., 1] > -0.001, 1.0, 0.45), 0, 1)


def skin_piece(body: Body, bare_V: np.ndarray, look: Complexion) -> tuple[Piece, np.ndarray]:
    """The uncovered skin, and the base-mesh index of each of its vertices."""
    _, faces, uv = _skin_map()
    kept = bare_V[faces].any(1)
    vertices, weights, triangles, index = compact(
        body.vertices_V3[:NUM_BODY_VERTICES], skin_weights()[:NUM_BODY_VERTICES], faces[kept]
    )
    piece = Piece(
        part="skin",
        vertices_V3=vertices,
        weights_VB=weights,
        faces_F3=triangles,
        uv_F32=uv[kept],
        texture_HW4=paint_skin(look),
        material=Material(gloss=0.055, sharpness=16, scatter=0.32, fuzz=0.08),
    )
    return piece, index


def eye_pieces(body: Body, look: Complexion) -> Piece:
    """Both eyeballs; the texture is projected from the front, as the iris is seen."""
    mesh = load_base_mesh()
    faces, uv = [], []
    for side in "lr":
        triangles = triangulate(mesh.groups[f"helper-{side}-eye"].quads_F4)
        points = body.vertices_V3[np.unique(triangles)]
        centre, radius = (points.min(0) + points.max(0)) / 2, np.ptp(points[:, 1]) / 2
        offset = (body.vertices_V3[triangles][..., :2] - centre[:2]) / (2 * radius)
        faces.append(triangles)
        uv.append(0.5 + 0.98 * offset)
    vertices, weights, triangles, _ = compact(body.vertices_V3, skin_weights(), np.concatenate(faces))
    return Piece(
        part="eyes",
        vertices_V3=vertices,
        weights_VB=weights,
        faces_F3=triangles,
        uv_F32=np.concatenate(uv).astype(np.float32),
        texture_HW4=_paint_eye(look),
        material=Material(gloss=0.35, sharpness=60),
    )


def _paint_eye(look: Complexion, size: int = 128) -> np.ndarray:
    grid = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(grid, -grid)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    rng = np.random.default_rng(look.seed)
    rays = sum(np.cos(k * angle + rng.uniform(0, 6.3)) for k in (9, 14, 23)) / 6
    white = np.array([222.0, 214, 208]) * (1 - 0.25 * np.clip((radius - 0.5) * 2, 0, 1))[..., None]
    iris = np.array(look.iris, float) * (1.05 + 0.25 * rays + 0.35 * np.clip((radius - 0.2) * 2, 0, 1) * 0)[..., None]
    iris = _mix(iris, np.array([18.0, 14, 12]), np.clip((radius - 0.37) / 0.06, 0, 1) * 0.7)
    colour = _mix(white, iris, np.clip((0.43 - radius) / 0.03 + 0.5, 0, 1))
    colour = _mix(colour, np.array([8.0, 7, 7]), np.clip((0.19 - radius) / 0.03 + 0.5, 0, 1))
    colour *= (1 - 0.38 * np.clip((y - 0.08) / 0.35, 0, 1))[..., None]
    glint = np.exp(-(((x - 0.13) / 0.07) ** 2 + ((y - 0.16) / 0.07) ** 2))
    colour = _mix(colour, np.array([250.0, 250, 250]), 0.85 * glint)
    alpha = np.full((size, size, 1), 255.0)
    return np.round(np.concatenate([np.clip(colour, 4, 250), alpha], axis=-1)).astype(np.uint8)
