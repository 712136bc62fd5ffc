import dataclasses

import numpy as np
import pytest

from animator.synthesis.base_mesh import NUM_BODY_VERTICES, load_base_mesh
from animator.synthesis.body import Body, bone_motions, bone_names, build_body, skin_weights
from animator.synthesis.cloth import TEMPLATE_PERSON
from animator.synthesis.rig import JOINT, BodyPose, forward_kinematics, rest_pose, rotation
from animator.synthesis.skinning import dual_quaternions, skin_vertices, strongest_influences
from tests.animator.synthesis.poses import pose_from


@pytest.fixture(scope="module")
def body() -> Body:
    return build_body(TEMPLATE_PERSON)


def posed(body: Body, pose: BodyPose) -> np.ndarray:
    bones, weights = strongest_influences(skin_weights())
    return skin_vertices(
        body.vertices_V3.astype(np.float32), bones, weights, dual_quaternions(*bone_motions(body, pose))
    )


def test_rest_pose_stands_on_the_floor_with_level_arms(body: Body) -> None:
    vertices = posed(body, rest_pose())[:NUM_BODY_VERTICES]
    assert abs(vertices[:, 1].min()) < 0.004
    joints = body.rest_J3
    for side in ("left", "right"):
        arm = joints[[JOINT[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist")]]
        np.testing.assert_allclose(np.ptp(arm[:, 1:], axis=0), 0, atol=1e-9)
        leg = joints[[JOINT[f"{side}_{name}"] for name in ("hip", "knee", "ankle")]]
        np.testing.assert_allclose(np.ptp(leg[:, [0, 2]], axis=0), 0, atol=1e-9)


def test_mesh_joints_go_where_forward_kinematics_says(body: Body) -> None:
    pose = pose_from(
        {"left_shoulder": rotation("z", -60), "left_elbow": rotation("y", -80), "spine2": rotation("y", 30)}
    )
    positions, _ = forward_kinematics(pose, body.rest_J3)
    rotations, shifts = bone_motions(body, pose)
    for joint, bone in (
        ("left_elbow", "lowerarm_l"),
        ("left_wrist", "hand_l"),
        ("head", "head"),
        ("right_foot", "ball_r"),
    ):
        number = bone_names().index(bone)
        moved = rotations[number] @ body.joints_J3[JOINT[joint]] + shifts[number]
        np.testing.assert_allclose(moved, positions[JOINT[joint]], atol=1e-9)


def test_thigh_keeps_its_girth_when_the_hip_turns(body: Body) -> None:
    mesh = load_base_mesh()
    thigh = mesh.weights_VJ[:NUM_BODY_VERTICES, mesh.bones.index("thigh_l")] > 0.5

    def girth(pose: BodyPose) -> float:
        points = posed(body, pose)[:NUM_BODY_VERTICES][thigh]
        return float(np.linalg.svd(points - points.mean(0), compute_uv=False)[1])

    turned = pose_from({"left_hip": rotation("y", 60)})
    assert girth(turned) > 0.93 * girth(rest_pose())


@pytest.mark.parametrize("finger", [1, 2, 3, 4])
def test_fist_brings_fingertips_to_the_palm_and_zero_curl_straightens_them(body: Body, finger: int) -> None:
    def reach(curl: float) -> float:
        rotations, shifts = bone_motions(body, dataclasses.replace(rest_pose(), curl_SF=np.full((2, 5), curl)))
        number = bone_names().index(f"{('thumb', 'index', 'middle', 'ring', 'pinky')[finger]}_03_l")
        tip = rotations[number] @ body.fingers_SF43[0, finger, 3] + shifts[number]
        return float(np.linalg.norm(tip - body.rest_J3[JOINT["left_wrist"]]))

    assert reach(0.0) > 1.5 * reach(1.0)
