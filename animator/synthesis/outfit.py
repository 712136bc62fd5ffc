"""What a rendered person wears: random outfits, muted more often than not.

Every draw comes from the generator handed in; pieces are listed innermost first.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from animator.synthesis.fabric import Fabric, random_colour, random_fabric
from animator.synthesis.garments import Garment
from animator.synthesis.tailoring import BottomCut, Ease, ShoeCut, SkirtCut, TopCut

_TOP_PATTERNS = {
    "plain": 9, "stripes": 2.5, "checks": 1.5, "dots": 0.8, "gradient": 0.4, "knit": 1.5, "print": 2, "melange": 2,
}  # fmt: skip
_TROUSER_PATTERNS = {"plain": 6, "denim": 6, "melange": 1.5, "checks": 0.3}
_SKIRT_PATTERNS = {"plain": 5, "print": 2, "dots": 0.8, "checks": 1, "gradient": 0.4, "melange": 1, "denim": 0.6}


def random_outfit(rng: np.random.Generator, *, masculinity: float) -> list[Garment]:
    """Shoes, a lower piece, a top, sometimes a jacket; dresses and skirts for some."""
    draw = rng.random()
    skirts = 0.45 if masculinity < 0.5 else 0.0
    if draw < 0.6 * skirts:
        return [*_dress(rng), random_shoes(rng)]
    if draw < skirts:
        return [_shorts_under(rng), *_top(rng, masculinity, tucked=True), _skirt(rng), random_shoes(rng)]
    bottom = _shorts(rng) if rng.random() < 0.14 else _trousers(rng, masculinity)
    shoes = random_shoes(rng)
    pieces = [bottom, *_top(rng, masculinity, tucked=False)]
    if rng.random() < 0.22:
        pieces.append(_jacket(rng))
    return [shoes, *pieces]


def _top(rng: np.random.Generator, masculinity: float, *, tucked: bool) -> list[Garment]:
    kind = str(rng.choice(["tee", "long", "jumper", "tank", "roll"], p=[0.38, 0.24, 0.22, 0.08, 0.08]))
    fabric = random_fabric(rng, _TOP_PATTERNS)
    sleeve = {
        "tee": rng.uniform(0.27, 0.40), "long": rng.uniform(0.58, 0.675), "jumper": rng.uniform(0.60, 0.68),
        "tank": rng.uniform(0.150, 0.185), "roll": rng.uniform(0.62, 0.68),
    }[kind]  # fmt: skip
    neck = "high" if kind == "roll" else str(rng.choice(["crew", "scoop", "boat", "v"], p=[0.55, 0.15, 0.08, 0.22]))
    loose = {"tee": 0.010, "long": 0.009, "jumper": 0.018, "tank": 0.006, "roll": 0.008}[kind] * rng.uniform(0.7, 1.4)
    ease = Ease(
        trunk_m=loose,
        arm_m=loose * 0.9,
        hang=float(rng.uniform(0.25, 0.9) if kind in ("tee", "long", "jumper") else rng.uniform(0.0, 0.3)),
        taper=float(rng.uniform(0.05, 0.3)),
        leg_m=loose,
    )
    hem = rng.uniform(0.985, 1.0) if tucked else rng.uniform(0.86, 0.97)
    if kind in ("jumper", "roll"):
        fabric = dataclasses.replace(fabric, fuzz=0.6, pattern="knit" if rng.random() < 0.5 else fabric.pattern)
    cut = TopCut(hem_m=hem, sleeve_m=sleeve, neck=neck, **_neck_size(rng, neck, masculinity))
    return [Garment(part="top", cut=cut, ease=ease, fabric=fabric, tucked=tucked)]


def _neck_size(rng: np.random.Generator, neck: str, masculinity: float) -> dict[str, float]:
    width, front = {
        "crew": (0.086, 1.405), "scoop": (0.112, 1.345), "boat": (0.150, 1.41), "v": (0.088, 1.315),
        "high": (0.08, 1.5), "open": (0.095, 1.40),
    }[neck]  # fmt: skip
    lower = 0.025 if masculinity > 0.5 else 0.0
    return {
        "neck_width_m": width * rng.uniform(0.95, 1.08),
        "neck_front_m": min(front + lower * (neck in ("scoop", "v")) + rng.normal(0, 0.008), 1.42),
    }


def _jacket(rng: np.random.Generator) -> Garment:
    fabric = random_fabric(rng, {"plain": 6, "denim": 2, "melange": 2, "checks": 1, "knit": 1})
    ease = Ease(trunk_m=0.020, arm_m=0.014, leg_m=0.02, hang=float(rng.uniform(0.5, 1.0)), taper=0.08)
    cut = TopCut(
        hem_m=rng.uniform(0.83, 0.95), sleeve_m=rng.uniform(0.64, 0.68), neck="open",
        **_neck_size(rng, "open", 0.0),
    )  # fmt: skip
    return Garment(part="top", cut=cut, ease=ease, fabric=fabric)


def _trousers(rng: np.random.Generator, masculinity: float) -> Garment:
    kind = str(rng.choice(["slim", "straight", "wide", "leggings"], p=[0.35, 0.4, 0.13, 0.12]))
    if kind == "leggings" and masculinity > 0.5:
        kind = "straight"
    fabric = random_fabric(rng, {"plain": 1} if kind == "leggings" else _TROUSER_PATTERNS)
    hang = {"slim": 0.25, "straight": 0.75, "wide": 1.0, "leggings": 0.0}[kind]
    taper = {"slim": 0.12, "straight": 0.06, "wide": -0.05, "leggings": 0.1}[kind]
    ease = Ease(trunk_m=0.005, leg_m=0.003 if kind == "leggings" else rng.uniform(0.006, 0.012), hang=hang, taper=taper)
    if kind == "leggings":
        fabric = dataclasses.replace(fabric, folds=0.25)
    cut = BottomCut(waist_m=rng.uniform(1.01, 1.08), hem_m=rng.uniform(0.065, 0.16))
    return Garment(part="bottom", cut=cut, ease=ease, fabric=fabric)


def _shorts(rng: np.random.Generator) -> Garment:
    cut = BottomCut(waist_m=rng.uniform(1.01, 1.06), hem_m=rng.uniform(0.52, 0.70))
    ease = Ease(trunk_m=0.006, leg_m=0.012, hang=float(rng.uniform(0.6, 1.0)), taper=float(rng.uniform(-0.1, 0.05)))
    return Garment(part="bottom", cut=cut, ease=ease, fabric=random_fabric(rng, _TROUSER_PATTERNS))


def _shorts_under(rng: np.random.Generator) -> Garment:
    fabric = dataclasses.replace(random_fabric(rng, {"plain": 1}), colour=(38.0, 36.0, 40.0), folds=0.2)
    return Garment(part="bottom", cut=BottomCut(waist_m=0.95, hem_m=0.74), ease=Ease(leg_m=0.003), fabric=fabric)


def _skirt(rng: np.random.Generator, fabric: Fabric | None = None) -> Garment:
    hem = float(rng.choice([rng.uniform(0.56, 0.66), rng.uniform(0.32, 0.52), rng.uniform(0.13, 0.28)]))
    flare = float(rng.choice([rng.uniform(-0.12, 0.0), rng.uniform(0.1, 0.45), rng.uniform(0.5, 0.9)]))
    return Garment(
        part="skirt",
        cut=SkirtCut(hem_m=hem),
        ease=Ease(),
        fabric=fabric or random_fabric(rng, _SKIRT_PATTERNS),
        flare=flare,
        folds_m=max(flare, 0.0) * rng.uniform(0.02, 0.05),
    )


def _dress(rng: np.random.Generator) -> list[Garment]:
    fabric = random_fabric(rng, _SKIRT_PATTERNS)
    neck = str(rng.choice(["crew", "scoop", "boat", "v", "high"], p=[0.3, 0.25, 0.1, 0.25, 0.1]))
    sleeve = float(rng.choice([rng.uniform(0.15, 0.185), rng.uniform(0.26, 0.36), rng.uniform(0.55, 0.67)]))
    cut = TopCut(hem_m=0.965, sleeve_m=sleeve, neck=neck, **_neck_size(rng, neck, 0.0))
    ease = Ease(trunk_m=0.006, hang=float(rng.uniform(0, 0.35)))
    top = Garment(part="top", cut=cut, ease=ease, fabric=fabric, tucked=True)
    return [_shorts_under(rng), top, _skirt(rng, fabric)]


def random_shoes(rng: np.random.Generator) -> Garment:
    """Sneakers, boots, ankle boots or flats."""
    kind = str(rng.choice(["sneaker", "boot", "ankle", "flat"], p=[0.45, 0.12, 0.23, 0.2]))
    collar = {"sneaker": 0.088, "boot": rng.uniform(0.24, 0.36), "ankle": 0.135, "flat": 0.06}[kind]
    colour = random_colour(rng) if kind == "sneaker" else (np.array(random_colour(rng)) * 0.55 + 8)
    sole = (228, 226, 220) if kind == "sneaker" and rng.random() < 0.6 else (34, 30, 28)
    fabric = Fabric(
        colour=(float(colour[0]), float(colour[1]), float(colour[2])), accent=sole, pattern="plain", scale_m=0.05,
        folds=0.35, gloss=0.03 if kind == "sneaker" else 0.09, fuzz=0.0, seed=int(rng.integers(1 << 31)),
    )  # fmt: skip
    cut = ShoeCut(collar_m=float(collar), opening_m=0.075 if kind == "flat" else 0.0)
    thick = {"sneaker": 0.024, "boot": 0.022, "ankle": 0.022, "flat": 0.008}[kind]
    return Garment(part="shoes", cut=cut, ease=Ease(leg_m=0.005), fabric=fabric, sole_m=thick)
