"""A person and a frame of them: `Character` from a seed, `render_frame` from character, pose, camera and backdrop.

Everything is a pure function of its arguments; nothing is kept between frames. What lags (skirts, long hair)
takes its lag as an argument.

Legend: H W pixels, K = 33 BlazePose joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from animator.errors import JobError
from animator.synthesis import keypoints, renderer
from animator.synthesis.backdrop import Backdrop
from animator.synthesis.base_mesh import NUM_BODY_VERTICES, read_target
from animator.synthesis.body import Body, bone_motions
from animator.synthesis.camera import Camera
from animator.synthesis.casting import cast_person
from animator.synthesis.hair_sway import HairRig, build_hair_rig, move_hair
from animator.synthesis.mesh import RenderMesh, join_pieces
from animator.synthesis.rig import BodyPose, forward_kinematics
from animator.synthesis.skinning import dual_quaternions, skin_vertices
from animator.synthesis.skirt import SkirtRig, build_skirt_rig, move_skirt
from animator.synthesis.splits import SPLITS

_SMILE = ("mouth-corner-puller", "mouth-upward-retraction")
_BLINK = ("eye-left-closure", "eye-right-closure")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RenderedFrame:
    """One picture with exact ground truth.

    Attributes:
        image_HWC: uint8 sRGB.
        matte_HW: float32 coverage by the person, 0 to 1.
        parts_HW: uint8 index from `mesh.PARTS`, 0 background.
        layers_HW: uint8 layer within the part, 0 background: tells apart what shares (u, v), as both shoes may.
        uv_HW2: float32 (u, v) of the surface point within its part and layer; 0 on the background.
        depth_HW: float32 metres along the view axis; inf on the background.
        keypoints_K2, visibility_K: float32 px and 0 or 1, in BlazePose-33 order.
        keypoints_K3: float32 world metres.
    """

    image_HWC: np.ndarray
    matte_HW: np.ndarray
    parts_HW: np.ndarray
    layers_HW: np.ndarray
    uv_HW2: np.ndarray
    depth_HW: np.ndarray
    keypoints_K2: np.ndarray
    visibility_K: np.ndarray
    keypoints_K3: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Character:
    """A dressed person, ready to be posed and drawn.

    Attributes:
        body: shape and fitted rig; `body.rest_J3` are the rest joints for `rig.forward_kinematics`.
        mesh: all pieces.
        lift_m: thickness of the soles: everything stands this much higher.
        skirt: dynamics of the skirt, if one is worn.
        hair: dynamics of the hair, if it is long.
        expressions: vertex numbers in the mesh and their shifts for "smile" and "blink".
        bound_K3, bones_K: the tracker's joints in the A-pose and the bones they move with.
    """

    body: Body
    mesh: RenderMesh
    lift_m: float
    skirt: SkirtRig | None
    hair: HairRig | None
    expressions: dict[str, tuple[np.ndarray, np.ndarray]]
    bound_K3: np.ndarray
    bones_K: np.ndarray

    @classmethod
    def from_seed(cls, seed: int, *, split: str = "train", wardrobe: Path | None = None) -> Character:
        """The person with this seed. Body, garments and hair are drawn from identities of `split` only.

        Raises:
            JobError: an unknown split.
        """
        if split not in SPLITS:
            raise JobError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        cast = cast_person(seed, split=split, wardrobe=wardrobe)
        mesh = join_pieces(cast.pieces)
        skirt = hair = None
        for piece, start in zip(cast.pieces, mesh.starts, strict=True):
            if piece.part == "skirt":
                skirt = build_skirt_rig(cast.body, piece.vertices_V3, piece.faces_F3, start)
            elif piece.part == "hair":
                hair = build_hair_rig(cast.body, piece.vertices_V3, start)
        bound, bones = keypoints.bind_keypoints(cast.body)
        return cls(
            body=cast.body,
            mesh=mesh,
            lift_m=cast.lift_m,
            skirt=skirt,
            hair=hair,
            expressions={
                "smile": _expression(cast.body, _SMILE, cast.skin_index),
                "blink": _expression(cast.body, _BLINK, cast.skin_index),
            },
            bound_K3=bound,
            bones_K=bones,
        )


def _expression(body: Body, targets: tuple[str, ...], skin_index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skin vertices an expression moves and their shifts at full strength; skin is the mesh's first piece."""
    shift = np.zeros((NUM_BODY_VERTICES, 3))
    for target in targets:
        index, offset = read_target(f"expression/units/caucasian/{target}")
        inside = index < NUM_BODY_VERTICES
        shift[index[inside]] += offset[inside]
    mine = shift[skin_index] * (body.person.stature_m / 1.67)
    moved = np.flatnonzero(np.abs(mine).sum(1) > 1e-6)
    return moved, mine[moved].astype(np.float32)


def pose_vertices(
    character: Character, pose: BodyPose, *, sway_2: np.ndarray | None = None, hair_3: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """World vertices [V, 3] float32 of the posed mesh, and the tracker's joints [K, 3]."""
    rotations, shifts = bone_motions(character.body, pose)
    shifts = shifts + np.array([0.0, character.lift_m, 0.0])
    rest = character.mesh.vertices_V3
    if pose.smile > 0 or pose.blink > 0:
        rest = rest.copy()
        for name, amount in (("smile", pose.smile), ("blink", pose.blink)):
            index, offset = character.expressions[name]
            rest[index] += np.float32(amount) * offset
    vertices = skin_vertices(
        rest, character.mesh.bones_VN, character.mesh.weights_VN, dual_quaternions(rotations, shifts)
    )
    joints, turned = forward_kinematics(pose, character.body.rest_J3)
    joints = joints + np.array([0.0, character.lift_m, 0.0])
    if character.skirt is not None:
        move_skirt(character.skirt, vertices, joints, turned[0], np.zeros(2) if sway_2 is None else sway_2)
    if character.hair is not None and hair_3 is not None:
        move_hair(character.hair, vertices, joints, turned, hair_3)
    return vertices, keypoints.place_keypoints(character.bound_K3, character.bones_K, rotations, shifts)


def render_frame(
    character: Character,
    body_pose: BodyPose,
    camera: Camera,
    background: Backdrop,
    *,
    sway_2: np.ndarray | None = None,
    hair_3: np.ndarray | None = None,
) -> RenderedFrame:
    """Draws `character` in `body_pose` before `background`.

    `sway_2` is the lag of the skirt (see `spring.SwaySpring`), `hair_3` that of long hair (see
    `hair_sway.hair_sway`); without them they hang still.

    Raises:
        JobError: the backdrop was made for another picture size.
    """
    if background.image_HW3.shape[:2] != (camera.height, camera.width):
        raise JobError(
            f"the backdrop has {background.image_HW3.shape[:2]} px, the camera {(camera.height, camera.width)}; "
            "make the backdrop with the same camera"
        )
    vertices, joints = pose_vertices(character, body_pose, sway_2=sway_2, hair_3=hair_3)
    layers = renderer.draw(
        character.mesh,
        vertices,
        camera=camera,
        light=background.light,
        background_HW3=background.image_HW3,
        floor_strength=background.floor_strength,
    )
    return RenderedFrame(
        image_HWC=layers.image_HWC,
        matte_HW=layers.matte_HW,
        parts_HW=layers.parts_HW,
        layers_HW=layers.layers_HW,
        uv_HW2=layers.uv_HW2,
        depth_HW=layers.depth_HW,
        keypoints_K2=camera.project(joints)[:, :2].astype(np.float32),
        visibility_K=keypoints.visible_keypoints(
            joints, camera, layers.depth_HW, face_HW=layers.face_HW, mesh=character.mesh
        ),
        keypoints_K3=joints.astype(np.float32),
    )
