"""Networks from folders in diffusers' layout: safetensors only, complete, and with the configured shapes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from animator.errors import ModelError

Net = TypeVar("Net", bound=torch.nn.Module)

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")

_NEXT = "Copy the model again, all of it."


def load_net(kind: type[Net], folder: Path, *, may_hold: tuple[str, ...] = ()) -> Net:
    """Read one network in float32, in evaluation mode.

    Args:
        kind: a diffusers or transformers model class, or one of ours.
        folder: holds `config.json` and safetensors, whole or in shards.
        may_hold: beginnings of the names of weights that belong to something else and are left out.

    Raises:
        ModelError: missing, pickled, damaged, incomplete, or other shapes than the configuration says.
    """
    variant = _check_folder(folder)
    options: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "output_loading_info": True}
    # For the libraries then tell which weights have other shapes, instead of advice on how to do without them. No such
    # network gets through.
    options["ignore_mismatched_sizes"] = True
    try:
        with quiet():
            net, told = kind.from_pretrained(folder, variant=variant, **options)  # type: ignore[attr-defined]
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can raise almost anything inside the readers
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise ModelError(f"{folder}: cannot be read as {kind.__name__} ({reason}). {_NEXT}") from error
    extra = [name for name in told["unexpected_keys"] if not name.startswith(may_hold or ("\0",))]
    problems = [
        f"{len(names)} {what} (for example {names[0]})"
        for what, names in (
            ("missing", sorted(told["missing_keys"])),
            ("unknown", sorted(extra)),
            ("of another shape", sorted(_two_shapes(*each) for each in told["mismatched_keys"])),
        )
        if names
    ]
    if problems:
        raise ModelError(f"{folder}: weights do not fit {kind.__name__}: {', '.join(problems)}. {_NEXT}")
    return net.float().eval().requires_grad_(False)


def _two_shapes(name: str, found: Sequence[int], expected: Sequence[int]) -> str:
    """One weight that does not fit: `conv_in.weight: [16, 54, 3, 3], config.json says [16, 55, 3, 3]`."""
    return f"{name}: {[*found]}, config.json says {[*expected]}"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' own progress bars and reports away: progress and trouble are told in one place."""
    import diffusers.utils.logging as diffusers_log
    import transformers.utils.logging as transformers_log

    logs = (diffusers_log, transformers_log)
    shown = [log.is_progress_bar_enabled() for log in logs]
    levels = [log.get_verbosity() for log in logs]
    for log in logs:
        log.disable_progress_bar()
        log.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.set_verbosity(level)
        for log, was_shown in zip(logs, shown, strict=True):
            if was_shown:
                log.enable_progress_bar()


def _check_folder(folder: Path) -> str | None:
    """The variant to read: None, or fp16 where there is nothing else."""
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: no network here, config.json is missing. {_NEXT}")
    weights = [path.name for path in folder.glob("*.safetensors")]
    if not weights:
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
        if pickles:
            raise ModelError(
                f"{folder}: {pickles[0]} is a pickle, which can run code when it is read. Use a version of the model "
                "with .safetensors."
            )
        raise ModelError(f"{folder}: no weights here, expected .safetensors. {_NEXT}")
    return "fp16" if all(".fp16." in name for name in weights) else None
