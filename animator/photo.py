"""Reading the subject's photo: upright, RGB as screens show it, with its own transparency, within limits.

Legend: H W pixels.
"""

from __future__ import annotations

import io
import stat
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from animator.errors import PhotoError, next_step

# Formats a camera, a phone or a shop delivers. Others can hide scripts, references to other files, or movies.
# (MPO, two views in one JPEG, comes with JPEG; Pillow fails on its name.)
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_BYTES = 256 * 1024 * 1024
MAX_SIDE_PX = 16_384
MAX_PIXELS = 200_000_000
MIN_SIDE_PX = 64
# Held by whoever changes Pillow's limit, which is one for the whole process.
_PILLOWS_LIMIT = threading.Lock()
# More detail than any canvas shows; tracking and matting need no more either.
WORKING_SIDE_PX = 2560
# White in pictures whose numbers do not end at 255: shares of 1, bytes, and what cameras of 12 bits and files of 16
# bits call white. The least that the picture keeps to is meant; its own lightest pixel is not: dark photos stay dark.
WHITES = (1, 255, 4095, 65535)
# Pillow's modes that a colour profile of each kind can be meant for.
_PROFILED = {"RGB": ("RGB", "RGBA"), "CMYK": ("CMYK",), "GRAY": ("L",)}
# A profile that moves no colour by more than this says sRGB in other words.
_SAME_LEVELS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """One photo, upright.

    Attributes:
        image: RGB; a transparent background is replaced by white.
        opacity_HW: [0, 1] where the file has transparency, else None.
        original_size: (width, height) in the file, upright.
        name: file name for messages.
        notes: what the person at the keyboard should know about the file.
    """

    image: Image.Image
    opacity_HW: np.ndarray | None
    original_size: tuple[int, int]
    name: str
    notes: tuple[str, ...] = ()

    @property
    def pixels_HWC(self) -> np.ndarray:
        """uint8 RGB [H, W, 3]."""
        return np.asarray(self.image)

    @classmethod
    def of(cls, picture: Image.Image, *, name: str = "the picture") -> Photo:
        """A picture at hand, of any mode, which stays as it is; otherwise as `read_photo` gives it.

        Raises:
            PhotoError: too small or too large.
        """
        _check_size(picture.size, name)
        upright = ImageOps.exif_transpose(picture)
        return _photo(_to_rgba_or_rgb(upright), original_size=upright.size, name=name)


def read_photo(path: str | Path, *, role: str = "photo") -> Photo:
    """Read a photo: EXIF orientation applied, at most `WORKING_SIDE_PX` on its longer side.

    Args:
        path: the file; of an animation or of several pages the first picture is read, and a note says so.
        role: what the file is to be, for messages.

    Raises:
        PhotoError: missing, not a picture, damaged, too small or too large.
    """
    path = Path(path)
    _check_file(path, role)
    notes = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with open_picture(path) as file:
                _check_size(file.size, path.name)
                if getattr(file, "is_animated", False) and file.format != "MPO":  # two views of one moment
                    notes.append(f"{path.name}: holds several pictures; only the first one is used as {role}")
                width, height = file.size  # before `draft`, which has a JPEG decoded at a fraction of it
                file.draft("RGB", (WORKING_SIDE_PX, WORKING_SIDE_PX))
                upright = ImageOps.exif_transpose(file)
                size = (width, height) if upright.size == file.size else (height, width)
                image = _to_rgba_or_rgb(upright)
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(
            f"{path.name}: too large, at most {MAX_PIXELS // 10**6} megapixels are read. Scale it down first."
        ) from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{path.name}: is no picture that can be read. Use a JPEG, PNG or WebP file.") from error
    except Exception as error:  # decoders raise many kinds of errors on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PhotoError(
            f"{path.name}: cannot be read as a photo ({reason}). Copy it again from its source, or save it anew as "
            "JPEG, PNG or WebP."
        ) from error
    return _photo(image, original_size=size, name=path.name, notes=tuple(notes))


def open_picture(path: Path) -> Image.Image:
    """A picture that is not decoded yet; Pillow's own limit lies below `MAX_PIXELS`, and below what phones take."""
    with _PILLOWS_LIMIT:
        usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MAX_PIXELS
        try:
            return Image.open(path, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _photo(image: Image.Image, *, original_size: tuple[int, int], name: str, notes: tuple[str, ...] = ()) -> Photo:
    """A photo of an RGB or RGBA picture, which is made smaller in place."""
    image.thumbnail((WORKING_SIDE_PX, WORKING_SIDE_PX), Image.Resampling.LANCZOS)
    opacity = None
    if image.mode == "RGBA":
        opacity = np.asarray(image.getchannel("A"), dtype=np.float32) / 255
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        white.alpha_composite(image)
        image = white.convert("RGB")
    return Photo(image=image, opacity_HW=opacity, original_size=original_size, name=name, notes=notes)


def _check_file(path: Path, role: str) -> None:
    try:
        facts = path.stat()
    except PermissionError as error:
        raise PhotoError(f"{path}: the {role} cannot be read ({error.strerror}). {next_step(error)}") from error
    except (OSError, ValueError) as error:
        raise PhotoError(f"{path}: no such {role}. Check the path.") from error
    if not stat.S_ISREG(facts.st_mode):
        what = "a folder" if stat.S_ISDIR(facts.st_mode) else "a pipe, socket or device"
        raise PhotoError(f"{path}: is {what}. Give a JPEG, PNG or WebP file as {role}.")
    if not facts.st_size:
        raise PhotoError(f"{path.name}: is empty (0 bytes). Copy it again from its source.")
    if facts.st_size > MAX_BYTES:
        raise PhotoError(
            f"{path.name}: {facts.st_size // 2**20} MiB, at most {MAX_BYTES // 2**20} MiB are read. Scale it down."
        )


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if min(width, height) < MIN_SIDE_PX:
        raise PhotoError(
            f"{name}: {width}x{height} px is too small, at least {MIN_SIDE_PX} px a side are needed. "
            "Use a larger version of the photo."
        )
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise PhotoError(
            f"{name}: {width}x{height} px is too large, at most {MAX_SIDE_PX} px a side and "
            f"{MAX_PIXELS // 10**6} megapixels are read. Scale it down first."
        )


def _to_rgba_or_rgb(image: Image.Image) -> Image.Image:
    """RGBA if any pixel is transparent, else RGB; in sRGB; more than 8 bits are scaled, not clipped."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0)
        white = next((white for white in WHITES if values.max() <= white), values.max())
        return Image.fromarray((values.clip(0) * (255 / white) + 0.5).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        low, _ = rgba.getchannel("A").getextrema()
        return _in_srgb(rgba if isinstance(low, int) and low < 255 else rgba.convert("RGB"))
    return _in_srgb(image.convert("RGB") if image.mode == "P" else image).convert("RGB")


def _in_srgb(image: Image.Image) -> Image.Image:
    """The colours that a photo's own profile means (ISO 15076-1), as sRGB, which all that follows takes them for.

    Phones write Display P3 and cameras Adobe RGB: read as sRGB their skin is paler than it was. A profile that is
    damaged, or of another kind than the picture, is passed over, as viewers do.
    """
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode not in _PROFILED.get(own.profile.xcolor_space.strip(), ()):
            return image
        shown = ImageCms.buildTransform(
            own,
            ImageCms.createProfile("sRGB"),
            image.mode,
            image.mode if image.mode == "RGBA" else "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if image.mode != "CMYK":
            samples = _sample_colors().convert(image.mode)
            moved = np.abs(np.asarray(shown.apply(samples).convert("RGB"), int) - np.asarray(samples.convert("RGB")))
            if moved.max() <= _SAME_LEVELS:
                return image
        return shown.apply(image)
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError):  # or a Pillow without Little CMS
        return image


def _sample_colors() -> Image.Image:
    """All greys, and colours all over RGB."""
    greys_N3 = np.arange(256)[:, None].repeat(3, axis=1)
    colors_N3 = np.stack(np.meshgrid(*[np.arange(0, 256, 51)] * 3), axis=-1).reshape(-1, 3)
    return Image.fromarray(np.concatenate([greys_N3, colors_N3])[None].astype(np.uint8))
