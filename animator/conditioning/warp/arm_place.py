"""Where the pixels of a photo lie about one arm.

Legend: H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from animator.conditioning.warp.anatomy import chain_distance, limb_thickness, other_arm_distance, segment
from animator.conditioning.warp.bones import HEAD, RADIUS, BonePose
from animator.conditioning.warp.figure import Figure
from animator.conditioning.warp.gaps import beyond_gap

# Share of a stretched hand's length that one with bent fingers has.
_CURLED = 0.6
# Share of a hand's length that is palm.
_PALM = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPlace:
    """Where the pixels of a photo lie about one arm.

    Attributes:
        figure: the person.
        bones: upper arm, forearm and hand.
        shown: those of them that the photo shows.
        distance: from the arm's bones in radii.
        curled_hand: the pose with this hand as short as bent fingers are.
        head: distance from the middle of the face in head radii.
        down: 0 at the elbow, 1 at the wrist; None where the forearm is not seen.
        apart: bool, beyond open ground as seen from the arm's bones, but for fingers.
        rival: distance from the other arm's bones in radii; infinite where the photo shows none.
    """

    figure: Figure
    bones: tuple[int, ...]
    shown: tuple[int, ...]
    distance: torch.Tensor
    curled_hand: BonePose
    head: torch.Tensor
    down: torch.Tensor | None
    apart: torch.Tensor
    rival: torch.Tensor

    @property
    def hand_hidden(self) -> bool:
        """Whether the hand is in a pocket, or behind something."""
        return self.bones[2] not in self.shown


def arm_place(figure: Figure, bones: tuple[int, ...]) -> ArmPlace:
    points, pose = figure.points, figure.pose
    shown = tuple(bone for bone in bones if pose.shows(bone))
    thickness = limb_thickness(figure.matte_HW, pose, shown)
    # Fingers bend: before a leg in the same skin the hand ends where bent ones do, elsewhere the outline tells.
    curled_hand = _with_curled_hand(pose, bones[2])
    straight, curled = (chain_distance(points, each, shown, thickness) for each in (pose, curled_hand))
    down = segment(points, pose.start_BJ2[0, bones[1]], pose.end_BJ2[0, bones[1]])[0] if bones[1] in shown else None
    apart = beyond_gap(points, figure.matte_HW, pose, shown, reach_px=figure.size) > 0.5
    # Fingers leave gaps between them; sleeve, wrist and palm do not.
    along_hand, _ = segment(points, pose.start_BJ2[0, bones[2]], pose.end_BJ2[0, bones[2]])
    fingers = (along_hand > _PALM) & (chain_distance(points, pose, bones[2:]) < 1.2)
    return ArmPlace(
        figure=figure,
        bones=bones,
        shown=shown,
        distance=torch.where(figure.hull > 0.5, curled, straight),
        curled_hand=curled_hand,
        head=(points - pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * figure.size),
        down=down,
        apart=apart & ~fingers,
        rival=other_arm_distance(points, pose, bones),
    )


def _with_curled_hand(pose: BonePose, hand: int) -> BonePose:
    """The pose with this hand's bone as short as bent fingers are."""
    end = pose.end_BJ2.clone()
    end[:, hand] = torch.lerp(pose.start_BJ2[:, hand], end[:, hand], _CURLED)
    return replace(pose, end_BJ2=end)
