"""Small files that claim to be huge are refused for what they claim, before anything is unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.faults.hostile.sandbox import MEBIBYTE, Sandbox, offences
from tests.pose_tracking.drawn_clips import write_clip

# A fork's own work; Python and the libraries are there already.
MAX_SECONDS, MAX_BYTES = 1.0, 300 * MEBIBYTE
PORTRAIT = Path(__file__).parents[3] / "examples" / "media" / "portrait.png"


def bomb_png(path: Path) -> list[str]:
    """60,000 x 60,000 px of one colour, of which 600 rows are there."""
    packer, rows = zlib.compressobj(9), b"\0" + bytes(60_000 * 3)
    packed = b"".join(packer.compress(rows) for _ in range(600)) + packer.flush()
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return ["animate", path.name, "clip.mp4", "-o", "out/x.mp4"]


def bomb_gif(path: Path) -> list[str]:
    """A canvas of 65,535 x 65,535 px with one picture of one pixel in it, as a driving clip."""
    screen = struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6)
    picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x44\x01\x00"
    path.write_bytes(b"GIF89a" + screen + 40 * (b"\x21\xf9\x04\x00\x0a\x00\x00\x00" + picture) + b";")
    return ["animate", str(PORTRAIT), path.name, "-o", "out/x.mp4"]


def bomb_mp4(path: Path) -> list[str]:
    """An MP4 whose sample table announces four thousand million frames."""
    return _edited_clip(path, b"stsz", 12, 0xFFFF_FFFF)


def bomb_frames(path: Path) -> list[str]:
    """A thousand million frames, and a table of times that says so, too."""
    _edited_clip(path, b"stsz", 12, 1_000_000_000)
    content = bytearray(path.read_bytes())
    at = content.find(b"stts") + 12
    content[at : at + 4] = struct.pack(">I", 1_000_000_000)
    path.write_bytes(content)
    return ["animate", str(PORTRAIT), path.name, "-o", "out/x.mp4"]


def bomb_fps(path: Path) -> list[str]:
    """A result of 10^9 frames a second."""
    path.write_text(f'photo = "{PORTRAIT}"\nclip = "clip.mp4"\noutput = "out/x.mp4"\n[motion]\nfps = 1000000000\n')
    return ["render", path.name]


def bomb_npz(path: Path) -> list[str]:
    """Arrays of 4 GB of zeros in a file of 3 MB."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (500_000, 1000, 2)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in ("keypoints", "confidence", "times_s", "skeleton", "frame_size", "format", "keypoints_TK2"):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(header.getvalue())
                for _ in range(100):
                    member.write(bytes(4 * MEBIBYTE))
    return ["inspect", path.name]


def bomb_json(path: Path) -> list[str]:
    """Sixty megabytes of opening brackets."""
    path.write_bytes(b"[" * (60 * MEBIBYTE))
    return ["inspect", path.name]


def bomb_flat_json(path: Path) -> list[str]:
    """Twenty million empty lists, which would take some two gigabytes."""
    path.write_bytes(b"[" + b"[]," * 20_000_000 + b"[]]")
    return ["inspect", path.name]


def bomb_safetensors(path: Path) -> list[str]:
    """A model whose weights begin with a header of 2^62 bytes."""
    folder = path.with_suffix("")
    for part in ("unet", "vae", "image_encoder"):
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text("{}")
        (folder / part / "diffusion_pytorch_model.safetensors").write_bytes(struct.pack("<Q", 1 << 62) + b"{}")
    return ["animate", str(PORTRAIT), "clip.mp4", "-o", "out/x.mp4", "--model", str(folder)]


def _edited_clip(path: Path, box: bytes, at: int, value: int) -> list[str]:
    content = bytearray(write_clip(path).read_bytes())
    place = content.find(box) + at
    content[place : place + 4] = struct.pack(">I", value)
    path.write_bytes(content)
    return ["animate", str(PORTRAIT), path.name, "-o", "out/x.mp4"]


BOMBS: dict[str, Callable[[Path], list[str]]] = {
    "huge.png": bomb_png,
    "huge.gif": bomb_gif,
    "huge.mp4": bomb_mp4,
    "many.mp4": bomb_frames,
    "fast.toml": bomb_fps,
    "huge.npz": bomb_npz,
    "deep.json": bomb_json,
    "flat.json": bomb_flat_json,
    "header.safetensors": bomb_safetensors,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_goes_off(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    write_clip(tmp_path / "clip.mp4")
    words = BOMBS[name](tmp_path / name)
    outcome = sandbox.run(words, folder=tmp_path)
    reason = outcome.complaint[-1] if outcome.complaint else ""
    used = f"{outcome.work_seconds:.2f} s of work, {outcome.peak_bytes >> 20} MiB"
    print(f"\n{name}: {outcome.code}, {used}: {reason}")
    assert offences(outcome, tmp_path, codes=(3, 4)) == []
    assert outcome.work_seconds < MAX_SECONDS
    assert outcome.peak_bytes < MAX_BYTES
    assert not (tmp_path / "out").exists()
