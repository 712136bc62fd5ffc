"""What `animator inspect` says of where a file comes from: shown and not obeyed, and in full for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from animator import inspection, origin
from animator.cli import main
from animator.inspection import Inspection
from animator.origin import Origin
from animator.sidecar import Sidecar


def marked(path: Path) -> Origin:
    """A file whose maker tried to paint the terminal."""
    content = {"consent": "Ben\x1b[31m\nagreed"}
    return Origin(
        mark={"source_type": "\x1b[2Jcomposite\r"}, sidecar=Sidecar(path=path / "out.json", content=content, fits=True)
    )


@pytest.mark.parametrize("kind", ["photo", "poses"])
def test_origin_is_told_of_all_but_poses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    found = Inspection(kind=kind, facts={}, problems=[])  # type: ignore[arg-type]
    monkeypatch.setattr(inspection, "inspect_file", lambda *_, **__: found)
    monkeypatch.setattr(origin, "find_origin", lambda _: marked(tmp_path))
    assert main(["inspect", str(tmp_path / "out.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    if kind == "poses":
        assert lines == [f"{tmp_path / 'out.png'}: poses"]
        return
    assert all(line.isprintable() for line in lines)
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "origin, as the file itself says:",
        "source type [2Jcomposite",
        "origin, as was checked:",
        "sidecar out.json describes this file",
        "consent Ben [31m agreed (says the sidecar)",
    ]
    assert main(["inspect", str(tmp_path / "out.png"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["provenance"] == {"source_type": "\x1b[2Jcomposite\r"}
    assert told["sidecar"]["consent"] == "Ben\x1b[31m\nagreed"
