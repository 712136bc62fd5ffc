"""Generators by name: chosen and checked first, opened when they are needed."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animator.canvas import DEFAULT_SIZE, CanvasConfig
from animator.encoding.provenance import SourceType
from animator.errors import JobError, ModelError
from animator.generators.protocol import FrameGenerator
from animator.generators.puppet_config import PuppetConfig
from animator.models.manifest import check_canvas
from animator.models.source import EMBEDDED, ModelSource, find_model
from animator.sampling.config import SamplerConfig
from pose_tracking.hashing import file_sha256

if TYPE_CHECKING:
    from animator.device import Precision

_WANTED = "expected a class of generators, see animator.generators.protocol"
log_note = logging.getLogger(__name__).warning


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorSettings:
    """What generators are made with; each takes what concerns it.

    Attributes:
        model: `embedded`, a model folder, a Stable Diffusion 1.x folder, or a hub id.
        image_encoder: folder or hub id of a CLIP vision encoder, for a base that has none.
        canvas: size of the pictures; sides that are not set are for the model to choose.
        puppet: how the puppet draws.
        sampler: how the network is sampled.
        seed: same seed, same pictures.
        device: `auto`, `cpu`, `cuda`, `mps`.
        on_note: told in one line what the person should know while frames are made.
        workers: most frames made side by side on a CPU; none: as many as torch may use threads.
        precision: number format of the networks; `auto`: what the device multiplies fastest.
        low_vram: compute as little as possible at once.
        lock_background: away from the person, show the background that the subject has; false: it may be painted.
    """

    model: str = EMBEDDED
    image_encoder: str | None = None
    canvas: CanvasConfig = field(default_factory=CanvasConfig)
    puppet: PuppetConfig = field(default_factory=PuppetConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    seed: int = 0
    device: str = "auto"
    on_note: Callable[[str], None] = log_note
    workers: int | None = None
    precision: Precision = "auto"
    low_vram: bool = False
    lock_background: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenGenerator:
    """A generator that was found and checked; no weight has been read.

    Attributes:
        name: as in a job.
        open: makes it; may raise `ModelError` and `DeviceError`.
        canvas: with both sides set; the size of the pictures.
        source_type: what its pictures are, for the mark in the result.
        model: the weights it draws with, if any.
        device: where it computes, as torch calls it.
        sampler: how its network is sampled, if it has one.
        evaluations: of the network, per frame.
        notes: what the person should know, one line each.
    """

    name: str
    open: Callable[[], FrameGenerator]
    canvas: CanvasConfig
    source_type: SourceType = "compositeSynthetic"
    model: ModelSource | None = None
    device: str = "cpu"
    sampler: SamplerConfig | None = None
    evaluations: int = 0
    notes: tuple[str, ...] = ()

    def about_photo(self, photo: Path) -> list[str]:
        """What to say of a photo of somebody whom the model may not know."""
        known = () if self.model is None or self.model.manifest is None else self.model.manifest.subject_photos
        if self.model is None or not known or not photo.is_file() or file_sha256(photo) in known:
            return []
        return [
            f"{photo.name}: {self.model.title} was tuned to another photo, and draws what that one shows into this "
            "one; for another person, leave --model out or tune a model to this photo"
        ]

    def as_dict(self) -> dict[str, Any]:
        """Its facts in JSON's own types."""
        return {
            "generator": self.name,
            "model": None if self.model is None else self.model.name,
            "device": self.device,
            "scheduler": None if self.sampler is None else self.sampler.scheduler,
            "steps": None if self.sampler is None else self.sampler.steps,
            "evaluations_per_frame": self.evaluations,
            "reuse": None if self.sampler is None else self.sampler.reuse,
            "decoder": None if self.sampler is None else self.sampler.decoder,
        }

    def line(self) -> str:
        """Its facts in a sentence."""
        if self.model is None or self.sampler is None:
            return f"by {self.name} on {self.device}"
        every = self.sampler.reuse or 1
        reuse = f", deep layers in 1 of {every} steps" if every > 1 else ""
        return (
            f"by {self.name} with {self.model.title} on {self.device}: {self.sampler.steps} steps of "
            f"{self.sampler.scheduler}, {self.evaluations} UNet evaluations per frame{reuse}"
        )


def choose_generator(name: str, settings: GeneratorSettings, *, trust: bool = False) -> ChosenGenerator:
    """The generator called `name`, or the object at `my_pkg.mod:Thing` (called without arguments).

    Raises:
        JobError: unknown name, a Python path without `trust`, or a canvas that the model cannot fill.
        ModelError: the generator's model is not there, or cannot serve.
        DeviceError: no such device.
    """
    if name in GENERATORS:
        return GENERATORS[name](settings)
    module, _, attribute = name.partition(":")
    if not attribute:
        raise JobError(f"generator {name!r} is unknown; there is {', '.join(sorted(GENERATORS))}")
    if not trust:
        raise JobError(f"generator {name!r} would run Python code from outside; allow it with --trust")
    try:
        thing = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # outside code can raise anything while it is imported
        raise JobError(f"generator {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    _check_factory(name, thing)
    return ChosenGenerator(
        name=name, open=partial(_open_object, name, thing), canvas=settings.canvas.completed(DEFAULT_SIZE)
    )


def _check_factory(name: str, thing: Any) -> None:
    """Refuse what cannot be called without arguments to get a generator, as far as that shows without a call."""
    if not callable(thing):
        raise JobError(f"generator {name!r} is no class or function; {_WANTED}")
    try:
        inspect.signature(thing).bind()
    except TypeError as error:
        raise JobError(f"generator {name!r} cannot be called without arguments ({error}); {_WANTED}") from error
    except ValueError:  # some built-in objects do not tell their arguments
        return


def _open_object(name: str, thing: Callable[[], Any]) -> FrameGenerator:
    from animator.generators.outside import OutsideGenerator, blamed

    with blamed(name):
        made = thing()
    if not callable(getattr(made, "generate", None)) or not isinstance(getattr(made, "name", None), str):
        raise JobError(
            f"generator {name!r} gives a {type(made).__name__}, which has no generate() or no name; {_WANTED}"
        )
    return OutsideGenerator(name, made)


def open_generator(name: str, *, trust: bool = False, settings: GeneratorSettings | None = None) -> FrameGenerator:
    """Choose a generator and open it, in one step.

    Raises:
        JobError, ModelError, DeviceError: see `choose_generator`; or a model that is damaged or does not fit.
    """
    return choose_generator(name, settings or GeneratorSettings(), trust=trust).open()


def _puppet(settings: GeneratorSettings) -> ChosenGenerator:
    device = "cpu" if settings.device == "auto" else settings.device
    given = {"model": settings.model != EMBEDDED, "sampler": settings.sampler != SamplerConfig()}
    unused = [what for what, is_set in given.items() if is_set]

    def open_puppet() -> FrameGenerator:
        from animator.device import pick_device
        from animator.generators.parallel import most_workers
        from animator.generators.puppet import PuppetGenerator

        workers = most_workers(settings.workers)
        return PuppetGenerator(device=pick_device(device), workers=workers, exposure_s=settings.puppet.exposure_s)

    return ChosenGenerator(
        name="puppet",
        open=open_puppet,
        canvas=settings.canvas.completed(DEFAULT_SIZE),
        device=device,
        notes=tuple(f"the puppet has no {what}: what was set for it changes nothing" for what in unused),
    )


def _diffusion(settings: GeneratorSettings) -> ChosenGenerator:
    from animator.device import pick_device

    device = pick_device(settings.device)
    model = find_model(settings.model, image_encoder=settings.image_encoder)
    canvas = _model_canvas(model, settings.canvas)
    if model.manifest is not None and model.manifest.skeleton == "densepose-uv" and settings.sampler.densepose is None:
        raise JobError(
            f"{model.title} takes DensePose arrays, not keypoints: give U,V arrays, one per frame, with "
            "--set sampler.densepose=FOLDER"
        )

    def open_diffusion() -> FrameGenerator:
        return _open_diffusion(model, canvas, device, settings)

    facts = model.manifest
    sampler = settings.sampler.completed(*(() if facts is None else (facts.steps, facts.repair, facts.refine)))
    has_warp = facts is None or facts.warp
    notes = ["only the puppet is exposed: --exposure changes nothing"] if settings.puppet != PuppetConfig() else []
    keeps_photo = settings.lock_background or (has_warp and sampler.repair != 1)
    return ChosenGenerator(
        name="diffusion",
        open=open_diffusion,
        canvas=canvas,
        source_type="compositeWithTrainedAlgorithmicMedia" if keeps_photo else "trainedAlgorithmicMedia",
        model=model,
        device=str(device),
        sampler=sampler,
        evaluations=_evaluations(sampler),
        notes=tuple(notes),
    )


def _open_diffusion(
    model: ModelSource, canvas: CanvasConfig, device: Any, settings: GeneratorSettings
) -> FrameGenerator:
    from animator.generators.diffusion import DiffusionGenerator
    from animator.generators.memory import plan_model
    from animator.generators.parallel import most_workers
    from animator.generators.weights import open_weights

    opened = open_weights(model, canvas, device, precision=settings.precision)
    workers = most_workers(settings.workers)
    plan = plan_model(opened, settings.sampler, workers=workers, low_vram=settings.low_vram)
    return DiffusionGenerator(
        opened,
        settings.sampler,
        seed=settings.seed,
        on_note=settings.on_note,
        plan=plan,
        lock_background=settings.lock_background,
    )


def _model_canvas(model: ModelSource, canvas: CanvasConfig) -> CanvasConfig:
    """The canvas that the model fills.

    Raises:
        JobError: another one was asked for.
    """
    if model.manifest is None:
        completed = canvas.completed(DEFAULT_SIZE)
        try:
            check_canvas(completed.size)
        except ModelError as error:  # the model is not to blame
            raise JobError(str(error)) from error
        return completed
    width, height = model.manifest.canvas
    completed = canvas.completed((width, height))
    if completed.size != (width, height):
        raise JobError(
            f"canvas {completed.width}x{completed.height}: {model.title} was made for {width}x{height} px; leave the "
            f"canvas out, or use --canvas {width}x{height}"
        )
    return completed


def _evaluations(config: SamplerConfig) -> int:
    """How often the network is asked for one frame: once for each branch that counts, in every step."""
    from animator.sampling.guidance import Guidance

    guidance = Guidance(
        image=config.guidance_image,
        pose=config.guidance_pose,
        rescale=config.guidance_rescale,
        interval=config.guidance_interval,
    )
    steps = config.completed().steps or 0
    last = max(steps - 1, 1)
    return sum(len(guidance.weights(step / last)) for step in range(steps))


GENERATORS: dict[str, Callable[[GeneratorSettings], ChosenGenerator]] = {"puppet": _puppet, "diffusion": _diffusion}
