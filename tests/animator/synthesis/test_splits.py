import numpy as np

from animator.synthesis.splits import HELD_OUT, TRAIN, draw_identity, split_of


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
