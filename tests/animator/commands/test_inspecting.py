"""`animator inspect` and `animator doctor` speak to people and programs; what they find out is tested elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from animator import doctor, inspection
from animator.cli import main
from animator.doctor import Finding
from animator.inspection import Inspection


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of which much is to be said."""
    facts = {"width": 640, "fps": None, "transparency": False}
    found = Inspection(kind="photo", facts=facts, problems=("nobody was found",))
    monkeypatch.setattr(inspection, "inspect_file", lambda *_, **__: found)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_a_name_is_shown_and_not_obeyed(tmp_path: Path, told: None, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a\x1b[31m\nb.png"
    Image.new("RGB", (8, 8)).save(path)
    assert main(["inspect", str(path)]) == 0
    first, *facts = capsys.readouterr().out.splitlines()
    assert first == rf"{tmp_path}/a\x1b[31m\nb.png: photo"
    assert [line.split() for line in facts] == [
        ["width", "640"],
        ["fps", "not", "told"],
        ["transparency", "no"],
        ["problem", "nobody", "was", "found"],
    ]
    assert main(["inspect", str(path), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["path"] == str(path)


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("failed", 1)])
def test_doctor_ends_with_1_where_something_is_to_be_mended(
    status: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fix = "pip install it" if status == "failed" else ""
    findings = [Finding(name="av", status=status, detail="16.0", fix=fix)]  # type: ignore[arg-type]
    monkeypatch.setattr(doctor, "examine", lambda: iter(findings))
    assert main(["doctor"]) == code
    out = capsys.readouterr().out
    assert ("fix: pip install it" in out) == bool(code)
    assert ("1 to mend" in out) == bool(code)
    assert main(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"event": "doctor", "ok": not code, "failed": code}
