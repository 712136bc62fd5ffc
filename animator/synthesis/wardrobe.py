"""Clothes, shoes and hair from a folder of MakeHuman assets (CC0), fitted by their `.mhclo` tables.

A `.mhclo` line binds a vertex to three base-mesh vertices: barycentric weights and an offset that scales with the
distance between landmark vertices along each axis. Only the file format is used.

Legend: V vertices of the piece, H W texels.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from animator.errors import JobError
from animator.synthesis.base_mesh import NUM_BODY_VERTICES, load_base_mesh, parse_obj, triangulate
from animator.synthesis.body import Body, skin_weights
from animator.synthesis.mesh import Material, Piece
from animator.synthesis.splits import stratum_of_split

FOLDERS = {"hair": "hair", "shoes": "clothes", "suit": "clothes"}
# There are few assets of a kind: with fewer held out there would be nothing to tell apart.
_HELD_OUT_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asset:
    """One fitted asset as its files say.

    Attributes:
        name: folder name, which decides the split; see `list_assets`.
        corners_V3: base-mesh vertices each vertex hangs on; weights_V3 their barycentric weights.
        offsets_V3: shift in landmark units; scales: (vertex, vertex, divisor) for x, y, z.
        faces_F3, uv_F32: triangles.
        hidden: body vertices the piece covers completely.
        texture_HW4: uint8, or None where the asset comes without.
    """

    name: str
    corners_V3: np.ndarray
    weights_V3: np.ndarray
    offsets_V3: np.ndarray
    scales: tuple[tuple[int, int, float], ...]
    faces_F3: np.ndarray
    uv_F32: np.ndarray
    hidden: np.ndarray
    texture_HW4: np.ndarray | None


def check_wardrobe(wardrobe: Path) -> None:
    """Makes sure that `wardrobe` is a folder of MakeHuman assets.

    Raises:
        JobError: it is not; says where one lies if that is just below.
    """
    if _is_wardrobe(wardrobe):
        return
    below = sorted(path for path in wardrobe.iterdir() if _is_wardrobe(path)) if wardrobe.is_dir() else []
    hint = f"; did you mean {below[0]}?" if below else ""
    raise JobError(f"{wardrobe} is no wardrobe: expected MakeHuman assets in hair/ and clothes/{hint}")


def _is_wardrobe(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in FOLDERS.values())


def fingerprint_wardrobe(wardrobe: Path) -> str:
    """Tells this folder's assets from others by the names and sizes of their files, wherever they lie.

    Raises:
        JobError: the folder is not a wardrobe.
    """
    check_wardrobe(wardrobe)
    files = sorted(path for name in set(FOLDERS.values()) for path in (wardrobe / name).rglob("*") if path.is_file())
    lines = [f"{path.relative_to(wardrobe).as_posix()} {path.stat().st_size}" for path in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def list_assets(wardrobe: Path, kind: str, split: str) -> list[str]:
    """Names of the "hair", "shoes" or "suit" assets of a split, sorted.

    A quarter of each stratum is held out, one at least: of short and of other hair, of each sex's suits, of shoes.

    Raises:
        JobError: the folder is not a wardrobe.
    """
    check_wardrobe(wardrobe)
    wanted = {"hair": "", "shoes": "shoes", "suit": "suit"}[kind]
    strata: dict[str, list[str]] = {}
    for path in (wardrobe / FOLDERS[kind]).iterdir():
        if path.is_dir() and wanted in path.name:
            strata.setdefault(_stratum(kind, path.name), []).append(path.name)
    chosen = (stratum_of_split("wardrobe", names, split, share=_HELD_OUT_SHARE) for names in strata.values())
    return sorted(name for names in chosen for name in names)


def _stratum(kind: str, name: str) -> str:
    if kind == "hair":
        return "short" if is_short(name) else "other"
    return name.partition("_")[0] if kind == "suit" else kind


def is_short(hair: str) -> bool:
    """Whether the hair of this name is short."""
    return "short" in hair


@lru_cache(maxsize=64)
def load_asset(wardrobe: Path, kind: str, name: str) -> Asset:
    """Reads one asset.

    Raises:
        JobError: a file of it is missing or damaged, or its tables do not fit its mesh.
    """
    folder = wardrobe / FOLDERS[kind] / name
    try:
        return _read_asset(folder, name)
    except (OSError, ValueError, KeyError, IndexError, StopIteration, SyntaxError) as error:  # the last is Pillow's
        raise JobError(
            f"{folder}: an asset that cannot be worn ({type(error).__name__}: {error}); put it right, or take it out"
        ) from error


def _read_asset(folder: Path, name: str) -> Asset:
    table = _lines(folder / f"{name}.mhclo")
    fields = {line.split()[0]: line.split()[1:] for line in table if line.strip() and not line.startswith("#")}
    vertices, uv, groups = parse_obj(_lines(folder / fields["obj_file"][0]))
    rows = _bindings(table)
    if len(rows) != len(vertices):
        raise ValueError(f"{len(rows)} fitted vertices, expected the mesh's {len(vertices)}")
    quads = np.concatenate([group.quads_F4 for group in groups.values()])
    uv_quads = np.concatenate([group.uv_quads_F4 for group in groups.values()])
    for what, places, count in (
        ("base mesh", rows[:, :3], len(load_base_mesh().vertices_V3)),
        ("mesh", quads, len(vertices)),
        ("texture", uv_quads, len(uv)),
    ):
        if not 0 <= places.min() <= places.max() < count:
            raise ValueError(f"it names places beyond the {count} of its {what}")
    scales = tuple((int(a), int(b), float(d)) for a, b, d in (fields[f"{axis}_scale"] for axis in "xyz"))
    return Asset(
        name=name,
        corners_V3=rows[:, :3].astype(np.int64),
        weights_V3=rows[:, 3:6],
        offsets_V3=rows[:, 6:],
        scales=scales,
        faces_F3=triangulate(quads),
        uv_F32=uv[triangulate(uv_quads)].astype(np.float32),
        hidden=_hidden(table),
        texture_HW4=_texture(folder, fields.get("material", [f"{name}.mhmat"])[0]),
    )


def _lines(path: Path) -> list[str]:
    """Of a text file, whatever alphabet its author's name is written in."""
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _bindings(table: list[str]) -> np.ndarray:
    """[V, 9] rows; a single number binds to one vertex. Other lines after `verts` are skipped."""
    start = next(i for i, line in enumerate(table) if line.startswith("verts"))
    rows = []
    for line in table[start + 1 :]:
        if line.startswith("delete_verts"):
            break
        words = line.split()
        if len(words) == 9 and re.fullmatch(r"[-+\d.eE\s]+", line):
            rows.append([float(word) for word in words])
        elif len(words) == 1 and words[0].isdigit():
            rows.append([float(words[0])] * 3 + [1.0, 0, 0, 0, 0, 0])
    return np.array(rows)


def _hidden(table: list[str]) -> np.ndarray:
    hidden = np.zeros(NUM_BODY_VERTICES, bool)
    start = next((i for i, line in enumerate(table) if line.startswith("delete_verts")), len(table))
    for first, last in re.findall(r"(\d+)(?:\s*-\s*(\d+))?", " ".join(table[start + 1 :])):
        hidden[int(first) : int(last or first) + 1] = True
    return hidden


def _texture(folder: Path, material: str) -> np.ndarray | None:
    path = folder / material
    named = [line.split()[1:] for line in _lines(path) if line.startswith("diffuseTexture")] if path.is_file() else []
    if not named or not named[0] or not (folder / named[0][0]).is_file():
        return None
    with Image.open(folder / named[0][0]) as picture:
        return np.array(picture.convert("RGBA"))


def fit_asset(asset: Asset, body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [V, 3] in the A-pose and skin weights [V, B] of the asset on `body`."""
    base = body.vertices_V3
    scale = np.array([abs(base[a, k] - base[b, k]) / d for k, (a, b, d) in enumerate(asset.scales)])
    vertices = np.einsum("vk,vkc->vc", asset.weights_V3, base[asset.corners_V3]) + asset.offsets_V3 * scale
    share = np.clip(asset.weights_V3, 0, None)
    share = share / np.maximum(share.sum(1, keepdims=True), 1e-6)
    weights = np.einsum("vk,vkb->vb", share, skin_weights()[asset.corners_V3])
    return vertices, weights.astype(np.float32)


def asset_piece(asset: Asset, body: Body, *, part: str, texture_HW4: np.ndarray, material: Material) -> Piece:
    """The asset on `body` with the given texture."""
    vertices, weights = fit_asset(asset, body)
    return Piece(
        part=part, vertices_V3=vertices, weights_VB=weights, faces_F3=asset.faces_F3, uv_F32=asset.uv_F32,
        texture_HW4=texture_HW4, material=material,
    )  # fmt: skip


def hair_texture(asset: Asset, colour: tuple[int, int, int]) -> np.ndarray:
    """The asset's strands in another colour: its brightness around its mean, times the colour."""
    if asset.texture_HW4 is None:
        grain = np.random.default_rng(5).normal(1, 0.16, (128, 128, 1))
        rgb = np.clip(np.array(colour) * grain, 6, 250)
        return np.concatenate([rgb, np.full((128, 128, 1), 255.0)], axis=-1).astype(np.uint8)
    light = asset.texture_HW4[..., :3].astype(np.float32).mean(-1, keepdims=True)
    solid = asset.texture_HW4[..., 3:] > 128
    mean, spread = light[solid].mean(), light[solid].std() + 1e-3
    tone = np.clip(1 + 0.30 * (light - mean) / spread, 0.35, 2.0)
    rgb = np.clip(np.array(colour, np.float32) * tone + 3, 5, 250)
    return np.concatenate([rgb, asset.texture_HW4[..., 3:]], axis=-1).astype(np.uint8)


def recolour(asset: Asset, rng: np.random.Generator) -> np.ndarray:
    """The asset's texture with hue turned and saturation and brightness moved, skin-safe for cloth only."""
    if asset.texture_HW4 is None:
        grey = rng.uniform(40, 200) + rng.normal(0, 14, 3)
        rgb = np.clip(grey * rng.normal(1, 0.02, (64, 64, 1)), 10, 240)
        return np.concatenate([rgb, np.full((64, 64, 1), 255.0)], axis=-1).astype(np.uint8)
    hsv = cv2.cvtColor(np.ascontiguousarray(asset.texture_HW4[..., :3]), cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.choice([0.0, rng.uniform(0, 180)])) % 180
    hsv[..., 1] *= rng.uniform(0.3, 0.95)
    hsv[..., 2] = np.clip(hsv[..., 2] * rng.uniform(0.65, 1.15) + rng.uniform(0, 22), 0, 245)
    rgb = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.concatenate([rgb, asset.texture_HW4[..., 3:]], axis=-1)
