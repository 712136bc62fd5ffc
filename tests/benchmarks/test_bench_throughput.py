"""The benchmark of the front end, as far as it does not measure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import bench_throughput

MEDIA = Path(__file__).parents[2] / "examples" / "media"


@pytest.mark.parametrize(("photo", "clip"), [("nobody.png", "dance.mp4"), ("portrait.png", "nothing.mp4")])
def test_what_is_not_there_is_told_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], photo: str, clip: str
) -> None:
    def measure(*_: object) -> None:
        pytest.fail("it measures")

    monkeypatch.setattr(bench_throughput, "_track_ratio", measure)
    monkeypatch.setattr(bench_throughput, "_puppet_rate", measure)
    monkeypatch.setattr(sys, "argv", ["bench_throughput.py", str(MEDIA / photo), str(MEDIA / clip)])
    with pytest.raises(SystemExit) as ended:
        bench_throughput.main()
    assert ended.value.code == 2
    (missing,) = {photo, clip} - {"portrait.png", "dance.mp4"}
    *_, line = capsys.readouterr().err.splitlines()
    assert "error:" in line
    assert missing in line
