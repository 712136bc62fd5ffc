"""Actors of a Ray cluster, one per GPU or group of cores.

The head stays in this process and hands out chunks; paths, frame numbers and words travel, never pixels: every node
sees the job's folder under the same path.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from animator.errors import DiskError, JobError
from animator.jobs.executors.cluster_access import split_address
from animator.jobs.executors.dispatch import Dispatch
from animator.jobs.executors.hand import Hand, News
from animator.jobs.executors.local import SoleCrew
from animator.jobs.executors.protocol import Crew, Work
from animator.jobs.executors.ray import ActorKind, actor_places, connected, import_ray, in_a_line
from animator.jobs.folder import JobFolder
from animator.jobs.ledger import read_standing
from animator.jobs.locks import locked
from animator.jobs.record import read_record
from animator.jobs.stopping import PATIENCE_S, StopRequest, finishing_frames
from pose_tracking.errors import PipelineError

_LOOK_EVERY_S = 0.2
# Within the patience of whoever asked for an end, so that there is time to leave the cluster, too.
_END_WITHIN_S = PATIENCE_S - 2.0
# A cluster may have to start a machine first.
_PLACE_WITHIN_S = 900.0


class RayExecutor:
    """A head that hands out chunks to actors of a Ray cluster. An `Executor`.

    Args:
        address: `auto` for the cluster of this machine (or of `RAY_ADDRESS`), or `host:port` of its head; None: the
            cluster of `RAY_ADDRESS` where that is set, else one of our own on this machine.
        workers: how many actors; None: one per GPU of the cluster, or per two cores where it has none.
        allow_open_cluster: work on a cluster that lets in anybody who can reach it.

    Raises:
        JobError: Ray is not installed, or the address is none.
    """

    name = "ray"

    def __init__(
        self, *, address: str | None = None, workers: int | None = None, allow_open_cluster: bool = False
    ) -> None:
        if address is None and os.environ.get("RAY_ADDRESS"):
            address = "auto"
        if address not in (None, "auto"):
            split_address(address)
        import_ray()
        self._address, self._workers, self._allow_open = address, workers, allow_open_cluster

    @contextmanager
    def on(self, folder: JobFolder) -> Iterator[Crew]:
        """Nobody else works here meanwhile. The cluster is joined when there is something to render."""
        with locked(folder):
            folder.sweep()
            yield _RayCrew(folder, self._address, self._workers, self._allow_open)


@dataclass(frozen=True, slots=True, eq=False)
class _Actor:
    """One actor, and how to call it."""

    handle: Any


class _RayCrew(SoleCrew):
    def __init__(self, folder: JobFolder, address: str | None, workers: int | None, allow_open: bool) -> None:
        super().__init__(folder)
        self._address, self._workers, self._allow_open = address, workers, allow_open
        # Calls for news that are under way, and whose they are.
        self._asked: dict[Any, _Actor] = {}
        self._idle: list[_Actor] = []
        self._has_begun = False

    def render(self, work: Work, *, on_frame: Callable[[int], None]) -> None:
        """Hand out chunks until none is open; actors that die are replaced, wherever there is room."""
        record = read_record(self.folder)
        open_chunks = read_standing(self.folder, record.chunks).open_chunks
        if not open_chunks:
            return
        with connected(self._address, allow_open=self._allow_open), finishing_frames() as stop:
            kind, num_actors = actor_places(str(record.job.get("device", "auto")), self._workers)
            num_actors = min(num_actors, len(open_chunks))
            dispatch = Dispatch(self.folder, open_chunks, num_workers=num_actors)
            try:
                for _ in range(num_actors):
                    self._start(work, kind)
                self._hand_out(dispatch, lambda: self._start(work, kind), on_frame, stop)
            finally:
                self._end(wait=not dispatch.is_done)

    def _hand_out(
        self, dispatch: Dispatch, start: Callable[[], None], on_frame: Callable[[int], None], stop: StopRequest
    ) -> None:
        until_s = time.monotonic() + _PLACE_WITHIN_S
        while not dispatch.is_done:
            stop.check()
            for actor, news in self._fetch_news():
                if isinstance(news, Exception):
                    self._lose(actor, dispatch, news, start)
                else:
                    self._take(actor, news, dispatch, on_frame)
            if not self._has_begun and time.monotonic() > until_s:
                raise JobError(
                    f"{self.folder.name}: for {_PLACE_WITHIN_S / 60:.0f} minutes no node had room for an actor; "
                    "see ray status"
                )

    def _fetch_news(self) -> Iterator[tuple[_Actor, list[News] | Exception]]:
        """What actors had to tell, or why they cannot any more; waits a moment for it."""
        ray = import_ray()
        ray.wait(list(self._asked), num_returns=1, timeout=_LOOK_EVERY_S)
        ready, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
        for call in ready:
            actor = self._asked.pop(call)
            try:
                news = ray.get(call)
            except ray.exceptions.RayError as error:
                yield actor, error
                continue
            failed = next((content for kind, content in news if kind == "failed"), None)
            yield actor, news if failed is None else _FailedError(*failed)

    def _take(self, actor: _Actor, news: list[News], dispatch: Dispatch, on_frame: Callable[[int], None]) -> None:
        self._has_begun = True
        for kind, content in news:
            if kind == "frame":
                dispatch.made_frame()
                on_frame(content)
            elif kind == "chunk":
                dispatch.finished(actor, content)
            elif kind == "want":
                actor.handle.give.remote(dispatch.next_for(actor))
            elif kind == "idle":
                self._idle.append(actor)
        self._ask(actor)
        self._feed_idle(dispatch)

    def _feed_idle(self, dispatch: Dispatch) -> None:
        while self._idle and dispatch.num_waiting:
            actor = self._idle.pop(0)
            actor.handle.give.remote(dispatch.next_for(actor))

    def _lose(self, actor: _Actor, dispatch: Dispatch, error: Exception, start: Callable[[], None]) -> None:
        """An actor is gone: one that died is replaced; one that says what keeps it from working would say it again."""
        reason: Exception = error.error if isinstance(error, _FailedError) else error
        told = isinstance(reason, PipelineError | MemoryError | OSError)
        if isinstance(reason, DiskError) or (told and self.folder.cancelled.exists()):
            raise reason
        self._idle = [each for each in self._idle if each is not actor]
        import_ray().kill(actor.handle)
        dispatch.died(actor, in_a_line(error))
        if told and not self._asked:
            raise reason
        if not told and not dispatch.is_done:
            start()
        self._feed_idle(dispatch)

    def _start(self, work: Work, kind: ActorKind) -> None:
        actor_class = import_ray().remote(Hand)
        handle = actor_class.options(
            num_cpus=kind.cpus,
            num_gpus=kind.gpus,
            max_concurrency=3,  # a call for news waits, and meanwhile chunks are given
            max_restarts=0,
            scheduling_strategy="SPREAD",
        ).remote(work, device="cuda" if kind.gpus else None)
        self._ask(_Actor(handle))

    def _ask(self, actor: _Actor) -> None:
        self._asked[actor.handle.news.remote()] = actor

    def _end(self, *, wait: bool) -> None:
        """Let actors finish the frame in hand, if there is one; then they go."""
        ray = import_ray()
        actors = list(self._asked.values())
        if wait:
            for actor in actors:
                actor.handle.end.remote()
        until_s = time.monotonic() + _END_WITHIN_S
        while wait and self._asked and time.monotonic() < until_s:
            for actor, news in self._fetch_news():
                if not isinstance(news, Exception) and all(kind != "ended" for kind, _ in news):
                    self._ask(actor)
        for actor in actors:
            ray.kill(actor.handle)
        self._asked.clear()
        self._idle.clear()


class _FailedError(Exception):
    """What keeps an actor from working."""

    def __init__(self, worker: str, error: Exception) -> None:
        super().__init__(f"{worker}: {error}")
        self.error = error
