"""What is encoded and decoded in part comes out as if it were done whole."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp import WarpedPhoto
from animator.generators.painting import Painting, in_colors_nearby, reach
from animator.models.bases import open_base
from animator.models.vae import LatentCodec
from animator.sampling.repair import Known, freedom, trust
from tests.animator.models.tiny import tiny_vae

HEIGHT, WIDTH = 192, 128


@cache
def embedded() -> LatentCodec:
    return open_base("embedded").codec


def smooth(count: int, seed: int) -> torch.Tensor:
    """Pictures [count, 3, H, W] in [0, 1]."""
    coarse = torch.rand(count, 3, 13, 9, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic", align_corners=True).clamp(0, 1)


class Made:
    """Two frames: a person at two places, with a patch on it that is to be made anew."""

    def __init__(
        self, codec: LatentCodec, *, repair: float = 0.5, keep_detail: bool = True, lock_background: bool = True
    ) -> None:
        self.codec, self.repair = codec, repair
        self.keep_detail, self.lock_background = keep_detail, lock_background
        self.background = smooth(1, seed=1)[0]
        coverage, repair = torch.zeros(2, HEIGHT, WIDTH), torch.zeros(2, HEIGHT, WIDTH)
        for frame, left in enumerate((30, 47)):
            coverage[frame, 20:170, left : left + 40] = 1
            repair[frame, 60:75, left + 20 : left + 32] = 0.9
        self.warped = WarpedPhoto(colors_B3HW=smooth(2, seed=2), coverage_BHW=coverage, repair_BHW=repair)
        self.shown = self.warped.over(self.background)
        self.painting = Painting(
            codec, self.background, repair=self.repair, keep_detail=keep_detail, lock_background=lock_background
        )
        kept = codec.encode(self.shown)
        need = F.adaptive_max_pool2d(repair[:, None], kept.shape[-2:])
        self.known = Known(latents_BChw=kept, freedom_B1hw=freedom(need, self.repair))
        noise = torch.randn(kept.shape, generator=torch.Generator().manual_seed(3))
        self.latents = torch.where(self.known.freedom_B1hw > 0, kept + 0.5 * noise, kept)

    def pixels(self, *frames: int) -> torch.Tensor:
        chosen = list(frames) or [0, 1]
        warped = WarpedPhoto(
            colors_B3HW=self.warped.colors_B3HW[chosen],
            coverage_BHW=self.warped.coverage_BHW[chosen],
            repair_BHW=self.warped.repair_BHW[chosen],
        )
        known = Known(latents_BChw=self.known.latents_BChw[chosen], freedom_B1hw=self.known.freedom_B1hw[chosen])
        return self.painting.pixels(self.latents[chosen], warped, self.shown[chosen], known).int()

    def whole(self) -> torch.Tensor:
        """The same, everything encoded and decoded."""
        pictures = self.codec.decode(self.latents)
        if self.keep_detail:
            lost = self.shown - self.codec.decode(self.known.latents_BChw)
            pictures = pictures + lost * trust(self.warped.repair_BHW, self.repair)[:, None]
        if self.lock_background:
            pictures = torch.lerp(self.background[None], pictures, reach(self.warped)[:, None])
        return pictures.mul(255).add(0.5).clamp(0, 255).to(torch.uint8).int()


@pytest.mark.parametrize(
    "settings",
    [{}, {"lock_background": False}, {"keep_detail": False}, {"keep_detail": False, "lock_background": False}],
)
@torch.inference_mode()
def test_frames_decoded_in_part_are_those_decoded_whole(settings: dict[str, bool]) -> None:
    made = Made(embedded(), **settings)
    difference = (made.pixels() - made.whole()).abs()
    assert int(difference.max()) <= 1
    assert float((difference > 0).float().mean()) < 0.02


@torch.inference_mode()
def test_a_person_encoded_in_part_has_the_latents_of_the_whole_picture() -> None:
    made = Made(embedded())
    found, wanted = made.painting.latents(made.shown, made.warped.coverage_BHW), made.known.latents_BChw
    assert float((found - wanted).square().mean().sqrt()) < 0.005  # of a spread of 1
    away = embedded().encode(made.background[None])[0]
    assert torch.equal(found[0, :, :, 14:], away[:, :, 14:])


@torch.inference_mode()
def test_less_is_encoded_and_decoded_than_the_canvas_has(monkeypatch: pytest.MonkeyPatch) -> None:
    made, sizes = Made(embedded()), []
    decode, encode = LatentCodec.decode, LatentCodec.encode
    monkeypatch.setattr(LatentCodec, "decode", lambda self, given: sizes.append(given.shape) or decode(self, given))
    monkeypatch.setattr(LatentCodec, "encode", lambda self, given: sizes.append(given.shape) or encode(self, given))
    made.pixels()
    assert all(shape[-2] * shape[-1] < 0.5 * HEIGHT * WIDTH / 64 for shape in sizes)
    sizes.clear()
    made.painting.latents(made.shown, made.warped.coverage_BHW)
    assert all(shape[-2] * shape[-1] < 0.9 * HEIGHT * WIDTH for shape in sizes)


@torch.inference_mode()
def test_a_frame_has_the_same_bits_whoever_is_in_its_batch() -> None:
    made = Made(embedded())
    assert torch.equal(made.pixels(0, 1)[1], made.pixels(1, 1)[1])
    both, twice = ((made.shown[chosen], made.warped.coverage_BHW[chosen]) for chosen in ([0, 1], [1, 1]))
    assert torch.equal(made.painting.latents(*both)[1], made.painting.latents(*twice)[1])


@torch.inference_mode()
def test_where_nothing_is_to_be_repaired_nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(embedded(), repair=0.0)
    monkeypatch.setattr(LatentCodec, "decode", None)
    assert torch.equal(made.pixels(), made.shown.mul(255).add(0.5).to(torch.uint8).int())


@torch.inference_mode()
def test_an_autoencoder_that_sees_everything_is_given_everything() -> None:
    made = Made(LatentCodec(tiny_vae()))
    assert torch.equal(made.pixels(), made.whole())
    assert torch.equal(made.painting.latents(made.shown, made.warped.coverage_BHW), made.known.latents_BChw)


def test_nobody_in_view_has_no_reach() -> None:
    nothing = torch.zeros(2, HEIGHT, WIDTH)
    warped = WarpedPhoto(colors_B3HW=smooth(2, seed=2), coverage_BHW=nothing, repair_BHW=nothing)
    assert float(reach(warped).max()) == 0


def test_the_reach_moves_with_the_person() -> None:
    first, second = reach(Made(embedded()).warped)
    assert torch.equal(first[:, :100], second[:, 17:117])


def test_what_stands_before_the_person_is_laid_over_finished_frames() -> None:
    codec = embedded()
    made = Made(codec)
    alone = made.pixels()
    opacity, color = torch.zeros(HEIGHT, WIDTH), torch.tensor([1.0, 0.0, 0.5])[:, None, None]
    opacity[80:120] = 1
    made.painting = Painting(
        codec,
        made.background,
        repair=made.repair,
        keep_detail=True,
        lock_background=True,
        covered=lambda frames_B3HW: torch.lerp(frames_B3HW, color.expand_as(frames_B3HW), opacity),
    )
    covered = made.pixels()
    assert (covered[:, :, 80:120] == torch.tensor([255, 0, 128])[:, None, None]).all()
    assert torch.equal(covered[:, :, :80], alone[:, :, :80])
    assert torch.equal(covered[:, :, 120:], alone[:, :, 120:])


def test_a_plain_dress_gets_no_blotches_and_a_pattern_may_vary() -> None:
    """An undertrained network painted dark blue onto a pink hem."""
    rng = torch.Generator().manual_seed(2)
    shown = torch.full((1, 3, 100, 60), 0.6)
    shown[:, :, :, 30:] += 0.2 * (torch.rand(1, 3, 100, 30, generator=rng) - 0.5)
    covered = torch.ones(1, 100, 60)
    painted = shown.clone()
    painted[:, 2, 40:60, 5:55] = 0.1
    kept = in_colors_nearby(painted, shown, covered)
    assert torch.allclose(kept[:, :, :, :20], shown[:, :, :, :20], atol=1e-3)
    inside = kept[:, 2, 45:55, 40:50]
    assert float(inside.mean()) < float(shown[:, 2, 45:55, 40:50].mean()) - 0.02
    assert float(inside.min()) > 0.45


def test_what_is_not_painted_stays_whatever_is_nearby() -> None:
    shown = torch.rand(2, 3, 80, 50, generator=torch.Generator().manual_seed(3))
    covered = (torch.rand(2, 80, 50, generator=torch.Generator().manual_seed(4)) > 0.3).float()
    assert torch.equal(in_colors_nearby(shown, shown, covered), shown)


def test_colours_of_the_background_are_not_the_persons() -> None:
    shown = torch.zeros(1, 3, 100, 60)
    shown[:, :, :, 30:] = 0.9
    covered = torch.zeros(1, 100, 60)
    covered[:, :, :30] = 1
    painted = torch.full_like(shown, 0.9)
    assert float(in_colors_nearby(painted, shown, covered)[:, :, :, :30].max()) < 0.02
