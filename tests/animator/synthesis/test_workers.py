"""Work shared out among processes: all of it is done, errors come home, and stopping takes seconds."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from animator.errors import EncodeError, JobError
from animator.synthesis.workers import share_out


def square(seed: int) -> int:
    return seed * seed


def fail_at_three(seed: int) -> int:
    if seed == 3:
        raise EncodeError("the third")
    return seed


def die(seed: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return seed


def linger(seed: int, *, folder: Path) -> int:
    """Seed 0 is done at once; the others take a minute, with a file that must not stay."""
    if seed == 0:
        while not any(folder.iterdir()):
            time.sleep(0.02)
        return 0
    temporary = folder / f"{seed}.tmp"
    temporary.touch()
    try:
        time.sleep(60)
    finally:
        temporary.unlink()
    return seed


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_seed_is_worked_on_once(jobs: int) -> None:
    assert sorted(share_out(square, [1, 2, 3, 4], jobs=jobs)) == [1, 4, 9, 16]


def test_an_error_comes_home_with_where_it_was_raised() -> None:
    with pytest.raises(EncodeError, match="the third") as caught:
        list(share_out(fail_at_three, [1, 2, 3, 4], jobs=2))
    assert "fail_at_three" in str(caught.value.__cause__)


def test_a_process_that_dies_is_noticed() -> None:
    with pytest.raises(JobError, match=r"code -9 .* fewer --jobs"):
        list(share_out(die, [1, 2], jobs=2))


def test_leaving_ends_the_processes_at_once_and_lets_them_tidy_up(tmp_path: Path) -> None:
    results = share_out(partial(linger, folder=tmp_path), [0, 1, 2], jobs=2)
    assert next(results) == 0
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 20  # and not a minute
    assert list(tmp_path.iterdir()) == []
