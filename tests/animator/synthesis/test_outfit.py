"""What rendered people wear: whole outfits, innermost first, as people dress."""

import numpy as np
import pytest

from animator.synthesis.garments import Garment
from animator.synthesis.outfit import random_outfit
from animator.synthesis.tailoring import TopCut

Outfit = list[Garment]


def outfits(masculinity: float) -> list[Outfit]:
    return [random_outfit(np.random.default_rng(seed), masculinity=masculinity) for seed in range(200)]


@pytest.fixture(scope="module")
def women() -> list[Outfit]:
    return outfits(0.2)


@pytest.fixture(scope="module")
def men() -> list[Outfit]:
    return outfits(0.8)


def pieces(outfit: Outfit, part: str) -> list[Garment]:
    return [piece for piece in outfit if piece.part == part]


def neck(piece: Garment) -> str:
    assert isinstance(piece.cut, TopCut)
    return piece.cut.neck


def test_everybody_wears_shoes_a_lower_piece_and_a_top(women: list[Outfit], men: list[Outfit]) -> None:
    for outfit in women + men:
        assert len(pieces(outfit, "shoes")) == len(pieces(outfit, "bottom")) == 1
        tops = pieces(outfit, "top")
        assert 1 <= len(tops) <= 2
        assert [neck(top) == "open" for top in tops] == [False, True][: len(tops)], "a jacket is worn over a top"


def test_some_women_wear_skirts_and_no_man_does(women: list[Outfit], men: list[Outfit]) -> None:
    assert 0.3 < np.mean([bool(pieces(outfit, "skirt")) for outfit in women]) < 0.6
    assert not any(pieces(outfit, "skirt") for outfit in men)


def test_a_skirt_goes_over_shorts_and_a_tucked_top_and_trousers_over_shoes(women: list[Outfit]) -> None:
    for outfit in women:
        parts = [piece.part for piece in outfit]
        if "skirt" in parts:
            assert parts == ["bottom", "top", "skirt", "shoes"]
            assert outfit[1].tucked
        else:
            assert parts[:3] == ["shoes", "bottom", "top"]
            assert not any(piece.tucked for piece in outfit)


def test_the_two_halves_of_a_dress_are_of_one_cloth(women: list[Outfit]) -> None:
    dressed = [outfit for outfit in women if pieces(outfit, "skirt")]
    of_one_cloth = [pieces(outfit, "top")[0].fabric == pieces(outfit, "skirt")[0].fabric for outfit in dressed]
    assert 0.4 < np.mean(of_one_cloth) < 0.8, "of dresses; the others wear a skirt and a top"


def test_variety_is_seen(women: list[Outfit], men: list[Outfit]) -> None:
    def share(people: list[Outfit], wears: str) -> float:
        tops = {neck(top) for outfit in people for top in pieces(outfit, "top")}
        assert tops == {"crew", "scoop", "boat", "v", "high", "open"}
        return float(np.mean([len(pieces(outfit, wears)) == 2 for outfit in people]))

    assert 0.05 < share(women, "top") < 0.3, "jackets"
    assert 0.1 < share(men, "top") < 0.35, "jackets"


def test_leggings_are_women_s_and_short_trousers_anybody_s(women: list[Outfit], men: list[Outfit]) -> None:
    def lower(people: list[Outfit]) -> list[Garment]:
        return [pieces(outfit, "bottom")[0] for outfit in people if not pieces(outfit, "skirt")]

    tight = [np.mean([piece.ease.hang == 0 for piece in lower(people)]) for people in (women, men)]
    assert tight[0] > 0
    assert tight[1] == 0
    for people in (women, men):
        assert 0.03 < np.mean([piece.cut.hem_m > 0.5 for piece in lower(people)]) < 0.3  # type: ignore[union-attr]


def test_an_outfit_is_a_function_of_the_generator_handed_in(women: list[Outfit]) -> None:
    assert outfits(0.2)[:20] == women[:20]
