"""The refiner learns where things belong from what rendering shows it, mirrored and aside, and from true pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import default_collate

from animator.conditioning.inputs import picture_tensor
from animator.conditioning.refinement import VIEW_SIZE, WarpRefinement
from animator.conditioning.warp.photo_warp import follow
from animator.models.warp_refiner import CELL_PX, WORK_TORSO_PX, WarpRefiner
from animator.training import record
from animator.training.config import TrainConfig
from animator.training.loop import fit
from animator.training.packing import PackedSamples, unpacked
from animator.training.refinement import (
    LIKENESS,
    VARIATION,
    RefinementStage,
    carried,
    likeness_loss,
    seen,
)
from animator.training.rendered import RefinementPairs
from animator.training.samples import Batch, Sample
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.generators.scene import drawn_subject
from tests.animator.training.surfaces import DrawnPeople

CANVAS = (128, 192)
CPU = torch.device("cpu")
# x and y of every pixel of a view.
GRID = torch.meshgrid(torch.arange(VIEW_SIZE[0]) + 0.5, torch.arange(VIEW_SIZE[1]) + 0.5, indexing="ij")[::-1]
STILL = torch.zeros(1, 2, VIEW_SIZE[0] // CELL_PX, VIEW_SIZE[1] // CELL_PX)


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


def test_samples_hold_the_picture_that_is_wanted_and_what_counts_double(samples: list[Sample]) -> None:
    sample = samples[3]
    # The figure stands 4 px to the right of the photo's and 3 px below; see `DrawnPeople`.
    assert sample["target"].dtype == torch.uint8
    moved = sample["matte"] - torch.from_numpy(drawn_subject(CANVAS).matte_HW).roll((3, 4), (0, 1))
    assert moved.abs().max() == 0
    assert sample["importance"].shape == sample["matte"].shape
    assert set(sample["importance"].unique().tolist()) == {1.0, 2.0}
    for joint in ("nose", "left_index", "right_index"):
        x, y = sample["keypoints"][BLAZEPOSE_33.index(joint)].int()
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
    assert sizes[1] < 0.4 * sizes[0]
    again = unpacked(packed)
    for name, each in samples[3].items():
        assert again[name].dtype == each.dtype, name
        assert (again[name].float() - each.float()).abs().max() <= 0.5 / 255 + 1e-6, name


def test_a_check_is_how_unlike_the_pictures_are_over_all_samples(samples: list[Sample]) -> None:
    """Of an untrained refiner, which moves nothing: what the warp itself gets wrong, in hundredths."""
    wrong = [100 * float(likeness_loss(STILL, seen(default_collate([each])))) for each in samples]
    assert min(wrong) > 0
    check = RefinementStage(small_refiner(), [default_collate(samples[:1]), default_collate(samples[1:])]).check()
    assert check == pytest.approx(sum(wrong) / len(wrong), rel=1e-4)
    assert RefinementStage(small_refiner()).check() is None


def test_it_learns(samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In the photo it stood otherwise: who stands as in the photo is where the warp has it.
    otherwise = {**samples[0], "photo_keypoints": samples[0]["photo_keypoints"] * torch.tensor([1.2, 1.0])}

    class Always:
        """One displacement, the same in a mirror."""

        def sample(self, number: int) -> Sample:
            return otherwise

    monkeypatch.setattr(record, "plot", lambda *_: None)  # curves take longer than all else
    stage = RefinementStage(small_refiner(), [default_collate([otherwise])])
    batch = default_collate([otherwise, otherwise])
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
    assert set(one) == {"mirrored", "aside", "zoom", "mixing", "gamma"}
    assert not set(one) & set(batch)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert 150 < one["mirrored"].sum() < 250
    assert sorted(one["aside"].unique().tolist()) == list(range(-16, 17))
    assert 0.85 < one["zoom"].min() < 0.9 < 1.1 < one["zoom"].max() < 1.17
    assert torch.allclose(one["mixing"].mean(0), torch.eye(3), atol=0.03)
    assert 0.65 < one["gamma"].min() < 0.75 < 1.3 < one["gamma"].max() < 1.45


def disc(x: float, y: float) -> torch.Tensor:
    """[1, 96, 96]: opaque within 16 px of a place."""
    rows, columns = torch.meshgrid(torch.arange(96) + 0.5, torch.arange(96) + 0.5, indexing="ij")
    return (((columns - x).square() + (rows - y).square()).sqrt() < 16).float()[None]


def seen_as(coverage: torch.Tensor, matte: torch.Tensor, *, warped: float = 0.5, target: float = 0.5) -> Batch:
    """People of one grey each, before backgrounds that are as unlike as can be."""
    grey = {
        "warped": warped * coverage + (1 - coverage),
        "target": target * matte + 0 * (1 - matte),
    }
    planes = {name: each[:, None].expand(-1, 3, -1, -1) for name, each in grey.items()}
    return planes | {"coverage": coverage, "matte": matte, "importance": torch.ones(1, 96, 96)}


def everywhere(*shift: float) -> torch.Tensor:
    return torch.tensor(shift, dtype=torch.float32)[None, :, None, None].expand(1, 2, 24, 24)


def test_a_picture_is_like_the_target_where_the_field_brings_it() -> None:
    truth = seen_as(disc(40, 48), disc(52, 40))
    losses = {shift: float(likeness_loss(everywhere(*shift), truth)) for shift in ((0, 0), (-12, 8), (12, -8), (-9, 6))}
    assert losses[-12, 8] < 0.01
    assert losses[-12, 8] < 0.2 * losses[-9, 6] < 0.2 * losses[0, 0] < 0.2 * losses[12, -8]


def test_backgrounds_and_who_is_alike_count_nothing() -> None:
    same, other = (seen_as(disc(48, 48), disc(48, 48), target=grey) for grey in (0.5, 0.9))
    assert float(likeness_loss(everywhere(0, 0), same)) < 1e-6
    assert float(likeness_loss(everywhere(0, 0), other)) > 0.05
    # Face and hands count twice.
    twice = {**other, "importance": torch.full((1, 96, 96), 2.0)}
    assert float(likeness_loss(everywhere(0, 0), twice)) == pytest.approx(
        2 * float(likeness_loss(everywhere(0, 0), other)), rel=1e-5
    )


def test_a_few_pixels_far_off_do_not_outweigh_many() -> None:
    """Twice the difference costs less than twice as much, where one that is small costs four times as much."""
    steps = [
        float(likeness_loss(everywhere(0, 0), seen_as(disc(48, 48), disc(48, 48), warped=0.1, target=0.1 + off)))
        for off in (0.02, 0.04, 0.4, 0.8)
    ]
    assert steps[1] == pytest.approx(4 * steps[0], rel=0.1)
    assert 2 * steps[2] < steps[3] < 2.4 * steps[2]


def test_what_lies_far_from_the_person_pulls_at_nothing() -> None:
    field = torch.zeros(1, 2, 24, 24, requires_grad=True)
    likeness_loss(field, seen_as(disc(40, 48), disc(44, 48))).backward()
    pulled = field.grad.abs().sum(1)[0]
    assert pulled.sum() > 0
    assert (pulled[:3] == 0).all()
    assert (pulled[:, 20:] == 0).all()
    # Unless the field brings somebody there: at (90, 50) the right side of the disc, which ends at 56.
    ghost = torch.zeros(1, 2, 24, 24)
    ghost[0, 0, 12, 22] = -34
    field.grad = None
    alike = seen_as(disc(40, 48), disc(40, 48))
    assert likeness_loss(field + ghost, alike) > 0
    likeness_loss(field + ghost, alike).backward()
    assert field.grad[0, 0, 12, 22] < 0  # a longer way would bring more of it


def test_what_the_photo_never_showed_becomes_no_hole() -> None:
    """A person wider than the photo showed: a smooth field draws the side out instead of leaving a gap."""
    rows, columns = torch.meshgrid(torch.arange(96) + 0.5, torch.arange(96) + 0.5, indexing="ij")
    body = (rows - 48).abs() < 32
    coverage, matte = (body & (columns > 32) & (columns < 64)), (body & (columns > 24) & (columns < 64))
    truth = seen_as(coverage[None].float(), matte[None].float())
    told = torch.zeros(1, 2, 6, 6, requires_grad=True)
    optimizer = torch.optim.Adam([told], lr=0.3)
    for _ in range(150):
        field = F.interpolate(told, (24, 24), mode="bicubic")
        optimizer.zero_grad()
        likeness_loss(field, truth).backward()
        optimizer.step()
    holes = [
        float((carried(truth["coverage"][:, None], F.interpolate(each, (96, 96)))[:, 0] - truth["matte"]).abs().mean())
        for each in (torch.zeros(1, 2, 24, 24), field.detach())
    ]
    assert holes[1] < 0.3 * holes[0]


def test_the_loss_is_likeness_and_a_little_calm(batch: Batch) -> None:
    stage = RefinementStage(small_refiner())
    torch.nn.init.normal_(stage.refiner.conv_out.weight, std=0.1)
    losses = stage.losses(batch, stage.nets)
    assert losses["unlike"].item() > 0
    assert losses["variation"].item() > 0
    shares = LIKENESS * losses["unlike"] + VARIATION * losses["variation"]
    assert losses["loss"].item() == pytest.approx(shares.item(), rel=1e-6)


def test_what_is_carried_goes_where_meshes_do() -> None:
    """A dot of a picture that is carried ends where the point of a mesh does."""
    draws = torch.Generator().manual_seed(1)
    field = F.interpolate(4 * torch.randn(1, 2, 3, 3, generator=draws), (96, 96), mode="bicubic")
    for x, y in ((30, 40), (60, 50)):
        dot = torch.zeros(1, 1, 96, 96)
        dot[0, 0, y - 3 : y + 3, x - 3 : x + 3] = 1
        moved = carried(dot, field)[0, 0]
        rows, columns = torch.meshgrid(torch.arange(96) + 0.5, torch.arange(96) + 0.5, indexing="ij")
        found = torch.stack([(moved * columns).sum(), (moved * rows).sum()]) / moved.sum()
        assert torch.allclose(follow(torch.tensor([[[float(x), float(y)]]]), field)[0, 0], found, atol=0.5)


def test_the_view_is_that_of_the_person_and_everything_in_it_together(samples: list[Sample]) -> None:
    shown = seen(default_collate(samples))
    for name, channels in (("warped", (3,)), ("target", (3,)), ("coverage", ()), ("matte", ()), ("importance", ())):
        assert shown[name].shape == (4, *channels, *VIEW_SIZE), name
    assert 0 <= shown["target"].min() < 0.5 < shown["target"].max() <= 1
    for place in range(4):
        keypoints = shown["keypoints"][place]
        torso = keypoints[11:13].mean(0) - keypoints[23:25].mean(0)
        assert float(torso.norm()) == pytest.approx(WORK_TORSO_PX, rel=0.03)
        x, y = keypoints[15].long()
        assert shown["coverage"][place, y, x] > 0.5
        assert shown["importance"][place, y, x] > 1.5
        # The figure stands `place` + 1 - 1 px to the right of its joints, and two px below them: see `DrawnPeople`.
        scale = WORK_TORSO_PX / float(
            (samples[place]["photo_keypoints"][11:13].mean(0) - samples[place]["photo_keypoints"][23:25].mean(0)).norm()
        )
        centers = [
            torch.stack([(each * grid).sum() / each.sum() for grid in GRID])
            for each in (shown["coverage"][place], shown["matte"][place])
        ]
        moved = (centers[1] - centers[0]) / scale
        assert torch.allclose(moved, torch.tensor([float(place), 2.0]), atol=0.5)


def test_draws_move_enlarge_and_colour_photo_and_target_alike(samples: list[Sample]) -> None:
    batch = default_collate(samples[:1])
    plain = seen(batch)
    aside = seen({**batch, "aside": torch.tensor([[5, -7]])})
    assert torch.equal(aside["target"][..., :-7, 5:], plain["target"][..., 7:, :-5])
    assert torch.allclose(aside["keypoints"] - plain["keypoints"], torch.tensor([5.0, -7.0]))
    larger = seen({**batch, "zoom": torch.tensor([1.1])})
    assert float(larger["matte"].sum() / plain["matte"].sum()) == pytest.approx(1.21, rel=0.03)
    grey = {"mixing": torch.full((1, 3, 3), 1 / 3), "gamma": torch.tensor([1.0])}
    coloured = seen({**batch, **grey})
    for name in ("warped", "target"):
        assert (coloured[name][:, 0] - coloured[name][:, 1]).abs().max() < 1e-5
        assert torch.allclose(coloured[name][:, 0], plain[name].mean(1).clamp_min(1e-3), atol=1e-5)
    same = set(plain) - {"warped", "target"}
    assert all(torch.equal(plain[name].nan_to_num(), coloured[name].nan_to_num()) for name in same)


def test_mirrored_samples_agree_with_their_poses(batch: Batch) -> None:
    plain, mirrored = seen(batch), seen({**batch, "mirrored": torch.tensor([True, False, True, True])})
    which = [0, 2, 3]
    for name in ("warped", "coverage", "repair", "target", "matte", "importance"):
        assert torch.equal(mirrored[name][which], plain[name][which].flip(-1)), name
    assert all(torch.equal(each[1].nan_to_num(), plain[name][1].nan_to_num()) for name, each in mirrored.items())
    # A joint lies on the same pixel as before, under the other side's name.
    left, right = BLAZEPOSE_33.index("left_wrist"), BLAZEPOSE_33.index("right_wrist")
    for name in ("keypoints", "photo_keypoints"):
        x, y = plain[name][0, left]
        assert torch.allclose(mirrored[name][0, right], torch.stack([VIEW_SIZE[1] - x, y])), name
    confidence = {"confidence": torch.rand(4, 33), "photo_confidence": 0.9 + torch.rand(4, 33) / 10}
    turned = seen({**batch, **confidence, "mirrored": torch.ones(4, dtype=torch.bool)})
    for name, each in confidence.items():
        assert torch.equal(turned[name][:, left], each[:, right]), name


def test_training_and_rendering_show_it_the_same() -> None:
    source = RefinementPairs(DrawnPeople((192, 320)), seed=0)  # type: ignore[arg-type]
    sample, reference = source.sample(3), source.scene(3).reference
    heard: list[list[torch.Tensor]] = []

    class Listening(WarpRefiner):
        def forward(
            self,
            picture_B5HW: torch.Tensor,
            target: tuple[torch.Tensor, torch.Tensor],
            photo: tuple[torch.Tensor, torch.Tensor],
        ) -> torch.Tensor:
            heard.append([picture_B5HW, *target, *photo])
            return super().forward(picture_B5HW, target, photo)

    refiner = Listening(widths=(8, 16), pose_width=16)
    RefinementStage(refiner, [default_collate([sample])]).check()
    pose = sample["keypoints"][None], sample["confidence"][None]
    background = picture_tensor(reference.subject.background_HWC, CPU)
    refinement = WarpRefinement(refiner, reference.subject, reference.warp, background)
    with torch.inference_mode():
        refinement(reference.warp(*pose), *pose)
    training, rendering, _ = heard  # last, what it is told of the mirror image
    for ours, theirs in zip(training, rendering, strict=True):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
