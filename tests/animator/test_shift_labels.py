"""Each pixel of a hole is filled along one shift, and all of them as cheaply as can be."""

from itertools import product

import numpy as np

from animator import shift_labels
from animator.shift_labels import find_shifts, label_hole


def test_an_expansion_is_the_best_of_all() -> None:
    """Every choice of pixels that could take the label, tried one by one."""
    random = np.random.default_rng(5)
    hole = np.zeros((5, 6), dtype=bool)
    hole[1:4, 1:4] = True
    colors, pairs = random.random((3, 9, 3)), shift_labels._neighbours(hole)
    costs, labels = random.random((3, 9)), random.integers(0, 2, 9)

    def energy(chosen: np.ndarray) -> float:
        seams = sum(
            np.linalg.norm(colors[chosen[p], pixel] - colors[chosen[q], pixel]) for p, q in pairs.T for pixel in (p, q)
        )
        return float(costs[chosen, np.arange(9)].sum() + seams)

    best = min(energy(np.where(takes, 2, labels)) for takes in product((False, True), repeat=9))
    found = energy(shift_labels._expand(2, labels, costs, colors, pairs))
    assert found < energy(labels)
    assert abs(found - best) < 0.02


def test_labels_lead_to_known_pixels_inside_the_picture() -> None:
    picture, hole = np.random.default_rng(1).random((30, 40, 3)), np.zeros((30, 40), dtype=bool)
    hole[8:30, 10:28] = True
    shifts = find_shifts(picture, hole)
    labels = label_hole(picture, hole, shifts, hole, unlikely=0.5)
    assert (labels >= 0).any()
    source = (np.argwhere(hole) + shifts[labels])[labels >= 0]
    assert (source >= 0).all()
    assert not hole[source[:, 0], source[:, 1]].any()
