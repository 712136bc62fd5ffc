"""The body as a tree of joints: which joint hangs on which, and rebuilding it with other limb lengths.

Beside the tracker's keypoints the tree holds three inner points, the middles of hips, shoulders and ears, so that
every skeleton hangs together in the same way.

Legend: T frames, K keypoints, P points of the tree (K keypoints, then pelvis, chest, skull).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pose_tracking.errors import TrackingError
from pose_tracking.limbs import MIN_SHOWN, SEEN_CONFIDENCE
from pose_tracking.sequence import PoseSequence

# Each inner point is the middle of a pair of joints.
INNER_POINTS: Mapping[str, tuple[str, str]] = {
    "pelvis": ("left_hip", "right_hip"),
    "chest": ("left_shoulder", "right_shoulder"),
    "skull": ("left_ear", "right_ear"),
}
# What an inner point hangs on, by root.
_INNER_PARENTS = {
    "pelvis": {"pelvis": None, "chest": "pelvis", "skull": "chest"},
    "chest": {"chest": None, "pelvis": "chest", "skull": "chest"},
    "skull": {"skull": None, "chest": "skull", "pelvis": "chest"},
}
# Joint: (what it hangs on, kind of limb between the two). Everything that is not listed belongs to the head.
_LIMB_OF = {
    "hip": ("pelvis", "hips"),
    "knee": ("{side}_hip", "thigh"),
    "ankle": ("{side}_knee", "shin"),
    "shoulder": ("chest", "shoulders"),
    "elbow": ("{side}_shoulder", "upper_arm"),
    "wrist": ("{side}_elbow", "forearm"),
    "neck": ("chest", "shoulders"),
    **dict.fromkeys(("heel", "foot_index", "big_toe", "small_toe"), ("{side}_ankle", "foot")),
    **dict.fromkeys(("pinky", "index", "thumb", "hand"), ("{side}_wrist", "hand")),
}
# A limb may be seen this much longer than it is before it is held back as a tracking error; limbs that reach for the
# camera look longer by perspective.
STRETCH_LIMIT = 1.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Body:
    """One person's points over time, and the tree that joins them.

    Attributes:
        names: names of the P points.
        points_TP2: float64 px, NaN where unseen; inner points and the pairs they lie between are filled in all frames
            when they are seen in some, since whole limbs hang on them.
        confidence_TP: that of an inner point is the lesser of its two joints'.
        parent_P: index of the point each one hangs on, -1 for the root, which is known in every frame.
        kind_P: kind of limb (see `TYPICAL_BUILD`) between a point and its parent.
    """

    names: tuple[str, ...]
    points_TP2: np.ndarray
    confidence_TP: np.ndarray
    parent_P: tuple[int, ...]
    kind_P: tuple[str, ...]

    @classmethod
    def from_poses(cls, poses: PoseSequence, *, where: str) -> Body:
        """Build the tree; the root is the first of pelvis, chest, skull that is really shown.

        Raises:
            TrackingError: neither hips, shoulders nor ears anywhere; the message speaks of `where`.
        """
        names = (*poses.skeleton.joints, *INNER_POINTS)
        points_TK2 = poses.keypoints_TK2.astype(float)
        pairs = [[poses.skeleton.index(joint) for joint in pair] for pair in INNER_POINTS.values()]
        half_TI2 = np.stack([_half_width(points_TK2[:, pair]) for pair in pairs], axis=1)
        inner_TI2 = _filled(np.stack([_middle(points_TK2[:, p], half_TI2[:, i]) for i, p in enumerate(pairs)], axis=1))
        sure_TI = np.stack([poses.confidence_TK[:, pair].min(axis=1) for pair in pairs], axis=1).astype(float)
        for place, (left, right) in enumerate(pairs):
            for joint, side in ((left, -1.0), (right, 1.0)):
                guess_T2 = inner_TI2[:, place] + side * half_TI2[:, place]
                points_TK2[:, joint] = np.where(np.isnan(points_TK2[:, joint]), guess_T2, points_TK2[:, joint])
        if np.isnan(inner_TI2[..., 0]).all():
            raise TrackingError(
                f"neither hips, shoulders nor ears are seen in {where}, expected at least one of them; look at the "
                "tracking preview and choose other material"
            )
        known = [name for place, name in enumerate(INNER_POINTS) if not np.isnan(inner_TI2[0, place, 0])]
        shown = [name for place, name in enumerate(INNER_POINTS) if is_shown(sure_TI[:, place])]
        root = (shown + known)[0]
        hung = [_limb_of(name, root) for name in names]
        return cls(
            names=names,
            points_TP2=np.concatenate([points_TK2, inner_TI2], axis=1),
            confidence_TP=np.concatenate([poses.confidence_TK.astype(float), sure_TI], axis=1),
            parent_P=tuple(-1 if parent is None else names.index(parent) for parent, _ in hung),
            kind_P=tuple(kind for _, kind in hung),
        )

    @property
    def root(self) -> int:
        """Index of the point everything hangs on."""
        return self.parent_P.index(-1)

    def index(self, name: str) -> int:
        """Position of the point called `name`."""
        return self.names.index(name)

    def shows(self, name: str) -> bool:
        """Whether the point called `name` is seen with confidence in enough frames to build on it."""
        return is_shown(self.confidence_TP[:, self.index(name)])

    def knows(self, name: str) -> bool:
        """Whether the point called `name` has a position in every frame."""
        return not bool(np.isnan(self.points_TP2[:, self.index(name)]).any())

    def ancestors(self, point: int) -> list[int]:
        """The points from the parent of `point` up to the root."""
        chain = [self.parent_P[point]]
        while chain[-1] >= 0:
            chain.append(self.parent_P[chain[-1]])
        return chain[:-1]


def is_shown(confidence_T: np.ndarray) -> bool:
    """Whether a point is seen with confidence in enough frames to build on it."""
    return bool((confidence_T >= SEEN_CONFIDENCE).mean() >= MIN_SHOWN)


def rebuild(body: Body, *, ratio: Mapping[str, float], reach: Mapping[str, float], scale_T: np.ndarray) -> np.ndarray:
    """The same poses [T, P, 2] with every limb's length multiplied by its kind's `ratio`; the root lies at (0, 0).

    Directions and foreshortening stay the driver's. A point whose parent is unseen hangs on the nearest seen
    ancestor. A driving limb is held to `STRETCH_LIMIT` times its kind's `reach` at the frame's body scale.
    """
    built_TP2 = np.full_like(body.points_TP2, np.nan)
    built_TP2[:, body.root] = 0.0
    for point in sorted(range(len(body.names)), key=lambda point: len(body.ancestors(point))):
        kinds = [body.kind_P[point]]
        for ancestor in body.ancestors(point):
            length = sum(reach[kind] for kind in kinds)
            stretch = sum(reach[kind] * ratio[kind] for kind in kinds) / length
            offset_T2 = body.points_TP2[:, point] - body.points_TP2[:, ancestor]
            over_T = np.fmax(np.linalg.norm(offset_T2, axis=-1) / (STRETCH_LIMIT * length * scale_T), 1.0)
            hung_T2 = built_TP2[:, ancestor] + stretch * offset_T2 / over_T[:, None]
            built_TP2[:, point] = np.where(np.isnan(built_TP2[:, point]), hung_T2, built_TP2[:, point])
            kinds.append(body.kind_P[ancestor])
    return built_TP2


def _limb_of(name: str, root: str) -> tuple[str | None, str]:
    """(what `name` hangs on, kind of limb between them)."""
    if name in INNER_POINTS:
        parent = _INNER_PARENTS[root][name]
        return parent, "neck" if "skull" in (name, parent) else "torso"
    side, _, joint = name.partition("_")
    if side not in ("left", "right"):
        side, joint = "", name
    parent, kind = _LIMB_OF.get("hand" if joint.startswith("hand_") else joint, ("skull", "head"))
    return parent.format(side=side), kind


def _half_width(pair_T22: np.ndarray) -> np.ndarray:
    """Half the way [T, 2] from the left to the right joint of a pair, over gaps; zero where both are never seen."""
    half_T2 = interpolate_gaps((pair_T22[:, 1] - pair_T22[:, 0]) / 2)
    return np.where(np.isnan(half_T2), 0.0, half_T2)


def _middle(pair_T22: np.ndarray, half_T2: np.ndarray) -> np.ndarray:
    """Middle [T, 2] of a pair of joints; from one of them where the other is unseen, so that a hip that comes and
    goes does not shake the whole body."""
    middle_T2 = pair_T22.mean(axis=1)
    for guess_T2 in (pair_T22[:, 0] + half_T2, pair_T22[:, 1] - half_T2):
        middle_T2 = np.where(np.isnan(middle_T2), guess_T2, middle_T2)
    return middle_T2


def _filled(inner_TI2: np.ndarray) -> np.ndarray:
    """Pelvis, chest and skull in all frames: from each other where one is unseen, over time where all are."""
    filled_TI2 = inner_TI2.copy()
    for place, other in ((0, 1), (2, 1), (1, 0), (1, 2), (0, 1), (2, 1)):
        apart_T2 = interpolate_gaps(inner_TI2[:, place] - inner_TI2[:, other])
        guess_T2 = filled_TI2[:, other] + apart_T2
        filled_TI2[:, place] = np.where(np.isnan(filled_TI2[:, place]), guess_T2, filled_TI2[:, place])
    return np.stack([interpolate_gaps(filled_TI2[:, place]) for place in range(filled_TI2.shape[1])], axis=1)


def interpolate_gaps(values_TC: np.ndarray) -> np.ndarray:
    """[T, C] with NaN rows filled linearly, the ends held; all NaN stays all NaN."""
    known_T = ~np.isnan(values_TC).any(axis=1)
    if known_T.all() or not known_T.any():
        return values_TC
    frames_T = np.arange(len(values_TC))
    return np.stack([np.interp(frames_T, frames_T[known_T], column_T[known_T]) for column_T in values_TC.T], axis=1)
