"""Job files: which paths count from where, what goes before what, and what is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from animator.errors import JobError
from animator.job_file import build_job, read_job, write_job
from animator.job_schema import job_keys
from tests.animator.job_files import LEAST, LEAST_TOML, complaint, written

ROOT = Path(__file__).parents[2]


def test_paths_in_a_file_count_from_its_folder(tmp_path: Path) -> None:
    job = read_job(written(tmp_path, LEAST_TOML))
    assert (job.photo, job.output) == (tmp_path / "me.jpg", tmp_path / "out.mp4")


def test_paths_in_an_override_count_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    job = read_job(written(tmp_path, LEAST_TOML), ["output=other.mp4"])
    assert (job.photo, job.output) == (tmp_path / "me.jpg", elsewhere / "other.mp4")


def test_a_tracker_model_is_a_path_too(tmp_path: Path) -> None:
    job = read_job(written(tmp_path, LEAST_TOML + '[tracker]\nkind = "pose.task"\n'))
    assert job.tracker.kind == str(tmp_path / "pose.task")


def test_a_picture_for_the_background_is_a_path_and_a_name_is_not(tmp_path: Path) -> None:
    (tmp_path / "beach").touch()
    for text, expected in (
        ("keep", "keep"),
        ("beach.jpg", tmp_path / "beach.jpg"),
        ("beach", tmp_path / "beach"),
        ("./keep", tmp_path / "keep"),
        ("~/beach", Path.home() / "beach"),
    ):
        job = read_job(written(tmp_path, LEAST_TOML + f'background = "{text}"\n'))
        assert job.background == expected
        assert read_job(write_job(job, tmp_path / "again.toml")) == job
    assert build_job(LEAST, ["background=2024.jpg"]).background == Path.cwd() / "2024.jpg"
    assert "expected keep, generate or a picture's file; did you mean generate?" in complaint(
        {**LEAST, "background": "generat"}
    )


def test_home_is_expanded() -> None:
    assert build_job({**LEAST, "photo": "~/me.jpg"}).photo == Path.home() / "me.jpg"


def test_overrides_go_before_options_and_options_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, LEAST_TOML + "seed = 1\n[canvas]\nwidth = 128\nheight = 128\n")
    job = read_job(path, ["canvas.height=384"], changes={"canvas.width": 256, "canvas.height": 256})
    assert (job.seed, *job.canvas.size) == (1, 256, 384)


@pytest.mark.parametrize("name", ["embedded", "owner/name", "owner/name@0123abc"])
def test_a_model_that_is_no_folder_stays_a_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "embedded").mkdir()
    assert read_job(written(tmp_path, LEAST_TOML + f'model = "{name}"\n')).model == name


@pytest.mark.parametrize("name", ["me", "models/me", "./elsewhere", "../above"])
def test_a_model_folder_counts_from_the_file_s_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "me").mkdir()
    (tmp_path / "models" / "me").mkdir(parents=True)
    assert read_job(written(tmp_path, LEAST_TOML + f'model = "{name}"\n')).model == os.path.normpath(tmp_path / name)


def test_a_home_that_does_not_exist_is_no_crash() -> None:
    assert build_job({**LEAST, "model": "~nobody-here/me"}).model.endswith("~nobody-here/me")


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("seed=7", "seed", 7),
        ("start_s = 1.5", "start_s", 1.5),
        ("encode.keep_audio=false", "encode", False),
        ('generator="diffusion"', "generator", "diffusion"),
        ("generator=diffusion", "generator", "diffusion"),
        ("photo=12", "photo", Path.cwd() / "12"),
        ("photo=2024-01-01", "photo", Path.cwd() / "2024-01-01"),
        ("photo=a=b.jpg", "photo", Path.cwd() / "a=b.jpg"),
        ("tracker.person=[0.25, 0.5]", "tracker", (0.25, 0.5)),
    ],
)
def test_an_override_is_toml_or_else_text(override: str, key: str, value: object) -> None:
    got = getattr(build_job(LEAST, [override]), key)
    got = {"encode": lambda: got.keep_audio, "tracker": lambda: got.person}.get(key, lambda: got)()
    assert got == value
    assert type(got) is type(value)


def test_a_trusted_job_can() -> None:
    assert build_job({**LEAST, "generator": "my_pkg.mod:Thing"}, trust=True).generator == "my_pkg.mod:Thing"


def test_a_written_job_names_every_value(tmp_path: Path) -> None:
    job = build_job(LEAST, ["end_s=3"])
    text = write_job(job, tmp_path / "job.toml").read_text(encoding="utf-8")
    assert all(key.rpartition(".")[2] in text for key in ("seed", "canvas.fit", "encode.crf", "preview.side_by_side"))


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "jobs").glob("*.toml")), ids=lambda path: path.name)
def test_every_example_is_a_job(path: Path) -> None:
    assert read_job(path).photo.is_relative_to(ROOT / "examples")


def test_the_documentation_names_every_key_with_its_default_and_no_other() -> None:
    text = (ROOT / "docs" / "job-file.md").read_text(encoding="utf-8")
    rows = dict(
        [cell.strip().strip("`") for cell in line.split("|")[1:3]]
        for line in text.splitlines()
        if line.startswith("| `")
    )
    expected = {key: default for key, default, _ in job_keys()}
    assert rows == expected


def test_a_missing_key_may_be_typed(tmp_path: Path) -> None:
    path = written(tmp_path, 'photo = "me.jpg"\nclip = "dance.mp4"\n')
    assert read_job(path, ["output=out.mp4"]).output.name == "out.mp4"
    with pytest.raises(JobError, match=r"^job\.toml: output: missing$"):
        read_job(path, ["seed=3"])


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_bytes(b"\xef\xbb\xbf" + LEAST_TOML.encode())
    assert read_job(path).photo == tmp_path / "me.jpg"
