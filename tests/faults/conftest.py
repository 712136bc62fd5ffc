"""What the tests of interrupted jobs share: a warm process, a tiny job, and what an undisturbed run of it gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.faults.tiny_job import TinyJob, decoded
from tests.faults.warm import Warm

NUM_FRAMES = 40


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Starts commands in milliseconds."""
    process = Warm()
    yield process
    process.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyJob:
    """Two seconds of a figure that waves."""
    return TinyJob.make(tmp_path_factory.mktemp("tiny"), NUM_FRAMES)


@pytest.fixture(scope="session")
def finished(warm: Warm, tiny: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a job that nothing happened to; its result is `out.mp4` beside it."""
    folder = tmp_path_factory.mktemp("finished")
    code = warm.run(tiny.animate(folder / "out.mp4", folder / "job"), log=folder / "log")
    assert code == 0, (folder / "log").read_text()
    return folder / "job"


@pytest.fixture(scope="session")
def undisturbed(finished: Path) -> np.ndarray:
    """The pictures of that job: uint8 [T, H, W, 3]."""
    return decoded(finished.parent / "out.mp4")
