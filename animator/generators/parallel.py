"""Frames made side by side on a CPU, and handed on in their order.

A frame is a function of its window alone, so the work is cut between frames and not inside them: every worker is a
thread that computes with one thread of torch. Several threads inside one frame wait for each other at the end of
every operation, and for long where another program takes a core. torch lets go of Python's lock while it computes, so
threads share the weights and still run at once. A frame's bits do not depend on how many of them there are.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import torch

from animator.device import one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")

_THIS_THREAD = threading.local()


def frame_workers(device: torch.device, wanted: int | None = None) -> int:
    """How many frames are made side by side: on a CPU as many as torch may use threads (`OMP_NUM_THREADS`), unless
    another number is wanted; on a GPU one, beside whoever takes the frames."""
    if device.type != "cpu":
        return 1
    return wanted or torch.get_num_threads()


def most_workers(wanted: int | None) -> int:
    """As many as wanted, and no more than torch may use threads: where several processes share a machine, each is told
    its part by `OMP_NUM_THREADS`."""
    allowed = torch.get_num_threads()
    return min(wanted or allowed, allowed)


def in_order(
    make: Callable[[Item], Result], items: Iterable[Item], *, workers: int, device: torch.device
) -> Generator[Result, None, None]:
    """`make` of every item, in the items' order, whichever is done first.

    At most twice as many items as workers are under way or waiting to be taken, so memory does not grow with their
    number. Items are pulled by the caller's thread. An error comes in its item's turn. Whoever stops taking results
    ends the workers: at their next `leave_if_given_up`, or with the item in hand.

    Args:
        make: called in several threads at once, each with gradients off.
        items: pulled as they are needed.
        workers: threads; with one on a CPU, which is busy anyway, the caller works itself.
        device: where `make` computes. A CPU's workers have one torch thread each, and so has the caller meanwhile.
    """
    quietly = torch.inference_mode()(make)
    is_cpu = device.type == "cpu"
    with one_thread() if is_cpu else nullcontext():
        if is_cpu and workers == 1:
            yield from map(quietly, items)
        else:
            yield from _by_threads(quietly, items, workers, threads_of_torch=1 if is_cpu else None)


def leave_if_given_up() -> None:
    """To be called now and then in long work: ends it when nobody takes its result any more.

    Raises:
        CancelledError: swallowed with the result.
    """
    given_up: threading.Event | None = getattr(_THIS_THREAD, "given_up", None)
    if given_up is not None and given_up.is_set():
        raise CancelledError


class Turns:
    """Who computes when: several at once, or one alone once the others have ended."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._is_one_alone = False

    @contextmanager
    def taken(self, *, alone: bool) -> Iterator[None]:
        """Wait for a turn, and keep it for the block."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_one_alone and not (alone and self._running))
            self._running += 1
            self._is_one_alone = alone
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._is_one_alone = False
                self._changed.notify_all()


def _by_threads(
    make: Callable[[Item], Result], items: Iterable[Item], workers: int, *, threads_of_torch: int | None
) -> Generator[Result, None, None]:
    given_up = threading.Event()
    under_way: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(
        workers, thread_name_prefix="frames", initializer=_begin_thread, initargs=(given_up, threads_of_torch)
    )
    try:
        for item in items:
            under_way.append(pool.submit(make, item))
            if len(under_way) == 2 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        given_up.set()
        pool.shutdown(cancel_futures=True)


def _begin_thread(given_up: threading.Event, threads_of_torch: int | None) -> None:
    _THIS_THREAD.given_up = given_up
    if threads_of_torch is not None:
        torch.set_num_threads(threads_of_torch)  # of this thread; `one_thread` restores what later ones begin with
