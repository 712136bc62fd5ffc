"""The warped photo follows a field of displacements."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from animator.conditioning.inputs import picture_tensor
from animator.conditioning.refinement import WINDOW_WIDTH, WarpRefinement, displaced
from animator.conditioning.warp import WarpedPhoto
from animator.models.warp_refiner import CELL_PX, WORK_HEIGHT, WarpRefiner
from tests.animator.generators.scene import drawn_subject, figure_warp, standing

CPU = torch.device("cpu")


class Shifting(WarpRefiner):
    """Says one displacement for every place, in px of the picture that it is shown."""

    def __init__(self, shift: tuple[float, float]) -> None:
        super().__init__(widths=(8, 8), pose_width=8)
        self.shift, self.seen = shift, []  # type: list[tuple[torch.Tensor, ...]]

    def forward(self, picture_B5HW, target, photo):  # type: ignore[no-untyped-def]
        self.seen.append((picture_B5HW, *target, *photo))
        height, width = picture_B5HW.shape[-2:]
        return (
            torch.tensor(self.shift, dtype=torch.float32)[None, :, None, None]
            .expand(1, 2, height // CELL_PX, width // CELL_PX)
            .clone()
        )


@pytest.fixture(scope="module")
def warped() -> Iterator[WarpedPhoto]:
    with torch.inference_mode():
        yield figure_warp((128, 192))(*pose((128, 192)))


def pose(canvas: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(standing(canvas)[None]).float(), torch.ones(1, 33)


def refined(
    shift: tuple[float, float], canvas: tuple[int, int], *, strength: float = 1.0
) -> tuple[WarpedPhoto, Shifting]:
    net, subject = Shifting(shift), drawn_subject(canvas)
    refinement = WarpRefinement(net, subject, picture_tensor(subject.background_HWC, CPU), strength=strength)
    with torch.inference_mode():
        return refinement(figure_warp(canvas)(*pose(canvas)), *pose(canvas)), net


def test_no_displacement_leaves_every_pixel(warped: WarpedPhoto) -> None:
    still = displaced(warped, torch.zeros(1, 2, 192, 128))
    assert (still.coverage_BHW - warped.coverage_BHW).abs().max() < 1e-3
    assert (still.repair_BHW - warped.repair_BHW).abs().max() < 1e-3
    seen = warped.coverage_BHW[:, None] > 0.05
    assert ((still.colors_B3HW - warped.colors_B3HW) * seen).abs().max() < 5e-3


@settings(max_examples=20, deadline=None)
@given(st.integers(-9, 9), st.integers(-9, 9))
def test_a_pixel_is_taken_from_where_the_field_says(x: int, y: int) -> None:
    layers = torch.rand(1, 5, 40, 40, generator=torch.Generator().manual_seed(1))
    before = WarpedPhoto(colors_B3HW=layers[:, :3], coverage_BHW=layers[:, 3] / 2 + 0.5, repair_BHW=layers[:, 4])
    field = torch.tensor([float(x), float(y)])[None, :, None, None].expand(1, 2, 40, 40)
    after = displaced(before, field)
    inside, moved = slice(10, 30), (slice(10 + y, 30 + y), slice(10 + x, 30 + x))
    for one, other in (
        (after.coverage_BHW, before.coverage_BHW),
        (after.repair_BHW, before.repair_BHW),
        (after.colors_B3HW, before.colors_B3HW),
    ):
        assert torch.allclose(one[..., inside, inside], other[(..., *moved)], atol=1e-3)


def test_no_background_comes_along_with_the_person() -> None:
    """What the colours are where nobody is must not show: they are whatever the warp left there."""
    coverage = torch.zeros(1, 32, 32)
    coverage[:, 8:24, 8:24] = 1
    pictures = [torch.where(coverage[:, None] > 0, 0.5, elsewhere).expand(1, 3, 32, 32) for elsewhere in (0.0, 1.0)]
    field = torch.full((1, 2, 32, 32), 0.5)
    moved = [
        displaced(WarpedPhoto(colors_B3HW=p, coverage_BHW=coverage, repair_BHW=0 * coverage), field) for p in pictures
    ]
    assert torch.equal(moved[0].colors_B3HW, moved[1].colors_B3HW)
    edge = (moved[0].coverage_BHW > 0.2) & (moved[0].coverage_BHW < 0.8)
    assert edge.any()
    assert torch.allclose(moved[0].colors_B3HW.movedim(1, -1)[edge], torch.tensor(0.5), atol=0.02)


@pytest.mark.parametrize("canvas", [(128, 192), (256, 320), (320, 192)])
def test_the_person_moves_as_the_network_says_whatever_the_canvas(canvas: tuple[int, int]) -> None:
    """The network says it in pixels of the size that it works at."""
    scale = WORK_HEIGHT / canvas[1]
    after, _ = refined((8 * scale, -4 * scale), canvas)
    with torch.inference_mode():
        before = figure_warp(canvas)(*pose(canvas))
    expected = torch.roll(before.coverage_BHW, (4, -8), (1, 2))[:, 12:-12, 12:-12]
    assert (after.coverage_BHW[:, 12:-12, 12:-12] - expected).abs().mean() < 0.004
    half, _ = refined((8 * scale, -4 * scale), canvas, strength=0.5)
    expected = torch.roll(before.coverage_BHW, (2, -4), (1, 2))[:, 12:-12, 12:-12]
    assert (half.coverage_BHW[:, 12:-12, 12:-12] - expected).abs().mean() < 0.004


@pytest.mark.parametrize("canvas", [(256, 320), (320, 192)])
def test_the_network_sees_the_person_in_its_own_size_and_joints_where_they_are_seen(canvas: tuple[int, int]) -> None:
    _, net = refined((0, 0), canvas)
    picture, keypoints, _, photo, _ = net.seen[0]
    assert picture.shape[-2:] == (WORK_HEIGHT, WINDOW_WIDTH)
    x, y = keypoints[0].round().long().unbind(-1)
    wrists = [15, 16]
    assert (picture[0, 3, y[wrists].clamp(max=319), x[wrists]] > 0.5).all()
    # The photo's own joints stay where the canvas has them; the network takes them about its hips.
    assert torch.allclose(photo[0], torch.from_numpy(standing(canvas)).float() * WORK_HEIGHT / canvas[1], atol=1e-3)


def test_a_frame_without_anybody_asks_nobody() -> None:
    net, subject = Shifting((3, 3)), drawn_subject((128, 192))
    refinement = WarpRefinement(net, subject, picture_tensor(subject.background_HWC, CPU))
    nobody = (torch.full((1, 33, 2), torch.nan), torch.zeros(1, 33))
    with torch.inference_mode():
        after = refinement(figure_warp((128, 192))(*nobody), *nobody)
    assert not net.seen
    assert not after.coverage_BHW.any()
    assert after.colors_B3HW.isfinite().all()


def test_frames_together_are_the_frames_alone() -> None:
    canvas, subject = (256, 320), drawn_subject((256, 320))
    torch.manual_seed(3)
    net = WarpRefiner(widths=(8, 16), pose_width=16).eval()
    torch.nn.init.normal_(net.conv_out.weight, std=0.05)
    refinement = WarpRefinement(net, subject, picture_tensor(subject.background_HWC, CPU))
    keypoints = torch.cat([pose(canvas)[0], pose(canvas)[0] + torch.tensor([9.0, 2.0])])
    confidence = torch.ones(2, 33)
    with torch.inference_mode():
        both = refinement(figure_warp(canvas)(keypoints, confidence), keypoints, confidence)
        for frame in range(2):
            one = slice(frame, frame + 1)
            alone = refinement(figure_warp(canvas)(keypoints[one], confidence[one]), keypoints[one], confidence[one])
            assert np.array_equal(both.colors_B3HW[one], alone.colors_B3HW)
            assert np.array_equal(both.coverage_BHW[one], alone.coverage_BHW)
