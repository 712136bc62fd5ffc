"""Between pictures and latents: encoded and decoded only where a frame differs from what is known already.

A person fills a part of the canvas, and what the network makes anew is a part of the person. Outside the person a
frame is the background; where every cell keeps the warped photo it is the warped photo, whatever an autoencoder would
make of it.

Legend: B frames, C h w latents, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp import WarpedPhoto
from animator.conditioning.warp.cutout import widened
from animator.matting import box_mean
from animator.models.box import Box
from animator.models.vae import LatentCodec
from animator.sampling.config import DEFAULT_REPAIR
from animator.sampling.denoise import check_finite
from animator.sampling.repair import Known, trust

# How far around the warped person the network may still paint, as a share of the canvas height.
REACH = 0.03
# How far around, as a share of the canvas height, it is looked for the colours that may be painted; and how far from
# their mean, in standard deviations: on a plain dress, at one, blotches could still be seen.
_NEARBY, _VARIETY = 0.02, 0.5


class Painting:
    """One subject's frames, into latents and out of them.

    On a CPU, with an autoencoder that sees no farther than a few cells, every frame is cut to its own size. A GPU
    takes whole frames together: many small pieces would leave it idle.

    Args:
        codec: of the model.
        background_3HW: [0, 1].
        repair: as in `SamplerConfig`.
        keep_detail: as in `SamplerConfig`.
        lock_background: away from the person, show the background whatever the network paints there.
        covered: lays over finished frames what stands before the person.
    """

    def __init__(
        self,
        codec: LatentCodec,
        background_3HW: torch.Tensor,
        *,
        repair: float,
        keep_detail: bool,
        lock_background: bool,
        covered: Callable[[torch.Tensor], torch.Tensor] = lambda frames_B3HW: frames_B3HW,
    ) -> None:
        self._covered = covered
        self._codec, self._repair = codec, repair
        self._keep_detail, self._lock_background = keep_detail, lock_background
        self._background_13HW = background_3HW[None]
        self._size = codec.latent_shape(self._background_13HW)[2:]
        self._spread = codec.spread_cells if background_3HW.device.type == "cpu" else None
        self._empty_Chw = None if self._spread is None else codec.encode(self._background_13HW)[0]

    def latents(self, shown_B3HW: torch.Tensor, coverage_BHW: torch.Tensor) -> torch.Tensor:
        """Latents [B, C, h, w], float32, of the warped person before the background.

        Args:
            shown_B3HW: [0, 1].
            coverage_BHW: where it differs from the background.
        """
        if self._spread is None or self._empty_Chw is None:
            return self._codec.encode(shown_B3HW)
        return torch.stack(
            [self._changed(*each, self._empty_Chw, self._spread) for each in zip(shown_B3HW, coverage_BHW, strict=True)]
        )

    def _changed(
        self, shown_3HW: torch.Tensor, coverage_HW: torch.Tensor, empty_Chw: torch.Tensor, spread: int
    ) -> torch.Tensor:
        """The background's latents with those of the person in them."""
        latents = empty_Chw.clone()
        if (person := Box.around(coverage_HW[None] > 0)) is None:
            return latents
        cells, side = person.cells(self._codec.reduction), self._codec.reduction
        # The encoder takes the cut for an edge of the picture: what lies near it is not kept.
        seen = cells.grown(spread + 1, self._size).even(self._size)
        kept = cells.grown(spread - 1, self._size)
        part = self._codec.encode(seen.times(side).of(shown_3HW)[None])[0]
        kept.of(latents).copy_(kept.inside(seen).of(part))
        return latents

    def pixels(
        self, latents_BChw: torch.Tensor, warped: WarpedPhoto, shown_B3HW: torch.Tensor, known: Known | None
    ) -> torch.Tensor:
        """The finished frames, uint8 [B, 3, H, W].

        Args:
            latents_BChw: as the network leaves them.
            warped: says where the person is and what of it is to be trusted.
            shown_B3HW: the warped person before the background.
            known: of the warped photo; none for models that were not given it.

        Raises:
            NotFiniteError: the decoder computed NaN.
        """
        edge = reach(warped) if self._lock_background else None
        if known is not None and self._keep_detail:
            pictures = self._repaired(latents_BChw, warped, shown_B3HW, known)
        else:
            pictures = self._decoded(latents_BChw, edge)
        if edge is not None:
            pictures = torch.lerp(self._background_13HW, pictures, edge[:, None])
        return self._covered(pictures).mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8)

    def _repaired(self, latents: torch.Tensor, warped: WarpedPhoto, shown: torch.Tensor, known: Known) -> torch.Tensor:
        """The warped photo, and what the network made of it where that is not to be trusted.

        What an autoencoder loses is the same in the latents before and after, and the warp still has it. Who does not
        trust the network with all that needs repair leaves outline and colours to the warp: beyond the outline the
        background is known, and what a network makes of half a cell of person there is a haze that flickers.
        """
        pictures = shown.clone()
        for frame, part in self._parts(known.freedom_B1hw[:, 0] > 0):
            pixels = part.times(self._codec.reduction)
            before = pixels.of(shown[frame])
            lost = before - self._decode(part.of(known.latents_BChw[frame]))
            trusted = trust(pixels.of(warped.repair_BHW[frame]), self._repair)
            pixels.of(pictures[frame]).copy_(self._decode(part.of(latents[frame])) + lost * trusted[:, None])
        if self._repair < DEFAULT_REPAIR:
            painted = in_colors_nearby(pictures, shown, warped.coverage_BHW)
            pictures = torch.lerp(shown, painted, warped.coverage_BHW[:, None])
        return pictures

    def _decoded(self, latents: torch.Tensor, edge: torch.Tensor | None) -> torch.Tensor:
        """Pictures of latents; the background where nobody will look."""
        if edge is None or self._spread is None:
            return self._decode(latents)
        pictures = self._background_13HW.repeat(len(latents), 1, 1, 1)
        for frame, part in self._parts(F.adaptive_max_pool2d(edge[:, None], self._size)[:, 0] > 0):
            part.times(self._codec.reduction).of(pictures[frame]).copy_(self._decode(part.of(latents[frame])))
        return pictures

    def _parts(self, wanted_Bhw: torch.Tensor) -> Iterator[tuple[slice, Box]]:
        """Which frames to decode, and the cells of them; nothing where nothing is wanted."""
        if self._spread is None:
            yield slice(None), Box.whole(*self._size)
            return
        # Alone: a frame's bits must not depend on who is in the same batch.
        for place, wanted in enumerate(wanted_Bhw):
            if (cells := Box.around(wanted[None])) is not None:
                yield slice(place, place + 1), cells.grown(self._spread, self._size).even(self._size)

    def _decode(self, latents: torch.Tensor) -> torch.Tensor:
        if self._spread is not None:
            # An eighth faster: oneDNN takes features side by side, and rearranges them before every layer otherwise.
            latents = latents.contiguous(memory_format=torch.channels_last)
        pictures = self._codec.decode(latents)
        check_finite(pictures, "the decoded picture")
        return pictures


def in_colors_nearby(painted_B3HW: torch.Tensor, shown_B3HW: torch.Tensor, coverage_BHW: torch.Tensor) -> torch.Tensor:
    """What was painted, in colours that the person has there: a plain dress gets no blotches, a pattern may vary.

    Each channel stays about the mean of the warped person nearby, as far as that varies itself, or goes towards what
    the warp shows: the variance clipping of temporal anti-aliasing (Salvi 2016, "An Excursion in Temporal
    Supersampling").
    """
    radius = max(2, round(_NEARBY * shown_B3HW.shape[-2]))
    person = (coverage_BHW > 0.5)[:, None].to(shown_B3HW.dtype)
    share = box_mean(person, radius).clamp_min(1e-4)
    mean = box_mean(shown_B3HW * person, radius) / share
    # About the mean: squares of all but equal colours would drown in rounding.
    spread = (box_mean((shown_B3HW - mean).square() * person, radius) / share).sqrt() * _VARIETY
    lowest, highest = torch.minimum(mean - spread, shown_B3HW), torch.maximum(mean + spread, shown_B3HW)
    return painted_B3HW.clamp(lowest, highest)


def reach(warped: WarpedPhoto) -> torch.Tensor:
    """[B, H, W] in [0, 1]: where the person is or may come to be, with a soft edge."""
    person = torch.maximum(warped.coverage_BHW, warped.repair_BHW)
    margin = max(1, round(person.shape[-2] * REACH / 2))
    mask = torch.zeros_like(person)
    if (box := Box.around(person > 0)) is None:
        return mask
    # So far that every mean which is not zero is one over a full window.
    near = box.grown(4 * margin, (person.shape[-2], person.shape[-1]))
    wide = widened(near.of(person), 2 * margin)[:, None]
    soft = F.avg_pool2d(wide, (2 * margin + 1, 1), stride=1, padding=(margin, 0), count_include_pad=False)
    soft = F.avg_pool2d(soft, (1, 2 * margin + 1), stride=1, padding=(0, margin), count_include_pad=False)
    near.of(mask).copy_(soft[:, 0])
    return mask
