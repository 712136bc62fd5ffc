"""Who may work in a job's folder."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from animator.jobs import locks
from animator.jobs.folder import JobFolder
from animator.jobs.locks import BusyError, is_locked, locked


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds a folder locked does not try for long."""
    monkeypatch.setattr(locks, "_GLANCE_S", 0.05)


@pytest.mark.usefixtures("hasty")
def test_one_works_alone_and_says_who_it_is(folder: JobFolder) -> None:
    with locked(folder):
        assert is_locked(folder)
        with pytest.raises(BusyError, match=r"is being rendered already \(by process \d+\)"), locked(folder):
            pass
        with pytest.raises(BusyError), locked(folder, shared=True):
            pass
    assert not is_locked(folder)


@pytest.mark.usefixtures("hasty")
def test_those_who_share_keep_out_only_one_who_would_be_alone(folder: JobFolder) -> None:
    with locked(folder, shared=True), locked(folder, shared=True):
        assert is_locked(folder)
        with pytest.raises(BusyError), locked(folder):
            pass


def test_somebody_who_only_looks_keeps_nobody_out(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_GLANCE_S", 60.0)
    glance = open(folder.lock, "a+")  # noqa: SIM115
    fcntl.flock(glance, fcntl.LOCK_EX)
    threading.Timer(0.1, glance.close).start()
    with locked(folder):
        assert is_locked(folder)
