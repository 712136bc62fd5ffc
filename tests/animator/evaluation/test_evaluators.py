import math
import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from animator.evaluation.catalogue import METRICS
from animator.evaluation.evaluators import CrossEvaluator, RealFrame, SelfEvaluator
from animator.evaluation.scores import Scores
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17

_HEIGHT, _WIDTH = 192, 180
_HEAD = {"nose": (0, -60), "left_eye": (5, -65), "right_eye": (-5, -65), "left_ear": (10, -62), "right_ear": (-10, -62)}
_BODY = {
    "left_shoulder": (20, -40),
    "right_shoulder": (-20, -40),
    "left_elbow": (30, -10),
    "right_elbow": (-30, -10),
    "left_wrist": (32, 20),
    "right_wrist": (-32, 20),
    "left_hip": (13, 25),
    "right_hip": (-13, 25),
    "left_knee": (14, 55),
    "right_knee": (-14, 55),
    "left_ankle": (15, 85),
    "right_ankle": (-15, 85),
}


def _pose(num_frames: int) -> PoseSequence:
    joints = np.array([{**_HEAD, **_BODY}[name] for name in COCO_17.joints], np.float32) + np.float32([90, 96])
    sway = np.linspace(-6, 6, num_frames, dtype=np.float32)
    keypoints = np.repeat(joints[None], num_frames, axis=0)
    keypoints[..., 0] += sway[:, None]
    return PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=np.ones((num_frames, 17)),
        times_s_T=np.arange(num_frames) / 25,
        skeleton=COCO_17,
        frame_size=(_WIDTH, _HEIGHT),
    )


def _frame(index: int, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """A textured figure that sways before a still background: frame and mask."""
    texture = np.random.default_rng(1).integers(40, 215, (_HEIGHT, _WIDTH, 3))
    background = np.full((_HEIGHT, _WIDTH, 3), 128)
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    shift = round(float(np.linspace(-6, 6, num_frames)[index]))
    person = (np.abs(x - 90 - shift) < 30) & (y > 20) & (y < 182)
    smooth = ndimage.gaussian_filter(np.roll(texture, shift, axis=1).astype(float), (1, 1, 0))
    return np.where(person[..., None], smooth, background).astype(np.uint8), person


def _segment(pixels_HWC: np.ndarray) -> np.ndarray:
    return (np.abs(pixels_HWC.astype(int) - 128).max(axis=2) > 0).astype(np.float32)


def _finder(crop: np.ndarray) -> list[np.ndarray]:
    """A face wherever the crop holds any texture."""
    return [np.array([[100.0, 100.0], [220.0, 100.0], [160.0, 220.0]])] if crop.std() > 5 else []


_FACE = np.array([[80.0, 20.0], [100.0, 20.0], [90.0, 40.0]])


def _evaluate(change, num_frames: int = 6, **options: object) -> Scores:  # type: ignore[no-untyped-def]
    target = _pose(num_frames)
    evaluator = SelfEvaluator("test", target=target, segment=_segment, finder=_finder, **options)  # type: ignore[arg-type]
    for index in range(num_frames):
        real, person = _frame(index, num_frames)
        evaluator.add(change(real, index), RealFrame(pixels_HWC=real, person_HW=person, face_L2=_FACE))
    return evaluator.result(target)


def test_the_real_clip_itself_gets_perfect_scores() -> None:
    scores = _evaluate(lambda real, _: real)
    assert scores.num_frames == 6
    assert scores.means.keys() == METRICS.keys()
    perfect = {"psnr": 100, "person_psnr": 100, "sharpness": 1, "faces_found": 1, "pck": 1}
    perfect |= dict.fromkeys(("ssim", "person_ssim", "ms_ssim", "person_ms_ssim"), 1)
    for key, value in scores.means.items():
        if key != "face_error":  # the finder of this test answers with made-up landmarks
            # 2e-4: flat areas cost SSIM that much in float32, in torchmetrics as well
            assert value == pytest.approx(perfect.get(key, 0), abs=2e-4), key


def test_damage_worsens_every_picture_metric() -> None:
    def damage(real: np.ndarray, index: int) -> np.ndarray:
        noise = np.random.default_rng(index).normal(0, 25, real.shape)
        return np.clip(real + noise, 0, 255).astype(np.uint8)

    perfect, damaged = _evaluate(lambda real, _: real), _evaluate(damage)
    pictures = [key for key in METRICS if key not in ("faces_found", "face_error", "pck", "pose_error", "limb_drift")]
    for key in pictures:
        metric = METRICS[key]
        if key == "background_flicker":  # noise everywhere is person everywhere to this test's segmenter
            continue
        assert metric.badness(damaged.means[key]) > metric.badness(perfect.means[key]), key


def test_blur_shows_in_the_sharpness_ratio() -> None:
    blurred = _evaluate(lambda real, _: ndimage.gaussian_filter(real, (2, 2, 0)))
    assert blurred.means["sharpness"] < 0.5


def test_a_background_that_flickers_is_measured_and_the_person_is_not_blamed() -> None:
    def flicker(real: np.ndarray, index: int) -> np.ndarray:
        changed = real.copy()
        changed[:, :40] = 128 + 51 * (index % 2)
        return changed

    evaluator = CrossEvaluator(
        "test", target=_pose(6), segment=lambda pixels: _segment(pixels) * (np.arange(180) >= 40)
    )
    for index in range(6):
        evaluator.add(flicker(_frame(index, 6)[0], index))
    scores = evaluator.result(_pose(6))
    assert set(scores.means) == {"pck", "pose_error", "limb_drift", "background_flicker"}
    assert 0.05 < scores.means["background_flicker"] < 51 / 255


def test_a_face_that_is_gone_counts_and_has_no_error() -> None:
    def lose_face(real: np.ndarray, index: int) -> np.ndarray:
        return np.full_like(real, 128) if index < 3 else real

    scores = _evaluate(lose_face)
    assert scores.means["faces_found"] == 0.5
    assert math.isnan(scores.per_frame["face_error"][0])
    assert scores.per_frame["face_error"][5] > 0


def test_pixels_outside_the_real_clip_are_not_compared() -> None:
    inside = np.zeros((_HEIGHT, _WIDTH), dtype=bool)
    inside[:, 12:] = True

    def spoil_the_border(real: np.ndarray, index: int) -> np.ndarray:
        spoilt = real.copy()
        spoilt[:, :6] = 255 * (index % 2)
        return spoilt

    assert _evaluate(spoil_the_border, inside_HW=inside).means["l1"] == 0
    assert _evaluate(spoil_the_border).means["l1"] > 0.01


def test_frames_without_the_person_have_no_person_scores() -> None:
    target = _pose(3)
    evaluator = SelfEvaluator("test", target=target, segment=_segment, finder=_finder)
    for index in range(3):
        real, _ = _frame(index, 3)
        nobody = np.zeros((_HEIGHT, _WIDTH), dtype=bool)
        evaluator.add(real, RealFrame(pixels_HWC=real, person_HW=nobody, face_L2=None))
    means = evaluator.result(target).means
    assert math.isnan(means["person_psnr"])
    assert math.isnan(means["faces_found"])
    assert means["psnr"] == 100


def test_a_frame_of_another_size_is_refused() -> None:
    evaluator = SelfEvaluator("test", target=_pose(1), segment=_segment, finder=_finder)
    real, person = _frame(0, 2)
    with pytest.raises(ValueError, match="needs a real one alike"):
        evaluator.add(real[:-1], RealFrame(pixels_HWC=real, person_HW=person, face_L2=None))
    with pytest.raises(ValueError, match="none"):
        evaluator.add(real)


def test_memory_stays_flat_in_the_clips_length() -> None:
    def peak_bytes(num_frames: int) -> int:
        target = _pose(num_frames)
        evaluator = CrossEvaluator("test", target=target, segment=_segment)
        tracemalloc.start()
        for index in range(num_frames):
            evaluator.add(_frame(index, num_frames)[0])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    assert peak_bytes(40) < 1.1 * peak_bytes(8)


def test_the_subjects_own_photo_does_not_count_as_a_likeness():
    random = np.random.default_rng(5)
    real = [random.integers(0, 255, (64, 48, 3), dtype=np.uint8) for _ in range(3)]
    poses = PoseSequence(
        keypoints_TK2=np.full((3, 17, 2), 20.0),
        confidence_TK=np.ones((3, 17)),
        times_s_T=np.arange(3) / 10,
        skeleton=COCO_17,
        frame_size=(48, 64),
    )
    everything = np.ones((64, 48), dtype=np.float32)
    means = []
    for photo_frame in (None, 1):
        evaluator = SelfEvaluator(
            "hold", target=poses, segment=lambda _: everything, finder=lambda _: [], photo_frame=photo_frame
        )
        for frame in real:
            evaluator.add(real[1], RealFrame(pixels_HWC=frame, person_HW=everything > 0, face_L2=None))
        means.append(evaluator.result(poses).means["person_l1"])
    assert means[1] == pytest.approx(means[0] * 3 / 2, rel=1e-3)
