"""BVH and DeepMimic files, in whatever axes and rest pose they come."""

import json
from pathlib import Path

import numpy as np
import pytest

from animator.errors import JobError
from animator.synthesis.motions import bvh
from animator.synthesis.motions.bvh import read_bvh
from animator.synthesis.motions.deepmimic import read_deepmimic
from animator.synthesis.motions.library import random_motion, read_motion_files
from animator.synthesis.motions.motion import Motion, joint_tracks, upright_frames
from animator.synthesis.rig import JOINT

# Bones: name, parent, offset in a y-up world that faces +z; arms out to the sides.
_BONES = (
    ("Hips", None, (0, 0, 0)),
    ("Spine", "Hips", (0, 10, 0)),
    ("Chest", "Spine", (0, 20, 0)),
    ("Neck", "Chest", (0, 25, 0)),
    ("Head", "Neck", (0, 10, 0)),
    *(
        bone
        for side, sign in (("Left", 1), ("Right", -1))
        for bone in (
            (f"{side}Shoulder", "Chest", (3 * sign, 20, 0)),
            (f"{side}Arm", f"{side}Shoulder", (14 * sign, 0, 0)),
            (f"{side}ForeArm", f"{side}Arm", (27 * sign, 0, 0)),
            (f"{side}Hand", f"{side}ForeArm", (25 * sign, 0, 0)),
            (f"{side}UpLeg", "Hips", (10 * sign, 0, 0)),
            (f"{side}Leg", f"{side}UpLeg", (0, -42, 0)),
            (f"{side}Foot", f"{side}Leg", (0, -42, 0)),
            (f"{side}ToeBase", f"{side}Foot", (0, -6, 12)),
        )
    ),
)


def write_bvh(path: Path, turns: dict[str, tuple[float, float, float]], *, z_up: bool = False, frames: int = 1) -> Path:
    """A file in which some joints are turned by Z, X, Y Euler angles, in the y-up world."""
    order = "ZXY" if not z_up else "YXZ"

    def axes(vector: tuple[float, float, float]) -> tuple[float, float, float]:
        return (vector[0], -vector[2], vector[1]) if z_up else vector

    lines, row = ["HIERARCHY"], []

    def add(name: str, depth: int) -> None:
        offset = next(o for n, _, o in _BONES if n == name)
        pad = "\t" * depth
        lines.extend([f"{pad}{'JOINT' if depth else 'ROOT'} {name}", f"{pad}{{"])
        x, y, z = axes(offset)
        lines.append(f"{pad}\tOFFSET {x} {y} {z}")
        spins = " ".join(f"{axis}rotation" for axis in order)
        lines.append(f"{pad}\tCHANNELS " + (f"3 {spins}" if depth else f"6 Xposition Yposition Zposition {spins}"))
        about_z, about_x, about_y = turns.get(name, (0, 0, 0))
        if not depth:
            row.extend(axes((0.0, 90.0, 0.0)))
        # y-up (z, x, y) turns are (-y, x, z) turns about the axes of the z-up file.
        row.extend((-about_z, about_x, about_y) if z_up else (about_z, about_x, about_y))
        children = [n for n, parent, _ in _BONES if parent == name]
        for child in children:
            add(child, depth + 1)
        if not children:
            lines.extend([f"{pad}\tEnd Site", f"{pad}\t{{", f"{pad}\t\tOFFSET 0 0 1", f"{pad}\t}}"])
        lines.append(f"{pad}}}")

    add("Hips", 0)
    values = " ".join(f"{value:.6f}" for value in row)
    lines += ["MOTION", f"Frames: {frames}", "Frame Time: 0.04", *[values] * frames]
    path.write_text("\n".join(lines))
    return path


def wrist(motion: Motion, side: str) -> np.ndarray:
    positions, _ = joint_tracks(motion)
    return positions[0, JOINT[f"{side}_wrist"]] - positions[0, JOINT[f"{side}_shoulder"]]


@pytest.mark.parametrize("z_up", [False, True])
def test_an_arm_raised_in_the_file_is_raised_on_the_rig(tmp_path: Path, z_up: bool) -> None:
    motion = read_bvh(write_bvh(tmp_path / "a.bvh", {"LeftArm": (80, 0, 0), "RightForeArm": (0, 0, 90)}, z_up=z_up))
    left, right = wrist(motion, "left"), wrist(motion, "right")
    assert left[1] > 0.9 * np.linalg.norm(left)
    # The right forearm, turned to the front, ends ahead of the elbow.
    assert right[2] > 0.2
    assert right[0] < -0.2


def test_a_bent_knee_bends_backwards_and_the_other_foot_stands(tmp_path: Path) -> None:
    motion = read_bvh(write_bvh(tmp_path / "a.bvh", {"LeftUpLeg": (0, -60, 0), "LeftLeg": (0, 90, 0)}))
    positions, _ = joint_tracks(motion)
    assert positions[0, JOINT["left_knee"], 2] > 0.25
    assert positions[0, JOINT["left_ankle"], 2] < positions[0, JOINT["left_knee"], 2]
    assert positions[0, JOINT["right_ankle"], 1] == pytest.approx(0.08, abs=0.01)


def test_a_figure_turned_away_comes_back_to_the_front(tmp_path: Path) -> None:
    motion = read_bvh(write_bvh(tmp_path / "a.bvh", {"Hips": (0, 0, 150)}))
    _, turned = joint_tracks(motion)
    assert turned[0, 0, 2, 2] > 0.999


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "HIERARCHY"),
        ("HIERARCHY\nROOT Hips {\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n}", "frame"),
        (
            "HIERARCHY\nROOT Box {\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n}\nMOTION\nFrames: 1\n"
            "Frame Time: 0.03\n0 0 0",
            "no joint for pelvis",
        ),
    ],
)
def test_a_file_without_a_person_says_what_is_missing(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "odd.bvh"
    path.write_text(text)
    with pytest.raises(JobError, match=rf"odd\.bvh.*{reason}"):
        read_bvh(path)


def test_a_joint_below_one_without_a_place_is_refused_before_anyone_goes_up_its_parents(tmp_path: Path) -> None:
    """It would be its own parent, and whoever went up from it would never arrive."""
    whole = write_bvh(tmp_path / "torn.bvh", {}).read_text()
    before, _, after = whole.partition("JOINT Spine")
    with pytest.raises(ValueError, match="hangs on a joint that has no OFFSET"):
        bvh._parse(f"{before}JOINT Spine{after.replace('OFFSET', 'nan', 1)}")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = write_bvh(tmp_path / "short.bvh", {})
    path.write_text(path.read_text()[:700])
    with pytest.raises(JobError, match=r"short\.bvh"):
        read_bvh(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("CHANNELS 3", "CHANNELS 99999"),
        ("CHANNELS 3", "CHANNELS -3"),
        ("Zrotation", "Wrotation"),
        ("Zrotation", "Xrotation"),
        ("OFFSET 0 20 0", "OFFSET 0 inf 0"),
        ("0.04", "1e-320"),
        ("0.04", "1e300"),
    ],
)
def test_a_file_with_nonsense_in_it_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = write_bvh(tmp_path / "odd.bvh", {})
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(JobError, match=r"odd\.bvh: not a BVH file"):
        read_bvh(path)


def deepmimic_frame(**turns: list[float]) -> list[float]:
    frame = [0.04, 0.0, 0.9, 0.0] + [1.0, 0, 0, 0] * 4 + [0.0] + [1.0, 0, 0, 0] * 2 + [0.0]
    frame += [1.0, 0, 0, 0] + [0.0] + [1.0, 0, 0, 0] * 2 + [0.0]
    for column, values in ((16, turns.get("right_hip")), (20, turns.get("right_knee")), (43, turns.get("left_elbow"))):
        if values:
            frame[column : column + len(values)] = values
    return frame


def test_deepmimic_joints_bend_as_the_character_does(tmp_path: Path) -> None:
    path = tmp_path / "move.txt"
    half = np.deg2rad(60) / 2
    bent = deepmimic_frame(right_hip=[np.cos(half), 0, 0, np.sin(half)], right_knee=[-1.2], left_elbow=[1.5])
    path.write_text(json.dumps({"Loop": "wrap", "Frames": [bent] * 3}))
    motion = read_deepmimic(path)
    positions, _ = joint_tracks(motion)
    assert motion.fps == pytest.approx(25.0)
    assert positions[0, JOINT["right_knee"], 2] > 0.25  # thigh forward
    assert positions[0, JOINT["right_ankle"], 2] < positions[0, JOINT["right_knee"], 2]  # shin back
    assert positions[0, JOINT["left_wrist"], 2] > positions[0, JOINT["left_elbow"], 2] + 0.15  # forearm forward
    assert positions[0, JOINT["left_elbow"], 1] < positions[0, JOINT["left_shoulder"], 1] - 0.2  # upper arm hangs


def test_deepmimic_of_another_character_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dog.txt"
    path.write_text(json.dumps({"Frames": [[0.03] * 12]}))
    with pytest.raises(JobError, match=r"dog\.txt.*\[1, 12\].*44"):
        read_deepmimic(path)


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        ([1e-320, *deepmimic_frame()[1:]], "expected 0.0001 to 100 s"),
        ([0.04, 0, 0.9, 0, 0, 0, 0, 0, *deepmimic_frame()[8:]], "not a DeepMimic motion"),
    ],
)
def test_deepmimic_with_nonsense_in_it_is_refused(tmp_path: Path, frame: list[float], complaint: str) -> None:
    path = tmp_path / "odd.txt"
    path.write_text(json.dumps({"Frames": [frame] * 2}))
    with pytest.raises(JobError, match=rf"odd\.txt.*{complaint}"):
        read_deepmimic(path)
    path.write_text('{"Frames":' + "[" * 100_000)
    with pytest.raises(JobError, match=r"odd\.txt: not a DeepMimic motion"):
        read_deepmimic(path)


def test_a_folder_gives_its_upright_motions_and_says_what_it_left_out(tmp_path: Path) -> None:
    write_bvh(tmp_path / "good.bvh", {"LeftArm": (40, 0, 0)}, frames=40)
    write_bvh(tmp_path / "pose.bvh", {"RightArm": (-40, 0, 0)})
    write_bvh(tmp_path / "lying.bvh", {"Hips": (0, 90, 0)}, frames=40)
    (tmp_path / "broken.bvh").write_text("HIERARCHY")
    files = read_motion_files(tmp_path)
    assert [name for name, _ in files.clips] == ["good"]
    assert [name for name, _ in files.poses] == ["pose"]
    assert [name for name, _ in files.skipped] == ["broken.bvh", "lying.bvh"]
    for seed in range(8):
        assert upright_frames(random_motion(seed, num_frames=20, files=files)).any()


def test_a_folder_without_motions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no upright motion"):
        read_motion_files(tmp_path)
    with pytest.raises(JobError, match="no such folder"):
        read_motion_files(tmp_path / "nowhere")


@pytest.mark.dev_media
def test_real_bvh_files_stand_upright(dev_media: Path) -> None:
    files = read_motion_files(dev_media / "bvh")
    assert {"dab", "jumping_jacks", "wave_hello"} <= {name for name, _ in files.clips}
    for _, motion in files.clips:
        positions, _ = joint_tracks(motion)
        assert 0.05 < np.quantile(positions[:, [JOINT["left_ankle"], JOINT["right_ankle"]], 1].min(1), 0.1) < 0.12
