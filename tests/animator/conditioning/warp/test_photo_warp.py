"""The layers of a carried photo: which lies over which, what is left out, and what is reported for repair."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from animator.conditioning.warp import PhotoWarp, WarpedPhoto, layers
from animator.conditioning.warp.anatomy import pixel_centers
from animator.conditioning.warp.photo_warp import follow
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import CLOTH, SIZE, STANDING, in_a_skirt, joint, with_a_ball, with_a_lock
from tests.animator.figure import draw_figure

CENTER_X = 96
# Of the figure's left arm and leg, so that they are told from the right ones; its trunk is red.
GREEN, YELLOW = (40, 150, 60), (230, 210, 40)
ARM = ("shoulder", "elbow", "wrist", "index", "pinky", "thumb")
LEG = ("knee", "ankle", "heel", "foot_index")


@pytest.fixture(scope="module")
def warp() -> PhotoWarp:
    """The figure with a green left arm and a yellow left leg."""
    picture, matte = draw_figure(STANDING, SIZE)
    image = Image.fromarray(picture)
    for joints, color, width in ((ARM[:4], GREEN, 9), (("hip", *LEG[:2], LEG[3]), YELLOW, 12)):
        points = [tuple(joint(f"left_{name}")) for name in joints]
        ImageDraw.Draw(image).line(points, fill=color, width=width, joint="curve")
    photo = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255
    return PhotoWarp(photo, torch.from_numpy(matte), torch.from_numpy(STANDING), torch.ones(33))


def carried(warp: PhotoWarp, keypoints_K2: np.ndarray, confidence_K: torch.Tensor | None = None) -> WarpedPhoto:
    confidence = torch.ones(33) if confidence_K is None else confidence_K
    return warp(torch.from_numpy(keypoints_K2.astype(np.float32))[None], confidence[None])


def share_of(color: tuple[int, int, int], result: WarpedPhoto) -> float:
    """Of the canvas, how much shows this colour."""
    away = result.colors_B3HW[0] - torch.tensor(color)[:, None, None] / 255
    return float(((away.abs().amax(0) < 0.2) & (result.coverage_BHW[0] > 0.9)).float().mean())


def moved(names: tuple[str, ...], places: np.ndarray, keypoints_K2: np.ndarray = STANDING) -> np.ndarray:
    pose = keypoints_K2.copy()
    for name, place in zip(names, places, strict=True):
        pose[BLAZEPOSE_33.index(name)] = place
    return pose


def sideways(looks: float) -> np.ndarray:
    """Turned to the side, both arms hanging before or behind the trunk; the nose is `looks` px before the ears."""
    pose = STANDING.copy()
    pose[:, 0] = CENTER_X + 0.2 * (pose[:, 0] - CENTER_X)
    pose[BLAZEPOSE_33.index("nose"), 0] += looks
    return pose


def test_the_far_arm_of_who_looks_aside_lies_behind_the_trunk(warp: PhotoWarp) -> None:
    to_the_right, to_the_left = (share_of(GREEN, carried(warp, sideways(looks))) for looks in (9, -9))
    assert to_the_left > 2 * to_the_right


def forearm_before_the_trunk() -> np.ndarray:
    """The left one, from an elbow beside the trunk."""
    names = tuple(f"left_{name}" for name in ARM[1:])
    elbow = joint("left_elbow") - [14, 0]
    return moved(
        names, np.stack([elbow, *(elbow + np.array(step) for step in ((-38, 2), (-44, 2), (-44, 4), (-42, 0)))])
    )


def sure_of_the_left_wrist(confidence: float) -> torch.Tensor:
    """Everything else is sure."""
    confidence_K = torch.ones(33)
    confidence_K[BLAZEPOSE_33.index("left_wrist")] = confidence
    return confidence_K


def shows_the_forearm(result: WarpedPhoto) -> bool:
    """Whether the picture is green in the middle of `forearm_before_the_trunk`."""
    pose = forearm_before_the_trunk()
    x, y = (pose[BLAZEPOSE_33.index("left_elbow")] + pose[BLAZEPOSE_33.index("left_wrist")]) / 2
    away = result.colors_B3HW[0, :, int(y), int(x)] * 255 - torch.tensor(GREEN)
    return bool(away.abs().max() < 60)


def test_an_arm_before_somebody_who_faces_us_lies_over_the_trunk(warp: PhotoWarp) -> None:
    assert shows_the_forearm(carried(warp, forearm_before_the_trunk()))


@pytest.mark.parametrize("confidence", [0.05, 0.3, 0.5])
def test_a_forearm_that_nobody_sees_lies_behind_the_trunk(warp: PhotoWarp, confidence: float) -> None:
    """It stood out beside people seen from behind, who hold their hands before them."""
    result = carried(warp, forearm_before_the_trunk(), sure_of_the_left_wrist(confidence))
    assert not shows_the_forearm(result)
    assert share_of(GREEN, result) < share_of(GREEN, carried(warp, forearm_before_the_trunk())) / 2


@pytest.mark.parametrize("confidence", [0.05, 0.3, 0.5])
def test_a_tracker_without_fingers_tells_only_what_it_sees(warp: PhotoWarp, confidence: float) -> None:
    """COCO and OpenPose do not follow a hidden wrist: little confidence says that it may be elsewhere."""
    pose = forearm_before_the_trunk()
    for name in ("index", "pinky", "thumb"):
        pose[[BLAZEPOSE_33.index(f"{side}_{name}") for side in ("left", "right")]] = np.nan
    shown = carried(warp, pose, sure_of_the_left_wrist(confidence))
    assert share_of(GREEN, shown) > 0.8 * share_of(GREEN, carried(warp, pose))


@pytest.mark.parametrize("confidence", [0.25, 0.5])
def test_an_arm_that_the_photo_shows_unsurely_stays_before_the_trunk(confidence: float) -> None:
    """In its own pose a photo looks as it is, hands in pockets included."""
    pose = forearm_before_the_trunk()
    picture, matte = draw_figure(pose, SIZE)
    image = Image.fromarray(picture)
    points = [tuple(pose[BLAZEPOSE_33.index(f"left_{name}")]) for name in ARM[:4]]
    ImageDraw.Draw(image).line(points, fill=GREEN, width=9, joint="curve")
    photo = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255
    unsure = sure_of_the_left_wrist(confidence)
    shown = PhotoWarp(photo, torch.from_numpy(matte), torch.from_numpy(pose.astype(np.float32)), unsure)
    assert shows_the_forearm(carried(shown, pose, unsure))


@pytest.mark.parametrize(("left_lower", "is_shown"), [(8.0, True), (-8.0, False)])
def test_the_leg_whose_foot_is_lower_stands_before_the_other(
    warp: PhotoWarp, left_lower: float, is_shown: bool
) -> None:
    names = tuple(f"{side}_{name}" for side in ("left", "right") for name in LEG)
    # Both legs hang from the middle, so that one of them covers the other.
    places = [[CENTER_X, joint(name)[1] + (left_lower if "left" in name else 0)] for name in names]
    result = carried(warp, moved(names, np.array(places, dtype=np.float32)))
    x, y = CENTER_X, int(joint("left_knee")[1]) + 20
    yellow = (result.colors_B3HW[0, :, y, x] * 255 - torch.tensor(YELLOW)).abs().max() < 60
    assert bool(yellow) == is_shown


def in_shorts() -> PhotoWarp:
    """The figure in green shorts that end half-way down the thighs; both legs are yellow below."""
    picture, matte = draw_figure(STANDING, SIZE)
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for side in ("left", "right"):
        hip, knee, ankle = (joint(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        draw.line([tuple(hip), tuple(knee), tuple(ankle)], fill=YELLOW, width=20, joint="curve")
        draw.line([tuple(hip), tuple((hip + knee) / 2)], fill=GREEN, width=22)
    photo = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255
    return PhotoWarp(photo, torch.from_numpy(matte), torch.from_numpy(STANDING), torch.ones(33))


@pytest.mark.parametrize(("near", "far"), [("left", "right"), ("right", "left")])
def test_a_thigh_behind_the_other_does_not_show_through_where_that_one_begins(near: str, far: str) -> None:
    hip, knee = joint(f"{near}_hip"), joint(f"{near}_knee")
    # Its knee lies behind the root of the other thigh, as in a step to the side that crosses behind.
    names = tuple(f"{far}_{name}" for name in LEG)
    drop = [joint(name)[1] - joint(f"{far}_knee")[1] - 12 for name in names]
    root = hip + 0.05 * (knee - hip)
    pose = moved(names, np.array([[root[0], root[1] + max(each, 0)] for each in drop], dtype=np.float32))
    result = carried(in_shorts(), pose)
    x, y = root.astype(int)
    shown = result.colors_B3HW[0, :, y - 3 : y + 4, x - 3 : x + 4].mean((1, 2)) * 255
    assert (shown - torch.tensor(GREEN)).abs().max() < 30


def crossed(left_lower: float) -> np.ndarray:
    """One leg before the other, the left foot so many px lower."""
    names = tuple(f"{side}_{name}" for side in ("left", "right") for name in LEG)
    places = [[CENTER_X, joint(name)[1] + (left_lower if "left" in name else 0)] for name in names]
    return moved(names, np.array(places, dtype=np.float32))


@pytest.mark.parametrize(
    "poses",
    [
        [crossed(lower) for lower in np.arange(-3, 3.1, 0.5)],
        [sideways(looks) for looks in np.arange(-1.5, 1.6, 0.25)],
    ],
    ids=["legs", "arm"],
)
def test_what_was_behind_comes_to_the_front_little_by_little(warp: PhotoWarp, poses: list[np.ndarray]) -> None:
    """No pose is drawn much otherwise than one that differs by half a pixel."""
    pictures = torch.cat([carried(warp, pose).over(torch.full((3, *SIZE[::-1]), 0.8)) for pose in poses])
    steps = (pictures[1:] - pictures[:-1]).abs().mean((1, 2, 3))
    whole = (pictures[-1] - pictures[0]).abs().mean()
    assert float(steps.max()) < 0.25 * float(whole)
    together = warp(torch.from_numpy(np.stack(poses).astype(np.float32)), torch.ones(len(poses), 33))
    torch.testing.assert_close(together.over(torch.full((3, *SIZE[::-1]), 0.8)), pictures, rtol=0, atol=1e-4)


def test_somebody_who_comes_closer_is_larger_and_not_stretched(warp: PhotoWarp) -> None:
    result = carried(warp, (STANDING - joint("nose")) * 2.5 + [CENTER_X, 60])
    assert float(result.repair_BHW[0][result.coverage_BHW[0] > 0.99].mean()) < 0.05


def test_shoulders_that_become_broader_do_not_make_the_head_larger(warp: PhotoWarp) -> None:
    """Somebody photographed from the side turns to the camera: trunk and head have the size they had."""
    names = tuple(f"{side}_{name}" for side in ("left", "right") for name in ("shoulder", "hip"))
    middle = np.array([CENTER_X, 0])
    broader = moved(names, np.stack([middle + (joint(name) - middle) * [1.5, 1] for name in names]))
    bottom = int(min(joint("left_shoulder")[1], joint("right_shoulder")[1])) - 8
    sizes = [float(carried(warp, pose).coverage_BHW[0, :bottom].sum()) for pose in (STANDING, broader)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)


def test_a_limb_that_grows_while_the_head_does_not_is_reported(warp: PhotoWarp) -> None:
    names, elbow = tuple(f"left_{name}" for name in ARM[2:]), joint("left_elbow")
    x, y = (elbow + 0.8 * (joint("left_wrist") - elbow)).astype(int)
    longer = moved(names, np.stack([elbow + 2.8 * (joint(name) - elbow) for name in names]))
    repair = [float(carried(warp, pose).repair_BHW[0, y, x]) for pose in (STANDING, longer)]
    assert repair[0] < 0.02
    assert repair[1] > 0.05  # a forearm grows by less than two thirds, whatever is asked of it


def test_a_leg_that_is_lifted_stays_below_the_skirt() -> None:
    photo, matte = in_a_skirt()
    skirted = PhotoWarp(photo, matte, torch.from_numpy(STANDING), torch.ones(33))
    names = tuple(f"left_{name}" for name in LEG[1:])
    # The shin up over the thigh; the knee stays, and with it the hem.
    lifted = moved(names, np.stack([joint(name) * [1, -1] + [0, 2 * joint("left_knee")[1]] for name in names]))
    before, after = (share_of(CLOTH, carried(skirted, pose)) for pose in (STANDING, lifted))
    assert after > 0.9 * before  # taut over the knee, a skirt shows a little less of itself; below a leg, a fifth less


@pytest.mark.parametrize("reach", [(18.0, 16.0), (30.0, -30.0), (4.0, 8.0)])
def test_a_ball_in_the_hand_stays_round_however_the_forearm_is_turned_or_foreshortened(
    reach: tuple[float, float],
) -> None:
    photo, matte, ball = with_a_ball()
    warp = PhotoWarp(photo, matte, torch.from_numpy(STANDING), torch.ones(33))
    wrist = joint("left_elbow") + np.array(reach, dtype=np.float32)
    fingers = {name: joint(f"left_{name}") - joint("left_wrist") for name in ("pinky", "index", "thumb")}
    places = np.array([wrist, *(wrist + offset for offset in fingers.values())])
    result = carried(warp, moved(("left_wrist", *(f"left_{name}" for name in fingers)), places))
    white = (result.colors_B3HW[0].amin(0) > 0.85) & (result.coverage_BHW[0] > 0.5)
    rows, columns = white.nonzero(as_tuple=True)
    sides = [float(each.max() - each.min()) + 1 for each in (rows, columns)]
    assert sides == pytest.approx([29, 29], abs=3)
    assert int(white.sum()) == pytest.approx(int(ball.sum()), rel=0.12)


@pytest.mark.parametrize("degrees", [120, 150])
def test_a_raised_arm_is_drawn_along_its_bone_from_the_joint_on(warp: PhotoWarp, degrees: float) -> None:
    shoulder, names = joint("left_shoulder"), tuple(f"left_{name}" for name in ARM[1:])
    places = np.stack([joint(name) for name in names])
    reach = np.linalg.norm(places - shoulder, axis=-1, keepdims=True)
    outwards = np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    result = carried(warp, moved(names, shoulder + reach * outwards))
    pixels = (shoulder + np.linspace(0.15, 0.9, 16)[:, None] * reach[0] * outwards).astype(int)
    shown = (result.colors_B3HW * result.coverage_BHW)[0, :, pixels[:, 1], pixels[:, 0]].T
    assert float((shown * 255 - torch.tensor(GREEN)).abs().max()) < 30


def test_hair_before_an_arm_hangs_where_it_is_when_the_arm_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of a lock of five px nothing but mixed colours would be left.
    for name in ("foreground_colors", "colors_to_draw"):
        monkeypatch.setattr(layers, name, lambda colors_3HW, _: colors_3HW)
    photo, matte, lock = with_a_lock((225, 180, 150))
    warp = PhotoWarp(photo, matte, torch.from_numpy(STANDING), torch.ones(33))
    raised = joint("left_shoulder") + np.array([[30.0, -10.0], [45.0, -40.0]], dtype=np.float32)
    for pose in (STANDING, moved(("left_elbow", "left_wrist"), raised)):
        result = carried(warp, pose)
        dark = (result.colors_B3HW[0].amax(0) < 0.4) & (result.coverage_BHW[0] > 0.9)
        assert float(dark[lock].float().mean()) > 0.8
    assert int((dark & (pixel_centers(matte)[..., 0] > float(joint("left_shoulder")[0]) + 14)).sum()) == 0


def test_meshes_follow_a_field_and_are_drawn_as_sharp_as_where_bones_take_them(warp: PhotoWarp) -> None:
    """What belongs to a place lies 2.5 px to its right and 1.5 above it: all is drawn so far to the left, and lower."""
    field = torch.tensor([2.5, -1.5])[None, :, None, None].expand(1, 2, *warp.size)
    pose = torch.from_numpy(STANDING)[None]
    still, moved_on = warp(pose, torch.ones(1, 33)), warp(pose, torch.ones(1, 33), field_B2HW=field)
    elsewhere = warp(pose - torch.tensor([2.5, -1.5]), torch.ones(1, 33))
    assert (moved_on.coverage_BHW - elsewhere.coverage_BHW).abs().mean() < 1e-3
    assert (moved_on.coverage_BHW - still.coverage_BHW).abs().mean() > 1e-2
    edges = [float(each.over(torch.ones(3, *warp.size)).diff(dim=-1).square().mean()) for each in (elsewhere, moved_on)]
    assert edges[1] > 0.99 * edges[0]
    unmoved = warp(pose, torch.ones(1, 33), field_B2HW=0 * field)
    assert torch.equal(unmoved.colors_B3HW, still.colors_B3HW)


def test_a_ball_in_the_hand_stays_round_whatever_the_field_says() -> None:
    """A network that has seen no balls takes one for the thick end of an arm, and draws it together."""
    photo, matte, ball = with_a_ball()
    warp = PhotoWarp(photo, matte, torch.from_numpy(STANDING), torch.ones(33))
    rows, columns = ball.nonzero(as_tuple=True)
    middle = torch.stack([columns.float().mean(), rows.float().mean()])
    field = (0.4 * (pixel_centers(matte) - middle)).permute(2, 0, 1)[None]
    result = warp(torch.from_numpy(STANDING)[None], torch.ones(1, 33), field_B2HW=field)
    white = (result.colors_B3HW[0].amin(0) > 0.85) & (result.coverage_BHW[0] > 0.5)
    assert int(white.sum()) == pytest.approx(int(ball.sum()), rel=0.12)


def test_a_point_ends_where_the_field_takes_what_lay_at_it() -> None:
    coarse = torch.randn(1, 2, 6, 5, generator=torch.Generator().manual_seed(0)) * 3
    field = torch.nn.functional.interpolate(coarse, (96, 80), mode="bicubic")
    points = torch.rand(1, 200, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor([60.0, 76.0]) + 10
    ends = follow(points, field)
    places = (ends * (2 / torch.tensor([80.0, 96.0])) - 1)[:, None]
    told = torch.nn.functional.grid_sample(field, places, padding_mode="border", align_corners=False)
    assert (ends + told[:, :, 0].transpose(1, 2) - points).norm(dim=-1).median() < 0.02
    assert (ends - points).norm(dim=-1).median() > 1
