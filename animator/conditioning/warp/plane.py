"""Turns, stretches and reflections in the picture's plane (y down: positive angles turn x towards y).

Legend: B poses.
"""

from __future__ import annotations

import torch


def apply(matrix: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """Matrices [..., 2, 2] times vectors [..., 2]."""
    return (matrix @ vector[..., None])[..., 0]


def rotation(angle: torch.Tensor) -> torch.Tensor:
    """2 x 2 rotations [..., 2, 2]."""
    cosine, sine = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], -2)


def direction(vector: torch.Tensor) -> torch.Tensor:
    """Angle of a vector in radians."""
    return torch.atan2(vector[..., 1], vector[..., 0])


def wrap(angle: torch.Tensor) -> torch.Tensor:
    """The same angle in [-pi, pi]."""
    return torch.atan2(angle.sin(), angle.cos())


def bent_at_most(bend: torch.Tensor, most: float) -> torch.Tensor:
    """Angles in [-pi, pi] of a joint that bends by `most` at most, radians.

    Back to none at half a circle, where one side meets the other: a joint must not jump from one end to the other.
    """
    back = most * (torch.pi - bend.abs()) / (torch.pi - most)
    return bend.sign() * torch.minimum(bend.abs(), back)


def mirror(points_BN2: torch.Tensor, mirrored_B: torch.Tensor, axis_x: float) -> torch.Tensor:
    """Points with x reflected about `axis_x` in the poses that are mirrored."""
    flipped = torch.stack([2 * axis_x - points_BN2[..., 0], points_BN2[..., 1]], -1)
    return torch.where(mirrored_B[:, None, None], flipped, points_BN2)


def perpendicular(vector: torch.Tensor) -> torch.Tensor:
    """Vectors [..., 2] turned by a quarter, from x towards y."""
    return torch.stack([-vector[..., 1], vector[..., 0]], -1)


def offset_from_segment(points: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """From the nearest place on segments to points, px [..., 2]; points and ends broadcast against each other."""
    axis, offset = end - start, points - start
    place = (offset * axis).sum(-1, keepdim=True) / axis.square().sum(-1, keepdim=True).clamp_min(1e-6)
    return offset - place.clamp(0, 1) * axis


def cross(first_B2: torch.Tensor, second_B2: torch.Tensor) -> torch.Tensor:
    """[B]: the area between two vectors, positive where the second lies clockwise of the first on the screen."""
    return first_B2[:, 0] * second_B2[:, 1] - first_B2[:, 1] * second_B2[:, 0]


def stretch_along(axis_B2: torch.Tensor, along_B: torch.Tensor, across_B: torch.Tensor) -> torch.Tensor:
    """Stretch [B, 2, 2] by `along` in the direction of `axis` and by `across` at right angles to it."""
    unit = axis_B2 / axis_B2.norm(dim=-1, keepdim=True).clamp_min(1e-3)
    outer = unit[:, :, None] * unit[:, None, :]
    rest = torch.eye(2, dtype=unit.dtype, device=unit.device) - outer
    return along_B[:, None, None] * outer + across_B[:, None, None] * rest
