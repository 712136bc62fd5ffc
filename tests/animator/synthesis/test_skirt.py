import numpy as np
import pytest

from animator.synthesis.body import bone_motions, build_body
from animator.synthesis.cloth import TEMPLATE_PERSON, cloth_template
from animator.synthesis.fabric import Fabric
from animator.synthesis.garments import Garment, _skirt_piece, dress
from animator.synthesis.mesh import join_pieces
from animator.synthesis.rig import JOINT, BodyPose, forward_kinematics, rest_pose, rotation
from animator.synthesis.skinning import dual_quaternions, skin_vertices
from animator.synthesis.skirt import build_skirt_rig, move_skirt
from animator.synthesis.tailoring import Ease, SkirtCut
from tests.animator.synthesis.poses import pose_from


@pytest.fixture(scope="module")
def skirt():  # type: ignore[no-untyped-def]
    body = build_body(TEMPLATE_PERSON)
    fabric = Fabric(
        colour=(90, 90, 90), accent=(0, 0, 0), pattern="plain", scale_m=0.05, folds=1, gloss=0, fuzz=0, seed=1
    )
    garment = Garment(part="skirt", cut=SkirtCut(hem_m=0.3), ease=Ease(), fabric=fabric, flare=0.2)
    pieces, _ = dress(body, [garment])
    mesh = join_pieces(pieces)
    return body, mesh, build_skirt_rig(body, pieces[0].vertices_V3, pieces[0].faces_F3, 0)


def hang(skirt, pose: BodyPose, sway: tuple[float, float] = (0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[no-untyped-def]
    body, mesh, rig = skirt
    rotations, shifts = bone_motions(body, pose)
    vertices = skin_vertices(mesh.vertices_V3, mesh.bones_VN, mesh.weights_VN, dual_quaternions(rotations, shifts))
    joints, turned = forward_kinematics(pose, body.rest_J3)
    move_skirt(rig, vertices, joints, turned[0], np.array(sway))
    return vertices, joints


def test_a_raised_thigh_stays_inside(skirt) -> None:  # type: ignore[no-untyped-def]
    vertices, joints = hang(skirt, pose_from({"left_hip": rotation("x", -55), "left_knee": rotation("x", 60)}))
    knee = joints[JOINT["left_knee"]]
    level = np.abs(vertices[:, 1] - knee[1]) < 0.06
    front = level & (vertices[:, 2] > 0) & (np.abs(vertices[:, 0] - knee[0]) < 0.08)
    assert vertices[front, 2].max() > knee[2] + 0.03


def test_standing_legs_leave_the_skirt_where_it_hangs(skirt) -> None:  # type: ignore[no-untyped-def]
    body, mesh, _ = skirt
    vertices, _ = hang(skirt, rest_pose())
    rotations, shifts = bone_motions(body, rest_pose())
    rigid = skin_vertices(mesh.vertices_V3, mesh.bones_VN, mesh.weights_VN, dual_quaternions(rotations, shifts))
    assert np.abs(vertices - rigid).max() < 0.06


def test_sway_moves_the_hem_and_not_the_waist(skirt) -> None:  # type: ignore[no-untyped-def]
    still, _ = hang(skirt, rest_pose())
    moved, _ = hang(skirt, rest_pose(), sway=(0.2, 0.0))
    shift = (moved - still)[:, 0]
    assert shift[np.argmin(still[:, 1])] > 0.08
    assert abs(shift[np.argmax(still[:, 1])]) < 0.01


def test_cloth_lies_on_a_thigh_raised_level(skirt) -> None:  # type: ignore[no-untyped-def]
    vertices, joints = hang(skirt, pose_from({"left_hip": rotation("x", -90), "left_knee": rotation("x", 90)}))
    hip, knee = joints[JOINT["left_hip"]], joints[JOINT["left_knee"]]
    for share in (0.4, 0.6, 0.8):
        over = hip + share * (knee - hip)
        near = (np.abs(vertices[:, 0] - over[0]) < 0.05) & (np.abs(vertices[:, 2] - over[2]) < 0.05)
        highest = vertices[near, 1].max()
        assert over[1] + 0.03 < highest < over[1] + 0.22


def test_skirts_move_smoothly_while_a_thigh_rises(skirt) -> None:  # type: ignore[no-untyped-def]
    before = None
    for degrees in np.arange(0, 100, 2.0):
        vertices, _ = hang(skirt, pose_from({"left_hip": rotation("x", -degrees), "left_knee": rotation("x", 60)}))
        if before is not None:
            assert np.linalg.norm(vertices - before, axis=1).max() < 0.1
        before = vertices


def test_the_waistband_lies_on_the_waist(skirt) -> None:  # type: ignore[no-untyped-def]
    body, _, _ = skirt
    template = cloth_template("helper-skirt")
    tights = cloth_template("helper-tights")
    fabric = Fabric(
        colour=(90, 90, 90), accent=(0, 0, 0), pattern="plain", scale_m=0.05, folds=1, gloss=0, fuzz=0, seed=1
    )
    garment = Garment(part="skirt", cut=SkirtCut(hem_m=0.3), ease=Ease(), fabric=fabric, flare=0.2)
    cloth = _skirt_piece(body, garment).vertices_V3
    skin = tights.refine_WV @ body.vertices_V3[tights.source]
    skin = skin[np.abs(tights.place_W3[:, 1] - 0.99) < 0.17]
    top = float((template.refine_WV @ body.vertices_V3[template.source])[:, 1].max())
    band = cloth[(cloth[:, 1] > top - 0.02) & (np.abs(cloth[:, 0]) > 0.08)]
    assert len(band) > 10
    stands_off = []
    for x, y, z in band:
        near = skin[(np.abs(skin[:, 1] - y) < 0.012) & (np.abs(skin[:, 2] - z) < 0.03) & (skin[:, 0] * x > 0)]
        if len(near):
            stands_off.append(abs(x) - np.abs(near[:, 0]).max())
    assert max(stands_off) < 0.006
