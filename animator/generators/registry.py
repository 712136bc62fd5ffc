"""Generators by name."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from animator.errors import JobError
from animator.generators.protocol import FrameGenerator
from animator.sampling.config import SamplerConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorSettings:
    """What generators are made with; each takes what concerns it.

    Attributes:
        model: `embedded`, a model folder, a Stable Diffusion 1.x folder, or a hub id.
        sampler: how the network is sampled.
        seed: same seed, same pictures.
        device: `auto`, `cpu`, `cuda`, `mps`.
        on_note: told in one line what the person should know while frames are made.
    """

    model: str = "embedded"
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    seed: int = 0
    device: str = "auto"
    on_note: Callable[[str], None] = logging.getLogger(__name__).warning


def _puppet(settings: GeneratorSettings) -> FrameGenerator:
    from animator.generators.puppet import PuppetGenerator

    return PuppetGenerator()


def _diffusion(settings: GeneratorSettings) -> FrameGenerator:
    from animator.device import pick_device, working_dtype
    from animator.generators.diffusion import DiffusionGenerator
    from animator.models.bases import open_base

    device = pick_device(settings.device)
    model = open_base(settings.model).to(device, working_dtype(device))
    return DiffusionGenerator(model, settings.sampler, seed=settings.seed, on_note=settings.on_note)


GENERATORS: dict[str, Callable[[GeneratorSettings], FrameGenerator]] = {"puppet": _puppet, "diffusion": _diffusion}


def open_generator(name: str, *, trust: bool = False, settings: GeneratorSettings | None = None) -> FrameGenerator:
    """The generator called `name`, or the object at `my_pkg.mod:Thing` (called without arguments).

    Raises:
        JobError: unknown name, or a Python path without `trust`.
        ModelError: the generator's model is missing, damaged, or does not fit.
        DeviceError: no such device.
    """
    if name in GENERATORS:
        return GENERATORS[name](settings or GeneratorSettings())
    module, _, attribute = name.partition(":")
    if not attribute:
        raise JobError(f"generator {name!r} is unknown; there is {', '.join(sorted(GENERATORS))}")
    if not trust:
        raise JobError(f"generator {name!r} would run Python code from outside; allow it with --trust")
    try:
        thing = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise JobError(f"generator {name!r} cannot be loaded: {error}") from error
    made: FrameGenerator = thing()
    return made
