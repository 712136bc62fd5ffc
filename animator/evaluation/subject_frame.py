"""The frame of a clip that makes the best photo of its person.

Legend: T frames, K joints of COCO-17.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from animator.canvas import Box, Placement
from animator.errors import PhotoError
from animator.evaluation.pose_metrics import TORSO_PER_SHOULDER_WIDTH, torso_lengths
from animator.evaluation.real_clip import frames_on_screen
from animator.subject import Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.person import Detection
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17
from pose_tracking.trackers.silhouette import segment_photo

# Torso lengths per second at which a joint's blur in a video frame (exposed for about 1/50 s) halves its worth.
BLUR_SPEED = 2.0
# What a back and a side view are worth beside the same pose from the front: a clip of backs has a best frame, too,
# and trackers now and then take a back for a front while somebody is only half in view.
BACK_VIEW, SIDE_VIEW = 0.6, 0.1
# A head that is held up has its nose so many torso lengths above the shoulders; a bent one shows the hair.
HEAD_HELD_UP = 0.3
# A wrist before the trunk hides it, and is itself hard to cut out: the frame counts for so much less.
HIDDEN_BY_ARM = 0.1
# Joints end at the eyes and the knuckles; hair and fingertips reach this much farther, as share of the diagonal.
EXTENT_MARGIN = 0.05


def best_subject_frame(motion: PoseSequence) -> int:
    """Index of the frame with the highest `subject_frame_scores`, the first of equals.

    Raises:
        PhotoError: the person is in no frame.
    """
    scores = subject_frame_scores(motion)
    if not (scores > 0).any():
        raise PhotoError("no frame of the clip shows enough of the person; choose another part with --start and --end")
    return int(scores.argmax())


def subject_frame_scores(motion: PoseSequence) -> np.ndarray:
    """How good a photo of the person each frame is, shape [T], in [0, 1]: the product of

    - visible: mean confidence of the 17 joints, 0 for joints unseen or outside the frame, squared: what is not in
      the photo cannot be animated;
    - frontal: shoulder width over the width they have from the front, between `SIDE_VIEW` and 1, or `BACK_VIEW`;
    - upright: cosine of the angle between the line from mid-hip to mid-shoulder and up;
    - head up: height of the nose above the shoulders over `HEAD_HELD_UP`, at most 1, along the trunk;
    - free: 1, less `HIDDEN_BY_ARM` for each wrist before the trunk, which hides what other poses show;
    - still: 1 / (1 + speed / `BLUR_SPEED`), the speed being the mean of the joints'.

    Factors that cannot be told in a frame, such as `upright` without hips, are left out there.
    """
    body = motion.to_skeleton(COCO_17)
    joints_TK2 = body.keypoints_TK2.astype(np.float64)
    seen_TK = body.seen_TK & ((joints_TK2 >= 0) & (joints_TK2 <= motion.frame_size)).all(axis=-1)
    visible = np.where(seen_TK, body.confidence_TK, 0.0).mean(axis=1)
    torso_T = torso_lengths(motion)
    left_shoulder, right_shoulder, left_hip, right_hip = (
        joints_TK2[:, COCO_17.index(name)] for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    )
    # Facing the camera, the person's left is on the picture's right.
    frontal = (left_shoulder - right_shoulder)[:, 0] * TORSO_PER_SHOULDER_WIDTH / torso_T
    best_T = np.where(frontal < 0, BACK_VIEW, 1.0)
    frontal = SIDE_VIEW + (best_T - SIDE_VIEW) * np.abs(frontal).clip(0, 1)
    spine = left_shoulder + right_shoulder - left_hip - right_hip
    length = np.linalg.norm(spine, axis=-1)
    upright = np.divide(-spine[:, 1], length, out=np.full(len(spine), np.nan), where=length > 0).clip(0, 1)
    raised = ((joints_TK2[:, COCO_17.index("nose")] - (left_shoulder + right_shoulder) / 2) * spine).sum(-1)
    head_up = np.divide(raised, length * torso_T, out=np.full(len(spine), np.nan), where=length > 0) / HEAD_HELD_UP
    free = 1 - HIDDEN_BY_ARM * _wrists_before_trunk(joints_TK2, spine / 2, torso_T)
    still = 1 / (1 + _speeds(joints_TK2, seen_TK, motion.times_s_T) / torso_T / BLUR_SPEED)
    factors = np.stack([frontal, upright, head_up.clip(0, 1), free, still])
    return visible**2 * np.where(np.isnan(factors), 1.0, factors).prod(axis=0)


def _wrists_before_trunk(joints_TK2: np.ndarray, spine_T2: np.ndarray, torso_T: np.ndarray) -> np.ndarray:
    """How many wrists [T] lie between shoulders and hips, no farther aside than shoulders seen from the front."""
    left_hip, right_hip = (joints_TK2[:, COCO_17.index(f"{side}_hip")] for side in ("left", "right"))
    before_T = np.zeros(len(joints_TK2))
    for side in ("left", "right"):
        offset_T2 = joints_TK2[:, COCO_17.index(f"{side}_wrist")] - (left_hip + right_hip) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            up_T = (offset_T2 * spine_T2).sum(-1) / (spine_T2**2).sum(-1)
            aside_T = np.abs(np.linalg.norm(offset_T2 - up_T[:, None] * spine_T2, axis=-1)) / torso_T
            before_T += (up_T > 0) & (up_T < 1) & (aside_T < 0.5 / TORSO_PER_SHOULDER_WIDTH)
    return before_T


def person_extent(motion: PoseSequence) -> Box:
    """(left, top, right, bottom) px of the person throughout the clip, within the picture."""
    poses = zip(motion.keypoints_TK2, motion.confidence_TK, strict=True)
    boxes = [Detection(keypoints_K2=pose, confidence_K=sure).box(margin=EXTENT_MARGIN) for pose, sure in poses]
    left, top, right, bottom = np.array(boxes).T
    width, height = motion.frame_size
    left, right = np.clip([np.nanmin(left), np.nanmax(right)], 0, width)
    top, bottom = np.clip([np.nanmin(top), np.nanmax(bottom)], 0, height)
    return float(left), float(top), float(max(right, left + 1)), float(max(bottom, top + 1))


def subject_of_frame(clip: DrivingClip, motion: PoseSequence, place: int, placement: Placement) -> Subject:
    """The person in one frame of the clip, with the pose that drives that very frame."""
    frame = next(frames_on_screen(clip, motion.times_s_T[place : place + 1]))
    person = Detection(keypoints_K2=motion.keypoints_TK2[place], confidence_K=motion.confidence_TK[place])
    matte_HW = segment_photo(frame.pixels_HWC, person)
    image = Image.fromarray(frame.pixels_HWC)
    return Subject.from_parts(image, person, matte_HW, placement, skeleton=motion.skeleton)


def _speeds(joints_TK2: np.ndarray, seen_TK: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
    """Mean speed of the seen joints in px / s, by differences to both neighbours; NaN for a lone frame."""
    if len(times_s_T) < 2:
        return np.full(len(times_s_T), np.nan)
    shown = np.where(seen_TK[..., None], joints_TK2, np.nan)
    speeds_TK = np.linalg.norm(np.gradient(shown, times_s_T, axis=0), axis=-1)
    counted = np.isfinite(speeds_TK)
    total, count = np.where(counted, speeds_TK, 0.0).sum(axis=1), counted.sum(axis=1)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
