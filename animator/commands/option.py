"""One option of the command line, tied to the keys of a job that it sets."""

from __future__ import annotations

import inspect
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One option.

    Attributes:
        flags: as typed; the first one names the parameter.
        sets: the key it sets to the value given, or a function from that value to keys and values.
        kind: type of the value on the command line; `bool` makes a flag without value.
        text: what it does, one phrase.
        default: the default in words.
        panel: heading in the help.
        metavar: what the help calls the value.
    """

    flags: tuple[str, ...]
    sets: str | Callable[[Any], Mapping[str, Any]]
    kind: type
    text: str
    default: str
    panel: str = ""
    metavar: str | None = None

    @property
    def name(self) -> str:
        """Name of the Python parameter."""
        return self.flags[0].split("/")[0].lstrip("-").replace("-", "_")

    def parameter(self) -> inspect.Parameter:
        """The parameter as typer wants it; None stands for "not given"."""
        option = typer.Option(
            *self.flags,
            help=f"{self.text} Default: {self.default}.",
            show_default=False,
            rich_help_panel=self.panel,
            metavar=self.metavar,
        )
        annotation = Annotated[self.kind | None, option]  # type: ignore[name-defined]  # a type made at run time
        return inspect.Parameter(self.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)

    def changes(self, value: Any) -> Mapping[str, Any]:
        """Keys of a job and their values; nothing when the option was not given."""
        # typer makes False of an absent flag that has no opposite.
        if value is None or (value is False and "/" not in self.flags[0]):
            return {}
        return {self.sets: value} if isinstance(self.sets, str) else self.sets(value)


def size_of(flag: str, text: str) -> tuple[int, int]:
    """(width, height) of `512x640`, px.

    Raises:
        BadParameter: it is something else.
    """
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text.strip())
    if match is None:
        raise typer.BadParameter(f"{flag}: got {reprlib.repr(text)}, expected WIDTHxHEIGHT in px, for example 512x640")
    return int(match[1]), int(match[2])


def written(*flags: str, text: str, metavar: str | None = None) -> Any:
    """An option that names what is written, as typer wants it."""
    return typer.Option(*flags, help=text, metavar=metavar, callback=_refuse_stdout)


def _refuse_stdout(path: Path | None) -> Path | None:
    """What other programs take for stdout would become a file or folder of that name."""
    if path == Path("-"):
        raise typer.BadParameter("got '-', but nothing is written to stdout; give it a name")
    return path


def in_panel(panel: str, *choices: Choice) -> tuple[Choice, ...]:
    """The same choices under one heading."""
    return tuple(replace(choice, panel=panel) for choice in choices)
