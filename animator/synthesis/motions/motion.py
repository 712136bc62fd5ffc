"""A motion: the poses of one clip at an even rate, and what can be done with whole motions.

Legend: T frames, J joints, S sides, F fingers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from animator.errors import JobError
from animator.synthesis.rig import (
    DEFAULT_REST_J3,
    JOINTS,
    MIRROR,
    NUM_JOINTS,
    PARENTS,
    RELAXED_CURL_SF,
    BodyPose,
)

# Nobody records faster, or slower: a file that says so is damaged.
MIN_FRAME_S, MAX_FRAME_S = 1e-4, 100.0
_UPPER = np.array([not any(part in name for part in ("pelvis", "hip", "knee", "ankle", "foot")) for name in JOINTS])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """Poses at an even rate, for any body: see `rig.BodyPose` for the units.

    Attributes:
        rotations_TJ33: local rotations.
        roots_T3: pelvis positions in pelvis heights.
        curl_TSF, spread_TS: fingers.
        smile_T, blink_T: face.
        fps: poses a second.

    Raises:
        JobError: no poses, arrays that do not match, or values that are not finite.
    """

    rotations_TJ33: np.ndarray
    roots_T3: np.ndarray
    curl_TSF: np.ndarray
    spread_TS: np.ndarray
    smile_T: np.ndarray
    blink_T: np.ndarray
    fps: float

    def __post_init__(self) -> None:
        frames = len(self.rotations_TJ33)
        shapes = {
            "rotations_TJ33": (frames, NUM_JOINTS, 3, 3),
            "roots_T3": (frames, 3),
            "curl_TSF": (frames, 2, 5),
            "spread_TS": (frames, 2),
            "smile_T": (frames,),
            "blink_T": (frames,),
        }
        if frames == 0 or not self.fps > 0:
            raise JobError(f"a motion of {frames} poses at {self.fps} poses/s; expected at least one, and a rate")
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value.shape != shape or not np.isfinite(value).all():
                raise JobError(f"Motion.{name} has shape {value.shape}, expected finite values of shape {shape}")

    def __len__(self) -> int:
        return len(self.rotations_TJ33)

    @property
    def duration_s(self) -> float:
        return len(self) / self.fps

    def __getitem__(self, frame: int) -> BodyPose:
        """The pose of one frame."""
        return BodyPose(
            rotations_J33=self.rotations_TJ33[frame],
            root_3=self.roots_T3[frame],
            curl_SF=self.curl_TSF[frame],
            spread_S=self.spread_TS[frame],
            smile=float(self.smile_T[frame]),
            blink=float(self.blink_T[frame]),
        )

    def __iter__(self) -> Iterator[BodyPose]:
        return (self[frame] for frame in range(len(self)))

    def take(self, frames: np.ndarray | slice) -> Motion:
        """The poses of some frames, at the same rate."""
        arrays = {field.name: getattr(self, field.name)[frames] for field in dataclasses.fields(self)[:-1]}
        return dataclasses.replace(self, **arrays)


def motion_from_rotations(rotations_TJ33: np.ndarray, roots_T3: np.ndarray, *, fps: float) -> Motion:
    """A motion with relaxed hands and a neutral face."""
    frames = len(rotations_TJ33)
    return Motion(
        rotations_TJ33=rotations_TJ33,
        roots_T3=roots_T3,
        curl_TSF=np.tile(RELAXED_CURL_SF, (frames, 1, 1)),
        spread_TS=np.full((frames, 2), 0.25),
        smile_T=np.zeros(frames),
        blink_T=np.zeros(frames),
        fps=fps,
    )


def mirror_motion(motion: Motion) -> Motion:
    """The motion seen in a mirror at x = 0."""
    flip = np.diag([-1.0, 1.0, 1.0])
    return dataclasses.replace(
        motion,
        rotations_TJ33=flip @ motion.rotations_TJ33[:, MIRROR] @ flip,
        roots_T3=motion.roots_T3 * np.array([-1.0, 1.0, 1.0]),
        curl_TSF=motion.curl_TSF[:, ::-1],
        spread_TS=motion.spread_TS[:, ::-1],
    )


def turn_motion(motion: Motion, yaw_deg: float) -> Motion:
    """The motion on a stage turned by `yaw_deg` to the person's left, about the mean place of the pelvis."""
    turn = Rotation.from_euler("y", yaw_deg, degrees=True).as_matrix()
    rotations = motion.rotations_TJ33.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    middle = motion.roots_T3.mean(0) * [1, 0, 1]
    return dataclasses.replace(motion, rotations_TJ33=rotations, roots_T3=(motion.roots_T3 - middle) @ turn.T + middle)


def resample_motion(motion: Motion, *, fps: float, speed: float = 1.0) -> Motion:
    """The motion at another rate, played `speed` times as fast; rotations by spherical interpolation."""
    count = max(round(motion.duration_s / speed * fps), 1)
    places = np.minimum(np.arange(count) * (speed * motion.fps / fps), len(motion) - 1)
    if len(motion) == 1:
        return dataclasses.replace(motion.take(np.zeros(count, int)), fps=fps)
    known = np.arange(len(motion))
    rotations = np.stack(
        [
            Slerp(known, Rotation.from_matrix(motion.rotations_TJ33[:, joint]))(places).as_matrix()
            for joint in range(NUM_JOINTS)
        ],
        axis=1,
    )
    low = np.minimum(places.astype(int), len(motion) - 2)
    share = places - low

    def between(values: np.ndarray) -> np.ndarray:
        part = share.reshape(-1, *[1] * (values.ndim - 1))
        return values[low] * (1 - part) + values[low + 1] * part

    return Motion(
        rotations_TJ33=rotations,
        roots_T3=between(motion.roots_T3),
        curl_TSF=between(motion.curl_TSF),
        spread_TS=between(motion.spread_TS),
        smile_T=between(motion.smile_T),
        blink_T=between(motion.blink_T),
        fps=fps,
    )


def stretch_motion(motion: Motion, num_frames: int) -> Motion:
    """The motion cut to `num_frames`, or run forth and back until it has as many."""
    period = max(2 * (len(motion) - 1), 1)
    place = np.arange(num_frames) % period
    return motion.take(np.where(place < len(motion), place, period - place))


def mix_motions(upper: Motion, lower: Motion) -> Motion:
    """Trunk, arms, hands and face of one motion on the pelvis and legs of another.

    The chest keeps the bearing it has against the pelvis in `upper`. Both are brought to the length of the shorter.

    Raises:
        JobError: different rates.
    """
    if upper.fps != lower.fps:
        raise JobError(f"motions of {upper.fps} and {lower.fps} poses/s cannot be mixed; resample one of them")
    frames = slice(min(len(upper), len(lower)))
    upper, lower = upper.take(frames), lower.take(frames)
    rotations = np.where(_UPPER[None, :, None, None], upper.rotations_TJ33, lower.rotations_TJ33)
    return dataclasses.replace(upper, rotations_TJ33=rotations, roots_T3=lower.roots_T3)


def hold_in_place(motion: Motion, *, reach: float = 0.35) -> Motion:
    """Keeps the root within about `reach` pelvis heights of its start, as a treadmill does.

    The slow travel (a straight line) is taken out; what is left is centred, and scaled down if still too wide.
    """
    ground = motion.roots_T3[:, [0, 2]]
    time = np.linspace(-1, 1, len(ground))[:, None] if len(ground) > 1 else np.zeros((1, 1))
    slope = (time * ground).sum(0) / max((time**2).sum(), 1e-9)
    rest = ground - ground.mean(0) - time * slope
    widest = np.abs(rest).max()
    roots = motion.roots_T3.copy()
    roots[:, [0, 2]] = rest * min(1.0, reach / max(widest, 1e-9))
    return dataclasses.replace(motion, roots_T3=roots)


def joint_tracks(motion: Motion, rest_J3: np.ndarray = DEFAULT_REST_J3) -> tuple[np.ndarray, np.ndarray]:
    """Joint positions [T, J, 3] in metres and global rotations [T, J, 3, 3] on a body with T-pose joints `rest_J3`."""
    positions = np.empty((len(motion), NUM_JOINTS, 3))
    turned = np.empty((len(motion), NUM_JOINTS, 3, 3))
    positions[:, 0] = motion.roots_T3 * rest_J3[0, 1]
    turned[:, 0] = motion.rotations_TJ33[:, 0]
    for joint in range(1, NUM_JOINTS):
        parent = PARENTS[joint]
        positions[:, joint] = positions[:, parent] + turned[:, parent] @ (rest_J3[joint] - rest_J3[parent])
        turned[:, joint] = turned[:, parent] @ motion.rotations_TJ33[:, joint]
    return positions, turned


def motion_from_globals(turned_TJ33: np.ndarray, roots_T3: np.ndarray, *, fps: float) -> Motion:
    """A motion from global joint rotations, standing on the floor and facing +z on the whole.

    The floor is where the lowest foot of all frames is (a jump stays a jump); hips and shoulders say what faces.
    """
    facing = turned_TJ33[:, [0, 9], :, 2].sum((0, 1))
    away = Rotation.from_euler("y", -np.arctan2(facing[0], facing[2])).as_matrix()
    turned = away @ turned_TJ33
    local = turned.copy()
    for joint in range(1, NUM_JOINTS):
        local[:, joint] = np.swapaxes(turned[:, PARENTS[joint]], -1, -2) @ turned[:, joint]
    roots = roots_T3 @ away.T
    return stand_on_floor(motion_from_rotations(local, roots - roots.mean(0) * [1, 0, 1], fps=fps))


def stand_on_floor(motion: Motion) -> Motion:
    """Moves the whole motion up or down so that the soles' lowest moments are at the floor.

    Heights of the soles are those of the ankle, the heel below it and the ball; the third lowest per cent of the
    frames counts, so that one bad frame does not lift the rest.
    """
    positions, turned = joint_tracks(motion)
    heights = []
    for side in ("left", "right"):
        for part, back in (("ankle", 0.0), ("ankle", -0.04), ("foot", 0.0)):
            joint = JOINTS.index(f"{side}_{part}")
            sole = turned[:, joint] @ np.array([0.0, -DEFAULT_REST_J3[joint, 1], back])
            heights.append(positions[:, joint, 1] + sole[:, 1])
    lowest = np.quantile(np.min(heights, axis=0), 0.03)
    return dataclasses.replace(motion, roots_T3=motion.roots_T3 - [0.0, lowest / DEFAULT_REST_J3[0, 1], 0.0])


def upright_frames(motion: Motion) -> np.ndarray:
    """[T] bool: trunk within 40 degrees of the vertical, and the head highest but for raised arms."""
    positions, _ = joint_tracks(motion)
    at = {name: positions[:, JOINTS.index(name)] for name in ("pelvis", "neck", "head", "left_knee", "right_knee")}
    trunk = at["neck"] - at["pelvis"]
    lean = trunk[:, 1] / np.maximum(np.linalg.norm(trunk, axis=1), 1e-9)
    knees = np.maximum(at["left_knee"][:, 1], at["right_knee"][:, 1])
    standing = motion.roots_T3[:, 1] > 0.6
    return (lean > np.cos(np.deg2rad(40))) & standing & (knees < at["neck"][:, 1])
