from __future__ import annotations

from pathlib import Path

import pytest

from animator import doctor
from animator.doctor import Finding, examine, is_fit


def findings_of(requirements: list[str], tested: dict[str, str] | None = None) -> list[Finding]:
    return list(doctor._packages(requirements, tested or {}))


def test_a_package_that_is_not_installed_fails_with_the_command_that_installs_it() -> None:
    (finding,) = findings_of(["no-such-package-here>=1,<2"])
    assert finding.status == "failed"
    assert finding.fix == "pip install 'no-such-package-here<2,>=1'"


def test_a_package_outside_its_range_fails_and_names_both_versions() -> None:
    (finding,) = findings_of(["numpy>=99"])
    assert finding.status == "failed"
    assert finding.detail.endswith("expected >=99")


def test_an_optional_package_is_only_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_OPTIONAL", frozenset({"no-such-package-here"}))
    (finding,) = findings_of(["no-such-package-here"])
    assert finding.status == "missing"
    assert is_fit([finding])


def test_requirements_of_other_platforms_and_of_extras_are_passed_over() -> None:
    assert findings_of(["numpy>=99; platform_system == 'Plan9'", "numpy>=99; extra == 'dev'"]) == []


def test_a_version_other_than_the_tested_one_is_named() -> None:
    (finding,) = findings_of(["numpy"], {"numpy": "0.1"})
    assert finding.status == "ok"
    assert "tested with 0.1" in finding.detail


def test_the_build_of_a_version_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda _: "2.13.0+cpu")
    (finding,) = findings_of(["torch>=2"], {"torch": "2.13.0"})
    assert finding.detail == "2.13.0+cpu"


def test_a_library_that_crashes_is_a_finding() -> None:
    probe = doctor._probe("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    finding = doctor._judged(probe, "tracker", "reinstall")
    assert (finding.status, finding.detail, finding.fix) == ("failed", "crashed (signal 11)", "reinstall")


def test_a_library_that_hangs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PATIENCE_S", 0.2)
    finding = doctor._judged(doctor._probe("import time; time.sleep(30)"), "tracker", "reinstall")
    assert finding.detail == "no answer within 0.2 s"


def test_a_missing_system_library_is_mended_by_the_system() -> None:
    probe = doctor._probe("raise ImportError('libGL.so.1: cannot open shared object file')")
    finding = doctor._judged(probe, "tracker", "reinstall")
    assert finding.detail.startswith("ImportError: libGL.so.1")
    assert "apt install libgl1" in finding.fix


def test_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_MEMORY_GIB", 1e9)
    finding = doctor._memory()
    assert finding.status == "missing"
    assert finding.fix


def test_a_folder_that_cannot_be_written_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda folder, _: False)
    finding = doctor._disk()
    assert finding.status == "failed"
    assert str(Path.cwd()) in finding.detail


def test_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_DISK_GIB", 1e12)
    assert doctor._disk().status == "failed"


def test_one_failed_check_makes_the_machine_unfit() -> None:
    fine = Finding(name="python", status="ok", detail="3.11")
    assert is_fit([fine])
    assert not is_fit([fine, Finding(name="torch", status="failed", detail="not installed")])


@pytest.mark.slow
def test_this_machine_is_fit_and_every_library_was_tried() -> None:
    findings = list(examine())
    assert [finding for finding in findings if finding.status == "failed"] == []
    names = {finding.name for finding in findings}
    assert {"python", "numpy", "codecs", "ffmpeg (sound)", "tracker", "opencv", "torch devices", "disk"} <= names


def test_a_probe_gets_no_more_than_its_own_output() -> None:
    assert doctor._probe("import sys; print('fine'); print('chatter', file=sys.stderr)") == "fine"
