"""The warped photo follows a field of displacements that a network tells of what it is shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from animator.conditioning.inputs import picture_tensor
from animator.conditioning.refinement import (
    VIEW_SIZE,
    View,
    WarpRefinement,
    held_back,
    mirrored_points,
    told_from_both_sides,
    view_scale,
    with_stiff_head,
)
from animator.conditioning.warp import WarpedPhoto
from animator.models.warp_refiner import CELL_PX, WORK_TORSO_PX, WarpRefiner
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.generators.scene import drawn_subject, figure_warp, standing

CPU = torch.device("cpu")
LEFT_WRIST, RIGHT_WRIST = (BLAZEPOSE_33.index(f"{side}_wrist") for side in ("left", "right"))
CANVASES = [(128, 192), (256, 320), (320, 192)]


class Shifting(WarpRefiner):
    """Says one displacement for every place, in px of the picture that it is shown; of a mirror image, in which the
    less certain wrist is a right one, what the mirror shows."""

    def __init__(self, shift: tuple[float, float]) -> None:
        super().__init__(widths=(8, 8), pose_width=8)
        self.shift, self.seen = shift, []  # type: list[tuple[torch.Tensor, ...]]

    def forward(self, picture_B5HW, target, photo):  # type: ignore[no-untyped-def]
        self.seen.append((picture_B5HW, *target, *photo))
        height, width = picture_B5HW.shape[-2:]
        facing = torch.tensor([1.0 if target[1][0, LEFT_WRIST] < target[1][0, RIGHT_WRIST] else -1.0, 1.0])
        return (
            (facing * torch.tensor(self.shift))[None, :, None, None]
            .expand(1, 2, height // CELL_PX, width // CELL_PX)
            .clone()
        )


def pose(canvas: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    confidence = torch.ones(1, 33)
    confidence[:, LEFT_WRIST] = 0.9
    return torch.from_numpy(standing(canvas)[None]).float(), confidence


def refinement_of(net: WarpRefiner, canvas: tuple[int, int], *, strength: float = 1.0) -> WarpRefinement:
    subject = drawn_subject(canvas)
    background = picture_tensor(subject.background_HWC, CPU)
    return WarpRefinement(net, subject, figure_warp(canvas), background, strength=strength)


def refined(
    shift: tuple[float, float], canvas: tuple[int, int], *, strength: float = 1.0
) -> tuple[WarpedPhoto, Shifting]:
    net = Shifting(shift)
    refinement = refinement_of(net, canvas, strength=strength)
    with torch.inference_mode():
        return refinement(figure_warp(canvas)(*pose(canvas)), *pose(canvas)), net


@pytest.mark.parametrize("canvas", CANVASES)
def test_the_person_moves_as_the_network_says_whatever_the_canvas(canvas: tuple[int, int]) -> None:
    """The network says it in pixels of the size that it works at."""
    scale = float(view_scale(*pose(canvas)))
    # As far as is held back by little on the smallest of these canvases.
    after, _ = refined((2 * scale, -1 * scale), canvas)
    with torch.inference_mode():
        before = figure_warp(canvas)(*pose(canvas))
    still = before.coverage_BHW[:, 12:-12, 12:-12]
    for strength, steps in ((1.0, (1, -2)), (0.5, (0.5, -1))):
        after, _ = refined((2 * scale, -1 * scale), canvas, strength=strength)
        half = torch.nn.functional.interpolate(before.coverage_BHW[None], scale_factor=2, mode="nearest")[0]
        rolled = torch.roll(half, (round(2 * steps[0]), round(2 * steps[1])), (1, 2))
        expected = torch.nn.functional.avg_pool2d(rolled, 2)[:, 12:-12, 12:-12]
        assert (after.coverage_BHW[:, 12:-12, 12:-12] - expected).abs().mean() < 0.3 * (still - expected).abs().mean()


@pytest.mark.parametrize("canvas", CANVASES)
def test_the_network_sees_everybody_equally_large_and_joints_where_they_are_seen(canvas: tuple[int, int]) -> None:
    _, net = refined((0, 0), canvas)
    picture, keypoints, _, photo, _ = net.seen[0]
    assert picture.shape[-2:] == VIEW_SIZE
    x, y = keypoints[0].round().long().unbind(-1)
    wrists = [15, 16]
    assert (picture[0, 3, y[wrists], x[wrists]] > 0.5).all()
    # This pose is the photo's own.
    assert torch.allclose(photo[0], keypoints[0], atol=1e-3)
    shoulders, hips = photo[0, 11:13].mean(0), photo[0, 23:25].mean(0)
    assert float((shoulders - hips).norm()) == pytest.approx(WORK_TORSO_PX, rel=0.02)


def test_the_view_grows_for_who_reaches_out_of_it() -> None:
    coverage = torch.zeros(100, 400)
    coverage[20:60, 50:350] = 1
    view = View.about(coverage, 1.5, multiple=32)
    assert view is not None
    seen = view.of(coverage[None])[0]
    assert seen.shape == (VIEW_SIZE[0], 480)
    assert float(seen.sum()) == pytest.approx(1.5**2 * 40 * 300, rel=0.02)
    # In training all are alike, and the middle is seen.
    fixed = View.about(coverage, 1.5)
    assert fixed is not None
    assert fixed.of(coverage[None]).shape == (1, *VIEW_SIZE)
    assert View.about(torch.zeros(100, 400), 1.0) is None


@settings(max_examples=30, deadline=None)
@given(st.floats(0.4, 2.5), st.integers(0, 300), st.integers(0, 200), st.integers(-16, 16), st.integers(-16, 16))
def test_points_and_displacements_go_to_the_view_and_back(scale: float, x: int, y: int, left: int, down: int) -> None:
    """A dot is seen where its point is, and what is told of it there is told of the dot on the canvas."""
    coverage = torch.zeros(240, 320)
    coverage[y : y + 12, x : x + 12] = 1
    view = View.about(coverage, scale, aside=(left, down))
    assert view is not None
    seen = view.of(coverage[None])[0]
    rows, columns = (seen > 0.5).nonzero().float().mean(0) + 0.5
    point = view.points(torch.tensor([[x + 6.0, y + 6.0]]))[0]
    rim = 3 / scale  # a dot in the last pixel of the view goes on beyond it
    if rim < x < 308 - rim and rim < y < 228 - rim:
        assert torch.allclose(torch.stack([columns, rows]), point, atol=1.0)
    assert torch.allclose(point, torch.tensor([80.0 + left, 160.0 + down]), atol=0.51 + 6 * scale)
    told = torch.zeros(2, 80, 40)
    told[0], told[1] = 3 * scale, -5 * scale
    field = view.displacements(told)
    assert field.shape == (2, 240, 320)
    # The scaled canvas has whole pixels, so scales are met but for a part of one.
    assert torch.allclose(field[:, min(y + 6, 239), min(x + 6, 319)], torch.tensor([3.0, -5.0]), rtol=0.02)


@settings(max_examples=30, deadline=None)
@given(st.floats(-400, 400), st.floats(-400, 400), st.floats(20, 300))
def test_no_field_goes_far_and_a_short_one_goes_as_it_says(x: float, y: float, torso_px: float) -> None:
    """A network told a skier's arm, of a kind that it had never seen, to go 37 px: the arm was torn."""
    told = torch.tensor([x, y])[:, None, None].expand(2, 3, 3)
    held = held_back(told, torso_px)
    assert float(held.norm(dim=0).max()) <= 0.12 * torso_px + 1e-4
    assert (held * told >= 0).all()
    short = held_back(told * (0.02 * torso_px / 600), torso_px)
    assert torch.allclose(short, told * (0.02 * torso_px / 600), rtol=0.03)


def test_a_head_keeps_its_shape_and_the_body_follows_the_field() -> None:
    canvas = (256, 320)
    keypoints, confidence = pose(canvas)
    rows = torch.arange(320.0)[:, None].expand(320, 256)
    field = torch.stack([0.05 * rows, -0.05 * rows])
    stiff = with_stiff_head(field, keypoints[0], confidence[0])
    nose, ears = keypoints[0, 0].long(), keypoints[0, 7:9].long()
    assert torch.allclose(stiff[:, ears[:, 1], ears[:, 0]], stiff[:, nose[1], nose[0]][:, None], atol=1e-4)
    assert abs(float((stiff - field)[:, nose[1], nose[0]].abs().max())) < 0.5  # it goes along
    hips = keypoints[0, 23].long()
    assert torch.equal(stiff[:, hips[1] :], field[:, hips[1] :])
    unseen = confidence[0].clone()
    unseen[:11] = 0
    assert torch.equal(with_stiff_head(field, keypoints[0], unseen), field)


def test_what_is_told_of_a_mirror_image_is_the_mirror_image_of_what_is_told() -> None:
    torch.manual_seed(5)
    net = WarpRefiner(widths=(8, 16), pose_width=16).eval()
    torch.nn.init.normal_(net.conv_out.weight, std=0.05)
    height, width = 64, 96
    picture = torch.rand(1, 5, height, width)
    target, photo = ((torch.rand(1, 33, 2) * 60, torch.rand(1, 33)) for _ in range(2))
    target[0][0, 4] = torch.nan
    order = list(BLAZEPOSE_33.mirror)
    mirrored = [(mirrored_points(points, width), confidence[:, order]) for points, confidence in (target, photo)]
    with torch.inference_mode():
        told = told_from_both_sides(net, picture, target, photo)
        of_mirror = told_from_both_sides(net, picture.flip(-1), *mirrored)
        once = net(picture, target, photo)
    expected = told.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
    assert torch.allclose(of_mirror, expected, atol=1e-5)
    # A network does not know this of itself.
    assert (told - once).abs().max() > 1e-3
    assert told.isfinite().all()


def test_a_frame_without_anybody_asks_nobody() -> None:
    net = Shifting((3, 3))
    refinement = refinement_of(net, (128, 192))
    nobody = (torch.full((1, 33, 2), torch.nan), torch.zeros(1, 33))
    with torch.inference_mode():
        after = refinement(figure_warp((128, 192))(*nobody), *nobody)
    assert not net.seen
    assert not after.coverage_BHW.any()
    assert after.colors_B3HW.isfinite().all()


def test_frames_together_are_the_frames_alone() -> None:
    canvas = (256, 320)
    torch.manual_seed(3)
    net = WarpRefiner(widths=(8, 16), pose_width=16).eval()
    torch.nn.init.normal_(net.conv_out.weight, std=0.05)
    refinement = refinement_of(net, canvas)
    keypoints = torch.cat([pose(canvas)[0], pose(canvas)[0] + torch.tensor([9.0, 2.0])])
    confidence = torch.ones(2, 33)
    with torch.inference_mode():
        both = refinement(figure_warp(canvas)(keypoints, confidence), keypoints, confidence)
        for frame in range(2):
            one = slice(frame, frame + 1)
            alone = refinement(figure_warp(canvas)(keypoints[one], confidence[one]), keypoints[one], confidence[one])
            assert np.array_equal(both.colors_B3HW[one], alone.colors_B3HW)
            assert np.array_equal(both.coverage_BHW[one], alone.coverage_BHW)


def test_where_hips_are_unknown_the_size_is_told_by_the_rest() -> None:
    keypoints, confidence = pose((256, 320))
    unseen = confidence.clone()
    unseen[:, [BLAZEPOSE_33.index(f"{side}_hip") for side in ("left", "right")]] = 0
    known, guessed = view_scale(keypoints, confidence), view_scale(keypoints, unseen)
    assert float(guessed) == pytest.approx(float(known), rel=0.35)
