"""One part of the photo as a picture of its own, and how it goes with the bones it hangs on.

Legend: V vertices, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp.anatomy import smoothstep
from animator.conditioning.warp.binding import Bind, Pair
from animator.conditioning.warp.bones import RADIUS, BonePose
from animator.conditioning.warp.drape import Drape
from animator.conditioning.warp.joints import Joint
from animator.conditioning.warp.mesh import GridMesh, grid_mesh
from animator.conditioning.warp.shoulders import Shoulder
from animator.conditioning.warp.skinning import BoneMotion
from animator.inpainting import push_pull

# Cells of a limb's mesh as a share of its radius: coarser, and elbows come out as boxes.
LIMB_CELL = 0.33
# Added to a limb's depth where it is opaque: more than there are bones.
SOLID = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One cut-out picture and the bones it hangs on.

    Attributes:
        name: `body`, `left_arm`, `right_arm`; below a skirt or in trousers `left_leg` and `right_leg`; `left_held` and
            `right_held` for what hands hold; `left_upper_arm` and `right_upper_arm` behind folded arms;
            `left_lower_leg` or `right_lower_leg` for a shin that the other leg lends; `hair` for hair before an arm.
        colors_3HW: [0, 1], continued beyond the edge.
        alpha_HW: opacity.
        invented_HW: 1 where the photo did not show this surface (filled under an arm).
        mesh: the triangles it is carried on.
        bindings: pairs (parent, bone, weight) per vertex, one or several, blended by `shares`.
        shares: weight [V] of each binding.
        places_V2: where its vertices lie in the photo; None: where they are in its picture, which is not mirrored.
        elbow: of an arm; None for other layers and folded arms.
        head_V: of the body, how far each vertex hangs on the head; None for limbs.
        shoulders: of the body, one per arm that is cut out of it.
        drapes: of a skirt over its legs, one per binding, None for the head's; empty without a skirt.
        depth_V: order inside the layer, larger is nearer.
        under_body: legs below a skirt lie behind it.
        stiff_on: the bone that it goes with in one piece; None: it bends.
    """

    name: str
    colors_3HW: torch.Tensor
    alpha_HW: torch.Tensor
    invented_HW: torch.Tensor
    mesh: GridMesh
    bindings: tuple[Pair, ...]
    shares: tuple[torch.Tensor, ...]
    depth_V: torch.Tensor
    places_V2: torch.Tensor | None = None
    elbow: Joint | None = None
    head_V: torch.Tensor | None = None
    shoulders: tuple[Shoulder, ...] = ()
    drapes: tuple[Drape | None, ...] = ()
    under_body: bool = False
    stiff_on: int | None = None

    @property
    def picture_5HW(self) -> torch.Tensor:
        """Colours, opacity and what is invented, together."""
        return torch.cat([self.colors_3HW, self.alpha_HW[None], self.invented_HW[None]])

    def carry(self, motion: BoneMotion) -> torch.Tensor:
        """Vertices [B, V, 2] where `motion` takes them."""
        places_V2 = self.mesh.vertices_V2 if self.places_V2 is None else self.places_V2
        if self.stiff_on is not None:
            return motion.carry_stiff(places_V2, self.stiff_on)
        moved = [motion.carry(places_V2, *pair) for pair in self.bindings]
        if self.drapes:
            moved = [
                each if drape is None else drape.over_leg(each, motion)
                for each, drape in zip(moved, self.drapes, strict=True)
            ]
        carried = torch.stack([each * share[:, None] for each, share in zip(moved, self.shares, strict=True)]).sum(0)
        if self.head_V is not None:
            carried = motion.slide_face(carried, self.head_V)
        for shoulder in self.shoulders:
            carried = shoulder.keep_below_arm(self.mesh.vertices_V2, carried, motion)
            carried = shoulder.follow_arm(self.mesh.vertices_V2, carried, motion)
        return carried if self.elbow is None else self.elbow.keep_thickness(carried, motion)


def limb_layer(
    name: str,
    bones: tuple[int, ...],
    colors_3HW: torch.Tensor,
    alpha: torch.Tensor,
    pose: BonePose,
    cell_px: int,
    *,
    bind: Bind,
    shown: torch.Tensor | None = None,
) -> Layer:
    """One limb, hung on its bones by `bind`; `shown` is where the photo has its colours, if less than `alpha`."""
    alpha = without_haze(alpha)
    cell_px = max(3, min(cell_px, round(LIMB_CELL * RADIUS[bones[1]] * float(pose.torso_length_B[0]))))
    mesh = grid_mesh(alpha, cell_px)
    pair = bind(mesh.vertices_V2, pose, bones)
    # Strictly farther down the limb is nearer: where a bent joint folds, what lies between is hidden. And the
    # transparent rim of the part before must not hide the part behind.
    depth = pair[1] - 1 + pair[2] + SOLID * _solid(alpha, mesh.vertices_V2, reach_px=max(1, cell_px // 2))
    return Layer(
        name=name,
        colors_3HW=continued(colors_3HW, alpha if shown is None else shown),
        alpha_HW=alpha,
        invented_HW=torch.zeros_like(alpha),
        mesh=mesh,
        bindings=(pair,),
        shares=(torch.ones_like(depth),),
        depth_V=depth,
    )


def without_haze(alpha_HW: torch.Tensor) -> torch.Tensor:
    """Opacity without what nobody sees, which a mesh would reach out for."""
    return torch.where(alpha_HW < 0.02, torch.zeros_like(alpha_HW), alpha_HW)


def continued(colors_3HW: torch.Tensor, shown_HW: torch.Tensor) -> torch.Tensor:
    """Colours that go on as they are beyond the edge of what is shown, not as those of what it touched."""
    if float(shown_HW.max()) <= 0.95:
        return colors_3HW
    return push_pull(colors_3HW, smoothstep(0.6, 0.95, shown_HW))


def _solid(alpha_HW: torch.Tensor, vertices_V2: torch.Tensor, *, reach_px: int) -> torch.Tensor:
    """1 [V] where all within `reach_px` of a vertex is opaque, else 0."""
    height, width = alpha_HW.shape
    least = -F.max_pool2d(-alpha_HW[None, None], 2 * reach_px + 1, stride=1, padding=reach_px)[0, 0]
    x = vertices_V2[:, 0].long().clamp(0, width - 1)
    y = vertices_V2[:, 1].long().clamp(0, height - 1)
    return (least[y, x] > 0.5).to(alpha_HW.dtype)
