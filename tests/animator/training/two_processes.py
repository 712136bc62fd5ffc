"""What each of several processes does for `test_processes`; started by torch's launcher, tells its findings as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import distributed, nn

from animator.progress import SilentProgress
from animator.training.config import TrainConfig
from animator.training.denoising import DenoisingStage
from animator.training.loop import fit
from animator.training.processes import is_main_process
from animator.training.samples import Batch
from tests.animator.models.tiny import tiny_model
from tests.animator.training.test_denoising import Waving

CONFIG = TrainConfig(steps=4, batch=4, learning_rate=1e-3, warmup=1, ema=0.9, checkpoint_every=2)


class Trained(DenoisingStage):
    """A base whose image encoder learns along; dies at one update, or runs short of memory in the second process."""

    def __init__(self, *, dies_at: int | None = None, scarce: bool = False) -> None:
        super().__init__(tiny_model(), train_image_encoder=True)
        self.updates, self._dies_at, self._scarce = 0, dies_at, scarce

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        if self.updates == self._dies_at:
            raise KeyboardInterrupt
        self.updates += 1
        if self._scarce and not is_main_process() and len(batch["photo"]) > 1 and self.updates > 1:
            raise torch.OutOfMemoryError("simulated")
        return super().losses(batch, nets)

    def weights(self) -> torch.Tensor:
        """All that was trained."""
        (net,) = self.nets.values()
        return torch.cat([each.detach().flatten() for each in net.parameters()])


class Told(SilentProgress):
    """Remembers what it is warned of."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, message: str) -> None:
        self.lines.append(message)


def main(folder: Path) -> None:
    device, source = torch.device("cpu"), Waving()
    whole, before = Trained(), Trained().weights()
    fit(whole, source, CONFIG, folder / "whole", device=device)
    try:
        fit(Trained(dies_at=3), source, CONFIG, folder / "broken", device=device)
    except KeyboardInterrupt:
        distributed.barrier()
    resumed = Trained()
    fit(resumed, source, CONFIG, folder / "broken", device=device)
    scarce, told = Trained(scarce=True), Told()
    fit(scarce, source, CONFIG, folder / "scarce", device=device, progress=told)
    everybodys: list[torch.Tensor] = [torch.empty(0)] * 2
    distributed.all_gather_object(everybodys, whole.weights())
    (net,) = whole.nets.values()
    encoder = torch.cat([each.detach().flatten() for each in net.image_encoder.parameters() if each.requires_grad])
    untrained = tiny_model().image_encoder
    names = {name for name, each in net.image_encoder.named_parameters() if each.requires_grad}
    encoder_before = torch.cat([each.flatten() for name, each in untrained.named_parameters() if name in names])
    findings = {
        "processes": distributed.get_world_size(),
        "learned": not torch.equal(whole.weights(), before),
        "encoder_learned": not torch.equal(encoder, encoder_before),
        "alike": torch.equal(everybodys[0], everybodys[1]),
        "updates_after_resuming": resumed.updates,
        "resumed_to_the_bit": torch.equal(resumed.weights(), whole.weights()),
        "scarce_learned_the_same": torch.allclose(scarce.weights(), whole.weights(), atol=1e-4),
        "told": told.lines,
    }
    (folder / f"process-{distributed.get_rank()}.json").write_text(json.dumps(findings), encoding="utf-8")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
