"""Photos: orientation, transparency, limits and damaged files."""

import errno
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animator.errors import PhotoError
from animator.photo import WORKING_SIDE_PX, Photo, read_photo


def _save(path, image, **options):
    image.save(path, **options)
    return path


def test_exif_orientation_is_applied(tmp_path):
    image = Image.new("RGB", (200, 100), "blue")
    image.paste("red", (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = read_photo(_save(tmp_path / "turned.jpg", image, exif=exif))
    assert photo.image.size == (100, 200)
    assert photo.original_size == (100, 200)
    top = photo.pixels_HWC[20, 50]
    assert top[0] > 200
    assert top[2] < 60


def test_a_picture_at_hand_is_treated_as_a_file_is(tmp_path):
    image = Image.new("RGBA", (WORKING_SIDE_PX + 40, 100), (0, 0, 0, 0))
    image.paste((10, 200, 10, 255), (20, 20, 80, 80))
    before = image.copy()
    read, at_hand = read_photo(_save(tmp_path / "cut.png", image)), Photo.of(image)
    assert np.array_equal(read.pixels_HWC, at_hand.pixels_HWC)
    assert read.opacity_HW is not None
    assert at_hand.opacity_HW is not None
    assert np.array_equal(read.opacity_HW, at_hand.opacity_HW)
    assert read.original_size == at_hand.original_size == image.size
    assert image == before
    with pytest.raises(PhotoError, match="at least"):
        Photo.of(Image.new("L", (20, 20)))


def test_transparency_becomes_white_and_opacity(tmp_path):
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste((10, 200, 10, 255), (20, 20, 80, 80))
    photo = read_photo(_save(tmp_path / "cut.png", image))
    assert photo.opacity_HW is not None
    assert photo.opacity_HW[0, 0] == 0
    assert photo.opacity_HW[50, 50] == 1
    assert photo.pixels_HWC[0, 0].tolist() == [255, 255, 255]


def test_an_opaque_alpha_channel_is_no_transparency(tmp_path):
    assert read_photo(_save(tmp_path / "a.png", Image.new("RGBA", (100, 100), "red"))).opacity_HW is None


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "I;16", "LA"])
def test_every_colour_mode_becomes_rgb(tmp_path, mode):
    image = Image.new("I;16", (80, 90), 30000) if mode == "I;16" else Image.new("RGB", (80, 90), "gray").convert(mode)
    path = _save(tmp_path / ("a.tiff" if mode == "CMYK" else "a.png"), image)
    assert read_photo(path).pixels_HWC.shape == (90, 80, 3)


def _rgb_profile(*, primaries, gamma):
    """The bytes of an ICC profile (version 2) of three primaries, as XYZ rows under D50, and one gamma."""
    white = np.sum(primaries, axis=0)
    xyz = [struct.pack(">4s4x3i", b"XYZ ", *np.round(np.array(row) * 65536).astype(int)) for row in (*primaries, white)]
    curve = struct.pack(">4s4xIHxx", b"curv", 1, round(gamma * 256))
    words = struct.pack(">4s4xI", b"desc", 6) + b"a test" + bytes(80)
    contents = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt"), xyz, strict=True))
    contents |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve, b"desc": words, b"cprt": b"text" + bytes(8)}
    table, data, start = struct.pack(">I", len(contents)), b"", 128 + 4 + 12 * len(contents)
    for name, content in contents.items():
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    size = start + len(data)
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x3i", size, 0x02100000, b"mntr", b"RGB ", b"XYZ ", b"acsp", 63190, 65536, 54061
    )
    return head.ljust(128, bytes(1)) + table + data


ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
S_RGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def test_a_photo_with_a_wide_profile_shows_the_colours_that_it_means(tmp_path):
    # Skin, (224, 172, 150) in sRGB: linear light by its curve, through XYZ into Adobe RGB.
    meant = np.array([224, 172, 150])
    light = ((meant / 255 + 0.055) / 1.055) ** 2.4
    stored = np.linalg.solve(np.array(ADOBE_RGB).T, np.array(S_RGB).T @ light) ** (256 / 563) * 255
    assert np.abs(stored - meant).max() > 8
    image = Image.new("RGB", (80, 80), tuple(np.round(stored).astype(int).tolist()))
    profile = _rgb_profile(primaries=ADOBE_RGB, gamma=563 / 256)
    for name in ("a.jpg", "a.png", "a.webp", "a.tiff"):
        photo = read_photo(_save(tmp_path / name, image, icc_profile=profile, quality=95))
        np.testing.assert_allclose(photo.pixels_HWC[40, 40], meant, atol=3, err_msg=name)
    seen_through = image.convert("RGBA")
    seen_through.putpixel((0, 0), (0, 0, 0, 0))
    photo = read_photo(_save(tmp_path / "cut.png", seen_through, icc_profile=profile))
    np.testing.assert_allclose(photo.pixels_HWC[40, 40], meant, atol=2)
    assert photo.opacity_HW[0, 0] == 0
    assert photo.opacity_HW[40, 40] == 1


def test_a_damaged_or_foreign_profile_is_passed_over(tmp_path):
    image = Image.new("RGB", (80, 80), (224, 172, 150))
    profile = _rgb_profile(primaries=ADOBE_RGB, gamma=2.2)
    for damaged in (b"no profile", profile[:200], profile.replace(b"RGB ", b"CMYK")):
        photo = read_photo(_save(tmp_path / "a.png", image, icc_profile=damaged))
        assert photo.pixels_HWC[40, 40].tolist() == [224, 172, 150]
    grey = read_photo(_save(tmp_path / "grey.png", Image.new("L", (80, 80), 99), icc_profile=profile))
    assert grey.pixels_HWC[40, 40].tolist() == [99, 99, 99]


@pytest.mark.parametrize(
    ("mode", "kind", "white"), [("I;16", np.uint16, 65535), ("I", np.int32, 65535), ("F", np.float32, 1)]
)
def test_a_dark_photo_of_many_bits_stays_as_dark_as_it_is(tmp_path, mode, kind, white):
    levels = np.linspace(10, 100, 80 * 90).reshape(90, 80).round()
    image = Image.fromarray((levels / 255 * white).astype(kind))
    assert image.mode == mode
    photo = read_photo(_save(tmp_path / "dark.tiff", image))
    np.testing.assert_allclose(photo.pixels_HWC[..., 0], levels, atol=1)


@pytest.mark.parametrize(("orientation", "upright"), [(1, (8000, 6000)), (6, (6000, 8000))])
def test_a_huge_photo_is_reduced_to_the_working_size_and_keeps_its_own_in_words(tmp_path, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(_save(tmp_path / "huge.jpg", Image.new("L", (8000, 6000), "gray"), exif=exif))
    assert max(photo.image.size) == WORKING_SIDE_PX
    assert photo.original_size == upright


def test_pillows_own_limit_is_neither_ours_nor_changed_by_us(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3_500_000)  # it refuses what has twice as many
    path = _save(tmp_path / "phone.jpg", Image.new("L", (3000, 2500)))
    assert read_photo(path).original_size == (3000, 2500)
    assert Image.MAX_IMAGE_PIXELS == 3_500_000
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)


def test_a_tiny_photo_is_refused_with_both_sizes(tmp_path):
    with pytest.raises(PhotoError, match=r"tiny\.png: 20x20 px is too small, at least 64 .* Use a larger"):
        read_photo(_save(tmp_path / "tiny.png", Image.new("RGB", (20, 20))))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    header = io.BytesIO()
    Image.new("1", (64, 64)).save(header, "PNG")
    data = bytearray(header.getvalue())
    import zlib

    data[16:24] = struct.pack(">II", 60000, 60000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    (tmp_path / "bomb.png").write_bytes(bytes(data))
    with pytest.raises(PhotoError, match="too large"):
        read_photo(tmp_path / "bomb.png")


def test_what_is_no_photo_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.png").touch()
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(whole, "PNG")
    (tmp_path / "cut.png").write_bytes(whole.getvalue()[:5000])
    for name in ("text.jpg", "empty.png", "cut.png", "missing.png", "."):
        with pytest.raises(PhotoError) as caught:
            read_photo(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_photo_that_is_cut_off_is_told_from_what_is_no_picture(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(whole, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(whole.getvalue()[:5000])
    with pytest.raises(PhotoError, match=r"cut\.jpg: .*truncated.* Copy it again from its source"):
        read_photo(tmp_path / "cut.jpg")


def test_two_views_in_one_file_are_read_and_what_is_no_picture_is_said_to_be_none(tmp_path):
    views = [Image.new("RGB", (80, 100), color) for color in ("red", "blue")]
    views[0].save(tmp_path / "camera.mpo", format="MPO", save_all=True, append_images=views[1:])
    camera = read_photo(tmp_path / "camera.mpo")
    assert (camera.original_size, camera.notes) == ((80, 100), ())
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(PhotoError, match=r"text\.png: is no picture that can be read\. Use a JPEG"):
        read_photo(tmp_path / "text.png")
    (tmp_path / "nothing.jpg").touch()
    with pytest.raises(PhotoError, match=r"nothing\.jpg: is empty \(0 bytes\)\. Copy it again from its source"):
        read_photo(tmp_path / "nothing.jpg")


def test_the_role_of_a_picture_is_named_where_it_is_missing_or_no_file(tmp_path):
    for arguments, role in (({}, "photo"), ({"role": "background"}, "background")):
        with pytest.raises(PhotoError, match=rf"missing\.png: no such {role}\. Check the path"):
            read_photo(tmp_path / "missing.png", **arguments)
        with pytest.raises(PhotoError, match=rf": is a folder\. Give a JPEG, PNG or WebP file as {role}"):
            read_photo(tmp_path, **arguments)


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tiff"])
def test_of_an_animation_the_first_picture_is_read_and_that_is_said(tmp_path, ending):
    pictures = [Image.new("RGB", (80, 100), color) for color in ("red", "blue")]
    path = tmp_path / f"moving.{ending}"
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], **({"lossless": True} if ending == "webp" else {})
    )
    photo = read_photo(path)
    assert photo.notes == (f"moving.{ending}: holds several pictures; only the first one is used as photo",)
    assert photo.pixels_HWC[50, 40].tolist() == [255, 0, 0]
    assert read_photo(_save(tmp_path / f"still.{ending}", pictures[0])).notes == ()


def test_a_photo_in_a_folder_that_is_closed_to_us_is_not_said_to_be_missing(tmp_path, monkeypatch):
    def stat(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(PhotoError, match=r"me\.png: the photo cannot be read \(Permission denied\)\. Choose a file"):
        read_photo(tmp_path / "me.png")
