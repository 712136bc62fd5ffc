"""Rendered people as training data: an endless, sharded stream of reference, target and tracked-looking poses.

Legend: B batch, C colour, H W pixels, K keypoints, N window.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from animator.errors import JobError
from animator.synthesis.lens import photograph, random_lens
from animator.synthesis.scene import RenderedFrame
from animator.synthesis.take import Take, TakeOptions, random_take
from animator.synthesis.tracked import TrackedTake, look_at
from animator.synthesis.tracker_noise import TrackerNoise, apply_noise, draw_noise, no_noise
from pose_tracking.sequence import PoseSequence
from temporal.windows import WINDOW_SIZE

Sample = dict[str, Tensor]
# Where a sample's joints come from: the truth; the truth with errors drawn at random; the tracker.
Joints = Literal["true", "drawn", "tracked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetOptions:
    """How samples are drawn.

    Attributes:
        take: people, motions, backdrops, size.
        samples_per_take: frames drawn of one person and motion before the next; people are costly to make.
        targets_per_reference: neighbouring samples of a take that share their reference, and so its preparation.
        open_takes: takes drawn from in turn, so that neighbours in the stream show different people.
        joints: "true"; "drawn": with errors drawn at random (`tracker_noise`); "tracked": as the tracker finds them in
            the pictures and a render cleans them (`tracked`), drawn where it finds nobody.
        noise: strength of errors that are drawn, 1 as measured, 0 none.
        poses: folder in which tracked takes are kept; none: nowhere.
        lens: add softness, shot noise and compression.
        min_gap_s: least time between reference and target.
    """

    take: TakeOptions = field(default_factory=TakeOptions)
    samples_per_take: int = 24
    targets_per_reference: int = 1
    open_takes: int = 4
    joints: Joints = "drawn"
    noise: float = 1.0
    poses: Path | None = None
    lens: bool = True
    min_gap_s: float = 0.3

    def __post_init__(self) -> None:
        if self.samples_per_take < 1 or self.open_takes < 1:
            raise JobError(
                f"samples_per_take is {self.samples_per_take}, open_takes {self.open_takes}; expected at least 1"
            )
        if self.targets_per_reference < 1 or self.samples_per_take % self.targets_per_reference:
            raise JobError(
                f"targets_per_reference is {self.targets_per_reference}; expected a divisor of samples_per_take, "
                f"{self.samples_per_take}"
            )


class RenderedPeople(IterableDataset[Sample]):
    """Samples without end. Sample number n is a pure function of (seed, n, options), whoever renders it.

    Workers of a `DataLoader` and `shard`s of several processes take every so-manieth take; none is rendered twice.

    A sample holds, as uint8 or float32 tensors:
        reference_CHW, target_CHW: pictures, uint8 RGB.
        reference_keypoints_K2, reference_confidence_K: the reference's pose as a tracker gives it, px, NaN unseen.
        keypoints_NK2, confidence_NK: five poses around the target, the same way.
        true_reference_K2, true_target_K2: joints without errors.
        reference_matte_HW, target_matte_HW: 0 to 1.
        reference_parts_HW, target_parts_HW; reference_layers_HW, target_layers_HW; reference_uv_HW2, target_uv_HW2:
            part, layer and (u, v) name a point of the person's surface.
        number: n, int64.
    """

    def __init__(
        self, seed: int, options: DatasetOptions | None = None, *, shard: int = 0, num_shards: int = 1
    ) -> None:
        super().__init__()
        if not 0 <= shard < num_shards:
            raise JobError(f"shard {shard} of {num_shards}; expected 0 to {num_shards - 1}")
        self.seed, self.options = seed, options or DatasetOptions()
        self.shard, self.num_shards = shard, num_shards
        self._open: OrderedDict[int, _Source] = OrderedDict()

    def sample(self, number: int) -> Sample:
        """Sample `number` by itself; the takes asked for last are kept open."""
        take = number // self.options.samples_per_take
        if take not in self._open:
            self._open[take] = _Source.draw(self.seed, take, self.options)
            while len(self._open) > self.options.open_takes:
                self._open.popitem(last=False)
        return self._open[take].sample(number)

    def __iter__(self) -> Iterator[Sample]:
        info = get_worker_info()
        workers, worker = (info.num_workers, info.id) if info is not None else (1, 0)
        step = workers * self.num_shards
        group = self.shard * workers + worker
        while True:
            yield from self._group(group)
            group += step

    def _group(self, group: int) -> Iterator[Sample]:
        """All samples of `open_takes` neighbouring takes, in turn."""
        options = self.options
        numbers = [group * options.open_takes + place for place in range(options.open_takes)]
        sources = [_Source.draw(self.seed, number, options) for number in numbers]
        for turn in range(options.samples_per_take):
            for number, source in zip(numbers, sources, strict=True):
                yield source.sample(number * options.samples_per_take + turn)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Source:
    """One take with its errors."""

    seed: int
    take: Take
    noise: TrackerNoise
    tracked: TrackedTake | None
    options: DatasetOptions

    @classmethod
    def draw(cls, seed: int, number: int, options: DatasetOptions) -> _Source:
        rng = np.random.default_rng([seed, number, 0x64617461])
        take_seed = int(rng.integers(1 << 31))
        take = random_take(take_seed, options.take)
        noise = draw_noise(rng, len(take), fps=options.take.fps, strength=options.noise)
        if options.joints == "true":
            noise = no_noise(len(take))
        tracked = None
        if options.joints == "tracked":
            tracked = look_at(take, take_seed, options.take, is_photographed=options.lens, folder=options.poses)
        return cls(seed=seed, take=take, noise=noise, tracked=tracked, options=options)

    def sample(self, number: int) -> Sample:
        rng = np.random.default_rng([self.seed, number, 0x73616D70])
        # What neighbours share is drawn from their group's number.
        shared = np.random.default_rng([self.seed, number // self.options.targets_per_reference, 0x72656665])
        lens = random_lens(shared) if self.options.lens else None
        reference = self._choose_reference(shared)
        target = self._choose_target(reference, rng)
        shown = {"reference": self.take.frame(reference), "target": self.take.frame(target)}
        sample: Sample = {"number": torch.tensor(number)}
        for (name, frame), draws in zip(shown.items(), (shared, rng), strict=True):
            image = frame.image_HWC if lens is None else photograph(frame.image_HWC, lens, draws)
            sample |= {
                f"{name}_CHW": torch.from_numpy(np.ascontiguousarray(rearrange(image, "h w c -> c h w"))),
                f"{name}_matte_HW": torch.from_numpy(frame.matte_HW),
                f"{name}_parts_HW": torch.from_numpy(frame.parts_HW),
                f"{name}_layers_HW": torch.from_numpy(frame.layers_HW),
                f"{name}_uv_HW2": torch.from_numpy(frame.uv_HW2),
                f"true_{name}_K2": torch.from_numpy(frame.keypoints_K2),
            }
        around = np.arange(target - WINDOW_SIZE // 2, target + WINDOW_SIZE // 2 + 1).clip(0, len(self.take) - 1)
        photo = rearrange(sample["reference_CHW"].numpy(), "c h w -> h w c")
        found = None
        if self.tracked is not None:
            found = self.tracked.seen_from(photo, number=number // self.options.targets_per_reference)
        if found is None:
            in_photo = self._drawn(np.array([reference]), shown["reference"])
            in_clip = self._drawn(around, shown["target"])
        else:
            in_photo, in_clip = _poses(found[0], np.array([0])), _poses(found[1], around)
        sample["reference_keypoints_K2"], sample["reference_confidence_K"] = (each[0] for each in in_photo)
        sample["keypoints_NK2"], sample["confidence_NK"] = in_clip
        return sample

    def _choose_reference(self, rng: np.random.Generator) -> int:
        """Of four frames, the one that faces the camera most."""
        candidates = rng.integers(len(self.take), size=4)
        to_camera = -self.take.camera.world_to_camera_33[2]
        facing = self.take.motion.rotations_TJ33[candidates, 0, :, 2] @ to_camera
        return int(candidates[np.argmax(facing)])

    def _choose_target(self, reference: int, rng: np.random.Generator) -> int:
        """Any frame at least `min_gap_s` away from the reference."""
        frames = len(self.take)
        gap = min(round(self.options.min_gap_s * self.options.take.fps), (frames - 1) // 2)
        return int(rng.choice(np.flatnonzero(np.abs(np.arange(frames) - reference) >= gap)))

    def _drawn(self, frames_N: np.ndarray, shown: RenderedFrame) -> tuple[Tensor, Tensor]:
        """What a tracker would say of some frames; what is visible is taken from the drawn one in the middle."""
        true = np.stack([self.take.keypoints(int(frame)) for frame in frames_N])
        keypoints, confidence = apply_noise(self.noise, frames_N, true, shown.visibility_K)
        return torch.from_numpy(keypoints), torch.from_numpy(confidence)


def _poses(poses: PoseSequence, frames_N: np.ndarray) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(poses.keypoints_TK2[frames_N]), torch.from_numpy(poses.confidence_TK[frames_N])
