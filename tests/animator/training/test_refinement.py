"""The refiner learns where things belong from what rendering shows it, mirrored and aside, and from the truth alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import default_collate

from animator.conditioning.inputs import picture_tensor
from animator.conditioning.refinement import WINDOW_WIDTH, WarpRefinement, displaced
from animator.conditioning.warp import WarpedPhoto
from animator.models.warp_refiner import CELL_PX, WORK_HEIGHT, WarpRefiner
from animator.training import record
from animator.training.config import TrainConfig
from animator.training.loop import fit
from animator.training.packing import PackedSamples, unpacked
from animator.training.refinement import (
    OPACITY,
    RefinementStage,
    carried,
    displacement_loss,
    opacity_loss,
    place_and_outline,
    window,
)
from animator.training.rendered import RefinementPairs
from animator.training.samples import Batch, Sample
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.generators.scene import drawn_subject
from tests.animator.training.surfaces import DrawnPeople

CANVAS = (128, 192)
SHAPES = {"warped": (3, 16, 320), "coverage": (16, 320), "repair": (16, 320), "matte": (16, 320)}
CPU = torch.device("cpu")


def small_refiner() -> WarpRefiner:
    torch.manual_seed(0)
    return WarpRefiner(widths=(8, 16), pose_width=16)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    source = RefinementPairs(DrawnPeople(CANVAS), seed=0)  # type: ignore[arg-type]
    return [source.sample(number) for number in range(4)]


@pytest.fixture(scope="module")
def batch(samples: list[Sample]) -> Batch:
    return default_collate(samples)


def wide(*, middle: int) -> Batch:
    """Noise on a canvas of 320 columns, warped between 40 px before and behind a column, with joints on two pixels."""
    draws = torch.Generator().manual_seed(0)
    batch = {name: torch.rand(1, *shape, generator=draws) for name, shape in SHAPES.items()}
    batch["coverage"] *= ((torch.arange(320) + 0.5 - middle).abs() < 40).float() * 0.9 + 0.05
    batch["field"] = torch.rand(1, 2, 4, 80, generator=draws)
    batch |= {name: batch["field"].mean(1) for name in ("known", "importance")}
    keypoints = torch.full((1, 33, 2), float("nan"))
    keypoints[0, BLAZEPOSE_33.index("left_wrist")] = torch.tensor([middle + 20.5, 7.5])
    poses = {"keypoints": keypoints, "photo_keypoints": keypoints + 3}
    return batch | poses | {"confidence": torch.rand(1, 33), "photo_confidence": torch.rand(1, 33)}


def test_samples_hold_the_field_in_cells_and_what_counts_double(samples: list[Sample]) -> None:
    width, height = CANVAS
    sample = samples[3]
    assert sample["field"].shape == (2, height // CELL_PX, width // CELL_PX)
    field = sample["field"][:, sample["known"]]
    assert torch.allclose(field.median(1).values, torch.tensor([-3.0, -2.0]), atol=0.5)
    assert set(sample["importance"].unique().tolist()) == {1.0, 2.0}
    for joint in ("nose", "left_index", "right_index"):
        x, y = (sample["keypoints"][BLAZEPOSE_33.index(joint)] / CELL_PX).int()
        assert sample["importance"][y, x] == 2, joint
    assert sample["importance"].mean() < 1.2
    assert torch.equal(sample["photo_keypoints"], torch.from_numpy(drawn_subject(CANVAS).pose.keypoints_TK2[0]))
    assert torch.equal(sample["keypoints"], sample["photo_keypoints"] + 1)


def test_packed_samples_come_back_nearly_as_they_were(samples: list[Sample]) -> None:
    class Kept:
        def sample(self, number: int) -> Sample:
            return samples[number]

    packed = PackedSamples(Kept()).sample(3)
    sizes = [sum(each.nbytes for each in sample.values()) for sample in (samples[3], packed)]
    assert sizes[1] < 0.27 * sizes[0]
    again = unpacked(packed)
    for name, each in samples[3].items():
        assert again[name].dtype == each.dtype, name
        step = 0.01 if name == "field" else 0.5 / 255 + 1e-6
        assert (again[name].float() - each.float()).abs().max() <= step, name


def test_a_check_is_the_error_of_place_and_outline_over_all_samples(samples: list[Sample]) -> None:
    """Of an untrained refiner, which moves nothing: what the warp itself gets wrong."""
    wrong = []
    for each in samples:
        still = torch.zeros_like(each["field"])[None]
        place, outline = place_and_outline(still, {name: tensor[None] for name, tensor in each.items()})
        wrong.append(float(place + OPACITY * outline))
    assert min(wrong) > 0
    check = RefinementStage(small_refiner(), [default_collate(samples[:1]), default_collate(samples[1:])]).check()
    assert check == pytest.approx(sum(wrong) / len(wrong), rel=1e-4)
    assert RefinementStage(small_refiner()).check() is None


def test_a_check_hears_of_holes_that_place_knows_nothing_of(samples: list[Sample]) -> None:
    """Nothing is known of the surface, and the person is where nobody was carried to."""
    unknown = {**samples[0], "known": torch.zeros_like(samples[0]["known"])}
    right = {**unknown, "matte": unknown["coverage"]}
    wrong = {**unknown, "matte": unknown["coverage"].roll(12, -1)}
    checks = [RefinementStage(small_refiner(), [default_collate([each])]).check() for each in (right, wrong)]
    assert checks[0] == pytest.approx(0, abs=1e-5)
    assert checks[1] > 1  # type: ignore[operator]


def test_it_learns(batch: Batch, samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Always:
        """One displacement, the same in a mirror."""

        def sample(self, number: int) -> Sample:
            return samples[0]

    monkeypatch.setattr(record, "plot", lambda *_: None)  # curves take longer than all else
    stage = RefinementStage(small_refiner(), [default_collate([samples[0]])])
    before, start = stage.check(), stage.losses(batch, stage.nets)["loss"].item()
    config = TrainConfig(steps=16, batch=2, learning_rate=2e-3, warmup=4, decay="constant", ema=0)
    fit(stage, PackedSamples(Always()), config, tmp_path, device=CPU)
    assert before is not None
    assert stage.check() < 0.5 * before  # type: ignore[operator]
    assert stage.losses(batch, stage.nets)["loss"].item() < start


def test_draws_are_a_function_of_the_generator(batch: Batch) -> None:
    stage = RefinementStage(small_refiner())
    many = {"warped": torch.zeros(400, 1)}
    one, two = (stage.draws(many, torch.Generator().manual_seed(5)) for _ in range(2))
    assert set(one) == {"mirrored", "aside", "tint"}
    assert not set(one) & set(batch)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert 150 < one["mirrored"].sum() < 250
    assert one["aside"].unique().tolist() == list(range(-4, 5))
    assert one["tint"].shape == (400, 3)
    assert one["tint"].min() >= 0.75
    assert one["tint"].max() <= 1.25


def test_only_what_is_known_pulls_at_the_field() -> None:
    field = torch.randn(2, 2, 20, 20, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weight = torch.zeros(2, 20, 20)
    weight[:, 5:15, 5:15], weight[:, 5:8, 5:8] = 1, 2
    displacement_loss(field, torch.zeros(2, 2, 20, 20), weight).backward()
    pulled = field.grad.abs().sum(1)
    assert (pulled[weight == 0] == 0).all()
    assert (pulled[weight > 0] > 0).all()
    assert pulled[weight == 2].mean() > 1.5 * pulled[weight == 1].mean()


def test_the_loss_of_a_displacement_is_nearly_its_error_in_px() -> None:
    true, known = torch.zeros(1, 2, 10, 10), torch.ones(1, 10, 10)
    off = torch.tensor([3.0, 4.0])[None, :, None, None].expand(1, 2, 10, 10)
    assert float(displacement_loss(true + off, true, known)) == pytest.approx(5 - 0.5, abs=0.05)
    assert float(displacement_loss(true, true, known)) == 0
    # Who knows little counts little, and who knows nothing not at all.
    few = torch.zeros(1, 10, 10)
    few[0, 0, :5] = 1
    assert float(displacement_loss(true + off, true, few)) == pytest.approx(0.1 * (5 - 0.5), abs=0.05)
    assert float(displacement_loss(true + off, true, 0 * known)) == 0


def disc(x: float, y: float) -> torch.Tensor:
    """[1, 96, 96]: opaque within 16 px of a place."""
    rows, columns = torch.meshgrid(torch.arange(96) + 0.5, torch.arange(96) + 0.5, indexing="ij")
    return (((columns - x).square() + (rows - y).square()).sqrt() < 16).float()[None]


def test_opacity_is_right_where_the_field_brings_it() -> None:
    coverage, matte = disc(40, 48), disc(52, 40)
    losses = {}
    for shift in ((0, 0), (-12, 8), (12, -8), (-12, -8)):
        field = torch.tensor(shift, dtype=torch.float32)[None, :, None, None].expand(1, 2, 24, 24)
        losses[shift] = float(opacity_loss(field, coverage, matte))
    assert losses[-12, 8] < 0.01
    assert all(loss > 0.15 for shift, loss in losses.items() if shift != (-12, 8))


def test_opacity_far_from_the_person_pulls_at_nothing() -> None:
    field = torch.zeros(1, 2, 24, 24, requires_grad=True)
    opacity_loss(field, disc(40, 48), disc(44, 48)).backward()
    pulled = field.grad.abs().sum(1)[0]
    assert pulled.sum() > 0
    assert (pulled[:5] == 0).all()
    assert (pulled[:, 18:] == 0).all()
    # Unless the field brings somebody there: at (90, 50) the right side of the disc, which ends at 56.
    field.grad = None
    ghost = torch.zeros(1, 2, 24, 24)
    ghost[0, 0, 12, 22] = -34
    assert opacity_loss(field + ghost, disc(40, 48), disc(40, 48)) > 0
    opacity_loss(field + ghost, disc(40, 48), disc(40, 48)).backward()
    assert field.grad[0, 0, 12, 22] < 0  # a longer way would bring more of it


def test_what_the_photo_never_showed_becomes_no_hole() -> None:
    """A person wider than the photo showed: most belongs 8 px to the left, of what is on the right nothing is known."""
    rows, columns = torch.meshgrid(torch.arange(96) + 0.5, torch.arange(96) + 0.5, indexing="ij")
    body = (rows - 48).abs() < 32
    coverage, matte = (body & (columns > 32) & (columns < 64)), (body & (columns > 24) & (columns < 64))
    field = torch.zeros(1, 2, 24, 24)
    field[:, 0] = 8
    known = torch.zeros(1, 24, 24)
    known[:, 4:20, 6:12] = 1
    truth = {"coverage": coverage[None].float(), "matte": matte[None].float(), "field": field, "known": known}
    truth["importance"] = torch.ones_like(known)

    def fitted(outline: float) -> tuple[float, float]:
        told = torch.zeros(1, 2, 6, 6, requires_grad=True)
        optimizer = torch.optim.Adam([told], lr=0.3)
        for _ in range(150):
            place, opacity = place_and_outline(F.interpolate(told, (24, 24), mode="bicubic"), truth)
            optimizer.zero_grad()
            (place + outline * opacity).backward()
            optimizer.step()
        return float(place.detach()), float(opacity.detach())

    (place, holes), (place_too, none) = fitted(0.0), fitted(OPACITY)
    assert max(place, place_too) < 1
    assert none < 0.5 * holes


def test_the_loss_hears_of_the_truth_only_where_it_is_known(batch: Batch) -> None:
    stage = RefinementStage(small_refiner())
    before = stage.losses(batch, stage.nets)
    unknown = torch.where(batch["known"][:, None], batch["field"], 7.0)
    after = stage.losses({**batch, "field": unknown}, stage.nets)
    assert before["loss"].item() == after["loss"].item() > 0
    other = stage.losses({**batch, "field": batch["field"] + 1}, stage.nets)
    assert other["loss"].item() != before["loss"].item()
    shares = before["error"] + OPACITY * before["opacity"] + 0.02 * before["variation"]
    assert before["loss"].item() == pytest.approx(shares.item(), rel=1e-6)


def test_what_is_carried_goes_where_rendering_takes_it() -> None:
    draws = torch.Generator().manual_seed(1)
    smooth = torch.nn.functional.interpolate(torch.rand(2, 1, 4, 4, generator=draws), (48, 64), mode="bilinear")
    field = torch.nn.functional.interpolate(8 * torch.randn(2, 2, 3, 3, generator=draws), (48, 64), mode="bilinear")
    photo = WarpedPhoto(colors_B3HW=torch.zeros(2, 3, 48, 64), coverage_BHW=smooth[:, 0], repair_BHW=smooth[:, 0])
    difference = carried(smooth, field)[:, 0] - displaced(photo, field).coverage_BHW
    assert difference.abs().max() < 0.02
    assert (carried(smooth, field) - smooth).abs().max() > 0.1


@pytest.mark.parametrize("middle", [60, 160, 171, 300])
def test_the_window_lies_about_the_person_and_everything_in_it_together(middle: int) -> None:
    given = wide(middle=middle)
    seen = window(given)
    left = round(float(given["keypoints"][0, 15, 0] - seen["keypoints"][0, 15, 0]))
    assert left == min(max(middle - WINDOW_WIDTH // 2, 0), 320 - WINDOW_WIDTH) // CELL_PX * CELL_PX
    for name in SHAPES:
        assert torch.equal(seen[name], given[name][..., left : left + WINDOW_WIDTH]), name
    for name in ("field", "known", "importance"):
        first = left // CELL_PX
        assert torch.equal(seen[name], given[name][..., first : first + WINDOW_WIDTH // CELL_PX]), name
    assert torch.equal(seen["photo_keypoints"][0, 15] - seen["keypoints"][0, 15], torch.tensor([3.0, 3.0]))


def test_aside_the_window_moves_by_whole_cells_within_the_canvas() -> None:
    given, straight = wide(middle=160), window(wide(middle=160))
    moved = window({**given, "aside": torch.tensor([3])})
    assert torch.equal(moved["warped"][..., :-12], straight["warped"][..., 12:])
    assert torch.equal(moved["field"][..., :-3], straight["field"][..., 3:])
    assert moved["keypoints"][0, 15, 0] == straight["keypoints"][0, 15, 0] - 12
    edge = {**wide(middle=40), "aside": torch.tensor([-4])}
    assert torch.equal(window(edge)["warped"], edge["warped"][..., :WINDOW_WIDTH])


def test_a_tint_changes_colours_and_nothing_else() -> None:
    given = wide(middle=160)
    plain, tinted = window(given), window({**given, "tint": torch.tensor([[1.25, 1.0, 0.75]])})
    wanted = (plain["warped"] * torch.tensor([1.25, 1.0, 0.75])[:, None, None]).clamp(0, 1)
    assert torch.equal(tinted["warped"], wanted)
    assert all(torch.equal(each.nan_to_num(), tinted[n].nan_to_num()) for n, each in plain.items() if n != "warped")


def test_mirrored_samples_agree_with_their_fields_and_poses(batch: Batch) -> None:
    plain, mirrored = window(batch), window({**batch, "mirrored": torch.tensor([True, False, True, True])})
    which = [0, 2, 3]
    for name in ("warped", "coverage", "repair", "matte", "known", "importance"):
        assert torch.equal(mirrored[name][which], plain[name][which].flip(-1)), name
    assert all(torch.equal(each[1].nan_to_num(), plain[name][1].nan_to_num()) for name, each in mirrored.items())

    def refined(seen: Batch) -> torch.Tensor:
        field = torch.nn.functional.interpolate(seen["field"], seen["coverage"].shape[-2:])
        return carried(seen["warped"], field)

    assert (refined(mirrored)[which] - refined(plain)[which].flip(-1)).abs().max() < 1e-4
    assert (plain["field"][3, 0].abs() > 2).any()
    # A joint lies on the same pixel as before, under the other side's name.
    left, right = BLAZEPOSE_33.index("left_wrist"), BLAZEPOSE_33.index("right_wrist")
    for name in ("keypoints", "photo_keypoints"):
        x, y = plain[name][0, left]
        assert torch.allclose(mirrored[name][0, right], torch.stack([plain["warped"].shape[-1] - x, y])), name
    confidence = {"confidence": torch.rand(4, 33), "photo_confidence": torch.rand(4, 33)}
    turned = window({**batch, **confidence, "mirrored": torch.ones(4, dtype=torch.bool)})
    for name, each in confidence.items():
        assert torch.equal(turned[name][:, left], each[:, right]), name


def test_training_and_rendering_show_it_the_same() -> None:
    source = RefinementPairs(DrawnPeople((192, WORK_HEIGHT)), seed=0)  # type: ignore[arg-type]
    sample, reference = source.sample(3), source._scenes.scene(3).reference
    seen: list[list[torch.Tensor]] = []

    class Listening(WarpRefiner):
        def forward(
            self,
            picture_B5HW: torch.Tensor,
            target: tuple[torch.Tensor, torch.Tensor],
            photo: tuple[torch.Tensor, torch.Tensor],
        ) -> torch.Tensor:
            # Where the photo's canvas begins says nothing: its pose is looked at about its hips.
            hips = photo[0][:, [BLAZEPOSE_33.index("left_hip")]]
            seen.append([picture_B5HW, *target, photo[0] - hips, photo[1]])
            return super().forward(picture_B5HW, target, photo)

    refiner = Listening(widths=(8, 16), pose_width=16)
    RefinementStage(refiner, [default_collate([sample])]).check()
    pose = sample["keypoints"][None], sample["confidence"][None]
    background = picture_tensor(reference.subject.background_HWC, CPU)
    refinement = WarpRefinement(refiner, reference.subject, background)
    with torch.inference_mode():
        refinement(reference.warp(*pose), *pose)
    training, rendering = seen
    for ours, theirs in zip(training, rendering, strict=True):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
