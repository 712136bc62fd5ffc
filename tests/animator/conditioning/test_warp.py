"""The photo carried along the limbs: where it goes, what it keeps, what it reports."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp import PhotoWarp
from animator.conditioning.warp.bones import HEAD, LEFT_FOREARM, LEFT_UPPER_ARM, bone_pose
from animator.conditioning.warp.head import NECK_LEAN
from animator.conditioning.warp.raster import NOTHING, inverse_maps, rasterize
from animator.conditioning.warp.skinning import bone_motion
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import draw_figure, standing_pose

SIZE = (192, 240)
STANDING = standing_pose(height=200, center_x=96, top=20)


@pytest.fixture(scope="module")
def figure():
    picture, matte = draw_figure(STANDING, SIZE)
    photo = torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255
    return photo, torch.from_numpy(matte)


@pytest.fixture(scope="module")
def warp(figure):
    photo, matte = figure
    return PhotoWarp(photo, matte, torch.from_numpy(STANDING), torch.ones(33))


def _carry(warp, keypoints_K2):
    keypoints = torch.from_numpy(np.asarray(keypoints_K2, dtype=np.float32))[None]
    return warp(keypoints, torch.ones(1, 33))


def _moved(joints, shift):
    pose = STANDING.copy()
    for joint in joints:
        pose[BLAZEPOSE_33.index(joint)] += shift
    return pose


def test_the_photos_own_pose_gives_the_photo_back(warp, figure):
    photo, matte = figure
    result = _carry(warp, STANDING)
    inside = matte > 0.99
    assert (result.colors_B3HW[0] - photo).abs()[:, inside].mean() < 0.01
    assert (result.coverage_BHW[0] - matte).abs().mean() < 0.01
    assert result.repair_BHW[0][inside].mean() < 0.02


def test_a_shifted_pose_shifts_the_picture(warp, figure):
    photo, matte = figure
    result = _carry(warp, STANDING + np.array([10, 6], dtype=np.float32))
    wanted = torch.roll(photo, (6, 10), (1, 2))
    inside = torch.roll(matte, (6, 10), (0, 1)) > 0.99
    assert (result.colors_B3HW[0] - wanted).abs()[:, inside].mean() < 0.01


def test_a_scaled_pose_scales_the_person(warp, figure):
    _, matte = figure
    center = np.array([96, 120], dtype=np.float32)
    result = _carry(warp, (STANDING - center) * 0.8 + center)
    assert float(result.coverage_BHW.sum()) == pytest.approx(0.64 * float(matte.sum()), rel=0.03)


def test_a_person_who_turned_round_shows_the_photo_mirrored(warp, figure):
    photo, matte = figure
    turned = STANDING.copy()
    turned[:, 0] = 192 - turned[:, 0]
    result = _carry(warp, turned)
    inside = torch.flip(matte, (1,)) > 0.99
    # The face stays where the face is: left and right differ only in the limbs here.
    assert (result.colors_B3HW[0] - torch.flip(photo, (2,))).abs()[:, inside].mean() < 0.015


def test_a_raised_arm_leaves_the_body_whole_and_shows_at_its_new_place(warp, figure):
    photo, _ = figure
    pose = STANDING.copy()
    shoulder = pose[BLAZEPOSE_33.index("left_shoulder")]
    for joint in ("elbow", "wrist", "pinky", "index", "thumb"):
        place = BLAZEPOSE_33.index(f"left_{joint}")
        offset = pose[place] - shoulder
        pose[place] = shoulder + np.array([offset[0], -offset[1]])
    result = _carry(warp, pose)
    elbow = pose[BLAZEPOSE_33.index("left_elbow")].astype(int)
    assert result.coverage_BHW[0, elbow[1], elbow[0]] > 0.9
    hip, neck = STANDING[BLAZEPOSE_33.index("left_hip")], STANDING[BLAZEPOSE_33.index("nose")]
    for x, y in ((96, int((hip[1] + neck[1]) / 2)), (int(hip[0]), int(hip[1]) - 10)):
        assert result.coverage_BHW[0, y, x] > 0.98
        assert (result.colors_B3HW[0, :, y, x] - photo[:, y, x]).abs().max() < 0.05
    old_wrist = STANDING[BLAZEPOSE_33.index("left_wrist")].astype(int)
    assert result.coverage_BHW[0, old_wrist[1], old_wrist[0]] < 0.1


def test_a_batch_gives_what_its_poses_give_one_by_one(warp):
    poses = torch.from_numpy(np.stack([STANDING, STANDING + 7, _moved(["left_wrist"], [-9, -30])]))
    together = warp(poses, torch.ones(3, 33))
    for place in range(3):
        alone = warp(poses[place : place + 1], torch.ones(1, 33))
        torch.testing.assert_close(together.colors_B3HW[place], alone.colors_B3HW[0], atol=1e-4, rtol=0)
        torch.testing.assert_close(together.repair_BHW[place], alone.repair_BHW[0], atol=1e-4, rtol=0)


def test_joints_nobody_saw_stay_with_their_parent_and_nothing_is_nan(warp):
    keypoints, confidence = torch.from_numpy(STANDING.copy())[None], torch.ones(1, 33)
    for joint in ("left_knee", "left_ankle", "left_foot_index", "right_wrist", "right_index", "right_pinky"):
        keypoints[0, BLAZEPOSE_33.index(joint)] = float("nan")
        confidence[0, BLAZEPOSE_33.index(joint)] = 0
    result = warp(keypoints, confidence)
    assert all(bool(part.isfinite().all()) for part in (result.colors_B3HW, result.coverage_BHW, result.repair_BHW))
    ankle = STANDING[BLAZEPOSE_33.index("left_ankle")].astype(int)
    assert result.coverage_BHW[0, ankle[1] - 5, ankle[0]] > 0.9


def test_a_limb_the_photo_does_not_show_is_reported_for_repair(figure):
    photo, matte = figure
    confidence = torch.ones(33)
    for joint in ("left_ankle", "left_heel", "left_foot_index", "left_knee"):
        confidence[BLAZEPOSE_33.index(joint)] = 0
    cut = matte.clone()
    hip = STANDING[BLAZEPOSE_33.index("left_hip")]
    cut[int(hip[1]) + 12 :, 96:] = 0
    warp = PhotoWarp(photo, cut, torch.from_numpy(STANDING), confidence)
    result = _carry(warp, STANDING)
    knee = STANDING[BLAZEPOSE_33.index("left_knee")].astype(int)
    assert result.repair_BHW[0, knee[1], knee[0]] > 0.8


def test_a_bent_elbow_keeps_the_upper_arm_and_turns_the_forearm():
    photo = bone_pose(torch.from_numpy(STANDING)[None], torch.ones(1, 33))
    pose = STANDING.copy()
    elbow, wrist = (pose[BLAZEPOSE_33.index(f"left_{joint}")] for joint in ("elbow", "wrist"))
    pose[BLAZEPOSE_33.index("left_wrist")] = elbow + (wrist - elbow)[::-1] * [1, -1]
    motion = bone_motion(photo, bone_pose(torch.from_numpy(pose)[None], torch.ones(1, 33)))
    assert abs(float(motion.angle_BJ[0, LEFT_UPPER_ARM])) < 1e-3
    assert float(motion.angle_BJ[0, LEFT_FOREARM]) == pytest.approx(-np.pi / 2, abs=1e-3)


@pytest.mark.parametrize("aside", [-40, 40])
def test_a_face_that_leans_far_aside_takes_the_head_no_farther_than_the_neck_reaches(aside):
    face = [name for name in BLAZEPOSE_33.joints if any(part in name for part in ("nose", "eye", "ear", "mouth"))]
    photo = bone_pose(torch.from_numpy(STANDING)[None], torch.ones(1, 33))
    leaning = bone_pose(torch.from_numpy(_moved(face, [aside, 0]))[None], torch.ones(1, 33))
    nodding = bone_pose(torch.from_numpy(_moved(face, [aside / 10, 0]))[None], torch.ones(1, 33))
    torso = float(photo.torso_length_B[0])
    shift = (bone_motion(photo, leaning).target_BJ2 - photo.start_BJ2)[0, HEAD]
    assert float(shift[0]) == pytest.approx(np.sign(aside) * NECK_LEAN * torso, abs=0.5)
    assert float((bone_motion(photo, nodding).target_BJ2 - photo.start_BJ2)[0, HEAD, 0]) == pytest.approx(
        aside / 10, abs=0.1
    )


def test_bones_land_on_the_target_joints():
    random = np.random.default_rng(3)
    pose = STANDING + random.normal(0, 4, STANDING.shape).astype(np.float32)
    target = bone_pose(torch.from_numpy(pose)[None], torch.ones(1, 33))
    motion = bone_motion(bone_pose(torch.from_numpy(STANDING)[None], torch.ones(1, 33)), target)
    end = torch.from_numpy(STANDING)[None, [BLAZEPOSE_33.index("left_elbow")]]
    bone = torch.tensor([LEFT_UPPER_ARM])
    landed = motion.carry(end[0], torch.zeros(1, dtype=torch.long), bone, torch.ones(1))
    np.testing.assert_allclose(landed[0, 0], pose[BLAZEPOSE_33.index("left_elbow")], atol=0.05)


def test_two_triangles_that_share_an_edge_leave_no_crack():
    torch.manual_seed(0)
    corners = torch.tensor([[2.3, 1.7], [37.2, 4.1], [33.9, 30.6], [4.4, 28.8]])
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]])
    drawn = rasterize(corners[None], triangles, torch.zeros(1, 2), (32, 40))[0, 0]
    inside = drawn != NOTHING
    for row in inside:
        covered = row.nonzero()[:, 0]
        if len(covered):
            assert len(covered) == int(covered[-1] - covered[0]) + 1


def test_the_nearer_triangle_wins_and_the_farther_is_kept_behind():
    corners = torch.tensor([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
    triangles = torch.tensor([[0, 1, 2], [0, 1, 2]])
    near, far = rasterize(corners[None], triangles, torch.tensor([[0.0, 1.0]]), (24, 24))
    assert near[0, 3, 3] == 1
    assert far[0, 3, 3] == 0
    assert far[0, 22, 22] == NOTHING


def test_inverse_maps_lead_back_to_the_photo():
    before = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    after = torch.tensor([[[5.0, 5.0], [5.0, 25.0], [-5.0, 5.0]]])
    maps = inverse_maps(before, after, torch.tensor([[0, 1, 2]]))
    point = maps[0, 0] @ torch.tensor([5.0, 15.0, 1.0])
    torch.testing.assert_close(point, torch.tensor([5.0, 0.0]))


def test_with_nobody_in_view_nothing_is_drawn_and_others_are_not_disturbed(warp):
    keypoints = torch.from_numpy(np.stack([STANDING, STANDING, STANDING + 5]))
    keypoints[0] = float("nan")
    confidence = torch.ones(3, 33)
    confidence[0] = 0
    alone = warp(keypoints[:1], confidence[:1])
    assert alone.colors_B3HW.shape == (1, 3, 240, 192)
    assert float(alone.coverage_BHW.max()) == float(alone.repair_BHW.max()) == 0
    mixed, others = warp(keypoints, confidence), warp(keypoints[1:], confidence[1:])
    assert float(mixed.coverage_BHW[0].max()) == 0
    torch.testing.assert_close(mixed.coverage_BHW[1:], others.coverage_BHW, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shift", [(0, 400), (300, 0), (0, -400)])
def test_what_lies_beyond_the_canvas_is_not_drawn(warp, shift):
    carried = _carry(warp, STANDING + np.array(shift, np.float32))
    assert float(carried.coverage_BHW.max()) == 0
