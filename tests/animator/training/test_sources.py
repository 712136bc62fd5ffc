"""Where samples come from: every number is one sample, whoever asks and in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from animator.canvas import CanvasConfig
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.progress import SilentProgress
from animator.synthesis import dataset
from animator.synthesis.dataset import DatasetOptions, RenderedPeople
from animator.synthesis.take import TakeOptions
from animator.training.autoencoder import AutoencoderStage
from animator.training.clips import ClipPairs, track_folder
from animator.training.config import TrainConfig
from animator.training.correspondence import true_displacement
from animator.training.dead_leaves import dead_leaves
from animator.training.loop import fit
from animator.training.pictures import SIDE, Pictures
from animator.training.refinement import carried
from animator.training.rendered import RefinementPairs, RenderedPairs
from animator.training.samples import Sample, SampleSource, batches
from pose_tracking.tracking import TrackerConfig

MEDIA = Path(__file__).parents[3] / "examples" / "media"
# Of each of the examples' clips; ten with a person are the least that is trained on.
FRAMES = 14
SMALL = DatasetOptions(
    take=TakeOptions(height=192, width=128, num_frames=20),
    samples_per_take=4,
    targets_per_reference=2,
    open_takes=2,
    lens=False,
)

# Large enough for MediaPipe to see whom it cuts out.
LARGER = replace(SMALL, take=TakeOptions(height=320, width=256, num_frames=20))


def equal(one: Sample, two: Sample) -> bool:
    return set(one) == set(two) and all(torch.equal(one[name].nan_to_num(), two[name].nan_to_num()) for name in one)


def assert_pure(source: SampleSource, another: SampleSource, numbers: tuple[int, ...]) -> None:
    """Two sources that are made alike give the same samples, asked in whatever order."""
    forward = [source.sample(number) for number in numbers]
    backward = [another.sample(number) for number in reversed(numbers)][::-1]
    assert all(equal(one, two) for one, two in zip(forward, backward, strict=True))
    assert not equal(forward[0], forward[1])


@pytest.fixture(scope="module", autouse=True)
def _takes_made_once() -> Iterator[None]:
    """A take is a function of its arguments, see `test_take`: to make one takes longer than all that is done here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "random_take", lru_cache(maxsize=8)(dataset.random_take))
        yield


@pytest.fixture(scope="module")
def rendered() -> list[Sample]:
    source = RenderedPairs(RenderedPeople(3, SMALL), seed=3)
    return [source.sample(number) for number in range(6)]


def test_pairs_of_rendered_people_are_functions_of_their_number(rendered: list[Sample]) -> None:
    another = RenderedPairs(RenderedPeople(3, SMALL), seed=3)
    for number in (5, 1, 0):
        assert equal(another.sample(number), rendered[number])
    assert not equal(rendered[0], rendered[1])


def test_neighbouring_pairs_show_different_takes_and_share_photos_in_time(rendered: list[Sample]) -> None:
    first, other, later = rendered[:3]
    assert not torch.equal(first["photo"], other["photo"])
    assert torch.equal(first["photo"], later["photo"])
    assert not torch.equal(first["target"], later["target"])


def test_warped_photo_of_a_rendered_pair_is_nearer_to_the_target_than_the_photo(rendered: list[Sample]) -> None:
    gains = []
    for sample in rendered:
        person = sample["importance"] > 1.5
        warped = (sample["warped"] - sample["target"] / 255).abs()[:, person].mean()
        still = (sample["photo"] / 255 - sample["target"] / 255).abs()[:, person].mean()
        gains.append(float(still - warped))
    assert np.mean(gains) > 0


def test_true_displacements_put_the_warps_of_rendered_people_right(rendered: list[Sample]) -> None:
    source, another = (RefinementPairs(RenderedPeople(3, SMALL), seed=3) for _ in range(2))
    assert_pure(source, another, (2, 0))
    gains = []
    for number in (0, 2, 3):
        sample, pair, scene = source.sample(number), rendered[number], source.scene(number)
        assert all(torch.equal(sample[name], pair[name]) for name in ("warped", "target", "coverage"))
        person, true = sample["matte"] > 0.5, pair["target"] / 255
        told, known = true_displacement(scene.reference, sample["keypoints"], sample["confidence"], scene.rendered)
        assert 0.5 < 16 * known.sum() / person.sum() < 1.5
        field = torch.nn.functional.interpolate(told[None], true.shape[-2:], mode="bilinear")
        right = carried(sample["warped"][None], field)[0]
        errors = [(each - true).square().mean(0)[person].mean() for each in (sample["warped"], right)]
        gains.append(float(10 * torch.log10(errors[0] / errors[1])))
    assert min(gains) > 0.5  # decibels
    assert np.mean(gains) > 1


def test_people_that_are_cut_out_as_a_render_finds_them_are_nearly_who_they_are() -> None:
    """MediaPipe's cut of a rendered photo: another one than the renderer's, and not much of another."""
    true, found = (RefinementPairs(RenderedPeople(3, LARGER), seed=3, cut=cut) for cut in ("true", "found"))
    assert_pure(found, RefinementPairs(RenderedPeople(3, LARGER), seed=3, cut="found"), (2, 0))
    mattes = [torch.from_numpy(source.scene(0).reference.subject.matte_HW) > 0.5 for source in (true, found)]
    assert 0.75 < float((mattes[0] & mattes[1]).sum() / (mattes[0] | mattes[1]).sum()) < 0.999
    one, other = true.sample(0), found.sample(0)
    assert all(torch.equal(one[name], other[name]) for name in ("target", "matte", "importance"))
    assert not torch.equal(one["coverage"], other["coverage"])


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """The beginnings of the examples' clips, their packets as they are."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for whole in sorted(MEDIA.glob("*.mp4")):
        with av.open(str(whole)) as source, av.open(str(folder / whole.name), "w") as cut:
            stream = cut.add_stream_from_template(source.streams.video[0])
            for packet in islice(source.demux(source.streams.video[0]), FRAMES):
                packet.stream = stream
                cut.mux(packet)
    return folder


def test_pairs_of_clips_are_functions_of_their_number(clips: Path, tmp_path: Path) -> None:
    tracked, refused = track_folder(clips, TrackerConfig(), cache=tmp_path / "poses", progress=SilentProgress())
    assert refused == []
    assert [each.path.name for each in tracked] == [path.name for path in sorted(clips.iterdir())]
    canvas = CanvasConfig(width=128, height=192)
    one, two = (ClipPairs(tracked, canvas, seed=1, tracker=TrackerConfig()) for _ in range(2))
    assert_pure(one, two, (0, 9, 1))
    again, _ = track_folder(clips, TrackerConfig(), cache=tmp_path / "poses", progress=SilentProgress())
    assert np.array_equal(again[0].poses.keypoints_TK2, tracked[0].poses.keypoints_TK2, equal_nan=True)


def test_workers_look_at_photos_after_clips_were_tracked_here(clips: Path, tmp_path: Path) -> None:
    """MediaPipe has run in this process by then, and would end a process forked from it."""
    tracked, _ = track_folder(clips, TrackerConfig(), cache=tmp_path / "poses", progress=SilentProgress())
    source = ClipPairs(tracked, CanvasConfig(width=128, height=192), seed=1, tracker=TrackerConfig())
    (made,) = batches(source, start=0, stop=1, batch=1, workers=1)
    assert torch.equal(made["target"][0], source.sample(0)["target"])


def test_pictures_for_the_autoencoder_are_functions_of_their_number() -> None:
    source, another = (Pictures(RenderedPeople(3, SMALL), seed=3) for _ in range(2))
    assert_pure(source, another, (0, 1, 4))
    assert source.sample(2)["picture"].shape == (3, SIDE, SIDE)


def test_dead_leaves_have_edges_at_every_scale_and_repeat_with_their_seed() -> None:
    picture = dead_leaves(np.random.default_rng(1), 96, 128)
    assert picture.shape == (96, 128, 3)
    assert np.array_equal(picture, dead_leaves(np.random.default_rng(1), 96, 128))
    grey = picture.mean(-1)
    for step in (1, 4, 16):
        jumps = np.abs(grey[:, step:] - grey[:, :-step])
        assert (jumps > 25).mean() > 0.01, step
        assert (jumps < 5).mean() > 0.05, step


class Leaves:
    """Eight pictures, over and over."""

    def __init__(self) -> None:
        drawn = [dead_leaves(np.random.default_rng(number), 64, 64) for number in range(8)]
        self.pictures = torch.from_numpy(np.stack(drawn).transpose(0, 3, 1, 2).copy())

    def sample(self, number: int) -> Sample:
        return {"picture": self.pictures[number % 8]}


@pytest.fixture(scope="module")
def leaves() -> Leaves:
    return Leaves()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_autoencoder_learns_beyond_its_linear_start(tmp_path: Path, leaves: Leaves, precision: str) -> None:
    torch.manual_seed(0)
    vae = PatchAutoencoder(latent_channels=8, widths=(8, 16, 16))
    vae.start_from(leaves.pictures.float() / 127.5 - 1)
    stage = AutoencoderStage(vae, held_out=leaves.pictures)
    before = stage.check()
    config = TrainConfig(steps=80, batch=4, learning_rate=3e-3, warmup=5, ema=0.0, precision=precision)
    fit(stage, leaves, config, tmp_path, device=torch.device("cpu"))
    after = stage.check()
    assert before is not None
    assert after is not None
    assert after < before - 0.1  # decibels
