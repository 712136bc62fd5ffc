"""Training the refiner of the warp: where every point of the warped photo belongs, and where the person ends.

The displacement is learned from the truth where the renderer knows it (`correspondence.py`), after the end-point error
of optical flow (Dosovitskiy et al. 2015, "FlowNet"). Where the warp covers too much or too little nothing corresponds
to anything, and surfaces alone would leave a hole where the photo never showed what belongs there: there the carried
opacity is asked to be the true one.

Legend: B batch, H W pixels, h w cells of the field, K keypoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from einops import rearrange
from torch import nn
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.refinement import FAINT, WINDOW_WIDTH
from animator.models.warp_refiner import CELL_PX, WarpRefiner
from animator.training.samples import Batch
from pose_tracking.skeleton import BLAZEPOSE_33

# Shares of the loss beside the displacement's error in px, which counts 1. What the outline is worth to a field that is
# fitted to the truth, `benchmarks/warp_errors.py` tells.
OPACITY, VARIATION = 20.0, 0.02
# Px up to which an error counts by its square: about what the truth itself is uncertain by.
_SMALL_PX = 0.5
# Cells: samples that know less, or show less of a person, count less.
_FEW_KNOWN, _FEW_SHOWN = 50.0, 20.0
# Cells about the person, warped or true, that count with it when its size is told.
_MARGIN = 2
# Cells that the person may stand beside the middle of the window.
_SHIFT = 4
# Share by which each colour may be stronger or weaker: rendered people wear few colours, and place is not told by them.
_TINT = 0.25


class RefinementStage:
    """The refiner learns from `RefinementPairs`. A `Stage`.

    It sees what rendering shows it: all rows, and as many columns about the person; here a little aside, perhaps
    mirrored, and in other colours.

    Args:
        refiner: trained in place.
        held_out: batches for checks; none makes none.
    """

    name = "refiner"

    def __init__(self, refiner: WarpRefiner, held_out: Iterable[Batch] = ()) -> None:
        self.refiner, self._held_out = refiner.requires_grad_(True), list(held_out)

    @property
    def nets(self) -> Mapping[str, nn.Module]:
        return {"refiner": self.refiner}

    def draws(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Which samples are mirrored, how many cells each window lies aside, and its colours."""
        count = len(batch["warped"])
        return {
            "mirrored": torch.rand(count, generator=rng) < 0.5,
            "aside": torch.randint(-_SHIFT, _SHIFT + 1, (count,), generator=rng),
            "tint": 1 + _TINT * (2 * torch.rand(count, 3, generator=rng) - 1),
        }

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        seen = window(batch)
        field = _field(nets["refiner"], seen)
        error, opacity = place_and_outline(field, seen)
        variation = field.diff(dim=-1).abs().mean() + field.diff(dim=-2).abs().mean()
        return {
            "loss": error + OPACITY * opacity + VARIATION * variation,
            "error": error,
            "opacity": opacity,
            "variation": variation,
        }

    @torch.no_grad()
    def check(self) -> float | None:
        """What `losses` asks for, but smoothness: place, in px where the truth is known, and outline. Lower is better.

        Both, because what is best in place alone may be full of holes.
        """
        if not self._held_out:
            return None
        found = []
        for batch in self._held_out:
            seen = window({name: each.to(self.refiner.device) for name, each in batch.items()})
            error, opacity = place_and_outline(_field(self.refiner, seen), seen)
            found.append((error + OPACITY * opacity) * len(batch["warped"]))
        return float(torch.stack(found).sum() / sum(len(batch["warped"]) for batch in self._held_out))


def window(batch: Batch) -> Batch:
    """The part of each sample that the refiner is shown: `WINDOW_WIDTH` columns about the person, where there are more.

    Args:
        batch: of `RefinementPairs`, unpacked; with what `RefinementStage.draws` drew, or without: then the person is
            in the middle, and nothing is mirrored or tinted.

    Returns:
        The names of a sample, all of the window and in its px.
    """
    whole = batch["coverage"].shape[-1]
    left, width = _left(batch["coverage"]), min(WINDOW_WIDTH, whole)
    mirrored = batch.get("mirrored", torch.zeros_like(left)).bool()
    left = (left + CELL_PX * batch.get("aside", torch.zeros_like(left))).clamp(0, whole - width)
    seen = {name: _columns(batch[name], left, width, mirrored) for name in ("warped", "coverage", "repair", "matte")}
    for name in ("field", "known", "importance"):
        seen[name] = _columns(batch[name], left // CELL_PX, width // CELL_PX, mirrored)
    across = torch.where(mirrored, -1.0, 1.0)
    if "tint" in batch:
        seen["warped"] = (seen["warped"] * batch["tint"][:, :, None, None]).clamp(0, 1)
    seen["field"] = seen["field"] * torch.stack([across, torch.ones_like(across)], 1)[:, :, None, None]
    for prefix in ("", "photo_"):
        keypoints, confidence = batch[f"{prefix}keypoints"], batch[f"{prefix}confidence"]
        seen |= _pose(prefix, keypoints, confidence, left=left, width=width, mirrored=mirrored)
    return seen


def place_and_outline(field_B2hw: torch.Tensor, truth: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """What of the loss the truth has a say in: see `displacement_loss` and `opacity_loss`.

    Args:
        truth: of `RefinementPairs`, or of its window; unpacked.
    """
    return (
        displacement_loss(field_B2hw, truth["field"], truth["importance"] * truth["known"]),
        opacity_loss(field_B2hw, truth["coverage"], truth["matte"]),
    )


def displacement_loss(field_B2hw: torch.Tensor, true_B2hw: torch.Tensor, weight_Bhw: torch.Tensor) -> torch.Tensor:
    """Mean end-point error in px among what a sample knows, smooth about zero; the mean over samples.

    Args:
        weight_Bhw: how much each cell counts among those of its sample; 0 where the truth is unknown.
    """
    error = ((field_B2hw - true_B2hw).square().sum(1) + _SMALL_PX**2).sqrt() - _SMALL_PX
    return ((error * weight_Bhw).sum((1, 2)) / weight_Bhw.sum((1, 2)).clamp_min(_FEW_KNOWN)).mean()


def opacity_loss(field_B2hw: torch.Tensor, coverage_BHW: torch.Tensor, matte_BHW: torch.Tensor) -> torch.Tensor:
    """How far the carried opacity is from the true one, summed over cells, as a share of the person and its margin.

    Wherever nobody is and nobody is brought to, it is zero and has no gradient. The mean over samples.
    """
    given, wanted = (F.avg_pool2d(each[:, None], CELL_PX) for each in (coverage_BHW, matte_BHW))
    size = F.max_pool2d(torch.maximum(given, wanted), 2 * _MARGIN + 1, stride=1, padding=_MARGIN).sum((1, 2, 3))
    error = (carried(given, field_B2hw / CELL_PX) - wanted).abs().sum((1, 2, 3))
    return (error / size.clamp_min(_FEW_SHOWN)).mean()


def carried(planes_BCHW: torch.Tensor, field_B2HW: torch.Tensor) -> torch.Tensor:
    """Planes that follow a field in px: output(p) = planes(p + field(p)), as `displaced` does with a warped photo."""
    count, _, height, width = planes_BCHW.shape
    straight = torch.eye(2, 3, device=planes_BCHW.device).expand(count, 2, 3)
    places = F.affine_grid(straight, [count, 1, height, width], align_corners=False)
    # What grid_sample counts in: -1 to 1 from edge to edge.
    moved = rearrange(field_B2HW, "b c h w -> b h w c") * field_B2HW.new_tensor([2 / width, 2 / height])
    return F.grid_sample(planes_BCHW, places + moved, padding_mode="border", align_corners=False)


def _field(refiner: nn.Module, seen: Batch) -> torch.Tensor:
    picture = torch.cat([seen["warped"], seen["coverage"][:, None], seen["repair"][:, None]], 1)
    target, photo = ((seen[f"{each}keypoints"], seen[f"{each}confidence"]) for each in ("", "photo_"))
    field: torch.Tensor = refiner(picture, target, photo)
    return field


def _left(coverage_BHW: torch.Tensor) -> torch.Tensor:
    """First column [B] of the window about each warped person, a multiple of the cells."""
    shown = (coverage_BHW > FAINT).any(1).int()
    width = shown.shape[1]
    first, last = shown.argmax(1), width - shown.flip(1).argmax(1)
    left = (first + last) // 2 - WINDOW_WIDTH // 2
    return left.clamp(0, max(width - WINDOW_WIDTH, 0)) // CELL_PX * CELL_PX


def _columns(planes: torch.Tensor, left_B: torch.Tensor, width: int, mirrored_B: torch.Tensor) -> torch.Tensor:
    """`width` columns of planes [B, ..., W], from another place in each sample, the last first where mirrored."""
    order = torch.arange(width, device=planes.device)
    chosen = left_B[:, None] + torch.where(mirrored_B[:, None], order.flip(0), order)
    chosen = chosen.view(len(planes), *[1] * (planes.ndim - 2), width)
    return planes.gather(-1, chosen.expand(*planes.shape[:-1], width))


def _pose(
    prefix: str,
    keypoints_BK2: torch.Tensor,
    confidence_BK: torch.Tensor,
    *,
    left: torch.Tensor,
    width: int,
    mirrored: torch.Tensor,
) -> Batch:
    """A pose in px of the window; mirrored, left and right change their names as well."""
    order, (x, y) = list(BLAZEPOSE_33.mirror), keypoints_BK2.unbind(-1)
    x = x - left[:, None]
    turned = torch.stack([width - x, y], -1)[:, order]
    return {
        f"{prefix}keypoints": torch.where(mirrored[:, None, None], turned, torch.stack([x, y], -1)),
        f"{prefix}confidence": torch.where(mirrored[:, None], confidence_BK[:, order], confidence_BK),
    }
