"""What a job may say about its origin, and what a policy makes of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from animator import provenance
from animator.cli import main
from animator.encoding import encode, provenance_metadata
from animator.encoding.watermark import WatermarkReader
from animator.errors import JobError
from animator.job_file import build_job
from animator.provenance import POLICY_VARIABLE, ProvenanceConfig, read_policy, require_compliance
from pose_tracking.frame import Frame

ALL = "[require]\nconsent = true\nsidecar = true\nwatermark = true\nc2pa = true\n"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's machine has its policy, if it has one."""
    monkeypatch.setattr(provenance, "machine_policy", lambda: tmp_path / "machine.toml")
    monkeypatch.delenv(POLICY_VARIABLE, raising=False)
    return tmp_path / "machine.toml"


def policy(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", ["none", "", "XMP"])
def test_the_mark_cannot_be_switched_off(kind: str) -> None:
    with pytest.raises(ValidationError, match="'xmp' or 'c2pa'"):
        ProvenanceConfig.model_validate({"kind": kind})


def test_signing_needs_certificate_and_key() -> None:
    with pytest.raises(JobError, match=r"c2pa signs with provenance\.certificate and provenance\.key; give both"):
        build_job({"photo": "a", "clip": "b", "output": "c.mp4", "provenance": {"kind": "c2pa", "key": "k.pem"}})


@pytest.mark.parametrize("consent", ["", "  \n", "x" * 2001])
def test_consent_is_a_statement(consent: str) -> None:
    with pytest.raises(ValidationError, match="expected a statement"):
        ProvenanceConfig(consent=consent)


def test_consent_may_look_like_the_name_of_an_object_and_a_path_to_the_key_may_not() -> None:
    least = {"photo": "a", "clip": "b", "output": "c.mp4"}
    assert build_job({**least, "provenance": {"consent": "consent:given"}}).provenance.consent == "consent:given"
    with pytest.raises(JobError, match="would run Python code"):
        build_job({**least, "generator": "consent:given"})


def test_frames_get_the_fingerprint_only_where_it_is_wanted() -> None:
    pixels = np.random.default_rng(0).integers(90, 110, (400, 400, 3), np.uint8)
    frames = [Frame(pixels_HWC=pixels, time_s=0.5, index=3)]
    untouched = list(ProvenanceConfig().watermarked(iter(frames), "0123456789abcdef"))
    assert untouched == frames
    (marked,) = ProvenanceConfig(watermark=True).watermarked(iter(frames), "0123456789abcdef")
    reader = WatermarkReader()
    reader.add(marked.pixels_HWC)
    assert reader.result is not None
    assert (reader.result.code, marked.time_s, marked.index) == ("01234567", 0.5, 3)


@pytest.mark.parametrize(
    ("contrast", "side_px", "words"),
    [
        (10, 400, ()),
        # The louder a picture, the more blocks it takes to hear the mark.
        (30, 400, ("out.png: its watermark is found, but not which job it names; ",)),
        (30, 120, ("out.png: its watermark cannot be found again; ",)),
    ],
)
def test_a_watermark_that_is_too_faint_in_the_result_is_told(
    tmp_path: Path, contrast: int, side_px: int, words: tuple[str, ...]
) -> None:
    shades = np.random.default_rng(0).integers(128 - contrast, 128 + contrast, (side_px, side_px, 1), np.uint8)
    frame = Frame(pixels_HWC=np.repeat(shades, 3, axis=2), time_s=0.0, index=0)
    config = ProvenanceConfig(watermark=True)
    (marked,) = config.watermarked(iter([frame]), "0123456789abcdef")
    Image.fromarray(marked.pixels_HWC).save(tmp_path / "out.png")
    told = config.notes_on(tmp_path / "out.png")
    assert len(told) == len(words)
    assert all(line.startswith(start) for line, start in zip(told, words, strict=True))
    assert ProvenanceConfig().notes_on(tmp_path / "out.png") == []


def test_a_policy_names_all_that_is_missing(tmp_path: Path) -> None:
    demanding = policy(tmp_path / "policy.toml", ALL)
    with pytest.raises(JobError) as caught:
        require_compliance(ProvenanceConfig(sidecar=False), demanding)
    assert str(caught.value) == (
        f"the policy {demanding} requires a consent statement (--consent TEXT) and the sidecar (no --no-sidecar) "
        "and the watermark (--watermark) and content credentials (--provenance c2pa)"
    )
    complying: dict[str, Any] = {"kind": "c2pa", "certificate": "c", "key": "k", "watermark": True, "consent": "yes"}
    require_compliance(ProvenanceConfig.model_validate(complying), demanding)


def test_no_policy_undoes_another(tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mild = policy(tmp_path / "mild.toml", "[require]\nconsent = false\n")
    require_compliance(ProvenanceConfig(), mild)
    policy(machine, "[require]\nconsent = true\n")
    with pytest.raises(JobError, match=r"machine\.toml requires a consent statement"):
        require_compliance(ProvenanceConfig(), mild)
    monkeypatch.setenv(POLICY_VARIABLE, str(policy(tmp_path / "env.toml", "[require]\nwatermark = true\n")))
    with pytest.raises(JobError, match=r"env\.toml requires the watermark"):
        require_compliance(ProvenanceConfig(consent="yes"), mild)


@pytest.mark.parametrize(
    "text",
    ["[require]\nconsnet = true\n", "consent = true\n", "[require]\nconsent = 1\n", "not TOML", "[require", "\0"],
)
def test_half_a_policy_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(JobError, match=r"policy\.toml: no policy \(.+\); expected \[require\]"):
        read_policy(policy(tmp_path / "policy.toml", text))


def test_a_misspelt_requirement_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"require\.consnet: unknown key; did you mean require\.consent\?"):
        read_policy(policy(tmp_path / "policy.toml", "[require]\nconsnet = true\n"))


def test_a_policy_that_is_named_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POLICY_VARIABLE, str(tmp_path / "gone.toml"))
    with pytest.raises(JobError, match=r"gone\.toml: no policy file"):
        require_compliance(ProvenanceConfig())


def test_a_render_that_does_not_comply_ends_with_3_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demanding = policy(tmp_path / "policy.toml", "[require]\nconsent = true\n")
    words = ["animate", "no.png", "no.mp4", "-o", str(tmp_path / "out" / "x.mp4"), "--policy", str(demanding)]
    assert main(words) == 3
    said = capsys.readouterr()
    assert said.err == f"error: the policy {demanding} requires a consent statement (--consent TEXT)\n"
    assert main([*words, "--consent", "I am the person"]) == 3
    assert "no.mp4: cannot be opened" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["policy.toml"]


def test_a_result_that_does_not_say_what_is_asked_for_does_not_meet_it(tmp_path: Path) -> None:
    output, black_HWC = tmp_path / "out.gif", np.zeros((64, 64, 3), np.uint8)
    mark = provenance_metadata(
        generator="puppet", source_type="compositeSynthetic", fingerprint="f", consent="I am Ann"
    )
    encode([Frame(pixels_HWC=black_HWC, time_s=0.0, index=0)], output, fps=Fraction(10), metadata=mark)
    agreed: dict[str, Any] = {"consent": "I am Ann", "sidecar": False}
    assert ProvenanceConfig(**agreed).is_met_by(output)
    for change in ({"consent": None}, {"consent": "I am Ben"}, {"sidecar": True}):
        assert not ProvenanceConfig(**{**agreed, **change}).is_met_by(output)
    signed: dict[str, Any] = {"kind": "c2pa", "certificate": tmp_path / "c.pem", "key": tmp_path / "k.pem"}
    assert not ProvenanceConfig(**agreed, **signed).is_met_by(output)
