"""Which bones points hang on, and how weights change from one bone to the next."""

from itertools import pairwise

import numpy as np
import torch

from animator.conditioning.warp.binding import SKIRT_LEAN, arm_binding, body_binding, limb_binding, may_be_leg
from animator.conditioning.warp.bones import HEAD, LEFT_ARM, LEFT_LEG, LEFT_THIGH, RIGHT_LEG, TORSO
from animator.conditioning.warp.skinning import bone_motion
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import STANDING, joint, pose_of, squatting

ROOT = (-0.15, 0.4)


def _down_the_arm(pose, steps=60):
    """[N, 2] places from the shoulder over the elbow to the fingertips."""
    corners = [pose.start_BJ2[0, LEFT_ARM[0]], *(pose.end_BJ2[0, bone] for bone in LEFT_ARM)]
    share = torch.linspace(0, 1, steps)[:, None]
    return torch.cat([torch.lerp(a, b, share) for a, b in pairwise(corners)])


def test_order_along_an_arm_never_falls():
    pose = pose_of()
    parent, bone, weight = limb_binding(_down_the_arm(pose), pose, LEFT_ARM, root=ROOT)
    order = bone - 1 + weight
    assert bool((order.diff() >= -1e-5).all())
    assert parent[0] == TORSO
    assert bone[-1] == LEFT_ARM[2]


def test_an_upper_arm_turns_about_its_joint_not_about_a_place_farther_down():
    pose = pose_of()
    joint, elbow = pose.start_BJ2[:, LEFT_ARM[0]], pose.end_BJ2[:, LEFT_ARM[0]]
    _, _, weight = arm_binding(torch.cat([joint, torch.lerp(joint, elbow, 0.25)]), pose, LEFT_ARM)
    torch.testing.assert_close(weight, torch.tensor([0.5, 1.0]))


def test_the_trunk_lets_go_of_an_arm_first_on_top_and_last_in_the_armpit():
    pose = pose_of()
    middle = torch.lerp(pose.start_BJ2[:, LEFT_ARM[0]], pose.end_BJ2[:, LEFT_ARM[0]], 0.1)
    aside = torch.tensor([[5.0, 0.0], [0.0, 0.0], [-5.0, 0.0]])  # from the outer side to the armpit
    _, _, weight = arm_binding(middle + aside, pose, LEFT_ARM)
    assert bool((weight.diff() < 0).all())


def test_half_way_at_an_elbow_points_turn_half_way():
    pose = pose_of()
    elbow = pose.end_BJ2[:, LEFT_ARM[0]]
    parent, bone, weight = limb_binding(elbow, pose, LEFT_ARM, root=ROOT)
    assert (int(parent), int(bone)) == LEFT_ARM[:2]
    torch.testing.assert_close(weight, torch.tensor([0.5]))


def test_a_hand_the_photo_does_not_show_hangs_on_the_forearm():
    pose = pose_of()
    pose.trust_BJ[:, LEFT_ARM[2]] = 0
    _, bone, weight = limb_binding(pose.end_BJ2[:, LEFT_ARM[2]], pose, LEFT_ARM, root=ROOT)
    assert int(bone) == LEFT_ARM[1]
    assert float(weight) == 1


def test_the_body_hangs_on_head_torso_and_thighs_in_shares_that_sum_to_one():
    pose = pose_of()
    places = torch.from_numpy(np.stack([joint(name) for name in ("nose", "left_hip", "left_knee", "right_knee")]))
    bindings, shares, depth = body_binding(places, pose, skirt=False)
    torch.testing.assert_close(torch.stack(shares).sum(0), torch.ones(len(places)))
    assert int(bindings[0][1][0]) == HEAD
    assert float(bindings[0][2][0]) == 1
    left = bindings[1]
    assert shares[1][2] > 0.9
    assert int(left[1][2]) in LEFT_LEG
    assert depth[0] > depth[1:].max()


def test_a_skirt_only_leans_towards_the_thigh_below_it():
    pose = pose_of()
    upper = torch.lerp(pose.start_BJ2[:, LEFT_THIGH], pose.end_BJ2[:, LEFT_THIGH], 0.25)
    weights = [body_binding(upper, pose, skirt)[0][1][2] for skirt in (False, True)]
    torch.testing.assert_close(weights[1], SKIRT_LEAN * weights[0])


def test_a_skirt_that_reaches_over_a_raised_knee_is_one_cloth():
    raised = STANDING.copy()
    hip, knee = joint("left_hip"), joint("left_knee")
    away = float(np.linalg.norm(knee - hip))
    raised[BLAZEPOSE_33.index("left_knee")] = hip + np.array([0.8 * away, 0.6 * away], dtype=np.float32)
    pose = pose_of()
    thigh, shin = (torch.lerp(pose.start_BJ2[0, bone], pose.end_BJ2[0, bone], 0.5) for bone in LEFT_LEG[:2])
    knee_before = pose.end_BJ2[0, LEFT_THIGH]
    share = torch.linspace(0, 1, 50)[:, None]
    cloth = torch.cat([torch.lerp(thigh, knee_before, share), torch.lerp(knee_before, shin, share)[1:]])
    pair = body_binding(cloth, pose, skirt=True)[0][1]
    moved = bone_motion(pose, pose_of(raised)).carry(cloth, *pair)[0]
    steps = moved.diff(dim=0).norm(dim=-1) / cloth.diff(dim=0).norm(dim=-1)
    assert float(steps.max()) < 2


def test_beside_a_raised_thigh_the_trunk_is_the_trunk():
    """The shirt of a woman who squats hung on her thigh, and flew off with it when she stood up."""
    pose = pose_of(squatting(down=-0.1))
    chest = torch.lerp(pose.end_BJ2[:, TORSO], pose.start_BJ2[:, TORSO], 0.3)
    sides = chest + torch.tensor([[10.0, 0.0], [-10.0, 0.0]])
    for bones, pair in zip((LEFT_LEG, RIGHT_LEG), body_binding(sides, pose, skirt=False)[0][1:], strict=True):
        torch.testing.assert_close(may_be_leg(sides, pose, bones), torch.zeros(2))
        assert bool((pair[0] == TORSO).all())
        torch.testing.assert_close(pair[2], torch.zeros(2))
        thigh = torch.lerp(pose.start_BJ2[:, bones[0]], pose.end_BJ2[:, bones[0]], 0.9)
        torch.testing.assert_close(may_be_leg(thigh, pose, bones), torch.ones(1))


def test_below_the_hips_all_may_be_a_legs():
    below = torch.from_numpy(
        np.stack([joint("left_hip") + np.array([far, 6], dtype=np.float32) for far in (-30, 0, 30)])
    )
    torch.testing.assert_close(may_be_leg(below, pose_of(), LEFT_LEG), torch.ones(3))
