"""Whoever stood before the person in the photo does so in every frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from animator.generators.cover import subject_cover
from animator.generators.puppet import PuppetGenerator
from animator.subject import Subject
from temporal.windows import pose_windows
from tests.animator.generators.scene import drawn_subject, waving

CANVAS = (128, 160)


@pytest.fixture(scope="module")
def covered() -> Subject:
    """A red post stands before the figure's trunk."""
    subject = drawn_subject(CANVAS)
    cover = np.zeros((CANVAS[1], CANVAS[0]), dtype=np.float32)
    cover[:, 58:70] = 1
    cover[:, [57, 70]] = 0.5
    photo, background = subject.photo_HWC.copy(), subject.background_HWC.copy()
    photo[:, 58:70] = background[:, 58:70] = (200, 10, 10)
    return replace(
        subject, photo_HWC=photo, background_HWC=background, matte_HW=subject.matte_HW * (1 - cover), cover_HW=cover
    )


def test_what_stands_before_the_person_shows_in_every_frame(covered: Subject) -> None:
    for frame in PuppetGenerator().generate(pose_windows(waving(CANVAS, 4)), covered):
        assert (frame.pixels_HWC[:, 58:70] == (200, 10, 10)).all()


def test_its_edge_holds_its_own_colours_and_those_behind(covered: Subject) -> None:
    green = torch.tensor([0.0, 1.0, 0.0])[None, :, None, None].expand(1, 3, CANVAS[1], CANVAS[0])
    laid = subject_cover(covered, torch.device("cpu"))(green)
    edge = laid[0, :, 80, 57]
    torch.testing.assert_close(edge, torch.tensor([200 / 510, 0.5 + 10 / 510, 10 / 510]), atol=0.02, rtol=0)
    assert torch.equal(laid[..., :50], green[..., :50])


def test_before_another_picture_nobody_of_the_photo_is_left(covered: Subject) -> None:
    from PIL import Image

    assert covered.before(Image.new("RGB", (64, 64), (0, 0, 255))).cover_HW is None


def test_where_nobody_stands_before_the_subject_frames_are_left_alone() -> None:
    frames = torch.rand(2, 3, 160, 128)
    assert subject_cover(drawn_subject(CANVAS), torch.device("cpu"))(frames) is frames
