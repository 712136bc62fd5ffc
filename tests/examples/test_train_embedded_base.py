"""The recipe of the embedded base: its phases follow each other, and go on where they were ended."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from animator.models.loading import load_net
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.vae import has_preview, load_autoencoder
from animator.models.warp_refiner import WarpRefiner
from animator.synthesis.dataset import RenderedPeople
from animator.synthesis.take import TakeOptions
from animator.training import record
from animator.training.samples import Sample

RECIPE = Path(__file__).parents[2] / "examples" / "train_embedded_base"


class Drawn:
    """Coloured squares, in the place of rendered people."""

    def __init__(self, people: object, *, seed: int) -> None:
        del people
        self.seed = seed

    def sample(self, number: int) -> Sample:
        coarse = np.random.default_rng([self.seed, number]).integers(0, 256, (3, 4, 4), dtype=np.uint8)
        return {"picture": torch.from_numpy(coarse.repeat(8, axis=1).repeat(8, axis=2))}


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(RECIPE))
    module = importlib.import_module("train")
    monkeypatch.setattr(module, "Pictures", Drawn)
    monkeypatch.setattr(record, "plot", lambda *_: None)  # curves take longer than all else
    return module


class Ending:
    """A sitting that is over after so many updates."""

    def __init__(self, train: ModuleType, updates: int) -> None:
        self.left = updates
        self.stretch = train.Stretch(1e6)
        self.stretch.now_and_then = self.count
        self.limit = self.stretch._until_s

    def count(self) -> None:
        self.left -= 1
        self.stretch._until_s = self.limit if self.left > 0 else 0.0


def recipe_of(train: ModuleType, name: str) -> object:
    given = train.argparse.Namespace(config=RECIPE / name, wardrobe=None, motions=None, reference=True)
    return train.read_recipe(given)


def autoencoder(train: ModuleType, run: Path, updates: list[int]) -> dict[str, torch.Tensor]:
    """Weights of RUN/vae, made in sittings of so many updates."""
    recipe, device = recipe_of(train, "tiny.toml"), torch.device("cpu")
    for number, count in enumerate(updates, start=1):
        stretch = Ending(train, count).stretch
        is_over = (run / "autoencoder").is_dir() or train.train_autoencoder(recipe, run, device, stretch)
        is_over = is_over and train.train_preview(recipe, run, device, stretch)
        assert is_over == (number == len(updates))
    vae = load_autoencoder(run / "vae")
    assert has_preview(vae)
    return vae.state_dict()


def test_the_preview_decoder_learns_after_the_autoencoder_and_goes_on_to_the_bit(
    train: ModuleType, tmp_path: Path
) -> None:
    through = autoencoder(train, tmp_path / "through", [100])
    stretches = autoencoder(train, tmp_path / "stretches", [2, 3, 100])
    assert all(torch.equal(each, stretches[name]) for name, each in through.items())
    assert through["preview_decoder.last.weight"].abs().max() > 0  # silent before it learned
    before = load_autoencoder(tmp_path / "through" / "autoencoder").state_dict()
    assert all(torch.equal(each, through[name]) for name, each in before.items())
    assert set(through) - set(before) == {name for name in through if name.startswith("preview_decoder.")}


class Warped:
    """Noise that lies somewhere else, in the place of rendered people."""

    def __init__(self, people: object, *, seed: int, cut: str) -> None:
        del people
        assert cut == "found"
        self.seed = seed

    def sample(self, number: int) -> Sample:
        draws = torch.Generator().manual_seed(1000 * self.seed + number)
        shown = torch.rand(6, 32, 32, generator=draws)
        pose = torch.rand(33, 2, generator=draws) * 32
        return {
            **{"warped": shown[:3], "coverage": shown[3], "repair": shown[4], "matte": shown[5]},
            **{"keypoints": pose, "confidence": torch.ones(33)},
            **{"photo_keypoints": pose + 1, "photo_confidence": torch.ones(33)},
            **{"target": shown[:3].roll(2, -1).mul(255).byte(), "importance": torch.ones(32, 32)},
        }


def refiner(train: ModuleType, run: Path, updates: list[int]) -> dict[str, torch.Tensor]:
    """Weights of RUN/refiner, made in sittings of so many updates."""
    recipe, device = recipe_of(train, "tiny.toml"), torch.device("cpu")
    recipe.data.refiner_from = "frames"  # type: ignore[attr-defined]
    for number, count in enumerate(updates, start=1):
        is_over = train.train_refiner(recipe, run, device, Ending(train, count).stretch)
        assert is_over == (run / "refiner").is_dir() == (number == len(updates))
    return load_net(WarpRefiner, run / "refiner").state_dict()


def test_the_refiner_learns_and_goes_on_to_the_bit(
    train: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "RefinementPairs", Warped)
    through = refiner(train, tmp_path / "through", [100])
    stretches = refiner(train, tmp_path / "stretches", [2, 100])
    assert all(torch.equal(each, stretches[name]) for name, each in through.items())
    assert through["conv_out.weight"].abs().max() > 0  # silent before it learned
    assert not (tmp_path / "through" / "samples" / "refiner").exists()


def test_the_refiner_learns_with_its_own_share_of_the_trackers_errors(
    train: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []

    def listening(people: RenderedPeople, *, seed: int, cut: str) -> Warped:
        heard.append(people.options.noise)
        return Warped(people, seed=seed, cut=cut)

    monkeypatch.setattr(train, "RefinementPairs", listening)
    recipe = recipe_of(train, "tiny.toml")
    recipe.data.refiner_noise, recipe.data.refiner_from = 0.25, "frames"  # type: ignore[attr-defined]
    train.train_refiner(recipe, tmp_path, torch.device("cpu"), train.Stretch(0.0))
    assert heard == [0.25, 0.25]  # held-out people as well: they tell how it stands
    assert train.people(recipe.data, "train", 0).options.noise == 1.0  # type: ignore[attr-defined]


def test_the_refiner_learns_from_films_unless_it_is_told_otherwise(
    train: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    def films(options: TakeOptions, *, seed: int) -> Warped:
        heard.append(options.split)
        return Warped(options, seed=seed, cut="found")

    monkeypatch.setattr(train, "FilmPairs", films)
    train.train_refiner(recipe_of(train, "tiny.toml"), tmp_path, torch.device("cpu"), train.Stretch(0.0))
    assert heard == ["held-out", "train"]


def test_refiner_and_base_learn_from_the_joints_that_the_recipe_asks_for_and_pictures_need_none(
    train: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, Path | None]] = []

    def listening(people: RenderedPeople, *, seed: int, cut: str, **_: object) -> Warped:
        heard.append((people.options.joints, people.options.poses))
        return Warped(people, seed=seed, cut=cut)

    monkeypatch.setattr(train, "RefinementPairs", listening)
    monkeypatch.setattr(train, "RenderedPairs", listening)
    recipe = recipe_of(train, "tiny.toml")
    recipe.data.joints, recipe.data.refiner_from = "tracked", "frames"  # type: ignore[attr-defined]
    train.train_refiner(recipe, tmp_path, torch.device("cpu"), train.Stretch(0.0))
    train.pairs(recipe.data, "train", 0, None, tmp_path)  # type: ignore[attr-defined]
    assert heard == [("tracked", tmp_path / "poses")] * 3
    assert train.people(recipe.data, "train", 0).options.joints == "drawn"  # type: ignore[attr-defined]


def test_a_new_base_gets_the_refiner_that_was_trained(train: ModuleType, tmp_path: Path) -> None:
    torch.manual_seed(3)
    PatchAutoencoder(latent_channels=8, widths=(8, 16, 16)).save_pretrained(tmp_path / "vae")
    WarpRefiner(widths=(8, 16), pose_width=16).save_pretrained(tmp_path / "refiner")
    recipe = recipe_of(train, "tiny.toml")
    model = train._new(recipe, tmp_path, torch.device("cpu"))
    assert model.manifest.refiner
    weights = load_net(WarpRefiner, tmp_path / "refiner").state_dict()
    assert all(torch.equal(each, weights[name]) for name, each in model.refiner.state_dict().items())


@pytest.mark.parametrize("name", ["base.toml", "tiny.toml"])
def test_every_phase_of_a_recipe_has_its_own_budget(train: ModuleType, name: str) -> None:
    recipe = recipe_of(train, name)
    phases = ("autoencoder", "preview", "refiner", "base", "sharpening")
    assert all(getattr(recipe, phase).steps > 0 for phase in phases)
    assert recipe.preview_width == 64


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[autoencoder]\nstpes = 3", "autoencoder.stpes: unknown key; did you mean autoencoder.steps?"),
        ("[autoencoder]\nsteps = 'three'", "autoencoder.steps: got 'three', expected a whole number"),
        ("[autoencoder", "not TOML"),
    ],
)
def test_a_recipe_with_a_mistake_is_told_in_one_line(
    train: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    told: str,
) -> None:
    tiny = (RECIPE / "tiny.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(tiny.replace("[autoencoder]\nsteps = 3", line), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["train.py", str(tmp_path / "run"), "--config", str(tmp_path / "mine.toml")])
    assert train.main() == 3
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"error: {tmp_path / 'mine.toml'}: {told}")
    assert not (tmp_path / "run").exists()
