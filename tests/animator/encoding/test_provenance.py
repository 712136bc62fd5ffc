from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from animator.encoding import AudioSource, encode, provenance_metadata, read_provenance
from animator.encoding.images import write_png
from animator.encoding.provenance import xmp_packet
from animator.errors import EncodeError
from pose_tracking.frame import Frame

MakeFilm = Callable[..., list[Frame]]
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out.webp", "out"])
@pytest.mark.parametrize("num_frames", [1, 4])
def test_every_format_carries_the_mark(tmp_path: Path, make_film: MakeFilm, name: str, num_frames: int) -> None:
    metadata = provenance_metadata(
        generator="puppet", source_type="compositeSynthetic", fingerprint="0f3a", title='<Ä & 人> "quoted"'
    )
    encode(make_film(num_frames), tmp_path / name, fps=25, metadata=metadata)
    assert read_provenance(tmp_path / name) == metadata
    assert metadata["digital_source_type"] == COMPOSITE


@pytest.mark.parametrize("codec", ["aac", "libopus"])
def test_mark_survives_the_sound(
    tmp_path: Path, make_film: MakeFilm, make_clip: Callable[..., Path], codec: str
) -> None:
    metadata = provenance_metadata(generator="diffusion", source_type="trainedAlgorithmicMedia", model="dress-3")
    source = AudioSource(path=make_clip("with_sound.mkv", sound_codec=codec))
    encode(make_film(50), tmp_path / "out.mp4", fps=25, audio=source, metadata=metadata)
    assert read_provenance(tmp_path / "out.mp4") == metadata
    with av.open(str(tmp_path / "out.mp4"), options={"export_xmp": "1"}) as container:
        assert len(container.streams.audio) == 1
        # What players show, and what libav itself takes for the file's XMP.
        assert container.metadata["comment"] == metadata["comment"]
        assert metadata["digital_source_type"] in container.metadata["xmp"]


def test_pillow_finds_the_packet_where_the_formats_keep_it(tmp_path: Path, make_film: MakeFilm) -> None:
    metadata = {"digital_source_type": COMPOSITE, "comment": "made, not filmed"}
    still = write_png(tmp_path / "still.png", make_film(1)[0].pixels_HWC, metadata=metadata)
    film = encode(make_film(3), tmp_path / "film.webp", fps=10, metadata=metadata).path
    loop = encode(make_film(3), tmp_path / "loop.gif", fps=10, metadata=metadata).path
    with Image.open(still) as image:
        assert COMPOSITE in image.info["XML:com.adobe.xmp"]
    with Image.open(film) as image:
        assert COMPOSITE.encode() in image.info["xmp"]
    with Image.open(loop) as image:
        assert image.info["comment"] == b"made, not filmed"
        assert image.n_frames == 3


def test_files_without_a_mark_read_as_none(tmp_path: Path, make_film: MakeFilm) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert read_provenance(tmp_path / "empty") is None
    assert read_provenance(encode(make_film(2), tmp_path / "out.mp4", fps=25).path) is None
    assert read_provenance(encode(make_film(2), tmp_path / "out.gif", fps=25).path) is None


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match=r"gone\.mp4: cannot be read"):
        read_provenance(tmp_path / "gone.mp4")


def wrapped(body: bytes) -> bytes:
    return b'\x00junk<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>' + body + b'<?xpacket end="w"?>more junk'


def test_properties_written_as_attributes_are_read_too(tmp_path: Path) -> None:
    body = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'e:DigitalSourceType="{COMPOSITE}" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="video/mp4"/>'
        "</rdf:RDF></x:xmpmeta>"
    )
    (tmp_path / "foreign.mp4").write_bytes(wrapped(body.encode()))
    assert read_provenance(tmp_path / "foreign.mp4") == {"digital_source_type": COMPOSITE}


@pytest.mark.parametrize(
    "body",
    [
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>",
        b"not xml at all",
        b"",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"\xff\xfe<a/>",
    ],
)
def test_damaged_packet_is_an_error_not_a_guess(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "bad.png").write_bytes(wrapped(body))
    with pytest.raises(EncodeError, match=r"bad\.png: its XMP packet is damaged"):
        read_provenance(tmp_path / "bad.png")


def test_text_that_xml_cannot_hold_is_replaced(tmp_path: Path, make_film: MakeFilm) -> None:
    broken = "clip\x00\x1b[31m\ud800.mp4"
    encode(make_film(1), tmp_path / "out.webp", fps=25, metadata={"clip": broken})
    assert read_provenance(tmp_path / "out.webp") == {"clip": "clip\ufffd\ufffd[31m\ufffd.mp4"}


@pytest.mark.parametrize("key", ["", "Upper", "with space", "x:y", "1st", 'a="b'])
def test_keys_are_plain_names(key: str) -> None:
    with pytest.raises(EncodeError, match="lower-case"):
        xmp_packet({key: "value"})


def test_frames_with_unwritable_metadata_leave_nothing(tmp_path: Path) -> None:
    frame = Frame(pixels_HWC=np.zeros((8, 8, 3), np.uint8), time_s=0.0, index=0)
    with pytest.raises(EncodeError, match="lower-case"):
        encode([frame], tmp_path / "out.mp4", fps=25, metadata={"Not This": "x"})
    assert list(tmp_path.iterdir()) == []
