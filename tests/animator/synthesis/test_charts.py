"""(part, layer, u, v) names one point of a person's surface."""

from pathlib import Path

import numpy as np
import pytest

from animator.synthesis.charts import chart_layers
from animator.synthesis.mesh import PARTS, RenderMesh
from animator.synthesis.scene import Character

# A square of two faces, and how far its vertices' numbers go.
SQUARE = np.array([[[0.1, 0.1], [0.4, 0.1], [0.4, 0.4]], [[0.1, 0.1], [0.4, 0.4], [0.1, 0.4]]])
CORNERS = np.array([[0, 1, 2], [0, 2, 3]])


def claims(uv_F32: np.ndarray, cells: int = 701) -> np.ndarray:
    """[cells, cells] how many faces hold the middle of each cell."""
    count = np.zeros((cells, cells), int)
    for corners in uv_F32 * cells:
        (ax, ay), (bx, by), (cx, cy) = corners
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        (left, top), (right, bottom) = corners.min(0).astype(int), np.minimum(corners.max(0).astype(int) + 1, cells)
        x, y = np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5)
        w0 = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
        w1 = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
        count[top:bottom, left:right] += np.minimum(np.minimum(w0, w1), 1 - w0 - w1) > 2e-3
    return count


def shared(mesh: RenderMesh, part: str) -> float:
    """Share of the cells of a part, layer by layer, that several faces claim."""
    mine = mesh.part_F == PARTS[part]
    counts = np.stack([claims(mesh.uv_F32[mine & (mesh.layer_F == layer)]) for layer in layers(mesh, part)])
    return (counts > 1).sum() / (counts > 0).sum()


def layers(mesh: RenderMesh, part: str) -> set[int]:
    return set(mesh.layer_F[mesh.part_F == PARTS[part]].tolist())


def test_a_chart_that_covers_nothing_stays_in_the_first_layer() -> None:
    two = np.concatenate([SQUARE, SQUARE + 0.5])
    assert chart_layers(np.concatenate([CORNERS, CORNERS + 4]), two).tolist() == [0, 0, 0, 0]


def test_charts_that_cover_each_other_come_into_layers_of_their_own_whole() -> None:
    uv = np.concatenate([SQUARE, SQUARE + 0.1, SQUARE])
    faces = np.concatenate([CORNERS, CORNERS + 4, CORNERS + 8])
    assert chart_layers(faces, uv).tolist() == [0, 0, 1, 1, 2, 2]


def test_a_chart_that_covers_itself_is_taken_apart() -> None:
    folded = np.stack([SQUARE[0], SQUARE[0][[0, 2, 1]]])
    assert chart_layers(np.array([[0, 1, 2], [0, 2, 3]]), folded).tolist() == [0, 1]


@pytest.mark.parametrize("part", ["skin", "eyes", "hair", "shoes", "bottom", "top"])
def test_no_place_on_a_person_is_claimed_by_several_faces(character: Character, part: str) -> None:
    assert shared(character.mesh, part) < 1e-3


def test_skin_has_one_layer_and_eyes_that_share_their_coordinates_several(character: Character) -> None:
    assert layers(character.mesh, "skin") == {0}
    assert {0, 1} <= layers(character.mesh, "eyes")


def test_a_jacket_and_the_shirt_below_it_are_told_apart() -> None:
    # Training's person 6 wears both.
    mesh = Character.from_seed(6).mesh
    tops = [piece for piece, part in enumerate(mesh.parts) if part == "top"]
    layers = [set(mesh.layer_F[mesh.piece_F == piece]) for piece in tops]
    assert len(tops) == 2
    assert not layers[0] & layers[1]


@pytest.mark.dev_media
@pytest.mark.parametrize(("seed", "part", "least"), [(1, "shoes", 2), (2, "top", 6)])
def test_no_place_of_a_wardrobe_is_claimed_by_several_faces(dev_media: Path, seed: int, part: str, least: int) -> None:
    # Person 1 wears a pair of shoes with one texture, person 2 a top whose cloth covers itself in U and V.
    wardrobe = dev_media.parents[1] / "assets" / "makehuman"
    if not wardrobe.is_dir():
        pytest.skip("no MakeHuman assets beside the developers' media")
    mesh = Character.from_seed(seed, wardrobe=wardrobe).mesh
    assert len(layers(mesh, part)) >= least
    assert shared(mesh, part) < 1e-3
