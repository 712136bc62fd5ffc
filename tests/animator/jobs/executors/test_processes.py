"""Workers share the cores, whatever OpenMP is told."""

from __future__ import annotations

import pytest

from animator.jobs.executors import processes


@pytest.mark.parametrize(
    ("told", "threads"), [(None, 4), ("2", 2), ("16", 4), ("2,1", 2), (" 3 ", 3), ("", 4), ("0", 4), ("many", 4)]
)
def test_a_worker_has_its_share_of_the_cores_or_what_openmp_allows(
    monkeypatch: pytest.MonkeyPatch, told: str | None, threads: int
) -> None:
    if told is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert processes._allowed_threads(4) == threads
