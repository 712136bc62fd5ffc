"""Processes that render for long keep little of what they gave back."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

_COUNT = """
import ctypes, sys, threading
from animator.jobs.heap import share_arenas

libc, barrier = ctypes.CDLL("libc.so.6"), threading.Barrier(6)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = ctypes.c_int, ctypes.c_void_p
libc.fclose.argtypes = (ctypes.c_void_p,)

def take():
    libc.malloc(1000)
    barrier.wait()

if sys.argv[1] == "shared":
    share_arenas()
threads = [threading.Thread(target=take) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
out = libc.fopen(sys.argv[2].encode(), b"w")
libc.malloc_info(0, out)
libc.fclose(out)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the arenas are glibc's")
def test_threads_share_two_arenas(tmp_path: Path) -> None:
    counts = {}
    for how in ("own", "shared"):
        path = tmp_path / f"{how}.xml"
        subprocess.run([sys.executable, "-c", _COUNT, how, str(path)], check=True, timeout=120)
        counts[how] = path.read_text().count("<heap nr=")
    assert counts["own"] > counts["shared"] == 2
