"""The photo taken apart for moving: the body and each arm as a picture of its own, bound to the bones.

An arm that touches the torso in the photo must not drag it: it is matted out along shape and colour, and what
it covered is filled from the cloth around it.

Legend: V vertices, H W pixels.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from animator.conditioning.warp.anatomy import pixel_centers
from animator.conditioning.warp.arm_layers import ARMS, Arms, arms_of
from animator.conditioning.warp.binding import body_binding
from animator.conditioning.warp.bones import LEFT_LEG, RIGHT_LEG, BonePose
from animator.conditioning.warp.cutout import widened, without_hidden_hands, without_islands
from animator.conditioning.warp.drape import Drape, skirt_drape
from animator.conditioning.warp.figure import Figure, figure_of
from animator.conditioning.warp.hidden import BehindArms, behind_arms
from animator.conditioning.warp.layer import Layer, without_haze
from animator.conditioning.warp.leg_layers import legs_of
from animator.conditioning.warp.mesh import GridMesh, grid_mesh
from animator.conditioning.warp.shoulders import shoulder_of
from animator.matting import colors_to_draw, foreground_colors


def split_layers(
    colors_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose, *, cell_px: int
) -> tuple[tuple[Layer, ...], BonePose]:
    """Cut the photo into body and limbs; a skirt keeps its legs.

    Args:
        colors_3HW: the person's colours in [0, 1].
        matte_HW: the person's opacity.
        pose: the photo's pose (one).
        cell_px: side of the mesh cells.

    Returns:
        The body first, then arms, what they hold, legs, and hair before an arm, as the photo shows them; and the pose
        with hidden hands distrusted, and with an arm or a shin that the other one lent its picture where that one's
        mirror image lies.
    """
    drawn_3HW, colors_3HW = colors_to_draw(colors_3HW, matte_HW), foreground_colors(colors_3HW, matte_HW)
    pose = without_hidden_hands(pixel_centers(matte_HW), colors_3HW, matte_HW, pose)
    figure = figure_of(colors_3HW, matte_HW, pose, drawn_3HW=drawn_3HW)
    arms = arms_of(figure, cell_px)
    behind = behind_arms(figure, arms.covers_HW, arms.lent_HW, arms.hair_HW)
    legs = legs_of(figure, behind, arms.pose, cell_px)
    body = _body_layer(figure, behind, legs.moved_away_HW, arms, cell_px)
    return (body, *arms.upper, *arms.layers, *arms.held, *legs.layers, *_hair_layer(figure, arms, cell_px)), legs.pose


def _hair_layer(figure: Figure, arms: Arms, cell_px: int) -> tuple[Layer, ...]:
    """What hangs from the head before an arm, where there is any: it goes with head and trunk, before the arm."""
    alpha = figure.matte_HW * widened(arms.hair_HW.to(figure.matte_HW.dtype), 1)
    if not bool((alpha > 0.5).any()):
        return ()
    mesh = grid_mesh(without_haze(alpha), cell_px)
    return (_on_body("hair", figure, figure.drawn_3HW, alpha, torch.zeros_like(alpha), mesh),)


def _body_layer(figure: Figure, behind: BehindArms, legs: torch.Tensor, arms: Arms, cell_px: int) -> Layer:
    """Head, trunk and skirt: what is left without the arms, and without how far [H, W] `legs` are left out."""
    alpha = without_haze(without_islands(behind.alpha_HW * (1 - legs), figure.hull > 0.9))
    mesh = grid_mesh(alpha, cell_px)
    body = _on_body("body", figure, behind.colors_3HW, alpha, torch.minimum(behind.invented_HW, alpha), mesh)
    points, head_V = mesh.vertices_V2, body.head_V
    assert head_V is not None
    drapes: tuple[Drape | None, ...] = ()
    if figure.hem is not None:
        drapes = (None, *(skirt_drape(points, figure.pose, bones) for bones in (LEFT_LEG, RIGHT_LEG)))
    shoulders = tuple(shoulder_of(points, arms.pose, ARMS[arm.name], head_V) for arm in arms.layers)
    return replace(body, shoulders=shoulders, drapes=drapes)


def _on_body(
    name: str,
    figure: Figure,
    colors_3HW: torch.Tensor,
    alpha_HW: torch.Tensor,
    invented_HW: torch.Tensor,
    mesh: GridMesh,
) -> Layer:
    """A layer that goes with head, trunk and legs."""
    bindings, shares, depth = body_binding(mesh.vertices_V2, figure.pose, figure.hem is not None)
    return Layer(
        name=name,
        colors_3HW=colors_3HW,
        alpha_HW=alpha_HW,
        invented_HW=invented_HW,
        mesh=mesh,
        bindings=bindings,
        shares=shares,
        depth_V=depth,
        head_V=bindings[0][2] * shares[0],
    )
