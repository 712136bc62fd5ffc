"""One sample for the network: a photo, the same person in another pose, and the photo warped to that pose.

Everything goes through the functions that rendering uses; what the network is told comes out the same.

Legend: H W canvas pixels, N window, K keypoints.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange

from animator.conditioning.inputs import picture_tensor, subject_warp
from animator.conditioning.refinement import WarpRefinement
from animator.conditioning.warp import PhotoWarp, WarpedPhoto
from animator.models.warp_refiner import WarpRefiner
from animator.subject import Subject
from animator.training.samples import Sample
from pose_tracking.skeleton import BLAZEPOSE_33

_CPU = torch.device("cpu")
_FACE = tuple(range(11))
_HANDS = tuple(
    tuple(BLAZEPOSE_33.index(f"{side}_{joint}") for joint in ("wrist", "pinky", "index", "thumb"))
    for side in ("left", "right")
)
# How much more the person, and again face and hands, count than the background.
PERSON, DETAIL = 2.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """A photo made ready to be carried to many poses; costly to make, so make it once.

    Attributes:
        subject: the photo.
        warp: carries it along the bones.
        refinement: corrects what the warp shows, for models with a refiner.
    """

    subject: Subject
    warp: PhotoWarp
    refinement: WarpRefinement | None = None

    @classmethod
    def prepare(cls, subject: Subject, refiner: WarpRefiner | None = None) -> Reference:
        """Make a photo ready.

        Args:
            refiner: of the model that is trained, on the CPU; see `on_cpu`.
        """
        background, warp = picture_tensor(subject.background_HWC, _CPU), subject_warp(subject, _CPU)
        refinement = None if refiner is None else WarpRefinement(refiner, subject, warp, background)
        return cls(subject=subject, warp=warp, refinement=refinement)

    def carried(self, keypoints_K2: torch.Tensor, confidence_K: torch.Tensor) -> WarpedPhoto:
        """The photo in one pose as rendering shows it to the model, a batch of one."""
        with torch.no_grad():
            warped = self.warp(keypoints_K2[None], confidence_K[None])
            if self.refinement is None:
                return warped
            return self.refinement(warped, keypoints_K2[None], confidence_K[None])


def on_cpu(refiner: WarpRefiner | None) -> WarpRefiner | None:
    """A copy for the processes that make samples: the model's own moves to the device that trains."""
    return None if refiner is None else copy.deepcopy(refiner).cpu().float()


def pair_sample(
    reference: Reference,
    target_HWC: np.ndarray,
    keypoints_NK2: np.ndarray,
    confidence_NK: np.ndarray,
    *,
    matte_HW: np.ndarray | None = None,
    background_HWC: np.ndarray | None = None,
) -> Sample:
    """Put a sample together.

    Args:
        reference: the photo.
        target_HWC: uint8 RGB, what is to be generated.
        keypoints_NK2, confidence_NK: BlazePose-33 window around the target, canvas px, NaN unseen.
        matte_HW: the person in the target, [0, 1]; where the warped photo says so if none.
        background_HWC: uint8 RGB, what the target shows behind the person; the photo's own if none.

    Returns:
        photo, target: uint8 [3, H, W]; warped: float [3, H, W] in [0, 1], over the background; coverage, repair:
        [H, W]; keypoints [N, K, 2], confidence [N, K]; importance: [H, W], how much each pixel counts.
    """
    keypoints = torch.from_numpy(np.asarray(keypoints_NK2, np.float32))
    confidence = torch.from_numpy(np.asarray(confidence_NK, np.float32))
    middle = len(keypoints) // 2
    warped = reference.carried(keypoints[middle], confidence[middle])
    matte = warped.coverage_BHW[0].numpy() if matte_HW is None else matte_HW
    background = reference.subject.background_HWC if background_HWC is None else background_HWC
    return {
        "photo": planes(reference.subject.photo_HWC),
        "target": planes(target_HWC),
        "warped": warped.over(picture_tensor(background, _CPU))[0],
        "coverage": warped.coverage_BHW[0],
        "repair": warped.repair_BHW[0],
        "keypoints": keypoints,
        "confidence": confidence,
        "importance": torch.from_numpy(importance(keypoints_NK2[middle], matte)),
    }


def importance(keypoints_K2: np.ndarray, matte_HW: np.ndarray) -> np.ndarray:
    """[H, W] float32: 1 for the background, more on the person, most around face and hands."""
    weight = 1 + (PERSON - 1) * matte_HW.astype(np.float32)
    height, width = matte_HW.shape
    ys, xs = np.mgrid[:height, :width] + 0.5
    for group, reach in ((_FACE, 1.6), *((hand, 2.0) for hand in _HANDS)):
        points = keypoints_K2[list(group)]
        points = points[~np.isnan(points).any(1)]
        if len(points) < 2:
            continue
        centre = points.mean(0)
        radius = max(3.0, reach * float(np.linalg.norm(points - centre, axis=1).max()))
        near = np.hypot(xs - centre[0], ys - centre[1]) < radius
        weight = np.maximum(weight, np.where(near, DETAIL, 0).astype(np.float32))
    return weight


def planes(pixels_HWC: np.ndarray) -> torch.Tensor:
    """uint8 [H, W, 3] as [3, H, W]."""
    return torch.from_numpy(rearrange(pixels_HWC, "h w c -> c h w").copy())
