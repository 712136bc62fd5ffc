from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from animator.canvas import CanvasConfig
from animator.cli import app, explain, main
from animator.commands.choice_table import CHOICES
from animator.config import PreviewConfig, RenderJob, RenderReport
from animator.errors import DeviceError, DiskError, EncodeError, JobError, ModelError, PhotoError
from animator.job_file import read_job
from animator.job_schema import find_field, job_keys
from animator.progress import Progress
from pose_tracking.errors import ClipError, TrackingError

VERBS = ("animate", "track", "render", "evaluate", "inspect", "doctor")
HEAVY = ("torch", "mediapipe", "numpy", "pydantic", "scipy", "av", "PIL", "tqdm")
REPORT = RenderReport(path=Path("out.mp4"), num_frames=48, duration_s=2.0, seconds=4.0, fingerprint="f" * 64)
MEDIA = Path(__file__).parents[2] / "examples" / "media"
ANIMATE = ["animate", "me.png", "dance.mp4", "-o", "out.mp4"]
PEOPLE = "expected largest, center, a number from the left (0, 1, ...), or X,Y: a point, both from 0 to 1"

Animate = Callable[..., RenderReport]


@pytest.fixture(autouse=True)
def _same_signal_handlers() -> Iterator[None]:
    """`main` takes SIGINT and SIGTERM; give them back."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Callable[[Animate], list[RenderJob]]:
    """Puts a function in the place of `animator.pipeline.animate`; the list gets the jobs it was called with."""

    def install(animate: Animate) -> list[RenderJob]:
        jobs: list[RenderJob] = []

        def watched(job: RenderJob, *, progress: Progress, trust: bool = False) -> RenderReport:
            jobs.append(job)
            return animate(job, progress=progress, trust=trust)

        module = ModuleType("animator.pipeline")
        module.animate = watched  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "animator.pipeline", module)
        return jobs

    return install


def makes(report: RenderReport = REPORT) -> Animate:
    return lambda job, **_: report


def fails(error: BaseException) -> Animate:
    def animate(job: RenderJob, **_: object) -> RenderReport:
        raise error

    return animate


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photo and a clip in which nobody is: enough for all that does not track."""
    from fractions import Fraction

    import numpy as np

    from animator.encoding import encode
    from animator.encoding.images import write_png
    from pose_tracking.frame import Frame

    folder = tmp_path_factory.mktemp("media")
    write_png(folder / "me.png", np.full((120, 90, 3), 200, np.uint8))
    frames = (Frame(pixels_HWC=np.full((96, 64, 3), 5 * i, np.uint8), time_s=i / 10, index=i) for i in range(20))
    encode(frames, folder / "dance.mp4", fps=Fraction(10))
    return folder


# Help


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert all(f" {verb} " in result.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_an_example_and_every_option_a_phrase(verb: str) -> None:
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]
    assert command.epilog.startswith(f"Example: animator {verb}")
    assert command.help
    assert [parameter.name for parameter in command.params if not parameter.help] == []


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["models", "--help"], *([verb, "--help"] for verb in VERBS)]
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    script = (
        "import sys; from animator.cli import main; code = main(sys.argv[1:]);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.name)
def test_every_choice_sets_a_key_of_the_job(choice: Any) -> None:
    given: dict[str, Any] = {"canvas": "64x64", "person": "0.5,0.5", "photo_person": "1"}
    changes = choice.changes(given.get(choice.name, True))
    assert changes
    assert all(find_field(key.split(".")) is not None for key in changes)


def test_the_defaults_in_the_help_are_those_of_the_job() -> None:
    defaults = {key.name: key.default.strip('"') for key in job_keys()}
    shown = {choice.sets: choice.default for choice in CHOICES if isinstance(choice.sets, str)}
    by_quality = {"4 for drafts, else 1", "preview for drafts, else full"}
    unset = {"none", "the clip's", "its end", "the base's own", *by_quality}
    words = {"none": unset, "0.0": {"its start", "off"}, "false": {"off"}}
    assert [key for key, text in shown.items() if text not in words.get(defaults[key], {defaults[key]})] == []
    canvas = next(choice.default for choice in CHOICES if choice.name == "canvas")
    assert canvas.endswith("x".join(map(str, CanvasConfig().size)))
    assert (defaults["canvas.fit"], defaults["tracker.person"]) == ("auto", "largest")
    assert [defaults[key] for key in ("encode.keep_audio", "preview.contact_sheet", "preview.side_by_side")] == [
        "true"
    ] * 3


# From the command line to the job


def test_options_become_the_job(pipeline: Any) -> None:
    jobs = pipeline(makes())
    options = (
        "--canvas 256x320 --fill --fps 29.97 --seed 7 --start 1 --end 2.5 --person 0.3,0.5 --photo-person 2"
        " --smoother kalman --lock-root --crf 20 --no-audio --no-preview --tracker holistic --set motion.window_s=0.5"
        " --exposure 0.005"
    )
    assert main([*ANIMATE, *options.split()]) == 0
    (job,) = jobs
    assert job.photo == Path.cwd() / "me.png"
    assert (job.canvas.size, job.canvas.fit, job.seed, job.start_s, job.end_s) == ((256, 320), "fill", 7, 1, 2.5)
    assert (job.tracker.person, job.tracker.kind, job.retarget.lock_root) == ((0.3, 0.5), "holistic", True)
    assert job.photo_person == 2
    assert (job.motion.smoother, job.motion.window_s, str(job.motion.fps)) == ("kalman", 0.5, "2997/100")
    assert (job.encode.crf, job.encode.keep_audio) == (20, False)
    assert job.puppet.exposure_s == 0.005
    assert job.preview == PreviewConfig(contact_sheet=False, side_by_side=False)


def test_without_options_the_job_has_its_defaults(pipeline: Any) -> None:
    jobs = pipeline(makes())
    assert main(ANIMATE) == 0
    here = Path.cwd()
    assert jobs == [RenderJob(photo=here / "me.png", clip=here / "dance.mp4", output=here / "out.mp4")]


def test_options_of_render_go_before_the_file(pipeline: Any, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(
        'photo = "a.png"\nclip = "b.mp4"\noutput = "c.mp4"\nseed = 1\nstart_s = 3.0\n', encoding="utf-8"
    )
    jobs = pipeline(makes())
    assert main(["render", str(tmp_path / "job.toml"), "--seed", "2", "--set", "encode.crf=9"]) == 0
    (job,) = jobs
    assert (job.seed, job.start_s, job.encode.crf, job.photo) == (2, 3.0, 9, tmp_path / "a.png")


def real_paths(folder: Path) -> list[str]:
    return ["animate", str(MEDIA / "portrait.png"), str(MEDIA / "dance.mp4"), "-o", str(folder / "out.mp4")]


def test_job_out_writes_the_job_that_is_rendered(pipeline: Any, tmp_path: Path) -> None:
    jobs = pipeline(makes())
    assert main([*real_paths(tmp_path), "--seed", "5", "--job-out", str(tmp_path / "job.toml")]) == 0
    assert jobs == [read_job(tmp_path / "job.toml")]


def test_job_out_writes_no_job_that_cannot_be_rendered(pipeline: Any, tmp_path: Path) -> None:
    pipeline(makes())
    job_file = tmp_path / "job.toml"
    assert main([*real_paths(tmp_path), "--start", "100", "--job-out", str(job_file)]) == 3
    assert main([*ANIMATE, "--job-out", str(job_file)]) == 3
    assert not job_file.exists()


@pytest.mark.parametrize("name", ["me.png", "out.mp4"])
def test_job_out_never_overwrites_what_the_job_reads_or_makes(
    pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    jobs = pipeline(makes())
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"the only copy")
    assert main([*ANIMATE, "--job-out", name]) == 3
    assert (tmp_path / name).read_bytes() == b"the only copy"
    assert jobs == []


@pytest.mark.parametrize(("words", "code"), [(["--set", "motion.fsp=3"], 2), (["--generator", "foo"], 2), ([], 3)])
def test_what_was_typed_beside_a_job_file_is_a_matter_of_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    (tmp_path / "set.toml").write_text('photo = "a"\nclip = "b"\noutput = "c.mp4"\n' + ("" if words else "fsp = 3\n"))
    assert main(["render", str(tmp_path / "set.toml"), *words]) == code
    assert ("set.toml" in capsys.readouterr().err) == (not words)


@pytest.mark.parametrize("words", [["--trust"], []])
def test_a_python_object_needs_trust(pipeline: Any, words: list[str]) -> None:
    trusted: list[bool] = []

    def animate(job: RenderJob, *, progress: Progress, trust: bool) -> RenderReport:
        trusted.append(trust)
        return REPORT

    pipeline(animate)
    code = main([*ANIMATE, "--generator", "my_pkg.mod:Thing", *words])
    assert (code, trusted) == ((0, [True]) if words else (2, []))


# What is said, and where


def test_the_result_goes_to_stdout_and_nothing_else_does(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def animate(job: RenderJob, *, progress: Progress, trust: bool) -> RenderReport:
        with progress.stage("track", 3) as stage:
            stage.advance(3)
        return REPORT

    pipeline(animate)
    assert main(ANIMATE) == 0
    out, err = capsys.readouterr()
    assert out == "out.mp4: 48 frames, 2.0 s, made in 4.0 s (12.0/s)\n"
    assert "track" in err
    assert "3/3" in err


def test_quiet_says_nothing_but_the_result(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def animate(job: RenderJob, *, progress: Progress, trust: bool) -> RenderReport:
        with progress.stage("track", 3) as stage:
            stage.advance(3)
        return REPORT

    pipeline(animate)
    assert main([*ANIMATE, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_a_warning_is_said_once(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def animate(job: RenderJob, *, progress: Progress, trust: bool) -> RenderReport:
        progress.warn("the photo is dark")
        return dataclasses.replace(REPORT, warnings=("the photo is dark", "no sound"))

    pipeline(animate)
    assert main([*ANIMATE, "-q"]) == 0
    assert capsys.readouterr().err.splitlines() == ["warning: the photo is dark", "warning: no sound"]


@pytest.mark.parametrize("words", [["--json", *ANIMATE], [*ANIMATE, "--json"]])
def test_json_lines_tell_the_events_and_end_with_the_report(
    pipeline: Any, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    def animate(job: RenderJob, *, progress: Progress, trust: bool) -> RenderReport:
        with progress.stage("track", 3) as stage:
            stage.advance(3)
        progress.warn("dark")
        return REPORT

    pipeline(animate)
    assert main(words) == 0
    out, err = capsys.readouterr()
    events = json_lines(out)
    assert [event["event"] for event in events] == ["stage", "stage", "warning", "report"]
    assert (events[-1]["path"], events[-1]["num_frames"], events[-1]["partial"]) == ("out.mp4", 48, False)
    assert err == ""


def test_json_tells_an_error_too(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline(fails(ClipError("dance.mp4: is empty")))
    assert main([*ANIMATE, "--json"]) == 3
    out, err = capsys.readouterr()
    assert json_lines(out) == [{"event": "error", "exit_code": 3, "message": "dance.mp4: is empty"}]
    assert err == "error: dance.mp4: is empty\n"


# Exit codes


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ClipError("dance.mp4: is empty"), 3, "dance.mp4: is empty"),
        (TrackingError("nobody"), 3, "nobody"),
        (PhotoError("me.png: dark"), 3, "me.png: dark"),
        (JobError("job"), 3, "job"),
        (EncodeError("out.mp4: is a folder"), 3, "is a folder"),
        (ModelError("no weights"), 4, "no weights"),
        (DeviceError("no card"), 5, "no card"),
        (MemoryError("Unable to allocate 9 GiB"), 5, "out of memory (Unable to allocate 9 GiB)"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 5, "out of memory"),
        (DiskError("disk"), 6, "disk"),
        (OSError(errno.ENOSPC, "No space left on device", "out.mp4"), 6, "out.mp4: No space left on device"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 6, "Disk quota exceeded"),
        (PermissionError(errno.EACCES, "Permission denied", "me.png"), 3, "me.png: Permission denied"),
        (KeyError("joint"), 1, "KeyError: 'joint'. This is a bug"),
        (ValueError("several\nlines\n\tof it"), 1, "ValueError: several lines of it. This is a bug"),
        (AssertionError(), 1, "AssertionError. This is a bug"),
    ],
)
def test_an_error_is_one_line_and_its_code(
    pipeline: Any, capsys: pytest.CaptureFixture[str], error: Exception, code: int, words: str
) -> None:
    pipeline(fails(error))
    assert main(ANIMATE) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert words in err


def test_torch_running_out_of_memory_is_out_of_memory() -> None:
    torch = pytest.importorskip("torch")
    assert explain(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))[0] == 5


def test_a_partial_result_is_told_and_ends_with_seven(pipeline: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline(
        makes(
            RenderReport(
                path=Path("out.mp4"),
                num_frames=3,
                duration_s=1,
                seconds=1,
                fingerprint="",
                warnings=("cut",),
                partial=True,
            )
        )
    )
    assert main(ANIMATE) == 7
    out, err = capsys.readouterr()
    assert out.startswith("out.mp4: 3 frames")
    assert "warning: cut" in err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["anmate"], "Did you mean 'animate'?"),
        (["animate", "me.png"], "CLIP"),
        (["animate", "me.png", "dance.mp4"], "--output"),
        ([*ANIMATE, "--frobnicate"], "--frobnicate"),
        ([*ANIMATE, "--canvas", "huge"], "expected WIDTHxHEIGHT"),
        ([*ANIMATE, "--canvas", "513x640"], "canvas.width: got 513, expected a multiple of 2"),
        ([*ANIMATE, "--person", "a,b"], f"--person: got 'a,b', {PEOPLE}"),
        ([*ANIMATE, "--person", "-1"], f"--person: got '-1', {PEOPLE}"),
        ([*ANIMATE, "--photo-person", "-1"], f"--photo-person: got '-1', {PEOPLE}"),
        ([*ANIMATE, "--person", "biggest"], f"--person: got 'biggest', {PEOPLE}"),
        ([*ANIMATE, "--person", "nan,0"], f"--person: got 'nan,0', {PEOPLE}"),
        ([*ANIMATE, "--person", "0.5,0.5,0.5"], f"--person: got '0.5,0.5,0.5', {PEOPLE}"),
        (["finetune", "me.png", "-o", "me", "--photo-person", "640,320"], f"--photo-person: got '640,320', {PEOPLE}"),
        ([*ANIMATE, "--crf", "99"], "encode.crf: got 99, expected at most 51"),
        ([*ANIMATE, "--fps", "fast"], "motion.fps"),
        ([*ANIMATE, "--set", "canvas.widht=3"], "did you mean canvas.width?"),
        ([*ANIMATE, "--start", "2", "--end", "1"], "must lie after"),
        (["track", "dance.mp4", "-o", "poses.txt"], "expected a name ending in .npz or .json"),
        (["evaluate"], "--clip"),
    ],
)
def test_wrong_usage_is_one_line_and_two(capsys: pytest.CaptureFixture[str], words: list[str], line: str) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err.startswith("error: ")) == ("", 1, True)
    assert line in err


def test_no_command_shows_the_help_and_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: animator" in capsys.readouterr().out


def test_a_wrong_job_file_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text('photo = "a.png"\nseeed = 1\n', encoding="utf-8")
    assert main(["render", str(tmp_path / "job.toml")]) == 3
    line = capsys.readouterr().err
    assert line == "error: job.toml: clip: missing; output: missing; seeed: unknown key; did you mean seed?\n"


@pytest.mark.parametrize("verb", [["inspect"], ["track", "-o", "x.npz"], ["evaluate", "--clip"]])
def test_a_file_that_is_not_there_is_bad_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: list[str]
) -> None:
    assert main([*verb, str(tmp_path / "nowhere.mp4")]) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "nowhere.mp4" in err


@pytest.mark.parametrize("debug", ["flag", "environment"])
def test_debug_shows_the_traceback(
    pipeline: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    pipeline(fails(KeyError("joint")))
    if debug == "environment":
        monkeypatch.setenv("ANIMATOR_DEBUG", "1")
    assert main([*ANIMATE, *(["--debug"] if debug == "flag" else [])]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("error: KeyError")


# Signals


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_cleans_up_and_ends_with_its_code(tmp_path: Path, signum: signal.Signals, code: int) -> None:
    script = f"""
import sys, time, types
from pathlib import Path
from animator.cli import main
temporary = Path({str(tmp_path)!r}) / "half-written.tmp"
def animate(job, *, progress, trust):
    temporary.touch()
    try:
        time.sleep(60)
    finally:
        temporary.unlink()
sys.modules["animator.pipeline"] = types.ModuleType("animator.pipeline")
sys.modules["animator.pipeline"].animate = animate
sys.exit(main({ANIMATE!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    temporary = tmp_path / "half-written.tmp"
    deadline_s = time.monotonic() + 60
    while not temporary.exists() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    process.send_signal(signum)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, f"error: stopped by {signum.name}\n")
    assert not temporary.exists()


# Plans


@pytest.fixture
def _no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn media show nobody who could be rendered; tests/animator/test_plan.py tries the real thing."""
    monkeypatch.setattr("animator.plan.try_out", lambda job, plan, **_: plan)


@pytest.mark.usefixtures("_no_trial")
def test_a_dry_run_tells_the_plan_and_writes_nothing(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    words = ["animate", str(media / "me.png"), str(media / "dance.mp4"), "-o", str(output), "--fps", "25"]
    assert main([*words, "--canvas", "256x320", "--end", "1.2", "--dry-run", "--json"]) == 0
    (plan,) = json_lines(capsys.readouterr().out)
    assert (plan["event"], plan["num_frames"], plan["duration_s"]) == ("plan", 30, 1.2)
    assert (plan["canvas_size"], plan["photo_size"], plan["clip_size"]) == ([256, 320], [90, 120], [64, 96])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_no_trial")
def test_a_dry_run_for_a_person_tells_frames_size_and_length(media: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dry-run", "animate", str(media / "me.png"), str(media / "dance.mp4"), "-o", "out.mp4"]) == 0
    out = capsys.readouterr().out
    assert "20 frames, 2.0 s, 512x640 px at 10 frames/s, without sound" in out


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["-o", "out.xyz"], 3, "cannot write .xyz"),
        (["-o", "out.mp4", "--generator", "pupet"], 2, "generator"),
        (["-o", "out.mp4", "--start", "99"], 3, "from 99 s on"),
    ],
)
def test_a_dry_run_finds_what_would_fail(
    media: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, line: str
) -> None:
    assert main(["animate", str(media / "me.png"), str(media / "dance.mp4"), *words, "--dry-run"]) == code
    assert line in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["track", "-o", "poses.npz"], ["evaluate", "-o", "report", "--clip"]], ids=["track", "evaluate"]
)
def test_a_dry_run_of_the_other_verbs_writes_nothing(
    media: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, str(media / "dance.mp4"), "--dry-run", "--json"]) == 0
    (plan,) = json_lines(capsys.readouterr().out)
    assert (plan["event"], plan["num_frames"]) == ("plan", 20)
    assert list(tmp_path.iterdir()) == []


# The real thing


@pytest.mark.slow
@pytest.mark.dev_media
def test_track_and_inspect_a_real_clip(dev_media: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "animator"]
    clip, poses, preview = (
        dev_media / "videos/squats_fullbody_5fps.mp4",
        tmp_path / "squats.npz",
        tmp_path / "squats.mp4",
    )
    words = ["track", str(clip), "-o", str(poses), "--preview", str(preview), "--end", "2", "--quiet"]
    tracked = subprocess.run([*command, *words], capture_output=True, text=True, check=False, env=os.environ)
    assert (tracked.returncode, tracked.stderr) == (0, "")
    assert "person in 10 of 10 frames" in tracked.stdout
    for path, num_frames in ((poses, 10), (preview, 10)):
        looked = subprocess.run(
            [*command, "inspect", str(path), "--json"], capture_output=True, text=True, check=False, env=os.environ
        )
        assert json_lines(looked.stdout)[-1]["facts"]["num_frames"] == num_frames


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-o", "folder.npz"], "folder.npz: is not a file"),
        (["-o", "poses.npz", "--preview", "x.avi"], "cannot write .avi"),
        (["-o", "poses.npz", "--preview", "folder.mp4"], "is not a file"),
        (["-o", "poses.npz", "--preview", "clip.mp4"], "is an input"),
        (["-o", "seen.json", "--set", "tracker.recorded=seen.json"], "is an input"),
    ],
)
def test_track_finds_out_before_tracking_what_it_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("animator.pipeline.track_clip", None)
    for name in ("folder.npz", "folder.mp4"):
        Path(name).mkdir()
    Path("clip.mp4").symlink_to(MEDIA / "dance.mp4")
    Path("seen.json").write_text("mine")
    assert main(["track", "clip.mp4", *words]) == 3
    assert line in capsys.readouterr().err
    assert Path("seen.json").read_text() == "mine"


def test_the_ending_of_poses_may_be_in_capitals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["track", str(MEDIA / "dance.mp4"), "-o", "t.NPZ", "--dry-run"]) == 0


def test_track_says_which_settings_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["track", str(MEDIA / "dance.mp4"), "-o", "t.npz", "--dry-run", "--set", "tracker.max_people=2"]
    assert main([*words, "--set", "end_s=1"]) == 0
    assert capsys.readouterr().err == ""
    assert main([*words, "--set", "motion.fps=12", "--set", "encode.crf=3"]) == 0
    err = capsys.readouterr().err
    assert "motion.fps changes nothing" in err
    assert "encode.crf changes nothing" in err
    assert "tracker" not in err


@pytest.mark.parametrize("partial", [False, True])
def test_evaluate_ends_with_7_where_the_clip_was_read_in_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], partial: bool
) -> None:
    from animator.evaluation import runs
    from animator.evaluation.scores import Evaluation

    evaluation = Evaluation(mode="self", facts={}, scores=(), partial=partial)
    monkeypatch.setattr(runs, "evaluate_self", lambda *_, **__: evaluation)
    assert main(["evaluate", "--clip", str(MEDIA / "dance.mp4"), "--json"]) == (7 if partial else 0)
    assert json.loads(capsys.readouterr().out)["partial"] is partial


# Streams and signals at the edges


def run_in_shell(command: str) -> subprocess.CompletedProcess[str]:
    """A shell line in which `$ANIMATOR` is the program."""
    environment = {**os.environ, "ANIMATOR": f"{sys.executable} -m animator"}
    return subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=120)


def test_closed_streams_lead_nowhere() -> None:
    done = run_in_shell("$ANIMATOR --version >&- && $ANIMATOR inspect /nowhere.mp4 --json >&- 2>&-; echo $?")
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_nobody_reading_is_told_by_the_exit_code() -> None:
    done = run_in_shell("$ANIMATOR doctor --json | true; echo ${PIPESTATUS[0]}")
    assert done.stdout == "141\n"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_the_program_starts_ends_it_in_one_line(signum: signal.Signals, code: int) -> None:
    script = (
        "import os, sys\n"
        "class Interrupter:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == 'animator.cli': os.kill(os.getpid(), {signum.value})\n"
        "sys.meta_path.insert(0, Interrupter())\n"
        "from animator.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"error: stopped by {signum.name}\n")
