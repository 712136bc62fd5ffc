"""Generators by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from animator.errors import JobError
from animator.generators.protocol import FrameGenerator


def _puppet() -> FrameGenerator:
    from animator.generators.puppet import PuppetGenerator

    return PuppetGenerator()


GENERATORS: dict[str, Callable[[], FrameGenerator]] = {"puppet": _puppet}


def open_generator(name: str, *, trust: bool = False) -> FrameGenerator:
    """The generator called `name`, or the object at `my_pkg.mod:Thing` (called without arguments).

    Raises:
        JobError: unknown name, or a Python path without `trust`.
    """
    if name in GENERATORS:
        return GENERATORS[name]()
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
