"""Says in the file itself that its pictures were made, not filmed, and reads it back.

The mark is an XMP packet (ISO 16684-1) with the IPTC property DigitalSourceType, which newsrooms, libraries and
search engines read. Where a packet belongs in each format: Adobe XMP Specification Part 3 (2020).
"""

from __future__ import annotations

import importlib.metadata
import mmap
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from animator.errors import EncodeError

# Terms of http://cv.iptc.org/newscodes/digitalsourcetype. `compositeSynthetic`: a mix in which something synthetic
# takes part (a real photo moved by another's motion); `compositeWithTrainedAlgorithmicMedia`: real pictures whose
# missing parts a generative model made; `trainedAlgorithmicMedia`: all of it made by a generative model.
SourceType = Literal["compositeSynthetic", "compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia"]
_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"

_NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "animator": "urn:pose-animator:provenance:1",
}
# Our names for what a standard names already; everything else goes under our own name space.
_STANDARD_PROPERTIES = {
    "digital_source_type": f"{{{_NAMESPACES['Iptc4xmpExt']}}}DigitalSourceType",
    "software": f"{{{_NAMESPACES['xmp']}}}CreatorTool",
}
_PACKET_START, _PACKET_END = b'<?xpacket begin="', b"<?xpacket end="
_MAX_PACKET_BYTES = 1024 * 1024
_KEY = re.compile(r"[a-z][a-z0-9_]*")
# What XML 1.0 cannot hold; file names can.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

for _prefix, _uri in _NAMESPACES.items():
    ElementTree.register_namespace(_prefix, _uri)


def provenance_metadata(*, generator: str, source_type: SourceType, **details: str) -> dict[str, str]:
    """What an output says about itself, for `encode(metadata=...)`.

    Args:
        generator: name of the frame generator.
        source_type: IPTC digital source type, `compositeSynthetic` for the puppet.
        details: more to remember, such as `fingerprint` or `model`; lower-case names.
    """
    return {
        "digital_source_type": _VOCABULARY + source_type,
        "software": f"pose-animator {importlib.metadata.version('pose-animator')}",
        "comment": "Synthetic media: a still photo animated by pose-animator; the movement was never filmed.",
        "generator": generator,
        **details,
    }


def read_provenance(path: str | Path) -> dict[str, str] | None:
    """What a file says about its origin, or None when it carries no XMP packet.

    Finds the packet by its wrapper (packet scanning, XMP Specification Part 1, 7.3.2), so it works alike for
    MP4, PNG, GIF and WebP and decodes nothing. The first picture speaks for a folder of pictures.

    Raises:
        EncodeError: the file cannot be read, or its packet is damaged.
    """
    path = Path(path)
    if path.is_dir():
        pictures = pictures_in(path)
        return read_provenance(pictures[0]) if pictures else None
    try:
        packet = _find_packet(path)
    except OSError as error:
        raise EncodeError(f"{path.name}: cannot be read ({error.strerror}); check the path") from error
    if packet is None:
        return None
    try:
        return _parse_packet(packet)
    except ElementTree.ParseError as error:
        raise EncodeError(
            f"{path.name}: its XMP packet is damaged ({error}); nothing is known of its origin"
        ) from error


def pictures_in(folder: Path) -> list[Path]:
    """The PNG files of a folder, in order; pipes are left out: whoever opens one waits for ever."""
    return sorted(path for path in folder.glob("*.png") if path.is_file())


def xmp_packet(metadata: Mapping[str, str]) -> bytes:
    """Metadata as an XMP packet with its wrapper, UTF-8.

    Raises:
        EncodeError: a key is not a lower-case name.
    """
    for key in metadata:
        if not _KEY.fullmatch(key):
            raise EncodeError(f"metadata key {key!r}: use lower-case letters, digits and underscores")
    root = ElementTree.Element(_tag("x", "xmpmeta"))
    description = ElementTree.SubElement(
        ElementTree.SubElement(root, _tag("rdf", "RDF")), _tag("rdf", "Description"), {_tag("rdf", "about"): ""}
    )
    for key, value in metadata.items():
        name = _STANDARD_PROPERTIES.get(key, _tag("animator", key))
        ElementTree.SubElement(description, name).text = _NOT_XML.sub("\ufffd", value)
    body = ElementTree.tostring(root, encoding="utf-8", xml_declaration=False)
    return _PACKET_START + '\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode() + body + b'\n<?xpacket end="r"?>'


def _parse_packet(packet: bytes) -> dict[str, str]:
    if b"<!DOCTYPE" in packet:  # it could define entities that blow up; none belongs in a packet
        raise ElementTree.ParseError("it holds a document type")
    known = {name: key for key, name in _STANDARD_PROPERTIES.items()}
    ours = _tag("animator", "")
    found: dict[str, str] = {}
    for description in ElementTree.fromstring(packet).iter(_tag("rdf", "Description")):
        # A simple property may be written as an element or as an attribute (XMP Part 1, 7.9.2.2).
        properties = [*description.attrib.items(), *((child.tag, child.text or "") for child in description)]
        for name, value in properties:
            if name in known or name.startswith(ours):
                found[known.get(name, name.removeprefix(ours))] = value
    return found


def _find_packet(path: Path) -> bytes | None:
    if path.stat().st_size == 0:
        return None
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(_PACKET_START)
        end = data.find(_PACKET_END, start, start + _MAX_PACKET_BYTES) if start >= 0 else -1
        return data[data.find(b"?>", start) + 2 : end] if end >= 0 else None


def _tag(prefix: str, name: str) -> str:
    return f"{{{_NAMESPACES[prefix]}}}{name}"
