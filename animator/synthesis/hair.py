"""Procedural hair: a shell over the skull that follows it, then falls; strands are painted and cut by alpha.

The shell's parameters are the angle around the head (0 in front) and the way down from the crown.

Legend: A angles, S steps down, H W texels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from animator.synthesis.base_mesh import NUM_BODY_VERTICES, triangulate
from animator.synthesis.body import Body, bone_names
from animator.synthesis.mesh import Material, Piece, without_cut_away
from animator.synthesis.rig import JOINT

_ANGLES, _STEPS = 73, 44
_TEXTURE = (384, 512)


@dataclass(frozen=True, slots=True, kw_only=True)
class HairStyle:
    """Attributes:
    colour: sRGB.
    volume_m: thickness over the crown.
    length_m: fall below the ears; negative for short hair that ends above them.
    hairline: 0 low forehead to 1 high (receding).
    parting: where the hair parts, -1 right to 1 left; strands sweep away from it.
    fringe_m: hair over the forehead below the hairline.
    curl: 0 straight to 1 curly (wavy outline, broken strands).
    bun: a knot at the back of the head, 0 none.
    seed: strands.
    """

    colour: tuple[int, int, int]
    volume_m: float
    length_m: float
    hairline: float
    parting: float
    fringe_m: float
    curl: float
    bun: float
    seed: int


def random_hair(
    rng: np.random.Generator, *, colour: tuple[int, int, int], masculinity: float, ancestry_curl: float
) -> HairStyle:
    """Crops, bobs, long hair and buns; men mostly short."""
    male = masculinity > 0.5
    kind = str(
        rng.choice(["short", "bob", "long", "bun"], p=[0.86, 0.06, 0.05, 0.03] if male else [0.2, 0.26, 0.34, 0.2])
    )
    curl = float(np.clip(rng.beta(1, 4) + 0.7 * ancestry_curl * rng.random(), 0, 1))
    length = {"short": -0.035, "bob": rng.uniform(0.02, 0.10), "long": rng.uniform(0.14, 0.34), "bun": -0.03}[kind]
    return HairStyle(
        colour=colour,
        volume_m=float(rng.uniform(0.008, 0.022) + (0.012 + 0.03 * rng.random()) * curl * (kind != "bun")),
        length_m=float(length),
        hairline=float(np.clip(rng.normal(0.45 if not male else 0.55, 0.2), 0, 1)),
        parting=float(rng.choice([0.0, rng.uniform(0.3, 0.7), rng.uniform(-0.7, -0.3)])),
        fringe_m=float(rng.uniform(0.01, 0.03) if rng.random() < 0.22 and kind != "bun" else 0.0),
        curl=curl,
        bun=float(rng.uniform(0.03, 0.045) if kind == "bun" else 0.0),
        seed=int(rng.integers(1 << 31)),
    )


def hair_piece(body: Body, style: HairStyle) -> Piece:
    """The hair of `body`, in the A-pose."""
    head = _Head(body)
    points, down = _shell(head, style)
    u = np.repeat(np.linspace(0, 1, _ANGLES)[None], _STEPS, 0)
    v = np.repeat(np.linspace(1, 0, _STEPS)[:, None], _ANGLES, 1)
    rows, columns = np.meshgrid(np.arange(_STEPS - 1), np.arange(_ANGLES - 1), indexing="ij")
    corner = (rows * _ANGLES + columns).ravel()
    quads = np.stack([corner, corner + _ANGLES, corner + _ANGLES + 1, corner + 1], axis=1)
    vertices, uv = points.reshape(-1, 3), np.stack([u, v], axis=-1).reshape(-1, 2)
    faces = triangulate(quads)
    uv_faces = uv[faces]
    if style.bun > 0:
        knot, knot_faces, knot_uv = _bun(head, style)
        faces = np.concatenate([faces, knot_faces + len(vertices)])
        uv_faces = np.concatenate([uv_faces, knot_uv])
        vertices = np.concatenate([vertices, knot])
    colour, bump = _paint(head, style, down)
    piece = Piece(
        part="hair",
        vertices_V3=vertices,
        weights_VB=_weights(body, vertices),
        faces_F3=faces.astype(np.int32),
        uv_F32=uv_faces.astype(np.float32),
        texture_HW4=colour,
        bump_HW4=bump,
        material=Material(gloss=0.05, sharpness=10, fuzz=0.25, cutout=True, two_sided=True),
    )
    return without_cut_away(piece)


class _Head:
    """Measures of the head in the A-pose, where it is upright: centre, skull radii by direction, landmarks."""

    def __init__(self, body: Body) -> None:
        vertices = body.vertices_V3[:NUM_BODY_VERTICES]
        joint = body.joints_J3[JOINT["head"]]
        top = vertices[:, 1].max()
        self.scale = (top - joint[1]) / 0.149
        near = vertices[(vertices[:, 1] > joint[1] - 0.02 * self.scale)]
        self.centre = np.array([0.0, top - 0.105 * self.scale, near[:, 2].mean() - 0.005])
        self.centre[2] = 0.5 * (near[:, 2].min() + np.percentile(near[:, 2], 88)) - 0.004
        self.top = top
        self.ear_y = self.centre[1] - 0.012 * self.scale
        self.jaw_y = joint[1] - 0.035 * self.scale
        skull = near[(np.abs(near[:, 0]) < 0.072 * self.scale)]
        self.offsets = skull - self.centre
        self.distance = np.linalg.norm(self.offsets, axis=1)
        self.directions = self.offsets / self.distance[:, None]
        self.torso = vertices[
            (vertices[:, 1] < joint[1]) & (vertices[:, 1] > joint[1] - 0.5) & (np.abs(vertices[:, 0]) < 0.22)
        ]

    def radius(self, directions: np.ndarray) -> np.ndarray:
        """Distance from the centre to the skull along unit directions [..., 3]."""
        likeness = directions.reshape(-1, 3) @ self.directions.T
        weight = np.exp(70 * (likeness - 1))
        return ((weight * self.distance).sum(1) / weight.sum(1)).reshape(directions.shape[:-1])


def _shell(head: _Head, style: HairStyle) -> tuple[np.ndarray, np.ndarray]:
    """Points [S, A, 3] and the height over the ears [S, A] in metres (negative below)."""
    angle = np.linspace(-np.pi, np.pi, _ANGLES)[None]
    drop = max(style.length_m, 0.0) + 0.05
    way = np.linspace(0, 1, _STEPS)[:, None]
    on_skull = np.clip(way / 0.62, 0, 1)
    polar = on_skull * 1.72
    directions = np.stack(
        [np.sin(polar) * np.sin(angle), np.cos(polar) * np.ones_like(angle), np.sin(polar) * np.cos(angle)], axis=-1
    )
    rng = np.random.default_rng(style.seed)
    wave = sum(np.cos(k * angle + rng.uniform(0, 6.3)) * np.cos(k * polar + rng.uniform(0, 6.3)) for k in (3, 5, 8))
    volume = style.volume_m * (1.05 - 0.35 * on_skull) * (1 + (0.06 + 0.14 * style.curl) * wave)
    volume = volume + 0.004 * np.exp(-(((angle - 0.9 * style.parting) / 0.5) ** 2)) * (on_skull - 1)
    radius = head.radius(directions) + np.maximum(volume, 0.005)
    points = head.centre + directions * radius[..., None]
    below = np.clip((way - 0.62) / 0.38, 0, 1) * drop
    points[..., 1] -= below
    spread = 1 + (0.10 + 0.3 * style.curl) * below / 0.3 * np.clip(drop * 4, 0.3, 1)
    flat = (points[..., [0, 2]] - head.centre[[0, 2]]) * spread[..., None]
    points[..., [0, 2]] = head.centre[[0, 2]] + flat
    _clear_shoulders(head, points)
    return points, points[..., 1] - head.ear_y


def _clear_shoulders(head: _Head, points: np.ndarray) -> None:
    """Moves falling hair in front of the chest or behind the back instead of through it."""
    torso = head.torso
    for row in points:
        low = row[:, 1] < head.jaw_y
        for k in np.flatnonzero(low):
            near = torso[(np.abs(torso[:, 1] - row[k, 1]) < 0.02) & (np.abs(torso[:, 0] - row[k, 0]) < 0.03)]
            if not len(near):
                continue
            back, front = near[:, 2].min() - 0.014, near[:, 2].max() + 0.014
            if back < row[k, 2] < front:
                row[k, 2] = back if row[k, 2] < head.centre[2] + 0.035 else front


def _bun(head: _Head, style: HairStyle) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    angle, polar = np.meshgrid(np.linspace(0, 2 * np.pi, 17), np.linspace(0.05, np.pi - 0.05, 11), indexing="xy")
    ball = np.stack([np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), -np.cos(polar)], axis=-1)
    direction = np.array([0.0, 0.25, -1.0]) / np.hypot(0.25, 1.0)
    at = head.centre + direction * (head.radius(direction[None])[0] + 0.55 * style.bun)
    points = at + style.bun * ball.reshape(-1, 3) * [1.0, 0.9, 0.85]
    rows, columns = np.meshgrid(np.arange(10), np.arange(16), indexing="ij")
    corner = (rows * 17 + columns).ravel()
    faces = triangulate(np.stack([corner, corner + 17, corner + 18, corner + 1], axis=1))
    uv = np.stack([0.30 + 0.02 * angle / 6.3 * 8, 0.80 + 0.10 * polar / np.pi], axis=-1).reshape(-1, 2)
    return points, faces, uv[faces]


def _weights(body: Body, vertices: np.ndarray) -> np.ndarray:
    names = bone_names()
    neck, collar = body.joints_J3[JOINT["head"], 1], body.joints_J3[JOINT["left_collar"], 1]
    share = np.clip((vertices[:, 1] - collar) / (neck - collar), 0, 1)
    weights = np.zeros((len(vertices), len(names)), np.float32)
    weights[:, names.index("head")] = share
    weights[:, names.index("neck_01")] = (1 - share) * 0.35
    weights[:, names.index("spine_03")] = (1 - share) * 0.65
    return weights


def _paint(head: _Head, style: HairStyle, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Texture with the outline in alpha, and the bump map of the strands."""
    height, width = _TEXTURE
    rng = np.random.default_rng(style.seed + 1)
    resize = lambda grid: cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)  # noqa: E731
    over_ear, angle = resize(down), np.linspace(-np.pi, np.pi, width)[None]
    crown = resize(np.repeat(np.linspace(0, 1, _STEPS)[:, None], _ANGLES, 1))
    strands = _strands(rng, height, width, style)
    outline = _outline(head, style, over_ear, angle, strands, rng)
    base = np.array(style.colour, float)
    tone = 1 + 0.26 * strands + 0.10 * (0.5 - crown)
    part_line = np.exp(-(((angle - 0.9 * style.parting) / 0.05) ** 2)) * (crown < 0.35) * (np.abs(angle) < 2.2)
    colour = base * np.clip(tone * (1 - 0.25 * part_line), 0.4, 1.8)[..., None] + 5 * strands[..., None]
    alpha = np.clip(127.5 + outline / 0.0035 * 127.5, 0, 255)
    texture = np.concatenate([np.clip(colour, 5, 245), alpha[..., None]], axis=-1)
    slope = np.gradient(cv2.GaussianBlur(strands, (0, 0), 0.7), axis=1) * 0.55
    flat = np.full_like(slope, 128)
    cavity = 255 * np.clip(0.86 + 0.18 * strands, 0.5, 1)
    bump = np.stack([128 + 127 * np.clip(slope, -1, 1), flat, cavity, np.full_like(slope, 255)], axis=-1)
    return np.round(texture).astype(np.uint8), np.round(bump).astype(np.uint8)


def _strands(rng: np.random.Generator, height: int, width: int, style: HairStyle) -> np.ndarray:
    """[H, W] float32 about -1 to 1: streaks along the fall, wavier for curls."""
    noise = rng.normal(size=(height // 4, width * 2)).astype(np.float32)
    long = max(2.0, 14 * (1 - style.curl))
    fine = cv2.GaussianBlur(noise, (0, 0), sigmaX=1.6, sigmaY=long)
    broad = cv2.GaussianBlur(noise, (0, 0), sigmaX=6, sigmaY=long * 1.5)
    both = fine / fine.std() * 0.4 + broad / broad.std() * 0.35
    both = cv2.resize(both, (width, height), interpolation=cv2.INTER_LINEAR)
    rows = np.arange(height, dtype=np.float32)[:, None]
    sway = (3 + 22 * style.curl) * np.sin(rows / height * (6 + 26 * style.curl) + rng.uniform(0, 6.3))
    columns = np.arange(width, dtype=np.float32)[None] + sway
    return cv2.remap(
        both, np.broadcast_to(columns % width, (height, width)).astype(np.float32),
        np.broadcast_to(rows, (height, width)).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP,
    )  # fmt: skip


def _outline(
    head: _Head,
    style: HairStyle,
    over_ear: np.ndarray,
    angle: np.ndarray,
    strands: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """[H, W] metres inside the hair's edge: hairline in front, around the ears, ends below."""
    s = head.scale
    front = np.abs(angle)
    ragged = cv2.GaussianBlur(rng.normal(size=(1, over_ear.shape[1])).astype(np.float32), (0, 0), 2.2)
    ends = np.clip((front - 0.9) / 0.5, 0.12, 1)
    ragged = ragged / ragged.std() * (0.002 + 0.006 * style.curl + 0.004 * (style.length_m > 0)) * ends
    forehead = (0.062 + 0.022 * style.hairline) * s - style.fringe_m
    temple = 0.030 * s
    parted = np.minimum(np.abs(angle[0] - 0.9 * style.parting) / 0.9, 1.2)
    if style.length_m > 0:
        # Falls from the parting over the temples, layered: short in front, full length at the back.
        tips = -style.length_m - 0.03
        places = [0, 0.45, 0.85, 1.0, 1.14, 1.7, 2.3, np.pi]
        heights = [forehead, forehead, temple + 0.014, temple - 0.03, 0.3 * tips, 0.75 * tips, tips, tips]
        rise = 0.016 - 0.030 * parted**1.5
    else:
        # Forehead, receding corners, temples, sideburn at 1.25 rad, around the ear, the nape.
        places = [0, 0.45, 0.85, 1.08, 1.22, 1.32, 1.62, 1.85, np.pi]
        heights = [forehead, forehead, temple + 0.012, temple - 0.005, -0.012, 0.018, 0.024, -0.03, -0.062]
        rise = 0.4 * (0.010 - 0.018 * parted) + 0.012 * style.hairline * np.exp(-(((front[0] - 0.62) / 0.2) ** 2))
    line = np.interp(front[0], places, heights) + rise * (front[0] < 0.95) * (style.fringe_m == 0)
    feathered = 0.004 * strands * np.clip(1.3 - front, 0.25, 1)
    return over_ear - (line + ragged[0])[None] + feathered
