"""Motions from BVH files: any skeleton whose joints have the usual names, whatever its rest pose and axes.

The rest pose of the file says which way is up and ahead, and how its limbs lie against our T-pose; each joint's
global rotation is carried over with that difference taken out.

Legend: T frames, N joints of the file, J joints of the rig.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from animator.errors import JobError
from animator.synthesis.motions.legs import unit
from animator.synthesis.motions.motion import MAX_FRAME_S, MIN_FRAME_S, Motion, motion_from_globals
from animator.synthesis.rig import DEFAULT_REST_J3, JOINT, JOINTS, NUM_JOINTS, PARENTS

MAX_FILE_BYTES = 64 * 1024 * 1024
# Names in use for a rig joint, "{s}" standing for the side; of several found, the first gives the place and the
# last the rotation (MakeHuman splits limbs in two).
_ALIASES: dict[str, tuple[str, ...]] = {
    "hip": ("{side}upleg", "{side}hip", "{side}thigh", "{s}thigh", "upperleg01{s}", "upperleg02{s}"),
    "knee": ("{side}leg", "{side}knee", "{side}shin", "{s}shin", "lowerleg01{s}", "lowerleg02{s}"),
    "ankle": ("{side}foot", "{side}ankle", "{s}foot", "foot{s}"),
    "foot": ("{side}toebase", "{side}toe", "{s}toe", "toe21{s}"),
    "collar": ("{side}shoulder", "{side}collar", "{s}collar", "clavicle{s}", "shoulder01{s}"),
    "shoulder": ("{side}arm", "{side}uparm", "{s}shldr", "upperarm01{s}", "upperarm02{s}"),
    "elbow": ("{side}forearm", "{side}elbow", "{side}lowarm", "{s}forearm", "lowerarm01{s}", "lowerarm02{s}"),
    "wrist": ("{side}hand", "{side}wrist", "{s}hand", "wrist{s}"),
}
_TRUNK_ALIASES = {"pelvis": ("hips", "hip", "pelvis", "root"), "neck": ("neck", "neck01", "neck1"), "head": ("head",)}
_LIMB_PARTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
_NEEDED = ["pelvis", "neck", *(f"{side}_{part}" for side in ("left", "right") for part in _LIMB_PARTS)]
_NEXT = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[str, ...]


def read_bvh(path: Path) -> Motion:
    """The motion in a BVH file (a single frame is a pose), at the file's rate.

    Raises:
        JobError: not a BVH file, or a skeleton without the joints of a person.
    """
    if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
        raise JobError(f"{path}: no BVH file of at most {MAX_FILE_BYTES >> 20} MiB")
    try:
        nodes, frames_TC, frame_s = _parse(path.read_text(encoding="utf-8", errors="replace"))
        roots_T3, turned_TN33 = _play(nodes, frames_TC)
    except (ValueError, IndexError, StopIteration, KeyError) as error:
        raise JobError(f"{path.name}: not a BVH file ({str(error) or 'it ends too soon'})") from error
    places, turns = _rig_sources(path.name, nodes)
    rest_N3 = _rest(nodes)
    to_rig = _axes(path.name, rest_N3, places)
    turned_TJ33 = np.tile(np.eye(3), (len(frames_TC), NUM_JOINTS, 1, 1))
    align_J33 = _alignment(rest_N3 @ to_rig.T, places)
    for joint in range(NUM_JOINTS):
        turned_TJ33[:, joint] = to_rig @ turned_TN33[:, turns[joint]] @ to_rig.T @ align_J33[joint]
    legs = [np.linalg.norm(rest_N3[places[_index(a)]] - rest_N3[places[_index(b)]]) for a, b in _LEG]
    rig_legs = [np.linalg.norm(DEFAULT_REST_J3[_index(a)] - DEFAULT_REST_J3[_index(b)]) for a, b in _LEG]
    unit_m = sum(legs) / sum(rig_legs) * DEFAULT_REST_J3[0, 1]
    return motion_from_globals(turned_TJ33, roots_T3 @ to_rig.T / unit_m, fps=1 / frame_s)


_LEG = (("left_hip", "left_knee"), ("left_knee", "left_ankle"))


def _index(name: str) -> int:
    return JOINT[name]


def _parse(text: str) -> tuple[list[_Node], np.ndarray, float]:
    """Joints (end sites left out), channel values [T, C] and seconds per frame."""
    header, _, body = text.partition("MOTION")
    words = iter(header.split())
    if next(words, "") != "HIERARCHY":
        raise ValueError("it does not begin with HIERARCHY")
    nodes: list[_Node] = []
    _parse_joints(words, nodes)
    count = re.search(r"Frames:\s*(\d+)", body)
    rate = re.search(r"Frame Time:\s*([\d.eE+-]+)", body)
    if count is None or rate is None or not MIN_FRAME_S <= float(rate.group(1)) <= MAX_FRAME_S:
        raise ValueError(f"no frame count, or no frame time from {MIN_FRAME_S:g} to {MAX_FRAME_S:g} s")
    values = np.array(body[rate.end() :].split(), dtype=np.float64)
    channels = sum(len(node.channels) for node in nodes)
    frames = min(int(count.group(1)), len(values) // max(channels, 1))
    if frames < 1 or not np.isfinite(values).all():
        raise ValueError(f"{len(values)} numbers are no frame of {channels} channels")
    return nodes, values[: frames * channels].reshape(frames, channels), float(rate.group(1))


def _parse_joints(words: Iterator[str], nodes: list[_Node]) -> None:
    stack: list[int] = []
    name, is_end = "", False
    for word in words:
        if word in ("ROOT", "JOINT"):
            name, is_end = next(words), False
        elif word == "End":
            is_end = True
            next(words)
        elif word == "OFFSET":
            offset = (float(next(words)), float(next(words)), float(next(words)))
            if not np.isfinite(offset).all():
                raise ValueError(f"{name} has no place: {offset}")
            if not is_end:
                parent = stack[-2] if len(stack) > 1 else -1
                if parent >= len(nodes):  # going up its parents would never end
                    raise ValueError(f"{name} hangs on a joint that has no OFFSET")
                nodes.append(_Node(name=name, parent=parent, offset=offset, channels=()))
        elif word == "CHANNELS":
            channels = tuple(islice(words, int(next(words))))
            last = nodes[-1]
            nodes[-1] = _Node(name=last.name, parent=last.parent, offset=last.offset, channels=channels)
        elif word == "{":
            stack.append(len(nodes))
        elif word == "}":
            stack.pop()


def _rig_sources(file: str, nodes: list[_Node]) -> tuple[dict[int, int], dict[int, int]]:
    """For each rig joint the file's joint that gives its place, and the one that gives its rotation."""
    names = {re.sub(r"[^a-z0-9]", "", node.name.lower().split(":")[-1]): k for k, node in reversed([*enumerate(nodes)])}
    places: dict[int, int] = {}
    turns: dict[int, int] = {}
    for joint in JOINTS:
        side, _, part = joint.partition("_")
        aliases = _ALIASES.get(part, ()) if part else _TRUNK_ALIASES.get(joint, ())
        found = [names[a] for a in (alias.format(side=side, s=side[0]) for alias in aliases) if a in names]
        if found:
            # "LeftShoulder" is the collar in one convention and the upper arm in the other.
            places[JOINT[joint]], turns[JOINT[joint]] = found[0], found[-1]
    _settle_shoulders(nodes, names, places, turns)
    missing = [name for name in _NEEDED if JOINT[name] not in places]
    if missing:
        raise JobError(f"{file}: found no joint for {', '.join(missing)} among {', '.join(n.name for n in nodes[:40])}")
    _fill_gaps(nodes, places, turns)
    return places, turns


def _settle_shoulders(nodes: list[_Node], names: dict[str, int], places: dict[int, int], turns: dict[int, int]) -> None:
    for side in ("left", "right"):
        if f"{side}arm" not in names and f"{side}shoulder" in names:
            places[JOINT[f"{side}_shoulder"]] = turns[JOINT[f"{side}_shoulder"]] = names[f"{side}shoulder"]
            collar = names.get(f"{side}collar", nodes[names[f"{side}shoulder"]].parent)
            places[JOINT[f"{side}_collar"]] = turns[JOINT[f"{side}_collar"]] = collar


def _fill_gaps(nodes: list[_Node], places: dict[int, int], turns: dict[int, int]) -> None:
    """Spine joints from the chain between pelvis and chest; what the file lacks moves with its parent."""
    chain, node = [], nodes[places[JOINT["neck"]]].parent
    while node not in (-1, places[0]):
        chain.append(node)
        node = nodes[node].parent
    chain = chain[::-1] or [places[0]]
    for k, spine in enumerate(("spine1", "spine2", "spine3")):
        place = chain[round(k * (len(chain) - 1) / 2)]
        places[JOINT[spine]] = turns[JOINT[spine]] = place
    for joint in range(NUM_JOINTS):
        if joint not in turns:
            above = PARENTS[joint]
            places[joint], turns[joint] = places[above], turns[above]


def _rest(nodes: list[_Node]) -> np.ndarray:
    rest = np.zeros((len(nodes), 3))
    for k, node in enumerate(nodes):
        rest[k] = (rest[node.parent] if node.parent >= 0 else 0) + np.array(node.offset)
    return rest


def _axes(file: str, rest_N3: np.ndarray, places: dict[int, int]) -> np.ndarray:
    """[3, 3] the file's axes (y or z up, any facing) to the rig's, snapped to whole axes."""
    left = rest_N3[places[JOINT["left_hip"]]] - rest_N3[places[JOINT["right_hip"]]]
    up = rest_N3[places[JOINT["neck"]]] - rest_N3[places[JOINT["left_ankle"]]]
    x, y = _snap(left), _snap(up)
    shin = rest_N3[places[JOINT["left_ankle"]]] - rest_N3[places[JOINT["left_knee"]]]
    arms = rest_N3[places[JOINT["left_elbow"]]] - rest_N3[places[JOINT["right_elbow"]]]
    if x @ y or unit(shin) @ y > -0.7 or arms @ x <= 0:
        raise JobError(
            f"{file}: with all angles at zero its joints do not stand like a person (legs down, arms apart), so they "
            "cannot be matched; export it with a T-pose or A-pose as the rest pose"
        )
    return np.stack([x, y, np.cross(x, y)])


def _snap(vector_3: np.ndarray) -> np.ndarray:
    axis = np.zeros(3)
    largest = int(np.argmax(np.abs(vector_3)))
    axis[largest] = np.sign(vector_3[largest])
    return axis


def _play(nodes: list[_Node], frames_TC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Root places [T, 3] and global rotations [T, N, 3, 3]; only the root's translation counts."""
    turned = np.empty((len(frames_TC), len(nodes), 3, 3))
    roots, column = np.zeros((len(frames_TC), 3)), 0
    for k, node in enumerate(nodes):
        values = frames_TC[:, column : column + len(node.channels)]
        column += len(node.channels)
        spins = [c for c, channel in enumerate(node.channels) if channel.endswith("rotation")]
        if spins:
            order = "".join(node.channels[c][0].upper() for c in spins)
            local = Rotation.from_euler(order, values[:, spins], degrees=True).as_matrix()
        else:
            local = np.tile(np.eye(3), (len(frames_TC), 1, 1))
        if k == 0:
            moves = ["XYZ".index(channel[0].upper()) for channel in node.channels if channel.endswith("position")]
            if moves:
                roots[:, moves] = values[:, [c for c, ch in enumerate(node.channels) if ch.endswith("position")]]
        turned[:, k] = local if node.parent < 0 else turned[:, node.parent] @ local
    return roots, turned


def _alignment(rest_N3: np.ndarray, places: dict[int, int]) -> np.ndarray:
    """[J, 3, 3] turns each T-pose limb onto the file's rest pose (rig axes): limbs whole, feet only about y."""
    align = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    for side, arm in (("left", 1.0), ("right", -1.0)):
        for part, child in _NEXT.items():
            here, there = JOINT[f"{side}_{part}"], JOINT[f"{side}_{child}"]
            rest = np.array([arm, 0, 0]) if part in ("shoulder", "elbow") else np.array([0, -1.0, 0])
            # The second bone of a limb starts out as its first bone lies.
            above = {"elbow": "shoulder", "knee": "hip"}.get(part)
            parent = align[JOINT[f"{side}_{above}"]] if above else np.eye(3)
            align[here] = _turn_between(parent @ rest, rest_N3[places[there]] - rest_N3[places[here]]) @ parent
        align[JOINT[f"{side}_wrist"]] = align[JOINT[f"{side}_elbow"]]
        toes = rest_N3[places[JOINT[f"{side}_foot"]]] - rest_N3[places[JOINT[f"{side}_ankle"]]]
        if np.linalg.norm(toes[[0, 2]]) > 1e-6:
            yaw = Rotation.from_euler("y", np.arctan2(toes[0], toes[2])).as_matrix()
            align[JOINT[f"{side}_ankle"]] = align[JOINT[f"{side}_foot"]] = yaw
    return align


def _turn_between(source_3: np.ndarray, target_3: np.ndarray) -> np.ndarray:
    """Smallest rotation [3, 3] that takes one direction to another."""
    a, b = unit(source_3), unit(target_3)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, a @ b)).as_matrix()
