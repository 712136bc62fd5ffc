import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from animator.errors import JobError
from animator.synthesis import renderer
from animator.synthesis.backdrop import Backdrop, make_backdrop
from animator.synthesis.camera import Camera
from animator.synthesis.mesh import PARTS
from animator.synthesis.rig import BodyPose, rotation
from animator.synthesis.scene import Character, RenderedFrame, pose_vertices, render_frame
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.synthesis.poses import pose_from


def standing(yaw_deg: float = 0.0) -> BodyPose:
    return pose_from(
        {
            "pelvis": rotation("y", yaw_deg),
            "left_shoulder": rotation("z", -65),
            "right_shoulder": rotation("z", 65),
            "left_elbow": rotation("y", -15),
            "right_elbow": rotation("y", 15),
        }
    )


@pytest.fixture(scope="module")
def frame(character: Character, camera: Camera, backdrop: Backdrop) -> RenderedFrame:
    return render_frame(character, standing(), camera, backdrop)


def test_same_seed_gives_the_same_bytes(frame: RenderedFrame, camera: Camera) -> None:
    again = render_frame(Character.from_seed(3), standing(), camera, make_backdrop(2, camera))
    for field in dataclasses.fields(RenderedFrame):
        assert getattr(again, field.name).tobytes() == getattr(frame, field.name).tobytes()


def test_held_out_people_differ_from_those_of_training(character: Character) -> None:
    other = Character.from_seed(3, split="held-out")
    assert other.body.person != character.body.person


def test_unknown_split_is_named() -> None:
    with pytest.raises(JobError, match="'test'"):
        Character.from_seed(1, split="test")


def test_matte_parts_depth_and_uv_agree(frame: RenderedFrame) -> None:
    covered = frame.matte_HW > 0
    np.testing.assert_array_equal(covered, frame.parts_HW > 0)
    np.testing.assert_array_equal(covered, np.isfinite(frame.depth_HW))
    assert set(np.unique(frame.parts_HW)) <= {0, *PARTS.values()}
    assert 3.5 < frame.depth_HW[covered].min() < frame.depth_HW[covered].max() < 5.5
    assert frame.uv_HW2.min() >= -1e-3
    assert frame.uv_HW2.max() <= 1 + 1e-3


def test_joints_lie_on_the_person_and_left_is_on_the_right_of_a_frontal_picture(frame: RenderedFrame) -> None:
    points = frame.keypoints_K2
    column, row = points[:, 0].astype(int), points[:, 1].astype(int)
    near = np.array([frame.matte_HW[r - 2 : r + 3, c - 2 : c + 3].max() for r, c in zip(row, column, strict=True)])
    assert (near > 0.5).mean() > 0.95
    for joint in ("shoulder", "hip", "knee", "eye"):
        assert points[BLAZEPOSE_33.index(f"left_{joint}"), 0] > points[BLAZEPOSE_33.index(f"right_{joint}"), 0]
    assert points[BLAZEPOSE_33.index("left_ankle"), 1] > points[BLAZEPOSE_33.index("left_knee"), 1]


def test_face_is_hidden_from_behind_and_seen_from_the_front(
    character: Character, frame: RenderedFrame, camera: Camera, backdrop: Backdrop
) -> None:
    behind = render_frame(character, standing(180), camera, backdrop)
    nose = BLAZEPOSE_33.index("nose")
    assert frame.visibility_K[nose] == 1
    assert behind.visibility_K[nose] == 0


def test_feet_stand_on_the_floor(character: Character, frame: RenderedFrame) -> None:
    heel = frame.keypoints_K3[BLAZEPOSE_33.index("left_heel")]
    assert -0.01 < heel[1] < 0.09 + character.lift_m


def test_part_uv_of_another_frame_reproduces_the_cloth(
    character: Character, frame: RenderedFrame, camera: Camera, backdrop: Backdrop
) -> None:
    """Colours looked up by (part, u, v) in a second view match the first, up to the change of light."""
    other = render_frame(character, standing(12), camera, backdrop)
    known: dict[tuple[int, int, int], np.ndarray] = {}
    solid = other.matte_HW == 1
    for row, column in zip(*np.nonzero(solid), strict=True):
        u, v = (other.uv_HW2[row, column] * 96).astype(int)
        known[other.parts_HW[row, column], u, v] = other.image_HWC[row, column]
    errors = []
    for row, column in zip(*np.nonzero(frame.matte_HW == 1), strict=True):
        u, v = (frame.uv_HW2[row, column] * 96).astype(int)
        colour = known.get((frame.parts_HW[row, column], u, v))
        if colour is not None:
            errors.append(np.subtract(frame.image_HWC[row, column], colour, dtype=float))
    assert len(errors) > 0.3 * (frame.matte_HW == 1).sum()
    assert 10 * np.log10(255**2 / np.mean(np.square(errors))) > 22


def test_light_does_not_jump_as_a_person_drifts(character: Character, camera: Camera, backdrop: Backdrop) -> None:
    """Shadow and occlusion maps follow by whole cells: no step of 2 mm changes the picture much more than the others.

    The light lies on a person the size of the picture; 44 mm of drift pass the grid of every map.
    """
    light, mesh = backdrop.light, character.mesh
    rest, _ = pose_vertices(character, standing())
    eye, pictures = camera.position_3, []
    for step in range(23):
        drift = np.array([0.002 * step, 0, 0])
        follow = dataclasses.replace(camera, position_3=eye + drift)
        vertices = (rest + drift).astype(np.float32)
        plain = np.full((camera.height, camera.width, 3), 0.5, np.float32)
        pictures.append(renderer.draw(mesh, vertices, camera=follow, light=light, background_HW3=plain).image_HWC)
    changes = np.array([np.abs(a.astype(int) - b).mean() for a, b in pairwise(pictures)])
    assert changes.max() < 1.6 * np.median(changes)


def test_backdrop_of_another_size_is_refused(character: Character, camera: Camera) -> None:
    wide = dataclasses.replace(camera, width=200)
    with pytest.raises(JobError, match="same camera"):
        render_frame(character, standing(), camera, make_backdrop(2, wide))


def test_smile_and_blink_change_the_face_only(
    character: Character, frame: RenderedFrame, camera: Camera, backdrop: Backdrop
) -> None:
    smiling = render_frame(character, dataclasses.replace(standing(), smile=1.0, blink=1.0), camera, backdrop)
    changed = np.nonzero((smiling.image_HWC != frame.image_HWC).any(-1))[0]
    chin = frame.keypoints_K2[BLAZEPOSE_33.index("left_shoulder"), 1]
    assert len(changed)
    assert changed.max() < chin + 6
