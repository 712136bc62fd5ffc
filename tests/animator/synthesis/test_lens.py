import numpy as np

from animator.synthesis.lens import Lens, photograph, random_lens

PICTURE = np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8)


def test_clean_lens_changes_nothing() -> None:
    np.testing.assert_array_equal(photograph(PICTURE, Lens(), np.random.default_rng(1)), PICTURE)


def test_each_fault_changes_the_picture_a_little_and_repeats_with_its_seed() -> None:
    smooth = np.full((48, 40, 3), 120, np.uint8)
    for lens in (Lens(shot_noise=0.02), Lens(shot_noise=0.03, jpeg_quality=70)):
        one, two = (photograph(smooth, lens, np.random.default_rng(1)) for _ in range(2))
        np.testing.assert_array_equal(one, two)
        assert 0.5 < one.astype(float).std() < 8


def test_shot_noise_grows_with_the_light() -> None:
    dark, bright = (
        photograph(np.full((64, 64, 3), level, np.uint8), Lens(shot_noise=0.03), np.random.default_rng(2)).std()
        for level in (20, 200)
    )
    assert bright > 2 * dark


def test_half_of_all_lenses_are_clean() -> None:
    clean = sum(random_lens(np.random.default_rng(seed)) == Lens() for seed in range(200))
    assert 70 < clean < 130
