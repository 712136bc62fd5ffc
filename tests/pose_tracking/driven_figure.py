"""A figure of known limb lengths that moves in space and is looked at from afar: poses whose truth is known.

World axes: x right, y down, z away from the camera, in torsos; the camera sees x and y (orthographic) times a scale.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33, Skeleton

ADULT: Mapping[str, float] = {
    "torso": 1.0,
    "shoulders": 0.64,
    "hips": 0.37,
    "neck": 0.44,
    "head": 0.24,
    "upper_arm": 0.57,
    "forearm": 0.53,
    "thigh": 0.75,
    "shin": 0.73,
}
CANVAS = (640, 800)
# Points of the head in ear distances: right, down and towards the camera from the middle of the ears.
_FACE = {
    "nose": (0.0, 0.15, 0.87),
    "eye_inner": (0.15, -0.15, 0.70),
    "eye": (0.25, -0.15, 0.65),
    "eye_outer": (0.35, -0.12, 0.60),
    "ear": (0.5, 0.0, 0.0),
    "mouth": (0.2, 0.4, 0.65),
}
_HAND = {"pinky": (-0.04, 0.14), "index": (0.02, 0.16), "thumb": (0.05, 0.08)}


def pose_of(
    build: Mapping[str, float] = ADULT,
    *,
    arms: tuple[float, float] = (0.3, 0.3),
    elbows: tuple[float, float] = (0.2, 0.2),
    arms_forward: tuple[float, float] = (0.0, 0.0),
    knees: tuple[float, float] = (0.0, 0.0),
    strides: tuple[float, float] = (0.1, 0.1),
    lean: float = 0.0,
    turn: float = 0.0,
    head_turn: float = 0.0,
    lift: float = 0.0,
) -> np.ndarray:
    """Joints [33, 2] in torsos with the lowest foot at y = -lift and the hips' middle at x = 0.

    Angles in radians, (left, right): `arms` and `strides` away from the body sideways, `elbows` bent upwards,
    `arms_forward` towards the camera, `knees` thigh towards the camera with the shin below it. `turn` is about the
    vertical: pi shows the back.
    """
    joints: dict[str, np.ndarray] = {}
    up = np.array([np.sin(lean), -np.cos(lean), 0.0])
    chest = build["torso"] * up
    skull = chest + build["neck"] * up
    for number, side in enumerate(("left", "right")):
        out = 1.0 if side == "left" else -1.0
        shoulder = chest + np.array([out * build["shoulders"] / 2, 0, 0])
        hip = np.array([out * build["hips"] / 2, 0, 0])
        elbow = shoulder + build["upper_arm"] * _downwards(arms[number], arms_forward[number], out)
        wrist = elbow + build["forearm"] * _downwards(arms[number] + elbows[number], arms_forward[number], out)
        knee = hip + build["thigh"] * _downwards(strides[number], knees[number], out)
        ankle = knee + build["shin"] * _downwards(strides[number], -knees[number] / 2, out)
        joints |= {f"{side}_shoulder": shoulder, f"{side}_hip": hip, f"{side}_elbow": elbow, f"{side}_wrist": wrist}
        joints |= {f"{side}_knee": knee, f"{side}_ankle": ankle}
        joints[f"{side}_heel"] = ankle + build["shin"] * np.array([0, 0.1, 0.05])
        joints[f"{side}_foot_index"] = ankle + build["shin"] * np.array([0.1 * out, 0.14, -0.25])
        for finger, (sideways, down) in _HAND.items():
            joints[f"{side}_{finger}"] = wrist + build["forearm"] / 0.53 * np.array([out * sideways, down, 0])
    points = _turned(joints | _head(build["head"], skull, head_turn), turn)
    lowest = max(points[f"{side}_{joint}"][1] for side in ("left", "right") for joint in ("heel", "foot_index"))
    flat = np.array([points[joint][:2] for joint in BLAZEPOSE_33.joints])
    return flat - (0.0, lowest + lift)


def sequence_of(
    poses_TK2: np.ndarray,
    *,
    scale: float | np.ndarray = 100.0,
    at: tuple[float, float] | np.ndarray = (300.0, 500.0),
    frame_size: tuple[int, int] = (640, 640),
    fps: float = 25.0,
    skeleton: Skeleton = BLAZEPOSE_33,
) -> PoseSequence:
    """Poses [T, 33, 2] or [33, 2] in torsos as a sequence in px; feet stand at `at` (one place or [T, 2])."""
    poses = np.atleast_3d(poses_TK2) if poses_TK2.ndim == 3 else poses_TK2[None]
    scale_T11 = np.broadcast_to(scale, len(poses)).reshape(-1, 1, 1)
    keypoints = poses * scale_T11 + np.broadcast_to(at, (len(poses), 2))[:, None]
    return PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=np.full(keypoints.shape[:2], 0.9),
        times_s_T=np.arange(len(poses)) / fps,
        skeleton=BLAZEPOSE_33,
        frame_size=frame_size,
    ).to_skeleton(skeleton)


def dance(build: Mapping[str, float] = ADULT, *, num_frames: int = 60, sway: float = 0.0) -> np.ndarray:
    """A dance [T, 33, 2] in torsos: arms rise, hips turn, knees bend, the weight shifts; hips sway by +-`sway`."""
    poses = []
    for phase in np.linspace(0, 2 * np.pi, num_frames, endpoint=False):
        wave = np.sin(phase)
        poses.append(
            pose_of(
                build,
                arms=(0.9 + 0.8 * wave, 0.6 - 0.5 * np.cos(phase)),
                elbows=(0.5 + 0.5 * wave, 0.4),
                knees=(max(0.0, wave) * 0.7, max(0.0, -wave) * 0.7),
                strides=(0.15 + 0.1 * wave, 0.15),
                lean=0.15 * wave,
                turn=0.5 * wave,
                head_turn=0.5 * np.cos(phase),
            )
            + np.array([sway * wave, 0.0])
        )
    return np.array(poses)


def subject(build: dict[str, float] | None = None, **pose: object) -> PoseSequence:
    """One photo of a standing figure, 120 px to the torso, feet at (320, 700) of the canvas."""
    shape = pose_of({**ADULT, **(build or {})}, **pose)  # type: ignore[arg-type]
    return sequence_of(shape, scale=120.0, at=(320.0, 700.0), frame_size=CANVAS)


def lowest(poses: PoseSequence) -> np.ndarray:
    """y of the lowest point of both feet, [T]."""
    feet = [poses.skeleton.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("heel", "foot_index")]
    return poses.keypoints_TK2[:, feet, 1].max(axis=1)


def middle(poses: PoseSequence, joint: str) -> np.ndarray:
    """Middle of a left and right joint, [T, 2]."""
    return (poses.joint(f"left_{joint}") + poses.joint(f"right_{joint}")) / 2


def distance(poses: PoseSequence, start: str, end: str) -> np.ndarray:
    """Px between two joints, [T]."""
    return np.linalg.norm(poses.joint(start) - poses.joint(end), axis=-1)


def without(poses: PoseSequence, *joints: str, frames: slice | np.ndarray = slice(None)) -> PoseSequence:
    """The same poses with every joint whose name holds one of `joints` unseen in `frames`."""
    keypoints = poses.keypoints_TK2.copy()
    for place, name in enumerate(poses.skeleton.joints):
        if any(joint in name for joint in joints):
            keypoints[frames, place] = np.nan
    return poses.replace(keypoints_TK2=keypoints)


def _downwards(sideways: float, forward: float, out: float) -> np.ndarray:
    return np.array([out * np.sin(sideways) * np.cos(forward), np.cos(sideways) * np.cos(forward), -np.sin(forward)])


def _head(ears: float, skull: np.ndarray, turn: float) -> dict[str, np.ndarray]:
    points = {}
    for name, (right, down, towards) in _FACE.items():
        for side, out in (("left", 1.0), ("right", -1.0)):
            joint = {"nose": "nose", "mouth": f"mouth_{side}"}.get(name)
            if joint is None:
                eye_part = name.removeprefix("eye")
                joint = f"{side}_ear" if name == "ear" else f"{side}_eye{eye_part}"
            points[joint] = ears * np.array([out * right, down, -towards])
    return {name: skull + point for name, point in _turned(points, turn).items()}


def _turned(points: Mapping[str, np.ndarray], angle: float) -> dict[str, np.ndarray]:
    cosine, sine = np.cos(angle), np.sin(angle)
    return {name: np.array([cosine * x - sine * z, y, sine * x + cosine * z]) for name, (x, y, z) in points.items()}
