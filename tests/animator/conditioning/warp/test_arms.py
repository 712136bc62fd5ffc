"""Which pixels are an arm: before the trunk, on a leg, beside a pocket."""

import numpy as np
import torch

from animator.conditioning.warp.anatomy import chain_distance, pixel_centers, segment
from animator.conditioning.warp.arms import arm_and_hair
from animator.conditioning.warp.bones import LEFT_ARM, LEFT_HAND, RADIUS, RIGHT_ARM
from animator.conditioning.warp.figure import figure_of
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import (
    CLOTH,
    STANDING,
    arm_across,
    figure,
    joint,
    pixel,
    pose_of,
    with_a_lock,
)


def _nothing(matte):
    return torch.zeros_like(matte, dtype=torch.bool)


def test_a_hand_before_a_bare_leg_ends_where_bent_fingers_end():
    keypoints = STANDING.copy()
    wrist = joint("left_hip") + np.array([0, 8], dtype=np.float32)
    for name in ("wrist", "pinky", "index", "thumb"):
        offset = joint(f"left_{name}") - joint("left_wrist")
        keypoints[BLAZEPOSE_33.index(f"left_{name}")] = wrist + offset * [0.2, 1.6]
    photo, matte = figure(keypoints)
    pose, points = pose_of(keypoints), pixel_centers(matte)
    photo[:, (points[..., 1] > float(wrist[1]) + 2) & (matte > 0.5)] = torch.tensor([225, 180, 150])[:, None] / 255
    member, _ = arm_and_hair(figure_of(photo, matte, pose), LEFT_ARM, _nothing(matte))
    start, end = pose.start_BJ2[0, LEFT_HAND], pose.end_BJ2[0, LEFT_HAND]
    assert member[pixel(torch.lerp(start, end, 0.3).numpy())] > 0.9
    assert member[pixel((end + torch.tensor([0.0, 2.0])).numpy())] < 0.1


def test_an_arm_before_the_trunk_is_cut_along_its_colour():
    keypoints = arm_across()
    photo, matte = figure(keypoints)
    pose = pose_of(keypoints)
    member, _ = arm_and_hair(figure_of(photo, matte, pose), LEFT_ARM, _nothing(matte))
    forearm = (keypoints[BLAZEPOSE_33.index("left_elbow")] + keypoints[BLAZEPOSE_33.index("left_wrist")]) / 2
    assert member[pixel(forearm)] > 0.9
    chest = (joint("left_shoulder") + joint("right_shoulder")) / 2 + [0, 14]
    assert member[pixel(chest)] < 0.05
    like_cloth = (photo - torch.tensor(CLOTH)[:, None, None] / 255).abs().amax(0) < 0.05
    assert float(member[like_cloth].mean()) < 0.1


def test_hands_that_touch_go_each_with_its_own_arm():
    """Hands that lie across each other: each arm took the other's hand and forearm along."""
    keypoints, middle = arm_across(), float(joint("left_hip")[0] + joint("right_hip")[0]) / 2
    for name in ("elbow", "wrist", "pinky", "index", "thumb"):
        left, right = (BLAZEPOSE_33.index(f"{side}_{name}") for side in ("left", "right"))
        keypoints[left, 0] -= 0 if name == "elbow" else 6
        keypoints[right] = [2 * middle - keypoints[left, 0], keypoints[left, 1]]
    photo, matte = figure(keypoints)
    pose = pose_of(keypoints)
    whole = figure_of(photo, matte, pose)
    places = {bone: (pose.start_BJ2[0, bone] + pose.end_BJ2[0, bone]) / 2 for bone in (*LEFT_ARM[1:], *RIGHT_ARM[1:])}
    for bones, others in ((LEFT_ARM, RIGHT_ARM), (RIGHT_ARM, LEFT_ARM)):
        member, _ = arm_and_hair(whole, bones, _nothing(matte))
        assert member[pixel(places[bones[1]].numpy())] > 0.9
        assert member[pixel(places[others[1]].numpy())] < 0.2


def test_a_finger_that_bends_aside_before_cloth_goes_with_its_hand():
    keypoints = arm_across()
    photo, matte = figure(keypoints)
    pose, points = pose_of(keypoints), pixel_centers(matte)
    middle = (pose.start_BJ2[0, LEFT_HAND] + pose.end_BJ2[0, LEFT_HAND]) / 2
    reach = 2 * RADIUS[LEFT_HAND] * float(pose.torso_length_B[0])
    tip = middle + torch.tensor([0.0, reach])
    finger = segment(points, middle, tip)[1] < 2
    photo[:, finger] = torch.tensor([225, 180, 150])[:, None] / 255
    member, _ = arm_and_hair(figure_of(photo, matte, pose), LEFT_ARM, _nothing(matte))
    assert member[pixel(tip.numpy())] > 0.9
    assert member[pixel((tip + torch.tensor([0.0, 6.0])).numpy())] < 0.1


def test_a_strip_of_cloth_beyond_open_ground_is_no_arm():
    photo, matte = figure()
    elbow, wrist = (torch.from_numpy(joint(f"left_{name}")) for name in ("elbow", "wrist"))
    points = pixel_centers(matte)
    place, distance = segment(points, elbow, wrist)
    beside = (place > 0.2) & (place < 0.8)
    gap, strip = beside & (distance > 5) & (distance < 7.5), beside & (distance >= 7.5) & (distance < 9)
    photo[:, strip], matte[strip], matte[gap] = torch.tensor(CLOTH)[:, None] / 255, 1.0, 0.0
    member, _ = arm_and_hair(figure_of(photo, matte, pose_of()), LEFT_ARM, _nothing(matte))
    assert float(member[strip].mean()) < 0.05
    assert member[pixel(((elbow + wrist) / 2).numpy())] > 0.9


def _left_hand_at(wrist, *, elbow):
    """The standing figure with this wrist, and its elbow so far from the shoulder."""
    keypoints = STANDING.copy()
    keypoints[BLAZEPOSE_33.index("left_elbow")] = joint("left_shoulder") + np.array(elbow)
    for name in ("wrist", "pinky", "index", "thumb"):
        keypoints[BLAZEPOSE_33.index(f"left_{name}")] = wrist + joint(f"left_{name}") - joint("left_wrist")
    return keypoints


def test_cloth_around_a_hidden_hand_stays_with_the_body():
    hip = joint("left_hip") + np.array([6, -4], dtype=np.float32)
    keypoints = _left_hand_at(hip, elbow=(22, 40))
    photo, matte = figure(keypoints)
    pose, points = pose_of(keypoints), pixel_centers(matte)
    cloth = torch.tensor(CLOTH)[:, None] / 255
    pocket = (points - torch.from_numpy(hip + np.array([2, 6], dtype=np.float32))).norm(dim=-1) < 9
    photo[:, pocket], matte[pocket] = cloth, 1.0
    pose.trust_BJ[0, LEFT_HAND] = 0
    member, _ = arm_and_hair(figure_of(photo, matte, pose), LEFT_ARM, _nothing(matte))
    assert float(member[pocket].mean()) < 0.15
    sleeve = keypoints[BLAZEPOSE_33.index("left_elbow")]
    assert member[pixel(sleeve)] > 0.9


def _hand_in_pocket(trousers):
    """Somebody in a blue pullover, left hand in a pocket: the member, and where the cuff bulges beside the hip."""
    wrist = joint("left_hip") + np.array([8, -6], dtype=np.float32)
    keypoints = _left_hand_at(wrist, elbow=(14, 32))
    photo, matte = figure(keypoints)
    pose, points = pose_of(keypoints), pixel_centers(matte)
    pose.trust_BJ[0, LEFT_HAND] = 0
    cuff = (points - torch.from_numpy(wrist + np.array([4, 4], dtype=np.float32))).norm(dim=-1) < 8
    matte[cuff] = 1.0
    pullover = (matte > 0.5) & ((points[..., 1] < joint("left_hip")[1]) | cuff)
    photo[:, matte > 0.5] = torch.tensor(trousers)[:, None]
    photo[:, pullover] = torch.tensor([0.1, 0.2, 0.6])[:, None]
    found = figure_of(photo, matte, pose)
    member, _ = arm_and_hair(found, LEFT_ARM, _nothing(matte))
    return member, cuff & (found.hull < 0.5) & (points[..., 1] > float(wrist[1]) + 3)


def test_a_cuff_that_bulges_over_a_pocket_goes_with_its_sleeve():
    """It stayed at the hip as a wing when the arm was raised."""
    member, bulge = _hand_in_pocket([0.7, 0.6, 0.4])
    assert int(bulge.sum()) > 20
    assert float(member[bulge].mean()) > 0.8


def test_over_the_pocket_of_a_suit_nothing_tells_cuff_from_trousers():
    member, bulge = _hand_in_pocket([0.1, 0.2, 0.6])
    assert float(member[bulge].mean()) < 0.5


def test_hair_that_falls_before_an_arm_is_none_of_it_also_over_the_bone():
    photo, matte, lock = with_a_lock((225, 180, 150))
    member, _ = arm_and_hair(figure_of(photo, matte, pose_of()), LEFT_ARM, _nothing(matte))
    assert float(member[lock].mean()) < 0.1
    assert member[pixel(joint("left_shoulder") * 0.2 + joint("left_elbow") * 0.8)] > 0.9


def test_a_sleeve_as_dark_as_the_hair_stays_with_the_arm():
    photo, matte, _ = with_a_lock((58, 36, 30))
    member, _ = arm_and_hair(figure_of(photo, matte, pose_of()), LEFT_ARM, _nothing(matte))
    assert member[pixel(joint("left_shoulder") * 0.3 + joint("left_elbow") * 0.7)] > 0.9


def test_the_short_sleeves_of_a_shirt_as_dark_as_the_hair_are_no_hair():
    photo, matte, lock = with_a_lock((225, 180, 150))
    points = pixel_centers(matte)
    corners = [torch.from_numpy(joint(f"{side}_{name}")) for side in ("left", "right") for name in ("shoulder", "hip")]
    shirt = torch.zeros_like(lock)
    for share in torch.linspace(0, 1, 40):
        top, bottom = torch.lerp(corners[0], corners[2], share), torch.lerp(corners[1], corners[3], share)
        shirt |= segment(points, top, bottom)[1] < 3
    photo[:, shirt & (matte > 0.5)] = torch.tensor([58, 36, 30])[:, None] / 255
    member, _ = arm_and_hair(figure_of(photo, matte, pose_of()), LEFT_ARM, _nothing(matte))
    assert member[pixel(joint("left_shoulder") * 0.7 + joint("left_elbow") * 0.3)] > 0.9


def test_sunlit_cloth_beyond_a_wrist_slimmer_than_the_arm_stays_with_the_leg():
    keypoints = STANDING.copy()
    wrist = joint("left_hip") + np.array([5, 12], dtype=np.float32)
    keypoints[BLAZEPOSE_33.index("left_elbow")] = joint("left_shoulder") + np.array([10, 36], dtype=np.float32)
    for name in ("wrist", "pinky", "index", "thumb"):
        keypoints[BLAZEPOSE_33.index(f"left_{name}")] = wrist + joint(f"left_{name}") - joint("left_wrist")
    photo, matte = figure(keypoints)
    pose, points = pose_of(keypoints), pixel_centers(matte)
    elbow, end = pose.start_BJ2[0, LEFT_ARM[1]], pose.end_BJ2[0, LEFT_ARM[1]]
    down, _ = segment(points, elbow, end)
    axis = (end - elbow) / (end - elbow).norm()
    outwards = (points - elbow) @ torch.stack([axis[1], -axis[0]])
    radius = RADIUS[LEFT_ARM[1]] * float(pose.torso_length_B[0])
    beyond = (down > 0.55) & (down < 0.95) & (outwards > 0.52 * radius) & (outwards < 1.3 * radius)
    jeans = torch.tensor([0.2, 0.28, 0.38])[:, None]
    trousers = (points[..., 1] > float(joint("left_hip")[1]) - 12) & (outwards < 0.45 * radius) & (matte > 0.5)
    skin = chain_distance(points, pose, LEFT_ARM) < 0.8
    photo[:, trousers & ~skin] = jeans
    photo[:, beyond], matte[beyond] = 2 * jeans, 1.0
    member, _ = arm_and_hair(figure_of(photo, matte, pose), LEFT_ARM, _nothing(matte))
    assert float(member[beyond].mean()) < 0.3
    assert member[pixel((elbow * 0.3 + end * 0.7).numpy())] > 0.9
