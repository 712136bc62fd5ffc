"""Rendered people as training pairs.

Legend: H W canvas pixels.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from einops import rearrange

from animator.canvas import CanvasConfig, place_photo
from animator.inpainting import push_pull
from animator.subject import Subject
from animator.synthesis.dataset import RenderedPeople
from animator.training.augmentation import Photometric
from animator.training.pairs import Reference, pair_sample
from animator.training.samples import Sample
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33

# Prepared photos kept at hand, one per take that is open.
_OPEN = 8


class RenderedPairs:
    """A `SampleSource` over rendered people; neighbours show different takes.

    Args:
        people: renders them.
        seed: of the colours.
    """

    def __init__(self, people: RenderedPeople, *, seed: int) -> None:
        self._people, self._seed = people, seed
        self._references: OrderedDict[int, Reference] = OrderedDict()

    def sample(self, number: int) -> Sample:
        options = self._people.options
        group, rest = divmod(number, options.open_takes * options.samples_per_take)
        turn, place = divmod(rest, options.open_takes)
        wanted = (group * options.open_takes + place) * options.samples_per_take + turn
        rendered = self._people.sample(wanted)
        shared = wanted // options.targets_per_reference
        colours = Photometric.draw(np.random.default_rng([self._seed, shared, 0x636F6C]))
        if shared not in self._references:
            self._references[shared] = Reference.prepare(rendered_subject(rendered, colours))
            while len(self._references) > _OPEN:
                self._references.popitem(last=False)
        return pair_sample(
            self._references[shared],
            colours.apply(_pixels(rendered["target_CHW"])),
            rendered["keypoints_NK2"].numpy(),
            rendered["confidence_NK"].numpy(),
            matte_HW=rendered["target_matte_HW"].numpy(),
        )


def rendered_subject(rendered: Sample, colours: Photometric) -> Subject:
    """The reference frame as a subject. Its matte is exact, and its background is filled smoothly: the network
    learns to repair people, and what is behind them is taken from the photo when rendering."""
    photo = colours.apply(_pixels(rendered["reference_CHW"]))
    matte = rendered["reference_matte_HW"].numpy().astype(np.float32)
    height, width = matte.shape
    # A little of the person's edge and shadow goes with the person.
    grown = torch.nn.functional.max_pool2d(torch.from_numpy(matte)[None, None], 5, stride=1, padding=2)[0, 0]
    planes = torch.from_numpy(rearrange(photo, "h w c -> c h w").copy()).float() / 255
    background = push_pull(planes, 1 - grown).clamp(0, 1).mul(255).add(0.5).to(torch.uint8)
    pose = PoseSequence(
        keypoints_TK2=rendered["reference_keypoints_K2"].numpy()[None],
        confidence_TK=rendered["reference_confidence_K"].numpy()[None],
        times_s_T=np.zeros(1),
        skeleton=BLAZEPOSE_33,
        frame_size=(width, height),
    )
    canvas = CanvasConfig(width=width, height=height)
    return Subject(
        photo_HWC=photo,
        pose=pose,
        matte_HW=matte,
        background_HWC=_pixels(background),
        placement=place_photo((width, height), canvas),
    )


def _pixels(planes_CHW: torch.Tensor) -> np.ndarray:
    return rearrange(planes_CHW.numpy(), "c h w -> h w c")
