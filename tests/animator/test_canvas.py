"""Photos of any size land on the canvas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from animator.canvas import SMALLEST_FOR_REACH, CanvasConfig, place_photo

SIZES = st.tuples(st.integers(64, 3000), st.integers(64, 3000))


@given(photo=SIZES)
def test_fit_shows_the_whole_photo_and_fill_leaves_no_border(photo):
    fit = place_photo(photo, CanvasConfig(width=512, height=640, fit="fit"))
    corners = fit.to_canvas(np.array([[0, 0], photo], dtype=np.float32))
    assert (corners >= -1).all()
    assert (corners <= np.array([513, 641])).all()
    assert place_photo(photo, CanvasConfig(width=512, height=640, fit="fill")).inside_HW().mean() > 0.99


def test_auto_keeps_the_whole_person_in_view_of_a_landscape_photo():
    person = (600.0, 50.0, 800.0, 700.0)
    placement = place_photo((1280, 720), CanvasConfig(width=512, height=640), person=person)
    (left, top), (right, bottom) = placement.to_canvas(np.array([person[:2], person[2:]]))
    assert left > 0
    assert right < 512
    assert top > 0
    assert bottom <= 640
    # Larger than `fit` would make it.
    assert placement.scale > 512 / 1280


def test_a_placed_photo_shows_its_points_where_to_canvas_says():
    photo = Image.new("RGB", (400, 300), "white")
    photo.putpixel((100, 50), (0, 0, 0))
    photo = photo.resize((1200, 900), Image.Resampling.NEAREST)
    placement = place_photo(photo.size, CanvasConfig(width=600, height=600, fit="fit"))
    canvas = np.asarray(placement.place(photo).convert("L"), dtype=float)
    inside = placement.inside_HW()
    darkness = np.where(inside, 255 - canvas, 0)
    ys, xs = np.mgrid[:600, :600] + 0.5
    seen = np.array([(xs * darkness).sum(), (ys * darkness).sum()]) / darkness.sum()
    np.testing.assert_allclose(seen, placement.to_canvas(np.array([301.5, 151.5])), atol=0.3)


@pytest.mark.parametrize("text", ["512", "512x", "x640", "axb", "5000x10"])
def test_a_canvas_that_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match=r"canvas|greater|less"):
        CanvasConfig.parse(text)


def test_canvas_is_read_as_width_by_height():
    assert CanvasConfig.parse("512x640").size == (512, 640)


def _placed(placement, box):
    (left, top), (right, bottom) = placement.to_canvas(np.array([box[:2], box[2:]]))
    return left, top, right, bottom


def test_auto_makes_room_for_raised_hands():
    person, hands = (180.0, 40.0, 340.0, 620.0), (150.0, -60.0, 400.0, 620.0)
    canvas = CanvasConfig(width=512, height=640)
    placement = place_photo((512, 640), canvas, person=person, reach=hands)
    left, top, right, bottom = _placed(placement, hands)
    assert min(left, top) >= 0
    assert right <= 512
    assert bottom <= 640
    assert SMALLEST_FOR_REACH <= placement.scale < 1.0
    for fit in ("fit", "fill"):
        assert place_photo((512, 640), canvas.model_copy(update={"fit": fit}), person=person, reach=hands).scale == 1.0


def test_a_reach_that_is_in_view_anyway_changes_nothing():
    person, hands = (600.0, 150.0, 800.0, 600.0), (560.0, 140.0, 840.0, 600.0)
    canvas = CanvasConfig(width=512, height=640)
    assert place_photo((1280, 720), canvas, person=person, reach=hands) == place_photo(
        (1280, 720), canvas, person=person
    )


@given(
    photo=SIZES,
    fit=st.sampled_from(["auto", "fill"]),
    beyond=st.tuples(*[st.floats(0, 3)] * 4),
    middle=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
)
def test_no_reach_drives_the_person_off_the_canvas(photo, fit, beyond, middle):
    center = np.array(photo) * middle
    person = (*(center - 0.1 * min(photo)), *(center + 0.1 * min(photo)))
    reach = tuple(np.array(person) + np.array([-1, -1, 1, 1]) * beyond * (*photo, *photo))
    placement = place_photo(photo, CanvasConfig(width=512, height=640, fit=fit), person=person, reach=reach)
    left, top, right, bottom = _placed(placement, person)
    assert min(left, top) >= -1
    assert right <= 513
    assert bottom <= 641
    assert placement.scale > 0.84 * place_photo(photo, CanvasConfig(width=512, height=640), person=person).scale


def test_a_person_cut_off_below_is_not_lifted_off_the_lower_edge():
    person, hands = (180.0, 100.0, 340.0, 640.0), (100.0, -300.0, 420.0, 640.0)
    placement = place_photo((512, 640), CanvasConfig(width=512, height=640), person=person, reach=hands)
    assert _placed(placement, (0, 0, 512, 640))[3] >= 640 - 0.5


def test_a_photo_that_cuts_the_person_off_above_and_below_is_as_high_as_the_canvas():
    """Anything lower would show a flat head in the middle of the picture."""
    person, hands = (100.0, 0.0, 420.0, 512.0), (-200.0, -300.0, 700.0, 600.0)
    for reach in (None, hands):
        placement = place_photo((512, 512), CanvasConfig(width=256, height=320), person=person, reach=reach)
        _, top, _, bottom = _placed(placement, (0, 0, 512, 512))
        assert top <= 0.5
        assert bottom >= 320 - 0.5
    head_in_view = place_photo((512, 512), CanvasConfig(width=256, height=320), person=(100.0, 40.0, 420.0, 512.0))
    assert head_in_view.scale < 0.6


def test_lines_around_a_photo_do_not_count_where_the_canvas_goes_on_beyond_them():
    placement = place_photo((600, 600), CanvasConfig(width=256, height=320, fit="fit"))
    whole, inner = placement.inside_HW(), placement.inside_HW(without=(3, 3, 3, 0))
    rows, columns = whole.any(axis=1).nonzero()[0], whole.any(axis=0).nonzero()[0]
    # 3 px become 1.3, and the canvas pixel beside: at the sides the canvas ends with the photo.
    np.testing.assert_array_equal(inner.any(axis=1).nonzero()[0], rows[3:])
    np.testing.assert_array_equal(inner.any(axis=0).nonzero()[0], columns)
