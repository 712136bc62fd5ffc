"""A person's body: shaped vertices, the rig fitted into them, and the bone motions of a pose.

The base mesh stands in an A-pose with bent elbows and fingers. Fitting turns every limb onto the T-pose of
`rig.py` once; a pose then is "A-pose to T-pose, then the pose", bone by bone. Three extra bones per side keep
twists where anatomy has them: upper arm and thigh next to the trunk only swing, the forearm twists along its length.

Legend: V vertices, J joints, B bones, S sides, F fingers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from animator.synthesis.base_mesh import NUM_BODY_VERTICES, BaseMesh, load_base_mesh
from animator.synthesis.phenotype import Phenotype, shape_vertices
from animator.synthesis.rig import JOINT, JOINTS, NUM_JOINTS, PARENTS, BodyPose, forward_kinematics

_BONE_OF_JOINT = {
    "pelvis": "pelvis",
    "spine1": "spine_01",
    "spine2": "spine_02",
    "spine3": "spine_03",
    "neck": "neck_01",
    "head": "head",
} | {
    f"{side}_{joint}": f"{bone}_{side[0]}"
    for side in ("left", "right")
    for joint, bone in (
        ("hip", "thigh"),
        ("knee", "calf"),
        ("ankle", "foot"),
        ("foot", "ball"),
        ("collar", "clavicle"),
        ("shoulder", "upperarm"),
        ("elbow", "lowerarm"),
        ("wrist", "hand"),
    )
}
_CUBE_OF_JOINT = {
    "pelvis": "pelvis",
    "spine1": "spine-4",
    "spine2": "spine-3",
    "spine3": "spine-2",
    "neck": "neck",
    "head": "head",
} | {
    f"{side}_{joint}": f"{side[0]}-{cube}"
    for side in ("left", "right")
    for joint, cube in (
        ("hip", "upper-leg"),
        ("knee", "knee"),
        ("ankle", "ankle"),
        ("foot", "foot-1"),
        ("collar", "clavicle"),
        ("shoulder", "shoulder"),
        ("elbow", "elbow"),
        ("wrist", "hand"),
    )
}
# Takes a bone's name, its rotation, the point it turns about in the A-pose, and where that point goes.
_Placer = Callable[[str, np.ndarray, np.ndarray, np.ndarray], None]
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
# Limb joint -> its child, for the joints whose rest direction is turned onto the T-pose.
_LIMBS = {"shoulder": "elbow", "elbow": "wrist", "hip": "knee", "knee": "ankle"}
# Bend of the three phalanges against the palm at a closed fist, degrees.
_FIST_DEG = np.array([78.0, 172.0, 235.0])
_THUMB_FIST_DEG = np.array([18.0, 52.0, 100.0])
# Sideways turn of each finger at full spread, degrees.
_FAN_DEG = np.array([22.0, 13.0, 2.0, -9.0, -19.0])
_EXTRA_BONES = tuple(f"{name}_{s}" for s in "lr" for name in ("upperarm_swing", "thigh_swing", "lowerarm_twist"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Body:
    """One person's body, ready to be posed.

    Attributes:
        vertices_V3: shaped base mesh with helpers in the A-pose, metres.
        joints_J3: the rig's joints in the A-pose.
        rest_J3: the rig's joints in the T-pose, soles on the floor (for `forward_kinematics`).
        align_J33: turns each joint's surroundings from the A-pose into the T-pose.
        fingers_SF43: ends of the phalanges in the A-pose.
        person: who this is.
    """

    vertices_V3: np.ndarray
    joints_J3: np.ndarray
    rest_J3: np.ndarray
    align_J33: np.ndarray
    fingers_SF43: np.ndarray
    person: Phenotype


def bone_names() -> tuple[str, ...]:
    """Names of the B bones, in the order of `bone_motions` and of `skin_weights`."""
    return load_base_mesh().bones + _EXTRA_BONES


def build_body(person: Phenotype) -> Body:
    """Shapes the mesh for `person` and fits the rig into it."""
    mesh = load_base_mesh()
    vertices = shape_vertices(person)
    joints = np.stack([_cube_centre(mesh, vertices, _CUBE_OF_JOINT[name]) for name in JOINTS])
    fingers = np.stack(
        [
            [[_cube_centre(mesh, vertices, f"{s}-finger-{f}-{k}") for k in range(1, 5)] for f in range(1, 6)]
            for s in "lr"
        ]
    )
    align = _align(joints, fingers)
    rest = np.zeros((NUM_JOINTS, 3))
    for joint in range(1, NUM_JOINTS):
        parent = PARENTS[joint]
        rest[joint] = rest[parent] + align[parent] @ (joints[joint] - joints[parent])
    feet = [_sole_depth(mesh, vertices, joints, rest, align, side) for side in ("left", "right")]
    rest[:, 1] -= min(feet)
    return Body(
        vertices_V3=vertices, joints_J3=joints, rest_J3=rest, align_J33=align, fingers_SF43=fingers, person=person
    )


def _cube_centre(mesh: BaseMesh, vertices: np.ndarray, cube: str) -> np.ndarray:
    return vertices[np.unique(mesh.groups[f"joint-{cube}"].quads_F4)].mean(0)


def _turn_between(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Smallest rotation [3, 3] taking the direction `source` to `target`."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, a @ b)).as_matrix()


def _align(joints: np.ndarray, fingers: np.ndarray) -> np.ndarray:
    align = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        arm, leg = np.array([sign, 0, 0]), np.array([0, -1.0, 0])
        for first, second, direction in (("shoulder", "elbow", arm), ("hip", "knee", leg)):
            parent = np.eye(3)
            for joint, child in ((first, second), (second, _LIMBS[second])):
                here, there = JOINT[f"{side}_{joint}"], JOINT[f"{side}_{child}"]
                align[here] = _turn_between(parent @ (joints[there] - joints[here]), direction) @ parent
                parent = align[here]
        ankle, ball = JOINT[f"{side}_ankle"], JOINT[f"{side}_foot"]
        forward = joints[ball] - joints[ankle]
        yaw = _turn_between(forward * [1, 0, 1], np.array([0, 0, 1.0]))
        align[ankle] = align[ball] = yaw
        hand = fingers[0 if side == "left" else 1]
        align[JOINT[f"{side}_wrist"]] = _hand_frame(joints[JOINT[f"{side}_wrist"]], hand, arm)
    return align


def _hand_frame(wrist: np.ndarray, hand_F43: np.ndarray, outward: np.ndarray) -> np.ndarray:
    """Turns the hand so that its middle finger's root lies outward and the knuckles run along z, palm down."""
    along = hand_F43[2, 0] - wrist
    along /= np.linalg.norm(along)
    across = hand_F43[1, 0] - hand_F43[4, 0]
    across -= along * (across @ along)
    across /= np.linalg.norm(across)
    source = np.stack([along, across, np.cross(along, across)], axis=1)
    forward = np.array([0.0, 0.0, 1.0])
    target = np.stack([outward, forward, np.cross(outward, forward)], axis=1)
    return target @ source.T


def _sole_depth(
    mesh: BaseMesh, vertices: np.ndarray, joints: np.ndarray, rest: np.ndarray, align: np.ndarray, side: str
) -> float:
    ankle = JOINT[f"{side}_ankle"]
    foot = mesh.weights_VJ[:NUM_BODY_VERTICES, mesh.bones.index(f"foot_{side[0]}")] > 0.3
    low = (vertices[:NUM_BODY_VERTICES][foot] - joints[ankle]) @ align[ankle].T
    return float(rest[ankle, 1] + low[:, 1].min())


@lru_cache(maxsize=1)
def skin_weights() -> np.ndarray:
    """[V, B] float32 weights of the base mesh, twist bones included."""
    mesh = load_base_mesh()
    vertices = mesh.vertices_V3
    names = bone_names()
    weights = np.zeros((len(vertices), len(names)), np.float32)
    weights[:, : len(mesh.bones)] = mesh.weights_VJ
    for side in "lr":
        for bone, start, end, extra, near_end in (
            ("upperarm", "shoulder", "elbow", "upperarm_swing", False),
            ("thigh", "upper-leg", "knee", "thigh_swing", False),
            ("lowerarm", "elbow", "hand", "lowerarm_twist", True),
        ):
            head = _cube_centre(mesh, vertices, f"{side}-{start}")
            axis = _cube_centre(mesh, vertices, f"{side}-{end}") - head
            along = np.clip((vertices - head) @ axis / (axis @ axis), 0, 1)
            share = along if near_end else np.clip(1 - 1.25 * along, 0, 1)
            column = names.index(f"{bone}_{side}")
            weights[:, names.index(f"{extra}_{side}")] = weights[:, column] * share
            weights[:, column] *= 1 - share
    return weights


def bone_motions(body: Body, pose: BodyPose) -> tuple[np.ndarray, np.ndarray]:
    """Rotations [B, 3, 3] and shifts [B, 3] that take the A-pose vertices of each bone into the posed world."""
    positions, turned = forward_kinematics(pose, body.rest_J3)
    rotations: dict[str, np.ndarray] = {}
    shifts: dict[str, np.ndarray] = {}

    def place(bone: str, turn: np.ndarray, pivot: np.ndarray, at: np.ndarray) -> None:
        rotations[bone], shifts[bone] = turn, at - turn @ pivot

    for name, joint in JOINT.items():
        turn = turned[joint] @ body.align_J33[joint]
        place(_BONE_OF_JOINT[name], turn, body.joints_J3[joint], positions[joint])
    place("Root", rotations["pelvis"], body.joints_J3[0], positions[0])
    for number in range(2):
        _place_twists(body, pose, number, positions, turned, place)
        wrist = JOINT[("left_wrist", "right_wrist")[number]]
        _place_fingers(body, pose, number, positions[wrist], turned[wrist], place)
    names = bone_names()
    return np.stack([rotations[n] for n in names]), np.stack([shifts[n] for n in names])


def _place_twists(
    body: Body, pose: BodyPose, number: int, positions: np.ndarray, turned: np.ndarray, place: _Placer
) -> None:
    """The bones that share a twist: upper arm and thigh next to the trunk without it, the forearm with the hand's."""
    side, outward = (("left", 1.0), ("right", -1.0))[number]
    for joint, parent, axis, bone in (
        ("shoulder", f"{side}_collar", np.array([outward, 0, 0]), "upperarm_swing"),
        ("hip", "pelvis", np.array([0, -1.0, 0]), "thigh_swing"),
    ):
        here = JOINT[f"{side}_{joint}"]
        swing = pose.rotations_J33[here] @ _twist(pose.rotations_J33[here], axis).T
        turn = turned[JOINT[parent]] @ swing @ body.align_J33[here]
        place(f"{bone}_{side[0]}", turn, body.joints_J3[here], positions[here])
    elbow, wrist, axis = JOINT[f"{side}_elbow"], JOINT[f"{side}_wrist"], np.array([outward, 0, 0])
    built_in = _twist(body.align_J33[wrist] @ body.align_J33[elbow].T, axis)
    turn = turned[elbow] @ _twist(pose.rotations_J33[wrist], axis) @ built_in @ body.align_J33[elbow]
    place(f"lowerarm_twist_{side[0]}", turn, body.joints_J3[elbow], positions[elbow])


def _twist(turn: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The part of `turn` about `axis` (swing-twist decomposition)."""
    x, y, z, w = Rotation.from_matrix(turn).as_quat()
    amount = np.array([x, y, z]) @ axis
    if abs(amount) < 1e-9 and abs(w) < 1e-9:
        return np.eye(3)
    return Rotation.from_quat([*(axis * amount), w]).as_matrix()


def _place_fingers(body: Body, pose: BodyPose, number: int, at: np.ndarray, turned: np.ndarray, place: _Placer) -> None:
    """Bends the phalanges in the frame of the hand: down towards the palm, with a fan about the vertical."""
    wrist = JOINT[("left_wrist", "right_wrist")[number]]
    align, outward = body.align_J33[wrist], (1.0, -1.0)[number]
    for finger, name in enumerate(FINGERS):
        ends = (body.fingers_SF43[number, finger] - body.joints_J3[wrist]) @ align.T
        bones = np.diff(ends, axis=0)
        pivot = ends[0]
        for k, turn in enumerate(_phalanx_turns(bones, finger, pose.curl_SF[number, finger], outward)):
            yaw = np.deg2rad(_FAN_DEG[finger] * (pose.spread_S[number] - 0.25)) * -outward
            turn = Rotation.from_rotvec([0, yaw, 0]).as_matrix() @ turn
            place(
                f"{name}_0{k + 1}_{'lr'[number]}",
                turned @ turn @ align,
                body.fingers_SF43[number, finger, k],
                at + turned @ pivot,
            )
            pivot = pivot + turn @ bones[k]


def _phalanx_turns(bones_33: np.ndarray, finger: int, curl: float, outward: float) -> list[np.ndarray]:
    if finger == 0:
        hinge = np.cross(bones_33[1], [0.35 * outward, -0.6, -1.0])
        angles = _THUMB_FIST_DEG * (curl - 0.2)
    else:
        flat = bones_33[0] * [1, 0, 1]
        hinge = np.cross(flat, [0.0, -1.0, 0.0])
        length = np.linalg.norm(flat)
        bent = [np.rad2deg(np.arctan2(-bone[1], bone @ flat / length)) for bone in bones_33]
        angles = 4.0 + _FIST_DEG * curl - np.array(bent)
    hinge = hinge / np.linalg.norm(hinge)
    return [Rotation.from_rotvec(hinge * np.deg2rad(angle)).as_matrix() for angle in angles]
