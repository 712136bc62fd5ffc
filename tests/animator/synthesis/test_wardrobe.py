from pathlib import Path

import cv2
import numpy as np
import pytest

from animator.errors import JobError
from animator.synthesis.body import build_body
from animator.synthesis.cloth import TEMPLATE_PERSON
from animator.synthesis.splits import split_of
from animator.synthesis.wardrobe import fit_asset, hair_texture, list_assets, load_asset


@pytest.fixture
def wardrobe(tmp_path: Path) -> Path:
    folder = tmp_path / "hair" / "cap"
    folder.mkdir(parents=True)
    (tmp_path / "clothes").mkdir()
    (folder / "cap.obj").write_text("v 0 0 0\nv 0 0 0\nv 0 0 0\nvt 0 0\nvt 1 0\nvt 1 1\nf 1/1 2/2 3/3\n")
    (folder / "cap.mhclo").write_text(
        "# made for this test\nname cap\nobj_file cap.obj\nx_scale 0 1 1.0\ny_scale 0 1 1.0\nz_scale 0 1 1.0\n"
        "material cap.mhmat\nverts 0\n100\nvertexboneweights_file x.mhw\n"
        "100 200 300 0.2 0.3 0.5 0.0 0.0 0.0\n100 200 300 1.0 0.0 0.0 2.0 0.0 0.0\n\ndelete_verts\n5 - 7 9\n"
    )
    (folder / "cap.mhmat").write_text("diffuseTexture cap.png\n")
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = (40, 60, 80, 255)
    pixels[:, 2:4, :3] += 60
    cv2.imwrite(str(folder / "cap.png"), pixels)
    return tmp_path


def test_vertices_hang_on_their_base_vertices(wardrobe: Path) -> None:
    body = build_body(TEMPLATE_PERSON)
    vertices, weights = fit_asset(load_asset(wardrobe, "hair", "cap"), body)
    base = body.vertices_V3
    np.testing.assert_allclose(vertices[0], base[100])
    np.testing.assert_allclose(vertices[1], 0.2 * base[100] + 0.3 * base[200] + 0.5 * base[300])
    np.testing.assert_allclose(vertices[2] - base[100], [2 * abs(base[0, 0] - base[1, 0]), 0, 0], atol=1e-12)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)


def test_hidden_ranges_and_lines_of_other_kinds_are_understood(wardrobe: Path) -> None:
    assert np.flatnonzero(load_asset(wardrobe, "hair", "cap").hidden).tolist() == [5, 6, 7, 9]


def test_hair_takes_the_colour_and_keeps_the_outline(wardrobe: Path) -> None:
    texture = hair_texture(load_asset(wardrobe, "hair", "cap"), (120, 60, 30))
    assert texture[0, 0, 3] == 255
    assert texture[0, 7, 3] == 0
    assert texture[0, 3, 0] > texture[0, 0, 0]
    assert texture[0, 0, 0] > texture[0, 0, 2]


def test_assets_are_listed_in_their_own_split_only(wardrobe: Path) -> None:
    here = split_of("wardrobe", "cap")
    other = {"train": "held-out", "held-out": "train"}[here]
    assert list_assets(wardrobe, "hair", here) == ["cap"]
    assert list_assets(wardrobe, "hair", other) == []


def test_a_folder_that_is_no_wardrobe_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no folder 'hair'"):
        list_assets(tmp_path, "hair", "train")
