"""Actors of a Ray cluster make the same bytes as one process, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from animator.errors import JobError, ModelError
from animator.generators.protocol import FrameGenerator
from animator.jobs.executors import open_executor
from animator.jobs.executors.actors import _END_WITHIN_S
from animator.jobs.executors.local import LocalExecutor
from animator.jobs.executors.protocol import Executor, Work
from animator.jobs.executors.ray import _own_place
from animator.jobs.folder import JobFolder
from animator.jobs.ledger import read_entry, read_standing
from animator.jobs.record import read_record
from animator.jobs.worker import GeneratorOpener, OpenedGenerator
from animator.rendering import open_generator_of
from animator.subject import Subject
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow
from tests.animator.jobs.job_folder import prepared_job
from tests.faults.patience import HANG_S, Promise, await_that

ray = pytest.importorskip("ray", reason='no Ray here; pip install "pose-animator[cluster]"')
ROOT = Path(__file__).parents[4]
NUM_FRAMES = 120
# As long as a small picture takes; and as long as a test still has something to do in the middle of a job: on a busy
# machine a head hears of frames late, and actors that were done by then would show nothing.
FRAME_S, GENTLE_S = 0.02, 0.5


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A cluster of two cores on this machine, which wants a token; its address."""
    before = {name: os.environ.get(name) for name in ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
    handler = signal.getsignal(signal.SIGTERM)
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=100 * 2**20,
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()
    signal.signal(signal.SIGTERM, handler)
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the frames as one process makes them."""
    folder = prepared_job(tmp_path_factory.mktemp("local") / "job", num_frames=NUM_FRAMES)
    render(folder, LocalExecutor())
    return frame_files(folder)


class Together:
    """The real generator, which begins when two workers are there; at a gentle pace until it is told to hurry."""

    name = "together"

    def __init__(self, folder: JobFolder, generator: FrameGenerator) -> None:
        self._folder, self._generator = folder, generator

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        (self._folder.path / f"here-{os.getpid()}").touch()
        await_that(lambda: len(list(self._folder.path.glob("here-*"))) > 1)
        for frame in self._generator.generate(windows, subject):
            time.sleep(FRAME_S if hurry(self._folder).exists() else GENTLE_S)
            yield frame


def hurry(folder: JobFolder) -> Path:
    """The file that says so to generators which are `Together`."""
    return folder.path / "hurry"


def open_together(folder: JobFolder, *arguments: Any, **options: Any) -> OpenedGenerator:
    opened = open_generator_of(folder, *arguments, **options)
    return replace(opened, generator=Together(folder, opened.generator))


def render(
    folder: JobFolder,
    executor: Executor,
    *,
    on_frame: Callable[[int], None] = lambda _: None,
    opener: GeneratorOpener = open_generator_of,
) -> None:
    with executor.on(folder) as crew:
        crew.render(Work(folder=folder, open_generator=opener), on_frame=on_frame)


def frame_files(folder: JobFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.frames.iterdir())}


def sittings(folder: JobFolder) -> list[Any]:
    return [each for chunk in read_record(folder).chunks for each in read_entry(folder, chunk).sittings]


def actors() -> list[psutil.Process]:
    """Processes of actors that this process has started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            found += [process] if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::Hand") else []
        except psutil.Error:
            continue
    return found


def open_nothing(*_: Any, **__: Any) -> OpenedGenerator:
    raise ModelError("no such weights here")


def test_two_actors_make_the_bytes_of_one_process_and_every_frame_once(
    cluster: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    folder = prepared_job(tmp_path / "job", num_frames=NUM_FRAMES)
    hurry(folder).touch()
    told: list[int] = []
    render(folder, open_executor("ray", workers=2), on_frame=told.append, opener=open_together)
    assert frame_files(folder) == expected
    assert sorted(told) == list(range(NUM_FRAMES))
    made = sittings(folder)
    assert sum(each.num_frames for each in made) == NUM_FRAMES
    assert len({each.worker for each in made}) == 2
    assert ray.is_initialized()  # whoever was part of a cluster before stays part of it


def test_an_actor_killed_in_the_middle_is_replaced_and_the_bytes_are_the_same(
    cluster: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    folder = prepared_job(tmp_path / "job", num_frames=NUM_FRAMES)
    killed: list[int] = []

    def kill_one(_: int) -> None:
        if not killed:
            victim = actors()[0]
            killed.append(victim.pid)
            victim.kill()
            assert len(list(folder.frames.glob("*.png"))) < NUM_FRAMES
            hurry(folder).touch()

    render(folder, open_executor("ray", workers=2), on_frame=kill_one, opener=open_together)
    assert frame_files(folder) == expected
    standing = read_standing(folder, read_record(folder).chunks)
    assert (standing.made, standing.gaps) == (NUM_FRAMES, ())
    assert all(int(each.worker.rpartition(":")[2]) != killed[0] or each.num_frames for each in sittings(folder))


def test_what_keeps_every_actor_from_working_ends_the_job_as_what_it_is(cluster: str, tmp_path: Path) -> None:
    folder = prepared_job(tmp_path / "job", num_frames=48)
    with open_executor("ray", workers=1).on(folder) as crew, pytest.raises(ModelError, match="no such weights here"):
        crew.render(Work(folder=folder, open_generator=open_nothing), on_frame=lambda _: None)
    await_that(lambda: not actors(), every_s=0.1)


def test_a_cluster_that_wants_a_token_is_accepted(cluster: str) -> None:
    from animator.jobs.executors.cluster_access import check_access

    assert not cluster.startswith("127.")
    check_access(cluster, allow_open=False)


def test_a_token_of_another_cluster_is_named_at_once(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from animator.jobs.executors.cluster_access import check_access

    monkeypatch.setenv("RAY_AUTH_TOKEN", "fedcba9876543210" * 4)
    with pytest.raises(JobError, match="wants another token"):
        check_access(cluster, allow_open=True)


@pytest.mark.slow
def test_a_cluster_that_lets_anybody_in_is_refused_unless_that_is_allowed(tmp_path: Path) -> None:
    from animator.jobs.executors.cluster_access import check_access

    program = (
        "import ray; ray.init(address='local', num_cpus=1, include_dashboard=False, object_store_memory=10**8);"
        "print('at', ray.get_runtime_context().gcs_address, flush=True); input()"
    )
    open_cluster = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", program], env=open_cluster, stdin=pipe, stdout=pipe, text=True
    ) as head:
        assert head.stdout is not None
        address = next(line for line in head.stdout if line.startswith("at ")).split()[1]
        with pytest.raises(JobError, match="runs the code of anybody who can reach it"):
            check_access(address, allow_open=False)
        check_access(address, allow_open=True)
        head.communicate("\n", timeout=HANG_S)


@pytest.mark.parametrize("address", ["ray://10.0.0.5:10001", "10.0.0.5", "10.0.0.5:99999", "http://a:1", "a b:1"])
def test_what_is_no_address_is_refused_before_anything_is_asked_there(address: str) -> None:
    with pytest.raises(JobError, match="expected auto or host:port"):
        open_executor("ray", address=address)


def test_an_address_where_nobody_answers_is_named(tmp_path: Path) -> None:
    from animator.jobs.executors.cluster_access import check_access

    with pytest.raises(JobError, match=r"127\.0\.0\.1:1: no Ray cluster answers there"):
        check_access("127.0.0.1:1", allow_open=False)


def start_own_cluster(folder: JobFolder, home: Path) -> subprocess.Popen[str]:
    """A process that renders with two actors of a cluster of its own, at a gentle pace; stdout can be read."""
    program = (
        "import sys; from animator.cli import _stop, Stopped; import signal; signal.signal(signal.SIGTERM, _stop)\n"
        "from pathlib import Path; from animator.jobs.folder import JobFolder\n"
        "from tests.animator.jobs.executors.test_ray import open_together, render\n"
        "from animator.jobs.executors import open_executor\n"
        "try: render(JobFolder(Path(sys.argv[1])), open_executor('ray', workers=2), opener=open_together)\n"
        "except Stopped as stopped: sys.exit(stopped.exit_code)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"PYTHONPATH": str(ROOT), "HOME": str(home)}
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder.path)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    await_that(lambda: any(folder.frames.glob("*.png")) or process.poll() is not None, every_s=0.02)
    return process


@pytest.mark.slow
def test_ray_says_nothing_where_results_are_told(expected: dict[str, bytes], tmp_path: Path) -> None:
    """Ray prints to stdout that a worker died, among what `--json` tells there."""
    folder = prepared_job(tmp_path / "job", num_frames=NUM_FRAMES)
    process = start_own_cluster(folder, tmp_path / "home")
    children = psutil.Process(process.pid).children(recursive=True)
    victim = next(each for each in children if each.cmdline()[:1] and each.cmdline()[0].startswith("ray::Hand"))
    victim.kill()
    await_that(lambda: len(list(folder.path.glob("here-*"))) > 2 or process.poll() is not None, every_s=0.1)
    hurry(folder).touch()
    out, _ = process.communicate(timeout=HANG_S)
    assert (process.returncode, out) == (0, "")
    assert frame_files(folder) == expected


def test_what_a_killed_process_left_of_its_cluster_goes_with_the_next() -> None:
    program = (
        "import os; from animator.jobs.executors.ray import _own_place\n"
        "with _own_place() as place: place.mkdir(); print(place, flush=True); os._exit(9)"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    with _own_place() as place:
        assert not left.parent.exists()
        place.mkdir()
        assert place.parent.stat().st_mode & 0o077 == 0  # Ray lets everybody write to its folder
        with _own_place() as another:
            assert another.parent != place.parent
            assert place.exists()  # somebody is at work there
    assert not place.parent.exists()


@pytest.mark.slow
def test_asked_to_end_it_takes_its_own_cluster_along_and_goes_on_later(
    expected: dict[str, bytes], tmp_path: Path
) -> None:
    folder = prepared_job(tmp_path / "job", num_frames=NUM_FRAMES)
    process = start_own_cluster(folder, tmp_path / "home")
    cluster_processes = psutil.Process(process.pid).children(recursive=True)
    promise = Promise(10)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=HANG_S)
    assert process.returncode == 128 + signal.SIGTERM
    taken_s = promise.taken_s()
    _, alive = psutil.wait_procs(cluster_processes, timeout=HANG_S)
    assert alive == []
    assert not (tmp_path / "home").exists()  # no token was put there
    made = len(frame_files(folder))
    assert 0 < made < NUM_FRAMES
    if taken_s < _END_WITHIN_S:  # actors that get no time for it on a busy machine are ended without their ledger
        assert read_standing(folder, read_record(folder).chunks).made == made
    render(folder, LocalExecutor())
    assert frame_files(folder) == expected
