"""Triangles on a pixel grid, batched in torch: which part of the photo lands on each pixel.

Legend: B poses, V vertices, T triangles, H W pixels, S side of the square of pixels tried per triangle.
"""

from __future__ import annotations

import torch
from einops import rearrange

from animator.conditioning.warp.texture import Texture

# Squares of pixels tried per triangle, small triangles first; larger ones are cut off at the last size.
BLOCK_SIDES = (10, 18, 34, 66, 130)
NOTHING = -1


def rasterize(
    vertices_BV2: torch.Tensor,
    triangles_T3: torch.Tensor,
    depth_BT: torch.Tensor,
    size: tuple[int, int],
    corner: tuple[int, int] = (0, 0),
) -> torch.Tensor:
    """Indices of the nearest and the second nearest triangle per pixel.

    Two are kept because the mesh reaches past the opaque pixels: where it folds over itself, the transparent
    rim of one leg must not punch a hole into the other.

    Args:
        vertices_BV2: positions in px.
        triangles_T3: vertex indices.
        depth_BT: larger is nearer; -inf leaves a triangle out.
        size: (height, width) of the window to draw.
        corner: (top, left) of the window; all reckoning stays in canvas px, so that a window gives what the whole
            canvas would.

    Returns:
        int64 [2, B, H, W]: triangle index, `NOTHING` where no (second) triangle covers the pixel's centre.
    """
    batch, num_triangles = depth_BT.shape
    height, width = size
    corners = vertices_BV2[:, triangles_T3]
    # Rank decides: a pixel keeps the largest rank, so equal depths are settled the same way every time.
    order = depth_BT.argsort(dim=1, stable=True)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(num_triangles, device=order.device).expand_as(order))
    extent = (corners.amax(2) - corners.amin(2)).amax(-1)
    alive = _reaches(corners, size, corner) & (depth_BT > float("-inf"))
    smallest, candidates = 0.0, []
    for side in BLOCK_SIDES:
        limit = float("inf") if side == BLOCK_SIDES[-1] else side - 1
        chosen = alive & (extent >= smallest) & (extent < limit)
        smallest = limit
        if bool(chosen.any()):
            candidates.append(_covered(corners[chosen], chosen.nonzero()[:, 0], rank[chosen], side, size, corner))
    layers = _two_nearest(candidates, batch * height * width, order)
    return layers.view(2, batch, height, width)


def _reaches(corners_BT32: torch.Tensor, size: tuple[int, int], corner: tuple[int, int]) -> torch.Tensor:
    """[B, T] bool: triangles whose box meets the window; none with a corner nobody knows."""
    (height, width), (top, left) = size, corner
    low, high = corners_BT32.amin(2), corners_BT32.amax(2)
    across = (high[..., 0] > left) & (low[..., 0] < left + width)
    down = (high[..., 1] > top) & (low[..., 1] < top + height)
    return across & down & corners_BT32.isfinite().all(-1).all(-1)


def _two_nearest(
    candidates: list[tuple[torch.Tensor, torch.Tensor]], num_pixels: int, order_BT: torch.Tensor
) -> torch.Tensor:
    """[2, pixels]: the two highest-ranked triangles per pixel."""
    found = torch.full((2, num_pixels), NOTHING, dtype=torch.int64, device=order_BT.device)
    if not candidates:
        return found
    pixel, rank = (torch.cat(parts) for parts in zip(*candidates, strict=True))
    found[0].scatter_reduce_(0, pixel, rank, "amax")
    behind = rank < found[0][pixel]
    found[1].scatter_reduce_(0, pixel[behind], rank[behind], "amax")
    pose = torch.arange(num_pixels, device=pixel.device) // (num_pixels // len(order_BT))
    return torch.where(found >= 0, order_BT[pose, found.clamp_min(0)], NOTHING)


def _covered(
    corners_N32: torch.Tensor,
    pose_N: torch.Tensor,
    rank_N: torch.Tensor,
    side: int,
    size: tuple[int, int],
    corner: tuple[int, int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Try a square of pixel centres per triangle; (pixel, rank) of those inside."""
    height, width = size
    first = corners_N32.amin(1).floor()
    steps = torch.arange(side, device=rank_N.device, dtype=corners_N32.dtype) + 0.5
    inside = None
    area = _cross(corners_N32[:, 1] - corners_N32[:, 0], corners_N32[:, 2] - corners_N32[:, 0])
    sign = torch.where(area < 0, -1.0, 1.0)
    for vertex in range(3):
        begin, end = corners_N32[:, vertex], corners_N32[:, (vertex + 1) % 3]
        edge = (end - begin) * sign[:, None]
        along_x = edge[:, :1] * (first[:, 1:] + steps - begin[:, 1:])
        along_y = edge[:, 1:] * (first[:, :1] + steps - begin[:, :1])
        # Closed edges: pixels exactly on a shared edge belong to both triangles, rank settles it; no cracks.
        half_plane = along_x[:, :, None] >= along_y[:, None, :]
        inside = half_plane if inside is None else inside & half_plane
    assert inside is not None
    inside &= (area.abs() > 1e-9)[:, None, None]
    which, row, column = inside.nonzero(as_tuple=True)
    y = first[which, 1].long() + row - corner[0]
    x = first[which, 0].long() + column - corner[1]
    kept = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    pixel = (pose_N[which] * height + y) * width + x
    return pixel[kept], rank_N[which][kept]


def _cross(first_N2: torch.Tensor, second_N2: torch.Tensor) -> torch.Tensor:
    return first_N2[:, 0] * second_N2[:, 1] - first_N2[:, 1] * second_N2[:, 0]


def inverse_maps(source_V2: torch.Tensor, vertices_BV2: torch.Tensor, triangles_T3: torch.Tensor) -> torch.Tensor:
    """Per triangle the affine map from the canvas back to the photo.

    Returns:
        [B, T, 2, 3]: photo px = map · (x, y, 1).
    """
    after = vertices_BV2[:, triangles_T3]
    before = source_V2[triangles_T3]
    edges_after = torch.stack([after[:, :, 1] - after[:, :, 0], after[:, :, 2] - after[:, :, 0]], -1)
    edges_before = torch.stack([before[:, 1] - before[:, 0], before[:, 2] - before[:, 0]], -1)
    (a, b), (c, d) = edges_after[..., 0, :].unbind(-1), edges_after[..., 1, :].unbind(-1)
    determinant = a * d - b * c
    determinant = torch.where(determinant.abs() < 1e-6, torch.full_like(determinant, 1e-6), determinant)
    inverse = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2) / determinant[..., None, None]
    linear = edges_before[None] @ inverse
    offset = before[None, :, 0] - (linear @ after[:, :, 0, :, None])[..., 0]
    return torch.cat([linear, offset[..., None]], -1)


def draw_photo(
    texture: Texture,
    triangles_2BHW: torch.Tensor,
    maps_BT23: torch.Tensor,
    extra_BT: torch.Tensor,
    corner: tuple[int, int] = (0, 0),
) -> torch.Tensor:
    """Fetch each covered pixel from the photo, the nearer surface before the farther.

    Only covered pixels are visited: a person fills about a sixth of a canvas.

    Args:
        texture: colours and further channels, channel 3 is the opacity.
        triangles_2BHW: from `rasterize`.
        maps_BT23: from `inverse_maps`.
        extra_BT: a value per triangle, drawn as one more channel.
        corner: (top, left) of the window in canvas px.

    Returns:
        [B, C + 1, H, W], not multiplied by opacity; zero where no triangle lies.
    """
    channels = len(texture.texels_CHW)
    _, batch, height, width = triangles_2BHW.shape
    drawn = texture.texels_CHW.new_zeros(channels + 1, batch * height * width)
    place, values = _fetch(texture, triangles_2BHW[0], maps_BT23, extra_BT, corner)
    drawn[:, place] = values
    place, behind = _fetch(texture, triangles_2BHW[1], maps_BT23, extra_BT, corner)
    before = drawn[:, place]
    front, back = before[3], behind[3] * (1 - before[3])
    share = back / (front + back).clamp_min(1e-4)
    blended = torch.lerp(before, behind, share)
    blended[3] = front + back
    drawn[:, place] = blended
    return rearrange(drawn, "c (b h w) -> b c h w", b=batch, h=height)


def _fetch(
    texture: Texture,
    triangle_BHW: torch.Tensor,
    maps_BT23: torch.Tensor,
    extra_BT: torch.Tensor,
    corner: tuple[int, int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """(flat pixel index [N], values [C + 1, N]) of the covered pixels."""
    flat = triangle_BHW.flatten()
    place = (flat >= 0).nonzero()[:, 0]
    triangle = flat[place]
    out_height, out_width = triangle_BHW.shape[1:]
    pose, inside = place // (out_height * out_width), place % (out_height * out_width)
    chosen = pose * maps_BT23.shape[1] + triangle
    a = maps_BT23.flatten(0, 1).index_select(0, chosen)
    x = (inside % out_width + corner[1]).to(a.dtype) + 0.5
    y = (inside // out_width + corner[0]).to(a.dtype) + 0.5
    photo_x = a[:, 0, 0] * x + a[:, 0, 1] * y + a[:, 0, 2]
    photo_y = a[:, 1, 0] * x + a[:, 1, 1] * y + a[:, 1, 2]
    fetched = texture.fetch(torch.stack([photo_x, photo_y], -1))
    return place, torch.cat([fetched, extra_BT.flatten().index_select(0, chosen)[None]])
