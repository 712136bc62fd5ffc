"""Visibility: flesh and cloth of its own do not hide a joint, another limb does."""

import numpy as np
import pytest

from animator.synthesis import renderer
from animator.synthesis.backdrop import Backdrop
from animator.synthesis.body import bone_names
from animator.synthesis.camera import Camera
from animator.synthesis.keypoints import visible_keypoints
from animator.synthesis.rig import rotation
from animator.synthesis.scene import Character, pose_vertices
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.synthesis.poses import pose_from


@pytest.mark.parametrize(
    ("part", "bone", "loose_m", "visible"),
    [
        ("bottom", "calf_l", 0.15, 1.0),
        ("bottom", "thigh_l", 0.20, 1.0),
        ("bottom", "calf_l", 0.30, 0.0),
        ("bottom", "calf_r", 0.15, 0.0),
        ("skin", "calf_l", 0.15, 0.0),
        ("skin", "hand_l", 0.15, 0.0),
        ("skin", "calf_l", 0.08, 1.0),
    ],
)
def test_a_wide_trouser_leg_does_not_hide_its_knee(
    character: Character, camera: Camera, backdrop: Backdrop, part: str, bone: str, loose_m: float, visible: float
) -> None:
    """The surface before the left knee is replaced by a face of `bone`, `loose_m` before the joint."""
    mesh = character.mesh
    vertices, joints = pose_vertices(character, pose_from({"left_shoulder": rotation("z", -65)}))
    drawn = renderer.draw(mesh, vertices, camera=camera, light=backdrop.light, background_HW3=backdrop.image_HW3)
    knee = BLAZEPOSE_33.index("left_knee")
    x, y, depth_m = camera.project(joints)[knee]
    bones = np.array(bone_names())[mesh.bones_VN[mesh.faces_F3[:, 0], 0]]
    faces = np.flatnonzero((bones == bone) & (np.array(mesh.parts)[mesh.piece_F] == part))
    depth, face = drawn.depth_HW.copy(), drawn.face_HW.copy()
    depth[int(y), int(x)], face[int(y), int(x)] = depth_m - loose_m, faces[0]
    assert visible_keypoints(joints, camera, depth, face_HW=face, mesh=mesh)[knee] == visible
