"""The base that comes with the package: small enough, whole, and able to draw."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from animator.generators import diffusion
from animator.generators.diffusion import DiffusionGenerator
from animator.models.bases import open_base, with_reference
from animator.models.embedded import new_base
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.source import embedded_folder
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from temporal.windows import pose_windows
from tests.animator.generators.scene import drawn_subject, figure_warp, waving

MB = 1_000_000


@pytest.fixture(scope="module")
def base() -> SubjectModel:
    return open_base("embedded")


@pytest.fixture(autouse=True)
def _one_warp_for_all(base: SubjectModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting the drawn figure out takes longer than everything else here."""
    monkeypatch.setattr(diffusion, "subject_warp", lambda *_: figure_warp(base.manifest.canvas))


def test_it_fits_the_package(base: SubjectModel) -> None:
    sizes = [path.stat().st_size for path in embedded_folder().rglob("*") if path.is_file()]
    assert sum(sizes) <= 72 * MB
    assert max(sizes) <= 16 * MB
    assert sum(parameter.numel() for parameter in base.unet.parameters()) <= 30_000_000


def test_its_weights_are_half_precision_safetensors() -> None:
    for path in embedded_folder().rglob("*.safetensors"):
        with safe_open(path, framework="np") as file:
            kinds = {file.get_slice(key).get_dtype() for key in file.keys()}  # noqa: SIM118  # it is no mapping
        assert kinds <= {"F16", "I64"}, path


def test_it_says_what_it_is(base: SubjectModel) -> None:
    facts = json.loads((embedded_folder() / "manifest.json").read_text(encoding="utf-8"))
    assert (facts["phase"], facts["canvas"], facts["steps"], facts["residual"]) == ("base", [256, 320], 4, True)
    assert (embedded_folder() / "LICENSE").is_file()
    assert base.noise_schedule["prediction_type"] == "sample"


def test_it_draws_the_person_and_keeps_the_background(base: SubjectModel) -> None:
    canvas = base.manifest.canvas
    subject = drawn_subject(canvas)
    (frame,) = DiffusionGenerator(base).generate(list(pose_windows(waving(canvas, 5)))[2:3], subject)
    error = np.abs(frame.pixels_HWC.astype(float) - subject.photo_HWC)
    assert error[subject.matte_HW > 0.9].mean() < 30
    assert np.abs(frame.pixels_HWC[:20, :20].astype(float) - subject.background_HWC[:20, :20]).max() <= 2


@pytest.mark.parametrize("scheduler", ["ddim", "dpm++", "unipc", "euler", "lcm", "tcd"])
def test_every_scheduler_ends_near_the_warp_where_nothing_needs_repair(base: SubjectModel, scheduler: str) -> None:
    canvas = base.manifest.canvas
    config = SamplerConfig(steps=2, scheduler=scheduler, repair=0.0)  # type: ignore[arg-type]
    (frame,) = DiffusionGenerator(base, config).generate(
        list(pose_windows(waving(canvas, 5)))[:1], drawn_subject(canvas)
    )
    assert np.abs(frame.pixels_HWC.astype(float) - drawn_subject(canvas).photo_HWC).mean() < 10


@pytest.mark.slow
def test_frames_10_to_20_equal_frames_10_to_20_of_the_whole(base: SubjectModel) -> None:
    canvas = base.manifest.canvas
    windows, subject = list(pose_windows(waving(canvas, 24))), drawn_subject(canvas)
    config = SamplerConfig(guidance_image=2.0, guidance_pose=2.0, noise="mixed", scheduler="lcm", batch=2, steps=2)
    whole = list(DiffusionGenerator(base, config).generate(windows, subject))
    part = list(DiffusionGenerator(base, config).generate(windows[10:21], subject))
    assert [frame.index for frame in part] == list(range(10, 21))
    for frame in part:
        np.testing.assert_array_equal(frame.pixels_HWC, whole[frame.index].pixels_HWC)
    assert not np.array_equal(part[0].pixels_HWC, part[-1].pixels_HWC)


def test_it_draws_the_same_bits_once_it_could_look_at_the_photo(base: SubjectModel) -> None:
    canvas = base.manifest.canvas
    window = list(pose_windows(waving(canvas, 5)))[2:3]
    config = SamplerConfig(steps=1, guidance_image=2.0)
    (before,) = DiffusionGenerator(base, config).generate(window, drawn_subject(canvas))
    looking = with_reference(base)
    assert looking.reference is not None
    (after,) = DiffusionGenerator(looking, config).generate(window, drawn_subject(canvas))
    np.testing.assert_array_equal(after.pixels_HWC, before.pixels_HWC)
    # In half precision all of it must fit the package.
    assert 2 * sum(parameter.numel() for parameter in looking.reference.parameters()) < 2 * MB


def test_a_new_base_that_looks_at_the_photo_begins_with_the_weights_of_one_that_does_not() -> None:
    vae = PatchAutoencoder(latent_channels=4, widths=(8, 8, 8))
    plain, looking = new_base(vae, seed=3), new_base(vae, seed=3, reference=True)
    assert looking.manifest.reference
    for name, net in plain.nets.items():
        others = looking.nets[name].state_dict()
        assert all(torch.equal(weight, others[key]) for key, weight in net.state_dict().items()), name


def guided(base: SubjectModel, image: float, pose: float) -> np.ndarray:
    """The colours [n, 3] of the person, 0 to 1."""
    subject = drawn_subject(base.manifest.canvas)
    config = SamplerConfig(guidance_image=image, guidance_pose=pose, repair=0.5)
    windows = list(pose_windows(waving(base.manifest.canvas, 5)))[:1]
    (frame,) = DiffusionGenerator(base, config).generate(windows, subject)
    return frame.pixels_HWC[subject.matte_HW > 0.9] / 255


@pytest.mark.parametrize("guidance", [(2.0, 2.0), (4.0, 4.0), (8.0, 3.0)])
def test_guidance_does_not_over_expose(base: SubjectModel, guidance: tuple[float, float]) -> None:
    plain, strong = guided(base, 1.0, 1.0), guided(base, *guidance)
    assert strong.mean() == pytest.approx(plain.mean(), rel=0.1)  # brightness
    assert np.ptp(strong, axis=1).mean() == pytest.approx(np.ptp(plain, axis=1).mean(), rel=0.1)  # saturation
    assert strong.std() == pytest.approx(plain.std(), rel=0.1)  # contrast
    assert not np.array_equal(strong, plain)
