"""Whatever comes, the parsers give a value or one of our errors, in one line; never anything else."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from animator.errors import JobError, ModelError
from animator.job_file import build_job, read_job
from animator.job_schema import job_keys
from animator.jobs.batches import read_batch
from animator.models.manifest import MANIFEST, read_manifest
from animator.provenance import read_policy
from animator.synthesis.motions.bvh import read_bvh
from animator.synthesis.motions.deepmimic import read_deepmimic
from pose_tracking.errors import PipelineError, TrackingError
from pose_tracking.trackers.recorded import read_recording
from tests.animator.synthesis.motions.test_files import write_bvh
from tests.faults.hostile.conftest import IS_LONG

# 1,000 in the long set, over the parsers; more than that costs nothing and is no waste.
EXAMPLES = 200 if IS_LONG else 40
KEYS = [key.name for key in job_keys()]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([-1, 0, 2**63, 1e308, float("nan"), "nan", "../x", "a:b", "os:system", "\x00", "\ud800", "auto"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5)
)
pose_words = st.sampled_from(
    ["people", "pose_keypoints_2d", "annotations", "keypoints", "frames", "instance_info", "meta_info", "width", "fps"]
    + ["format", "skeleton", "times_s", "confidence", "frame_size", "image_id", "category_id", "score", "bbox"]
)
pose_values = st.recursive(
    scalars | st.lists(st.floats(-10, 700), min_size=51, max_size=54),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(pose_words, inner, max_size=5),
    max_leaves=20,
)
arrays = st.tuples(
    st.sampled_from(["f4", "f8", "i8", "u1", "?", "U12", "c16", "M8[s]"]),
    st.lists(st.integers(0, 5), max_size=4),
    st.binary(max_size=64),
)
quickly = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def refuses_or_reads(read: Callable[[], Any], expected: type[PipelineError]) -> None:
    complaint = "no complaint"
    try:
        read()
    except expected as error:
        complaint = str(error)
    assert complaint.strip()


def written(suffix: str, content: bytes) -> Path:
    folder = Path(tempfile.mkdtemp(dir=FOLDER))
    (folder / f"file{suffix}").write_bytes(content)
    return folder / f"file{suffix}"


FOLDER = ""


@pytest.fixture(autouse=True, scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    global FOLDER
    FOLDER = str(tmp_path_factory.mktemp("parsed"))


@quickly
@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=6))
def test_a_job_of_any_values(changes: dict[str, Any]) -> None:
    least = {"photo": "me.png", "clip": "clip.mp4", "output": "out.mp4"}
    refuses_or_reads(lambda: build_job(least, changes=changes), JobError)
    nested: dict[str, Any] = dict(least)
    for key, value in changes.items():
        *tables, last = key.split(".")
        table = nested
        for name in tables:
            table = table.setdefault(name, {}) if isinstance(table.get(name, {}), dict) else {}
        table[last] = value
    refuses_or_reads(lambda: build_job(nested), JobError)


@quickly
@given(st.text(max_size=300) | st.lists(st.tuples(st.sampled_from(KEYS), st.text(max_size=12)), max_size=5))
def test_a_job_file_of_any_text(text: str | list[tuple[str, str]]) -> None:
    lines = text if isinstance(text, str) else "\n".join(f"{key} = {value}" for key, value in text)
    path = written(".toml", lines.encode("utf-8", errors="surrogatepass"))
    refuses_or_reads(lambda: read_job(path), JobError)
    refuses_or_reads(lambda: read_policy(path), JobError)


cells = st.text(max_size=12) | st.sampled_from(["me.png", "~nobody at all/x", "[", "9" * 5000, "[" * 2000, "1e999", ""])


@quickly
@given(
    st.lists(st.sampled_from([*KEYS, "photos", "clips"]), max_size=4), st.lists(st.lists(cells, max_size=7), max_size=3)
)
def test_a_table_of_any_cells(columns: list[str], rows: list[list[str]]) -> None:
    table = io.StringIO()
    csv.writer(table).writerows([["photo", "clip", "output", *columns], *rows])
    path = written(".csv", table.getvalue().encode("utf-8", errors="surrogatepass"))
    refuses_or_reads(lambda: read_batch([path]), JobError)
    lines = [f"{key} = {value}" for row in rows for key, value in zip(columns, row, strict=False)]
    text = "\n".join(['photos = ["*.png", "me.png"]', 'clips = ["dance.mp4"]', 'output = "{photo}.mp4"', *lines])
    path = written(".toml", text.encode("utf-8", errors="surrogatepass"))
    refuses_or_reads(lambda: read_batch([path]), JobError)


@quickly
@given(st.lists(st.text(max_size=40), max_size=3))
def test_settings_of_any_text(overrides: list[str]) -> None:
    least = {"photo": "me.png", "clip": "clip.mp4", "output": "out.mp4"}
    refuses_or_reads(lambda: build_job(least, [f"motion.{text}" for text in overrides]), JobError)
    refuses_or_reads(lambda: build_job(least, overrides), JobError)


@quickly
@given(pose_values | values, st.booleans())
def test_poses_of_any_json(content: Any, says_ours: bool) -> None:
    if says_ours and isinstance(content, dict):
        content = {"format": "pose-sequence/1", **content}
    path = written(".json", json.dumps(content).encode("utf-8", errors="surrogatepass"))
    refuses_or_reads(lambda: read_recording(path), TrackingError)


@quickly
@given(st.dictionaries(st.sampled_from(["keypoints", "confidence", "times_s", "frame_size", "skeleton"]), arrays))
def test_poses_of_any_arrays(given_arrays: dict[str, tuple[str, list[int], bytes]]) -> None:
    made = {
        name: np.resize(np.frombuffer(content[: len(content) // 64 * 64] or bytes(64), np.dtype(kind)), shape)
        if np.dtype(kind).itemsize and 64 % np.dtype(kind).itemsize == 0
        else np.zeros(shape, kind)
        for name, (kind, shape, content) in given_arrays.items()
    }
    file = io.BytesIO()
    np.savez(file, format=np.array("pose-sequence/1"), **made)
    path = written(".npz", file.getvalue())
    refuses_or_reads(lambda: read_recording(path), TrackingError)


@quickly
@given(st.dictionaries(st.sampled_from(["format", "base", "files", "canvas", "ranges", "skeleton", "x"]), values))
def test_a_manifest_of_any_values(content: dict[str, Any]) -> None:
    path = written(".json", json.dumps(content).encode("utf-8", errors="surrogatepass"))
    path = path.rename(path.with_name(MANIFEST))
    refuses_or_reads(lambda: read_manifest(path.parent), ModelError)


torn = st.tuples(
    st.integers(0, 10_000), st.sampled_from(["nan", "-1", "0", "1e308", "99999999", "CHANNELS", "}", "Wrotation"])
)


@quickly
@given(st.lists(torn, max_size=20), st.integers(1, 10_000))
def test_a_motion_file_with_any_words(changes: list[tuple[int, str]], length: int) -> None:
    words = write_bvh(Path(tempfile.mkdtemp(dir=FOLDER)) / "whole.bvh", {}, frames=2).read_text().split()
    whole = " ".join(words)
    path = written(".bvh", whole[: len(whole) * length // 10_000].encode())
    refuses_or_reads(lambda: read_bvh(path), JobError)
    frame = [0.04] * 44
    for place, word in changes:
        words[place % len(words)] = word
        frame[place % len(frame)] = float(word) if word[-1].isdigit() else 0.0
    path = written(".bvh", " ".join(words).encode())
    refuses_or_reads(lambda: read_bvh(path), JobError)
    path = written(".txt", json.dumps({"Frames": [frame, frame]}).encode())
    refuses_or_reads(lambda: read_deepmimic(path), JobError)
