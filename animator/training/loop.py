"""The one training loop: every stage, one process or many, interrupted or not.

Weights after N updates are the same whether the training ran through or was stopped and resumed in between: samples,
noise and the learning rate are functions of the update's number, and a checkpoint holds all that is not. A batch that
does not fit into the memory is computed in parts, whose gradients add up to the same update.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs
from diffusers.training_utils import EMAModel

from animator.device import is_out_of_memory
from animator.errors import DeviceError, JobError, ModelError
from animator.progress import Progress, SilentProgress
from animator.training.checkpoint import check_agreement, checkpoint_place, load_checkpoint, save_checkpoint
from animator.training.config import TrainConfig, learning_rate_factor
from animator.training.gradients import BatchGradients
from animator.training.record import TrainingRecord
from animator.training.samples import Batch, SampleSource, batches
from animator.training.stage import Stage, TrainReport


def fit(
    stage: Stage,
    source: SampleSource,
    config: TrainConfig,
    folder: Path,
    *,
    device: torch.device,
    progress: Progress | None = None,
    learns_from: str = "",
    is_time_up: Callable[[], bool] = lambda: False,
    keeps_start: bool = False,
) -> TrainReport:
    """Train `stage` in place; if `folder` holds a checkpoint of it, go on from there.

    The networks end as the averaged weights; as those of the best check where checks are made. Ended by the clock,
    too: the folder then holds what the next call goes on from, to the same bits as if there had been no end.

    Args:
        folder: gets checkpoints, `losses.csv`, `losses.png`, and tensorboard's files if it is installed.
        learns_from: stands for the data and the weights it begins with; a checkpoint of another is refused.
        is_time_up: asked after every update; true ends it here. One process alone may be ended so.
        keeps_start: check the weights it begins with, too: where nothing better comes, it ends with these.

    Raises:
        ModelError: the loss is not finite, or a checkpoint does not fit.
        JobError: a checkpoint of other settings or data, or a batch that cannot be split evenly.
        DeviceError: out of memory with a single sample.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report = progress or SilentProgress()
    run = _Run(stage, config, folder, _open_accelerator(config, device), learns_from, report.warn)
    run.resume()
    try:
        with run.record, report.stage(f"training {stage.name}", total=config.steps) as shown:
            shown.advance(run.step)
            if keeps_start:
                run.check_start()
            for batch in run.batches(source):
                if run.out_of_patience:
                    break
                run.update(batch)
                shown.advance()
                if is_time_up():
                    break
            if keeps_start:
                run.check_end()
            run.finish()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            f"training {stage.name}: out of memory with one sample at a time. Set gradient_checkpointing=true, which "
            f"goes on from {folder}; or take a smaller base, or another --device."
        ) from error
    return run.report()


class _Run:
    """A training under way: networks, optimiser, averages, and where it stands."""

    def __init__(
        self,
        stage: Stage,
        config: TrainConfig,
        folder: Path,
        accelerator: Accelerator,
        learns_from: str,
        warn: Callable[[str], None],
    ) -> None:
        self.stage, self.config, self.folder, self.accelerator = stage, config, folder, accelerator
        self.learns_from = learns_from
        self.step, self.best, self.misses = 0, (math.inf, 0), 0
        self.nets = dict(stage.nets)
        for net in self.nets.values():
            net.to(accelerator.device)
            net.train()
            if config.gradient_checkpointing and hasattr(net, "enable_gradient_checkpointing"):
                net.enable_gradient_checkpointing()  # type: ignore[operator]
        self.trainable = {name: [p for p in net.parameters() if p.requires_grad] for name, net in self.nets.items()}
        self.averages = {
            name: EMAModel(parameters, decay=config.ema, use_ema_warmup=True, power=0.75, foreach=True)
            for name, parameters in self.trainable.items()
            if config.ema
        }
        self.optimizer = torch.optim.AdamW(
            [{"params": parameters} for parameters in self.trainable.values()],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            betas=(0.9, 0.99),
        )
        self.record = TrainingRecord(folder, enabled=accelerator.is_main_process)
        self.wrapped = {name: accelerator.prepare(net) for name, net in self.nets.items()}
        self.prepared_optimizer = accelerator.prepare(self.optimizer)
        self.gradients = BatchGradients(
            stage,
            self.wrapped,
            [parameter for parameters in self.trainable.values() for parameter in parameters],
            accelerator,
            at_once=config.batch // accelerator.num_processes,
            warn=warn,
        )

    def batches(self, source: SampleSource) -> Iterator[Batch]:
        """This process's part of the batches that are left."""
        return batches(
            source,
            start=self.step,
            stop=self.config.steps,
            batch=self.config.batch,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
            workers=self.config.workers,
        )

    @property
    def out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.misses

    def resume(self) -> None:
        facts = load_checkpoint(self.folder, nets=self.nets, averages=self._shadows(), optimizer=self.optimizer)
        if facts is None:
            self._forget_best()
            return
        check_agreement(self.folder, facts, self.config, learns_from=self.learns_from)
        self.step, self.misses = int(facts["step"]), int(facts["misses"])
        self.best = (float(facts["best"][0]), int(facts["best"][1]))
        self._forget_best(but=self.best[1])
        if self.accelerator.scaler is not None and facts["scale"] is not None:
            self.accelerator.scaler.load_state_dict(facts["scale"])
        self.record.rewind(self.step)

    def _forget_best(self, *, but: int | None = None) -> None:
        """What was best after the checkpoint, or in another training, is none of ours."""
        if self.accelerator.is_main_process:
            keep = None if but is None else checkpoint_place(self.folder / "best", but)
            for old in (self.folder / "best").glob("*"):
                if old != keep:
                    shutil.rmtree(old)

    def check_start(self) -> None:
        """Let what it begins with compete with what comes of it."""
        if self.config.check_every and self.step == 0:
            self._check()

    def check_end(self) -> None:
        """Let the last updates compete, too, if no check fell on the last of them."""
        if self.config.check_every and self.step == self.config.steps and self.step % self.config.check_every:
            self._check()

    def update(self, batch: Batch) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * learning_rate_factor(self.step, self.config)
        rng = torch.Generator().manual_seed(
            (self.config.seed * 1_000_003 + self.step) * 4099 + self.accelerator.process_index
        )
        losses = self.gradients.leave({**batch, **self.stage.draws(batch, rng)})
        if not math.isfinite(losses["loss"]):
            raise ModelError(
                f"training {self.stage.name}: the loss is not finite at update {self.step}; lower the learning rate "
                f"(now {self.config.learning_rate:g}) or use precision fp32. The last checkpoint is in {self.folder}."
            )
        self.accelerator.clip_grad_norm_(self.gradients.parameters, self.config.clip)
        self.prepared_optimizer.step()
        self.prepared_optimizer.zero_grad(set_to_none=True)
        for name, average in self.averages.items():
            average.optimization_step = self.step
            average.step(self.trainable[name])
        self.step += 1
        self.record.add(self.step, losses)
        if self.config.check_every and self.step % self.config.check_every == 0:
            self._check()
        if self.step % self.config.checkpoint_every == 0:
            self.save()

    def finish(self) -> None:
        """Keep what is best: the best check's weights, else the averaged ones."""
        self.save()
        self.accelerator.wait_for_everyone()
        best = self.folder / "best"
        if math.isfinite(self.best[0]) and checkpoint_place(best, self.best[1]).is_dir():
            load_checkpoint(best, nets=self.nets, averages={}, optimizer=self.optimizer)
        else:
            for name, average in self.averages.items():
                average.copy_to(self.trainable[name])
        for net in self.nets.values():
            net.eval()

    def save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        self.record.flush()
        save_checkpoint(
            self.folder,
            self.step,
            nets=self.nets,
            averages=self._shadows(),
            optimizer=self.optimizer,
            facts=self._facts(),
        )

    def report(self) -> TrainReport:
        return TrainReport(
            steps=self.step,
            loss=self.record.recent("loss"),
            best=self.best if math.isfinite(self.best[0]) else None,
            stopped_early=self.out_of_patience,
        )

    def _check(self) -> None:
        """Ask the stage how good the averaged weights are, and keep the best."""
        for name, average in self.averages.items():
            average.store(self.trainable[name])
            average.copy_to(self.trainable[name])
        for net in self.nets.values():
            net.eval()
        value = self.stage.check()
        if value is not None:
            self.record.add(self.step, {"check": value})
            if value < self.best[0]:
                self.best, self.misses = (value, self.step), 0
                if self.accelerator.is_main_process:
                    save_checkpoint(
                        self.folder / "best",
                        self.step,
                        nets=self.nets,
                        averages={},
                        optimizer=self.optimizer,
                        facts=self._facts(),
                    )
            else:
                self.misses += 1
        for name, average in self.averages.items():
            average.restore(self.trainable[name])
        for net in self.nets.values():
            net.train()

    def _shadows(self) -> dict[str, list[torch.Tensor]]:
        return {name: average.shadow_params for name, average in self.averages.items()}

    def _facts(self) -> dict[str, object]:
        scaler = self.accelerator.scaler
        return {
            "stage": self.stage.name,
            "config": self.config.model_dump(),
            "learns_from": self.learns_from,
            "best": list(self.best),
            "misses": self.misses,
            "scale": None if scaler is None else scaler.state_dict(),
        }


def _open_accelerator(config: TrainConfig, device: torch.device) -> Accelerator:
    # Two halves of a subject phase may compute in different precision; accelerate remembers the first.
    AcceleratorState._reset_state()
    accelerator = Accelerator(
        mixed_precision={"fp32": "no", "bf16": "bf16", "fp16": "fp16"}[config.precision],
        cpu=device.type == "cpu",
        # Networks are alike in all processes, and nothing may wait for a process within a network.
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
    )
    if config.batch % accelerator.num_processes:
        raise JobError(
            f"a batch of {config.batch} cannot be split among {accelerator.num_processes} processes; use a multiple"
        )
    return accelerator
