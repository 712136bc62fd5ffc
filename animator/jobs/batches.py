"""Many renders from few files: job files, and tables of photos and clips as CSV or TOML."""

from __future__ import annotations

import csv
import glob
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from animator.config import RenderJob
from animator.errors import JobError
from animator.job_file import MAX_FILE_BYTES, build_job, read_job

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_TABLE_BYTES = 4 * 1024 * 1024
MAX_JOBS = 10_000
_NEEDED = ("photo", "clip", "output")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
# Cells that are text whatever they look like.
_TEXTS = frozenset({*_NEEDED, "model", "image_encoder", "generator", "device", "background"})


def read_batch(
    paths: Sequence[Path],
    overrides: Sequence[str] = (),
    *,
    changes: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> list[RenderJob]:
    """All jobs of these files, in order.

    A `.csv` has one job a row, its columns are keys of a job. A `.toml` with `photos` and `clips` (names, with `*` if
    need be) stands for each photo with each clip; `{photo}` and `{clip}` in its `output` are their names. Any other
    `.toml` is one job.

    Args:
        paths: the files.
        overrides: see `read_job`; they go for every job.
        changes: see `read_job`.
        trust: see `read_job`.

    Raises:
        JobError: a file that cannot be read, wrong values, no jobs, or two jobs with one output.
    """
    jobs: list[RenderJob] = []
    for path in paths:
        if path.suffix.lower() == ".csv":
            tables = list(_rows(path))
        else:
            tables = list(_combinations(path))
            if not tables:
                jobs.append(read_job(path, overrides, changes=changes, trust=trust))
                continue
        folder = path.parent.absolute()
        jobs += [
            build_job(values, overrides, changes=changes, folder=folder, trust=trust, source=source)
            for source, values in tables
        ]
        if len(jobs) > MAX_JOBS:
            raise JobError(f"{path.name}: more than {MAX_JOBS} jobs; split the batch")
    _refuse_shared_outputs(jobs)
    return jobs


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and values of every row of a CSV table."""
    with open(_checked(path, MAX_TABLE_BYTES), encoding="utf-8-sig", newline="") as file:
        try:
            rows = list(csv.reader(file, strict=True))
        except UnicodeDecodeError as error:
            raise JobError(f"{path.name}: its text is not UTF-8; save it as CSV in UTF-8") from error
        except csv.Error as error:
            raise JobError(f"{path.name}: not CSV: {error}") from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    missing = [key for key in _NEEDED if key not in header]
    if missing or len(set(header)) != len(header):
        raise JobError(
            f"{path.name}: its first line names the columns, each once, with commas between them; needed are photo, "
            f"clip and output, got {', '.join(header) or 'nothing'}"
        )
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise JobError(f"{path.name}: line {number} has {len(row)} cells, the first line {len(header)}")
        values: dict[str, Any] = {}
        for key, cell in zip(header, row, strict=True):
            if cell.strip():
                _place(values, key, cell.strip(), source=f"{path.name}: line {number}")
        yield f"{path.name}: line {number}", values


def _place(values: dict[str, Any], key: str, cell: str, *, source: str) -> None:
    *tables, last = key.split(".")
    for name in tables:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise JobError(f"{source}: {key}: {name} is a value, not a table")
    values[last] = cell if key in _TEXTS else _typed(cell)


def _typed(cell: str) -> Any:
    """A TOML value, or the text where it is none."""
    try:
        parsed = tomllib.loads(f"value = {cell}")
    except (ValueError, RecursionError):  # TOML's are ValueErrors, as is a number without end
        return cell
    return parsed["value"] if len(parsed) == 1 else cell


def _combinations(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and values of each photo with each clip; nothing for a file that is a job itself."""
    if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
        return  # `read_job` says why not
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return
    if "photos" not in values and "clips" not in values:
        return
    photos = _named(values.pop("photos", None), "photos", path)
    clips = _named(values.pop("clips", None), "clips", path)
    template = values.get("output")
    if not isinstance(template, str) or (len(photos) > 1 and "{photo}" not in template):
        raise JobError(f'{path.name}: output must tell photos apart, such as output = "out/{{photo}}-{{clip}}.mp4"')
    unknown = [name for name in _PLACEHOLDER.findall(template) if name not in ("photo", "clip")]
    if unknown:
        raise JobError(f"{path.name}: output: {{{unknown[0]}}} is unknown; there are {{photo}} and {{clip}}")
    for photo in photos:
        for clip in clips:
            output = template.replace("{photo}", photo.stem).replace("{clip}", clip.stem)
            source = f"{path.name}: {photo.name} with {clip.name}"
            yield source, {**values, "photo": str(photo), "clip": str(clip), "output": output}


def _named(patterns: Any, key: str, path: Path) -> list[Path]:
    """Files by name or pattern, from the table's folder on."""
    if not isinstance(patterns, list) or not patterns or not all(isinstance(each, str) for each in patterns):
        got = "nothing" if patterns is None else repr(patterns)
        raise JobError(f'{path.name}: {key}: got {got}, expected a list of files such as ["catalogue/*.jpg"]')
    found: list[Path] = []
    for pattern in patterns:
        if "\0" in pattern:
            raise JobError(f"{path.name}: {key}: holds a NUL character, which no file name can")
        folder, wanted = path.parent.absolute(), os.path.expanduser(pattern)
        # The table's own folder is no pattern, whatever letters its name has.
        names = [wanted] if glob.escape(pattern) == pattern else sorted(glob.glob(wanted, root_dir=folder))
        matches = [folder / name for name in names]
        if not matches:
            raise JobError(f"{path.name}: {key}: no file like {pattern}")
        found += [match for match in matches if match not in found]
    return found


def _checked(path: Path, limit: int) -> Path:
    if not path.is_file():
        raise JobError(f"{path}: no such table of jobs")
    if path.stat().st_size > limit:
        raise JobError(f"{path.name}: {path.stat().st_size} bytes; at most {limit} are read")
    return path


def _refuse_shared_outputs(jobs: Sequence[RenderJob]) -> None:
    if not jobs:
        raise JobError("no jobs to render: the tables are empty")
    seen: dict[Path, Path] = {}
    for job in jobs:
        stem = job.output.with_suffix("")
        before = seen.setdefault(stem, job.output)
        if before is job.output:
            continue
        if before == job.output:
            raise JobError(f"{job.output}: is the output of two jobs; one would overwrite the other")
        raise JobError(
            f"{job.output}: shares the folder {stem.name}.job with {before.name}; give the two outputs names that "
            "differ in more than the ending"
        )
