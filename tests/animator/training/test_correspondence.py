"""The true displacement of a warp: surfaces that are known to lie elsewhere are found there, all else is unknown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from animator.models.warp_refiner import CELL_PX
from animator.training.correspondence import MAX_PX, true_displacement
from animator.training.pairs import Reference
from animator.training.samples import Sample
from tests.animator.generators.scene import drawn_subject
from tests.animator.training.surfaces import displaced_figure

CANVAS = (128, 192)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.prepare(drawn_subject(CANVAS))


def found(reference: Reference, rendered: Sample) -> tuple[torch.Tensor, torch.Tensor]:
    return true_displacement(reference, rendered["keypoints_NK2"][2], rendered["confidence_NK"][2], rendered)


def inner_cells(matte_HW: torch.Tensor) -> torch.Tensor:
    """Cells that lie on the person as a whole."""
    return F.avg_pool2d((matte_HW > 0.5).float()[None, None], CELL_PX)[0, 0] == 1


@pytest.mark.parametrize(
    ("stands", "tracked"), [((0, 0), (0, 0)), ((6, -3), (0, 0)), ((0, 0), (5, 2)), ((-3, 4), (5, 2)), ((6, 3), (6, 3))]
)
def test_surfaces_are_found_where_joints_took_them(
    reference: Reference, stands: tuple[int, int], tracked: tuple[int, int]
) -> None:
    rendered = displaced_figure(CANVAS, stands=stands, tracked=tracked)
    field, known = found(reference, rendered)
    inner = inner_cells(rendered["target_matte_HW"])
    assert inner.sum() > 30
    assert known[inner].float().mean() > 0.95
    error = field - torch.tensor(tracked)[:, None, None] + torch.tensor(stands)[:, None, None]
    assert error.norm(dim=0)[inner & known].mean() < 0.25
    assert error.norm(dim=0)[known].quantile(0.95) <= 2


def test_nothing_is_known_where_nobody_is(reference: Reference) -> None:
    rendered = displaced_figure(CANVAS, stands=(4, 0), tracked=(0, 0))
    field, known = found(reference, rendered)
    nobody = F.max_pool2d(rendered["target_matte_HW"][None, None], CELL_PX)[0, 0] < 0.5
    assert not known[nobody].any()
    assert (field[:, ~known] == 0).all()
    assert (~known).sum() > nobody.sum() / 2


def test_what_the_photo_does_not_show_is_unknown(reference: Reference) -> None:
    rendered = displaced_figure(CANVAS, stands=(2, 0), tracked=(0, 0))
    shown = inner_cells(rendered["target_matte_HW"])
    half = CANVAS[1] // 2
    for change in ("target_parts_HW", "target_layers_HW"):
        other = {**rendered, change: rendered[change].clone()}
        other[change][:half] += 1  # upper clothes of another kind; or another layer of them
        other[change][rendered["target_parts_HW"] == 0] = 0
        _, known = found(reference, other)
        assert not known[: half // CELL_PX].any(), change
        assert known[half // CELL_PX :][shown[half // CELL_PX :]].all(), change
    elsewhere = {**rendered, "target_uv_HW2": rendered["target_uv_HW2"] + 2}
    assert not found(reference, elsewhere)[1].any()


def test_what_lies_too_far_away_is_unknown(reference: Reference) -> None:
    near, far = (displaced_figure(CANVAS, stands=(int(MAX_PX) + more, 0), tracked=(0, 0)) for more in (-4, 4))
    assert found(reference, near)[1].sum() > 50
    assert found(reference, far)[1].sum() < 5


def test_a_false_match_in_a_cell_is_outvoted(reference: Reference) -> None:
    rendered = displaced_figure(CANVAS, stands=(4, 0), tracked=(0, 0))
    clean, known = found(reference, rendered)
    places = rendered["target_uv_HW2"].clone()
    # One of the four pixels of every cell that are asked says that it is some px farther down.
    places[::CELL_PX, ::CELL_PX, 1] += 10 / CANVAS[1]
    field, _ = found(reference, {**rendered, "target_uv_HW2": places})
    inner = known & inner_cells(rendered["target_matte_HW"])
    assert (field - clean).norm(dim=0)[inner].max() < 1
    assert not np.isnan(field.numpy()).any()


def test_the_photo_s_own_warp_is_left_as_it_was(reference: Reference) -> None:
    rendered = displaced_figure(CANVAS, stands=(3, 3), tracked=(1, 1))
    pose = rendered["keypoints_NK2"][2][None], rendered["confidence_NK"][2][None]
    before = reference.warp(*pose).colors_B3HW
    found(reference, rendered)
    assert torch.equal(reference.warp(*pose).colors_B3HW, before)
