"""Rendered people as training samples: pairs for the network, true displacements for the warp's refiner.

Legend: H W canvas pixels, h w cells of a field, K keypoints.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from einops import rearrange
from PIL import Image

from animator.canvas import CanvasConfig, place_photo
from animator.conditioning.inputs import picture_tensor
from animator.inpainting import push_pull
from animator.models.warp_refiner import WarpRefiner
from animator.subject import Subject
from animator.synthesis.dataset import RenderedPeople
from animator.training.augmentation import Photometric
from animator.training.pairs import PERSON, Reference, importance, on_cpu, pair_sample
from animator.training.samples import Sample
from pose_tracking.person import Detection
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.trackers.silhouette import segment_photo

# How the person of a photo is cut out: as the renderer knows it, or as a render finds it, which leaves out a finger and
# takes a piece of wall along.
Cut = Literal["true", "found"]
_POSE = ("keypoints_K2", "confidence_K")
# Prepared photos kept at hand, one per take that is open.
_OPEN = 8


class RenderedPairs:
    """A `SampleSource` of `pair_sample` over rendered people; neighbours show different takes.

    Args:
        people: renders them.
        seed: of the colours.
        refiner: of the model that is trained, if it has one.
        cut: how the people of photos are cut out.
    """

    def __init__(
        self, people: RenderedPeople, *, seed: int, refiner: WarpRefiner | None = None, cut: Cut = "true"
    ) -> None:
        self._scenes = _Scenes(people, seed=seed, refiner=refiner, cut=cut)

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
        target uint8 [3, H, W], matte [H, W]: the picture that is wanted, and where in it the person is;
        keypoints [K, 2], confidence [K]: the pose it was warped to, canvas px, NaN unseen;
        photo_keypoints [K, 2], photo_confidence [K]: the pose in the photo;
        importance [H, W]: 1, and 2 about face and hands.

    Args:
        people: renders them.
        seed: of the colours.
        cut: how the people of photos are cut out.
    """

    def __init__(self, people: RenderedPeople, *, seed: int, cut: Cut = "true") -> None:
        self._scenes = _Scenes(people, seed=seed, cut=cut)

    def scene(self, number: int) -> RenderedScene:
        """What sample `number` is made from."""
        return self._scenes.scene(number)

    def sample(self, number: int) -> Sample:
        """Sample `number`."""
        scene = self.scene(number)
        rendered, middle = scene.rendered, len(scene.rendered["keypoints_NK2"]) // 2
        return refinement_sample(
            scene.reference,
            rendered["keypoints_NK2"][middle].numpy(),
            rendered["confidence_NK"][middle].numpy(),
            scene.colours.apply(_pixels(rendered["target_CHW"])),
            rendered["target_matte_HW"].numpy(),
        )


def refinement_sample(
    reference: Reference,
    keypoints_K2: np.ndarray,
    confidence_K: np.ndarray,
    target_HWC: np.ndarray,
    matte_HW: np.ndarray,
) -> Sample:
    """What a refiner of the warp learns from, see `RefinementPairs`.

    Args:
        keypoints_K2, confidence_K: the pose it is warped to, canvas px, NaN unseen.
        target_HWC: uint8 RGB, the person truly in that pose.
        matte_HW: the person's opacity there.
    """
    keypoints, confidence = torch.from_numpy(keypoints_K2).float(), torch.from_numpy(confidence_K).float()
    photo = reference.subject.pose
    with torch.no_grad():
        warped = reference.warp(keypoints[None], confidence[None])
    counts = importance(keypoints.numpy(), np.ones(matte_HW.shape))
    return {
        "warped": warped.over(picture_tensor(reference.subject.background_HWC, torch.device("cpu")))[0],
        "coverage": warped.coverage_BHW[0],
        "repair": warped.repair_BHW[0],
        "target": torch.from_numpy(rearrange(target_HWC, "h w c -> c h w").copy()),
        "matte": torch.from_numpy(matte_HW).float(),
        "keypoints": keypoints,
        "confidence": confidence,
        "photo_keypoints": torch.from_numpy(photo.keypoints_TK2[0]).float(),
        "photo_confidence": torch.from_numpy(photo.confidence_TK[0]).float(),
        "importance": torch.from_numpy(counts) / PERSON,
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RenderedScene:
    """What `RenderedPeople` gave, and its photo made ready in these colours."""

    rendered: Sample
    reference: Reference
    colours: Photometric


class _Scenes:
    """Rendered people by number, several takes in turn, each photo prepared once."""

    def __init__(self, people: RenderedPeople, *, seed: int, refiner: WarpRefiner | None = None, cut: Cut) -> None:
        self._people, self._seed, self._refiner, self._cut = people, seed, on_cpu(refiner), cut
        self._references: OrderedDict[int, Reference] = OrderedDict()

    def scene(self, number: int) -> RenderedScene:
        options = self._people.options
        group, rest = divmod(number, options.open_takes * options.samples_per_take)
        turn, place = divmod(rest, options.open_takes)
        wanted = (group * options.open_takes + place) * options.samples_per_take + turn
        rendered = self._people.sample(wanted)
        shared = wanted // options.targets_per_reference
        colours = Photometric.draw(np.random.default_rng([self._seed, shared, 0x636F6C]))
        if shared not in self._references:
            subject = rendered_subject(rendered, colours, cut=self._cut)
            self._references[shared] = Reference.prepare(subject, self._refiner)
            while len(self._references) > _OPEN:
                self._references.popitem(last=False)
        return RenderedScene(rendered=rendered, reference=self._references[shared], colours=colours)


def rendered_subject(rendered: Sample, colours: Photometric, *, cut: Cut = "true") -> Subject:
    """The reference frame as a subject.

    Cut as the renderer knows it, its background is filled smoothly: the network learns to repair people, and what is
    behind them is taken from the photo when rendering.
    """
    photo = colours.apply(_pixels(rendered["reference_CHW"]))
    height, width = photo.shape[:2]
    keypoints_1K2, confidence_1K = (rendered[f"reference_{name}"].numpy()[None] for name in _POSE)
    placement = place_photo((width, height), CanvasConfig(width=width, height=height))
    if cut == "found":
        person = Detection(keypoints_K2=keypoints_1K2[0], confidence_K=confidence_1K[0])
        return Subject.from_parts(Image.fromarray(photo), person, segment_photo(photo, person), placement)
    matte = rendered["reference_matte_HW"].numpy().astype(np.float32)
    # A little of the person's edge and shadow goes with the person.
    grown = torch.nn.functional.max_pool2d(torch.from_numpy(matte)[None, None], 5, stride=1, padding=2)[0, 0]
    planes = torch.from_numpy(rearrange(photo, "h w c -> c h w").copy()).float() / 255
    background = push_pull(planes, 1 - grown).clamp(0, 1).mul(255).add(0.5).to(torch.uint8)
    pose = PoseSequence(
        keypoints_TK2=keypoints_1K2,
        confidence_TK=confidence_1K,
        times_s_T=np.zeros(1),
        skeleton=BLAZEPOSE_33,
        frame_size=(width, height),
    )
    return Subject(photo_HWC=photo, pose=pose, matte_HW=matte, background_HWC=_pixels(background), placement=placement)


def _pixels(planes_CHW: torch.Tensor) -> np.ndarray:
    return rearrange(planes_CHW.numpy(), "c h w -> h w c")
