"""A take: one person doing one motion before one camera and backdrop, frame by frame.

Legend: T frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from animator.errors import JobError
from animator.synthesis.backdrop import Backdrop, make_backdrop
from animator.synthesis.body import bone_motions
from animator.synthesis.camera import Camera
from animator.synthesis.hair_sway import hair_sway
from animator.synthesis.keypoints import place_keypoints
from animator.synthesis.motions.choreography import compose
from animator.synthesis.motions.dials import relaxed_dials
from animator.synthesis.motions.footwork import plan_footing, shift_weight
from animator.synthesis.motions.framing import frame_points, outline_points
from animator.synthesis.motions.gestures import stay_upright
from animator.synthesis.motions.legs import fit_to_body
from animator.synthesis.motions.library import MotionFiles, random_motion
from animator.synthesis.motions.motion import Motion, turn_motion
from animator.synthesis.scene import Character, RenderedFrame, render_frame
from animator.synthesis.splits import SPLITS, draw_identity
from animator.synthesis.spring import SwaySpring


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Take:
    """Everything a frame needs; any frame can be rendered without the others.

    Attributes:
        character: who.
        motion: what, already fitted to the character's legs.
        sway_T2: lag of the skirt, radians.
        hair_T3: lag of long hair, radians; see `hair_sway`.
        camera, backdrop: where.
    """

    character: Character
    motion: Motion
    sway_T2: np.ndarray
    hair_T3: np.ndarray
    camera: Camera
    backdrop: Backdrop

    def __len__(self) -> int:
        return len(self.motion)

    def frame(self, index: int) -> RenderedFrame:
        """One picture with its ground truth."""
        return render_frame(
            self.character,
            self.motion[index],
            self.camera,
            self.backdrop,
            sway_2=self.sway_T2[index],
            hair_3=self.hair_T3[index],
        )

    def keypoints(self, index: int) -> np.ndarray:
        """[K, 2] float32 px: the joints of a frame, without drawing it."""
        rotations, shifts = bone_motions(self.character.body, self.motion[index])
        shifts = shifts + np.array([0.0, self.character.lift_m, 0.0])
        joints = place_keypoints(self.character.bound_K3, self.character.bones_K, rotations, shifts)
        return self.camera.project(joints)[:, :2].astype(np.float32)

    def __iter__(self) -> Iterator[RenderedFrame]:
        return (self.frame(index) for index in range(len(self)))


def fit_motion(character: Character, motion: Motion) -> Motion:
    """`motion` on the character's own proportions; see `legs.fit_to_body`."""
    return fit_to_body(motion, character.body.rest_J3)


def make_take(character: Character, motion: Motion, *, camera: Camera, backdrop: Backdrop) -> Take:
    """A take of a motion already fitted to `character` (see `fit_motion`); lets what hangs swing."""
    spring, hips = SwaySpring(), motion.roots_T3 * character.body.rest_J3[0, 1]
    sways = [spring.step(place, dt_s=1 / motion.fps) for place in hips]
    return Take(
        character=character,
        motion=motion,
        sway_T2=np.stack(sways),
        hair_T3=hair_sway(motion, character.body.rest_J3),
        camera=camera,
        backdrop=backdrop,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOptions:
    """What random takes are drawn from, and their size.

    Attributes:
        split: "train" or "held-out": of people, clothes, hair, motions and backdrops alike.
        height, width: px.
        num_frames, fps: length and rate.
        wardrobe: folder of MakeHuman assets, or none.
        motions: files read by `read_motion_files`, or none.
    """

    split: str = "train"
    height: int = 320
    width: int = 256
    num_frames: int = 125
    fps: float = 25.0
    wardrobe: Path | None = None
    motions: MotionFiles | None = None

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise JobError(f"split is {self.split!r}, expected one of {', '.join(SPLITS)}")
        if not (16 <= self.height <= 4096 and 16 <= self.width <= 4096):
            raise JobError(f"pictures of {self.width}x{self.height} px; expected sides of 16 to 4096")
        if self.num_frames < 1 or not 1 <= self.fps <= 240:
            raise JobError(f"{self.num_frames} frames at {self.fps} frames/s; expected at least one, at 1 to 240")


def random_take(seed: int, options: TakeOptions | None = None) -> Take:
    """The take with this seed: person, motion, camera and backdrop, a pure function of its arguments."""
    options = options or TakeOptions()
    rng = _stream(seed, options.split)
    person, moves, place = (int(rng.integers(1 << 31)) for _ in range(3))
    character = Character.from_seed(person, split=options.split, wardrobe=options.wardrobe)
    return _stage(character, _draw_motion(moves, options), place, options)


def paired_takes(seed: int, options: TakeOptions | None = None) -> tuple[Take, Take, Take]:
    """The same motion by two people: driver A, subject B doing A's motion, and B's still photo (one frame).

    Both films see the motion from the same side and height, as nobody could tell B's camera from A's clip otherwise;
    place, light, distance and framing are each one's own. B's photo and film share camera and backdrop, so that the
    film is the true answer to "animate this photo with A"; for the photo B mostly faces the camera.
    """
    options = options or TakeOptions()
    rng = _stream(seed, options.split)
    driver, subject, moves, place, other = (int(rng.integers(1 << 31)) for _ in range(5))
    view = _draw_view(rng)
    motion = _draw_motion(moves, options)
    a = Character.from_seed(driver, split=options.split, wardrobe=options.wardrobe)
    b = Character.from_seed(subject, split=options.split, wardrobe=options.wardrobe)
    pose = fit_motion(b, photo_pose(place, facing_deg=view.yaw_deg + _draw_aside(rng)))
    film = _stage(b, motion, place, options, view=view, also=pose)
    still = make_take(b, pose, camera=film.camera, backdrop=film.backdrop)
    return _stage(a, motion, other, options, view=view), film, still


def photo_pose(seed: int, *, facing_deg: float = 0.0) -> Motion:
    """One frame of standing at ease, as people stand for a photo, turned by `facing_deg` to the person's left."""
    rng = np.random.default_rng(seed)
    footing = plan_footing([], num_frames=1, fps=1.0, stance=rng.uniform(0.09, 0.13), toes_out_deg=rng.uniform(6, 16))
    shift_weight(footing, np.full(1, rng.uniform(0.2, 0.8)), list_deg=4.0)
    dials = relaxed_dials(1)
    for side in ("left", "right"):
        dials[f"{side}_raise"] = dials[f"{side}_raise"] + rng.uniform(2, 12)
        dials[f"{side}_elbow"] = dials[f"{side}_elbow"] + rng.uniform(-6, 12)
    dials["look"], dials["smile"] = rng.normal(0, 4, 1), rng.uniform(0, 0.4, 1)
    stay_upright(dials, footing)
    return turn_motion(compose(dials, footing), facing_deg)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """From which side, and how far above the person's middle, a camera looks."""

    yaw_deg: float
    elevation_deg: float


def _draw_view(rng: np.random.Generator) -> _View:
    """Mostly from the front and about chest height, some from the side and above."""
    yaw_deg = float(rng.normal(0, 18) if rng.random() < 0.75 else rng.uniform(-75, 75))
    return _View(yaw_deg=yaw_deg, elevation_deg=float(np.clip(rng.normal(4, 5), -4, 22)))


def _draw_aside(rng: np.random.Generator) -> float:
    """How far, in degrees, somebody looks past the camera for a photo."""
    return float(rng.normal(0, 10))


def _stream(seed: int, split: str) -> np.random.Generator:
    return np.random.default_rng([seed, SPLITS.index(split), 0x74616B65])


def _draw_motion(seed: int, options: TakeOptions) -> Motion:
    return random_motion(
        seed, split=options.split, num_frames=options.num_frames, fps=options.fps, files=options.motions
    )


def _stage(
    character: Character,
    motion: Motion,
    seed: int,
    options: TakeOptions,
    *,
    view: _View | None = None,
    also: Motion | None = None,
) -> Take:
    """Camera and backdrop for a motion; `also` is another one, already fitted, that must fit into the picture."""
    rng = np.random.default_rng(seed)
    fitted = fit_motion(character, motion)
    shown = [outline_points(one, character.body.rest_J3) for one in (fitted, also) if one is not None]
    margin, distance_m, own = rng.uniform(0.04, 0.12), rng.uniform(3.5, 7.0), _draw_view(rng)
    view = view or own
    camera = frame_points(
        np.concatenate(shown) + np.array([0.0, character.lift_m, 0.0]),
        height=options.height,
        width=options.width,
        margin=margin,
        distance_m=distance_m,
        yaw_deg=view.yaw_deg,
        elevation_deg=view.elevation_deg,
    )
    backdrop = make_backdrop(draw_identity(rng, "background", options.split), camera)
    return make_take(character, fitted, camera=camera, backdrop=backdrop)
