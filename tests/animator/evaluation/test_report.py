import json
import math
from pathlib import Path

import numpy as np
import pytest

from animator.evaluation.catalogue import Mode, metrics_of
from animator.evaluation.report import about_dashes, table, to_json, write_json
from animator.evaluation.scores import Evaluation, Scores


def _evaluation() -> Evaluation:
    hold = Scores.from_frames(
        "hold", {"psnr": [12.0, math.nan, 14.0]}, whole_clip={"pck": 0.25, "face_error": math.nan}
    )
    puppet = Scores.from_frames("puppet", {"psnr": [17.0, 18.0, 19.0]}, whole_clip={"pck": 0.875})
    return Evaluation(mode="self", facts={"clip": "walk.mp4", "canvas": "512x640"}, scores=(hold, puppet))


def test_means_leave_out_what_was_not_measured() -> None:
    hold, puppet = _evaluation().scores
    assert hold.means["psnr"] == 13.0
    assert puppet.means == {"psnr": 18.0, "pck": 0.875}
    assert hold.num_frames == 3


def test_a_metric_nobody_defined_is_refused() -> None:
    with pytest.raises(ValueError, match="brightness"):
        Scores(system="hold", num_frames=1, means={"brightness": 1.0})


def test_the_table_aligns_columns_and_marks_the_best() -> None:
    lines = table(_evaluation()).splitlines()
    assert lines[:2] == ["clip: walk.mp4", "canvas: 512x640"]
    header = lines[2]
    row = next(line for line in lines if line.startswith("PSNR "))
    assert row.split() == ["PSNR", "↑", "dB", "13.00", "18.00*"]
    assert len(row) == header.index("puppet") + len("puppet")
    assert next(line for line in lines if line.startswith("face landmark")).endswith("–       –")


def test_the_table_names_every_metric_of_the_mode() -> None:
    text = table(_evaluation())
    assert all(metric.title in text for metric in metrics_of("self"))


def test_json_reads_back_with_null_for_what_was_not_measured(tmp_path: Path) -> None:
    path = write_json(_evaluation(), tmp_path / "deep" / "scores.json")
    content = json.loads(path.read_text())
    assert content["format"] == "animator-evaluation/1"
    assert content["systems"]["hold"]["means"] == {"psnr": 13.0, "pck": 0.25, "face_error": None}
    assert content["systems"]["hold"]["per_frame"]["psnr"] == [12.0, None, 14.0]
    assert content["metrics"]["psnr"]["better"] == "higher"
    assert [entry.name for entry in path.parent.iterdir()] == ["scores.json"]


def test_a_perfect_score_of_a_real_system_stays_finite_in_json() -> None:
    perfect = Scores.from_frames("same", {"psnr": np.full(3, 100.0)}, whole_clip={})
    evaluation = Evaluation(mode="self", facts={}, scores=(perfect,))
    assert json.loads(to_json(evaluation))["systems"]["same"]["means"]["psnr"] == 100.0


def _measured(mode: Mode, num_frames: int, **means: float) -> Evaluation:
    scores = Scores(system="puppet", num_frames=num_frames, means={m.key: 1.0 for m in metrics_of(mode)} | means)
    return Evaluation(mode=mode, facts={}, scores=(scores,))


def test_dashes_are_explained_in_one_line_where_there_are_any() -> None:
    assert table(_evaluation()).splitlines()[-2:] == [
        "* best",
        "– not measured: too few frames, or nothing in them to measure it by, such as a face",
    ]
    assert about_dashes(_measured("self", 24)) == []
    assert table(_measured("cross", 24)).endswith("* best")
    (one_of_itself,) = about_dashes(_measured("self", 1, psnr=math.nan))
    assert "within one frame nothing changes, and the only frame is the photo itself" in one_of_itself
    (one,) = about_dashes(_measured("cross", 1, limb_drift=math.nan))
    assert one == "– not measured: within one frame nothing changes; take a longer part of the clip"
