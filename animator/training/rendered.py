"""Rendered people as training samples: pairs for the network, true displacements for the warp's refiner.

Legend: H W canvas pixels, h w cells of a field, K keypoints.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange

from animator.canvas import CanvasConfig, place_photo
from animator.conditioning.inputs import picture_tensor
from animator.inpainting import push_pull
from animator.models.warp_refiner import CELL_PX, WarpRefiner
from animator.subject import Subject
from animator.synthesis.dataset import RenderedPeople
from animator.training.augmentation import Photometric
from animator.training.correspondence import true_displacement
from animator.training.pairs import PERSON, Reference, importance, on_cpu, pair_sample
from animator.training.samples import Sample
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33

# Prepared photos kept at hand, one per take that is open.
_OPEN = 8


class RenderedPairs:
    """A `SampleSource` of `pair_sample` over rendered people; neighbours show different takes.

    Args:
        people: renders them.
        seed: of the colours.
        refiner: of the model that is trained, if it has one.
    """

    def __init__(self, people: RenderedPeople, *, seed: int, refiner: WarpRefiner | None = None) -> None:
        self._scenes = _Scenes(people, seed=seed, refiner=refiner)

    def sample(self, number: int) -> Sample:
        scene = self._scenes.scene(number)
        return pair_sample(
            scene.reference,
            scene.colours.apply(_pixels(scene.rendered["target_CHW"])),
            scene.rendered["keypoints_NK2"].numpy(),
            scene.rendered["confidence_NK"].numpy(),
            matte_HW=scene.rendered["target_matte_HW"].numpy(),
        )


class RefinementPairs:
    """A `SampleSource` over rendered people of what a refiner of the warp learns from; the scenes of `RenderedPairs`.

    A sample holds
        warped [3, H, W], coverage, repair [H, W]: the warped photo over its background, as in `pair_sample`;
        matte [H, W]: where the person truly is;
        keypoints [K, 2], confidence [K]: the pose it was warped to, canvas px, NaN unseen;
        photo_keypoints [K, 2], photo_confidence [K]: the pose in the photo;
        field [2, h, w], known [h, w]: see `true_displacement`;
        importance [h, w]: 1, and 2 about face and hands.

    Args:
        people: renders them; sides that are multiples of the field's cells.
        seed: of the colours.
    """

    def __init__(self, people: RenderedPeople, *, seed: int) -> None:
        self._scenes = _Scenes(people, seed=seed)

    def sample(self, number: int) -> Sample:
        scene = self._scenes.scene(number)
        reference, rendered = scene.reference, scene.rendered
        middle = len(rendered["keypoints_NK2"]) // 2
        keypoints, confidence = rendered["keypoints_NK2"][middle].float(), rendered["confidence_NK"][middle].float()
        warped = reference.warp(keypoints[None], confidence[None])
        field, known = true_displacement(reference, keypoints, confidence, rendered)
        return {
            "warped": warped.over(picture_tensor(reference.subject.background_HWC, torch.device("cpu")))[0],
            "coverage": warped.coverage_BHW[0],
            "repair": warped.repair_BHW[0],
            "matte": rendered["target_matte_HW"].float(),
            "keypoints": keypoints,
            "confidence": confidence,
            "photo_keypoints": rendered["reference_keypoints_K2"].float(),
            "photo_confidence": rendered["reference_confidence_K"].float(),
            "field": field,
            "known": known,
            "importance": torch.from_numpy(importance(keypoints.numpy() / CELL_PX, np.ones(known.shape))) / PERSON,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    """What `RenderedPeople` gave, and its photo made ready in these colours."""

    rendered: Sample
    reference: Reference
    colours: Photometric


class _Scenes:
    """Rendered people by number, several takes in turn, each photo prepared once."""

    def __init__(self, people: RenderedPeople, *, seed: int, refiner: WarpRefiner | None = None) -> None:
        self._people, self._seed, self._refiner = people, seed, on_cpu(refiner)
        self._references: OrderedDict[int, Reference] = OrderedDict()

    def scene(self, number: int) -> _Scene:
        options = self._people.options
        group, rest = divmod(number, options.open_takes * options.samples_per_take)
        turn, place = divmod(rest, options.open_takes)
        wanted = (group * options.open_takes + place) * options.samples_per_take + turn
        rendered = self._people.sample(wanted)
        shared = wanted // options.targets_per_reference
        colours = Photometric.draw(np.random.default_rng([self._seed, shared, 0x636F6C]))
        if shared not in self._references:
            self._references[shared] = Reference.prepare(rendered_subject(rendered, colours), self._refiner)
            while len(self._references) > _OPEN:
                self._references.popitem(last=False)
        return _Scene(rendered=rendered, reference=self._references[shared], colours=colours)


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
