"""What a container's outer headers announce, read by hand before libav trusts them.

Two things libav does not tell: how many samples an MP4 makes it allocate for (36 bytes each, measured; a header
of 20 bytes can ask for gigabytes), and whether the file ends before its own headers say it does (a cut-off
Matroska file decodes without a word).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# The boxes of ISO/IEC 14496-12 that hold other boxes on the way to a sample table.
_BOXES_OF_BOXES = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"udta", b"mvex"})
# The top-level boxes whose end must lie inside the file; other trailing bytes are often plain rubbish.
_BOXES_OF_MEDIA = frozenset({b"moov", b"moof", b"mdat", b"mfra"})
# Where in a box, after its size and type, the number of samples stands (14496-12, 8.7.3 and 8.8.8).
_SAMPLE_COUNT_AT = {b"stsz": 8, b"stz2": 8, b"trun": 4}
_MAX_BOXES = 500_000
_EBML_HEADER = b"\x1a\x45\xdf\xa3"
_MATROSKA_SEGMENT = b"\x18\x53\x80\x67"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerHeader:
    """Announcements of the outer headers.

    Attributes:
        num_samples: samples of all tracks together that an MP4 announces; 0 in other containers.
        num_bytes: length the file must have at least; 0 when the headers do not say.
    """

    num_samples: int
    num_bytes: int


def read_container_header(path: Path) -> ContainerHeader:
    """Read the announcements of an MP4/MOV, Matroska/WebM or AVI file.

    Other files give what their bytes happen to say: use the answer only for the format it belongs to.

    Raises:
        OSError: the file cannot be read.
        ValueError: more than 500,000 boxes, which no real MP4 has.
    """
    with path.open("rb") as file:
        start = file.read(8)
        if start[:4] == _EBML_HEADER:
            return ContainerHeader(num_samples=0, num_bytes=_matroska_length(file))
        if start[:4] == b"RIFF":
            size = int.from_bytes(start[4:8], "little")
            return ContainerHeader(num_samples=0, num_bytes=size + 8 if size else 0)
        return _walk_boxes(file)


def _walk_boxes(file: BinaryIO) -> ContainerHeader:
    """Walk an MP4's boxes as libav's demuxer does: a broken box ends its parent, not the walk."""
    file_end = file.seek(0, os.SEEK_END)
    position, samples, length = 0, 0, 0
    ends = [file_end]
    for _ in range(_MAX_BOXES):
        if not ends:
            return ContainerHeader(num_samples=samples, num_bytes=length)
        file.seek(position)
        head = file.read(32)
        size, kind, header = _box_header(head, left=ends[-1] - position)
        if size < header or position + 8 > ends[-1]:
            position = ends.pop()
            continue
        if kind in _BOXES_OF_MEDIA and len(ends) == 1:
            length = max(length, position + size)
        if kind in _BOXES_OF_BOXES:
            ends.append(min(position + size, ends[-1]))
            position += header
            continue
        if kind in _SAMPLE_COUNT_AT:
            at = header + _SAMPLE_COUNT_AT[kind]
            samples += int.from_bytes(head[at : at + 4], "big")
        position = min(position + size, ends[-1])
    raise ValueError(f"more than {_MAX_BOXES} boxes")


def _box_header(head: bytes, *, left: int) -> tuple[int, bytes, int]:
    """Size of the box in bytes, its type, and the bytes that say so; a size of 0 means a broken header."""
    if len(head) < 8:
        return 0, b"", 8
    size, kind = struct.unpack(">I4s", head[:8])
    if size == 0:
        return left, kind, 8
    if size == 1:
        return int.from_bytes(head[8:16], "big"), kind, 16
    return size, kind, 8


def _matroska_length(file: BinaryIO) -> int:
    """End of the Segment element in bytes; 0 where it is left open (live recordings) or not found."""
    file.seek(4)
    header_size = _read_vint(file)
    if header_size is None:
        return 0
    file.seek(header_size, os.SEEK_CUR)
    if file.read(4) != _MATROSKA_SEGMENT:
        return 0
    size = _read_vint(file)
    return 0 if size is None else file.tell() + size


def _read_vint(file: BinaryIO) -> int | None:
    """An EBML size (RFC 8794, section 4): as many bytes as leading zero bits, plus one; None when unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    bits = 7 * length
    value = int.from_bytes(first + file.read(length - 1), "big") & ((1 << bits) - 1)
    return None if value == (1 << bits) - 1 else value
