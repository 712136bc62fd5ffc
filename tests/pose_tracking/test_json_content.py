from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from pose_tracking import json_content
from pose_tracking.errors import TrackingError
from pose_tracking.json_content import parse_json
from pose_tracking.sequence import PoseSequence
from pose_tracking.trackers.recorded import read_recording


@pytest.mark.parametrize("unit", [b"[],", b"{},", b"0,", b"1.5,", b'{"a":1},', b"[[[[]]]],"])
def test_what_is_parsed_takes_at_most_twice_what_was_expected(monkeypatch: pytest.MonkeyPatch, unit: bytes) -> None:
    content = b"[" + unit * 100_000 + b"0]"
    tracemalloc.start()
    parsed = parse_json(content)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(parsed) == 100_001
    monkeypatch.setattr(json_content, "MAX_PARSED_BYTES", peak_bytes // 2)
    with pytest.raises(TrackingError, match="save long recordings as"):
        parse_json(content)


@pytest.mark.parametrize("beginning", [b'{"format": "pose-sequence/1", "keypoints": [', b"[["])
def test_every_reader_of_poses_weighs_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    monkeypatch.setattr(json_content, "MAX_PARSED_BYTES", 1000)
    (tmp_path / "many.json").write_bytes(beginning + b"[]," * 100 + b"[]]")
    with pytest.raises(TrackingError, match=r"many\.json: JSON that takes"):
        read_recording(tmp_path / "many.json")
    with pytest.raises(TrackingError, match=r"many\.json: JSON that takes"):
        PoseSequence.load(tmp_path / "many.json")
