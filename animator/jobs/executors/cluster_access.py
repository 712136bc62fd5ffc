"""Who gets into a Ray cluster: one that runs the code of anybody who can reach it is refused."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from animator.errors import JobError

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+):(\d{1,5})")
_CONNECT_WITHIN_S = 5.0
_KNOCK_WITHIN_S = 60.0
_OPEN, _CLOSED = 0, 3
# In a process of its own, because Ray reads its mode once.
_KNOCK = f"""
import sys
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError
try:
    GcsClient(address=sys.argv[1]).cluster_id
except AuthenticationError:
    sys.exit({_CLOSED})
"""


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port`.

    Raises:
        JobError: it is something else.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[2]) > 65535:
        raise JobError(f"--address {address}: expected auto or host:port, such as 10.0.0.5:6379")
    return match[1].strip("[]"), int(match[2])


def check_access(head: str, *, allow_open: bool) -> None:
    """Refuse a cluster on the network that answers to somebody without a token, and one that does not answer to us.

    What this side is set to says nothing of that: a token is as welcome to a cluster that asks for none.

    Args:
        head: `host:port` of the cluster's head.
        allow_open: do not look whether it answers to anybody.

    Raises:
        JobError: open, not there, or closed to us.
    """
    host, port = split_address(head)
    try:
        socket.create_connection((host, port), timeout=_CONNECT_WITHIN_S).close()
    except OSError as error:
        raise JobError(f"{head}: no Ray cluster answers there ({error}); try `ray status` on its head") from error
    stranger = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    if not allow_open and not _is_loopback(host) and _is_let_in(head, {**stranger, "RAY_AUTH_MODE": "disabled"}):
        raise JobError(
            f"{head}: this cluster runs the code of anybody who can reach it. Start it with RAY_AUTH_MODE=token "
            "(docs/guides/cluster.md), or allow it with --allow-open-cluster where the network is yours alone."
        )
    # Ray itself would ask for twenty seconds, and then not say what is wrong.
    if not _is_let_in(head, {"RAY_AUTH_MODE": "token" if _has_token() else "disabled", **os.environ}):
        raise JobError(
            f"{head}: this cluster wants another token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to its file "
            "unless that is ~/.ray/auth_token"
        )


def _has_token() -> bool:
    """Whether there is a token where Ray looks for one."""
    named = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    return bool(named) or (Path.home() / ".ray" / "auth_token").is_file()


def _is_let_in(head: str, environment: dict[str, str]) -> bool:
    """Whether the cluster answers to somebody with these settings."""
    try:
        answer = subprocess.run(
            [sys.executable, "-c", _KNOCK, head],
            env=environment,
            capture_output=True,
            timeout=_KNOCK_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise JobError(f"{head}: no Ray cluster answers there within {_KNOCK_WITHIN_S:.0f} s") from error
    if answer.returncode not in (_OPEN, _CLOSED):
        raise JobError(f"{head}: what answers there is no Ray cluster that this version can talk to")
    return answer.returncode == _OPEN


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
