"""What can be found out about where a file comes from: its mark, its credentials, its watermark, its sidecar."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from animator.encoding import read_provenance
from animator.encoding.content_credentials import Credentials, read_credentials
from animator.encoding.provenance import pictures_in
from animator.encoding.watermark import Watermark, WatermarkReader
from animator.sidecar import Sidecar, read_sidecar

# The evidence of this many pictures is plenty; they are looked at from the beginning on.
_NUM_PICTURES = 24
# No canvas is larger, and larger photos are not worth the memory.
_MAX_PIXELS = 40_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a file comes from, as far as it can be told.

    Attributes:
        mark: what the file's XMP packet says, empty where there is none.
        credentials: C2PA content credentials.
        watermark: what the pictures themselves carry.
        sidecar: the JSON file beside it.
    """

    mark: Mapping[str, str] = field(default_factory=dict)
    credentials: Credentials | None = None
    watermark: Watermark | None = None
    sidecar: Sidecar | None = None

    @property
    def fingerprint_agrees(self) -> bool | None:
        """Whether watermark and mark name the same job; None where one of them does not tell."""
        told, carried = self.mark.get("fingerprint"), self.watermark.code if self.watermark else None
        return None if told is None or carried is None else told.startswith(carried)

    def as_dict(self) -> dict[str, Any]:
        """All of it in JSON's own types; `provenance` is the mark."""
        sidecar = self.sidecar
        return {
            "provenance": dict(self.mark),
            "content_credentials": None if self.credentials is None else dataclasses.asdict(self.credentials),
            "watermark": None
            if self.watermark is None
            else {**dataclasses.asdict(self.watermark), "agrees_with_mark": self.fingerprint_agrees},
            "sidecar": None
            if sidecar is None
            else {"path": str(sidecar.path), "fits": sidecar.fits, **sidecar.content},
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """Names and values for a person, the mark apart."""
        if self.credentials is not None:
            yield "credentials", _credential_words(self.credentials)
        if self.watermark is not None:
            code = "its code cannot be read" if self.watermark.code is None else f"code {self.watermark.code}"
            agrees = {True: ", the fingerprint's beginning", False: ", not this fingerprint's", None: ""}
            yield "watermark", f"found, {code}{agrees[self.fingerprint_agrees]}"
        if self.sidecar is not None:
            fits = (
                "describes this file" if self.sidecar.fits else "describes another file, or this one was changed since"
            )
            yield "sidecar", f"{self.sidecar.path.name} {fits}"
            consent = self.sidecar.content.get("consent")
            if consent and "consent" not in self.mark:
                yield "consent", f"{consent} (says the sidecar)"


def find_origin(path: str | Path, *, has_pictures: bool = True) -> Origin:
    """Look for all that tells where a file comes from.

    Args:
        path: a file, or a folder of PNG pictures.
        has_pictures: whether it is worth looking for a watermark.

    Raises:
        EncodeError: its mark is there and damaged, or the file cannot be read.
    """
    path = Path(path)
    return Origin(
        mark=read_provenance(path) or {},
        credentials=read_credentials(path),
        watermark=find_watermark(path) if has_pictures else None,
        sidecar=read_sidecar(path),
    )


def find_watermark(path: Path) -> Watermark | None:
    """The watermark in the first pictures of a clip, a photo, an animation or a folder of PNG."""
    reader = WatermarkReader()
    try:
        for pixels_HWC in _pictures(path):
            reader.add(pixels_HWC)
    except MemoryError:
        raise
    except Exception:  # what cannot be decoded, for whatever reason, carries no watermark that could be read
        return None
    return reader.result


def _pictures(path: Path) -> Iterator[np.ndarray]:
    if path.is_dir():
        for picture in pictures_in(path)[:_NUM_PICTURES]:
            yield from _still_pictures(picture)
    elif path.suffix.lower() in (".png", ".webp", ".jpg", ".jpeg"):
        yield from _still_pictures(path)
    else:
        from pose_tracking.clip import DrivingClip

        frames = DrivingClip.open(path).frames()
        yield from (frame.pixels_HWC for frame in islice(frames, _NUM_PICTURES))


def _still_pictures(path: Path) -> Iterator[np.ndarray]:
    """The pictures of one file as they are stored, in full size."""
    from PIL import Image, ImageSequence

    with Image.open(path, formats=("PNG", "WEBP", "JPEG")) as file:
        if file.width * file.height <= _MAX_PIXELS:
            for picture in islice(ImageSequence.Iterator(file), _NUM_PICTURES):
                yield np.asarray(picture.convert("RGB"))


def _credential_words(found: Credentials) -> str:
    signer = f"signed by {found.signer}" if found.signer else "signer unknown"
    words = {
        "valid": f"valid, {signer}, whom no trust list was asked about",
        "trusted": f"valid, {signer}, who is trusted",
        "invalid": f"INVALID, {signer}: the file was changed, or the signature is wrong",
        "unchecked": "there, not checked",
    }
    problems = f" ({', '.join(found.problems[:3])})" if found.problems else ""
    return words.get(found.state, "cannot be read") + problems
