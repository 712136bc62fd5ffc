"""Limbs beyond the picture: where a tracker puts them is a guess, however sure it is of them.

A tracker that is shown a body down to the hips draws the legs that it expects below the picture's edge, crossed or bent
as chance has it, and takes up to a second to lose its confidence in them.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence
from temporal.scale import torso_length_px

# Torso lengths beyond the edge up to which a joint is believed, as what is left of its limb tells where it is, and from
# which on it is not. On real clips hands and feet that the edge cuts lie up to 0.15 beyond it, guessed legs from 0.25.
BELIEVED_TORSO, GUESSED_TORSO = 0.1, 0.25
# A trunk and a head are told as a whole, by what of them is in the picture.
_LIMBS = ("elbow", "wrist", "pinky", "index", "thumb", "hand", "knee", "ankle", "heel", "toe")


def doubt_beyond_borders(sequence: PoseSequence) -> PoseSequence:
    """Take confidence from arms and legs that lie outside the picture; positions stay."""
    limbs_K = np.array([any(word in joint for word in _LIMBS) for joint in sequence.skeleton.joints])
    points_TK2 = sequence.keypoints_TK2.astype(np.float64)
    beyond_TK = np.fmax(-points_TK2, points_TK2 - sequence.frame_size).max(axis=-1) / torso_length_px(sequence)
    doubt_TK = np.nan_to_num((beyond_TK - BELIEVED_TORSO) / (GUESSED_TORSO - BELIEVED_TORSO)).clip(0, 1) * limbs_K
    return sequence.replace(confidence_TK=(sequence.confidence_TK * (1 - doubt_TK)).astype(np.float32))
