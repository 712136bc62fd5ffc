"""What a hand holds: a ball is one thing, a buckle is none, and neither is cloth or the hand's own sleeve."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from animator.conditioning.warp.anatomy import pixel_centers
from animator.conditioning.warp.bones import LEFT_ARM, LEFT_FOREARM, RIGHT_ARM
from animator.conditioning.warp.figure import figure_of
from animator.conditioning.warp.held_things import held_thing, stiff_part
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import (
    BALL,
    CLOTH,
    STANDING,
    figure,
    joint,
    pixel,
    pose_of,
    with_a_ball,
)


def _held(photo, matte, bones=LEFT_ARM, pose=None):
    return held_thing(figure_of(photo, matte, pose or pose_of()), bones)


def test_a_ball_is_held_whole():
    photo, matte, ball = with_a_ball()
    held = _held(photo, matte)
    assert float(held[ball].float().mean()) > 0.98
    assert not _held(photo, matte, RIGHT_ARM)[ball].any()


def test_a_ball_held_up_before_the_belly_is_held_up_to_the_elbow():
    """Its upper part lies beside the forearm's upper half, and is no cloth of the trunk's for that."""
    photo, matte = figure()
    wrist, elbow, hip = joint("left_wrist"), joint("left_elbow"), joint("left_hip")
    radius = float(np.linalg.norm(wrist - elbow)) * 0.65
    center = wrist + np.array([np.sign(hip[0] - wrist[0]) * 0.55 * radius, -0.75 * radius])
    ball = torch.from_numpy(np.linalg.norm(pixel_centers(matte).numpy() - center, axis=-1) < radius)
    photo[:, ball], matte[ball] = torch.tensor(BALL)[:, None] / 255, 1
    inner = torch.from_numpy(np.linalg.norm(pixel_centers(matte).numpy() - center, axis=-1) < radius - 3)
    lower = inner & (pixel_centers(matte)[..., 1] > float(elbow[1] + 0.45 * (wrist[1] - elbow[1])))
    assert float(_held(photo, matte)[lower].float().mean()) > 0.9


def test_nothing_is_held_in_an_arm_that_the_photo_does_not_show():
    photo, matte, _ = with_a_ball()
    pose = pose_of()
    pose.trust_BJ[0, LEFT_FOREARM] = 0
    assert not _held(photo, matte, pose=pose).any()


def test_a_buckle_within_the_outline_is_not_held():
    photo, matte = figure()
    x, y = (joint("left_hip") + joint("right_hip")) / 2
    image = Image.fromarray((photo.permute(1, 2, 0).numpy() * 255).round().astype("uint8"))
    ImageDraw.Draw(image).rectangle((x + 1, y - 6, x + 9, y + 4), fill=BALL)
    buckle = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    differs = (buckle - photo).abs().amax(0) > 0.1
    assert int(differs.sum()) > 60
    assert not (_held(buckle, matte) & differs).any()


def test_a_thing_that_goes_on_beyond_reach_is_left_to_the_outline():
    photo, matte, _ = with_a_ball()
    x = int(joint("left_index")[0])
    photo[:, 60:230, x - 4 : x + 10] = 0.94
    matte[60:230, x - 4 : x + 10] = 1
    assert not _held(photo, matte).any()


def test_a_panel_of_the_jacket_beside_a_narrow_outline_is_not_held():
    # Seen from the side, shoulders and hips lie close together, and cloth stands off the outline they draw.
    photo, matte = figure()
    x, y = (int(part) for part in joint("left_wrist"))
    rows, columns = slice(y - 22, y + 18), slice(x - 20, x + 16)
    photo[:, rows, columns], matte[rows, columns] = torch.tensor(CLOTH)[:, None, None] / 255, 1
    panel = torch.zeros_like(matte, dtype=torch.bool)
    panel[y - 8 : y + 10, x - 10 : x + 6] = True
    photo[:, panel] = torch.tensor(BALL)[:, None] / 255
    whole = figure_of(photo, matte, pose_of())
    assert not (held_thing(replace(whole, hull=whole.hull * ~panel), LEFT_ARM) & panel).any()


def test_the_thing_itself_is_stiff_and_the_arm_that_holds_it_is_not():
    photo, matte, ball = with_a_ball()
    found = figure_of(photo, matte, pose_of())
    held = held_thing(found, LEFT_ARM)
    thing = stiff_part(found, LEFT_ARM, held)
    assert float(thing[ball].mean()) > 0.95
    x, y = (int(part) for part in joint("left_elbow") * 0.6 + joint("left_wrist") * 0.4)
    assert not thing[y - 2 : y + 3, x - 2 : x + 3].any()
    assert not stiff_part(found, RIGHT_ARM, held_thing(found, RIGHT_ARM)).any()


def test_skin_alone_is_no_thing():
    photo, matte = figure()
    hand = torch.zeros_like(matte, dtype=torch.bool)
    x, y = (int(part) for part in joint("left_wrist"))
    hand[y - 4 : y + 14, x - 5 : x + 6] = matte[y - 4 : y + 14, x - 5 : x + 6] > 0.5
    assert not stiff_part(figure_of(photo, matte, pose_of()), LEFT_ARM, hand).any()


def test_trousers_of_which_the_photo_shows_no_more_than_lies_beside_the_hands_are_not_held():
    # The photo ends below the hands and somebody hides the other leg: no such cloth lies beyond their reach.
    photo, matte = figure()
    x, hips = (int(part) for part in joint("left_hip"))
    ends = hips + 7
    matte[hips + 3 :, : x - 2] = 0
    rows, columns = slice(hips - 2, ends), slice(x - 2, x + 20)
    photo[:, rows, columns] = torch.tensor(BALL)[:, None, None] / 255
    matte[rows, columns] = 1
    assert not _held(photo[:, :ends], matte[:ends])[rows, columns].any()


def test_a_face_that_a_hand_touches_is_not_held():
    keypoints = STANDING.copy()
    chin = (joint("mouth_left") + joint("mouth_right")) / 2 + np.array([0, 3], dtype=np.float32)
    places = {"elbow": joint("left_shoulder") + np.array([16, 22]), "wrist": chin + np.array([10, 10])}
    places |= {"index": chin, "pinky": chin + np.array([3, 2]), "thumb": chin + np.array([0, 4])}
    for name, place in places.items():
        keypoints[BLAZEPOSE_33.index(f"left_{name}")] = place
    photo, matte = figure(keypoints)
    assert not _held(photo, matte, pose=pose_of(keypoints))[pixel(joint("nose"))]


def test_hair_near_a_raised_hand_is_not_held():
    keypoints, nose = STANDING.copy(), joint("nose")
    places = {"elbow": joint("left_shoulder") + np.array([20, -14]), "wrist": nose + np.array([18, -12])}
    places |= {name: nose + np.array([16, -20]) for name in ("index", "pinky", "thumb")}
    for name, place in places.items():
        keypoints[BLAZEPOSE_33.index(f"left_{name}")] = place
    photo, matte = figure(keypoints)
    from_nose = pixel_centers(matte) - torch.from_numpy(nose)
    hair = (from_nose.norm(dim=-1) < 14) & (from_nose[..., 1] < -4)
    photo[:, hair], matte[hair] = torch.tensor([20, 16, 30])[:, None] / 255, 1.0
    assert not _held(photo, matte, pose=pose_of(keypoints))[hair].any()


@pytest.mark.parametrize(("color", "held"), [((255, 90, 90), False), ((90, 90, 255), True)])
def test_the_shirt_in_brighter_light_is_no_thing(color, held):
    """A woman in an orange sweater carried a piece of it along in her hand: where it was lit, it was like no other."""
    photo, matte, ball = with_a_ball()
    photo[:, ball] = torch.tensor(color)[:, None] / 255
    assert bool(_held(photo, matte)[ball].float().mean() > 0.5) == held
