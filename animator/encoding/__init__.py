"""Frames written as MP4 with sound, GIF, WebP or PNG, marked as made; see `encode`."""

from animator.encoding.audio import AudioSource
from animator.encoding.encoder import (
    EncodeConfig,
    Encoder,
    EncodeResult,
    Format,
    check_output,
    encode,
    open_encoder,
    spare_inputs,
)
from animator.encoding.provenance import provenance_metadata, read_provenance

__all__ = [
    "AudioSource",
    "EncodeConfig",
    "EncodeResult",
    "Encoder",
    "Format",
    "check_output",
    "encode",
    "open_encoder",
    "provenance_metadata",
    "read_provenance",
    "spare_inputs",
]
