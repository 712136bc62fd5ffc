"""All motions there are: a pure function of a seed, with motions that training never sees.

A procedural motion is one way of stepping under one way of holding arms and trunk. Held out are combinations: every
way of stepping, and every way of holding arms, has a partner that training never shows with it, though it shows
either with others. Motion files are split by their names, clips and poses each on their own.

Legend: T frames, N poses, J joints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from animator.errors import JobError
from animator.synthesis.motions.bvh import read_bvh
from animator.synthesis.motions.carriage import CARRIAGES, carry
from animator.synthesis.motions.choreography import compose
from animator.synthesis.motions.deepmimic import read_deepmimic
from animator.synthesis.motions.footwork import ease
from animator.synthesis.motions.motion import (
    Motion,
    hold_in_place,
    mirror_motion,
    mix_motions,
    motion_from_rotations,
    resample_motion,
    stretch_motion,
    turn_motion,
    upright_frames,
)
from animator.synthesis.motions.stances import STANCES
from animator.synthesis.splits import HELD_OUT, SPLITS, stratum_of_split

_READERS = {".bvh": read_bvh, ".txt": read_deepmimic}
_MIN_CLIP_S = 0.5
# The freest moves come up more often: they hold most of the variety.
_WEIGHTS = {"roam": 4.0, "any_arms": 3.0, "dance_arms": 2.0}
# Where motion files are given: as they are, their trunk and arms over procedural legs, the other way round, the
# trunk and arms of still poses over procedural legs, and purely procedural.
_KINDS = ("file", "file_above", "file_below", "poses", "procedural")
_KIND_SHARES = (0.25, 0.12, 0.08, 0.10, 0.45)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionFiles:
    """Upright motions read from a folder.

    Attributes:
        clips, poses: (name, motion); a pose is a motion of one frame.
        skipped: (name, why) of files that were left out.
    """

    clips: tuple[tuple[str, Motion], ...]
    poses: tuple[tuple[str, Motion], ...]
    skipped: tuple[tuple[str, str], ...]

    def of_split(self, split: str) -> tuple[list[Motion], list[Motion]]:
        """Clips and poses whose names belong to `split`."""
        return _of_split(self.clips, split), _of_split(self.poses, split)

    def fingerprint(self) -> str:
        """Tells these motions from others, wherever their files lie."""
        digest = hashlib.sha256()
        for name, motion in (*self.clips, *self.poses):
            digest.update(f"{name} {motion.fps} {len(motion)}".encode())
            digest.update(motion.rotations_TJ33.tobytes())
            digest.update(motion.roots_T3.tobytes())
        return digest.hexdigest()[:16]


def _of_split(named: Sequence[tuple[str, Motion]], split: str) -> list[Motion]:
    names = set(stratum_of_split("motion", [name for name, _ in named], split))
    return [motion for name, motion in named if name in names]


def read_motion_files(folder: Path) -> MotionFiles:
    """All BVH (.bvh) and DeepMimic (.txt) files below `folder`, reduced to their longest upright stretch.

    Raises:
        JobError: not a folder, or no usable motion in it.
    """
    if not folder.is_dir():
        raise JobError(f"{folder}: no such folder of motions; expected .bvh or DeepMimic .txt files in it")
    clips, poses, skipped = [], [], []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _READERS:
            continue
        try:
            motion = _longest_upright(_READERS[path.suffix](path))
        except JobError as error:
            skipped.append((path.name, str(error)))
            continue
        if motion is None or 1 < len(motion) < _MIN_CLIP_S * motion.fps:
            skipped.append((path.name, "not upright"))
        elif len(motion) == 1:
            poses.append((path.stem, motion))
        else:
            clips.append((path.stem, motion))
    if not clips and not poses:
        reasons = "; ".join(f"{name}: {why}" for name, why in skipped[:3]) or "no .bvh or .txt files"
        raise JobError(f"{folder}: no upright motion found ({reasons})")
    return MotionFiles(clips=tuple(clips), poses=tuple(poses), skipped=tuple(skipped))


def _longest_upright(motion: Motion) -> Motion | None:
    """The longest run of upright frames, turned to the front and held in place."""
    good = np.concatenate([[0], upright_frames(motion).astype(int), [0]])
    starts, ends = np.flatnonzero(np.diff(good) == 1), np.flatnonzero(np.diff(good) == -1)
    if len(starts) == 0:
        return None
    longest = int(np.argmax(ends - starts))
    return hold_in_place(motion.take(slice(int(starts[longest]), int(ends[longest]))))


def random_motion(
    seed: int, *, split: str = "train", num_frames: int = 125, fps: float = 25.0, files: MotionFiles | None = None
) -> Motion:
    """The motion with this seed: `num_frames` poses from motions of `split` only, half of them mirrored.

    Raises:
        JobError: an unknown split.
    """
    if split not in SPLITS:
        raise JobError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
    rng = np.random.default_rng([seed, SPLITS.index(split), 0x6D6F7665])
    clips, poses = files.of_split(split) if files is not None else ([], [])
    possible = [bool(clips), bool(clips), bool(clips), len(poses) > 1, True]
    shares = np.array(_KIND_SHARES) * possible
    kind = str(rng.choice(_KINDS, p=shares / shares.sum()))
    procedural = _random_procedural(rng, split, num_frames, fps)
    if kind.startswith("file"):
        clip = _random_clip(rng, clips, num_frames, fps)
        if kind == "file_above":
            motion = mix_motions(clip, procedural)
        elif kind == "file_below":
            motion = mix_motions(procedural, clip)
        else:
            motion = clip
    elif kind == "poses":
        motion = mix_motions(_through_poses(rng, poses, num_frames, fps), procedural)
    else:
        motion = procedural
    return mirror_motion(motion) if rng.random() < 0.5 else motion


def procedural_pairs(split: str) -> list[tuple[str, str]]:
    """(stance, carriage) names that belong to `split`: every stance and every carriage is in both."""
    held_out = {
        name
        for stance in STANCES
        for name in stratum_of_split("motion", [f"{stance}+{carriage}" for carriage in CARRIAGES], HELD_OUT)
    }
    for carriage in CARRIAGES:
        column = [f"{stance}+{carriage}" for stance in STANCES]
        if held_out.isdisjoint(column):
            held_out.add(stratum_of_split("motion", column, HELD_OUT)[0])
    return [(a, b) for a in STANCES for b in CARRIAGES if (f"{a}+{b}" in held_out) == (split == HELD_OUT)]


def procedural_motion(stance: str, carriage: str, *, seed: int, num_frames: int, fps: float) -> Motion:
    """One named pair with its own random tempo and size.

    Raises:
        JobError: a name that does not exist.
    """
    if stance not in STANCES or carriage not in CARRIAGES:
        raise JobError(
            f"no motion {stance}+{carriage}; stances are {', '.join(STANCES)}, carriages {', '.join(CARRIAGES)}"
        )
    rng = np.random.default_rng(seed)
    footing = STANCES[stance](rng, num_frames, fps)
    dials = carry(rng, footing, CARRIAGES[carriage], looks_about=bool(rng.random() < 0.4))
    return compose(dials, footing)


def _random_procedural(rng: np.random.Generator, split: str, num_frames: int, fps: float) -> Motion:
    pairs = procedural_pairs(split)
    weights = np.array([_WEIGHTS.get(stance, 1.0) * _WEIGHTS.get(carriage, 1.0) for stance, carriage in pairs])
    stance, carriage = pairs[int(rng.choice(len(pairs), p=weights / weights.sum()))]
    return procedural_motion(stance, carriage, seed=int(rng.integers(1 << 31)), num_frames=num_frames, fps=fps)


def _random_clip(rng: np.random.Generator, clips: Sequence[Motion], num_frames: int, fps: float) -> Motion:
    """A stretch of a file's motion at a slightly changed tempo, turned a little."""
    motion = resample_motion(clips[int(rng.integers(len(clips)))], fps=fps, speed=rng.uniform(0.7, 1.15))
    start = int(rng.integers(max(len(motion) - num_frames, 0) + 1))
    motion = stretch_motion(motion.take(slice(start, None)), num_frames)
    return turn_motion(motion, rng.uniform(-25, 25))


def _through_poses(rng: np.random.Generator, poses: Sequence[Motion], num_frames: int, fps: float) -> Motion:
    """From one still pose to the next, each held for a moment."""
    rotations = np.empty((num_frames, *poses[0].rotations_TJ33.shape[1:]))
    here, frame = poses[int(rng.integers(len(poses)))], 0
    while frame < num_frames:
        there = poses[int(rng.integers(len(poses)))]
        # At very low rates a move may be shorter than a frame.
        way, hold = max(int(rng.uniform(0.6, 1.2) * fps), 1), int(rng.uniform(0.2, 0.8) * fps)
        share = ease(np.minimum(np.arange(way + hold) / way, 1.0))[: num_frames - frame]
        start, end = (Rotation.from_matrix(one.rotations_TJ33[0]) for one in (here, there))
        step = (start.inv() * end).as_rotvec()
        for offset, part in enumerate(share):
            rotations[frame + offset] = (start * Rotation.from_rotvec(part * step)).as_matrix()
        frame, here = frame + len(share), there
    return motion_from_rotations(rotations, np.tile([0.0, 1.0, 0.0], (num_frames, 1)), fps=fps)
