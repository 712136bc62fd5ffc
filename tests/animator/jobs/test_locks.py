"""Who may work in a job's folder."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from animator.errors import JobError
from animator.jobs.folder import JobFolder
from animator.jobs.locks import is_locked, locked


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path)


def test_one_works_alone_and_says_who_it_is(folder: JobFolder) -> None:
    with locked(folder):
        assert is_locked(folder)
        with pytest.raises(JobError, match=r"is being rendered already \(by process \d+\)"), locked(folder):
            pass
        with pytest.raises(JobError), locked(folder, shared=True):
            pass
    assert not is_locked(folder)


def test_those_who_share_keep_out_only_one_who_would_be_alone(folder: JobFolder) -> None:
    with locked(folder, shared=True), locked(folder, shared=True):
        assert is_locked(folder)
        with pytest.raises(JobError), locked(folder):
            pass


def test_somebody_who_only_looks_keeps_nobody_out(folder: JobFolder) -> None:
    glance = open(folder.lock, "a+")  # noqa: SIM115
    fcntl.flock(glance, fcntl.LOCK_EX)
    threading.Timer(0.1, glance.close).start()
    with locked(folder):
        assert is_locked(folder)
