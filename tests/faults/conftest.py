"""What the tests of interrupted jobs share: a warm process, a tiny job, and what an undisturbed run of it gives."""

from __future__ import annotations

from collections.abc import Iterator

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
def undisturbed(warm: Warm, tiny: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """The pictures of a job that nothing happened to: uint8 [T, H, W, 3]."""
    folder = tmp_path_factory.mktemp("undisturbed")
    output = folder / "out.mp4"
    assert warm.run(tiny.animate(output, folder / "job"), log=folder / "log") == 0, (folder / "log").read_text()
    return decoded(output)
