"""What lies beside a result and says how it was made."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animator.config import RenderJob, RenderReport
from animator.destinations import check_destinations
from animator.encoding import encode, provenance_metadata
from animator.errors import EncodeError, JobError
from animator.origin import find_origin
from animator.sidecar import read_sidecar, sidecar_path, with_sidecar, write_sidecar
from pose_tracking.frame import Frame

MARK = provenance_metadata(generator="puppet", source_type="compositeSynthetic", fingerprint="ab" * 32, consent="yes")


def rendered(folder: Path, name: str = "out.mp4", **changes: Any) -> tuple[RenderJob, RenderReport]:
    """A result, the job it is of, and the report."""
    for each in ("me.png", "dance.mp4"):
        (folder / each).write_bytes(each.encode())
    paths = {"photo": folder / "me.png", "clip": folder / "dance.mp4", "output": folder / name}
    job = RenderJob.model_validate({**paths, "provenance": {"consent": "yes"}, **changes})
    frames = (Frame(pixels_HWC=np.full((64, 64, 3), 9 * n, np.uint8), time_s=n / 10, index=n) for n in range(3))
    encode(frames, job.output, fps=Fraction(10), metadata=MARK)
    report = RenderReport(
        path=job.output, num_frames=3, duration_s=0.3, seconds=1.5, fingerprint="ab" * 32, warnings=("a bit dark",)
    )
    return job, report


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out"])
def test_it_tells_what_was_made_of_what_and_how(tmp_path: Path, name: str) -> None:
    job, report = rendered(tmp_path, name)
    told = with_sidecar(job, report, MARK)
    assert told.sidecar == tmp_path / f"{name}.json" == sidecar_path(job.output)
    content = json.loads(told.sidecar.read_text())
    assert content["inputs"]["photo"] == {"name": "me.png", "sha256": hashlib.sha256(b"me.png").hexdigest()}
    assert (content["consent"], content["warnings"], content["seconds"]) == ("yes", ["a bit dark"], 1.5)
    assert content["says_of_itself"] == MARK
    assert content["settings"]["encode"]["crf"] == 16
    found = read_sidecar(job.output)
    assert found is not None
    assert found.fits


def test_it_tells_what_stands_behind_the_person(tmp_path: Path) -> None:
    (tmp_path / "beach.jpg").write_bytes(b"sand")
    job, report = rendered(tmp_path, background=tmp_path / "beach.jpg")
    content = json.loads(write_sidecar(job, report, MARK).read_text())
    assert content["settings"]["background"] == "beach.jpg"
    assert content["inputs"]["background"] == {"name": "beach.jpg", "sha256": hashlib.sha256(b"sand").hexdigest()}
    assert "background" not in json.loads(write_sidecar(*rendered(tmp_path), MARK).read_text())["inputs"]


def test_it_tells_of_a_folder_of_poses(tmp_path: Path) -> None:
    poses = tmp_path / "openpose"
    poses.mkdir()
    for name in ("dance_1.json", "dance_0.json"):
        (poses / name).write_text(name)
    job, report = rendered(tmp_path, tracker={"recorded": str(poses)})
    told = json.loads(write_sidecar(job, report, MARK).read_text())["inputs"]["poses"]
    lines = [f"{name} {hashlib.sha256(name.encode()).hexdigest()}\n" for name in ("dance_0.json", "dance_1.json")]
    assert told == {"name": "openpose", "sha256": hashlib.sha256("".join(lines).encode()).hexdigest()}


def test_it_tells_no_folder_of_the_person_s_machine(tmp_path: Path) -> None:
    task = {"kind": str(tmp_path / "pose.task"), "recorded": str(tmp_path / "poses.npz")}
    signer = {"certificate": str(tmp_path / "c.pem"), "key": str(tmp_path / "k.pem")}
    behind = tmp_path / "beach.jpg"
    job, report = rendered(tmp_path, tracker=task, model=str(tmp_path / "model"), provenance=signer, background=behind)
    assert str(tmp_path) not in write_sidecar(job, report, MARK).read_text()


def test_a_result_that_was_changed_does_not_fit_any_more(tmp_path: Path) -> None:
    job, report = rendered(tmp_path)
    write_sidecar(job, report, MARK)
    with open(job.output, "ab") as file:
        file.write(b"more")
    found = read_sidecar(job.output)
    assert found is not None
    assert not found.fits
    assert "this one was changed since" in dict(find_origin(job.output).lines())["sidecar"]


def test_none_is_written_where_none_is_wanted(tmp_path: Path) -> None:
    job, report = rendered(tmp_path, provenance={"sidecar": False})
    assert with_sidecar(job, report, MARK) is report
    assert not sidecar_path(job.output).exists()
    assert read_sidecar(job.output) is None


@pytest.mark.parametrize("content", ['{"people": []}', "[]", "no JSON", "[" * 100_000])
def test_json_of_another_kind_is_never_written_over(tmp_path: Path, content: str) -> None:
    job, _ = rendered(tmp_path)
    sidecar_path(job.output).write_text(content)
    with pytest.raises(EncodeError, match="is no sidecar of ours and would be overwritten"):
        check_destinations(job, fps=Fraction(10))
    assert read_sidecar(job.output) is None
    assert sidecar_path(job.output).read_text() == content


def test_a_sidecar_is_replaced_with_its_result_and_protected_with_it(tmp_path: Path) -> None:
    job, report = rendered(tmp_path)
    write_sidecar(job, report, MARK)
    check_destinations(job, fps=Fraction(10))
    job.output.unlink()
    with pytest.raises(JobError, match=r"out\.mp4\.json: exists already"):
        check_destinations(job.model_copy(update={"overwrite": False}), fps=Fraction(10))


def test_a_job_s_inputs_are_not_taken_for_sidecars(tmp_path: Path) -> None:
    job, _ = rendered(tmp_path, "out", tracker={"recorded": str(tmp_path / "out.json")})
    (tmp_path / "out.json").write_text("{}")
    with pytest.raises(EncodeError, match=r"out\.json: is an input"):
        check_destinations(job, fps=Fraction(10))
    signed = job.model_copy(
        update={
            "tracker": job.tracker.model_copy(update={"recorded": None}),
            "provenance": job.provenance.model_copy(update={"key": tmp_path / "out.json"}),
        }
    )
    with pytest.raises(EncodeError, match=r"out\.json: is an input"):
        check_destinations(signed, fps=Fraction(10))


def test_of_a_folder_that_is_named_by_dots_the_sidecar_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, report = rendered(tmp_path, "out")
    write_sidecar(job, report, MARK)
    (tmp_path / "out" / "below").mkdir()
    for folder, dots in (("out", "."), ("out/below", "..")):
        monkeypatch.chdir(tmp_path / folder)
        found = find_origin(Path(dots)).sidecar
        assert found is not None
        assert found.fits
    assert read_sidecar(Path("/")) is None
