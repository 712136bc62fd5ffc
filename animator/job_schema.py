"""The keys of a job, as `RenderJob` defines them, and what is said about wrong ones."""

from __future__ import annotations

import json
import operator
import reprlib
import types
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from animator.config import RenderJob

_MAX_COMPLAINTS = 5
_UNITS = {"_s": "seconds", "_px": "px", "_hz": "Hz", "_deg": "degrees", "fps": "frames per second"}
_LIMITS = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
    "multiple_of": "a multiple of",
}
_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "gt": ("more than", operator.gt),
    "ge": ("at least", operator.ge),
    "lt": ("less than", operator.lt),
    "le": ("at most", operator.le),
    "multiple_of": ("a multiple of", lambda value, step: value % step == 0),
}
_KINDS = {
    "bool": "true or false",
    "finite": "a finite number",
    "float": "a number",
    "int": "a whole number",
    "model": "a table",
    "path": "a path",
    "string_type": "text",
    "tuple": "a list",
}
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = 60


class JobKey(NamedTuple):
    """One key of a job: dotted name, default as TOML writes it (`required`, `none`), and what it means."""

    name: str
    default: str
    description: str


def job_keys(model: type[BaseModel] = RenderJob, prefix: str = "") -> Iterator[JobKey]:
    """All keys that hold a value, table by table."""
    for name, field in model.model_fields.items():
        tables = models_in(field.annotation)
        for table in tables:
            yield from job_keys(table, f"{prefix}{name}.")
        if not tables:
            default = field.get_default(call_default_factory=True, validated_data={})
            yield JobKey(prefix + name, as_toml(default), field.description or "")


def find_field(keys: Sequence[str | int], model: type[BaseModel] = RenderJob) -> FieldInfo | None:
    """The field that a path of keys leads to; None where it leads nowhere."""
    tables: list[type[BaseModel]] = [model]
    field = None
    for key in keys:
        field = next((table.model_fields[str(key)] for table in tables if str(key) in table.model_fields), None)
        if field is None:
            return None
        tables = models_in(field.annotation)
    return field


def types_in(annotation: Any) -> list[Any]:
    """The leaves of an annotation: `Path | None` gives [Path, NoneType]."""
    if get_origin(annotation) in (Union, types.UnionType, tuple, list):
        return [leaf for part in get_args(annotation) for leaf in types_in(part)]
    return [annotation]


def names_in(annotation: Any) -> list[Any]:
    """The values that an annotation spells out: `Literal["keep"] | Path` gives ["keep"]."""
    return [value for leaf in types_in(annotation) if get_origin(leaf) is Literal for value in get_args(leaf)]


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The tables an annotation allows."""
    return [leaf for leaf in types_in(annotation) if isinstance(leaf, type) and issubclass(leaf, BaseModel)]


def complain(
    error: ValidationError,
    *,
    leaving_out: Container[tuple[str | int, ...]] = (),
    model: type[BaseModel] = RenderJob,
) -> str:
    """What is wrong with a job, all in one line: `motion.fps: got 'x', expected a number (frames per second)`.

    Args:
        error: what pydantic found.
        leaving_out: places of which nothing is said.
        model: the kind of job.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for detail in error.errors(include_url=False):
        keys = detail["loc"]
        if keys in leaving_out:
            continue
        while keys and find_field(keys, model) is None and detail["type"] != "extra_forbidden":
            keys = keys[:-1]  # members of a union, places in a list
        found.setdefault(".".join(map(str, keys)), []).append(detail)
    lines = [_complaint(key, details, model) for key, details in found.items()]
    rest = len(lines) - _MAX_COMPLAINTS
    return "; ".join(lines[:_MAX_COMPLAINTS]) + (f"; and {rest} more" if rest > 0 else "")


def _complaint(key: str, details: list[Mapping[str, Any]], model: type[BaseModel]) -> str:
    """One line for one key; the members of a union speak together."""
    kind = details[0]["type"]
    if kind == "extra_forbidden":
        return f"{_BRIEF.repr(key)[1:-1]}: unknown key; {_advise(key, model)}"
    if kind == "missing":
        return f"{key}: missing"
    if kind == "value_error":
        text = details[0]["msg"].removeprefix("Value error, ")
        return f"{key}: {text}" if key else text
    expected = " or ".join(dict.fromkeys(map(_expected, details)))
    field = find_field(key.split("."), model)
    if kind in _LIMITS and field is not None:
        expected = _broken_limits(field, details[0]["input"]) or expected
    return f"{key}: got {_BRIEF.repr(details[0]['input'])}, expected {expected}{unit_of(key)}"


def unit_of(key: str) -> str:
    """The unit a key is given in, in brackets; nothing where it has none."""
    return next((f" ({unit})" for ending, unit in _UNITS.items() if key.endswith(ending)), "")


def _broken_limits(field: FieldInfo, value: Any) -> str:
    """All the limits that a number breaks, where pydantic stops at the first: `at least 64, a multiple of 2`."""
    if not isinstance(value, int | float):
        return ""
    limits = {
        (words, limit)
        for each in field.metadata
        for name, (words, holds) in _BOUNDS.items()
        if (limit := getattr(each, name, None)) is not None and not holds(value, limit)
    }
    return ", ".join(
        f"{words} {limit:g}" if isinstance(limit, float) else f"{words} {limit}" for words, limit in sorted(limits)
    )


def _advise(key: str, model: type[BaseModel]) -> str:
    """The nearest key, or where a key of the same last name lives."""
    known = [each.name for each in job_keys(model)]
    known += sorted({name.rpartition(".")[0] for name in known} - {""})
    same = [name for name in known if name.rpartition(".")[2] == key.rpartition(".")[2]]
    near = same or get_close_matches(key, known, n=1) or _nearest_last(key, known)
    return (
        f"did you mean {near[0]}?"
        if near
        else ("docs/job-file.md lists all keys" if model is RenderJob else "--dry-run shows all keys")
    )


def _nearest_last(key: str, known: Sequence[str]) -> list[str]:
    """The key whose last part is like that of `key`: `motion.fps` for `fsp`."""
    by_last = {name.rpartition(".")[2]: name for name in reversed(known)}
    return [by_last[last] for last in get_close_matches(key.rpartition(".")[2], by_last, n=1)]


def _expected(detail: Mapping[str, Any]) -> str:
    kind = detail["type"]
    if kind in _LIMITS:
        (limit,) = detail["ctx"].values()
        return f"{_LIMITS[kind]} {limit:g}" if isinstance(limit, float) else f"{_LIMITS[kind]} {limit}"
    if kind in {"literal_error", "enum"}:
        return str(detail["ctx"]["expected"])
    words = next((words for beginning, words in _KINDS.items() if kind.startswith(beginning)), None)
    message = str(detail["msg"])
    return words or message[:1].lower() + message[1:]


def as_toml(value: Any) -> str:
    """A value as a job file writes it; `required` where there is none yet."""
    if value is PydanticUndefined:
        return "required"
    return "none" if value is None else json.dumps(value, default=str)
