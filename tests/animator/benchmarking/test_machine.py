"""A measurement says on which machine it was made, and with what."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from animator.benchmarking import machine as this
from animator.benchmarking import media


def tell(monkeypatch: pytest.MonkeyPatch, listing: str | None) -> None:
    """Let the system list these processors, or none."""
    monkeypatch.setattr(Path, "is_file", lambda _: listing is not None)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: listing)


def test_the_processor_is_called_as_the_system_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, "processor\t: 0\nmodel name\t: Fast: 9 @ 3 GHz\n\nprocessor\t: 1\nmodel name\t: Slow\n")
    assert this.processor() == "Fast: 9 @ 3 GHz"


@pytest.mark.parametrize("listing", [None, "", "processor : 0\nBogoMIPS : 50\n"])
def test_a_system_that_tells_no_name_tells_its_architecture(
    monkeypatch: pytest.MonkeyPatch, listing: str | None
) -> None:
    tell(monkeypatch, listing)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert this.processor() == "riscv64"


def test_the_machine_is_told_with_its_cores_and_how_busy_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(this, "processor", lambda: "Fast 9")
    monkeypatch.setattr(this.os, "cpu_count", lambda: 12)
    monkeypatch.setattr(this.os, "getloadavg", lambda: (3.14, 2.0, 1.0))
    assert this.machine() == "Fast 9, 12 cores, load 3.1"


def test_a_checkout_is_measured_with_its_examples_and_an_installed_package_with_what_it_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = media.example_media()
    assert found is not None
    assert all(path.is_file() for path in found)
    monkeypatch.setattr(media, "__file__", str(tmp_path / "animator" / "benchmarking" / "media.py"))
    assert media.example_media() is None
