"""Arms bent so far that the forearm lies before the upper arm: two pictures, one over the other.

Of a mesh through such an elbow every part hangs between both bones, and tears when the arm is stretched. As two
pictures it opens like scissors. The forearm is the nearer one, as it is in whoever faces the camera with hands before
chest or face.

Legend: H W pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from animator.conditioning.warp.anatomy import chain_distance, limb_thickness, segment, smoothstep, unit
from animator.conditioning.warp.bones import HEAD, RADIUS, TORSO, BonePose
from animator.conditioning.warp.color_evidence import color_evidence, share_alike
from animator.conditioning.warp.cutout import widened, without_islands
from animator.conditioning.warp.figure import Figure
from animator.conditioning.warp.plane import direction, wrap
from animator.matting import shortest_boundary

# Degrees between upper arm and forearm: the elbow of a wider angle is one picture. At this one the two cover each other
# over two of their radii, nearly half of their length; and over as large a share at a wider one where one of them looks
# shorter than this, torso lengths, because it points at the camera.
_FOLDED, _USUAL = 60.0, 0.5
# Torso lengths that an upper arm must be seen long: one that points at the camera is no picture of one that turns.
_SEEN = 0.3
# Radii about its bones within which a part surely is, and from which on it is not.
_CORE, _EDGE = 0.6, 1.05
# Radii about its bones within which some of a piece must lie: others are crumbs.
_HOME = 0.8
# Radii about an upper arm that go with it, hidden or not; and about the elbow, where both parts have a round end.
_UPPER, _ROUND = (1.0, 1.3), (0.8, 1.1)
# From where to where along an upper half it becomes as round as it ends.
_TOWARDS_JOINT = 0.6, 0.8
# Log-odds per radius, what colours count against them, and torso lengths around a pixel within which they are compared.
_SHAPE_ODDS, _COLOR_ODDS, _REACH = 4.0, 2.0, 0.3
# Torso lengths: what a px of border costs in log-odds, and how far colours mix at it.
_BORDER, _RIM = 0.012, 0.02
# From where down a forearm a sleeve may have ended.
_SLEEVE = 0.6
# Share of what lies around a hand that has a pixel's colour below which that is the hand's alone, and share of the
# hand's middle that must be so.
_FOREIGN, _FAIR = 0.03, 0.25
# Radii of a head about the middle of the face that hair reaches.
_HEAD = 1.6
# Radii of a head below the middle of the face, along the trunk: from the mouth to the chin.
_BELOW_MOUTH = 0.35, 0.6
# Radii about a hand's bone within which what lies before a face is the hand: both are skin.
_HAND = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedArm:
    """What of an arm is which part, as shares [H, W] in [0, 1] of its opacity.

    Attributes:
        arm_HW: either part; what is neither is of the head beside it.
        upper_HW: the upper arm, with what the forearm hides of it.
        upper_shown_HW: where the photo shows it.
        lower_HW: forearm and hand.
    """

    arm_HW: torch.Tensor
    upper_HW: torch.Tensor
    upper_shown_HW: torch.Tensor
    lower_HW: torch.Tensor

    def upper_seen(self, whole_HW: torch.Tensor, own_HW: torch.Tensor) -> float:
        """How much of the upper arm is seen, 0 to 1, of an arm's opacity with what is hidden of it, and without."""
        shown = own_HW * self.upper_shown_HW * (1 - self.lower_HW)
        return float(shown.sum() / (whole_HW * self.upper_HW).sum().clamp_min(1))


def is_folded(pose: BonePose, bones: tuple[int, ...]) -> bool:
    """Whether the photo (one) shows upper arm and forearm, one before the other."""
    if not (pose.shows(bones[0]) and pose.shows(bones[1])):
        return False
    towards_us = (pose.end_BJ2[0, bones[0]] - pose.start_BJ2[0, bones[0]]).norm() < _SEEN * pose.torso_length_B[0]
    if bool(towards_us):
        return False
    along = [pose.end_BJ2[0, bone] - pose.start_BJ2[0, bone] for bone in bones[:2]]
    angle = float(wrap(direction(along[1]) - direction(along[0]) - math.pi).abs())
    shorter = float(min(bone.norm() for bone in along)) / float(pose.torso_length_B[0])
    return math.tan(angle / 2) * min(shorter / _USUAL, 1.0) < math.tan(math.radians(_FOLDED) / 2)


def folded_arm(figure: Figure, bones: tuple[int, ...], alpha_HW: torch.Tensor) -> FoldedArm:
    """Part an arm, cut out as `alpha`, where forearm and hand end before the upper arm.

    Args:
        figure: the person.
        bones: upper arm, forearm and hand.
        alpha_HW: opacity of the whole arm.
    """
    points, pose = figure.points, figure.pose
    thickness = limb_thickness(figure.matte_HW, pose, bones[:2])
    upper = chain_distance(points, pose, bones[:1], thickness)
    # A hand is no thicker for the sleeve it comes out of.
    forearm = chain_distance(points, pose, bones[1:2], thickness)
    is_lower = _lower_part(figure, bones, alpha_HW > 0.5, upper, forearm)
    end = _end(figure, bones, max(thickness))
    before_elbow, _ = segment(points, pose.start_BJ2[0, bones[0]], pose.end_BJ2[0, bones[0]])
    own = (1 - smoothstep(*_UPPER, upper)) * (before_elbow < 1)
    # At the rim colours of both are mixed.
    rim = widened(is_lower, _RIM * figure.size)
    of_head = (_from_face(figure) < _HEAD) & (upper > _UPPER[1])
    arm = torch.where(of_head, is_lower, 1.0)
    return FoldedArm(
        arm_HW=arm,
        upper_HW=without_islands(torch.maximum(torch.maximum(own, end), 1 - is_lower) * arm, upper < _HOME),
        upper_shown_HW=torch.maximum(1 - rim, end) * arm,
        lower_HW=without_islands(torch.maximum(is_lower, end), forearm < _HOME),
    )


def upper_part(figure: Figure, bones: tuple[int, ...], alpha_HW: torch.Tensor) -> torch.Tensor:
    """The upper half of a limb that is not folded, cut out as `alpha` [H, W]: it ends round about elbow or knee."""
    place, thickness = _along_upper(figure, bones), limb_thickness(figure.matte_HW, figure.pose, bones[:2])
    # What hangs aside of the joint is of the lower half.
    near = 1 - smoothstep(*_UPPER, chain_distance(figure.points, figure.pose, bones[:1], thickness))
    own = torch.maximum(near, 1 - smoothstep(*_TOWARDS_JOINT, place)) * (place < 1)
    return alpha_HW * torch.maximum(own, _end(figure, bones, max(thickness)))


def lower_part(figure: Figure, bones: tuple[int, ...], alpha_HW: torch.Tensor) -> torch.Tensor:
    """The lower half of such a limb: it begins as round."""
    end = _end(figure, bones, max(limb_thickness(figure.matte_HW, figure.pose, bones[:2])))
    return alpha_HW * torch.maximum((_along_upper(figure, bones) >= 1).to(alpha_HW), end)


def _along_upper(figure: Figure, bones: tuple[int, ...]) -> torch.Tensor:
    """[H, W]: 0 at shoulder or hip, 1 at elbow or knee."""
    return segment(figure.points, figure.pose.start_BJ2[0, bones[0]], figure.pose.end_BJ2[0, bones[0]])[0]


def _end(figure: Figure, bones: tuple[int, ...], thickness: float) -> torch.Tensor:
    """[H, W] in [0, 1]: a disc about the elbow, or the knee."""
    elbow = (figure.points - figure.pose.end_BJ2[0, bones[0]]).norm(dim=-1)
    return 1 - smoothstep(*_ROUND, elbow / (RADIUS[bones[1]] * figure.size * thickness))


def _lower_part(
    figure: Figure, bones: tuple[int, ...], arm: torch.Tensor, upper: torch.Tensor, forearm: torch.Tensor
) -> torch.Tensor:
    """[H, W] in [0, 1]: which of an arm's pixels show forearm or hand.

    Args:
        figure: the person.
        bones: upper arm, forearm and hand.
        arm: bool, where the arm lies.
        upper, forearm: distances from their bones in radii.
    """
    points, pose, colors_3HW = figure.points, figure.pose, figure.colors_3HW
    down, _ = segment(points, pose.start_BJ2[0, bones[1]], pose.end_BJ2[0, bones[1]])
    hand = chain_distance(points, pose, bones[2:])
    core, lower = arm & (forearm < _CORE) & (down < 1), torch.minimum(forearm, hand)
    # Beside a hand there is sleeve, which may show nowhere else but on the forearm; or the shirt's cloth, or hair.
    around = (figure.matte_HW > 0.8) & ~arm & ((figure.hull > 0.5) | (_from_face(figure) < _HEAD))
    others = around | (core & (down < _SLEEVE)) | (arm & (upper < 1) & (lower > 1.5))
    fingers = _unlike(colors_3HW, arm & (hand < _CORE) & (down > 1), others)
    surely_upper = arm & (upper < 1) & (lower > 1.5)
    asked = arm & ~core & ~fingers
    of_forearm = color_evidence(
        colors_3HW, core | fingers, surely_upper, asked & (down < 1), reach_px=_REACH * figure.size
    )
    of_hand = color_evidence(colors_3HW, fingers, others, asked & (down >= 1), reach_px=None)
    # Within the outline of both, or nearer to it than to an upper arm that has ended there.
    odds = torch.maximum(_EDGE - lower, torch.minimum(upper - _EDGE, upper - lower))
    odds = (_SHAPE_ODDS * odds).clamp(-2.5, 2.5) + _COLOR_ODDS * (of_forearm + of_hand)
    odds = torch.where(core | fingers, 2.5, torch.where(arm, odds, -0.01))
    # Face and hand are both skin.
    odds = torch.where((_from_face(figure) < 1) & (torch.minimum(hand, forearm) > _HAND), -2.5, odds)
    return shortest_boundary(odds, colors_3HW, length=_BORDER * figure.size)


def _unlike(colors_3HW: torch.Tensor, core: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Bool [H, W]: of a hand's middle what looks like nothing around it, if that is a fair part of it.

    Trackers place hands badly that are bent or blurred: what looks like sleeve about them is sleeve. A hand that looks
    like everything around it is gloved, or of somebody without sleeves.
    """
    if not bool(core.any()) or not bool(others.any()):
        return core
    foreign = torch.zeros_like(core)
    foreign[core] = share_alike(colors_3HW[:, core].T, colors_3HW[:, others].T) < _FOREIGN
    return foreign if int(foreign.sum()) > _FAIR * int(core.sum()) else core


def off_face(figure: Figure) -> torch.Tensor:
    """[H, W] in [0, 1]: beyond the head, and below the mouth."""
    pose = figure.pose
    down = unit(pose.start_BJ2[0, TORSO] - pose.end_BJ2[0, TORSO])
    below = (figure.points - pose.start_BJ2[0, HEAD]) @ down / (RADIUS[HEAD] * figure.size)
    return torch.maximum(smoothstep(*_BELOW_MOUTH, below), smoothstep(_HEAD, 1.1 * _HEAD, _from_face(figure)))


def _from_face(figure: Figure) -> torch.Tensor:
    """[H, W] distance from the middle of the face in radii of a head."""
    return (figure.points - figure.pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * figure.size)
