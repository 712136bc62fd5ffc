"""Training the refiner of the warp: the photo's pixels are to lie where they make the target's picture.

What is asked for is the picture itself, the person's colours and outline at several sizes, as spatial transformers are
trained (Jaderberg et al. 2015) and flow without known flow (Yu et al. 2016, "Back to Basics"): small sizes say exactly
where, large ones pull from afar. The displacement of the surface, which the renderer knows as well, is not asked for:
a body that turns slides its surface across itself and keeps its outline (docs/decisions/0005-place-before-colour.md).

Legend: B batch, H W pixels, h w cells of the field, K keypoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from einops import rearrange
from torch import nn
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.refinement import VIEW_SIZE, View, mirrored_points, view_scale
from animator.models.warp_refiner import WarpRefiner
from animator.training.samples import Batch
from pose_tracking.skeleton import BLAZEPOSE_33

# Shares of the loss.
LIKENESS, VARIATION = 20.0, 0.02
# Px of the squares over which pictures are averaged before they are compared.
_SIZES_PX = (2, 4, 8, 16)
# Difference of colours or opacity up to which its square counts: few that nothing can mend must not outweigh many.
_SMALL = 0.1
# Px about the person, carried or true, that count with it when its size is told; samples that show less of a person,
# in squares of each size, count less.
_MARGIN_PX, _FEW_SHOWN = 8, 20.0
# Px of the view that the person may stand beside its middle, and how much larger or smaller than usual.
_ASIDE_PX, _LARGER = 16, 1.16
# How much colours are mixed, and the logarithm of how much contrast may change: rendered people wear few colours, and
# place is not told by them.
_MIXED, _CONTRAST = 0.12, 0.35
# What a sample has for every pixel beside colours.
_PLANES = ("coverage", "repair", "matte", "importance")


class RefinementStage:
    """The refiner learns from `RefinementPairs`. A `Stage`.

    It sees what rendering shows it, the view about the person; here a little aside, larger or smaller, perhaps
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
        """Which samples are mirrored, how far aside each person stands and how much larger, and the colours."""
        count = len(batch["warped"])
        return {
            "mirrored": torch.rand(count, generator=rng) < 0.5,
            "aside": torch.randint(-_ASIDE_PX, _ASIDE_PX + 1, (count, 2), generator=rng),
            "zoom": _LARGER ** (2 * torch.rand(count, generator=rng) - 1),
            "mixing": torch.eye(3) + _MIXED * torch.randn(count, 3, 3, generator=rng),
            "gamma": torch.exp(_CONTRAST * (2 * torch.rand(count, generator=rng) - 1)),
        }

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        shown = seen(batch)
        field = _field(nets["refiner"], shown)
        unlike = likeness_loss(field, shown)
        variation = field.diff(dim=-1).abs().mean() + field.diff(dim=-2).abs().mean()
        return {"loss": LIKENESS * unlike + VARIATION * variation, "unlike": unlike, "variation": variation}

    @torch.no_grad()
    def check(self) -> float | None:
        """`likeness_loss` of the samples held out, in hundredths. Lower is better."""
        if not self._held_out:
            return None
        found = []
        for batch in self._held_out:
            shown = seen({name: each.to(self.refiner.device) for name, each in batch.items()})
            found.append(100 * likeness_loss(_field(self.refiner, shown), shown) * len(batch["warped"]))
        return float(torch.stack(found).sum() / sum(len(batch["warped"]) for batch in self._held_out))


def seen(batch: Batch) -> Batch:
    """The part of each sample that the refiner is shown, see `View`; of people in uncommon poses a part.

    Args:
        batch: of `RefinementPairs`, unpacked; with what `RefinementStage.draws` drew, or without: then the person is
            in the middle, as large as ever, and nothing is mirrored or in other colours.

    Returns:
        The names of a sample, all of the view and in its px; the target in [0, 1].
    """
    scales = view_scale(batch["photo_keypoints"], batch["photo_confidence"]) * batch.get("zoom", 1.0)
    asides = batch.get("aside", torch.zeros(len(scales), 2, dtype=torch.long)).tolist()
    views = [_seen(_one(batch, place), float(scales[place]), aside) for place, aside in enumerate(asides)]
    together = {name: torch.stack([view[name] for view in views]) for name in views[0]}
    together = _coloured(together, batch)
    mirrored = batch.get("mirrored", torch.zeros(len(scales), dtype=torch.bool, device=scales.device)).bool()
    return {
        name: torch.where(mirrored.view(-1, *[1] * (each.ndim - 1)), _mirrored(name, each), each)
        for name, each in together.items()
    }


def likeness_loss(field_B2hw: torch.Tensor, truth: Batch) -> torch.Tensor:
    """How unlike the true person is what the field makes of the warped one: colours and opacity, about [0, 1].

    Both are without their backgrounds, colours weighted by opacity. Differences are summed over the person, face and
    hands twice, and told as a share of its size: wherever nobody is and nobody is brought to, there are none. The mean
    over sizes and samples.

    Args:
        truth: what is `seen` of samples.
    """
    given, wanted = (
        torch.cat([truth[colors] * truth[opacity][:, None], truth[opacity][:, None]], 1)
        for colors, opacity in (("warped", "coverage"), ("target", "matte"))
    )
    around = 2 * _MARGIN_PX + 1
    shown = F.max_pool2d(torch.maximum(given[:, 3:], wanted[:, 3:]), around, stride=1, padding=_MARGIN_PX)
    losses = []
    for size_px in _SIZES_PX:
        here, true, person = (F.avg_pool2d(each, size_px) for each in (given, wanted, shown))
        field = F.interpolate(field_B2hw, here.shape[-2:], mode="bilinear") / size_px
        error = ((carried(here, field) - true).square() + _SMALL**2).sqrt() - _SMALL
        error = error.mean(1) * F.adaptive_avg_pool2d(truth["importance"], (here.shape[-2], here.shape[-1]))
        losses.append((error.sum((1, 2)) / person.sum((1, 2, 3)).clamp_min(_FEW_SHOWN)).mean())
    return torch.stack(losses).mean()


def carried(planes_BCHW: torch.Tensor, field_B2HW: torch.Tensor, *, mode: str = "bilinear") -> torch.Tensor:
    """Planes that follow a field in px: output(p) = planes(p + field(p)), as the meshes of a warp do."""
    count, _, height, width = planes_BCHW.shape
    straight = torch.eye(2, 3, device=planes_BCHW.device).expand(count, 2, 3)
    places = F.affine_grid(straight, [count, 1, height, width], align_corners=False)
    # What grid_sample counts in: -1 to 1 from edge to edge.
    moved = rearrange(field_B2HW, "b c h w -> b h w c") * field_B2HW.new_tensor([2 / width, 2 / height])
    return F.grid_sample(planes_BCHW, places + moved, mode=mode, padding_mode="border", align_corners=False)


def _field(refiner: nn.Module, shown: Batch) -> torch.Tensor:
    picture = torch.cat([shown["warped"], shown["coverage"][:, None], shown["repair"][:, None]], 1)
    target, photo = ((shown[f"{each}keypoints"], shown[f"{each}confidence"]) for each in ("", "photo_"))
    field: torch.Tensor = refiner(picture, target, photo)
    return field


def _one(batch: Batch, place: int) -> Batch:
    return {name: each[place] for name, each in batch.items()}


def _seen(sample: Batch, scale: float, aside: list[int]) -> Batch:
    """One sample in its view; where nobody was carried to, in that about the true person."""
    view = None
    for opacity in ("coverage", "matte"):
        view = view or View.about(sample[opacity], scale, aside=(aside[0], aside[1]))
    view = view or View.about(torch.ones_like(sample["matte"]), scale)
    assert view is not None  # all of the canvas is somebody
    stacked = torch.stack([*sample["warped"], *(sample["target"] / 255), *(sample[name] for name in _PLANES)])
    planes = view.of(stacked)
    told = {name: sample[name] for name in ("confidence", "photo_confidence")}
    points = {name: view.points(sample[name]) for name in ("keypoints", "photo_keypoints")}
    return {
        "warped": planes[:3],
        "target": planes[3:6],
        **dict(zip(_PLANES, planes[6:], strict=True)),
        **told,
        **points,
    }


def _coloured(together: Batch, batch: Batch) -> Batch:
    """Photo and target in the same other colours."""
    if "mixing" not in batch:
        return together
    mixing, gamma = batch["mixing"], batch["gamma"][:, None, None, None]
    changed = {
        name: (torch.einsum("bij,bjhw->bihw", mixing, together[name] - 0.5) + 0.5).clamp(1e-3, 1) ** gamma
        for name in ("warped", "target")
    }
    return {**together, **changed}


def _mirrored(name: str, planes: torch.Tensor) -> torch.Tensor:
    """What is seen, in a mirror; left and right joints change their names as well."""
    if name.endswith("keypoints"):
        return mirrored_points(planes, VIEW_SIZE[1])
    return planes[:, list(BLAZEPOSE_33.mirror)] if name.endswith("confidence") else planes.flip(-1)
