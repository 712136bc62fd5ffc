from pathlib import Path

import cv2
import numpy as np
import pytest

from animator.errors import JobError
from animator.synthesis.body import build_body
from animator.synthesis.cloth import TEMPLATE_PERSON
from animator.synthesis.splits import SPLITS
from animator.synthesis.wardrobe import check_wardrobe, fit_asset, hair_texture, list_assets, load_asset


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


def test_every_stratum_is_in_both_splits_and_no_asset_in_two(wardrobe: Path) -> None:
    hair = ["short01", "short02", "short03", "short04", "bob01", "bob02", "long01"]
    clothes = ["shoes01", "shoes02", "female_suit01", "female_suit02", "male_suit01", "male_suit02", "male_suit03"]
    for folder, names in (("hair", hair), ("clothes", clothes)):
        for name in names:
            (wardrobe / folder / name).mkdir()
    for kind, strata in {
        "hair": (lambda name: "short" in name, lambda name: "short" not in name),
        "shoes": (lambda name: True,),
        "suit": (lambda name: name.startswith("male"), lambda name: name.startswith("female")),
    }.items():
        listed = [list_assets(wardrobe, kind, split) for split in SPLITS]
        assert not set(listed[0]) & set(listed[1])
        for belongs in strata:
            assert all(any(belongs(name) for name in names) for names in listed), kind
    assert sorted(list_assets(wardrobe, "hair", "train") + list_assets(wardrobe, "hair", "held-out")) == sorted(
        ["cap", *hair]
    )


def test_a_folder_that_is_no_wardrobe_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"no wardrobe.*hair/ and clothes/$"):
        list_assets(tmp_path, "hair", "train")


def test_a_wardrobe_one_level_below_is_pointed_at(wardrobe: Path) -> None:
    with pytest.raises(JobError, match=f"did you mean {wardrobe}"):
        check_wardrobe(wardrobe.parent)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("cap.mhclo", b"obj_file cap.obj", b""),
        ("cap.mhclo", b"obj_file cap.obj", b"obj_file hat.obj"),
        ("cap.mhclo", b"verts 0", b""),
        ("cap.mhclo", b"100 200 300 1.0", b"100 200 99999 1.0"),
        ("cap.mhclo", b"0.2 0.3 0.5", b"0.2 0.3 -E0.5"),
        ("cap.mhclo", b"x_scale 0 1 1.0", b"x_scale 0"),
        ("cap.obj", b"f 1/1 2/2 3/3", b"f 1/1 2/2 4/3"),
        ("cap.obj", b"f 1/1 2/2 3/3", b"f 1/1 2/2 3/4"),
        ("cap.obj", b"f 1/1 2/2 3/3", b"f 1/1"),
        ("cap.obj", b"v 0 0 0\nv 0 0 0\nv 0 0 0", b"v 0 0 0"),
        ("cap.png", b"\x89PNG", b""),
    ],
)
def test_a_damaged_asset_is_named(wardrobe: Path, name: str, old: bytes, new: bytes) -> None:
    path = wardrobe / "hair" / "cap" / name
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(JobError, match=r"hair/cap: an asset that cannot be worn"):
        load_asset(wardrobe, "hair", "cap")


def test_an_author_s_name_in_another_alphabet_and_a_grey_texture_do_not_matter(wardrobe: Path) -> None:
    folder = wardrobe / "hair" / "cap"
    for name in ("cap.obj", "cap.mhmat", "cap.mhclo"):
        (folder / name).write_bytes(b"# made by Andr\xe9\n" + (folder / name).read_bytes())
    cv2.imwrite(str(folder / "cap.png"), np.full((8, 8), 90, np.uint8))
    texture = load_asset(wardrobe, "hair", "cap").texture_HW4
    assert texture is not None
    assert texture[0, 0].tolist() == [90, 90, 90, 255]
