"""Where a skirt ends, by outline and colours, and where its cloth hangs.

Legend: H W pixels.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.anatomy import chain_distance, hidden_leg, leg_place, pixel_centers, smoothstep, unit
from animator.conditioning.warp.bones import LEFT_LEG, RIGHT_LEG, SHOWN, BonePose
from animator.conditioning.warp.color_evidence import share_alike
from animator.conditioning.warp.plane import perpendicular

# From the side: where down the legs a hem may be, and how much wider than the legs below it cloth is there.
_HEM_FROM_SIDE, _FLARED = (0.6, 1.7), 1.35
# Down the legs from here on, the share of the outline that is ground between the legs just below a hem.
_OPEN_FROM, _OPEN = 0.8, 0.3
# Torso lengths: what is wider than this about the shins, from the side, is a gown.
_GOWN = 0.6
# Down to where nothing opens between the legs of somebody who strides, or stands with feet together; where along the
# shins cloth is measured; and by how many torso lengths that of a skirt is wider, at least, than bones are apart. Two
# bare shins are 0.26. Of legs that touched or crossed 0.07 to 0.33, in baggy trousers 0.39; of gowns 0.46 to 1.2; a
# narrow one may be as a sheath dress is at its knees, 0.33 to 0.43.
_TOGETHER, _SHINS, _WIDER = 1.5, (1.2, 1.8), 0.34
# Torso lengths: a thigh that looks shorter points at the camera.
_SHORT_THIGH = 0.7
# Where down the legs their outline is looked at; how many times wider it is above a hem than below.
_PLACES = [0.15 + 0.04 * step for step in range(47)]
_JUMPS = 1.18
# Radii about its bone within which a leg is surely seen; and how far above and below a hem colours are looked at, 0 at
# the hips, 1 at the knees, and from where to where at all.
_ON_LEG, _ABOUT_HEM, _LEGS = 0.6, (0.05, 0.1), (0.3, 1.9)
# How often what lies below a hem has the colours above it, against its own. Below the hems of 23 skirts 0 to 0.2, in
# trousers that were taken for one 0.3 and more; above and below the hem of a skirt that was taken for trousers 0.03 and
# less both ways, where trousers end in shoes or shorts above where legs part 0.13 and more one way.
_GOES_ON, _ENDS, _FEWEST = 0.3, 0.06, 20


def hem_of(colors_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose) -> float | None:
    """Where a skirt ends: 0 at the hips, 1 at the knees, 2 at the ankles; None for trousers.

    The outline tells it, see `skirt_hem`, and colours where that cannot: where thighs point at the camera, knees hide
    where trousers part; hands that hang beside the crotch make it wider there; and over legs astride a short skirt is
    no wider than they are, but its cloth ends where they part.

    Args:
        colors_3HW: the person's colours in [0, 1].
        matte_HW: the person's opacity.
        pose: the photo's pose (one).
    """
    hem = skirt_hem(pose, matte_HW)
    if hem is None:
        parts = _legs_part(pose, matte_HW)
        # From there on the outline tells, and shorts end where legs part, too.
        if parts is None or parts > _OPEN_FROM:
            return None
        shares = shares_alike(parts, colors_3HW, matte_HW, pose)
        return parts if shares is not None and max(shares) < _ENDS else None
    thighs = [LEFT_LEG[0], RIGHT_LEG[0]]
    length = (pose.end_BJ2[0, thighs] - pose.start_BJ2[0, thighs]).norm(dim=-1).min() / pose.torso_length_B[0]
    if float(length) < _SHORT_THIGH or hem <= _OPEN_FROM:
        shares = shares_alike(hem, colors_3HW, matte_HW, pose)
        return None if shares is not None and shares[0] > _GOES_ON else hem
    return hem


def skirt_hem(pose: BonePose, matte_HW: torch.Tensor) -> float | None:
    """As `hem_of`, by the outline.

    Followed down the middle between the legs, cloth ends at the crotch of trousers or at the hem of a skirt. At a
    hem the outline jumps inwards to the legs, though a photo's hem may take some rows for it, or legs stand so far
    apart that there is as much ground between them at once; at a crotch the outline goes on as it was, and legs part
    by little and little. Where it opens nowhere, or at the ankles alone, legs that touch are no wider than legs.
    """
    if not _legs_shown(pose):
        return None
    rows = [_leg_row(pose, matte_HW, place) for place in _PLACES]
    extents, torso_px = [outer for _, outer, _ in rows], float(pose.torso_length_B[0])
    if _from_side(pose, matte_HW):
        return _hem_from_side(_PLACES, extents, torso_px)
    gap = _gap([inner for inner, _, _ in rows])
    if (gap is None or _PLACES[gap] > _TOGETHER) and not _is_gown(pose, extents, torso_px):
        return None
    if gap is None:
        return 2.0
    # Above the knees legs that stride part as fast as that at a crotch, too.
    opened = [between / outer for _, outer, between in rows[gap : gap + 3]]
    is_open_at_once = _PLACES[gap] > _OPEN_FROM and max(opened) > _OPEN
    return _PLACES[gap] if is_open_at_once or _narrows(extents, gap) > _JUMPS else None


def _legs_part(pose: BonePose, matte_HW: torch.Tensor) -> float | None:
    """Where legs part, seen from before or behind: at a crotch, or below it; 2 where they do not; None: not seen."""
    if not _legs_shown(pose) or _from_side(pose, matte_HW):
        return None
    gap = _gap([_leg_row(pose, matte_HW, place)[0] for place in _PLACES])
    return 2.0 if gap is None else _PLACES[gap]


def _legs_shown(pose: BonePose) -> bool:
    return float(torch.minimum(pose.trust_BJ[0, LEFT_LEG[0]], pose.trust_BJ[0, RIGHT_LEG[0]])) > SHOWN


def _from_side(pose: BonePose, matte_HW: torch.Tensor) -> bool:
    """Whether one leg hides the other."""
    return float(hidden_leg(matte_HW.new_ones(()), pose)) > 0.5


def _gap(filled: list[float]) -> int | None:
    """The first row in which there is ground between the legs, and more of it in the next two."""
    return next((row for row in range(len(filled)) if filled[row] < 0.5 and sum(filled[row : row + 3]) < 1.5), None)


def shares_alike(
    hem: float, colors_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose
) -> tuple[float, float] | None:
    """How often legs below a hem have the colours above it, against their own; and the other way round.

    None where too little is seen of either. For the arguments see `hem_of`.
    """
    points = pixel_centers(matte_HW)
    place = leg_place(points, pose)
    legs = torch.minimum(*(chain_distance(points, pose, bones[:2]) for bones in (LEFT_LEG, RIGHT_LEG))) < _ON_LEG
    legs &= (matte_HW > 0.9) & (place > _LEGS[0]) & (place < _LEGS[1])
    above, below = (colors_3HW[:, legs & part].T for part in (place < hem - _ABOUT_HEM[0], place > hem + _ABOUT_HEM[1]))
    if min(len(above), len(below)) < _FEWEST:
        return None

    def against_own(colors: torch.Tensor, others: torch.Tensor) -> float:
        own = share_alike(colors, colors).median().clamp_min(1e-6)
        return float(share_alike(colors, others).median() / own)

    return against_own(below, above), against_own(above, below)


def _hem_from_side(places: list[float], extents: list[float], torso_px: float) -> float | None:
    """As `skirt_hem`, where one leg hides the other and nothing shows between them: by the outline alone."""
    for row, place in enumerate(places):
        if _HEM_FROM_SIDE[0] < place < _HEM_FROM_SIDE[1] and _narrows(extents, row) > _FLARED:
            return place
    shins = [extent for extent, place in zip(extents, places, strict=True) if 1.2 < place < 1.7]
    return 2.0 if min(shins) > _GOWN * torso_px else None


def _narrows(extents: list[float], row: int) -> float:
    """How many times as wide the outline is just above a row as it is below it."""
    below = sorted(extents[row : row + 6])
    return max(extents[max(row - 4, 0) : row + 1]) / max(below[len(below) // 2], 1e-6)


def _is_gown(pose: BonePose, extents: list[float], torso_px: float) -> bool:
    """Whether what goes on down the shins is wider than two legs that touch are together."""
    beyond = []
    for place, extent in zip(_PLACES, extents, strict=True):
        if _SHINS[0] < place < _SHINS[1]:
            first, second = _on_legs(pose, place)
            beyond.append((extent - abs(float(first[0] - second[0]))) / torso_px)
    return sorted(beyond)[len(beyond) // 2] > _WIDER


def _on_legs(pose: BonePose, place: float) -> list[torch.Tensor]:
    """The places [2] px on the bones of both legs."""
    segment_of_leg = min(int(place), 1)
    bones = (LEFT_LEG[segment_of_leg], RIGHT_LEG[segment_of_leg])
    return [torch.lerp(pose.start_BJ2[0, bone], pose.end_BJ2[0, bone], place - segment_of_leg) for bone in bones]


def _leg_row(pose: BonePose, matte_HW: torch.Tensor, place: float) -> tuple[float, float, float]:
    """At one height: opacity half-way between the legs, px of the opaque run around both and of ground between."""
    points = _on_legs(pose, place)
    row = int(((points[0][1] + points[1][1]) / 2).clamp(0, matte_HW.shape[0] - 1))
    first, last = sorted(int(point[0].clamp(0, matte_HW.shape[1] - 1)) for point in points)
    center = (first + last) // 2
    middle = float(matte_HW[row, center])
    opaque = (matte_HW[row] > 0.5).tolist()
    while first > 0 and opaque[first - 1]:
        first -= 1
    while last + 1 < len(opaque) and opaque[last + 1]:
        last += 1
    between = next((at for at in range(center, last) if opaque[at]), last) - center
    between += center - next((at for at in range(center, first, -1) if opaque[at]), first)
    return middle, float(last - first + 1), float(between)


def skirt_hull(points: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose, hem: float) -> torch.Tensor:
    """Where the cloth of a skirt hangs: from the hips' sides straight to its sides above the hem."""
    (left_shoulder, right_shoulder), hips = pose.shoulders_B22[0], pose.hips_B22[0].mean(0)
    knees = pose.end_BJ2[0, (LEFT_LEG[0], RIGHT_LEG[0])].mean(0)
    place = leg_place(points, pose)
    across = (points - hips) @ perpendicular(unit(knees - hips))
    near_hem = (place > 0.7 * hem) & (place < hem - 0.05) & (matte_HW > 0.5) & (across.abs() < pose.torso_length_B[0])
    if int(near_hem.sum()) < 10:
        return torch.zeros_like(matte_HW)
    top = (left_shoulder - right_shoulder).norm() * 0.42
    sides = across[near_hem].quantile(torch.tensor([0.03, 0.97], dtype=across.dtype, device=across.device))
    down = (place / hem).clamp(0, 1)
    low, high = torch.lerp(-top, sides[0], down), torch.lerp(top, sides[1], down)
    inside = smoothstep(-1.5, 1.5, across - low) * smoothstep(-1.5, 1.5, high - across)
    return inside * smoothstep(-0.1, 0.05, place) * (1 - smoothstep(hem, hem + 0.06, place))
