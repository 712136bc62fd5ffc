"""The recipe of the embedded base: its autoencoder's phases follow each other, and go on where they were ended."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from animator.models.vae import has_preview, load_autoencoder
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


@pytest.mark.parametrize("name", ["base.toml", "tiny.toml"])
def test_every_phase_of_a_recipe_has_its_own_budget(train: ModuleType, name: str) -> None:
    recipe = recipe_of(train, name)
    assert all(getattr(recipe, phase).steps > 0 for phase in ("autoencoder", "preview", "base", "sharpening"))
    assert recipe.preview_width == 64
