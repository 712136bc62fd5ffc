"""The bones a photo is carried along: where they lie in a pose, and how one pose's bones map to another's.

Two-dimensional skinning. Each bone turns by an angle and stretches along its own direction; the torso
also leans, so that shoulders and hips both stay attached.

Legend: B poses, K keypoints, J bones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from animator.conditioning.warp.plane import perpendicular
from pose_tracking.skeleton import BLAZEPOSE_33

TORSO, HEAD = 0, 1
LEFT_THIGH, LEFT_SHIN, LEFT_FOOT = 2, 3, 4
RIGHT_THIGH, RIGHT_SHIN, RIGHT_FOOT = 5, 6, 7
LEFT_UPPER_ARM, LEFT_FOREARM, LEFT_HAND = 8, 9, 10
RIGHT_UPPER_ARM, RIGHT_FOREARM, RIGHT_HAND = 11, 12, 13
NUM_BONES = 14

LEFT_LEG = (LEFT_THIGH, LEFT_SHIN, LEFT_FOOT)
RIGHT_LEG = (RIGHT_THIGH, RIGHT_SHIN, RIGHT_FOOT)
LEFT_ARM = (LEFT_UPPER_ARM, LEFT_FOREARM, LEFT_HAND)
RIGHT_ARM = (RIGHT_UPPER_ARM, RIGHT_FOREARM, RIGHT_HAND)
LIMBS = (LEFT_LEG, RIGHT_LEG, LEFT_ARM, RIGHT_ARM)
PARENT = {bone: chain[place - 1] if place else TORSO for chain in LIMBS for place, bone in enumerate(chain)}

# Thickness of each bone as a share of the torso's length, half the width of a clothed body.
RADIUS = {
    TORSO: 0.33,
    HEAD: 0.22,
    **{bone: radius for chain in (LEFT_LEG, RIGHT_LEG) for bone, radius in zip(chain, (0.19, 0.13, 0.10), strict=True)},
    **{bone: radius for chain in (LEFT_ARM, RIGHT_ARM) for bone, radius in zip(chain, (0.12, 0.09, 0.09), strict=True)},
}

_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "mouth_left", "mouth_right")
_ENDS = {
    LEFT_THIGH: ("left_hip", "left_knee"),
    LEFT_SHIN: ("left_knee", "left_ankle"),
    LEFT_FOOT: ("left_ankle", "left_foot_index"),
    RIGHT_THIGH: ("right_hip", "right_knee"),
    RIGHT_SHIN: ("right_knee", "right_ankle"),
    RIGHT_FOOT: ("right_ankle", "right_foot_index"),
    LEFT_UPPER_ARM: ("left_shoulder", "left_elbow"),
    LEFT_FOREARM: ("left_elbow", "left_wrist"),
    LEFT_HAND: ("left_wrist", "left_knuckles"),
    RIGHT_UPPER_ARM: ("right_shoulder", "right_elbow"),
    RIGHT_FOREARM: ("right_elbow", "right_wrist"),
    RIGHT_HAND: ("right_wrist", "right_knuckles"),
}
# Of the trunk; backwards, each one's other side.
_CORNERS = [BLAZEPOSE_33.index(name) for name in ("left_shoulder", "left_hip", "right_hip", "right_shoulder")]
# Below the first confidence a joint says nothing; above the second it is believed in full.
UNSURE, SURE = 0.15, 0.45
# BlazePose follows limbs behind bodies, too: then little confidence says that a joint is hidden, not that it is
# elsewhere. It is known by the fingers, which trackers that tell only what they see (COCO, OpenPose) do not have.
FOLLOWED = (0.0, 0.03)
_KNUCKLES = [BLAZEPOSE_33.index(f"{side}_{finger}") for side in ("left", "right") for finger in ("index", "pinky")]
# From so much trust on a photo shows a bone, however unsurely.
SHOWN = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class BonePose:
    """Bones of B poses in px.

    Attributes:
        start_BJ2: proximal end of each bone; middle of the hips for the torso, middle of the face for the head.
        end_BJ2: distal end; middle of the shoulders for the torso, above the head for the head.
        trust_BJ: 0 where nobody knows where the bone is, 1 where both ends are sure.
        seen_BJ: confidence of the distal end, [0, 1]; low where something hides it. 1 for torso, head and hands, and
            where the tracker does not follow what is hidden.
        shoulders_B22, hips_B22: (left, right) ends.
        face_BN2, face_trust_BN: the face's points and how far each is to be believed.
    """

    start_BJ2: torch.Tensor
    end_BJ2: torch.Tensor
    trust_BJ: torch.Tensor
    seen_BJ: torch.Tensor
    shoulders_B22: torch.Tensor
    hips_B22: torch.Tensor
    face_BN2: torch.Tensor
    face_trust_BN: torch.Tensor

    def chin_B2(self) -> torch.Tensor:
        """Lowest point of the face, below the mouth by four fifths of its distance from the nose."""
        nose, mouth = self.face_BN2[:, 0], self.face_BN2[:, 5:7].mean(1)
        return mouth + 0.8 * (mouth - nose)

    def nose_before_ears(self) -> tuple[torch.Tensor, torch.Tensor]:
        """How far [B, 2] px the nose lies before the middle of the ears, and how far [B] that is to be believed.

        Of a face in profile often only one ear was found: then it is told from that one.
        """
        trust = self.face_trust_BN[:, 3:5, None]
        middle = (self.face_BN2[:, 3:5] * trust).sum(1) / trust.sum(1).clamp_min(1e-4)
        return self.face_BN2[:, 0] - middle, torch.minimum(self.face_trust_BN[:, 0], trust[..., 0].amax(1))

    def shows(self, bone: int) -> bool:
        """Whether a bone is to be seen in the first pose, such as a photo's only one."""
        return float(self.trust_BJ[0, bone]) > SHOWN

    @property
    def torso_length_B(self) -> torch.Tensor:
        """Distance from the middle of the hips to the middle of the shoulders in px."""
        return (self.end_BJ2[:, TORSO] - self.start_BJ2[:, TORSO]).norm(dim=-1)


def bone_pose(keypoints_BK2: torch.Tensor, confidence_BK: torch.Tensor, *, hidden_too: bool = False) -> BonePose:
    """Lay the bones through BlazePose-33 keypoints; what is missing is continued from what is there.

    Args:
        keypoints_BK2: px, NaN where unseen.
        confidence_BK: [0, 1].
        hidden_too: believe a tracker that follows hidden joints where it says they are. A photo shows nothing of them.
    """
    known_BK = ~keypoints_BK2.isnan().any(-1)
    follows_B1 = known_BK[:, _KNUCKLES].any(1, keepdim=True)
    trust = ((confidence_BK - UNSURE) / (SURE - UNSURE)).clamp(0, 1) * known_BK
    if hidden_too:
        followed = ((confidence_BK - FOLLOWED[0]) / (FOLLOWED[1] - FOLLOWED[0])).clamp(0, 1) * known_BK
        trust = torch.where(follows_B1, followed, trust)
    points = _with_both_sides(keypoints_BK2).nan_to_num(0.0)
    joint = {name: (points[:, place], trust[:, place]) for place, name in enumerate(BLAZEPOSE_33.joints)}
    for side in ("left", "right"):
        (index, sure_index), (pinky, sure_pinky) = joint[f"{side}_index"], joint[f"{side}_pinky"]
        joint[f"{side}_knuckles"] = ((index + pinky) / 2, torch.minimum(sure_index, sure_pinky))
    shoulders, hips = _torso_corners(joint)
    start = torch.zeros(len(points), NUM_BONES, 2, dtype=points.dtype, device=points.device)
    end, known = start.clone(), start[..., 0].clone()
    start[:, TORSO], end[:, TORSO], known[:, TORSO] = hips.mean(1), shoulders.mean(1), 1.0
    seen = torch.ones_like(known)
    for bone, (proximal, distal) in _ENDS.items():
        start[:, bone], end[:, bone] = joint[proximal][0], joint[distal][0]
        known[:, bone] = torch.minimum(joint[proximal][1], joint[distal][1])
        if distal in BLAZEPOSE_33.joints:
            seen[:, bone] = torch.where(follows_B1[:, 0], confidence_BK[:, BLAZEPOSE_33.index(distal)], 1.0)
    torso_length = (end[:, TORSO] - start[:, TORSO]).norm(dim=-1).clamp_min(1)
    for bone in (LEFT_HAND, RIGHT_HAND):
        # The knuckles are half way to the fingertips. Knuckles that sit on the wrist belong to a hidden hand.
        to_knuckles = end[:, bone] - start[:, bone]
        known[:, bone] *= ((to_knuckles.norm(dim=-1) / torso_length - 0.04) / 0.06).clamp(0, 1)
        end[:, bone] = start[:, bone] + 2 * to_knuckles
    start[:, LEFT_THIGH], start[:, RIGHT_THIGH] = hips[:, 0], hips[:, 1]
    face = torch.stack([joint[name][0] for name in _FACE], 1)
    face_trust = torch.stack([joint[name][1] for name in _FACE], 1)
    start[:, HEAD], end[:, HEAD], known[:, HEAD] = _head(face, face_trust, shoulders, hips)
    return BonePose(
        start_BJ2=start,
        end_BJ2=end,
        trust_BJ=known,
        seen_BJ=seen,
        shoulders_B22=shoulders,
        hips_B22=hips,
        face_BN2=face,
        face_trust_BN=face_trust,
    )


def _with_both_sides(keypoints_BK2: torch.Tensor) -> torch.Tensor:
    """The keypoints; a shoulder or a hip that alone was not seen lies behind the other one, as in profile."""
    places, corners, others = keypoints_BK2.clone(), _CORNERS, _CORNERS[::-1]
    is_lost = keypoints_BK2[:, corners].isnan().any(-1, keepdim=True)
    places[:, corners] = torch.where(is_lost, keypoints_BK2[:, others], keypoints_BK2[:, corners])
    return places


def _torso_corners(joint: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """(left, right) shoulders and hips; hips nobody saw hang straight below the shoulders."""
    shoulders = torch.stack([joint["left_shoulder"][0], joint["right_shoulder"][0]], 1)
    hips = torch.stack([joint["left_hip"][0], joint["right_hip"][0]], 1)
    present = torch.stack([joint["left_hip"][1], joint["right_hip"][1]], 1).amin(1)[:, None, None] > 0
    across = shoulders[:, :1] - shoulders[:, 1:]
    down = perpendicular(across)
    down = torch.where(down[..., 1:] < 0, -down, down) * 1.35
    guessed = shoulders.mean(1, keepdim=True) + down + 0.6 * (shoulders - shoulders.mean(1, keepdim=True))
    placed = (hips.abs().sum((-1, -2), keepdim=True) > 0) | present
    return shoulders, torch.where(placed, hips, guessed)


def _head(
    face: torch.Tensor, trust: torch.Tensor, shoulders: torch.Tensor, hips: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Middle and top of the head, and whether a face was seen at all."""
    middle = (face * trust[..., None]).sum(1) / trust.sum(1, keepdim=True).clamp_min(1e-6)
    neck = shoulders.mean(1)
    torso = neck - hips.mean(1)
    seen = trust.amax(1)
    middle = torch.where(seen[:, None] > 0, middle, neck + 0.45 * torso)
    return middle, middle + (middle - neck), seen
