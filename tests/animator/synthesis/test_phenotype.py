import numpy as np

from animator.synthesis.base_mesh import NUM_BODY_VERTICES
from animator.synthesis.phenotype import random_phenotype, shape_vertices, target_amounts


def test_same_seed_is_the_same_person_and_another_is_not() -> None:
    first, again, other = (random_phenotype(np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_bodies_stand_as_tall_as_their_stature() -> None:
    person = random_phenotype(np.random.default_rng(4))
    body = shape_vertices(person)[:NUM_BODY_VERTICES]
    np.testing.assert_allclose(np.ptp(body[:, 1]), person.stature_m, rtol=1e-6)


def test_statures_spread_like_adults() -> None:
    statures = [random_phenotype(np.random.default_rng(s)).stature_m for s in range(300)]
    assert 1.66 < np.mean(statures) < 1.77
    assert min(statures) > 1.45
    assert max(statures) < 2.0


def test_macro_shares_sum_to_one_in_each_family() -> None:
    amounts = target_amounts(random_phenotype(np.random.default_rng(5)))
    ancestry = sum(v for k, v in amounts.items() if k.split("/")[1].split("-")[0] in ("african", "asian", "caucasian"))
    builds = sum(v for k, v in amounts.items() if k.startswith("macrodetails/universal-"))
    np.testing.assert_allclose([ancestry, builds], 1, atol=2e-3)
