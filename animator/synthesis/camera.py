"""A pinhole camera. World: y up, metres; camera: x right, y down, z forward; px continuous, (0, 0) top-left corner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Camera:
    """Where the picture is taken from.

    Attributes:
        position_3: metres in the world.
        world_to_camera_33: rotation.
        focal_px: focal length.
        center_2: principal point, px.
        height, width: picture size, px.
    """

    position_3: np.ndarray
    world_to_camera_33: np.ndarray
    focal_px: float
    center_2: tuple[float, float]
    height: int
    width: int

    @classmethod
    def look_at(
        cls,
        target_3: np.ndarray,
        *,
        distance_m: float,
        elevation_deg: float = 0.0,
        yaw_deg: float = 0.0,
        view_height_m: float = 2.1,
        height: int = 320,
        width: int = 256,
    ) -> Camera:
        """A camera `distance_m` from `target_3` whose picture spans `view_height_m` vertically at that distance.

        `yaw_deg` moves the camera to the person's left; `elevation_deg` lifts it above the target.
        """
        yaw, lift = np.deg2rad(yaw_deg), np.deg2rad(elevation_deg)
        back = np.array([np.sin(yaw) * np.cos(lift), np.sin(lift), np.cos(yaw) * np.cos(lift)])
        right = np.cross([0.0, 1.0, 0.0], back)
        right /= np.linalg.norm(right)
        down = np.cross(-back, right)
        return cls(
            position_3=np.asarray(target_3, float) + back * distance_m,
            world_to_camera_33=np.stack([right, down, -back]),
            focal_px=height * distance_m / view_height_m,
            center_2=(width / 2, height / 2),
            height=height,
            width=width,
        )

    def project(self, points_N3: np.ndarray) -> np.ndarray:
        """[N, 3] world points to px x, px y and depth in metres along the view axis."""
        local = (np.asarray(points_N3, float) - self.position_3) @ self.world_to_camera_33.T
        pixels = self.focal_px * local[:, :2] / local[:, 2:] + np.asarray(self.center_2)
        return np.concatenate([pixels, local[:, 2:]], axis=1)

    def rays(self) -> np.ndarray:
        """[H, W, 3] directions (not normalised; unit step along the view axis) through the pixel centres."""
        x = (np.arange(self.width) + 0.5 - self.center_2[0]) / self.focal_px
        y = (np.arange(self.height) + 0.5 - self.center_2[1]) / self.focal_px
        local = np.stack([*np.meshgrid(x, y), np.ones((self.height, self.width))], axis=-1)
        return local @ self.world_to_camera_33
