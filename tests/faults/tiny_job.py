"""A render so small that it takes a second, and real in every part but tracking, which is replayed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from animator.encoding import encode
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import standing_pose

PORTRAIT = Path(__file__).parents[2] / "examples" / "media" / "portrait.png"
SIZE = (96, 128)
FPS = 20
LONG = os.environ.get("FAULTS") == "long"


def rounds(short: int, long: int) -> int:
    """How often a fault is tried: `long` with FAULTS=long."""
    return long if LONG else short


@dataclass(frozen=True)
class TinyJob:
    """A photo, a clip, poses, and how to call for them.

    Attributes:
        clip: the driving clip.
        poses: what a tracker would have found in it.
        num_frames: of the clip.
    """

    clip: Path
    poses: Path
    num_frames: int

    @classmethod
    def make(cls, folder: Path, num_frames: int) -> TinyJob:
        """Write clip and poses into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        poses = waving(num_frames).save(folder / "waving.npz")
        grey = (np.full((SIZE[1], SIZE[0], 3), 3 * index % 200, np.uint8) for index in range(num_frames))
        frames = (Frame(pixels_HWC=each, time_s=index / FPS, index=index) for index, each in enumerate(grey))
        encode(frames, folder / "clip.mp4", fps=Fraction(FPS))
        return cls(clip=folder / "clip.mp4", poses=poses, num_frames=num_frames)

    @property
    def values(self) -> dict[str, Any]:
        """Of a `RenderJob`, without its output."""
        return {
            "photo": PORTRAIT,
            "clip": self.clip,
            "canvas": {"width": 64, "height": 80},
            "tracker": {"recorded": self.poses},
            "preview": {"contact_sheet": False, "side_by_side": False},
        }

    def animate(self, output: Path, folder: Path, *options: Any) -> list[Any]:
        """The command line."""
        recorded = f"tracker.recorded={self.poses}"
        words = ["animate", PORTRAIT, self.clip, "-o", output, "--job", folder, "--canvas", "64x80", "--set", recorded]
        return [*words, "--no-preview", "--quiet", *options]


def waving(num_frames: int) -> PoseSequence:
    """Somebody who lifts both hands every second and a half."""
    times_s = np.arange(num_frames) / FPS
    keypoints = np.repeat(standing_pose(height=100, center_x=48, top=10)[None], num_frames, axis=0)
    swing = 2 * np.pi * times_s / 1.5
    for side, sign in (("left", 1), ("right", -1)):
        for joint, reach in (("elbow", 6), ("wrist", 14), ("index", 16), ("pinky", 16), ("thumb", 15)):
            place = BLAZEPOSE_33.index(f"{side}_{joint}")
            keypoints[:, place, 0] += sign * reach * np.sin(swing)
            keypoints[:, place, 1] -= reach * (1 - np.cos(swing))
    confidence = np.ones(keypoints.shape[:2], np.float32)
    return PoseSequence(
        keypoints_TK2=keypoints, confidence_TK=confidence, times_s_T=times_s, skeleton=BLAZEPOSE_33, frame_size=SIZE
    )


def decoded(video: Path) -> np.ndarray:
    """All frames, uint8 [T, H, W, 3]."""
    return np.stack([frame.pixels_HWC for frame in DrivingClip.open(video).frames()])


def left_behind(folder: Path) -> list[str]:
    """Temporary files in a folder, at any depth."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*") if path.name.endswith(".tmp"))


def only_prepared(folder: Path, copy: Path) -> Path:
    """A copy of a finished job's folder as it was when the preparation was done."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.png", "0*.json", "result.json", "report.html"))
    return copy


def missing(frames: Sequence[int], num_frames: int) -> list[int]:
    """Frames that are not there, or there more than once."""
    return [index for index in range(num_frames) if list(frames).count(index) != 1]
