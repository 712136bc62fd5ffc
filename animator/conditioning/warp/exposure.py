"""The exposure of a camera: what moves while the shutter is open is smeared along its way.

Vertices know how far they travel between the poses at which the shutter opens and closes. Their travel becomes a
smooth field around each layer, and pixels gather along it what passed over them: the motion blur of Potmesil and
Chakravarty (1983) as a gather over velocities that reach beyond the moving thing (McGuire et al. 2012, "A
Reconstruction Filter for Plausible Motion Blur"). Layers are smeared one by one, before they are laid over each
other: an arm that waves before a torso at rest gets soft, the torso does not.

All reckoning stays in canvas px, so that neither the window drawn nor the other poses of a batch change a bit.

Legend: B poses, N window, K keypoints, V vertices, H W canvas pixels, h w window pixels, C channels, P pixels that
are smeared.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch.nn import functional as F  # noqa: N812

# The interpolation between taps would soften more than a travel below the first; from the second on, all is smear.
LEAST_TRAVEL_PX, FULL_TRAVEL_PX = 1.0, 2.0
# Of the canvas' longer side: what seems to travel farther in one exposure was tracked wrongly.
MOST_TRAVEL = 0.1
# Travel is collected from the vertices, and continued beyond the edge of what moves, on squares of so many px.
TILE_PX = 8
# Taps along travels up to so many px.
TAPS = ((2.5, 2), (6.0, 4), (16.0, 8), (float("inf"), 24))


def shutter_poses(keypoints_BNK2: torch.Tensor, open_B: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The poses [B, K, 2] at which the shutter opens and closes, around the window's middle.

    Args:
        keypoints_BNK2: px, evenly spaced in time, N odd and at least 3. A joint unseen in a neighbouring pose rests.
        open_B: share of the time between two poses that the shutter is open, in [0, 1].
    """
    middle = keypoints_BNK2.shape[1] // 2
    now = keypoints_BNK2[:, middle]
    before, after = (
        torch.where(pose.isnan(), now, pose) for pose in (keypoints_BNK2[:, middle - 1], keypoints_BNK2[:, middle + 1])
    )
    half = open_B[:, None, None] / 2
    return now + half * (before - now), now + half * (after - now)


def travel_between(moments_BV2: torch.Tensor, mirrored_B: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """How far [B, V, 2] px vertices travel while the shutter is open.

    Args:
        moments_BV2: the vertices in B poses, then in the B poses at which the shutter opens, then where it closes.
        mirrored_B: where they are those of the photo's mirror image, in the same order.
        size: (height, width) of the canvas.
    """
    _, opening, closing = moments_BV2.chunk(3)
    now, *ends = mirrored_B.chunk(3)
    # Who turns round changes from one side of the photo to its mirror image: nothing travels that way.
    is_same = (ends[0] == now) & (ends[1] == now)
    travel = torch.where(is_same[:, None, None], closing - opening, 0.0)
    most_px = MOST_TRAVEL * max(size)
    return travel * (most_px / travel.norm(dim=-1, keepdim=True).clamp_min(1e-6)).clamp_max(1)


def travel_field(
    vertices_BV2: torch.Tensor,
    travel_BV2: torch.Tensor,
    size: tuple[int, int],
    window: tuple[int, int, int, int],
) -> torch.Tensor | None:
    """How far what lies at each pixel travels, continued as far beyond the vertices as smear can reach.

    Args:
        vertices_BV2: px.
        travel_BV2: px.
        size: (height, width) of the canvas.
        window: (top, left, height, width) of the part of it that is asked for.

    Returns:
        [B, 2, h, w] (x, y) px, 0 far away; None where nothing travels far enough to show.
    """
    if float(travel_BV2.norm(dim=-1).max()) < LEAST_TRAVEL_PX:
        return None
    batch = len(vertices_BV2)
    rows, columns = (-(-side // TILE_PX) for side in size)
    x, y = (vertices_BV2 / TILE_PX).floor().long().unbind(-1)
    is_inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    tile = torch.arange(batch, device=x.device)[:, None] * (rows * columns) + y * columns + x
    counted = torch.cat([travel_BV2 * is_inside[..., None], is_inside[..., None].to(travel_BV2.dtype)], -1)
    sums = counted.new_zeros(batch * rows * columns, 3)
    sums.index_add_(0, torch.where(is_inside, tile, 0).flatten(), counted.flatten(0, 1))
    sums = rearrange(sums, "(b r c) n -> b n r c", b=batch, r=rows)
    for turn in range(1 + round(MOST_TRAVEL * max(size) / 2 / TILE_PX)):  # each reaches a tile farther
        around = F.avg_pool2d(sums, 3, stride=1, padding=1)
        reach = around[:, :2].square().sum(1, keepdim=True).sqrt() / 2
        is_new = (sums[:, 2:] == 0) & (around[:, 2:] > 0) & (reach >= around[:, 2:] * TILE_PX * (turn - 1))
        if not bool(is_new.any()):
            break
        sums = torch.where(is_new, around, sums)
    field = sums[:, :2] / sums[:, 2:].clamp_min(1e-9)
    return _enlarged(field, window)


def _enlarged(field_B2rc: torch.Tensor, window: tuple[int, int, int, int]) -> torch.Tensor:
    """The part of a field of tiles that covers a window, linearly between the tiles' middles, in px [B, 2, h, w]."""
    top, left, height, width = window
    # Spelled out, for interpolate() rounds by where in its input a pixel lies.
    for dim, first, length in ((2, top, height), (3, left, width)):
        place = (torch.arange(first, first + length, device=field_B2rc.device) + 0.5) / TILE_PX - 0.5
        low = place.floor()
        last = field_B2rc.shape[dim] - 1
        before, after = (field_B2rc.index_select(dim, tile.long().clamp(0, last)) for tile in (low, low + 1))
        share = (place - low).view(-1, *[1] * (3 - dim))
        field_B2rc = before + share * (after - before)
    return field_B2rc


def smear(picture_BChw: torch.Tensor, travel_B2hw: torch.Tensor, corner: tuple[int, int] = (0, 0)) -> torch.Tensor:
    """The picture as exposed while everything travels; what travels less than `LEAST_TRAVEL_PX` keeps its bits.

    Args:
        picture_BChw: colours and further channels, not multiplied by opacity, which is channel 3. What lies at its
            edge goes on beyond.
        travel_B2hw: px, from where things are when the shutter opens to where they are when it closes; the picture
            shows them half way.
        corner: (top, left) of the picture on the canvas.
    """
    batch, _, height, width = picture_BChw.shape
    length = rearrange(travel_B2hw.square().sum(1).sqrt(), "b h w -> (b h w)")
    travel = rearrange(travel_B2hw, "b n h w -> n (b h w)")
    sharp = rearrange(picture_BChw, "b c h w -> c (b h w)")
    smeared = sharp.clone()
    # Pixels as rows, so that a tap fetches one piece of memory.
    weighted = torch.cat([sharp[:3] * sharp[3], sharp[3:4], sharp[4:] * sharp[3]]).T.contiguous()
    moving, shortest = (length > LEAST_TRAVEL_PX).nonzero()[:, 0], LEAST_TRAVEL_PX
    how_far = length[moving]
    for longest, num_taps in TAPS:
        chosen = (how_far > shortest) & (how_far <= longest)
        place, shortest = moving[chosen], longest
        if len(place) == 0:
            continue
        nearest, weights = _taps(place, travel[:, place], num_taps, (height, width), corner)
        gathered = F.embedding_bag(nearest, weighted, per_sample_weights=weights, mode="sum")
        share = ((how_far[chosen] - LEAST_TRAVEL_PX) / (FULL_TRAVEL_PX - LEAST_TRAVEL_PX)).clamp(0, 1)
        own = weighted[place]
        mixed = own + share[:, None] * (gathered - own)
        alpha = mixed[:, 3].clone()
        mixed /= alpha.clamp_min(1e-4)[:, None]
        mixed[:, 3] = alpha
        smeared[:, place] = mixed.T
    return rearrange(smeared, "c (b h w) -> b c h w", b=batch, h=height)


def _taps(
    place_P: torch.Tensor, travel_2P: torch.Tensor, num_taps: int, size: tuple[int, int], corner: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels [P, 4 taps] to be averaged along each pixel's travel, and their weights: bilinear between four."""
    (height, width), (top, left) = size, corner
    row, column = place_P // width, place_P % width
    first = row // height * height  # of the pose's own picture: they stand one below the other
    taps = (torch.arange(num_taps, device=place_P.device, dtype=travel_2P.dtype) + 0.5) / num_taps - 0.5
    x = ((column + left)[:, None] + taps * travel_2P[0, :, None]).clamp_(left, left + width - 1)
    y = ((row - first + top)[:, None] + taps * travel_2P[1, :, None]).clamp_(top, top + height - 1)
    low_x, low_y = x.floor(), y.floor()
    part_x, part_y = x - low_x, (y - low_y) / num_taps
    at_x, at_y = low_x.int() - left, low_y.int() - top
    here = (first.int()[:, None] + at_y) * width + at_x
    aside, below = (at_x < width - 1).int(), (at_y < height - 1).int() * width
    nearest = torch.cat([here, here + aside, here + below, here + aside + below], 1)
    both = part_x * part_y
    across = part_x / num_taps - both
    return nearest, torch.cat([1 / num_taps - part_y - across, across, part_y - both, both], 1)
