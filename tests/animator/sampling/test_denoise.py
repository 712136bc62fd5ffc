"""The loop, driven by a network whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch

from animator.sampling.denoise import NotFiniteError, denoise
from animator.sampling.guidance import Branch, Guidance
from animator.sampling.noise import frame_noise
from animator.sampling.repair import Known, freedom
from animator.sampling.schedulers import open_scheduler

SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
}
NAMES = ("ddim", "dpm++", "unipc", "euler", "lcm", "tcd")
SHAPE = (4, 6, 5)


class Oracle:
    """Predicts the noise exactly, for one clean picture; counts what it is asked for."""

    def __init__(self, clean: torch.Tensor, scheduler: object, schedule: Mapping = SCHEDULE) -> None:
        self.clean, self.scheduler, self.asked = clean, scheduler, []
        self.variance = open_scheduler("ddim", schedule).alphas_cumprod
        self.prediction = schedule["prediction_type"]

    def __call__(self, scaled: torch.Tensor, timestep: torch.Tensor, branches: tuple[Branch, ...]) -> dict:
        self.asked.append(branches)
        if self.prediction == "sample":
            return dict.fromkeys(branches, self.clean)
        kept = float(self.variance[round(float(timestep))])
        noise = (scaled - math.sqrt(kept) * self.clean) / math.sqrt(1 - kept)
        if self.prediction == "v_prediction":
            noise = math.sqrt(kept) * noise - math.sqrt(1 - kept) * self.clean
        return dict.fromkeys(branches, noise)


def picture(seed: int = 0, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, *SHAPE, generator=torch.Generator().manual_seed(seed))


def fresh(step: int) -> torch.Tensor:
    return frame_noise([0, 1], SHAPE, seed=9, stream=f"step {step}")


def blind(scaled: torch.Tensor, timestep: torch.Tensor, branches: tuple[Branch, ...]) -> dict:
    """A network that knows nothing: its guess depends on the neighbours of each cell."""
    guess = torch.tanh(scaled.roll(1, -1) + float(timestep) / 1000)
    return dict.fromkeys(branches, guess)


# With no signal left at the start, noise says nothing of the picture: that schedule goes with the other two.
KINDS = [("epsilon", False), ("v_prediction", False), ("v_prediction", True), ("sample", False), ("sample", True)]


@pytest.mark.parametrize("steps", [1, 4, 8])
@pytest.mark.parametrize(("prediction", "zero_snr"), KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_network_leads_every_scheduler_to_the_picture(
    name: str, prediction: str, zero_snr: bool, steps: int
) -> None:
    schedule = {**SCHEDULE, "prediction_type": prediction, "rescale_betas_zero_snr": zero_snr}
    scheduler = open_scheduler(name, schedule)
    clean = picture()
    oracle = Oracle(clean, scheduler, schedule)
    noise = frame_noise([0, 1], SHAPE, seed=1, kind="independent")
    result = denoise(oracle, noise, scheduler=scheduler, steps=steps, guidance=Guidance(), step_noise=fresh)
    assert torch.allclose(result, clean, atol=1e-3), float((result - clean).abs().max())
    assert len(oracle.asked) == steps


@pytest.mark.parametrize("name", NAMES)
def test_sampling_repeats_itself_and_leaves_the_global_state_alone(name: str) -> None:
    scheduler = open_scheduler(name, SCHEDULE)
    noise = frame_noise([0, 1], SHAPE, seed=1)
    before = torch.get_rng_state()
    first = denoise(blind, noise, scheduler=scheduler, steps=4, guidance=Guidance(), step_noise=fresh)
    again = denoise(blind, noise, scheduler=scheduler, steps=4, guidance=Guidance(), step_noise=fresh)
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)


def test_only_branches_that_count_are_computed() -> None:
    scheduler = open_scheduler("ddim", SCHEDULE)
    oracle = Oracle(picture(), scheduler)
    guidance = Guidance(image=2.0, pose=2.0, interval=(0.0, 0.5))
    denoise(oracle, picture(1), scheduler=scheduler, steps=5, guidance=guidance)
    assert oracle.asked == [("none", "both")] * 3 + [("both",)] * 2


@pytest.mark.parametrize("name", NAMES)
def test_repair_0_gives_back_the_known_latents_whatever_the_network_says(name: str) -> None:
    warp, need = picture(3), torch.rand(2, 1, *SHAPE[1:])
    need[..., 0] = 1.0
    known = Known(latents_BChw=warp, freedom_B1hw=freedom(need, 0.0))
    result = run(name, known)
    assert torch.equal(result, warp)


@pytest.mark.parametrize("name", NAMES)
def test_repair_1_equals_no_mask(name: str) -> None:
    need = torch.zeros(2, 1, *SHAPE[1:])
    known = Known(latents_BChw=picture(3), freedom_B1hw=freedom(need, 1.0))
    assert torch.equal(run(name, known), run(name, None))


@pytest.mark.parametrize("name", NAMES)
def test_cells_outside_the_mask_stay_and_cells_inside_are_generated(name: str) -> None:
    warp, need = picture(3), torch.zeros(2, 1, *SHAPE[1:])
    need[..., 2:4] = 1.0
    result = run(name, Known(latents_BChw=warp, freedom_B1hw=freedom(need, 0.5)))
    assert torch.equal(result[..., :2], warp[..., :2])
    assert torch.equal(result[..., 4:], warp[..., 4:])
    assert float((result - warp)[..., 2:4].abs().mean()) > 0.1


def test_what_is_kept_carries_the_noise_of_its_step() -> None:
    warp, seen = picture(3), []
    scheduler = open_scheduler("ddim", SCHEDULE)
    noise = frame_noise([0, 1], SHAPE, seed=1)

    def watching(scaled: torch.Tensor, timestep: torch.Tensor, branches: tuple[Branch, ...]) -> dict:
        seen.append((int(timestep), scaled))
        return blind(scaled, timestep, branches)

    known = Known(latents_BChw=warp, freedom_B1hw=torch.zeros(2, 1, *SHAPE[1:]))
    denoise(watching, noise, scheduler=scheduler, steps=4, guidance=Guidance(), known=known)
    for timestep, latents in seen:
        share = float(scheduler.alphas_cumprod[timestep])
        assert torch.allclose(latents, math.sqrt(share) * warp + math.sqrt(1 - share) * noise, atol=1e-5)


@pytest.mark.parametrize(("free", "held"), [(0.25, 3), (0.5, 2), (0.75, 1)])
def test_the_loop_holds_half_trusted_cells_until_their_time(free: float, held: int) -> None:
    warp, distances = picture(3), []
    scheduler = open_scheduler("ddim", SCHEDULE)
    noise = frame_noise([0, 1], SHAPE, seed=1)

    def watching(scaled: torch.Tensor, timestep: torch.Tensor, branches: tuple[Branch, ...]) -> dict:
        share = float(scheduler.alphas_cumprod[int(timestep)])
        distances.append(float((scaled - math.sqrt(share) * warp - math.sqrt(1 - share) * noise).abs().mean()))
        return blind(scaled, timestep, branches)

    known = Known(latents_BChw=warp, freedom_B1hw=torch.full((2, 1, *SHAPE[1:]), free))
    denoise(watching, noise, scheduler=scheduler, steps=4, guidance=Guidance(), known=known)
    assert [distance < 1e-4 for distance in distances] == [True] * held + [False] * (4 - held)


def test_half_trusted_cells_are_released_half_way() -> None:
    known = Known(latents_BChw=picture(), freedom_B1hw=torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3))
    kept = [known.kept(done).flatten().tolist() for done in (0.0, 0.25, 0.5, 1.0)]
    assert kept == [[True, True, False], [True, True, False], [True, False, False], [True, False, False]]


def test_freedom_follows_the_need_for_repair() -> None:
    need = torch.tensor([0.0, 0.25, 1.0])
    assert freedom(need, 0.0).tolist() == [0, 0, 0]
    assert freedom(need, 0.5).tolist() == [0, 0.25, 1]
    assert freedom(need, 0.75).tolist() == [0.5, 0.75, 1]
    assert freedom(need, 1.0).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="repair"):
        freedom(need, 1.5)


def test_a_nan_is_reported_with_its_step() -> None:
    scheduler = open_scheduler("dpm++", SCHEDULE)
    calls = []

    def failing(scaled: torch.Tensor, timestep: torch.Tensor, branches: tuple[Branch, ...]) -> dict:
        calls.append(timestep)
        prediction = scaled.clone()
        if len(calls) == 3:
            prediction[0, 0, 0, 0] = float("nan")
        return dict.fromkeys(branches, prediction)

    with pytest.raises(NotFiniteError, match="prediction at step 3 of 5") as caught:
        denoise(failing, picture(), scheduler=scheduler, steps=5, guidance=Guidance())
    assert caught.value.stage == "the network's prediction at step 3 of 5"


def test_a_nan_in_the_latents_is_reported_with_its_step() -> None:
    """The network's answer may be finite where what is kept of the warped photo is not."""
    warp = picture(3)
    warp[0, 0, 0, 0] = float("nan")
    free = torch.zeros(2, 1, *SHAPE[1:])
    free[:, :, 1, 1] = 1
    known = Known(latents_BChw=warp, freedom_B1hw=free)

    def unmoved(scaled: torch.Tensor, timestep: torch.Tensor, branches: tuple[Branch, ...]) -> dict:
        return dict.fromkeys(branches, torch.zeros_like(scaled))

    with pytest.raises(NotFiniteError, match="the latents after step 1 of 2"):
        denoise(
            unmoved,
            picture(),
            scheduler=open_scheduler("ddim", SCHEDULE),
            steps=2,
            guidance=Guidance(),
            known=known,
        )


def test_where_every_cell_is_kept_the_network_is_not_asked() -> None:
    kept = Known(latents_BChw=picture(3), freedom_B1hw=torch.zeros(2, 1, *SHAPE[1:]))

    def asked(*_: object) -> dict:
        raise AssertionError("there is nothing to predict")

    settings = {"scheduler": open_scheduler("ddim", SCHEDULE), "steps": 2, "guidance": Guidance()}
    assert torch.equal(denoise(asked, picture(), known=kept, **settings), kept.latents_BChw)
    kept.latents_BChw[0, 0, 0, 0] = float("nan")
    with pytest.raises(NotFiniteError, match="the warped photo's latents"):
        denoise(asked, picture(), known=kept, **settings)


def test_lcm_without_noise_for_its_steps_is_refused() -> None:
    scheduler = open_scheduler("lcm", SCHEDULE)
    with pytest.raises(ValueError, match="step_noise"):
        denoise(blind, picture(), scheduler=scheduler, steps=4, guidance=Guidance())


def test_an_unknown_scheduler_is_refused() -> None:
    with pytest.raises(ValueError, match="dpm"):
        open_scheduler("pndm", SCHEDULE)  # type: ignore[arg-type]


def run(name: str, known: Known | None) -> torch.Tensor:
    noise = frame_noise([0, 1], SHAPE, seed=1, kind="independent")
    scheduler = open_scheduler(name, SCHEDULE)  # type: ignore[arg-type]
    return denoise(blind, noise, scheduler=scheduler, steps=6, guidance=Guidance(), known=known, step_noise=fresh)
