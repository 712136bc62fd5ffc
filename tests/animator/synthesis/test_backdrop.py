import numpy as np

from animator.synthesis.backdrop import PLAIN_SHARE, make_backdrop
from animator.synthesis.camera import Camera

SMALL = Camera.look_at(np.array([0, 0.93, 0]), distance_m=4.5, elevation_deg=5, height=40, width=32)


def test_same_seed_is_the_same_place() -> None:
    first, again = make_backdrop(7, SMALL), make_backdrop(7, SMALL)
    assert first.image_HW3.tobytes() == again.image_HW3.tobytes()
    np.testing.assert_array_equal(first.light.direction_3, again.light.direction_3)


def test_most_places_are_plain_studios() -> None:
    kinds = [make_backdrop(seed, SMALL).kind for seed in range(200)]
    assert abs(kinds.count("studio") / 200 - PLAIN_SHARE) < 0.1
    assert {"room", "garden", "street"} <= set(kinds)


def test_light_comes_from_above_and_in_front() -> None:
    for seed in range(30):
        direction = make_backdrop(seed, SMALL).light.direction_3
        assert direction[1] > 0.3
        assert direction[2] > 0
        np.testing.assert_allclose(np.linalg.norm(direction), 1)
