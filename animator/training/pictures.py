"""Pictures for the autoencoder: crops of rendered people, and of pictures of nothing.

Legend: H W pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from einops import rearrange

from animator.synthesis.dataset import RenderedPeople
from animator.training.augmentation import Photometric
from animator.training.dead_leaves import dead_leaves
from animator.training.samples import Sample

SIDE = 128
_LEAVES_SHARE = 0.35
# Pictures of nothing are drawn from so many, each in countless crops.
_NUM_LEAVES = 2000
_ZOOM = (0.6, 1.6)


class Pictures:
    """A `SampleSource` of `picture`, uint8 [3, SIDE, SIDE].

    Args:
        people: rendered people.
        seed: of all draws.
    """

    def __init__(self, people: RenderedPeople, *, seed: int) -> None:
        self._people, self._seed = people, seed
        self._leaves: dict[int, np.ndarray] = {}

    def sample(self, number: int) -> Sample:
        rng = np.random.default_rng([self._seed, number, 0x706963])
        pixels = self._leaf(int(rng.integers(_NUM_LEAVES))) if rng.random() < _LEAVES_SHARE else self._person(number)
        crop = _crop(rng, pixels)
        coloured = Photometric.draw(rng, 1.5 if rng.random() < 0.7 else 0).apply(crop)
        return {"picture": torch.from_numpy(rearrange(coloured, "h w c -> c h w").copy())}

    def _person(self, number: int) -> np.ndarray:
        return rearrange(self._people.sample(number)["target_CHW"].numpy(), "c h w -> h w c")

    def _leaf(self, which: int) -> np.ndarray:
        if which not in self._leaves:
            self._leaves[which] = dead_leaves(np.random.default_rng([self._seed, which, 0x6C656166]), 288, 288)
        return self._leaves[which]


def _crop(rng: np.random.Generator, pixels_HWC: np.ndarray) -> np.ndarray:
    """A square at a random place and scale, perhaps mirrored."""
    zoom = float(np.exp(rng.uniform(np.log(_ZOOM[0]), np.log(_ZOOM[1]))))
    side = min(round(SIDE / zoom), *pixels_HWC.shape[:2])
    top, left = (int(rng.integers(length - side + 1)) for length in pixels_HWC.shape[:2])
    crop = pixels_HWC[top : top + side, left : left + side]
    crop = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC)
    return crop[:, ::-1] if rng.random() < 0.5 else crop
