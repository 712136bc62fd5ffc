"""The drawn figure in other clothes: a skirt, trousers, hands in pockets, a print on the chest."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw

from animator.conditioning.warp.anatomy import pixel_centers, segment
from animator.conditioning.warp.bones import BonePose, bone_pose
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import draw_figure, standing_pose

SIZE = (192, 240)
STANDING = standing_pose(height=200, center_x=96, top=20)
WALL, CLOTH = (205, 210, 214), (190, 60, 60)
JACKET, STRIPE, BALL = (40, 36, 62), (235, 225, 210), (240, 240, 240)

Picture = tuple[torch.Tensor, torch.Tensor]


def joint(name: str) -> np.ndarray:
    """Where a joint of the standing figure lies, [2] px."""
    return STANDING[BLAZEPOSE_33.index(name)]


def pixel(point_2: np.ndarray) -> tuple[int, int]:
    """(row, column) of the pixel a point lies in."""
    return int(point_2[1]), int(point_2[0])


# Well inside the outline of the trunk, but beside the middle where nothing but the person can be.
PRINT = joint("left_shoulder") + np.array([-8, 26], dtype=np.float32)


def from_the_side() -> np.ndarray:
    """Keypoints [33, 2] of the standing figure as seen from its side: joints of both sides lie behind each other."""
    keypoints = STANDING.copy()
    middle = joint("left_hip")[0] / 2 + joint("right_hip")[0] / 2
    keypoints[:, 0] = middle + (keypoints[:, 0] - middle) * 0.1
    return keypoints


def squatting(down: float = 0.4) -> np.ndarray:
    """Keypoints [33, 2] of the figure in a squat: thighs point at the camera, and outwards, and so far down."""
    pose = STANDING.copy()
    length = float(joint("left_knee")[1] - joint("left_hip")[1])
    legs = [
        index
        for index, name in enumerate(BLAZEPOSE_33.joints)
        if name.endswith(("knee", "ankle", "heel", "foot_index"))
    ]
    above = [index for index in range(len(pose)) if index not in legs]
    pose[above, 1] += (1 - down) * length
    for index in legs:
        pose[index, 0] += 0.4 * length * (1 if BLAZEPOSE_33.joints[index].startswith("left") else -1)
    return pose


def in_a_squat(color: tuple[int, int, int]) -> Picture:
    """The figure in a squat; all that lies between its hips and its knees is of one colour."""
    pose = squatting()
    picture, matte = draw_figure(pose, SIZE)
    image, mask = Image.fromarray(picture), Image.fromarray(np.uint8(matte * 255))
    corners = [pose[BLAZEPOSE_33.index(name)] for name in ("left_hip", "left_knee", "right_knee", "right_hip")]
    beyond = np.array([[4, -4], [8, 4], [-8, 4], [-4, -4]], dtype=np.float32)
    outline = [tuple(corner) for corner in np.stack(corners) + beyond]
    ImageDraw.Draw(image).polygon(outline, fill=color)
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    return _as_tensors(np.asarray(image), np.asarray(mask, dtype=np.float32) / 255)


def pose_of(keypoints_K2: np.ndarray = STANDING) -> BonePose:
    """The bones of one pose, every joint sure."""
    return bone_pose(torch.from_numpy(keypoints_K2)[None], torch.ones(1, 33))


def figure(keypoints_K2: np.ndarray = STANDING) -> Picture:
    """(photo [3, H, W] in [0, 1], matte [H, W]) of the figure in trousers."""
    return _as_tensors(*draw_figure(keypoints_K2, SIZE))


def in_a_skirt(*, slanted_px: float = 0.0) -> Picture:
    """The figure in a skirt that ends four fifths down the thighs and is wider than both legs there.

    Its hem lies so far lower at its left end, and as far higher at its right end.
    """
    left, right = joint("left_hip"), joint("right_hip")
    hem = float(left[1] + 0.8 * (joint("left_knee")[1] - left[1]))
    ends = [(left[0] + 16, hem + slanted_px), (right[0] - 16, hem - slanted_px)]
    return _painted([(left[0] + 4, left[1]), *ends, (right[0] - 4, right[1])], CLOTH, opaque=True)


def with_print(color: tuple[int, int, int]) -> Picture:
    """The figure with a square of 6 px on its left breast."""
    x, y = PRINT
    return _painted([(x - 3, y - 3), (x + 3, y - 3), (x + 3, y + 3), (x - 3, y + 3)], color, opaque=False)


def arm_across() -> np.ndarray:
    """Keypoints [33, 2] of the standing pose with the left forearm before the belly."""
    pose = STANDING.copy()
    elbow = joint("left_shoulder") + np.array([10, 36], dtype=np.float32)
    wrist = (joint("left_hip") + joint("right_hip")) / 2 - np.array([-4, 22], dtype=np.float32)
    for name, place in {"elbow": elbow, "wrist": wrist}.items():
        pose[BLAZEPOSE_33.index(f"left_{name}")] = place
    for name, reach in {"pinky": 5, "index": 6, "thumb": 4}.items():
        pose[BLAZEPOSE_33.index(f"left_{name}")] = wrist + np.array([-reach, -2])
    return pose


def folded_arm(degrees: float, *, reach: float = 1.0) -> np.ndarray:
    """Keypoints [33, 2] of the standing pose with the left forearm so far from lying on its upper arm, towards us.

    With a `reach` of 1 its wrist lies at two fifths of the upper arm.
    """
    pose, shoulder = STANDING.copy(), joint("left_shoulder")
    elbow = shoulder + np.array([20, 30], dtype=np.float32)
    turn = np.radians(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], dtype=np.float32)
    along = -reach * matrix @ (elbow - shoulder)
    places = {"elbow": elbow, "wrist": elbow + 0.6 * along, "thumb": elbow + 0.75 * along}
    places |= {"index": elbow + 0.85 * along, "pinky": elbow + 0.85 * along}
    for name, place in places.items():
        pose[BLAZEPOSE_33.index(f"left_{name}")] = place
    return pose


def with_a_folded_arm(keypoints_K2: np.ndarray) -> Picture:
    """The figure in that pose with dark sleeves and bright hands; the left arm's lies before it."""
    picture, matte = draw_figure(keypoints_K2, SIZE)
    image, mask = Image.fromarray(picture), Image.fromarray(np.uint8(matte * 255))
    for side in ("right", "left"):
        shoulder, elbow, wrist, index = (
            tuple(keypoints_K2[BLAZEPOSE_33.index(f"{side}_{name}")])
            for name in ("shoulder", "elbow", "wrist", "index")
        )
        for points, color, width in (([shoulder, elbow, wrist], JACKET, 11), ([wrist, index], STRIPE, 7)):
            _draw_limb(image, mask, points, color, width)
    return _as_tensors(np.asarray(image), np.asarray(mask, dtype=np.float32) / 255)


def with_a_bare_forearm(keypoints_K2: np.ndarray) -> Picture:
    """The figure in that pose with a bright left forearm and hand, thicker than its sleeves."""
    picture, matte = draw_figure(keypoints_K2, SIZE)
    image, mask = Image.fromarray(picture), Image.fromarray(np.uint8(matte * 255))
    points = [tuple(keypoints_K2[BLAZEPOSE_33.index(f"left_{name}")]) for name in ("elbow", "wrist", "index")]
    _draw_limb(image, mask, points, STRIPE, 14)
    return _as_tensors(np.asarray(image), np.asarray(mask, dtype=np.float32) / 255)


def _draw_limb(
    image: Image.Image, mask: Image.Image, points: list[tuple[float, float]], color: tuple[int, int, int], width: float
) -> None:
    for canvas, fill in ((ImageDraw.Draw(image), color), (ImageDraw.Draw(mask), 255)):
        canvas.line(points, fill=fill, width=width, joint="curve")
        for x, y in points:
            canvas.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=fill)


def in_a_jacket() -> Picture:
    """The figure in a jacket, open over a striped shirt, whose sleeves touch its sides down to the elbows."""
    picture, matte = draw_figure(STANDING, SIZE)
    image, mask = Image.fromarray(picture), Image.fromarray(np.uint8(matte * 255))
    left, right = joint("left_hip"), joint("right_hip")
    trunk = [tuple(joint(name)) for name in ("left_shoulder", "right_shoulder")]
    trunk += [(right[0] - 10, right[1]), (left[0] + 10, left[1])]
    shirt = [(90, trunk[0][1]), (102, trunk[0][1]), (104, left[1]), (88, left[1])]
    for canvas, fill in ((ImageDraw.Draw(image), JACKET), (ImageDraw.Draw(mask), 255)):
        canvas.polygon(trunk, fill=fill)
        for side in ("left", "right"):
            canvas.line(
                [tuple(joint(f"{side}_{name}")) for name in ("shoulder", "elbow", "wrist")], fill=fill, width=14
            )
    ImageDraw.Draw(image).polygon(shirt, fill=STRIPE)
    for row in range(int(trunk[0][1]), int(left[1]), 8):
        ImageDraw.Draw(image).rectangle((90, row, 102, row + 3), fill=CLOTH)
    return _as_tensors(np.asarray(image), np.asarray(mask, dtype=np.float32) / 255)


def in_a_wide_blouse() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(photo, matte, bool [H, W]: the ruffle) of the figure in a blouse that hangs before its left upper arm."""
    picture, matte = draw_figure(STANDING, SIZE)
    image, mask, ruffle = Image.fromarray(picture), Image.fromarray(np.uint8(matte * 255)), Image.new("L", SIZE, 0)
    x, y = joint("left_shoulder") * 0.4 + joint("left_elbow") * 0.6
    outline = [(x - 14, y - 14), (x, y - 5), (x + 1, y + 7), (x - 14, y + 9)]
    for canvas, fill in ((image, CLOTH), (mask, 255), (ruffle, 255)):
        ImageDraw.Draw(canvas).polygon(outline, fill=fill)
    photo, opacity = _as_tensors(np.asarray(image), np.asarray(mask, dtype=np.float32) / 255)
    return photo, opacity, torch.from_numpy(np.asarray(ruffle) > 0)


def with_a_ball() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(photo, matte, bool [H, W]: the ball) of the figure with a white ball between its left hand and its hip."""
    x, y = (joint("left_index") + joint("left_hip")) / 2 + np.array([2, 2], dtype=np.float32)
    picture, matte = draw_figure(STANDING, SIZE)
    image, mask, ball = Image.fromarray(picture), Image.fromarray(np.uint8(matte * 255)), Image.new("L", SIZE, 0)
    for canvas, fill in ((image, BALL), (mask, 255), (ball, 255)):
        ImageDraw.Draw(canvas).ellipse((x - 14, y - 14, x + 14, y + 14), fill=fill)
    photo, opacity = _as_tensors(np.asarray(image), np.asarray(mask, dtype=np.float32) / 255)
    return photo, opacity, torch.from_numpy(np.asarray(ball) > 0)


def with_a_lock(color: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(photo, matte, bool [H, W]: the lock) of the figure whose hair falls before its left upper arm, over the bone."""
    photo, matte = figure()
    points, hair = pixel_centers(matte), torch.tensor([58, 36, 30])[:, None] / 255
    shoulder, elbow = (torch.from_numpy(joint(f"left_{name}")) for name in ("shoulder", "elbow"))
    from_nose = points - torch.from_numpy(joint("nose"))
    crown = (from_nose.norm(dim=-1) > 9) & (from_nose.norm(dim=-1) < 14) & (from_nose[..., 1] < 6)
    strand = segment(points, torch.from_numpy(joint("left_ear")), shoulder)[1] < 3.5
    lock = segment(points, shoulder, torch.lerp(shoulder, elbow, 0.4))[1] < 2.5
    arm = segment(points, shoulder, elbow)[1] < 5
    photo[:, arm] = torch.tensor(color)[:, None] / 255
    for part in (crown, strand, lock):
        photo[:, part], matte[part] = hair, 1.0
    return photo, matte, lock


def _painted(outline: list[tuple[float, float]], color: tuple[int, int, int], *, opaque: bool) -> Picture:
    picture, matte = draw_figure(STANDING, SIZE)
    image, mask = Image.fromarray(picture), Image.fromarray(np.uint8(matte * 255))
    ImageDraw.Draw(image).polygon(outline, fill=color)
    if opaque:
        ImageDraw.Draw(mask).polygon(outline, fill=255)
    return _as_tensors(np.asarray(image), np.asarray(mask, dtype=np.float32) / 255)


def _as_tensors(picture_HWC: np.ndarray, matte_HW: np.ndarray) -> Picture:
    return torch.from_numpy(picture_HWC.copy()).permute(2, 0, 1).float() / 255, torch.from_numpy(matte_HW.copy())
