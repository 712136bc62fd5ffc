"""Changes that leave a picture the same person: colours of light and camera, and where the camera stands.

Legend: H W pixels, K keypoints.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose_tracking.skeleton import BLAZEPOSE_33

# What a view shows beyond the border of its picture: the picture reflected, or nothing.
REFLECTED, NOTHING = cv2.BORDER_REFLECT_101, cv2.BORDER_CONSTANT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photometric:
    """One light and one camera; applied to the photo and to the target alike, so that copying colours is right.

    Attributes:
        matrix_33: mixes the colours about middle grey.
        shift: brightness.
        gamma: contrast of dark against light.
    """

    matrix_33: np.ndarray
    shift: float
    gamma: float

    @classmethod
    def draw(cls, rng: np.random.Generator, strength: float = 1.0) -> Photometric:
        """A random one; the identity at strength 0."""
        gain = 1 + strength * rng.uniform(-0.2, 0.2)
        mixing = strength * rng.normal(0, 0.08, (3, 3))
        return cls(
            matrix_33=np.eye(3) * gain + mixing,
            shift=float(strength * rng.uniform(-0.12, 0.12)),
            gamma=float(np.exp(strength * rng.uniform(-0.25, 0.25))),
        )

    def apply(self, pixels_HWC: np.ndarray) -> np.ndarray:
        """uint8 RGB to uint8 RGB."""
        colours = (pixels_HWC.astype(np.float32) / 255 - 0.5) @ self.matrix_33.T.astype(np.float32)
        colours = np.clip(colours + 0.5 + self.shift, 0, 1) ** self.gamma
        return np.round(colours * 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """Another crop of a picture: scaled, turned and shifted, perhaps mirrored; points go with it.

    Attributes:
        matrix_23: affine map of continuous px, from the picture to the view.
        mirrored: whether left and right are exchanged, of the picture and of the person.
    """

    matrix_23: np.ndarray
    mirrored: bool

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        size: tuple[int, int],
        *,
        centre: tuple[float, float],
        mirrored: bool = False,
        zoom: tuple[float, float] = (0.9, 1.15),
        shift: float = 0.06,
        turn_deg: float = 4.0,
    ) -> View:
        """A random view.

        Args:
            size: (width, height) px of picture and view.
            centre: the point about which is scaled and turned, such as the middle of the person.
            zoom, shift, turn_deg: how far; `shift` as a share of the size.
        """
        width, height = size
        scale = float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1]))))
        angle = np.deg2rad(rng.uniform(-turn_deg, turn_deg))
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        moved = np.asarray(centre) + rng.uniform(-shift, shift, 2) * (width, height)
        matrix = np.hstack([linear, (moved - linear @ np.asarray(centre))[:, None]])
        if mirrored:
            matrix = np.array([[-1.0, 0.0], [0.0, 1.0]]) @ matrix
            matrix[0, 2] += width
        return cls(matrix_23=matrix, mirrored=mirrored)

    def picture(self, pixels: np.ndarray, *, border: int = REFLECTED) -> np.ndarray:
        """The view of a picture or a matte, of the same size and type."""
        # OpenCV counts from pixel centres; ours are at one half.
        half = np.array([0.5, 0.5])
        matrix = self.matrix_23.copy()
        matrix[:, 2] += matrix[:, :2] @ half - half
        height, width = pixels.shape[:2]
        return cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=border).astype(
            pixels.dtype
        )

    def points(self, keypoints_K2: np.ndarray, confidence_K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """BlazePose-33 joints [..., K, 2] and confidence [..., K] in the view."""
        moved = keypoints_K2 @ self.matrix_23[:, :2].T + self.matrix_23[:, 2]
        if not self.mirrored:
            return moved, confidence_K
        order = list(BLAZEPOSE_33.mirror)
        return moved[..., order, :], confidence_K[..., order]
