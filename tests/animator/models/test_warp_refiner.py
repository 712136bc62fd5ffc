"""The network that says where the warped photo should lie."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from animator.errors import ModelError
from animator.models.bases import with_refiner
from animator.models.subject_model import SubjectModel
from animator.models.warp_refiner import CELL_PX, KNOT_PX, WarpRefiner
from tests.animator.models.tiny import tiny_model

Pose = tuple[torch.Tensor, torch.Tensor]


def poses(count: int, seed: int) -> Pose:
    draws = torch.Generator().manual_seed(seed)
    return torch.rand(count, 33, 2, generator=draws) * torch.tensor([64.0, 96.0]), torch.ones(count, 33)


def trained(seed: int = 0, knot_px: int = KNOT_PX) -> WarpRefiner:
    """As if it were: with random weights to its output, too."""
    torch.manual_seed(seed)
    net = WarpRefiner(widths=(8, 16, 16, 16), pose_width=16, knot_px=knot_px).eval()
    torch.nn.init.normal_(net.conv_out.weight, std=0.1)
    return net


def picture(count: int = 1) -> torch.Tensor:
    return torch.rand(count, 5, 96, 64, generator=torch.Generator().manual_seed(5))


def test_untrained_it_moves_nothing() -> None:
    with torch.no_grad():
        field = WarpRefiner()(picture(2), poses(2, 1), poses(2, 2))
    assert field.shape == (2, 2, 96 // CELL_PX, 64 // CELL_PX)
    assert field.dtype == torch.float32
    assert not field.any()


def test_the_farther_apart_it_is_told_the_smoother_the_field() -> None:
    roughness = []
    for knot_px in (4, 8, 16, 32):
        with torch.no_grad():
            field = trained(knot_px=knot_px)(picture(), poses(1, 1), poses(1, 2))
        assert field.shape == (1, 2, 96 // CELL_PX, 64 // CELL_PX)
        roughness.append(float(field.diff(dim=-1).abs().mean() / field.std()))
    assert all(finer > 1.3 * coarser for finer, coarser in itertools.pairwise(roughness)), roughness


def test_it_is_told_no_farther_apart_than_its_deepest_level_knows() -> None:
    with torch.no_grad():
        field = WarpRefiner(widths=(8, 16), pose_width=16, knot_px=64)(picture(), poses(1, 1), poses(1, 2))
    assert field.shape == (1, 2, 96 // CELL_PX, 64 // CELL_PX)


@pytest.mark.parametrize("changed", ["picture", "target", "photo"])
def test_picture_and_both_poses_have_a_say(changed: str) -> None:
    net = trained()
    seen, target, photo = picture(), poses(1, 1), poses(1, 2)
    with torch.no_grad():
        before = net(seen, target, photo)
        after = net(
            1 - seen if changed == "picture" else seen,
            poses(1, 3) if changed == "target" else target,
            poses(1, 3) if changed == "photo" else photo,
        )
    assert (before - after).abs().max() > 1e-3


def test_the_photo_s_own_pose_is_left_as_the_warp_shows_it_and_what_is_near_it_nearly() -> None:
    net, photo = trained(), poses(1, 2)
    sizes = []
    for share in (0.0, 0.005, 0.2, 1.0):
        pose = torch.lerp(photo[0], poses(1, 1)[0], share), photo[1]
        with torch.no_grad():
            sizes.append(float(net(picture(), pose, photo).abs().mean()))
    assert sizes[0] == 0
    assert 0 < sizes[1] < 0.2 * sizes[2]
    assert sizes[2] > 0.2 * sizes[3]


def test_joints_that_nobody_saw_have_no_say_and_do_no_harm() -> None:
    net, (keypoints, confidence) = trained(), poses(1, 1)
    unseen = keypoints.clone()
    unseen[:, 20:23] = torch.nan
    elsewhere = keypoints.clone()
    elsewhere[:, 20:23] += 30
    doubtful = confidence.clone()
    doubtful[:, 20:23] = 0
    with torch.no_grad():
        fields = [net(picture(), (joints, doubtful), poses(1, 2)) for joints in (unseen, elsewhere)]
    assert fields[0].isfinite().all()
    assert torch.allclose(*fields, atol=1e-5)


def test_the_size_of_both_pictures_in_which_a_pose_was_found_does_not_matter_to_its_shape() -> None:
    """Joints are told about the hips in torso lengths: a photo of twice the size differs only in its size."""
    net, (keypoints, confidence) = trained(), poses(1, 2)
    embedded = []
    net.pose_embedding.register_forward_pre_hook(lambda _, given: embedded.append(given[0]))
    with torch.no_grad():
        for factor in (1.0, 2.0):
            net(picture(), poses(1, 1), (keypoints * factor + 7, confidence))
    same, size = embedded[0][:, :-1] - embedded[1][:, :-1], embedded[0][:, -1] - embedded[1][:, -1]
    assert same.abs().max() < 1e-4
    assert torch.allclose(size, torch.log(torch.tensor([2.0])), atol=1e-4)


def test_a_model_keeps_its_refiner_on_the_disk(tmp_path: Path) -> None:
    before = with_refiner(tiny_model(), trained())
    before.save(tmp_path / "model", dtype=torch.float16)
    after = SubjectModel.load(tmp_path / "model")
    assert after.manifest.refiner
    assert "refiner/diffusion_pytorch_model.safetensors" in after.manifest.files
    assert before.refiner is not None
    assert after.refiner is not None
    for name, weight in before.refiner.state_dict().items():
        assert torch.equal(after.refiner.state_dict()[name], weight.half().float()), name
    assert not with_refiner(after, None).manifest.refiner


def test_a_refiner_is_refused_where_no_photo_is_warped() -> None:
    with pytest.raises(ModelError, match="takes no warped photo"):
        with_refiner(tiny_model(warp=False), trained())
