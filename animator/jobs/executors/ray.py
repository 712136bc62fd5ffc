"""Part of a Ray cluster for as long as a job takes; the only door of Ray.

A cluster of our own is started where none is named, and ends with us.
"""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animator.encoding.leftovers import held, sweep_leftovers
from animator.errors import JobError
from animator.jobs.executors.cluster_access import check_access
from animator.jobs.stopping import finishing_frames

_CORES_PER_ACTOR = 2
_PLACE = "animator"  # in the folder for temporary files
_OWN_OBJECT_STORE_BYTES = 100 * 2**20  # nothing large ever lies there


@dataclass(frozen=True, slots=True)
class ActorKind:
    """What one actor takes of a node."""

    cpus: int
    gpus: int


def actor_places(device: str, workers: int | None) -> tuple[ActorKind, int]:
    """What an actor takes, and how many of them the cluster has room for."""
    nodes = [node["Resources"] for node in import_ray().nodes() if node["Alive"]]
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if device.startswith("cuda") or (device == "auto" and gpus):
        return ActorKind(cpus=1, gpus=1), workers or max(1, gpus)
    cpus = [int(node.get("CPU", 0)) for node in nodes]
    each = max(1, min(_CORES_PER_ACTOR, max(cpus, default=1), sum(cpus) // (workers or 1)))
    return ActorKind(cpus=each, gpus=0), workers or max(1, sum(count // each for count in cpus))


@contextmanager
def connected(address: str | None, *, allow_open: bool) -> Iterator[None]:
    """Part of a cluster for the block; of the one this process is part of already, if it is."""
    ray = import_ray()
    if ray.is_initialized():
        yield
        return
    if address is None:
        with _own_cluster():
            yield
        return
    check_access(_find_head() if address == "auto" else address, allow_open=allow_open)
    try:
        _initialize(address=address)
        yield
    finally:
        ray.shutdown()


@contextmanager
def _own_cluster() -> Iterator[None]:
    """A cluster on this machine that nobody else can join, and that leaves nothing behind."""
    # Without these, Ray reports its use to its makers, and puts a token into the home folder.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ.setdefault("RAY_AUTH_TOKEN", _own_token())
    with _own_place() as place:
        try:
            _initialize(
                address="local",
                num_cpus=os.cpu_count(),
                include_dashboard=False,
                object_store_memory=_OWN_OBJECT_STORE_BYTES,
                _temp_dir=str(place),
            )
            yield
        finally:
            import_ray().shutdown()


@contextmanager
def _own_place() -> Iterator[Path]:
    """A folder for Ray's files that goes with us; what killed processes left of theirs goes as well."""
    # Sockets lie there, and their names have at most 107 bytes.
    top = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir())
    sweep_leftovers(top / _PLACE)
    outer = top / f".{_PLACE}.{secrets.token_hex(4)}.tmp"
    outer.mkdir(mode=0o700)
    try:
        with held(outer):
            yield outer / "ray"  # Ray lets everybody write to its folder, so it lies in one of ours
    finally:
        shutil.rmtree(outer, ignore_errors=True)


@functools.cache
def _own_token() -> str:
    """One for as long as this process lives: Ray reads it once."""
    return secrets.token_hex(32)


def _initialize(**settings: Any) -> None:
    _keep_quiet()
    try:
        with finishing_frames():  # puts back the handlers that Ray replaces by its own, too
            import_ray().init(log_to_driver=False, logging_level="ERROR", **settings)
    except SystemExit:  # Ray's answer to SIGTERM while it starts; ours is another one
        os.kill(os.getpid(), signal.SIGTERM)
        raise
    except (ConnectionError, RuntimeError, ValueError, import_ray().exceptions.RayError) as error:
        raise JobError(f"no Ray cluster could be used ({in_a_line(error)}); see docs/guides/cluster.md") from error


def _keep_quiet() -> None:
    """Ray tells of dead workers on stdout, whatever `log_to_driver` says; results go there. The ledger has it, too."""
    from ray._private import worker

    worker.print_to_stdstream = lambda *_, **__: None


def _find_head() -> str:
    """Address of the cluster that `auto` means."""
    from ray._private.services import canonicalize_bootstrap_address

    with suppress(ConnectionError, ValueError):
        found = canonicalize_bootstrap_address("auto")
        if found:
            return str(found)
    raise JobError("--address auto: no Ray cluster runs on this machine; start one (docs/guides/cluster.md)")


def import_ray() -> Any:
    """The library, when it is needed: it takes seconds, and is an extra."""
    try:
        import ray
    except ImportError as error:
        raise JobError('--executor ray: Ray is not installed; pip install "pose-animator[cluster]"') from error
    return ray


def in_a_line(error: Exception) -> str:
    """The first line of what Ray says, which goes on for pages; the kind of the error where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
