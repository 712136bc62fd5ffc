"""What a result says of its own making beyond the mark that is always there, and what a policy demands of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from animator.encoding.encoder import Seal
from animator.encoding.watermark import embed_watermark
from animator.errors import JobError
from pose_tracking.frame import Frame

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

POLICY_VARIABLE = "ANIMATOR_POLICY"
_MAX_POLICY_BYTES = 64 * 1024
_MAX_CONSENT = 2000


class ProvenanceConfig(BaseModel):
    """How a result tells that it was made. The XMP mark is always there and is nobody's to switch off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["xmp", "c2pa"] = Field(
        default="xmp", description="xmp: the mark in the metadata; c2pa: signed content credentials, too"
    )
    certificate: Path | None = Field(default=None, description="for c2pa: certificate chain, PEM, the signer's first")
    key: Path | None = Field(default=None, description="for c2pa: the signer's private key, PEM without a password")
    watermark: bool = Field(
        default=False, description="an invisible mark in the pictures, see docs/guides/provenance.md"
    )
    sidecar: bool = Field(default=True, description="what was made of what and how, <output>.json")
    consent: str | None = Field(
        default=None, description="who agreed to what, in words; recorded in the result and the sidecar"
    )

    @field_validator("consent")
    @classmethod
    def _check_consent(cls, consent: str | None) -> str | None:
        if consent is None:
            return None
        if not consent.strip() or len(consent) > _MAX_CONSENT:
            raise ValueError(f"{len(consent.strip())} letters, expected a statement of 1 to {_MAX_CONSENT}")
        return consent.strip()

    @model_validator(mode="after")
    def _check_signer(self) -> ProvenanceConfig:
        if self.kind == "c2pa" and (self.certificate is None or self.key is None):
            raise ValueError("c2pa signs with provenance.certificate and provenance.key; give both")
        return self

    def stated(self) -> dict[str, str]:
        """What the mark in the file says beside how it was made."""
        return {} if self.consent is None else {"consent": self.consent}

    def is_met_by(self, output: Path) -> bool:
        """Whether a result that is there says of itself what this asks for: the consent, credentials, a sidecar.

        Raises:
            EncodeError: its mark is damaged.
        """
        from animator.encoding.content_credentials import read_credentials
        from animator.encoding.provenance import read_provenance
        from animator.sidecar import read_sidecar  # knows jobs, and they know this

        if (read_provenance(output) or {}).get("consent") != self.consent:
            return False
        if self.kind == "c2pa" and getattr(read_credentials(output), "state", None) not in ("valid", "trusted"):
            return False
        return not self.sidecar or getattr(read_sidecar(output), "fits", False)

    def check_signer(self) -> None:
        """Find out whether certificate and key can sign, where the job wants it.

        Raises:
            JobError: they cannot.
        """
        self.seal({})

    def seal(self, metadata: Mapping[str, str]) -> Seal | None:
        """What signs the finished file, if the job wants it signed.

        Raises:
            JobError: certificate and key cannot sign.
        """
        if self.kind != "c2pa" or self.certificate is None or self.key is None:
            return None
        from animator.encoding.content_credentials import FileSigner

        signer = FileSigner(self.certificate, self.key)
        return lambda path, media: signer.sign(path, media, metadata)

    def watermarked(self, frames: Iterator[Frame], fingerprint: str) -> Iterator[Frame]:
        """The frames, with the beginning of the fingerprint in their pixels if the job wants it."""
        if not self.watermark:
            return frames
        return (
            Frame(pixels_HWC=embed_watermark(frame.pixels_HWC, fingerprint), time_s=frame.time_s, index=frame.index)
            for frame in frames
        )

    def notes_on(self, output: Path) -> list[str]:
        """What to say of a finished result that does not carry all that was asked for."""
        from animator.origin import find_watermark  # knows sidecars, which know jobs, and they know this

        found = find_watermark(output) if self.watermark else None
        if not self.watermark or (found is not None and found.code is not None):
            return []
        what = "cannot be found again" if found is None else "is found, but not which job it names"
        return [
            f"{output.name}: its watermark {what}; the pictures are too small for how much there is in them. "
            "A larger --canvas carries it better"
        ]


class Requirements(BaseModel):
    """What every render has to do."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    consent: bool = False
    sidecar: bool = False
    watermark: bool = False
    c2pa: bool = False


class Policy(BaseModel):
    """A policy file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    require: Requirements = Requirements()


def require_compliance(config: ProvenanceConfig, policy: Path | None = None) -> None:
    """Hold a job against every policy there is: the machine's, the environment's, and the one given.

    They add up, so that none can undo another.

    Raises:
        JobError: the job does not comply, or a policy that is named cannot be read.
    """
    named = [Path(name) for name in (os.environ.get(POLICY_VARIABLE), policy) if name]
    machines = [path for path in (machine_policy(),) if path.exists()]
    for path in dict.fromkeys([*machines, *named]):
        demanded = read_policy(path).require
        given = (
            (demanded.consent and config.consent is None, "a consent statement (--consent TEXT)"),
            (demanded.sidecar and not config.sidecar, "the sidecar (no --no-sidecar)"),
            (demanded.watermark and not config.watermark, "the watermark (--watermark)"),
            (demanded.c2pa and config.kind != "c2pa", "content credentials (--provenance c2pa)"),
        )
        missing = [words for is_missing, words in given if is_missing]
        if missing:
            raise JobError(f"the policy {path} requires {' and '.join(missing)}")


def read_policy(path: Path) -> Policy:
    """A policy file, TOML.

    Raises:
        JobError: missing, no TOML, or a key that is not known: half a policy would be none.
    """
    try:
        if not path.is_file() or path.stat().st_size > _MAX_POLICY_BYTES:
            raise JobError(f"{path}: no policy file; expected TOML with a table [require]")
        return Policy.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except JobError:
        raise
    except OSError as error:
        raise JobError(f"{path}: the policy cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, of pydantic
        allowed = ", ".join(Requirements.model_fields)
        raise JobError(
            f"{path}: no policy ({_fault(error)}); expected [require] with true or false for {allowed}"
        ) from error


def _fault(error: Exception) -> str:
    """What is wrong with a policy; the nearest key for one that is not known."""
    from animator.job_schema import complain  # which knows jobs, and these know policies

    if isinstance(error, ValidationError):
        return complain(error, model=Policy)
    return "tables nested too deeply" if isinstance(error, RecursionError) else f"not TOML: {error}"


def machine_policy() -> Path:
    """Where the policy of a whole machine lies, if it has one."""
    if os.name == "nt":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "pose-animator" / "policy.toml"
    return Path("/etc/pose-animator/policy.toml")
