"""Moves of the legs: each draws its own tempo and size, and returns where feet and pelvis go.

Legend: T frames.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d

from animator.synthesis.motions.footwork import Footing, plan_footing, shift_weight
from animator.synthesis.motions.gestures import key_dial, window
from animator.synthesis.motions.route import Route

Stance = Callable[[np.random.Generator, int, float], Footing]


def _plan(
    route: Route, num_frames: int, fps: float, *, start: tuple[float, float] = (0.0, 0.0), sway: float = 0.6
) -> Footing:
    return plan_footing(
        route.steps, num_frames=num_frames, fps=fps, stance=route.stance, start_x=start[0], start_z=start[1], sway=sway
    )


def _beats(footing: Footing, beat_s: float) -> np.ndarray:
    """[T] phase in beats."""
    return np.arange(len(footing)) / footing.fps / beat_s


def stand(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """Standing at ease, the weight moving from one leg to the other, the free knee soft."""
    stance, forward = rng.uniform(0.085, 0.15), rng.uniform(-0.10, 0.10)
    footing = plan_footing([], num_frames=num_frames, fps=fps, stance=stance, toes_out_deg=rng.uniform(4, 20))
    footing.feet_TS3[:, :, 2] += np.array([forward, -forward]) * rng.uniform(0, 1)
    moment, keys, side = 0.0, [], rng.integers(2)
    while moment < num_frames / fps + 2:
        keys.append((moment, 0.5 + (side - 0.5) * rng.uniform(0.3, 1.0)))
        moment += rng.uniform(0.9, 2.4)
        side = 1 - side
    weight = gaussian_filter1d(key_dial(keys, num_frames=num_frames, fps=fps), 0.12 * fps, mode="nearest")
    shift_weight(footing, weight, sway=rng.uniform(0.5, 0.85), list_deg=rng.uniform(4, 10))
    footing.yaw_T = footing.yaw_T + rng.uniform(-10, 10) * (weight * 2 - 1)
    free = np.stack([weight, 1 - weight], axis=-1)
    footing.pitch_TS = footing.pitch_TS + np.clip(free * 2 - 1.15, 0, 1) * rng.uniform(0, 28)
    return footing


def march(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """Walking on the spot."""
    route = Route(interval_s=rng.uniform(0.38, 0.62), lift=rng.uniform(0.06, 0.22), stance=rng.uniform(0.08, 0.11))
    while route.time_s < num_frames / fps:
        route.step(heel_deg=rng.uniform(25, 40))
    return _plan(route, num_frames, fps)


def walk(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """A walk up to the camera, a stop, and a few steps back."""
    stride = rng.uniform(0.2, 0.42)
    route = Route(interval_s=rng.uniform(0.46, 0.62), lift=rng.uniform(0.05, 0.09), stance=rng.uniform(0.06, 0.10))
    count = int(rng.integers(3, 6))
    start = -stride * (count - 1) / 2
    route.z, sign = start, 1.0
    while route.time_s < num_frames / fps:
        route.walk(count, stride=sign * stride * (1.0 if sign > 0 else 0.8)).pause(rng.uniform(0.3, 1.0))
        sign = -sign
    return _plan(route, num_frames, fps, start=(0.0, start))


def turn_round(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """A slow turn on the spot in small steps, with rests."""
    route = Route(interval_s=rng.uniform(0.36, 0.55), lift=rng.uniform(0.035, 0.06), time_s=rng.uniform(0.2, 0.8))
    way = rng.choice([-1.0, 1.0])
    while route.time_s < num_frames / fps:
        angle = rng.choice([90.0, 180.0, 360.0], p=[0.4, 0.35, 0.25])
        route.turn(way * angle, int(np.ceil(angle / rng.uniform(40, 55))) + 1)
        route.pause(rng.uniform(0.3, 1.2))
        way = -way if rng.random() < 0.5 else way
    return _plan(route, num_frames, fps)


def glance_turn(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """Turning a part to one side, holding, and on to the other, as in front of a mirror."""
    route = Route(interval_s=rng.uniform(0.40, 0.55), lift=0.045, time_s=rng.uniform(0.2, 0.6))
    way = rng.choice([-1.0, 1.0])
    while route.time_s < num_frames / fps:
        goal = way * rng.uniform(25, 80)
        angle = goal - route.yaw_deg
        route.turn(angle, int(abs(angle) / 45) + 2).pause(rng.uniform(0.5, 1.4))
        way = -way
    return _plan(route, num_frames, fps)


def step_touch(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """A step to the side, the other foot taps beside it; back again. Knees give on every beat."""
    beat = rng.uniform(0.42, 0.6)
    width = rng.uniform(0.18, 0.34)
    route = Route(interval_s=beat, lift=rng.uniform(0.04, 0.09), stance=rng.uniform(0.09, 0.12), x=-width / 2)
    sign = 1.0
    while route.time_s < num_frames / fps:
        for _ in range(int(rng.choice([1, 1, 2]))):
            route.aside(sign * width * 0.9)
        sign = -sign
    footing = _plan(route, num_frames, fps, start=(-width / 2, 0.0), sway=0.75)
    footing.drop_T = footing.drop_T + rng.uniform(0.015, 0.05) * (0.5 + 0.5 * np.cos(2 * np.pi * _beats(footing, beat)))
    return footing


def sway(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """Hips swing from side to side over wide feet, on the beat."""
    beat = rng.uniform(0.45, 0.8)
    footing = plan_footing([], num_frames=num_frames, fps=fps, stance=rng.uniform(0.13, 0.24), toes_out_deg=16)
    phase = np.pi * _beats(footing, beat)
    weight = 0.5 + 0.5 * rng.uniform(0.6, 1.0) * np.sin(phase)
    shift_weight(footing, weight, sway=rng.uniform(0.45, 0.8), list_deg=rng.uniform(6, 13))
    footing.drop_T = footing.drop_T + rng.uniform(0.01, 0.06) * (0.5 + 0.5 * np.cos(2 * phase))
    footing.yaw_T = footing.yaw_T + rng.uniform(-14, 14) * np.sin(phase + rng.uniform(0, 2))
    footing.tilt_T = footing.tilt_T + rng.uniform(0, 8) * np.cos(2 * phase + rng.uniform(0, 6))
    return footing


def twist_heels(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """The twist: knees bent, heels just off the floor, feet and hips turning against the chest."""
    footing = plan_footing([], num_frames=num_frames, fps=fps, stance=rng.uniform(0.10, 0.15), toes_out_deg=5)
    phase = np.pi * _beats(footing, rng.uniform(0.35, 0.6))
    amount = window(0.5, num_frames / fps - 0.3, num_frames=num_frames, fps=fps, ramp_s=0.4)
    turn = rng.uniform(16, 34) * np.sin(phase) * amount
    footing.pitch_TS = footing.pitch_TS + 9 * amount[:, None]
    footing.yaw_TS = footing.yaw_TS + turn[:, None]
    footing.yaw_T = footing.yaw_T + 0.8 * turn
    deep = rng.uniform(0.04, 0.14) * (1 - np.cos(phase * rng.choice([0.25, 0.5]))) / 2
    footing.drop_T = footing.drop_T + (0.03 + deep) * amount
    return footing


def bounce(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """Knees give on the beat over feet that stay; now and then deeper."""
    beat = rng.uniform(0.4, 0.65)
    footing = plan_footing([], num_frames=num_frames, fps=fps, stance=rng.uniform(0.12, 0.22), toes_out_deg=14)
    phase = 2 * np.pi * _beats(footing, beat)
    slow = 0.5 - 0.5 * np.cos(phase / 8 + rng.uniform(0, 6))
    footing.drop_T = (
        footing.drop_T + rng.uniform(0.02, 0.05) * (0.5 - 0.5 * np.cos(phase)) + rng.uniform(0, 0.14) * slow
    )
    shift_weight(footing, 0.5 + 0.35 * np.sin(phase / 4), sway=0.6, list_deg=5)
    footing.tilt_T = footing.tilt_T + 120 * (footing.drop_T - 0.012)
    return footing


def side_lunge(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """Deep to one side, then to the other, over wide feet."""
    footing = plan_footing([], num_frames=num_frames, fps=fps, stance=rng.uniform(0.24, 0.36), toes_out_deg=24)
    phase = np.pi * _beats(footing, rng.uniform(0.8, 1.3)) + rng.choice([0, np.pi])
    lean = np.sin(phase)
    shift_weight(footing, 0.5 + 0.5 * lean, sway=rng.uniform(0.5, 0.85), list_deg=-3)
    footing.drop_T = footing.drop_T + rng.uniform(0.08, 0.24) * lean**2
    footing.tilt_T = footing.tilt_T + rng.uniform(4, 14) * lean**2
    return footing


def knee_lifts(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """Knees drawn up high in turn."""
    route = Route(interval_s=rng.uniform(0.55, 0.9), lift=rng.uniform(0.28, 0.46), airtime=0.8)
    while route.time_s < num_frames / fps:
        route.step(heel_deg=28.0).pause(rng.choice([0.0, 0.25]))
    return _plan(route, num_frames, fps, sway=0.9)


def taps(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """Toes tap to the front, to the side or behind, and come back."""
    route = Route(interval_s=rng.uniform(0.4, 0.6), lift=rng.uniform(0.03, 0.08), stance=0.10)
    while route.time_s < num_frames / fps:
        side, out = route.side, 1 - 2 * route.side
        way = rng.choice(["front", "side", "back"])
        far = rng.uniform(0.16, 0.34)
        home = (route.x, route.z)
        moved = {"front": (0.0, far), "side": (far * out, 0.05), "back": (0.0, -far)}[way]
        route.step(left=moved[0], forward=moved[1], heel_deg=30.0)
        route.x, route.z, route.side = *home, side
        route.step(heel_deg=30.0)
    footing = _plan(route, num_frames, fps, sway=0.0)
    # The standing foot keeps the weight: pelvis over whichever foot is not tapping.
    away = np.abs(footing.feet_TS3[:, :, [0, 2]] - footing.feet_TS3[:1, :, [0, 2]]).sum(-1)
    tapping = gaussian_filter1d(np.clip(away / 0.1, 0, 1) + (footing.feet_TS3[..., 1] > 0.005), 0.12 * fps, axis=0)
    side = np.clip(tapping, 0, 1)
    shift_weight(footing, 0.5 + 0.5 * (side[:, 0] - side[:, 1]), sway=0.8)
    home = np.array([0.10, -0.10]) * (0.5 - (footing.weight_T[:, None] - 0.5) * np.array([1, -1]))
    footing.pelvis_T2 = np.stack([gaussian_filter1d(0.8 * home.sum(1), 0.09 * fps), np.zeros(num_frames)], axis=-1)
    footing.drop_T = footing.drop_T + 0.02
    return footing


def roam(rng: np.random.Generator, num_frames: int, fps: float) -> Footing:
    """Steps to anywhere near: wide, narrow, ahead, behind, crossed a little, knees low or high, hips turned."""
    route = Route(time_s=rng.uniform(0.0, 0.4), stance=0.11)
    while route.time_s < num_frames / fps:
        route.interval_s = rng.uniform(0.5, 0.8)
        route.lift = float(rng.choice([0.06, 0.12, 0.36], p=[0.5, 0.3, 0.2]))
        out = 1 - 2 * route.side
        yaw_deg = float(np.clip(rng.normal(0, 32), -75, 75))
        home = (route.x, route.z)
        route.step(
            left=out * rng.uniform(-0.10, 0.24), forward=rng.uniform(-0.26, 0.26), turn_deg=yaw_deg - route.yaw_deg
        )
        # The body goes a part of the way, and back to the middle over time.
        route.x, route.z = (0.35 * (a + b) for a, b in zip(home, (route.x, route.z), strict=True))
        route.pause(rng.uniform(0.0, 0.6))
    footing = _plan(route, num_frames, fps, sway=rng.uniform(0.5, 0.8))
    keys = [(moment, rng.beta(0.9, 2.2)) for moment in np.arange(0.0, num_frames / fps + 1, 0.8)]
    deep = gaussian_filter1d(key_dial(keys, num_frames=num_frames, fps=fps), 0.15 * fps, mode="nearest")
    footing.drop_T = footing.drop_T + 0.26 * deep
    footing.tilt_T = footing.tilt_T + rng.uniform(0, 20) * deep
    return footing


STANCES: dict[str, Stance] = {
    move.__name__: move
    for move in (
        stand, march, walk, turn_round, glance_turn, step_touch,
        sway, twist_heels, bounce, side_lunge, knee_lifts, taps, roam,
    )
}  # fmt: skip
