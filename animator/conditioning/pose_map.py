"""Five poses as channels at latent size: what tells the network where every limb is to be.

Limbs are drawn as soft fields whose width is counted in latent cells, from the joints' sub-pixel positions: a
joint that moves by one pixel changes the map, although a cell covers eight. Source of the place in the network:
DreamPose (Karras et al. 2023, section 3.3); the fields are ours.

Legend: B batch, N window, K keypoints, C channels, h w latent cells.
"""

from __future__ import annotations

import functools

import torch
from einops import rearrange
from torch.nn import functional as F  # noqa: N812

from animator.errors import ModelError
from pose_tracking.skeleton import BLAZEPOSE_33

# Channel 0 says whether a pose is given at all; every other channel holds one group of limbs.
LIMB_GROUPS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("left_shoulder", "right_shoulder"),
        ("left_hip", "right_hip"),
        ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"),
    ),
    (
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        ("mouth_left", "mouth_right"),
    ),
    (("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist")),
    (("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist")),
    (("left_hip", "left_knee"), ("left_knee", "left_ankle")),
    (("right_hip", "right_knee"), ("right_knee", "right_ankle")),
    (
        ("left_wrist", "left_index"),
        ("left_wrist", "left_pinky"),
        ("left_wrist", "left_thumb"),
        ("left_ankle", "left_foot_index"),
        ("left_ankle", "left_heel"),
    ),
    (
        ("right_wrist", "right_index"),
        ("right_wrist", "right_pinky"),
        ("right_wrist", "right_thumb"),
        ("right_ankle", "right_foot_index"),
        ("right_ankle", "right_heel"),
    ),
)
POSE_CHANNELS = 1 + len(LIMB_GROUPS)
DENSEPOSE_CHANNELS = 2
# Width of a limb's field in latent cells: wide enough to fall on several cells wherever the limb lies.
SIGMA_CELLS = 0.8
GIVEN, NOBODY, NULL = 1.0, 0.5, 0.0


def pose_map(
    keypoints_BNK2: torch.Tensor,
    confidence_BNK: torch.Tensor,
    *,
    canvas_size: tuple[int, int],
    latent_size: tuple[int, int],
) -> torch.Tensor:
    """Draw pose windows as limb fields.

    Args:
        keypoints_BNK2: BlazePose-33 in canvas px, NaN where unseen.
        confidence_BNK: [0, 1].
        canvas_size: (width, height) px.
        latent_size: (w, h) cells.

    Returns:
        [B, N · POSE_CHANNELS, h, w] in [0, 1]: per pose one channel that is `GIVEN`, or `NOBODY` if no joint is
        seen, then one channel per limb group. `null_pose` is all zero and differs from both.
    """
    cells = torch.tensor(
        [latent_size[0] / canvas_size[0], latent_size[1] / canvas_size[1]],
        dtype=keypoints_BNK2.dtype,
        device=keypoints_BNK2.device,
    )
    seen = ~keypoints_BNK2.isnan().any(-1)
    points = keypoints_BNK2.nan_to_num(0.0) * cells
    trust = confidence_BNK * seen
    ridges = _limb_fields(points, trust, latent_size)
    fields, first = [_given(trust, latent_size)], 0
    for group in LIMB_GROUPS:
        fields.append(ridges[:, :, first : first + len(group)].amax(2))
        first += len(group)
    return rearrange(torch.stack(fields, 2), "b n c h w -> b (n c) h w")


def densepose_map(
    uv_BNCHW: torch.Tensor, *, latent_size: tuple[int, int], value_range: tuple[float, float] = (0.0, 1.0)
) -> torch.Tensor:
    """Shrink windows of DensePose surface coordinates to latent size, for models trained on them.

    Args:
        uv_BNCHW: U and V in [0, 1], 0 where nobody is.
        latent_size: (w, h) cells; arrays of another shape are centred on it as a whole.
        value_range: what 0 and 1 become.

    Returns:
        [B, N · 2, h, w].

    Raises:
        ModelError: other channels than U and V.
    """
    if uv_BNCHW.shape[2] != DENSEPOSE_CHANNELS:
        raise ModelError(
            f"DensePose arrays with {uv_BNCHW.shape[2]} channels, expected U and V: leave out the part index"
        )
    maps = rearrange(uv_BNCHW, "b n c h w -> b (n c) h w").float()
    height, width = maps.shape[-2:]
    scale = min(latent_size[0] / width, latent_size[1] / height)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = F.interpolate(maps, size, mode="area")
    top, left = (latent_size[1] - size[0]) // 2, (latent_size[0] - size[1]) // 2
    placed = F.pad(small, (left, latent_size[0] - size[1] - left, top, latent_size[1] - size[0] - top))
    low, high = value_range
    return low + placed * (high - low)


def null_pose(like_BChw: torch.Tensor) -> torch.Tensor:
    """The map that says no pose was given: all zero, which no map of limb fields is."""
    return torch.full_like(like_BChw, NULL)


def _given(trust_BNK: torch.Tensor, latent_size: tuple[int, int]) -> torch.Tensor:
    somebody = (trust_BNK > 0).any(-1)
    value = torch.where(somebody, GIVEN, NOBODY).to(trust_BNK.dtype)
    return value[..., None, None].expand(*value.shape, latent_size[1], latent_size[0])


def _limb_fields(points_BNK2: torch.Tensor, trust_BNK: torch.Tensor, latent_size: tuple[int, int]) -> torch.Tensor:
    """[B, N, L, h, w]: a ridge along each of the L limbs of all groups, as high as its less certain end."""
    first, second = _ends()
    start_x, start_y = points_BNK2[:, :, first, None, None].unbind(-1)
    end_x, end_y = points_BNK2[:, :, second, None, None].unbind(-1)
    axis_x, axis_y = end_x - start_x, end_y - start_y
    width, height = latent_size
    x = torch.arange(width, dtype=start_x.dtype, device=start_x.device) + 0.5 - start_x
    y = torch.arange(height, dtype=start_y.dtype, device=start_y.device)[:, None] + 0.5 - start_y
    length = (axis_x.square() + axis_y.square()).clamp_min(1e-6)
    # A row and a column at a time as far as that goes: only what follows is as large as the field.
    place = (x * axis_x + y * axis_y).div_(length).clamp_(0, 1)
    distance = (x - place * axis_x).square_().add_((y - place.mul_(axis_y)).square_())
    ridge = distance.div_(-2 * SIGMA_CELLS**2).exp_()
    return ridge.mul_(torch.minimum(trust_BNK[:, :, first], trust_BNK[:, :, second])[..., None, None])


@functools.cache
def _ends() -> tuple[list[int], list[int]]:
    """The joints at both ends of every limb, in the order of the groups."""
    limbs = [limb for group in LIMB_GROUPS for limb in group]
    first, second = ([BLAZEPOSE_33.index(limb[end]) for limb in limbs] for end in (0, 1))
    return first, second
