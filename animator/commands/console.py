"""How a command speaks: results on stdout, progress and warnings on stderr, JSON lines where asked for.

The global flags are kept in the context's `meta`, so they may stand before or after the command's name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from animator.progress import JsonProgress, Progress, TqdmProgress
from pose_tracking.escaping import printable

PARTIAL = 7
"""Exit code of a result that holds less than was asked for, because the clip is damaged."""

PANEL = "Everywhere"
_META = "animator.flags"


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the global flags ask for.

    Attributes:
        quiet: no progress bars.
        json_lines: events and results as JSON objects, one a line.
        dry_run: check and plan, write nothing.
    """

    quiet: bool = False
    json_lines: bool = False
    dry_run: bool = False

    @classmethod
    def of(cls, context: typer.Context) -> Console:
        """The console that the flags of this call describe."""
        flags = context.meta.get(_META, {})
        return cls(
            quiet=flags.get("quiet", False),
            json_lines=flags.get("json_lines", False),
            dry_run=flags.get("dry_run", False),
        )

    def progress(self) -> Progress:
        """Bars on stderr, JSON events on stdout, or warnings only."""
        if self.json_lines:
            return JsonProgress()
        return TqdmProgress(bars=not self.quiet)

    def result(self, event: str, fields: dict[str, Any], lines: Iterable[str]) -> None:
        """Print a result: `fields` as one JSON line, or `lines` for a person; a break within a line is spelled out."""
        if self.json_lines:
            JsonProgress().emit(event=event, **fields)
            return
        for line in lines:
            print(printable(line))
        sys.stdout.flush()


def _remember(context: typer.Context, parameter: typer.CallbackParam, value: bool) -> None:
    if value:
        context.meta.setdefault(_META, {})[parameter.name] = True


def _flag(*names: str, text: str) -> Any:
    return typer.Option(*names, help=text, callback=_remember, expose_value=False, rich_help_panel=PANEL)


Quiet = Annotated[bool, _flag("--quiet", "-q", text="No progress bars.")]
JsonLines = Annotated[bool, _flag("--json", text="Events and results as JSON lines on stdout.")]
DryRun = Annotated[bool, _flag("--dry-run", text="Check the input, print the plan, write nothing.")]
Debug = Annotated[bool, _flag("--debug", text="Tracebacks, and the messages of native libraries.")]


class Verb(TyperCommand):
    """A command that also understands the global flags, so they may follow its name."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # A file that must not be read is bad input, not wrong usage; whoever reads it says so.
        for parameter in self.params:
            parameter.type_descriptor.parameter_info.readable = False  # type: ignore[attr-defined]

    def get_params(self, ctx: Any) -> list[Any]:
        """Its own parameters, then the flags of the root command."""
        return _with_flags(super().get_params(ctx), ctx)


class Group(TyperGroup):
    """Commands under one name that also understands the global flags, as it may do something alone."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its own parameters, then the flags of the root command."""
        return _with_flags(super().get_params(ctx), ctx)


def overview(context: typer.Context) -> None:
    """A group alone: what there is in it, as help; wrong usage, for nothing was asked for."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)


def _with_flags(own: list[Any], ctx: Any) -> list[Any]:
    flags = [each for each in ctx.find_root().command.params if getattr(each, "rich_help_panel", "") == PANEL]
    return [*own[:-1], *flags, own[-1]]


class Root(TyperGroup):
    """The program itself."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of the words; files where a command should stand are told from a slip of the pen."""
        word = args[0]
        if self.get_command(ctx, word) is None and (Path(word).suffix or Path(word).is_file()):
            raise typer.BadParameter(
                f"{word!r} is no command. A command comes first, such as: animator animate PHOTO CLIP -o OUT", ctx=ctx
            )
        return super().resolve_command(ctx, args)

    def get_help_option(self, ctx: Any) -> Any:
        """The help flag, off rather than unset: to make sense of an unset one, typer imports pydantic."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option
