"""C2PA content credentials: a signed statement in the file of how it was made, which any change to the file breaks.

C2PA Technical Specification 2.x, written and checked by c2pa-python. Nothing is fetched from the network: neither
manifests that lie elsewhere nor the revocation of certificates, and there is no time stamp of an authority.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animator.encoding.leftovers import supersede
from animator.encoding.provenance import pictures_in
from animator.errors import EncodeError, JobError

if TYPE_CHECKING:
    import c2pa

# What signing works with; a picture of a PNG sequence is signed like a single one.
_MEDIA_TYPES = {"mp4": "video/mp4", "gif": "image/gif", "webp": "image/webp", "png": "image/png"}
_INSTALL = "Install it with: pip install 'pose-animator[c2pa]'"
_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
# The type of a C2PA manifest store as it stands in its JUMBF box (C2PA 2.x, 11.1.4.2), in any container.
_STORE_TYPE = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
_LABEL = "org.pose-animator.render"
_MAX_PEM_BYTES = 256 * 1024
_TRIAL_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a file's content credentials say, and whether they hold.

    Attributes:
        state: `valid`, `trusted` (the signer is on a trust list), `invalid` (the file was changed, or the
            signature is wrong), `unchecked` (c2pa-python is missing) or `unreadable`.
        signer: organisation of the certificate.
        software: what made the file.
        source_type: IPTC digital source type.
        details: what this program recorded: generator, model, fingerprint, ...
        problems: codes of the specification for what does not hold.
    """

    state: str
    signer: str | None = None
    software: str | None = None
    source_type: str | None = None
    details: Mapping[str, str] | None = None
    problems: tuple[str, ...] = ()


class FileSigner:
    """Signs finished files with a person's certificate.

    Args:
        certificate: PEM, the signer's certificate first, then those that vouch for it.
        key: PEM, the signer's private key without a password.

    Raises:
        JobError: c2pa-python is missing, a file cannot be read, or the two cannot sign together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        try:
            import c2pa  # noqa: F401
        except ImportError as error:
            raise JobError(f"content credentials need c2pa-python. {_INSTALL}") from error
        self._certificate = _read_pem(certificate)
        _check_dates(self._certificate, certificate)
        self._algorithm, self._key = _private_key(_read_pem(key), key)
        self._try_out(certificate)

    def sign(self, path: Path, media: str, metadata: Mapping[str, str]) -> None:
        """Put credentials into the file at `path`; it is replaced in one step.

        Args:
            media: `mp4`, `gif`, `webp` or `png`.
            metadata: what the file says of itself (`provenance_metadata`).

        Raises:
            EncodeError: the file cannot be signed.
            OSError: the disk refuses.
        """
        signed = path.with_suffix(".signed.tmp")
        try:
            with open(path, "rb") as source, open(signed, "w+b") as target:
                self._sign(source, target, media, metadata)
            supersede(signed, path)
        finally:
            signed.unlink(missing_ok=True)

    def _sign(self, source: Any, target: Any, media: str, metadata: Mapping[str, str]) -> None:
        import c2pa

        info = c2pa.C2paSignerInfo(self._algorithm, self._certificate, self._key, None)
        try:
            with (
                c2pa.Signer.from_info(info) as signer,
                c2pa.Builder(_manifest(metadata), context=_context()) as builder,
            ):
                builder.sign(signer, _MEDIA_TYPES[media], source, target)
        except c2pa.C2paError as error:
            raise EncodeError(f"the {media} file cannot be signed ({_one_line(error)})") from error

    def _try_out(self, certificate: Path) -> None:
        """Sign a picture of a few pixels: what is wrong with a certificate shows nowhere else."""
        from PIL import Image

        picture = io.BytesIO()
        Image.new("RGB", (8, 8)).save(picture, format="PNG")
        picture.seek(0)
        try:
            self._sign(picture, io.BytesIO(), "png", {"digital_source_type": _TRIAL_SOURCE})
        except EncodeError as error:
            raise JobError(
                f"{certificate.name}: cannot sign: {error}. Expected a certificate chain for C2PA in PEM and the "
                "key that belongs to it, see docs/guides/provenance.md"
            ) from error


def read_credentials(path: str | Path) -> Credentials | None:
    """The content credentials of a file, checked; None where it has none. The first picture speaks for a folder.

    The file's bytes reach the C2PA library only where they hold a manifest store.

    Raises:
        EncodeError: the file cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        pictures = pictures_in(path)
        return read_credentials(pictures[0]) if pictures else None
    try:
        if not _has_store(path):
            return None
    except OSError as error:
        raise EncodeError(f"{path.name}: cannot be read ({error.strerror}); check the path") from error
    try:
        import c2pa
    except ImportError:
        return Credentials(state="unchecked", problems=(f"c2pa-python is missing. {_INSTALL}",))
    try:
        with open(path, "rb") as file, c2pa.Reader(None, file, None, _context()) as reader:
            return _credentials(json.loads(reader.json()))
    except c2pa.C2paError as error:
        return Credentials(state="unreadable", problems=(_one_line(error),))


def _credentials(report: Mapping[str, Any]) -> Credentials:
    active = report.get("manifests", {}).get(report.get("active_manifest"), {})
    contents = {each.get("label"): each.get("data") for each in active.get("assertions", [])}
    actions = next((data for label, data in contents.items() if str(label).startswith("c2pa.actions")), None) or {}
    made: dict[str, Any] = next(
        (each for each in actions.get("actions", []) if each.get("action") == "c2pa.created"), {}
    )
    details = contents.get(_LABEL)
    maker = (active.get("claim_generator_info") or [{}])[0]
    codes = dict.fromkeys(str(each.get("code")) for each in report.get("validation_status") or [])
    return Credentials(
        state=str(report.get("validation_state", "unreadable")).lower(),
        signer=active.get("signature_info", {}).get("issuer"),
        software=" ".join(str(maker[key]) for key in ("name", "version") if key in maker) or None,
        source_type=made.get("digitalSourceType"),
        details={str(key): str(value) for key, value in details.items()} if isinstance(details, dict) else None,
        # Nobody's trust list is asked, so every signer is a stranger.
        problems=tuple(code for code in codes if code != _UNTRUSTED),
    )


def _manifest(metadata: Mapping[str, str]) -> dict[str, Any]:
    version = importlib.metadata.version("pose-animator")
    maker = {"name": "pose-animator", "version": version}
    created = {
        "action": "c2pa.created",
        "softwareAgent": maker,
        "digitalSourceType": metadata["digital_source_type"],
    }
    own = {key: value for key, value in metadata.items() if key not in ("digital_source_type", "software")}
    assertions: list[dict[str, Any]] = [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]
    if own:
        assertions.append({"label": _LABEL, "data": own})
    return {"claim_generator_info": [maker], "assertions": assertions}


def _context() -> c2pa.Context:
    import c2pa

    return c2pa.Context.from_dict(_OFFLINE)


def _has_store(path: Path) -> bool:
    if path.stat().st_size == 0:
        return False
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(_STORE_TYPE) >= 0


def _read_pem(path: Path) -> bytes:
    try:
        if path.exists() and (not path.is_file() or path.stat().st_size > _MAX_PEM_BYTES):
            raise JobError(f"{path}: no certificate or key in PEM")
        content = path.read_bytes()
    except OSError as error:
        raise JobError(
            f"{path}: cannot be read ({error.strerror}). Give a file with a certificate or key in PEM."
        ) from error
    if b"-----BEGIN " not in content or b"\0" in content:
        raise JobError(f"{path}: no certificate or key in PEM")
    return content


def _check_dates(pem: bytes, path: Path) -> None:
    """Refuse a signer's certificate outside its dates, which the library refuses without naming them."""
    from cryptography import x509

    try:
        signer = x509.load_pem_x509_certificate(pem)
        begins, ends = signer.not_valid_before_utc, signer.not_valid_after_utc
    except ValueError:  # no certificate at all: signing on trial says so
        return
    now = datetime.now(timezone.utc)
    if begins <= now <= ends:
        return
    trouble = f"expired at {_minute(ends)}" if ends < now else f"is not valid before {_minute(begins)}"
    raise JobError(
        f"{path.name}: the signer's certificate {trouble}, and it is {_minute(now)} now. Give a chain that begins with "
        "a certificate that is valid today, or set this machine's clock, see docs/guides/provenance.md"
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _private_key(pem: bytes, path: Path) -> tuple[str, bytes]:
    """The name C2PA (13.2) has for signing with this key, and the key as PKCS #8, the one kind its library reads.

    What `openssl ecparam -genkey` and older tools write is of another kind (`BEGIN EC PRIVATE KEY`).
    """
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(pem, password=None)
    except Exception as error:  # a wrong PEM can raise almost anything in there
        raise JobError(f"{path.name}: no private key in PEM without a password") from error
    return _algorithm(key, path), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _algorithm(key: object, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    curves = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in curves:
        return curves[key.curve.name]
    raise JobError(f"{path.name}: C2PA signs with EC P-256, P-384 or P-521, Ed25519 or RSA keys; this is another kind")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
