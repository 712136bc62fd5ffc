"""Whole evaluations on the media that ship with the project."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animator.canvas import CanvasConfig
from animator.evaluation.catalogue import METRICS
from animator.evaluation.real_clip import frames_on_screen
from animator.evaluation.runs import EvaluationSettings, best_photo, evaluate_cross, evaluate_self, write_reports
from animator.evaluation.scores import Evaluation, Scores
from animator.subject import Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import TrackingError
from pose_tracking.frame import Frame
from temporal.motion import MotionConfig
from temporal.windows import PoseWindow

pytestmark = pytest.mark.slow

MEDIA = Path(__file__).parents[3] / "examples" / "media"
CLIP, PHOTO = MEDIA / "dance.mp4", MEDIA / "portrait.png"
# Ten frames over two seconds: enough to dance.
SETTINGS = EvaluationSettings(canvas=CanvasConfig(width=128, height=160), motion=MotionConfig(fps=5), end_s=2.0)


class _Oracle:
    """Knows the real clip: whatever a run compares must then be equal."""

    name = "oracle"

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        clip = DrivingClip.open(CLIP, end_s=SETTINGS.end_s)
        windows = list(windows)
        frames = frames_on_screen(clip, np.array([window.time_s for window in windows]))
        for window, frame in zip(windows, frames, strict=True):
            pixels = np.asarray(subject.placement.place(Image.fromarray(frame.pixels_HWC)))
            yield Frame(pixels_HWC=pixels, time_s=window.time_s, index=window.center)


class _Black:
    name = "black"

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        for window in windows:
            yield Frame(pixels_HWC=np.zeros_like(subject.photo_HWC), time_s=window.time_s, index=window.center)


class _Failing:
    name = "failing"

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        yield from list(_Black().generate(windows, subject))[:2]
        raise TrackingError("out of order")


@pytest.fixture(scope="module")
def self_evaluation() -> Evaluation:
    return evaluate_self(CLIP, generators=[_Oracle(), _Black()], settings=SETTINGS)


def _scores(evaluation: Evaluation) -> dict[str, Scores]:
    return {scores.system: scores for scores in evaluation.scores}


def test_baselines_stand_beside_the_generators(self_evaluation: Evaluation) -> None:
    assert [scores.system for scores in self_evaluation.scores] == ["oracle", "black", "puppet", "hold"]
    assert list(self_evaluation.sheets) == ["real", "oracle", "black", "puppet", "hold"]
    assert all(scores.num_frames == 10 for scores in self_evaluation.scores)
    assert all(scores.means.keys() == METRICS.keys() for scores in self_evaluation.scores)


def test_the_photo_of_a_self_evaluation_is_a_frame_of_the_clip(self_evaluation: Evaluation) -> None:
    photo = best_photo(CLIP, settings=SETTINGS)
    frames = [frame.pixels_HWC for frame in DrivingClip.open(CLIP, end_s=SETTINGS.end_s).frames()]
    places = [index for index, frame in enumerate(frames) if np.array_equal(frame, photo)]
    assert places
    said_s = float(self_evaluation.facts["photo"].split(" at ")[1].split(" s,")[0])
    fps = float(DrivingClip.open(CLIP).info.fps)
    assert any(abs(place / fps - said_s) <= 0.01 + 0.5 / fps for place in places)


def test_the_real_clip_replayed_is_perfect(self_evaluation: Evaluation) -> None:
    oracle = _scores(self_evaluation)["oracle"].means
    assert oracle["psnr"] == 100
    assert oracle["person_psnr"] == 100
    assert oracle["person_temporal_error"] == 0
    assert oracle["sharpness"] == pytest.approx(1)
    assert oracle["pck"] > 0.9  # tracked at five pictures a second, where the tracker had all of them
    assert oracle["pose_error"] < 0.1


def test_nobody_in_the_frames_is_a_result(self_evaluation: Evaluation) -> None:
    black = _scores(self_evaluation)["black"].means
    assert black["pck"] == 0
    assert math.isnan(black["pose_error"])
    assert black["sharpness"] == 0


def test_the_puppet_beats_the_held_photo(self_evaluation: Evaluation) -> None:
    puppet, hold = _scores(self_evaluation)["puppet"].means, _scores(self_evaluation)["hold"].means
    for key in ("person_psnr", "person_ssim", "person_ms_ssim", "pck", "person_temporal_error"):
        assert METRICS[key].badness(puppet[key]) < METRICS[key].badness(hold[key]), key


def test_an_error_of_a_generator_is_not_taken_for_an_empty_picture() -> None:
    with pytest.raises(TrackingError, match="out of order"):
        evaluate_self(CLIP, generators=[_Failing()], settings=replace(SETTINGS, motion=MotionConfig(), end_s=0.2))


def test_a_photo_moved_by_a_clip_is_held_against_its_pose(tmp_path: Path) -> None:
    Image.new("RGB", (90, 90), (0, 250, 0)).save(tmp_path / "green.png")
    evaluation = evaluate_cross(PHOTO, CLIP, settings=replace(SETTINGS, background=tmp_path / "green.png"))
    puppet, hold = _scores(evaluation)["puppet"].means, _scores(evaluation)["hold"].means
    assert list(evaluation.sheets) == ["driving clip", "puppet", "hold"]
    assert set(puppet) == {"pck", "pose_error", "limb_drift", "background_flicker"}
    assert puppet["pck"] > hold["pck"]
    assert ((evaluation.sheets["puppet"] == (0, 250, 0)).all(-1)).mean() > 0.3
    assert hold["background_flicker"] == 0
    json_path, html_path = write_reports(evaluation, tmp_path / "report")
    assert json.loads(json_path.read_text())["systems"]["puppet"]["means"]["pck"] == pytest.approx(
        puppet["pck"], abs=1e-6
    )
    assert html_path.read_text().count("data:image/jpeg") == 3
