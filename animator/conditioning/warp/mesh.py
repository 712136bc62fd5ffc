"""The mesh a photo is carried on: a regular grid over what is opaque, with shared vertices.

Legend: V vertices, T triangles, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F  # noqa: N812


@dataclass(frozen=True, slots=True, kw_only=True)
class GridMesh:
    """Triangles over the opaque cells of a picture.

    Attributes:
        vertices_V2: positions in photo px.
        triangles_T3: vertex indices.
    """

    vertices_V2: torch.Tensor
    triangles_T3: torch.Tensor


def grid_mesh(alpha_HW: torch.Tensor, cell_px: int) -> GridMesh:
    """Cover every pixel with alpha > 0 by cells of `cell_px`, and one pixel more for the soft edge."""
    height, width = alpha_HW.shape
    rows, columns = -(-height // cell_px), -(-width // cell_px)
    opaque = F.max_pool2d((alpha_HW > 0).float()[None, None], 3, stride=1, padding=1)
    opaque = F.pad(opaque, (0, columns * cell_px - width, 0, rows * cell_px - height))
    used = F.max_pool2d(opaque, cell_px)[0, 0] > 0
    row, column = used.nonzero(as_tuple=True)
    corner = row * (columns + 1) + column
    below = corner + columns + 1
    # Diagonals alternate, so that bending shows no grain.
    even = ((row + column) % 2 == 0)[:, None]
    first = torch.where(
        even, torch.stack([corner, corner + 1, below], 1), torch.stack([corner, corner + 1, below + 1], 1)
    )
    second = torch.where(
        even, torch.stack([corner + 1, below + 1, below], 1), torch.stack([corner, below + 1, below], 1)
    )
    kept, triangles = torch.cat([first, second]).unique(return_inverse=True)
    place = torch.stack([kept % (columns + 1), kept // (columns + 1)], 1) * cell_px
    return GridMesh(vertices_V2=place.to(alpha_HW.dtype), triangles_T3=triangles)
