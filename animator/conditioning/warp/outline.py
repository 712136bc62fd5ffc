"""Where a trunk's sides run behind what covers them: straight from where they are seen above to where below.

Joints tell how wide a trunk is only roughly; a waist that hands are put on is slimmer, a coat is wider.

Legend: H W pixels, R rows across the trunk.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp.anatomy import chain_distance, leg_place, smoothstep, trunk_place, unit
from animator.conditioning.warp.bones import LEFT_LEG, RIGHT_LEG, TORSO
from animator.conditioning.warp.figure import Figure

# From below where hands hang to the shoulders, in lengths of the trunk; height of a row; rows whose median counts.
_LOW, _HIGH, _ROW, _MEDIAN = -0.75, 1.0, 0.02, 5
# Lengths of the trunk that may lie between two rows in which its side is seen; below the waist as much as a
# forearm and its hand are long, which hang there. Above it the sides bend away to the shoulders.
_HIDDEN, _WAIST, _HIDDEN_BELOW = 0.4, 0.4, 0.9
# How far above a skirt's hem its sides still tell, in lengths of a thigh.
_ABOVE_HEM = 0.1
# Above armpits the ground beside the trunk is that above a shoulder; half widths that a side may go aside from row to
# row.
_ARMPIT, _STEP = 0.8, 0.06
# Half widths of the trunk over which its edge is soft.
_SOFT = 0.03
# Along the trunk: where hips are, and from where on it is as wide as usual.
_HIPS, _USUAL = (-0.35, 0.15), 0.5
# Cosine between the trunk and a thigh below which the thigh leads away from it; radii around the bones of such a leg.
_LEADS_AWAY, _LEG = 0.6, 1.2


def inside_outline(
    figure: Figure, own_HW: torch.Tensor, near_arm_HW: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the trunk must lie as its own sides tell.

    Args:
        figure: the person.
        own_HW: opacity of what is seen of trunk and legs.
        near_arm_HW: above 0 close to what covers them.

    Returns:
        [H, W] in [0, 1], inside; and bool [H, W], where the sides tell: rows in which they are seen, and those between.
    """
    place, across = trunk_place(figure.points, figure.pose)
    rows = ((place - _LOW) / _ROW).floor().long()
    count = round((_HIGH - _LOW) / _ROW)
    within = (rows >= 0) & (rows < count)
    if figure.hem is not None:
        # A skirt's sides end at its hem, where those of the legs begin farther inside.
        within &= leg_place(figure.points, figure.pose) < figure.hem - _ABOVE_HEM
    inside, told = torch.zeros_like(own_HW), torch.zeros_like(own_HW, dtype=torch.bool)
    free_HW = (near_arm_HW < 0.05) & ~_legs_led_away(figure)
    open_HW = free_HW | _beside_ground(figure) & (place < _ARMPIT)
    for side in (-1.0, 1.0):
        sideways = across * side
        asked = within & (sideways > 0)
        own = asked & (own_HW > 0.5)
        seen_R = _edges(rows, sideways, own, free_HW, count)
        if figure.hem is not None:
            # Beside open ground a skirt ends where it is seen to, however near an arm is beyond the gap.
            arm = asked & (own_HW < 0.5) & (figure.matte_HW > 0.5)
            inside_arm = sideways < _outermost(rows, sideways, arm, count)[rows.clamp(0, count - 1)]
            seen_R = np.fmax(seen_R, _steady(_edges(rows, sideways, own, free_HW | open_HW & inside_arm, count)))
        bridged_R = _bridged(seen_R) if figure.hem is not None else _from_hips(_bridged(seen_R))
        edge_R = torch.from_numpy(bridged_R).to(own_HW)
        at = (place - _LOW) / _ROW - 0.5
        low = at.floor().long().clamp(0, count - 2)
        edge = torch.lerp(edge_R[low], edge_R[low + 1], (at - low).clamp(0, 1))
        here = asked & ~edge.isnan()
        inside = torch.where(here, 1 - smoothstep(-_SOFT, _SOFT, sideways - edge), inside)
        told |= here
    return inside, told


def _legs_led_away(figure: Figure) -> torch.Tensor:
    """Bool [H, W]: legs that go on in another direction than the trunk: who squats or sits has a knee beside it."""
    pose, away = figure.pose, torch.zeros_like(figure.matte_HW, dtype=torch.bool)
    start, end = pose.start_BJ2[0], pose.end_BJ2[0]
    for bones in (LEFT_LEG, RIGHT_LEG):
        along = (unit(end[bones[0]] - start[bones[0]]) * unit(start[TORSO] - end[TORSO])).sum()
        if pose.shows(bones[0]) and float(along) < _LEADS_AWAY:
            away |= chain_distance(figure.points, pose, bones) < _LEG
    return away


def _beside_ground(figure: Figure) -> torch.Tensor:
    """Bool [H, W]: pixels next to background."""
    ground = (figure.matte_HW < 0.5).to(figure.matte_HW)
    return F.max_pool2d(ground[None, None], 3, stride=1, padding=1)[0, 0] > 0


def _outermost(rows_HW: torch.Tensor, sideways_HW: torch.Tensor, what_HW: torch.Tensor, count: int) -> torch.Tensor:
    """How far out something reaches in each row [R], 0 where it does not."""
    outermost = torch.zeros(count, dtype=sideways_HW.dtype, device=sideways_HW.device)
    return outermost.scatter_reduce(0, rows_HW[what_HW], sideways_HW[what_HW], "amax")


def _edges(
    rows_HW: torch.Tensor, sideways_HW: torch.Tensor, own_HW: torch.Tensor, free_HW: torch.Tensor, count: int
) -> np.ndarray:
    """How far out the trunk reaches in each row [R], NaN where something covers its side there."""
    edges = np.full(count, np.nan)
    row, outwards, free = (each[own_HW].cpu().numpy() for each in (rows_HW, sideways_HW, free_HW))
    order = np.lexsort((outwards, row))
    last = np.flatnonzero(np.diff(row[order], append=-1))
    outermost = order[last]
    edges[row[outermost]] = np.where(free[outermost], outwards[outermost], np.nan)
    return edges


def _steady(edge_R: np.ndarray) -> np.ndarray:
    """The edges of which enough lie in a row, none far beside the next: scraps of sleeves are short."""
    jumps = ~(np.abs(np.diff(edge_R)) < _STEP)
    runs = np.split(np.arange(len(edge_R)), np.flatnonzero(jumps) + 1)
    short = np.concatenate([run for run in runs if len(run) < _MEDIAN] or [np.arange(0)])
    steady = edge_R.copy()
    steady[short] = np.nan
    return steady


def _bridged(edge_R: np.ndarray) -> np.ndarray:
    """The edges without single rows that stick out, and straight on between those that are not too far apart."""
    known = np.flatnonzero(~np.isnan(edge_R))
    if len(known) < _MEDIAN:
        return np.full_like(edge_R, np.nan)
    half = _MEDIAN // 2
    padded = np.pad(edge_R[known], half, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN), axis=1)
    bridged = np.interp(np.arange(len(edge_R)), known, smooth, left=np.nan, right=np.nan)
    for before, after in pairwise(known.tolist()):
        most = _HIDDEN_BELOW if _LOW + after * _ROW < _WAIST else _HIDDEN
        if (after - before) * _ROW > most:
            bridged[before + 1 : after] = np.nan
    return bridged


def _from_hips(edge_R: np.ndarray) -> np.ndarray:
    """The edges; where a whole side is hidden, one that goes on from hips wider than the trunk's usual side to that.

    Below a sleeve that hides the whole side trousers came out from behind the trunk in a step.
    """
    place_R = _LOW + (np.arange(len(edge_R)) + 0.5) * _ROW
    known_R = ~np.isnan(edge_R)
    below = np.flatnonzero(known_R & (place_R > _HIPS[0]) & (place_R < _HIPS[1]))
    if not len(below):
        return edge_R
    top, usual = below[-1], int(np.searchsorted(place_R, _USUAL))
    if edge_R[top] <= 1 or known_R[top + 1 : usual + 1].any():
        return edge_R
    joined = edge_R.copy()
    joined[top : usual + 1] = np.linspace(edge_R[top], 1, usual + 1 - top)
    return joined
