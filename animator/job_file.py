"""Job files: TOML to `RenderJob` and back, `--set a.b=c` on top, and complaints a person can act on.

Relative paths in a file count from the file's folder, those in an override from the current folder.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from animator.config import RenderJob
from animator.encoding.atomic_file import explained, replacing
from animator.errors import JobError, OptionError
from animator.job_schema import complain, find_field, models_in, names_in, types_in, unit_of
from animator.models.source import EMBEDDED
from animator.paths import tidied

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_FILE_BYTES = 64 * 1024
_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_OBJECT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
# `tracker.kind` is a name or the path of a MediaPipe model.
_PATH_ENDING = ".task"
# Names, hub ids or folders: a folder when it is there, or written as only a path is.
_FOLDERS_TOO = frozenset({"model", "image_encoder"})
# What a person says; it may well look like the name of an object.
_FREE_TEXT = frozenset({"provenance.consent"})


def read_job(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    changes: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> RenderJob:
    """Read a job file.

    Args:
        path: the TOML file.
        overrides: `key.key=value` each, applied in order; the value is TOML, or plain text where it is not.
        changes: dotted keys and their values, applied before `overrides`.
        trust: allow Python objects to be named (`my_pkg.mod:Thing`), which runs their code.

    Raises:
        JobError: missing, too large, no TOML, unknown keys, wrong values, or an object without `trust`.
        OptionError: the file is right, and `overrides` or `changes` are not.
    """
    path = Path(path)
    if not path.is_file():
        raise JobError(f"{path}: {'is no file; give a job file' if path.exists() else 'no such job file'}")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise JobError(f"{path.name}: {path.stat().st_size} bytes is no job file; at most {MAX_FILE_BYTES} are read")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # TOML's and Unicode's are ValueErrors, as is a number without end
        raise JobError(f"{path.name}: not TOML: {error}") from error
    folder = path.parent.absolute()
    return build_job(values, overrides, changes=changes, folder=folder, trust=trust, source=path.name)


def build_job(
    values: Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    changes: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    trust: bool = False,
    source: str = "",
) -> RenderJob:
    """Check nested `values` and make a job of them; like `read_job` without the file.

    Args:
        values: as a TOML parser returns them.
        overrides: see `read_job`.
        changes: see `read_job`.
        folder: where relative paths in `values` count from; None: the current folder.
        trust: see `read_job`.
        source: file name to begin complaints about `values` with.

    Raises:
        JobError, OptionError: see `read_job`.
    """
    prefix = f"{source}: " if source else ""
    typed = [*(changes or {}).items(), *map(_parse_override, overrides)]
    try:
        tree = _anchored(values, RenderJob, folder or Path.cwd())
        _refuse_flags(tree)
        of_values = _complaints(tree)
    except RecursionError as error:
        raise JobError(f"{prefix}tables nested too deeply for a job") from error
    except JobError as error:
        raise JobError(prefix + str(error)) from error
    try:
        for key, value in typed:
            _place(tree, key, value)
        tree = _anchored(tree, RenderJob, Path.cwd())
        _refuse_flags(tree)
    except (JobError, RecursionError) as error:
        raise OptionError(str(error)) from error
    try:
        job = RenderJob.model_validate(tree)
    except ValidationError as error:
        if typed and not of_values.issuperset(_places(error)):
            raise OptionError(complain(error, leaving_out=of_values)) from error
        raise JobError(prefix + complain(error)) from error
    if not trust:
        _refuse_objects(job, prefix)
    return job


def _complaints(tree: Mapping[str, Any]) -> frozenset[tuple[str | int, ...]]:
    """Where pydantic finds fault with values as they stand, before anything was typed on top."""
    try:
        RenderJob.model_validate(tree)
    except ValidationError as error:
        return _places(error)
    return frozenset()


def _places(error: ValidationError) -> frozenset[tuple[str | int, ...]]:
    return frozenset(detail["loc"] for detail in error.errors(include_url=False, include_input=False))


_Checked = TypeVar("_Checked", bound=BaseModel)


def with_settings(kind: type[_Checked], values: Mapping[str, Any], settings: Sequence[str]) -> _Checked:
    """A checked `kind` of nested `values`, with `key.key=value` settings on top.

    Raises:
        JobError: unknown keys or wrong values.
    """
    tree = dict(values)
    for setting in settings:
        key, equals, raw = (part.strip() for part in setting.partition("="))
        if not equals or not _KEY.fullmatch(key):
            raise JobError(f"--set {setting}: expected key=value")
        _place(tree, key, _override_value(raw, None))
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise JobError(complain(error, model=kind)) from error


def write_job(job: RenderJob, path: str | Path) -> Path:
    """Write every value of `job` as TOML, atomically; `read_job` gives an equal job back.

    Raises:
        JobError: a path that TOML, which is UTF-8, cannot hold.
        EncodeError, DiskError: the file cannot be written.
    """
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("A render job of pose-animator: animator render FILE"))
    document.update(_plain(job))
    try:
        text = tomlkit.dumps(document).encode("utf-8")
    except UnicodeEncodeError as error:
        raise JobError(f"{path}: a file name in the job is not UTF-8 and cannot be written: {error}") from error
    path = Path(path)
    with explained(path), replacing(path) as temporary:
        temporary.write_bytes(text)
    return path


def _plain(value: Any) -> Any:
    """TOML's own types: tables without empty values, lists, paths as absolute text."""
    if isinstance(value, BaseModel):
        return {name: _plain(part) for name, part in value if part is not None}
    if isinstance(value, Path):
        return str(value.absolute())
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else str(value)
    return value


def _parse_override(text: str) -> tuple[str, Any]:
    """`key.key=value` as dotted key and value."""
    key, equals, raw = (part.strip() for part in text.partition("="))
    if not equals or not _KEY.fullmatch(key):
        raise OptionError(f"--set {text}: expected key=value, for example --set motion.fps=25")
    return key, _override_value(raw, find_field(key.split(".")))


def _place(tree: dict[str, Any], key: str, value: Any) -> None:
    """Put a value into nested tables, which are made where they are missing."""
    *tables, last = key.split(".")
    for depth, name in enumerate(tables):
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise OptionError(f"{key}: {'.'.join(tables[: depth + 1])} is a value, not a table")
    tree[last] = value


def _override_value(raw: str, field: FieldInfo | None) -> Any:
    """The TOML value of `raw`; the text itself where it is no TOML or the field takes text."""
    try:
        parsed = tomllib.loads(f"value = {raw}")
    except (ValueError, RecursionError):  # a number of thousands of digits is a ValueError, too
        return raw
    value = parsed["value"]
    kinds = set(types_in(field.annotation)) if field is not None else {Any}
    takes_text = all(kind in {str, Path, type(None)} or get_origin(kind) is Literal for kind in kinds)
    if len(parsed) > 1 or (takes_text and not isinstance(value, str)):
        return raw
    return value


def _anchored(values: Mapping[str, Any], model: type[BaseModel], folder: Path) -> dict[str, Any]:
    """A copy of `values` in which relative paths start at `folder`, without detours."""
    tree: dict[str, Any] = dict(values)
    for name, field in model.model_fields.items():
        value = tree.get(name)
        kinds = types_in(field.annotation)
        if isinstance(value, dict):
            for table in models_in(field.annotation):
                tree[name] = _anchored(value, table, folder)
        elif isinstance(value, str) and Path in kinds and "\0" in value:
            raise JobError(f"{name}: holds a NUL character, which no file name can")
        elif isinstance(value, str) and value and _is_path(name, value, field, folder):
            tree[name] = str(tidied(folder / os.path.expanduser(value)))
        elif Path in kinds and isinstance(value, Path):
            tree[name] = tidied(folder / value)
    return tree


def _refuse_flags(tree: Mapping[str, Any], keys: tuple[str, ...] = ()) -> None:
    """Refuse true and false where a number belongs; pydantic takes them for 1 and 0."""
    for name, value in tree.items():
        here = (*keys, name)
        if isinstance(value, dict):
            _refuse_flags(value, here)
        elif isinstance(value, bool):
            field = find_field(here)
            kinds = types_in(field.annotation) if field is not None else [bool]
            if bool not in kinds and {int, float}.intersection(map(_plain_type, kinds)):
                written = str(value).lower()
                raise JobError(f"{'.'.join(here)}: got {written}, expected a number{unit_of(name)}")


def _plain_type(annotation: Any) -> Any:
    """`int` for `Annotated[int, ...]`."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _is_path(key: str, value: str, field: FieldInfo, folder: Path) -> bool:
    """Whether a text that may be a name is meant as a path."""
    if Path in types_in(field.annotation):
        names = names_in(field.annotation)
        is_bare = os.path.basename(value) == value and not value.startswith("~") and not Path(value).suffix
        return not names or (value not in names and (not is_bare or os.path.exists(folder / value)))
    if key in _FOLDERS_TOO and value != EMBEDDED:
        return value.startswith((".", "~", "/")) or os.path.exists(folder / value)
    return value.endswith(_PATH_ENDING)


def _refuse_objects(value: Any, prefix: str, key: str = "") -> None:
    """Refuse `my_pkg.mod:Thing` anywhere: to import it is to run it."""
    if isinstance(value, BaseModel):
        for name, part in value:
            _refuse_objects(part, prefix, f"{key}.{name}" if key else name)
    elif isinstance(value, tuple | list):
        for part in value:
            _refuse_objects(part, prefix, key)
    elif isinstance(value, str) and key not in _FREE_TEXT and _OBJECT_PATH.fullmatch(value):
        raise JobError(f"{prefix}{key}: {value} would run Python code; pass --trust if you know where it comes from")
