"""Moves of arms, trunk and head over given footwork: each changes relaxed dials in place.

Legend: T frames.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from animator.synthesis.motions.dials import RELAXED, Dials, relaxed_dials
from animator.synthesis.motions.footwork import Footing
from animator.synthesis.motions.gestures import (
    Arm,
    arm_poses,
    breathe,
    key_arms,
    key_dial,
    set_arm,
    stay_upright,
    swing_arms,
    window,
)

Carriage = Callable[[np.random.Generator, Dials, Footing], None]

# Pairs of arm poses that dancers go through; both arms take the first, then the second.
_DANCE_POSES = (
    "side",
    "open",
    "front",
    "up",
    "high_v",
    "low_v",
    "crown",
    "cactus",
    "box",
    "cross",
    "point",
    "hip",
    "hair",
)


def at_ease(rng: np.random.Generator, dials: Dials, footing: Footing) -> None:
    """Arms hang and swing with the steps."""
    swing_arms(dials, footing, amount=rng.uniform(0.6, 1.3), elbow=rng.uniform(0.5, 1.8))


def hand_on_hip(rng: np.random.Generator, dials: Dials, footing: Footing) -> None:
    """One hand or both go to the hips, stay, and come down again."""
    swing_arms(dials, footing, amount=0.7)
    total = len(footing) / footing.fps
    sides = rng.permutation(2)[: int(rng.integers(1, 3))]
    for side in sides:
        start = rng.uniform(0.0, 0.4) * total
        end = start + rng.uniform(0.4, 1.0) * total
        weight = window(start, end, num_frames=len(footing), fps=footing.fps, ramp_s=rng.uniform(0.5, 0.9))
        set_arm(dials, int(side), arm_poses()["hip"], weight)


def wave(rng: np.random.Generator, dials: Dials, footing: Footing) -> None:
    """One hand waves; the other hangs or rests on the hip."""
    swing_arms(dials, footing, amount=0.6)
    total, frames, fps = len(footing) / footing.fps, len(footing), footing.fps
    side = int(rng.integers(2))
    weight = window(0.2 * total, 0.85 * total, num_frames=frames, fps=fps, ramp_s=0.7)
    set_arm(dials, side, arm_poses()["wave"], weight)
    phase = 2 * np.pi * rng.uniform(1.2, 2.2) * np.arange(frames) / fps
    key = ("left", "right")[side]
    dials[f"{key}_twist"] = dials[f"{key}_twist"] + rng.uniform(12, 24) * np.sin(phase) * weight
    dials[f"{key}_elbow"] = dials[f"{key}_elbow"] + rng.uniform(4, 14) * np.cos(phase) * weight
    dials["smile"] = dials["smile"] + 0.6 * weight
    if rng.random() < 0.35:
        set_arm(dials, 1 - side, arm_poses()["hip"], weight)


def raise_arms(rng: np.random.Generator, dials: Dials, footing: Footing) -> None:
    """Both arms rise to the side, to the front or overhead, and sink again."""
    total, moment = len(footing) / footing.fps, rng.uniform(0.1, 0.4)
    keys: list[tuple[float, Arm]] = [(0.0, dict(RELAXED))]
    while moment < total:
        pose = arm_poses()[str(rng.choice(["side", "front", "up", "high_v", "crown", "cactus", "open"]))]
        rise, hold = rng.uniform(0.7, 1.3), rng.uniform(0.1, 0.7)
        keys += [(moment + rise, pose), (moment + rise + hold, pose)]
        moment += rise + hold
        if rng.random() < 0.6:
            moment += rng.uniform(0.7, 1.2)
            keys.append((moment, dict(RELAXED)))
        moment += 0.1
    for side in range(2):
        key_arms(dials, side, keys, fps=footing.fps)


def dance_arms(rng: np.random.Generator, dials: Dials, footing: Footing) -> None:
    """Arms go from pose to pose on the beat: alike, in turn, or each its own way; the chest answers."""
    total, fps = len(footing) / footing.fps, footing.fps
    beat = rng.uniform(0.42, 0.62)
    moments = np.arange(0, total + beat, beat * rng.choice([1, 1, 2]))
    style = rng.choice(["alike", "turns", "free"])
    chosen = [str(name) for name in rng.choice(_DANCE_POSES, size=(int(rng.integers(2, 5))))]
    for side in range(2):
        if style == "free":
            names = [str(rng.choice(_DANCE_POSES)) for _ in moments]
        else:
            late = side if style == "turns" else 0
            names = [chosen[(number + late) % len(chosen)] for number in range(len(moments))]
        key_arms(dials, side, [(t, arm_poses()[name]) for t, name in zip(moments, names, strict=True)], fps=fps)
    _groove(rng, dials, footing, beat_s=beat)


def any_arms(rng: np.random.Generator, dials: Dials, footing: Footing) -> None:
    """Arms wander between random places within what shoulders and elbows can do."""
    total = len(footing) / footing.fps
    for side in range(2):
        moment, keys = 0.0, []
        while moment < total + 1:
            keys.append((moment, random_arm(rng)))
            moment += rng.uniform(0.6, 1.5)
        key_arms(dials, side, keys, fps=footing.fps)
    _lean(rng, dials, footing)


def random_arm(rng: np.random.Generator) -> Arm:
    """A comfortable arm pose, clear of trunk and head."""
    raised = float(rng.choice([rng.uniform(8, 45), rng.uniform(45, 115), rng.uniform(115, 168)], p=[0.3, 0.4, 0.3]))
    # Close to the body there is only room beside it; at shoulder height also across it.
    plane = float(
        rng.uniform(-15, 40) if raised < 30 else rng.uniform(-12, 95) if raised < 110 else rng.uniform(-5, 45)
    )
    elbow = float(rng.triangular(3, 30, 125))
    low, high = (-20, 55) if raised < 60 else (-95, 15)
    if raised > 125:
        low, high, elbow = -45, 0, min(elbow, 70.0)
    return dict(RELAXED) | {
        "raise": raised,
        "plane": plane,
        "twist": float(rng.uniform(low, high)),
        "elbow": elbow,
        "pronate": float(rng.uniform(-45, 40)),
        "wrist": float(rng.normal(0, 14)),
        "curl": float(rng.choice([0.05, 0.2, 0.35, 0.35, 0.6, 0.9])),
        "spread": float(rng.uniform(0.1, 0.6)),
    }


def present(rng: np.random.Generator, dials: Dials, footing: Footing) -> None:
    """Fashion poses: a hand to the hair, the heart, the waist or the hip, changing slowly."""
    total, fps = len(footing) / footing.fps, footing.fps
    for side in range(2):
        moment, keys = 0.0, []
        while moment < total + 1:
            names, chances = ("hang", "hip", "hair", "heart", "waist", "low_v"), (0.3, 0.25, 0.14, 0.08, 0.13, 0.1)
            pose = arm_poses()[str(rng.choice(names, p=chances))]
            keys += [(moment, pose), (moment + rng.uniform(0.3, 1.2), pose)]
            moment = keys[-1][0] + rng.uniform(0.7, 1.1)
        key_arms(dials, side, keys, fps=fps)
    dials["smile"] = dials["smile"] + rng.uniform(0, 0.7)


def _groove(rng: np.random.Generator, dials: Dials, footing: Footing, *, beat_s: float) -> None:
    """Chest and head move with the beat."""
    phase = np.pi * np.arange(len(footing)) / footing.fps / beat_s
    dials["side"] = dials["side"] + rng.uniform(2, 9) * np.sin(phase + rng.uniform(0, 6))
    dials["twist"] = dials["twist"] + rng.uniform(2, 14) * np.sin(phase + rng.uniform(0, 6))
    dials["bend"] = dials["bend"] + rng.uniform(0, 5) * np.cos(2 * phase)
    dials["nod"] = dials["nod"] + rng.uniform(0, 6) * np.cos(2 * phase + 0.7)
    dials["smile"] = dials["smile"] + rng.uniform(0, 0.8)


def _lean(rng: np.random.Generator, dials: Dials, footing: Footing) -> None:
    """The trunk bends, leans and turns slowly, each its own way; the head makes up for a part of it."""
    total = len(footing) / footing.fps
    for name, low, high in (("bend", -8.0, 24.0), ("side", -20.0, 20.0), ("twist", -32.0, 32.0)):
        moments = np.arange(0.0, total + 2.0, rng.uniform(0.8, 1.6))
        keys = [(float(moment), float(rng.uniform(low, high))) for moment in moments]
        dials[name] = dials[name] + key_dial(keys, num_frames=len(footing), fps=footing.fps)
    dials["nod"] = dials["nod"] - 0.6 * dials["bend"]
    dials["look"] = dials["look"] - 0.5 * dials["twist"]
    dials["smile"] = dials["smile"] + rng.uniform(0, 0.6)


def look_about(rng: np.random.Generator, dials: Dials, footing: Footing) -> None:
    """The head turns to one side, down or up, and comes back to the front."""
    total, moment = len(footing) / footing.fps, rng.uniform(0.0, 0.8)
    keys = {"look": [(0.0, 0.0)], "nod": [(0.0, 0.0)], "tilt": [(0.0, 0.0)]}
    while moment < total:
        size = rng.uniform(0.3, 1.0)
        goal = {
            "look": rng.choice([-1, 1]) * 48 * size,
            "nod": rng.uniform(-14, 18) * size,
            "tilt": rng.uniform(-10, 10),
        }
        hold, turn = rng.uniform(0.3, 1.0), rng.uniform(0.4, 0.7)
        for name, path in keys.items():
            path += [(moment + 0.01, path[-1][1]), (moment + turn, goal[name]), (moment + turn + hold, goal[name])]
            path.append((moment + 2 * turn + hold, 0.0))
        moment += 2 * turn + hold + rng.uniform(0.3, 1.5)
    for name, path in keys.items():
        dials[name] = dials[name] + key_dial(path, num_frames=len(footing), fps=footing.fps)


CARRIAGES: dict[str, Carriage] = {
    move.__name__: move for move in (at_ease, hand_on_hip, wave, raise_arms, dance_arms, any_arms, present)
}


def carry(rng: np.random.Generator, footing: Footing, carriage: Carriage, *, looks_about: bool) -> Dials:
    """Dials of one carriage over `footing`, upright over the hips."""
    dials = relaxed_dials(len(footing))
    carriage(rng, dials, footing)
    stay_upright(dials, footing)
    if looks_about:
        look_about(rng, dials, footing)
    breathe(dials, rng, fps=footing.fps)
    return dials
