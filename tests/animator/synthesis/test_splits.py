import numpy as np
import pytest

from animator.synthesis.splits import HELD_OUT, SPLITS, TRAIN, draw_identity, split_of, stratum_of_split


def test_about_one_identity_in_eight_is_held_out() -> None:
    held = sum(split_of("garment", i) == HELD_OUT for i in range(4000))
    assert 0.11 < held / 4000 < 0.14


def test_splits_share_no_identity() -> None:
    rng = np.random.default_rng(0)
    for split in (TRAIN, HELD_OUT):
        assert all(split_of("hair", draw_identity(rng, "hair", split)) == split for _ in range(50))


def test_the_split_of_an_identity_is_fixed_for_ever() -> None:
    assert [split_of("motion", name) for name in ("walk", "turn", "dance_a", "jog")] == [TRAIN, TRAIN, HELD_OUT, TRAIN]
    assert split_of("wardrobe", "short03") == HELD_OUT


@pytest.mark.parametrize("count", [2, 3, 7, 8, 40])
@pytest.mark.parametrize("share", [0.0, 0.125, 0.25])
def test_a_stratum_is_split_without_rest_and_each_split_gets_some(count: int, share: float) -> None:
    names = [f"name {number}" for number in range(count)]
    train, held_out = (stratum_of_split("garment", names, split, share=share) for split in SPLITS)
    assert sorted(train + held_out) == sorted(names)
    assert len(held_out) == max(round(share * count), 1)
    assert stratum_of_split("garment", reversed(names), HELD_OUT, share=share) == held_out


def test_a_name_that_is_alone_goes_to_training() -> None:
    assert stratum_of_split("garment", ["cap"], TRAIN) == ["cap"]
    assert stratum_of_split("garment", ["cap"], HELD_OUT) == []
