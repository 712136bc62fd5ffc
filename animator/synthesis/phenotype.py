"""Who a rendered person is: sex, age, build, stature and features, mixed from shape targets.

Legend: V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np

from animator.synthesis.base_mesh import NUM_BODY_VERTICES, load_base_mesh, read_target

# Mean and spread of adult stature in metres, rounded from the NCD-RisC 2020 survey of high-income countries.
_STATURE_M = {"female": (1.65, 0.065), "male": (1.78, 0.070)}
_ANCESTRIES = ("african", "asian", "caucasian")

# Bilateral or central features: (folder/name, low suffix, high suffix, spread of the amount).
_FEATURES = (
    ("nose/nose-hump", "decr", "incr", 0.35),
    ("nose/nose-scale-vert", "decr", "incr", 0.30),
    ("nose/nose-scale-horiz", "decr", "incr", 0.30),
    ("nose/nose-scale-depth", "decr", "incr", 0.30),
    ("nose/nose-point", "down", "up", 0.35),
    ("nose/nose-width2", "decr", "incr", 0.30),
    ("mouth/mouth-scale-horiz", "decr", "incr", 0.30),
    ("mouth/mouth-scale-vert", "decr", "incr", 0.25),
    ("mouth/mouth-upperlip-volume", "decr", "incr", 0.35),
    ("mouth/mouth-lowerlip-volume", "decr", "incr", 0.35),
    ("mouth/mouth-trans", "down", "up", 0.25),
    ("chin/chin-width", "decr", "incr", 0.35),
    ("chin/chin-height", "decr", "incr", 0.30),
    ("chin/chin-prominent", "decr", "incr", 0.30),
    ("chin/chin-bones", "decr", "incr", 0.30),
    ("forehead/forehead-scale-vert", "decr", "incr", 0.30),
    ("head/head-scale-horiz", "decr", "incr", 0.25),
    ("head/head-scale-vert", "decr", "incr", 0.25),
    ("head/head-fat", "decr", "incr", 0.30),
    ("neck/neck-scale-horiz", "decr", "incr", 0.25),
    ("neck/neck-scale-vert", "decr", "incr", 0.30),
    ("torso/torso-scale-horiz", "decr", "incr", 0.25),
    ("torso/torso-vshape", "decr", "incr", 0.25),
    ("hip/hip-scale-horiz", "decr", "incr", 0.30),
    ("stomach/stomach-tone", "decr", "incr", 0.35),
    ("torso/measure-shoulder-dist", "decr", "incr", 0.25),
    ("torso/measure-waist-circ", "decr", "incr", 0.20),
    ("legs/lowerlegs-height", "decr", "incr", 0.15),
    ("legs/upperlegs-height", "decr", "incr", 0.15),
    ("eyes/{}-eye-scale", "decr", "incr", 0.25),
    ("eyes/{}-eye-trans", "in", "out", 0.25),
    ("eyes/{}-eye-corner1", "down", "up", 0.30),
    ("eyes/{}-eye-height2", "decr", "incr", 0.30),
    ("cheek/{}-cheek-bones", "decr", "incr", 0.35),
    ("cheek/{}-cheek-volume", "decr", "incr", 0.30),
    ("ears/{}-ear-scale", "decr", "incr", 0.30),
    ("ears/{}-ear-wing", "decr", "incr", 0.30),
    ("hands/{}-hand-scale", "decr", "incr", 0.15),
    ("feet/{}-foot-scale", "decr", "incr", 0.12),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phenotype:
    """Macro features in [0, 1] and the amounts of detail targets.

    Attributes:
        masculinity: 0 female, 1 male.
        age: 0 a young adult of 25, 1 an old one of about 85.
        muscle, weight: 0.5 is average.
        ancestry: shares of the three head and body families of the mesh; sum to 1.
        ideal: share of the elongated "ideal" proportions.
        cup, firmness: chest of female bodies, 0.5 average.
        stature_m: standing height.
        features: amounts in [-1, 1] by feature name.
    """

    masculinity: float
    age: float
    muscle: float
    weight: float
    ancestry: tuple[float, float, float]
    ideal: float
    cup: float
    firmness: float
    stature_m: float
    features: dict[str, float] = field(default_factory=dict)


def random_phenotype(rng: np.random.Generator) -> Phenotype:
    """A random adult; builds and statures spread as people's do, without the extremes of the targets."""
    male = bool(rng.random() < 0.5)
    mean, spread = _STATURE_M["male" if male else "female"]
    centre = rng.dirichlet((0.7, 0.7, 0.7))
    weight = float(np.clip(rng.normal(0.5, 0.13) + 0.04 * rng.exponential(), 0.2, 0.9))
    return Phenotype(
        masculinity=float(np.clip(rng.beta(12, 1.2) if male else rng.beta(1.2, 12), 0, 1)),
        age=float(np.clip(rng.beta(1.2, 3.2), 0, 0.85)),
        muscle=float(np.clip(rng.normal(0.55, 0.13), 0.25, 0.9)),
        weight=weight,
        ancestry=(float(centre[0]), float(centre[1]), float(centre[2])),
        ideal=float(rng.uniform(0.1, 0.8)),
        cup=float(np.clip(rng.normal(0.45, 0.15), 0.1, 0.85)),
        firmness=float(rng.uniform(0.45, 0.8)),
        stature_m=float(np.clip(rng.normal(mean, spread), mean - 0.17, mean + 0.17)),
        features={name: float(np.clip(rng.normal(0, s), -0.8, 0.8)) for name, _, _, s in _FEATURES},
    )


def shape_vertices(person: Phenotype) -> np.ndarray:
    """[V, 3] vertices of the person in the A-pose, scaled to the stature; the soles' height is not yet the floor."""
    vertices = load_base_mesh().vertices_V3.copy()
    for name, amount in target_amounts(person).items():
        index, offset = read_target(name)
        vertices[index] += amount * offset
    body = vertices[:NUM_BODY_VERTICES]
    return vertices * (person.stature_m / (body[:, 1].max() - body[:, 1].min()))


def target_amounts(person: Phenotype) -> dict[str, float]:
    """Amount of every target with a share in the person."""
    sex = {"female": 1 - person.masculinity, "male": person.masculinity}
    age = {"young": 1 - person.age, "old": person.age}
    muscle = _three_way(person.muscle, "muscle")
    weight = _three_way(person.weight, "weight")
    amounts: dict[str, float] = {}
    for (a, wa), (s, ws), (g, wg) in product(zip(_ANCESTRIES, person.ancestry, strict=True), sex.items(), age.items()):
        _add(amounts, f"macrodetails/{a}-{s}-{g}", wa * ws * wg)
    height = (person.stature_m - 1.70) / 0.40
    for (s, ws), (g, wg), (m, wm), (w, ww) in product(sex.items(), age.items(), muscle.items(), weight.items()):
        share = ws * wg * wm * ww
        build = f"{s}-{g}-{m}-{w}"
        _add(amounts, f"macrodetails/universal-{build}", share)
        _add(amounts, f"macrodetails/proportions/{build}-idealproportions", share * person.ideal)
        tall = "maxheight" if height > 0 else "minheight"
        _add(amounts, f"macrodetails/height/{build}-{tall}", share * min(abs(height), 0.6))
        if s == "female":
            _add_chest(amounts, person, build, share)
    _add_features(amounts, person.features)
    return amounts


def _three_way(value: float, kind: str) -> dict[str, float]:
    away = abs(value - 0.5) * 2
    return {f"average{kind}": 1 - away, f"{'max' if value > 0.5 else 'min'}{kind}": away}


def _add(amounts: dict[str, float], name: str, amount: float) -> None:
    if abs(amount) > 1e-4:
        amounts[name] = amounts.get(name, 0.0) + amount


def _add_chest(amounts: dict[str, float], person: Phenotype, build: str, share: float) -> None:
    firmness = _three_way(person.firmness, "firmness")
    for (c, wc), (f, wf) in product(_three_way(person.cup, "cup").items(), firmness.items()):
        if (c, f) != ("averagecup", "averagefirmness"):
            _add(amounts, f"breast/{build}-{c}-{f}", share * wc * wf)


def _add_features(amounts: dict[str, float], features: dict[str, float]) -> None:
    for name, low, high, _ in _FEATURES:
        amount = features.get(name, 0.0)
        for side in ("l", "r") if "{}" in name else ("",):
            _add(amounts, f"{name.format(side)}-{high if amount > 0 else low}", abs(amount))
