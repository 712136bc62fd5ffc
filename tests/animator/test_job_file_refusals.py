"""What a job file or an override may not say, told in one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from animator.errors import JobError, OptionError
from animator.job_file import MAX_FILE_BYTES, build_job, read_job, write_job
from tests.animator.job_files import LEAST, LEAST_TOML, complaint, written


def test_an_override_cannot_smuggle_a_second_key_in() -> None:
    assert complaint(LEAST, "seed=1\nphoto='other.jpg'").startswith("seed: got ")


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("canvas.widht", "did you mean canvas.width?"),
        ("phto", "did you mean photo?"),
        ("crf", "did you mean encode.crf?"),
        ("encoder.crf", "did you mean encode"),
        ("qqqqqqqq", "docs/job-file.md lists all keys"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(key: str, advice: str) -> None:
    line = complaint(LEAST, f"{key}=1")
    assert line.startswith(f"{key.partition('.')[0]}")
    assert "unknown key; " in line
    assert advice in line


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("start_s=soon", "start_s: got 'soon', expected a number (seconds)"),
        ("start_s=-1", "start_s: got -1, expected at least 0 (seconds)"),
        ("seed=1.5", "seed: got 1.5, expected a whole number"),
        ("canvas=512x640", "canvas: got '512x640', expected a table"),
        ("canvas.fit=stretch", "canvas.fit: got 'stretch', expected 'auto', 'fit' or 'fill'"),
        ("canvas.width=513", "canvas.width: got 513, expected a multiple of 2"),
        ("canvas.width=63", "canvas.width: got 63, expected a multiple of 2, at least 64"),
        ("start_s=true", "start_s: got true, expected a number (seconds)"),
        ("seed=false", "seed: got false, expected a number"),
        ("tracker.max_people=true", "tracker.max_people: got true, expected a number"),
        ("fsp=3", "fsp: unknown key; did you mean motion.fps?"),
        ("device=warp9", "device: got 'warp9', expected auto, cpu, cuda, cuda:1 or mps"),
        ("sampler.repair=1.5", "sampler.repair: got 1.5, expected at most 1"),
        ("sampler.steps=0", "sampler.steps: got 0, expected at least 1"),
        ("sampler.noise=loud", "sampler.noise: got 'loud', expected 'shared', 'independent' or 'mixed'"),
        ("sampler.guidance_pose=nan", "sampler.guidance_pose: got nan, expected a finite number"),
        ("encode.keep_audio=perhaps", "encode.keep_audio: got 'perhaps', expected true or false"),
        ("output=-", "output: got '-', but nothing is written to stdout; give it a name"),
        ("photo.x=1", "photo.x: photo is a value, not a table"),
        ("encode", "--set encode: expected key=value, for example --set motion.fps=25"),
        ("a b=1", "--set a b=1: expected key=value, for example --set motion.fps=25"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(override: str, line: str) -> None:
    assert complaint(LEAST, override) == line


def test_the_members_of_a_union_speak_together() -> None:
    line = complaint({**LEAST, "background": [1]})
    assert line == "background: got [1], expected 'keep' or 'generate' or a path"


@pytest.mark.parametrize("key", ["tracker.person", "photo_person"])
@pytest.mark.parametrize("value", ["-1", "bob", "1.5", "[0.5]", "[0.5, 1.5]", "[nan, 0]", "true", "'0.5,0.5'"])
def test_whom_a_job_may_ask_for_is_said_whatever_it_asked_for(key: str, value: str) -> None:
    line = complaint(LEAST, f"{key}={value}")
    assert line.startswith(f"{key}: got ")
    if value != "true":
        assert (
            "expected largest, center, a number from the left (0, 1, ...), or a point [x, y], both from 0 to 1" in line
        )
    assert len(complaint(LEAST, f"{key}={'9' * 5000}x")) < 250


def test_an_end_before_the_start_is_refused() -> None:
    assert complaint(LEAST, "start_s=2", "end_s=1") == "end_s 1 must lie after start_s 2"


def test_missing_keys_are_named_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"^job\.toml: clip: missing; output: missing$"):
        read_job(written(tmp_path, 'photo = "me.jpg"'))


def test_many_complaints_stay_one_short_line() -> None:
    line = complaint({**LEAST, **{f"unknown_{number}": 1 for number in range(500)}})
    assert line.endswith("; and 495 more")
    assert "\n" not in line


def test_a_long_value_is_cut() -> None:
    assert len(complaint({**LEAST, "seed": "9" * 10_000 + "x"})) < 200


@pytest.mark.parametrize("where", ["seed", "unknown", "canvas"])
def test_tables_nested_without_end_are_refused(where: str) -> None:
    deep: dict[str, Any] = {}
    for _ in range(20_000):
        deep = {"a": deep}
    assert len(complaint({**LEAST, where: deep})) < 300


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"photo = ", "job.toml: not TOML: Invalid value"),
        (b"\xff\xfe\x00", "job.toml: not TOML: 'utf-8' codec"),
        (b"a = " + b"[" * 30_000, "job.toml: not TOML"),
        (b"seed = " + b"9" * 30_000, "job.toml: not TOML"),
        (b"#" * (MAX_FILE_BYTES + 1), f"job.toml: {MAX_FILE_BYTES + 1} bytes is no job file"),
    ],
)
def test_a_file_that_is_no_job_is_refused(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "job.toml"
    path.write_bytes(content)
    with pytest.raises(JobError) as caught:
        read_job(path)
    assert str(caught.value).startswith(line)


@pytest.mark.parametrize(("name", "line"), [("nowhere.toml", "no such job file"), (".", "is no file; give a job file")])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str, line: str) -> None:
    with pytest.raises(JobError, match=line):
        read_job(tmp_path / name)


@pytest.mark.parametrize("values", [{"generator": "os:system"}, {"motion": {"smoother": "my_pkg.mod:Thing"}}])
def test_a_job_cannot_name_python_objects_unless_it_is_trusted(values: dict[str, Any]) -> None:
    assert "--trust" in complaint({**LEAST, **values}) or "expected" in complaint({**LEAST, **values})


def test_a_job_file_cannot_trust_itself() -> None:
    assert "unknown key" in complaint({**LEAST, "trust": True, "generator": "os:system"})


def test_a_name_that_is_not_utf_8_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    job = build_job({**LEAST, "photo": "\udcff.jpg"})
    with pytest.raises(JobError, match="not UTF-8"):
        write_job(job, tmp_path / "job.toml")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("overrides", "changes", "line"),
    [
        (["motion.fsp=3"], {}, "motion.fsp: unknown key; did you mean motion.fps?"),
        (["seed"], {}, "--set seed: expected key=value, for example --set motion.fps=25"),
        (["photo.x=1"], {}, "photo.x: photo is a value, not a table"),
        (["end_s=1"], {}, "end_s 1 must lie after start_s 2"),
        (["start_s=true"], {}, "start_s: got true, expected a number (seconds)"),
        ([], {"canvas.width": 10}, "canvas.width: got 10, expected at least 64"),
    ],
)
def test_what_was_typed_is_blamed_on_the_command_line(
    tmp_path: Path, overrides: list[str], changes: dict[str, Any], line: str
) -> None:
    path = written(tmp_path, LEAST_TOML + "start_s = 2\n")
    with pytest.raises(OptionError) as caught:
        read_job(path, overrides, changes=changes)
    assert str(caught.value) == line
    assert caught.value.exit_code == 2


def test_the_file_s_own_mistakes_stay_the_file_s_whatever_is_typed(tmp_path: Path) -> None:
    path = written(tmp_path, LEAST_TOML + "sede = 2\n")
    with pytest.raises(JobError, match=r"^job\.toml: sede: unknown key") as caught:
        read_job(path, ["seed=3"])
    assert caught.value.exit_code == 3
    with pytest.raises(OptionError, match=r"^seed: got 'x', expected a whole number$"):
        read_job(path, ["seed=x"])


@pytest.mark.parametrize(
    "line", ["start_s = true", "seed = true", "[canvas]\nwidth = true", "[tracker]\nperson = true"]
)
def test_true_is_no_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(JobError, match=r"^job\.toml: .*: got true, expected a number"):
        read_job(written(tmp_path, LEAST_TOML + line))


@pytest.mark.parametrize("line", ['start_s = 1\noutput = "a\\u0000b.mp4"', '[tracker]\nrecorded = "a\\u0000"'])
def test_a_nul_in_a_path_is_refused(tmp_path: Path, line: str) -> None:
    path = written(
        tmp_path, LEAST_TOML.replace('output = "out.mp4"\n', "" if "output" in line else 'output = "o.mp4"\n') + line
    )
    with pytest.raises(JobError, match=r"^job\.toml: \w+: holds a NUL character"):
        read_job(path)
