import numpy as np
import pytest

from animator.synthesis.tailoring import BottomCut, ShoeCut, SkirtCut, TopCut

CHEST, BACK = np.array([0.0, 1.25, 0.11]), np.array([0.0, 1.40, -0.07])
THROAT, UPPER_ARM, FOREARM = np.array([0.0, 1.44, 0.05]), np.array([0.3, 1.357, 0.04]), np.array([0.55, 1.357, 0.03])


def tee(neck: str = "crew", front: float = 1.40) -> TopCut:
    return TopCut(hem_m=0.9, sleeve_m=0.36, neck=neck, neck_width_m=0.09, neck_front_m=front)


@pytest.mark.parametrize("neck", ["crew", "scoop", "boat", "v", "high"])
def test_tops_cover_chest_back_and_upper_arm_but_not_forearm(neck: str) -> None:
    cut = tee(neck, 1.34)
    for point in (CHEST, BACK, UPPER_ARM):
        assert cut.distance(point) > 0
    assert cut.distance(FOREARM) < 0
    assert cut.distance(np.array([0.0, 0.88, 0.1])) < 0


def test_only_a_high_neck_covers_the_throat_and_never_the_face() -> None:
    assert tee("crew").distance(THROAT) < 0
    assert tee("high").distance(THROAT) > 0
    assert tee("high").distance(np.array([0.0, 1.60, 0.1])) < 0


def test_jackets_are_open_in_front_only() -> None:
    jacket = tee("open")
    assert jacket.distance(np.array([0.0, 1.1, 0.12])) < 0
    assert jacket.distance(np.array([0.0, 1.1, -0.08])) > 0


def test_trousers_end_at_waist_and_hem_and_leave_hands_alone() -> None:
    cut = BottomCut(waist_m=1.05, hem_m=0.1)
    assert cut.distance(np.array([0.1, 0.5, 0.05])) == pytest.approx(0.4)
    assert cut.distance(np.array([0.1, 0.05, 0.05])) < 0
    assert cut.distance(np.array([0.7, 0.9, 0.0])) < 0


def test_distance_grows_linearly_from_the_hem() -> None:
    heights = np.stack([np.zeros(3), np.array([0.4, 0.5, 0.6]), np.zeros(3)], axis=-1)
    np.testing.assert_allclose(SkirtCut(hem_m=0.5).distance(heights), [-0.1, 0, 0.1], atol=1e-12)


def test_flats_bare_the_instep_and_boots_do_not() -> None:
    instep = np.array([0.1, 0.075, 0.03])
    assert ShoeCut(collar_m=0.085, opening_m=0.075).distance(instep) < 0
    assert ShoeCut(collar_m=0.25, opening_m=0.0).distance(instep) > 0
