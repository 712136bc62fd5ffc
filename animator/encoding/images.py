"""Pictures and moving pictures by Pillow: PNG, numbered PNG sequences, GIF, WebP.

GIF and WebP need to know the whole film before they write its first picture (its colours, its length), so their
frames wait on the disk, in a nameless file of H * W * 3 bytes a frame that vanishes with the process.

Legend: T frames, H W pixels, C colour.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
from einops import rearrange
from PIL import GifImagePlugin, Image
from PIL.PngImagePlugin import PngInfo

from animator.encoding.atomic_file import explained, replacing, replacing_folder, sync
from animator.encoding.encoder import StreamingEncoder
from animator.encoding.provenance import read_provenance, xmp_packet
from animator.errors import EncodeError

PICTURES = "a folder of pictures"  # in messages; an output without an ending is one
_PNG_EFFORT = 3  # zlib level; 6 takes twice as long for a tenth less
_SEQUENCE_NAME = re.compile(r"\d{6,}\.png")
_WEBP_QUALITY, _WEBP_EFFORT, _WEBP_MAX_SIDE = 80, 4, 16383
_GIF_MAX_SIDE = 65535
_GIF_COLOURS = 255
_GIF_UNCHANGED = 255  # the 256th colour: what was there before shows through
# Players take shorter waits for mistakes and slow down to ten frames a second.
_GIF_SHORTEST_CS = 2
_DITHER_DEPTH = 8
_PALETTE_FRAMES, _PALETTE_PIXELS = 48, 500_000
# Where XMP stands in a GIF: an application extension without sub-blocks, closed by 258 bytes over which every
# reader finds its way out (Adobe XMP Specification Part 3, 1.1.2).
_GIF_XMP_START = b"\x21\xff\x0bXMP DataXMP"
_GIF_XMP_END = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"


def _bayer(size: int) -> np.ndarray:
    """Bayer's threshold matrix [size, size], values in (-0.5, 0.5); `size` is a power of two."""
    matrix = np.zeros((1, 1))
    while len(matrix) < size:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / matrix.size - 0.5


_DITHER = (_DITHER_DEPTH * _bayer(8)).round().astype(np.int16)


def write_png(path: str | Path, pixels_HWC: np.ndarray, *, metadata: Mapping[str, str] | None = None) -> Path:
    """Write one picture, whole or not at all.

    Args:
        path: file to write or replace.
        pixels_HWC: uint8 RGB or RGBA [H, W, 3 or 4].
        metadata: where the picture comes from (`provenance_metadata`).

    Raises:
        EncodeError: the file cannot be written.
        DiskError: the disk is full.
    """
    path = Path(path)
    with explained(path), replacing(path) as temporary:
        _save_png(temporary, pixels_HWC, metadata or {})
    return path


def is_picture_of_ours(path: Path) -> bool:
    """Whether a file is a picture of a PNG sequence that says itself that this program made it.

    Raises:
        PermissionError: it may not be read, so nobody knows.
    """
    if _SEQUENCE_NAME.fullmatch(path.name) is None or path.is_symlink() or not path.is_file():
        return False
    try:
        return "generator" in (read_provenance(path) or {})
    except EncodeError as error:
        if isinstance(error.__cause__, PermissionError):
            raise error.__cause__ from None
        return False


class PngSequenceEncoder(StreamingEncoder):
    """A folder of `000000.png`, `000001.png`, ...; the folder appears when all of them are written.

    It replaces an empty folder, and one that holds nothing but pictures which this class wrote.
    """

    media = "png"

    def _reserve(self) -> AbstractContextManager[Path]:
        return replacing_folder(self.output, is_ours=is_picture_of_ours, what=PICTURES)

    def _start(self, height: int, width: int) -> None:
        pass

    def _append(self, pixels_HWC: np.ndarray) -> None:
        picture = self._temporary / f"{self._num_frames:06d}.png"
        _save_png(picture, pixels_HWC, self.metadata)
        if self.seal is not None:
            self.seal(picture, self.media)
        sync(picture)

    def _finish(self) -> None:
        pass

    def _seal_all(self) -> None:
        """Every picture is sealed already."""


class _FilmEncoder(StreamingEncoder):
    """Formats that are written when all frames are known; until then these wait on the disk."""

    max_side_px: ClassVar[int]

    def _start(self, height: int, width: int) -> None:
        _check_side(self.output, height, width, self.max_side_px)
        self._film = self._stack.enter_context(_Film(self.output.parent, height, width))

    def _append(self, pixels_HWC: np.ndarray) -> None:
        self._film.append(pixels_HWC)


class GifEncoder(_FilmEncoder):
    """One palette for the whole film, ordered dithering, and only what changed in each frame.

    Ordered dithering (Bayer 1973) depends on the place alone: what stands still keeps still, where error
    diffusion would shimmer. Waits are whole centiseconds, rounded so that they add up to the true time.
    """

    media = "gif"
    max_side_px = _GIF_MAX_SIDE

    def _finish(self) -> None:
        shown = self._shown_frames()
        if len(shown) < self._num_frames:
            self.warnings.append(
                f"{self.output.name}: a GIF shows at most {100 // _GIF_SHORTEST_CS} frames/s; "
                f"{self._num_frames - len(shown)} of {self._num_frames} frames are left out"
            )
        palette = _make_palette(self._film)
        before = None
        with open(self._temporary, "wb") as file:
            for place, wait_cs in shown:
                indices = _index_colours(self._film[place], palette)
                if before is None:
                    file.writelines(self._header(_indexed_image(indices, palette)))
                file.writelines(_gif_frame(indices, before, palette, wait_cs))
                before = indices
            file.write(b";")

    def _shown_frames(self) -> list[tuple[int, int]]:
        """(frame, centiseconds it stays) for the frames that stay long enough to be shown."""
        ends = [round(100 * (place + 1) / self.fps) for place in range(self._num_frames)]
        shown, time_cs = [], 0
        for place, end_cs in enumerate(ends):
            if end_cs - time_cs >= _GIF_SHORTEST_CS:
                shown.append((place, end_cs - time_cs))
                time_cs = end_cs
        return shown or [(0, _GIF_SHORTEST_CS)]

    def _header(self, first: Image.Image) -> Iterator[bytes]:
        blocks, _ = GifImagePlugin.getheader(first, info={"loop": 0, "comment": self.metadata.get("comment")})
        yield from blocks
        if self.metadata:
            yield _GIF_XMP_START + xmp_packet(self.metadata) + _GIF_XMP_END


class WebpEncoder(_FilmEncoder):
    """Animated WebP, lossy; the compressed film is put together in memory by libwebp."""

    media = "webp"
    max_side_px = _WEBP_MAX_SIDE

    def _finish(self) -> None:
        rest: list[Any] = [_Reel(self._film)] if len(self._film) > 1 else []
        Image.fromarray(self._film[0]).save(
            self._temporary,
            format="WEBP",
            save_all=True,
            append_images=rest,
            duration=float(1000 / self.fps),
            quality=_WEBP_QUALITY,
            method=_WEBP_EFFORT,
            xmp=xmp_packet(self.metadata) if self.metadata else b"",
        )


class _Film:
    """Frames of one size waiting on the disk, read back by number."""

    def __init__(self, folder: Path, height: int, width: int) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(dir=folder, buffering=0)  # type: ignore[assignment]  # noqa: SIM115
        self._shape = (height, width, 3)
        self._num_bytes = height * width * 3
        self._num_frames = 0

    def __len__(self) -> int:
        return self._num_frames

    def __getitem__(self, place: int) -> np.ndarray:
        self._file.seek(place * self._num_bytes)
        return np.frombuffer(self._file.read(self._num_bytes), np.uint8).reshape(self._shape)

    def __enter__(self) -> _Film:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def append(self, pixels_HWC: np.ndarray) -> None:
        rest = pixels_HWC.data.cast("B")
        while rest:  # without a buffer a full disk may take a part first, and refuse the rest
            rest = rest[self._file.write(rest) :]
        self._num_frames += 1


class _Reel:
    """All frames of a film but the first, as the picture of many pages that Pillow reads page by page."""

    def __init__(self, film: _Film) -> None:
        self._film = film
        self.n_frames = len(film) - 1
        self.seek(0)

    def seek(self, page: int) -> None:
        self._page = Image.fromarray(self._film[page + 1])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._page, name)


def _save_png(path: Path, pixels_HWC: np.ndarray, metadata: Mapping[str, str]) -> None:
    text = PngInfo()
    if metadata:
        text.add_itxt("XML:com.adobe.xmp", xmp_packet(metadata).decode())
    Image.fromarray(pixels_HWC).save(path, format="PNG", pnginfo=text, compress_level=_PNG_EFFORT)


def _check_side(output: Path, height: int, width: int, limit: int) -> None:
    if max(height, width) > limit:
        raise EncodeError(
            f"{output.name}: {width}x{height} px, this format holds at most {limit} px a side; write an MP4 instead"
        )


def _make_palette(film: _Film) -> bytes:
    """The 255 colours that stand for frames spread over the whole film.

    An octree does as well as median cut with k-means under ordered dithering, without the seconds that takes.
    """
    places = np.unique(np.linspace(0, len(film) - 1, _PALETTE_FRAMES).round().astype(int))
    samples = []
    random = np.random.default_rng(0)
    for place in places:
        pixels_NC = rearrange(film[place], "h w c -> (h w) c")
        samples.append(pixels_NC[random.integers(len(pixels_NC), size=_PALETTE_PIXELS // len(places))])
    montage = Image.fromarray(rearrange(np.concatenate(samples), "n c -> n 1 c"))
    colours = montage.quantize(_GIF_COLOURS, method=Image.Quantize.FASTOCTREE).getpalette() or []
    return bytes(colours).ljust(256 * 3, b"\0")


def _index_colours(pixels_HWC: np.ndarray, palette: bytes) -> np.ndarray:
    """Palette indices uint8 [H, W], dithered in order."""
    height, width = pixels_HWC.shape[:2]
    tiles = np.tile(_DITHER, (-(-height // 8), -(-width // 8)))[:height, :width]
    dithered = (pixels_HWC.astype(np.int16) + tiles[..., None]).clip(0, 255).astype(np.uint8)
    colours = Image.new("P", (1, 1))
    colours.putpalette(palette[: _GIF_COLOURS * 3])
    return np.asarray(Image.fromarray(dithered).quantize(palette=colours, dither=Image.Dither.NONE))


def _gif_frame(indices: np.ndarray, before: np.ndarray | None, palette: bytes, wait_cs: int) -> list[bytes]:
    """The blocks of one frame: the rectangle that changed, see-through where it did not."""
    if before is None:
        return GifImagePlugin.getdata(_indexed_image(indices, palette), duration=10 * wait_cs, disposal=1)
    changed = indices != before
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    top, bottom = (rows[0], rows[-1] + 1) if len(rows) else (0, 1)
    left, right = (columns[0], columns[-1] + 1) if len(columns) else (0, 1)
    patch = np.where(changed, indices, np.uint8(_GIF_UNCHANGED))[top:bottom, left:right]
    return GifImagePlugin.getdata(
        _indexed_image(patch, palette),
        offset=(int(left), int(top)),
        duration=10 * wait_cs,
        disposal=1,
        transparency=_GIF_UNCHANGED,
    )


def _indexed_image(indices: np.ndarray, palette: bytes) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(indices)).convert("L")
    image.putpalette(palette)
    return image
