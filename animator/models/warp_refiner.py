"""A learned correction of the warp: how far each point of the warped photo lies from where it belongs.

Bones carry a photo as if people were flat. Most of what the warp then shows wrongly is in the wrong place, not of the
wrong colour: sides of a turning trunk, the outline of a bent leg, a head seen from elsewhere. This network looks at the
warped photo and at both poses and gives a field of displacements; the warp's meshes follow it, so that nothing becomes
blurred that was not. After the refinement of a coarse flow field by convolution (Liu et al. 2019, "Liquid
Warping GAN"; Ren et al. 2020, "Deep Image Spatial Transformation for Person Image Generation"); trained on the true
pictures of rendered people (`animator/training/refinement.py`).

Legend: B poses, K keypoints, H W pixels, h w cells of the field.
"""

from __future__ import annotations

import itertools

import torch
from diffusers import ModelMixin
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from torch import nn
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.pose_map import POSE_CHANNELS, pose_map
from pose_tracking.skeleton import BLAZEPOSE_33

# Pixels of one cell of the field, at the size the network works at.
CELL_PX = 4
# Pixels between the points at which the network tells the field. Between them it is smooth: parts of a person move by
# whole limbs, and a field told cell by cell, from little training, tears up the texture that it carries.
KNOT_PX = 16
# The network works on people whose torso in the photo is so many px long, as in most of its training; larger or smaller
# pictures are resized for it.
WORK_TORSO_PX = 66.0
# What the output layer counts in, so that its weights are about as large as others.
_UNIT_PX = 10.0
_GROUPS = 8
_HEADS = 4
# Pixels: of colours, opacity and need of repair.
_PICTURE_CHANNELS = 5
# Torso lengths beyond which a joint is as good as anywhere.
_FAR = 4.0
_MIN_TORSO_PX = 8.0
# Torso lengths by which joints have moved on average where the field is told at half its strength: three times what a
# tracker errs by. Nearer to the photo's pose the warp is right to a pixel or two, and more is lost than won.
_REST = 0.15
_SHOULDERS = tuple(BLAZEPOSE_33.index(f"{side}_shoulder") for side in ("left", "right"))
_HIPS = tuple(BLAZEPOSE_33.index(f"{side}_hip") for side in ("left", "right"))


class WarpRefiner(ModelMixin, ConfigMixin):
    """The warped photo [B, 5, H, W] and both poses to a field of displacements [B, 2, H / 4, W / 4] in pixels.

    A cell (x, y) of the field says: what belongs here lies at (x, y) away in the warped photo. Untrained, and for the
    photo's own pose, it is zero.

    Args:
        widths: channels at a quarter, an eighth, ... of the size.
        pose_width: of the embedding of both poses.
        knot_px: between the points at which the field is told, `CELL_PX` doubled so many times; at most what the
            deepest level knows.
    """

    @register_to_config
    def __init__(
        self, widths: tuple[int, ...] = (16, 48, 96, 192), pose_width: int = 128, knot_px: int = KNOT_PX
    ) -> None:
        super().__init__()
        joints = len(BLAZEPOSE_33)
        # Levels that lie finer than the knots are looked at, not decoded.
        knots = min((knot_px // CELL_PX).bit_length() - 1, len(widths) - 1)
        self.pose_embedding = nn.Sequential(
            nn.Linear(joints * 9 + 1, pose_width), nn.SiLU(), nn.Linear(pose_width, pose_width)
        )
        self.conv_in = nn.Conv2d(_PICTURE_CHANNELS * CELL_PX**2 + POSE_CHANNELS, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            _blocks(width, width, pose_width, first=level == 0) for level, width in enumerate(widths)
        )
        self.shrink = nn.ModuleList(
            nn.Conv2d(here, below, 3, stride=2, padding=1) for here, below in itertools.pairwise(widths)
        )
        self.attention = nn.ModuleList(_attention(widths[-1]) for _ in range(2))
        self.up = nn.ModuleList(
            _blocks(here + below, here, pose_width, first=level == 0)
            for level, (here, below) in enumerate(itertools.pairwise(widths))
            if level >= knots
        )
        self.conv_out = nn.Conv2d(widths[knots], 2, 3, padding=1)
        for weights in self.conv_out.parameters():
            nn.init.zeros_(weights)

    def forward(
        self,
        picture_B5HW: torch.Tensor,
        target: tuple[torch.Tensor, torch.Tensor],
        photo: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        """The field of displacements [B, 2, H / 4, W / 4], float32.

        Args:
            picture_B5HW: colours before the photo's background, opacity and need of repair, [0, 1]; sides that are
                multiples of `multiple`.
            target: the pose that is wanted: BlazePose-33 [B, K, 2] in pixels of this picture, NaN where unseen, and
                confidence [B, K].
            photo: the pose in the photo, in pixels of its canvas.
        """
        height, width = picture_B5HW.shape[-2:]
        limbs = pose_map(
            target[0][:, None],
            target[1][:, None],
            canvas_size=(width, height),
            latent_size=(width // CELL_PX, height // CELL_PX),
        )
        colors, masks = (picture_B5HW[:, :3] * 2 - 1), picture_B5HW[:, 3:]
        cells = F.pixel_unshuffle(torch.cat([colors, masks], 1), CELL_PX)
        dtype = self.conv_in.weight.dtype
        poses = self.pose_embedding(_pose_pair(target, photo).to(dtype))
        here = self.conv_in(torch.cat([cells, limbs], 1).to(dtype))
        kept = []
        for level, blocks in enumerate(self.down):
            here = _through(blocks, here, poses)
            if level < len(self.shrink):
                kept.append(here)
                here = self.shrink[level](here)
        for attention in self.attention:
            here = attention(here)
        for blocks in reversed(self.up):
            wider = F.interpolate(here, scale_factor=2.0, mode="nearest")
            here = _through(blocks, torch.cat([wider, kept.pop()], 1), poses)
        told = self.conv_out(here).float() * _UNIT_PX * _departure(target, photo)[:, None, None, None]
        return F.interpolate(told, (height // CELL_PX, width // CELL_PX), mode="bicubic")

    @property
    def multiple(self) -> int:
        """What both sides of a picture have to be a multiple of."""
        return int(CELL_PX * 2 ** len(self.shrink))


def _blocks(wide: int, width: int, pose_width: int, *, first: bool) -> nn.ModuleList:
    """Residual blocks of one level: at full size, where they are costly, one will do."""
    sizes = [(wide, width)] if first else [(wide, width), (width, width)]
    return nn.ModuleList(
        ResnetBlock2D(
            in_channels=before,
            out_channels=after,
            temb_channels=pose_width,
            groups=_GROUPS,
            time_embedding_norm="scale_shift",
        )
        for before, after in sizes
    )


def _attention(width: int) -> Attention:
    return Attention(
        query_dim=width,
        heads=_HEADS,
        dim_head=width // _HEADS,
        norm_num_groups=_GROUPS,
        bias=True,
        residual_connection=True,
    )


def _through(blocks: nn.Module, here: torch.Tensor, poses: torch.Tensor) -> torch.Tensor:
    for block in blocks.children():
        here = block(here, poses)
    return here


def _pose_pair(target: tuple[torch.Tensor, torch.Tensor], photo: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """[B, 9 K + 1]: both poses about their hips in torso lengths, their difference, and how the size changed."""
    (there, there_px), (here, here_px) = _about_hips(*target), _about_hips(*photo)
    return torch.cat([there, here, there - here, torch.log(there_px / here_px)[:, None]], 1)


def _departure(target: tuple[torch.Tensor, torch.Tensor], photo: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """[B] in [0, 1): how far the pose has left the photo's, which the warp shows as it is and nothing can better."""
    (there, there_px), (here, here_px) = _about_hips(*target), _about_hips(*photo)
    joints = len(BLAZEPOSE_33)
    points_B2K2 = torch.stack([each[:, : 2 * joints].unflatten(1, (joints, 2)) for each in (there, here)], 1)
    both = ((there > 0) & (here > 0))[:, 2 * joints :]
    away = (points_B2K2[:, 0] - points_B2K2[:, 1]).norm(dim=-1) * both
    moved = away.sum(1) / both.sum(1).clamp_min(1) + torch.log(there_px / here_px).abs()
    return moved**2 / (moved**2 + _REST**2)


def _about_hips(keypoints_BK2: torch.Tensor, confidence_BK: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """([B, 3 K] joints and confidence, [B] torso length in px); joints that nobody saw are at the hips."""
    seen = (confidence_BK > 0) & ~keypoints_BK2.isnan().any(-1)
    points = keypoints_BK2.nan_to_num(0.0)
    hips, shoulders = points[:, _HIPS].mean(1), points[:, _SHOULDERS].mean(1)
    length = (hips - shoulders).norm(dim=-1).clamp_min(_MIN_TORSO_PX)
    joints = ((points - hips[:, None]) / length[:, None, None] * seen[..., None]).clamp(-_FAR, _FAR)
    return torch.cat([joints.flatten(1), confidence_BK * seen], 1), length
