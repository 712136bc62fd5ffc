"""Where the trackers' 33 joints (BlazePose) lie on a rendered body.

Each joint is a point fixed to one bone. Face points are taken from the head's geometry; body joints are rig joints
moved by small offsets, fitted so that rendered people agree with what the tracker's annotators mark.

Legend: K = 33 joints, B bones.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from animator.synthesis.base_mesh import NUM_BODY_VERTICES, load_base_mesh
from animator.synthesis.body import Body, bone_names
from animator.synthesis.camera import Camera
from animator.synthesis.mesh import RenderMesh
from animator.synthesis.rig import JOINT
from pose_tracking.skeleton import BLAZEPOSE_33

# Offsets from the bound point in T-pose axes (x to the left for left joints, y up, z forward), in thousandths of the
# stature. Least squares (Huber) over 864 rendered frames of 144 people against BlazePose landmarks of the same frames.
_FITTED: dict[str, tuple[float, float, float]] = {
    "nose": (0.0, 9.5, -6.7),
    "eye_inner": (0.4, 6.9, -1.8),
    "eye": (-0.5, 4.2, -4.7),
    "eye_outer": (-1.8, 4.2, -4.9),
    "ear": (-9.0, 6.6, 21.8),
    "mouth": (4.2, -14.1, -8.4),
    "shoulder": (-14.0, 3.5, 1.8),
    "elbow": (-3.4, -1.4, 6.7),
    "wrist": (1.7, -1.3, 0.6),
    "pinky": (-5.2, -3.6, 15.5),
    "index": (-13.4, -7.9, -9.2),
    "thumb": (4.7, 2.2, -16.2),
    "hip": (-2.5, -10.1, 15.8),
    "knee": (-2.0, -3.9, 3.3),
    "ankle": (-0.4, 13.9, 1.5),
    "heel": (-8.4, 6.0, 6.4),
    "foot_index": (-0.7, 3.6, -12.0),
}
_RIG_BONE = {
    "shoulder": "upperarm",
    "elbow": "lowerarm",
    "wrist": "hand",
    "hip": "pelvis",
    "knee": "calf",
    "ankle": "foot",
}
# How far inside the body each joint lies when it faces the camera, metres: deeper counts as hidden.
_REACH_M = {"hip": 0.17, "shoulder": 0.11, "knee": 0.10, "elbow": 0.08, "ankle": 0.09, "ear": 0.04, "mouth": 0.03}
# How much further away loose cloth may hang, and the bones whose cloth may hide a joint no more than flesh does.
_LOOSE_M = 0.12
_CLOTH = ("top", "bottom")
_LIMBS = {
    "elbow": ("upperarm", "lowerarm"),
    "knee": ("thigh", "calf"),
    "ankle": ("calf", "foot"),
    "heel": ("calf", "foot"),
}


def bind_keypoints(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Rest points [K, 3] in the A-pose and the bone index [K] each is fixed to."""
    names = bone_names()
    points, bones = np.zeros((len(BLAZEPOSE_33), 3)), np.zeros(len(BLAZEPOSE_33), np.int64)
    face = _face_points(body)
    for index, joint in enumerate(BLAZEPOSE_33.joints):
        part = joint.replace("left", "").replace("right", "").strip("_")
        side = "right" if "right" in joint else "left"
        if joint in face:
            bone, frame, point = "head", np.eye(3), face[joint]
        else:
            bone, frame, point = _limb_point(body, side, part)
        offset = np.array(_FITTED.get(part, (0.0, 0.0, 0.0))) * [-1 if side == "right" else 1, 1, 1]
        points[index] = point + frame.T @ offset * (body.person.stature_m / 1000)
        bones[index] = names.index(bone)
    return points, bones


def _limb_point(body: Body, side: str, part: str) -> tuple[str, np.ndarray, np.ndarray]:
    """Bone, rotation from the A-pose to the T-pose there, and the bound point before the fitted offset."""
    s, number = side[0], ("left", "right").index(side)
    finger = {"thumb": (0, 1), "index": (1, 0), "pinky": (4, 0)}.get(part)
    if finger:
        return f"hand_{s}", body.align_J33[JOINT[f"{side}_wrist"]], body.fingers_SF43[number, finger[0], finger[1]]
    if part in ("heel", "foot_index"):
        foot = _foot_vertices()[side]["heel" if part == "heel" else "toe"]
        bone = f"foot_{s}" if part == "heel" else f"ball_{s}"
        return bone, body.align_J33[JOINT[f"{side}_ankle"]], body.vertices_V3[foot].mean(0)
    joint = JOINT[f"{side}_{part}"]
    if part == "hip":
        return "pelvis", np.eye(3), body.joints_J3[joint]
    return f"{_RIG_BONE[part]}_{s}", body.align_J33[joint], body.joints_J3[joint]


@lru_cache(maxsize=1)
def _foot_vertices() -> dict[str, dict[str, np.ndarray]]:
    """Vertices of the back of the heel and of the tip of the great and second toe on the template."""
    vertices = load_base_mesh().vertices_V3[:NUM_BODY_VERTICES]
    found = {}
    for side, sign in (("left", 1), ("right", -1)):
        foot = np.flatnonzero((np.sign(vertices[:, 0]) == sign) & (vertices[:, 1] < -0.74))
        depth = vertices[foot, 2]
        sole = foot[vertices[foot, 1] < -0.775]
        found[side] = {
            "heel": sole[np.argsort(vertices[sole, 2])[:6]],
            "toe": foot[np.argsort(-depth)[:10]],
        }
    return found


@lru_cache(maxsize=1)
def _face_vertices() -> dict[str, np.ndarray]:
    """Template vertices of nose tip, ear canals, mouth corners and eye corners, by geometry."""
    mesh = load_base_mesh()
    vertices = mesh.vertices_V3[:NUM_BODY_VERTICES]
    eye = mesh.vertices_V3[np.unique(mesh.groups["helper-l-eye"].quads_F4)].mean(0)
    mouth = mesh.vertices_V3[np.unique(mesh.groups["joint-mouth"].quads_F4)].mean(0)

    def nearest(*target: float, count: int = 4) -> np.ndarray:
        return np.argsort(np.linalg.norm(vertices - np.array(target), axis=1))[:count]

    head = np.flatnonzero((vertices[:, 1] > eye[1] - 0.06) & (np.abs(vertices[:, 0]) < 0.01))
    found = {"nose": head[np.argsort(-vertices[head, 2])[:4]]}
    lips_z = vertices[
        np.argmin(np.linalg.norm(vertices[:, :2] - [0.024, mouth[1] + 0.008], axis=1) - vertices[:, 2]), 2
    ]
    for side, sign in (("left", 1), ("right", -1)):
        found[f"{side}_eye_inner"] = nearest(sign * (eye[0] - 0.0135), eye[1] - 0.001, eye[2] + 0.014)
        found[f"{side}_eye_outer"] = nearest(sign * (eye[0] + 0.0150), eye[1] + 0.001, eye[2] + 0.006)
        found[f"{side}_ear"] = nearest(sign * 0.072, eye[1] - 0.015, eye[2] - 0.085)
        found[f"mouth_{side}"] = nearest(sign * 0.024, mouth[1] + 0.006, lips_z, count=2)
    return found


def _face_points(body: Body) -> dict[str, np.ndarray]:
    points = {name: body.vertices_V3[index].mean(0) for name, index in _face_vertices().items()}
    mesh = load_base_mesh()
    for side in ("left", "right"):
        ball = body.vertices_V3[np.unique(mesh.groups[f"helper-{side[0]}-eye"].quads_F4)]
        points[f"{side}_eye"] = ball.mean(0) + np.array([0, 0, 0.8 * (ball[:, 2].max() - ball[:, 2].mean())])
    return points


def place_keypoints(
    points_K3: np.ndarray, bones_K: np.ndarray, rotations_B33: np.ndarray, shifts_B3: np.ndarray
) -> np.ndarray:
    """[K, 3] world positions."""
    return np.einsum("kij,kj->ki", rotations_B33[bones_K], points_K3) + shifts_B3[bones_K]


def visible_keypoints(
    points_K3: np.ndarray, camera: Camera, depth_HW: np.ndarray, *, face_HW: np.ndarray, mesh: RenderMesh
) -> np.ndarray:
    """[K] float32, 1 where a joint is in the picture and only its own flesh and the cloth on it lie before it, else 0.

    `depth_HW` and `face_HW` are those of `renderer.Layers`, drawn of `mesh`.
    """
    projected = camera.project(points_K3)
    column, row = np.floor(projected[:, 0]).astype(int), np.floor(projected[:, 1]).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height) & (projected[:, 2] > 0)
    seen = np.zeros(len(points_K3), np.float32)
    for k in np.flatnonzero(inside):
        joint = BLAZEPOSE_33.joints[k]
        reach = next((metres for part, metres in _REACH_M.items() if part in joint), 0.05)
        if _wears(joint, int(face_HW[row[k], column[k]]), mesh):
            reach += _LOOSE_M
        seen[k] = float(depth_HW[row[k], column[k]] > projected[k, 2] - reach)
    return seen


def _wears(joint: str, face: int, mesh: RenderMesh) -> bool:
    """Whether a face of `mesh` (-1 none) is cloth that hangs on the bones next to a joint."""
    if face < 0 or mesh.parts[mesh.piece_F[face]] not in _CLOTH:
        return False
    bone = bone_names()[mesh.bones_VN[mesh.faces_F3[face, 0], 0]]
    return any(
        part in joint and bone.startswith(limbs) and bone.endswith(f"_{joint[0]}") for part, limbs in _LIMBS.items()
    )
