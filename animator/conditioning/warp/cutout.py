"""Which pixels are which limb, and where the person ends: by distance from the bones and by colour.

Legend: H W pixels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp.anatomy import (
    body_hull,
    chain_distance,
    limb_thickness,
    pixel_centers,
    segment,
    smoothstep,
)
from animator.conditioning.warp.bones import (
    HEAD,
    LEFT_ARM,
    LEFT_LEG,
    RADIUS,
    RIGHT_ARM,
    RIGHT_LEG,
    TORSO,
    BonePose,
)
from animator.inpainting import push_pull
from animator.matting import guided_filter


def recut_matte(photo_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """Cut out background that a coarse matte took in beside the limbs, and put back cloth it left out.

    Args:
        photo_3HW: [0, 1].
        matte_HW: the person's opacity.
        pose: the photo's pose (one).

    Returns:
        [H, W] opacity.
    """
    points = pixel_centers(matte_HW)
    limbs = torch.stack([chain_distance(points, pose, bones) for bones in (LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG)])
    distance = limbs.amin(0)
    background = (matte_HW < 0.05).float()
    core = torch.maximum(1 - smoothstep(0.35, 0.6, distance), body_hull(points, pose, width=0.55))
    person = (core > 0.5).float() * (matte_HW > 0.9)
    if float(background.sum()) < 50 or float(person.sum()) < 50:
        return matte_HW
    behind, inside = push_pull(photo_3HW, background), push_pull(photo_3HW, person)
    to_behind, to_inside = ((photo_3HW - colors).square().sum(0) for colors in (behind, inside))
    # Only what looks just like the one and unlike the other moves: a bright blouse before a bright wall must stay.
    like_behind = torch.sigmoid(12 * (0.5 - to_behind.sqrt() / (to_inside.sqrt() + 0.02)) - 1)
    like_inside = torch.sigmoid(12 * (0.5 - to_inside.sqrt() / (to_behind.sqrt() + 0.02)) - 1)
    size = pose.torso_length_B[0]
    head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * size)
    zone = (1 - core) * (1 - smoothstep(2.5, 3.5, distance)) * smoothstep(1.5, 2.0, head)
    opened = matte_HW * (1 - _reaching_out(like_behind * zone, body_hull(points, pose, width=0.8)))
    reach = 2 * round(float(size) * 0.04) + 1
    border = F.max_pool2d((opened > 0.5).float()[None, None], reach, stride=1, padding=reach // 2)[0, 0]
    return torch.maximum(opened, like_inside * zone * border * (matte_HW > 0.02))


def _reaching_out(gaps_HW: torch.Tensor, hull_HW: torch.Tensor) -> torch.Tensor:
    """Keep the gaps that lie to a good part outside the trunk; a bright print on the chest is no gap."""
    from scipy.ndimage import label

    pieces, count = label((gaps_HW > 0.3).cpu().numpy())
    outside = (hull_HW < 0.5).cpu().numpy()
    size = np.bincount(pieces.ravel(), minlength=count + 1)
    free = np.bincount(pieces[outside], minlength=count + 1)
    kept = free > 0.3 * size
    kept[0] = False
    return gaps_HW * torch.from_numpy(kept[pieces]).to(gaps_HW.device)


def without_hidden_hands(
    points: torch.Tensor, colors_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose
) -> BonePose:
    """Distrust hands that look like the cloth around them and not like the face: they are in pockets."""
    limbs = torch.stack([chain_distance(points, pose, bones) for bones in (LEFT_ARM, RIGHT_ARM)]).amin(0)
    cloth = push_pull(colors_3HW, ((limbs > 1.5) & (matte_HW > 0.9)).float())
    face = _mean_color(points, colors_3HW, pose.start_BJ2[0, HEAD], float(pose.torso_length_B[0]) * 0.08)
    trust = pose.trust_BJ.clone()
    for hand in (LEFT_ARM[2], RIGHT_ARM[2]):
        middle = (pose.start_BJ2[0, hand] + pose.end_BJ2[0, hand]) / 2
        reach = float(pose.torso_length_B[0]) * 0.04
        look = _mean_color(points, colors_3HW, middle, reach)
        around = _mean_color(points, cloth, middle, reach)
        if float((look - around).norm()) < 0.5 * float((look - face).norm()):
            trust[0, hand] = 0.0
    return replace(pose, trust_BJ=trust)


def _mean_color(points: torch.Tensor, colors_3HW: torch.Tensor, center_2: torch.Tensor, radius: float) -> torch.Tensor:
    weight = ((points - center_2).norm(dim=-1) < max(radius, 1.0)).to(colors_3HW.dtype)
    return (colors_3HW * weight).sum((1, 2)) / weight.sum().clamp_min(1)


def arm_mask(
    points: torch.Tensor,
    colors_3HW: torch.Tensor,
    matte_HW: torch.Tensor,
    hull: torch.Tensor,
    pose: BonePose,
    bones: tuple[int, ...],
) -> torch.Tensor:
    """[H, W]: which pixels are this arm, by distance from its bones and by colour at the border to the body."""
    shown = tuple(bone for bone in bones if float(pose.trust_BJ[0, bone]) > 0.2)
    distance = chain_distance(points, pose, shown, limb_thickness(matte_HW, pose, shown))
    body = torch.minimum(chain_distance(points, pose, LEFT_LEG), chain_distance(points, pose, RIGHT_LEG))
    head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * pose.torso_length_B[0])
    # Wide sleeves and bags outside the trunk go with the arm, as far as nothing else is nearer.
    above_hips, _ = segment(points, pose.start_BJ2[0, TORSO], pose.end_BJ2[0, TORSO])
    loose = (1 - hull) * (1 - smoothstep(1.8, 2.4, distance)) * (distance < torch.minimum(body, head))
    loose = loose * smoothstep(0.0, 0.15, above_hips)
    prior = torch.maximum(1 - smoothstep(0.9, 1.25, distance), loose)
    before_body = (1 - smoothstep(1.3, 1.7, distance)) * hull
    core, beyond = smoothstep(0.55, 0.8, distance), torch.zeros_like(distance)
    if bones[1] in shown:
        # Beside a hand on the hip or in a pocket lies cloth of the body, and the outline of that bulges there.
        down, _ = segment(points, pose.start_BJ2[0, bones[1]], pose.end_BJ2[0, bones[1]])
        before_body = torch.maximum(before_body, _near(hull, 0.2 * pose.torso_length_B[0]) * smoothstep(0.3, 0.6, down))
        if bones[2] not in shown:
            # Where the hand is hidden, so is the wrist: sleeve and cloth part by colour alone, and the arm ends there.
            core, beyond = torch.maximum(core, smoothstep(0.5, 0.75, down)), smoothstep(0.9, 1.05, down)
    likely = _color_vote(colors_3HW, matte_HW, (distance < 0.6) & (core < 0.5), (distance > 1.6) & (hull > 0.5), prior)
    voted = torch.lerp(prior, likely, core * before_body * 0.8) * (1 - beyond)
    radius = max(2, round(float(pose.torso_length_B[0]) / 30))
    smooth = guided_filter(colors_3HW, voted, radius=radius, epsilon=1e-3)
    return smoothstep(0.25, 0.75, smooth)


def _near(hull: torch.Tensor, reach_px: torch.Tensor) -> torch.Tensor:
    """The hull, wider by `reach_px`."""
    side = 2 * max(1, round(float(reach_px))) + 1
    # A square's maximum is that of its columns' maxima: two passes instead of side x side looks a pixel.
    rows = F.max_pool2d(hull[None, None], (1, side), stride=1, padding=(0, side // 2))
    return F.max_pool2d(rows, (side, 1), stride=1, padding=(side // 2, 0))[0, 0]


def _color_vote(
    colors_3HW: torch.Tensor,
    matte_HW: torch.Tensor,
    sure_arm_HW: torch.Tensor,
    sure_body_HW: torch.Tensor,
    prior: torch.Tensor,
) -> torch.Tensor:
    """Probability of being arm, from what arm and body (bool, where they are sure) look like near each pixel."""
    arm = (sure_arm_HW & (matte_HW > 0.8)).float()
    body = (sure_body_HW & (matte_HW > 0.8)).float()
    if float(arm.sum()) < 20 or float(body.sum()) < 20:
        return prior
    arm_color, body_color = push_pull(colors_3HW, arm), push_pull(colors_3HW, body)
    to_arm = (colors_3HW - arm_color).square().sum(0)
    to_body = (colors_3HW - body_color).square().sum(0)
    contrast = (arm_color - body_color).square().sum(0)
    # Alike colours say nothing: then the shape decides.
    telling = contrast / (contrast + 0.01)
    return torch.lerp(prior, torch.sigmoid(8 * (to_body - to_arm) / (contrast + 0.01)), telling)


def leg_masks(points: torch.Tensor, pose: BonePose) -> list[tuple[str, tuple[int, int, int], torch.Tensor]]:
    """Which pixels go with which leg: trousers part between the legs, wherever they touch in the photo."""
    if float(torch.minimum(pose.trust_BJ[0, LEFT_LEG[0]], pose.trust_BJ[0, RIGHT_LEG[0]])) <= 0.2:
        return []
    left, right = (chain_distance(points, pose, bones) for bones in (LEFT_LEG, RIGHT_LEG))
    share = smoothstep(-0.06, 0.06, (right - left) / (right + left).clamp_min(1e-6))
    return [("left_leg", LEFT_LEG, share), ("right_leg", RIGHT_LEG, 1 - share)]


def without_islands(alpha_HW: torch.Tensor, home_HW: torch.Tensor) -> torch.Tensor:
    """Opacity without the pieces that have no connection to `home` (bool): crumbs left over from cutting."""
    from scipy.ndimage import label

    pieces, _ = label((alpha_HW > 0.05).cpu().numpy(), structure=np.ones((3, 3)))
    kept = np.unique(pieces[(home_HW & (alpha_HW > 0.5)).cpu().numpy()])
    inside = np.isin(pieces, kept[kept > 0])
    return alpha_HW * torch.from_numpy(inside).to(alpha_HW.device)
