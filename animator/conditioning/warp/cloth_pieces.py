"""What arms hide of a trunk, filled with pieces of its own cloth: folds go on as folds, not as a blur of them.

Legend: H W pixels.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.anatomy import trunk_place
from animator.conditioning.warp.bones import HEAD, RADIUS
from animator.conditioning.warp.figure import Figure
from animator.shift_map import CLOTH, fill_from_shifts

# Where along the trunk cloth ends: above are shoulders, of which one is no picture of the other. Radii of a head about
# the middle of the face that are face and hair.
_TOP, _HEAD_REACH = 0.9, 1.3


def with_pieces(
    figure: Figure, filled_3HW: torch.Tensor, hidden_HW: torch.Tensor, cloth_HW: torch.Tensor
) -> torch.Tensor:
    """The filled colours, with pieces of the cloth where the trunk and what hangs below it are hidden.

    Args:
        figure: the person.
        filled_3HW: colours carried on smoothly, which say what pieces are likely where.
        hidden_HW: bool, what is to be filled.
        cloth_HW: bool, where the body is seen in its own light.
    """
    above_hips, _ = trunk_place(figure.points, figure.pose)
    below = above_hips < _TOP
    face = (figure.points - figure.pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * figure.size)
    hole, cloth = hidden_HW & (figure.hull > 0.02) & below, cloth_HW & below & (face > _HEAD_REACH)
    if not bool(hole.any()) or not bool(cloth.any()):
        return filled_3HW
    found = [(hole | cloth).any(dim).nonzero()[:, 0] for dim in (1, 0)]
    down, right = (slice(int(each[0]), int(each[-1]) + 1) for each in found)
    hole, cloth, smooth = hole[down, right], cloth[down, right], filled_3HW[:, down, right]
    picture = torch.where(cloth, figure.colors_3HW[:, down, right], smooth)
    pieces = fill_from_shifts(picture.cpu(), hole.cpu(), barred_HW=~(hole | cloth).cpu(), fit=CLOTH)
    result = filled_3HW.clone()
    result[:, down, right] = torch.where(hole, pieces.to(filled_3HW), smooth)
    return result
