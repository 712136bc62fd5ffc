from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animator.config import RenderJob
from animator.errors import JobError, OptionError
from animator.job_file import MAX_FILE_BYTES, build_job, read_job, write_job
from animator.job_schema import job_keys

ROOT = Path(__file__).parents[2]
LEAST = {"photo": "me.jpg", "clip": "dance.mp4", "output": "out.mp4"}


def complaint(values: dict[str, Any], *overrides: str) -> str:
    with pytest.raises(JobError) as caught:
        build_job(values, overrides)
    return str(caught.value)


def written(folder: Path, text: str) -> Path:
    path = folder / "job.toml"
    path.write_text(text, encoding="utf-8")
    return path


LEAST_TOML = 'photo = "me.jpg"\nclip = "dance.mp4"\noutput = "out.mp4"\n'


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
    assert read_job(written(tmp_path, LEAST_TOML + f'model = "{name}"\n')).model == str(tmp_path / name)


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


@pytest.mark.parametrize("name", ["nowhere.toml", "."])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(JobError, match="no such job file"):
        read_job(tmp_path / name)


@pytest.mark.parametrize("values", [{"generator": "os:system"}, {"motion": {"smoother": "my_pkg.mod:Thing"}}])
def test_a_job_cannot_name_python_objects_unless_it_is_trusted(values: dict[str, Any]) -> None:
    assert "--trust" in complaint({**LEAST, **values}) or "expected" in complaint({**LEAST, **values})


def test_a_trusted_job_can() -> None:
    assert build_job({**LEAST, "generator": "my_pkg.mod:Thing"}, trust=True).generator == "my_pkg.mod:Thing"


def test_a_job_file_cannot_trust_itself() -> None:
    assert "unknown key" in complaint({**LEAST, "trust": True, "generator": "os:system"})


_text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)
_paths = _text.map(lambda text: Path("/") / text.replace("\0", "_"))


@st.composite
def _jobs(draw: st.DrawFn) -> RenderJob:
    start_s = draw(st.floats(0, 1e6))
    return RenderJob.model_validate(
        {
            "photo": draw(_paths),
            "clip": draw(_paths),
            "output": draw(_paths),
            "start_s": start_s,
            "end_s": draw(st.none() | st.floats(start_s, 1e9, exclude_min=True)),
            "seed": draw(st.integers(0, 2**63 - 1)),
            "generator": draw(st.sampled_from(["puppet", "diffusion", "my_pkg.mod:Thing"])),
            "model": draw(st.sampled_from(["embedded", "owner/name", "owner/name@0123abc", "/models/me"])),
            "image_encoder": draw(st.none() | st.just("openai/clip-vit-base-patch32")),
            "device": draw(st.sampled_from(["auto", "cpu", "cuda:1"])),
            "sampler": {
                "steps": draw(st.integers(1, 50)),
                "scheduler": draw(st.sampled_from(["dpm++", "lcm"])),
                "guidance_interval": (draw(st.floats(0, 0.5)), draw(st.floats(0.5, 1))),
                "repair": draw(st.floats(0, 1)),
                "densepose": draw(st.none() | _paths),
            },
            "canvas": {"width": 2 * draw(st.integers(32, 2048)), "fit": draw(st.sampled_from(["auto", "fit", "fill"]))},
            "tracker": {
                "person": draw(
                    st.sampled_from(["largest", "center"])
                    | st.integers(0, 99)
                    | st.tuples(st.floats(0, 1), st.floats(0, 1))
                ),
                "recorded": draw(st.none() | _paths),
            },
            "encode": {"crf": draw(st.integers(1, 51)), "keep_audio": draw(st.booleans())},
        }
    )


@settings(deadline=None)  # a busy machine is not a bug
@given(job=_jobs())
def test_a_job_written_and_read_is_the_same_job(tmp_path_factory: pytest.TempPathFactory, job: RenderJob) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.toml"
    assert read_job(write_job(job, path), trust=True) == job


@settings(deadline=None)
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode(errors="replace")))
def test_any_file_gives_a_job_or_a_job_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with pytest.raises(JobError) as caught:
        read_job(path)
    assert len(str(caught.value)) < 2000


def test_a_written_job_names_every_value(tmp_path: Path) -> None:
    job = build_job(LEAST, ["end_s=3"])
    text = write_job(job, tmp_path / "job.toml").read_text(encoding="utf-8")
    assert all(key.rpartition(".")[2] in text for key in ("seed", "canvas.fit", "encode.crf", "preview.side_by_side"))


def test_a_name_that_is_not_utf_8_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    job = build_job({**LEAST, "photo": "\udcff.jpg"})
    with pytest.raises(JobError, match="not UTF-8"):
        write_job(job, tmp_path / "job.toml")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "jobs").glob("*.toml")), ids=lambda path: path.name)
def test_every_example_is_a_job(path: Path) -> None:
    assert read_job(path).photo.is_relative_to(ROOT / "examples") or ".." in str(read_job(path).photo)


def test_the_documentation_names_every_key_with_its_default_and_no_other() -> None:
    text = (ROOT / "docs" / "job-file.md").read_text(encoding="utf-8")
    rows = dict(
        [cell.strip().strip("`") for cell in line.split("|")[1:3]]
        for line in text.splitlines()
        if line.startswith("| `")
    )
    expected = {key: default for key, default, _ in job_keys()}
    assert rows == expected


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


def test_a_missing_key_may_be_typed(tmp_path: Path) -> None:
    path = written(tmp_path, 'photo = "me.jpg"\nclip = "dance.mp4"\n')
    assert read_job(path, ["output=out.mp4"]).output.name == "out.mp4"
    with pytest.raises(JobError, match=r"^job\.toml: output: missing$"):
        read_job(path, ["seed=3"])


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_bytes(b"\xef\xbb\xbf" + LEAST_TOML.encode())
    assert read_job(path).photo == tmp_path / "me.jpg"


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
