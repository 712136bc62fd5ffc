"""Several processes of this machine, one per GPU or group of cores; each opens its own generator."""

from __future__ import annotations

import os
import pickle
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from animator.child_process import end_children, end_when_told, start_child
from animator.jobs.executors.dispatch import Dispatch
from animator.jobs.executors.local import SoleCrew
from animator.jobs.executors.protocol import Crew, Work
from animator.jobs.folder import JobFolder
from animator.jobs.heap import share_arenas
from animator.jobs.ledger import read_standing
from animator.jobs.locks import locked
from animator.jobs.plan import Chunk
from animator.jobs.record import read_record
from animator.jobs.stopping import PATIENCE_S, StopRequest, finishing_frames
from animator.jobs.worker import Worker
from pose_tracking.errors import PipelineError

_CORES_PER_WORKER = 2
# Workers finish the frame in hand; then there is still time to end within ten seconds.
_END_WITHIN_S = PATIENCE_S + 2.0
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class _Hand:
    """One worker process, and the line to it."""

    process: BaseProcess
    line: Connection
    device: str | None


class ProcessesExecutor:
    """A head that hands out chunks, and workers that render them. An `Executor`.

    Args:
        workers: how many; None: one per GPU, or per two cores.
    """

    name = "processes"

    def __init__(self, *, workers: int | None = None) -> None:
        self._workers = workers

    @contextmanager
    def on(self, folder: JobFolder) -> Iterator[Crew]:
        """Nobody else works here meanwhile."""
        with locked(folder):
            folder.sweep()
            yield _ProcessCrew(folder, self._workers)


class _ProcessCrew(SoleCrew):
    def __init__(self, folder: JobFolder, workers: int | None) -> None:
        super().__init__(folder)
        self._workers = workers
        self._hands: dict[Connection, _Hand] = {}
        self._idle: set[Connection] = set()

    def render(self, work: Work, *, on_frame: Callable[[int], None]) -> None:
        """Hand out chunks until none is open; workers that die are replaced."""
        open_chunks = read_standing(self.folder, read_record(self.folder).chunks).open_chunks
        if not open_chunks:
            return
        places = _places(work.devices, self._workers)[: len(open_chunks)]
        dispatch = Dispatch(self.folder, open_chunks, num_workers=len(places))
        with finishing_frames() as stop:
            try:
                for device in places:
                    self._start(work, device, len(places))
                while not dispatch.is_done:
                    self._feed_idle(dispatch)
                    for line in wait(list(self._hands), _LOOK_EVERY_S):
                        self._answer(line, work, dispatch, on_frame)  # type: ignore[arg-type]
                    stop.check()
                for hand in self._hands.values():
                    with suppress(OSError):
                        hand.line.send(None)
            finally:
                self._end()

    def _answer(self, line: Connection, work: Work, dispatch: Dispatch, on_frame: Callable[[int], None]) -> None:
        try:
            kind, content = line.recv()
        except (EOFError, OSError):
            self._replace(line, work, dispatch, "")
            return
        if kind == "frame":
            dispatch.made_frame()
            on_frame(content)
        elif kind == "chunk":
            dispatch.finished(line, content)
        elif kind == "want":
            with suppress(OSError):  # it died meanwhile, which its line will tell
                line.send(dispatch.next_for(line))
        elif kind == "idle":
            self._idle.add(line)
        elif isinstance(content, PipelineError | MemoryError | OSError):
            raise content
        else:
            self._replace(line, work, dispatch, f"{type(content).__name__}: {content}")

    def _feed_idle(self, dispatch: Dispatch) -> None:
        for line in list(self._idle):
            chunk = dispatch.next_for(line)
            if chunk is None:
                return
            self._idle.discard(line)
            with suppress(OSError):
                line.send(chunk)

    def _replace(self, line: Connection, work: Work, dispatch: Dispatch, reason: str) -> None:
        hand = self._hands.pop(line)
        self._idle.discard(line)
        _end_hands([hand])
        code = hand.process.exitcode
        dispatch.died(line, reason or f"process {hand.process.pid}: ended with code {code}")
        if not dispatch.is_done:
            self._start(work, hand.device, len(self._hands) + 1)

    def _start(self, work: Work, device: str | None, num_workers: int) -> None:
        threads = max(1, (os.cpu_count() or 1) // num_workers)
        process, line = start_child(_serve, work, device, threads)
        self._hands[line] = _Hand(process, line, device)

    def _end(self) -> None:
        _end_hands(list(self._hands.values()))
        self._hands.clear()
        self._idle.clear()


def _places(devices: tuple[str, ...], workers: int | None) -> list[str | None]:
    """The device of every worker to start."""
    gpus = [device for device in devices if device.startswith("cuda")]
    wanted = workers or len(gpus) or max(1, (os.cpu_count() or 1) // _CORES_PER_WORKER)
    return [devices[place % len(devices)] if devices else None for place in range(wanted)]


def _end_hands(hands: list[_Hand]) -> None:
    """Let workers finish the frame in hand; kill those that do not."""
    for hand in hands:
        hand.line.close()
    end_children([hand.process for hand in hands], within_s=_END_WITHIN_S)


# In the worker's process


def _serve(line: Connection, work: Work, device: str | None, threads: int) -> None:
    """Render chunks as they come, until nobody asks any more."""
    share_arenas()
    os.environ["OMP_NUM_THREADS"] = str(_allowed_threads(threads))
    end_when_told()
    try:
        worker = Worker.open(work.folder, work.open_generator, device=device, trust=work.trust)
        line.send(("idle", None))
        while (chunk := line.recv()) is not None:
            with finishing_frames() as stop:
                _render(worker, chunk, line, stop)
            line.send(("idle", None))
    except (EOFError, BrokenPipeError, ConnectionResetError):  # the head has gone
        return
    except Exception as error:  # told to the head, which decides
        traceback.clear_frames(error.__traceback__)
        with suppress(OSError):
            line.send(("failed", fit_to_send(error)))


def _allowed_threads(share: int) -> int:
    """A worker's share of the cores, or fewer where OpenMP's own variable says so: a number, or one for each level."""
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(share, int(told)) if re.fullmatch(r"[1-9]\d{0,5}", told) else share


def _render(worker: Worker, first: Chunk, line: Connection, stop: StopRequest) -> None:
    """One stream of chunks, which ends when there is none to be had."""
    worker.stop = stop

    def chunks() -> Iterator[Chunk]:
        chunk: Chunk | None = first
        while chunk is not None:
            yield chunk
            stop.check()
            line.send(("want", None))
            chunk = line.recv()

    worker.render(
        chunks(), on_frame=lambda index: line.send(("frame", index)), on_chunk=lambda each: line.send(("chunk", each))
    )


def fit_to_send(error: Exception) -> Exception:
    """The error itself, or one that says the same where it does not survive the way to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # errors of outside code may be anything
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
