"""The command line: the verbs, and how a command ends.

Exit codes: 0 done, 1 a bug, 2 wrong usage, 3 bad input, 4 model missing, 5 out of memory, 6 disk full, 7 done in
part, 130 and 143 stopped by a signal, 141 nobody reads the output any more. Heavy modules are imported inside the
commands: `animator --help` must be there before a finger leaves the key.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import Annotated

import typer

from animator.commands import (
    benching,
    evaluating,
    inspecting,
    jobs,
    models,
    queue,
    rendering,
    synth,
    tracking,
    training,
)
from animator.commands.console import Debug, DryRun, JsonLines, Quiet, Root, Verb
from animator.errors import next_step
from animator.progress import JsonProgress
from pose_tracking.errors import PipelineError
from pose_tracking.escaping import printable

BUG, USAGE, BAD_INPUT, OUT_OF_MEMORY, DISK_FULL = 1, 2, 3, 5, 6
NOBODY_READS = 128 + 13  # what a shell says of a program that SIGPIPE ended
_DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# The root of typer's complaints about usage; typer exports only this leaf of it.
_UsageComplaint: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="animator",
    cls=Root,
    help="Animate a person from a photo with the motion of a driving video.",
    epilog="Begin with: animator doctor, then animator animate me.jpg dance.mp4 -o out.mp4",
    rich_markup_mode="rich",
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


class Stopped(BaseException):
    """A signal asked the program to end; raised so that every `finally` on the way out runs."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.exit_code = 128 + signum


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"animator {version('pose-animator')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    quiet: Quiet = False,
    json_lines: JsonLines = False,
    dry_run: DryRun = False,
    debug: Debug = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Animate a person from a photo with the motion of a driving video."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(USAGE)


_EXAMPLES: dict[Callable[..., None], str] = {
    rendering.animate: "animator animate me.jpg dance.mp4 -o out.mp4 --canvas 512x640 --start 2 --end 8",
    tracking.track: "animator track dance.mp4 -o dance.npz --preview dance.skeleton.mp4",
    rendering.render: "animator render job.toml --set motion.fps=25",
    evaluating.evaluate: "animator evaluate --clip dance.mp4 -o report",
    queue.worker: "animator worker night --until-empty",
    inspecting.inspect: "animator inspect out.mp4",
    inspecting.doctor: "animator doctor",
    benching.bench: "animator bench -o bench.png",
    training.finetune: "animator finetune me.jpg -o me-model",
    models.import_dreampose: "animator import-dreampose release -o model --base CompVis/stable-diffusion-v1-4",
}
for _verb, _example in _EXAMPLES.items():
    app.command(cls=Verb, epilog=f"Example: {_example}")(_verb)
app.add_typer(jobs.group)
app.add_typer(models.group)
app.add_typer(training.group)
app.add_typer(synth.group)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; print what went wrong as one line; return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_closed_streams()
    _spell_out_odd_letters()
    debug = "--debug" in words or os.environ.get("ANIMATOR_DEBUG", "0") not in {"", "0"}
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _stop)
    if not debug:
        # Those of libraries; ours go through Progress.warn.
        warnings.simplefilter("ignore")
        for library in ("DIFFUSERS", "TRANSFORMERS", "HF_HUB"):
            os.environ.setdefault(f"{library}_VERBOSITY", "error")
    try:
        code = typer.main.get_command(app).main(args=words, prog_name="animator", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # typer's own way out
            return NOBODY_READS
        return error.code if isinstance(error.code, int) else BUG
    except BaseException as error:
        if debug:
            traceback.print_exc()
        code, text = explain(error)
        message = printable(text)
        with suppress(BrokenPipeError):
            print(f"error: {message}", file=sys.stderr)
        with suppress(BrokenPipeError):
            if "--json" in words:
                JsonProgress().emit(event="error", exit_code=code, message=message)
        return code


def _open_closed_streams() -> None:
    """Let closed standard streams lead nowhere: the next file opened would get their number, and what is printed."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _spell_out_odd_letters() -> None:
    """Write what the terminal's alphabet lacks as stderr does, `\\u4eba`, instead of ending over a file's name."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def explain(error: BaseException) -> tuple[int, str]:
    """The exit code and the one line for whatever ended a command."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, Stopped):
        return error.exit_code, text
    if isinstance(error, PipelineError):
        return error.exit_code, str(error) or text  # one line as it is; a break in it is part of a name
    if isinstance(error, _UsageComplaint):
        message = " ".join(error.format_message().split())  # type: ignore[attr-defined]
        context = getattr(error, "ctx", None)
        return USAGE, f"{message} ({context.command_path if context else 'animator'} --help)"
    if _is_out_of_memory(error):
        return OUT_OF_MEMORY, f"out of memory ({text}). Try a smaller --canvas or a shorter part (--start, --end)."
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or text
        if error.errno in _DISK_TROUBLE:
            return DISK_FULL, f"{name}{reason}. Free some space, or choose another folder."
        closed = _closed_folder(error)
        if closed is not None:
            what = f"this folder must be open for what is in it to be read, and is not ({reason})"
            return BAD_INPUT, f"{closed}: {what}. Open it with: chmod u+rx {quote(str(closed))}, or choose another one."
        return BAD_INPUT, f"{name}{reason}. {next_step(error)}"
    return BUG, f"{type(error).__name__}: {text}. This is a bug; run again with --debug and report it."


def _closed_folder(error: OSError) -> Path | None:
    """The folder that keeps a file from being looked at, if it is no fault of the file: the outermost one."""
    if error.errno != errno.EACCES or not isinstance(error.filename, str):
        return None
    place = Path(error.filename).absolute()
    return next((each for each in reversed((place, *place.parents)) if _is_closed(each)), None)


def _is_closed(place: Path) -> bool:
    # Asked in this order, and without following what cannot be: nobody knows what lies in a closed folder.
    return os.path.isdir(place) and not os.access(place, os.R_OK | os.X_OK)


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or "torch" not in sys.modules:  # what is not loaded did not raise the error
        return isinstance(error, MemoryError)
    from animator.device import is_out_of_memory

    return is_out_of_memory(error)


def _stop(signum: int, _: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_DFL)  # whoever asks twice means at once
    if hasattr(signal, "SIGCHLD"):
        # A signal to the group ends the workers of a training, too; torch would raise for them on our way out.
        signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)
    raise Stopped(signum)
