"""Who is cast: skin, eyes, hair and clothes of one person; from a wardrobe only what becomes and fits them."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from animator.synthesis import casting
from animator.synthesis.base_mesh import NUM_BODY_VERTICES
from animator.synthesis.casting import Cast, cast_person

# Of training's people: a woman and a man.
WOMAN, MAN = 1, 0
# Body vertices that the suit covers.
HIDDEN = slice(0, 4000)


def add_asset(wardrobe: Path, folder: str, name: str, *, hides: str = "", texture: bool = True) -> None:
    """A triangle on the body, in MakeHuman's files."""
    place = wardrobe / folder / name
    place.mkdir(parents=True)
    (place / f"{name}.obj").write_text("v 0 0 0\nv 0 0 0\nv 0 0 0\nvt 0 0\nvt 1 0\nvt 1 1\nf 1/1 2/2 3/3\n")
    scales = "".join(f"{axis}_scale 0 1 1.0\n" for axis in "xyz")
    (place / f"{name}.mhclo").write_text(
        f"obj_file {name}.obj\n{scales}material {name}.mhmat\nverts 0\n100\n200\n300\n\n{hides}"
    )
    if texture:
        (place / f"{name}.mhmat").write_text(f"diffuseTexture {name}.png\n")
        cv2.imwrite(str(place / f"{name}.png"), np.full((8, 8, 4), 200, np.uint8))


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Cast]:
    """A person who takes all they can from a wardrobe: a woman's suit, long hair with strands, and short without."""
    wardrobe = tmp_path_factory.mktemp("wardrobe")
    add_asset(wardrobe, "clothes", "female_suit01", hides=f"delete_verts\n{HIDDEN.start} - {HIDDEN.stop - 1}\n")
    add_asset(wardrobe, "hair", "long01")
    add_asset(wardrobe, "hair", "short01", texture=False)
    cached: dict[int, Cast] = {}

    def made(seed: int) -> Cast:
        if seed not in cached:
            with pytest.MonkeyPatch.context() as patch:
                for share in ("_SUIT_SHARE", "_SHOES_SHARE", "_HAIR_SHARE"):
                    patch.setattr(casting, share, 1.0)
                cached[seed] = cast_person(seed, split="train", wardrobe=wardrobe)
        return cached[seed]

    return made


def of_wardrobe(person: Cast) -> set[str]:
    """Parts whose piece is a triangle, as our assets are."""
    return {piece.part for piece in person.pieces if len(piece.vertices_V3) == 3}


@pytest.mark.parametrize("seed", [WOMAN, MAN])
def test_skin_comes_first_then_eyes_and_hair_and_then_the_clothes(cast: Callable[[int], Cast], seed: int) -> None:
    parts = [piece.part for piece in cast(seed).pieces]
    assert parts[:3] == ["skin", "eyes", "hair"]
    assert {"top", "shoes"} <= set(parts[3:])
    assert not {"skin", "eyes", "hair"} & set(parts[3:])


def test_a_woman_takes_the_suit_and_the_hair_that_has_strands(cast: Callable[[int], Cast]) -> None:
    woman = cast(WOMAN)
    assert woman.body.person.masculinity <= 0.5
    assert of_wardrobe(woman) == {"top", "hair"}
    # The suit is all she wears beside shoes: no trousers show through it.
    assert [piece.part for piece in woman.pieces[3:] if piece.part not in ("top", "shoes")] == []


def test_a_man_takes_no_suit_of_a_woman_s_no_long_hair_and_no_hair_without_strands(cast: Callable[[int], Cast]) -> None:
    man = cast(MAN)
    assert man.body.person.masculinity > 0.5
    assert of_wardrobe(man) == set()


def test_skin_ends_where_the_suit_hides_it(cast: Callable[[int], Cast]) -> None:
    for person in (cast(WOMAN), cast(MAN)):
        skin = person.pieces[0]
        assert len(person.skin_index) == len(skin.vertices_V3)
        assert person.skin_index.max() < NUM_BODY_VERTICES
        np.testing.assert_allclose(skin.vertices_V3, person.body.vertices_V3[person.skin_index], atol=0.02)
    shown = np.zeros(NUM_BODY_VERTICES, bool)
    shown[cast(WOMAN).skin_index] = True
    # What borders on bare skin stays, so that no gap opens at the edge.
    assert shown[HIDDEN].mean() < 0.25
    assert shown[HIDDEN.stop :].mean() > 0.75


def test_soles_lift_a_person_by_centimetres_at_most(cast: Callable[[int], Cast]) -> None:
    assert 0 < cast(WOMAN).lift_m < 0.15
    assert 0 < cast(MAN).lift_m < 0.15
