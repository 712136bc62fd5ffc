from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from animator.encoding import encode, provenance_metadata, read_provenance
from animator.encoding.content_credentials import FileSigner, read_credentials
from animator.errors import EncodeError, JobError
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame
from tests.animator.encoding.signer import ORGANIZATION, write_signer

MakeFilm = Callable[..., list[Frame]]
MARK = provenance_metadata(generator="puppet", source_type="compositeSynthetic", fingerprint="0f3a", consent="mine")


@pytest.fixture(scope="module")
def chain_and_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="module")
def signer(chain_and_key: tuple[Path, Path]) -> FileSigner:
    return FileSigner(*chain_and_key)


def signed(make_film: MakeFilm, signer: FileSigner, path: Path) -> Path:
    seal = lambda place, media: signer.sign(place, media, MARK)  # noqa: E731
    return encode(make_film(4), path, fps=25, metadata=MARK, seal=seal).path


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out.webp", "out"])
def test_every_format_is_signed_and_keeps_its_mark(
    tmp_path: Path, make_film: MakeFilm, signer: FileSigner, name: str
) -> None:
    path = signed(make_film, signer, tmp_path / name)
    found = read_credentials(path)
    assert found is not None
    assert (found.state, found.signer, found.problems) == ("valid", ORGANIZATION, ())
    assert found.source_type == MARK["digital_source_type"]
    assert found.software == MARK["software"]
    assert found.details is not None
    assert (found.details["fingerprint"], found.details["consent"]) == ("0f3a", "mine")
    assert read_provenance(path) == MARK
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_signed_film_shows_what_it_showed(tmp_path: Path, make_film: MakeFilm, signer: FileSigner) -> None:
    plain = encode(make_film(4), tmp_path / "plain.mp4", fps=25, metadata=MARK).path
    path = signed(make_film, signer, tmp_path / "signed.mp4")
    for one, other in zip(DrivingClip.open(plain).frames(), DrivingClip.open(path).frames(), strict=True):
        np.testing.assert_array_equal(one.pixels_HWC, other.pixels_HWC)


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out.webp"])
def test_one_changed_byte_of_the_picture_breaks_the_credentials(
    tmp_path: Path, make_film: MakeFilm, signer: FileSigner, name: str
) -> None:
    path = signed(make_film, signer, tmp_path / name)
    content = bytearray(path.read_bytes())
    marker = {"out.mp4": b"mdat", "out.gif": b"\x2c", "out.webp": b"ANMF"}[name]
    content[content.rfind(marker) + 40] ^= 0x55
    path.write_bytes(content)
    found = read_credentials(path)
    assert found is not None
    assert found.state in ("invalid", "unreadable")
    assert found.problems


def test_a_file_without_credentials_has_none(tmp_path: Path, make_film: MakeFilm) -> None:
    assert read_credentials(encode(make_film(2), tmp_path / "out.mp4", fps=25, metadata=MARK).path) is None
    with pytest.raises(EncodeError, match=r"gone\.mp4: cannot be read"):
        read_credentials(tmp_path / "gone.mp4")


def test_without_the_library_credentials_are_seen_but_not_believed(
    tmp_path: Path, make_film: MakeFilm, signer: FileSigner, chain_and_key: tuple[Path, Path], monkeypatch
) -> None:
    path = signed(make_film, signer, tmp_path / "out.webp")
    monkeypatch.setitem(sys.modules, "c2pa", None)
    found = read_credentials(path)
    assert found is not None
    assert found.state == "unchecked"
    with pytest.raises(JobError, match=r"need c2pa-python. Install it with: pip install 'pose-animator\[c2pa\]'"):
        FileSigner(*chain_and_key)


def test_what_cannot_sign_is_found_before_there_is_anything_to_sign(
    tmp_path: Path, chain_and_key: tuple[Path, Path]
) -> None:
    chain, key = chain_and_key
    stranger = ec.generate_private_key(ec.SECP256R1())
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    (tmp_path / "other.pem").write_bytes(stranger.private_bytes(*pem, serialization.NoEncryption()))
    (tmp_path / "locked.pem").write_bytes(
        stranger.private_bytes(*pem, serialization.BestAvailableEncryption(b"secret"))
    )
    (tmp_path / "text.pem").write_text("not a certificate")
    for certificate, private, line in (
        (chain, tmp_path / "other.pem", r"chain\.pem: cannot sign"),
        (chain, tmp_path / "locked.pem", r"locked\.pem: no private key in PEM without a password"),
        (chain, chain, r"chain\.pem: no private key in PEM"),
        (tmp_path / "text.pem", key, r"text\.pem: no certificate or key in PEM"),
        (tmp_path / "gone.pem", key, r"gone\.pem: cannot be read \(No such file or directory\)\. Give a file with"),
        (key, key, r"key\.pem: cannot sign"),
    ):
        with pytest.raises(JobError, match=line):
            FileSigner(certificate, private)


@pytest.mark.parametrize(
    ("begins_in_days", "trouble"), [(-30.0, "expired at"), (30.0, "is not valid before")], ids=["expired", "not yet"]
)
def test_a_certificate_outside_its_dates_is_refused_with_them(
    tmp_path: Path, begins_in_days: float, trouble: str
) -> None:
    chain, key = write_signer(tmp_path, begins_in_days=begins_in_days)
    line = rf"chain\.pem: the signer's certificate {trouble} \d{{4}}-\d\d-\d\d \d\d:\d\d UTC, and it is .* now\. Give"
    with pytest.raises(JobError, match=line):
        FileSigner(chain, key)


def test_a_key_as_openssl_wrote_it_for_long_signs_as_well(
    tmp_path: Path, make_film: MakeFilm, chain_and_key: tuple[Path, Path]
) -> None:
    """`openssl ecparam -genkey` and `openssl ec` write SEC 1, `BEGIN EC PRIVATE KEY`."""
    chain, key = chain_and_key
    loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
    kind = serialization.PrivateFormat.TraditionalOpenSSL
    old = tmp_path / "old.pem"
    old.write_bytes(loaded.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()))
    path = signed(make_film, FileSigner(chain, old), tmp_path / "out.mp4")
    found = read_credentials(path)
    assert found is not None
    assert (found.state, found.problems) == ("valid", ())
