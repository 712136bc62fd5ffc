"""Elbows: a bent limb is nowhere thicker than in the photo.

Where a joint opens or bends the other way, what lay in its crook is turned outwards along arcs much wider than the
limb, and comes out as a knob.

Legend: B target poses, V vertices of a mesh, N those near a joint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from animator.conditioning.warp.anatomy import segment
from animator.conditioning.warp.binding import Pair
from animator.conditioning.warp.bones import BonePose
from animator.conditioning.warp.plane import offset_from_segment
from animator.conditioning.warp.skinning import BoneMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """Where two bones of a limb meet, and how far from them the photo has what hangs on them.

    Attributes:
        near, far: the bones, which follow each other.
        vertices_N: which vertices of a mesh hang on these two alone.
        distance_N: from the nearer bone in the photo, px.
    """

    near: int
    far: int
    vertices_N: torch.Tensor
    distance_N: torch.Tensor

    def keep_thickness(self, moved_BV2: torch.Tensor, motion: BoneMotion) -> torch.Tensor:
        """The vertices, those of the joint no farther from its bones than in the photo."""
        if len(self.vertices_N) == 0:
            return moved_BV2
        points, both = moved_BV2[:, self.vertices_N], slice(self.near, self.far + 1)
        starts, ends = (joints[:, both, None] for joints in (motion.target_BJ2, motion.end_BJ2))
        aside = offset_from_segment(points[:, None], starts, ends)
        distance, nearer = aside.square().sum(-1).min(1)
        aside = torch.where((nearer == 0)[..., None], aside[:, 0], aside[:, 1])
        scale = motion.scale_B[:, None]
        beyond = (1 - self.distance_N * scale / distance.sqrt().clamp_min(1e-6)).clamp_min(0)
        return moved_BV2.index_copy(1, self.vertices_N, points - beyond[..., None] * aside)


def limb_joint(points_V2: torch.Tensor, pose: BonePose, bones: tuple[int, ...], pair: Pair) -> Joint:
    """The joint of a limb where the first two of its bones meet.

    Args:
        points_V2: photo px.
        pose: the photo's pose (one).
        bones: of the limb, from the trunk outwards.
        pair: what the points hang on, from `limb_binding`.
    """
    near, far = bones[:2]
    _, bone, weight = pair
    on_both = (bone == far) | ((bone == near) & (weight > 0.999))
    # Where nothing lies beyond the joint, nothing is turned about it.
    vertices_N = (on_both & (bone == far).any()).nonzero()[:, 0]
    distances = [
        segment(points_V2[vertices_N], pose.start_BJ2[0, each], pose.end_BJ2[0, each])[1] for each in (near, far)
    ]
    return Joint(near=near, far=far, vertices_N=vertices_N, distance_N=torch.minimum(*distances))
