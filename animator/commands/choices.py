"""Commands that take the shared options: what was typed becomes keys of a job and their values."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from animator.commands.choice_table import CHOICES
from animator.errors import JobError

if TYPE_CHECKING:
    from animator.config import RenderJob

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any key of a job, see docs/job-file.md; repeatable."),
]


def typed_job(
    values: Mapping[str, Any], overrides: Sequence[str], *, changes: Mapping[str, Any], trust: bool = False
) -> RenderJob:
    """The job that a command line describes; all of it was typed, so what is wrong is a matter of usage.

    Raises:
        BadParameter: unknown keys, wrong values.
    """
    from animator.job_file import build_job

    try:
        return build_job(values, overrides, changes=changes, trust=trust)
    except JobError as error:
        raise typer.BadParameter(str(error)) from error


def with_choices(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the choices called `names`, or all of them.

    The command gets those the person made as `changes`: keys of a job and their values.
    """
    choices = [choice for choice in CHOICES if not names or choice.name in names]

    def extend(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        hints = get_type_hints(command, include_extras=True)
        own = [each.replace(annotation=hints[each.name]) for each in signature.parameters.values()]
        parameters = [each for each in own if each.name != "changes"] + [choice.parameter() for choice in choices]

        @functools.wraps(command)
        def chosen(*args: Any, **given: Any) -> None:
            made = [(choice, given.pop(choice.name)) for choice in choices]
            changes = {key: each for choice, value in made for key, each in choice.changes(value).items()}
            command(*args, **given, changes=changes)

        chosen.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        chosen.__annotations__ = {each.name: each.annotation for each in parameters}
        return chosen

    return extend
