"""Another person doing the driver's motion, against that person truly doing it: rendered pairs, one Markdown table.

    python benchmarks/cross_identity.py [FOLDER ...] [--motions MOTIONS] [--wardrobe MAKEHUMAN] [--exact]
                                        [--generator diffusion] [--every 3] [--photo-at 0.3]

A pair holds a driver's clip, another person's photo and that person doing the driver's motion, all three rendered
(`animator synth pairs`). The driver is tracked and cleaned, the motion carried onto the person of the photo, and drawn,
as in a render. As nobody can know the other camera, one scale and one shift per clip lay the carried limb joints onto
the true ones. With `--photo-at` the photo is not the pair's, in which people stand as before a camera, but a picture
from the middle of the motion, as people take who have a film. Means over frames:

    person, dB      PSNR within the true silhouette
    IoU of the warp, %   silhouette of the warped photo and the true one; the same for every generator
    IoU as seen, %  silhouette that MediaPipe finds in the picture and the true one
    head, dB        PSNR in a disc about the true head, radius 0.45 torso lengths
    feet, dB        PSNR in discs about the true feet, radius 0.35 torso lengths
    joints, px; joints, torso   how far the twelve limb joints lie off
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from animator.canvas import CanvasConfig
from animator.conditioning.inputs import subject_warp, window_tensors
from animator.conditioning.warp import PhotoWarp
from animator.evaluation import metrics
from animator.generators.protocol import FrameGenerator
from animator.generators.registry import GeneratorSettings, open_generator
from animator.photo import Photo, read_photo
from animator.pipeline import prepare_motion, track_clip
from animator.progress import SilentProgress
from animator.subject import Subject
from animator.synthesis.collection import write_many
from animator.synthesis.export import ExportOptions, truth_path
from animator.synthesis.motions.library import read_motion_files
from animator.synthesis.take import TakeOptions
from pose_tracking.clip import DrivingClip
from pose_tracking.retargeting import retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.trackers.silhouette import segment_person
from pose_tracking.tracking import TrackerConfig
from temporal.motion import MotionConfig
from temporal.windows import PoseWindow, pose_windows

SIDES = ("left", "right")
LIMBS = [BLAZEPOSE_33.index(f"{s}_{j}") for s in SIDES for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")]
FACE = [BLAZEPOSE_33.index(name) for name in ("nose", *(f"{s}_{j}" for s in SIDES for j in ("eye", "ear")))]
HEAD_RADIUS, FOOT_RADIUS = 0.45, 0.35
PERSON_OPACITY = 0.5


def main() -> None:
    """Print the table: a row per pair as it is done, then the mean."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory() as passing:
        places = [pair for folder in given.folders or [Path(passing)] for pair in pairs_of(folder, given)]
        joints = "exact" if given.exact else "tracked"
        print(f"{len(places)} pairs, {given.generator}, {joints} joints of the driver, one frame in {given.every}\n")
        found: list[dict[str, float]] = []
        for place in places:
            found.append(measures(place, given))
            if len(found) == 1:
                print("| pair | " + " | ".join(found[0]) + " |\n" + "|---" * (len(found[0]) + 1) + "|")
            print(_row(place.name, found[-1]), flush=True)
    print(_row("mean", {key: float(np.nanmean([each[key] for each in found])) for key in found[0]}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pairs = "folder of pairs; one without any gets them made. None: made in a temporary folder"
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER", help=pairs)
    parser.add_argument("-n", "--count", type=int, default=6, help="pairs to make (6)")
    parser.add_argument("--seed", type=int, default=100, help="of the first pair to make (100)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of clips to make (3)")
    parser.add_argument("--fps", type=float, default=12.5, help="rate of clips to make (12.5)")
    parser.add_argument("--size", default="256x320", help="of clips to make, px (256x320)")
    parser.add_argument("--wardrobe", type=Path, help="MakeHuman assets; without them clothes are procedural")
    parser.add_argument("--motions", type=Path, help="BVH or DeepMimic files; without them motion is procedural")
    parser.add_argument("--generator", default="puppet", help="puppet, or diffusion: the embedded base (puppet)")
    parser.add_argument("--exact", action="store_true", help="drive with the driver's true joints, not tracked ones")
    at = "take the picture at this share of the other person's film as the photo, 0 to 1"
    parser.add_argument("--photo-at", type=float, metavar="SHARE", help=at)
    parser.add_argument("--every", type=int, default=1, help="draw and compare every so many-th frame (1)")
    return parser


def pairs_of(folder: Path, given: argparse.Namespace) -> list[Path]:
    """The folder's pairs; made first where it has none."""
    if not any(folder.glob("pair_*")):
        width, height = CanvasConfig.parse(given.size).size
        take = TakeOptions(
            split="held-out",
            width=width,
            height=height,
            num_frames=round(given.seconds * given.fps),
            fps=given.fps,
            wardrobe=given.wardrobe,
            motions=None if given.motions is None else read_motion_files(given.motions),
        )
        write_many("pairs", folder, given.count, ExportOptions(take=take, maps=False), seed=given.seed)
    return sorted(folder.glob("pair_*"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """The other person doing the driver's motion.

    Attributes:
        clip: the pictures.
        poses: exact, one per picture.
        matte_THW: uint8, the person's opacity.
    """

    clip: DrivingClip
    poses: PoseSequence
    matte_THW: np.ndarray

    @classmethod
    def read(cls, path: Path) -> Truth:
        with np.load(truth_path(path)) as arrays:
            matte_THW = arrays["matte"]
        return cls(clip=DrivingClip.open(path), poses=PoseSequence.load(truth_path(path)), matte_THW=matte_THW)

    @property
    def torso_px(self) -> float:
        """From the middle of the shoulders to that of the hips, the clip's median."""
        shoulders_T2, hips_T2 = (
            sum(self.poses.joint(f"{side}_{joint}") for side in SIDES) / 2 for joint in ("shoulder", "hip")
        )
        return float(np.median(np.linalg.norm(shoulders_T2 - hips_T2, axis=-1)))

    def head_HW(self, frame: int) -> np.ndarray:
        """bool, a disc about the head."""
        return self._disc(self.poses.keypoints_TK2[frame, FACE].mean(axis=0), HEAD_RADIUS)

    def feet_HW(self, frame: int) -> np.ndarray:
        """bool, a disc about each foot."""
        left, right = (
            self.poses.joint(f"{side}_ankle")[frame] / 3 + self.poses.joint(f"{side}_foot_index")[frame] * 2 / 3
            for side in SIDES
        )
        return self._disc(left, FOOT_RADIUS) | self._disc(right, FOOT_RADIUS)

    def _disc(self, center_2: np.ndarray, radius: float) -> np.ndarray:
        rows, columns = np.indices(self.matte_THW.shape[1:]) + 0.5
        return np.hypot(columns - center_2[0], rows - center_2[1]) < radius * self.torso_px


def measures(pair: Path, given: argparse.Namespace) -> dict[str, float]:
    """Of one pair, by name."""
    truth = Truth.read(pair / "subject.mp4")
    width, height = truth.poses.frame_size
    canvas = CanvasConfig(width=width, height=height)
    photo = read_photo(pair / "photo.png") if given.photo_at is None else picture_at(truth.clip, given.photo_at)
    subject = Subject.from_photo(photo, canvas, TrackerConfig())
    motion = driver_motion(pair / "driver.mp4", exact=given.exact)
    carried = retarget(motion, onto=subject.pose, canvas_size=canvas.size)
    num_frames = min(len(carried), len(truth.poses))
    driving = laid_onto(carried[:num_frames], truth.poses[:num_frames])
    generator = open_generator(given.generator, settings=GeneratorSettings(canvas=canvas))
    scores = list(frame_scores(driving, subject, generator, truth, every=given.every))
    values = {key: float(np.nanmean([each[key] for each in scores])) for key in scores[0]}
    off_px = float(np.nanmean(joint_errors(driving, truth.poses[:num_frames])))
    return {**values, "joints, px": off_px, "joints, torso": off_px / truth.torso_px}


def picture_at(clip: DrivingClip, share: float) -> Photo:
    """The picture at a share of the clip, read as a photo is."""
    frames = list(clip.frames())
    with tempfile.TemporaryDirectory() as passing:
        path = Path(passing) / "photo.png"
        Image.fromarray(frames[round(share * (len(frames) - 1))].pixels_HWC).save(path)
        return read_photo(path)


def driver_motion(path: Path, *, exact: bool) -> PoseSequence:
    """The driver's poses in px of the clip as a render finds them; `exact`: true joints, with the found confidence."""
    clip = DrivingClip.open(path)
    tracked = track_clip(clip, TrackerConfig(), progress=SilentProgress())
    motion, _, _ = prepare_motion(clip, tracked, MotionConfig())
    if not exact:
        return motion
    truth = PoseSequence.load(truth_path(path))
    num_frames = min(len(motion), len(truth))
    return motion[:num_frames].replace(keypoints_TK2=truth.keypoints_TK2[:num_frames])


def laid_onto(driving: PoseSequence, truth: PoseSequence) -> PoseSequence:
    """`driving` under the scale and shift for which its limb joints lie closest to the true ones (least squares)."""
    seen = np.isfinite(driving.keypoints_TK2[:, LIMBS]).all(axis=-1)
    found_N2, true_N2 = (poses.keypoints_TK2[:, LIMBS][seen].astype(np.float64) for poses in (driving, truth))
    about_N2, wanted_N2 = found_N2 - found_N2.mean(axis=0), true_N2 - true_N2.mean(axis=0)
    scale = (about_N2 * wanted_N2).sum() / np.square(about_N2).sum()
    moved = (driving.keypoints_TK2 - found_N2.mean(axis=0)) * scale + true_N2.mean(axis=0)
    return driving.replace(keypoints_TK2=moved.astype(np.float32))


def joint_errors(driving: PoseSequence, truth: PoseSequence) -> np.ndarray:
    """[T, limb joints] px; NaN where unseen."""
    return np.asarray(np.linalg.norm((driving.keypoints_TK2 - truth.keypoints_TK2)[:, LIMBS], axis=-1))


def frame_scores(
    driving: PoseSequence, subject: Subject, generator: FrameGenerator, truth: Truth, *, every: int
) -> Iterator[dict[str, float]]:
    """Of every so many-th picture, by name."""
    windows = list(islice(pose_windows(driving), 0, None, every))
    warp = subject_warp(subject, torch.device("cpu"))
    films = islice(truth.clip.frames(), 0, None, every)
    for window, made, real in zip(windows, generator.generate(windows, subject), films, strict=False):
        person_HW = truth.matte_THW[window.center] > PERSON_OPACITY * 255
        pictures = metrics.frame_tensor(made.pixels_HWC), metrics.frame_tensor(real.pixels_HWC)
        yield {
            "person, dB": metrics.psnr(*pictures, metrics.region_tensor(person_HW)),
            "IoU of the warp, %": overlap(warped_silhouette(warp, window), person_HW),
            "IoU as seen, %": overlap(segment_person(made.pixels_HWC) > PERSON_OPACITY, person_HW),
            "head, dB": metrics.psnr(*pictures, metrics.region_tensor(truth.head_HW(window.center))),
            "feet, dB": metrics.psnr(*pictures, metrics.region_tensor(truth.feet_HW(window.center))),
        }


@torch.inference_mode()
def warped_silhouette(warp: PhotoWarp, window: PoseWindow) -> np.ndarray:
    """bool [H, W]."""
    keypoints_BNK2, confidence_BNK = window_tensors([window], 1, torch.device("cpu"))
    return (warp(keypoints_BNK2[:, 0], confidence_BNK[:, 0]).coverage_BHW[0] > PERSON_OPACITY).numpy()


def overlap(one_HW: np.ndarray, other_HW: np.ndarray) -> float:
    """Intersection over union, percent."""
    union = (one_HW | other_HW).sum()
    return float(100 * (one_HW & other_HW).sum() / union) if union else float("nan")


def _row(name: str, values: dict[str, float]) -> str:
    return f"| {name} | " + " | ".join(f"{value:.3f}" for value in values.values()) + " |"


if __name__ == "__main__":
    main()
