"""A job's folder begun, or taken up again: nothing goes on that does not fit what is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from animator.config import RenderJob
from animator.encoding.atomic_file import check_file_place
from animator.errors import JobError
from animator.job_schema import as_toml
from animator.jobs.folder import JobFolder
from animator.jobs.inputs import INPUT_SETTINGS
from animator.jobs.locks import BusyError, locked
from animator.jobs.record import DELIVERY, PLACES, JobRecord, read_record, write_record

# Parts of a job in which, between two jobs of one fingerprint, nothing differs but where things lie.
_PLACED = ("photo", "clip", "background", "tracker", "sampler", "model", "image_encoder")


def begin_job(folder: JobFolder, record: JobRecord) -> JobRecord:
    """Make a job's folder, or take up one that holds the same job.

    Where only the delivery is another one (encoding, previews, what the result says of itself), the job goes on with
    the new one, and a result that was made with the old one counts no longer. Where its files lie now is written down
    for the next time, unless somebody is at work. A job of another version of the program that has no frame yet is
    begun anew with this one.

    Raises:
        JobError: the folder holds something else, or a job with other inputs or settings; or somebody is at work on
            a job whose delivery would be another one.
        DiskError: the disk is full or fails.
    """
    if folder.record.exists():
        before = read_record(folder)
        refuse_changes(folder, before, record)
        if before.software != record.software:
            return _begin_anew(folder, record)
        delivery, moved = _changes(before, record, DELIVERY), _changes(before, record, _PLACED)
        if not delivery and not moved:
            return before
        try:
            with locked(folder):
                now = read_record(folder)  # whoever was at work before may have prepared it
                if delivery:
                    folder.result.unlink(missing_ok=True)
                changes = {"model": record.model, "job": {**now.job, **delivery, **moved}}
                return write_record(folder, now.model_copy(update=changes))
        except BusyError:
            if delivery:
                raise
            return before  # on a shared folder, things may lie elsewhere for every machine
    _refuse_place(folder, record)
    folder.make()
    return write_record(folder, record)


def check_begin(folder: JobFolder, record: JobRecord) -> None:
    """Find out whether a job could be begun here, or gone on with, leaving nothing behind.

    Raises:
        JobError: the folder holds something else, or a job with other inputs or settings.
        EncodeError: the folder cannot be written.
        DiskError: the disk is full or fails.
    """
    if folder.record.exists():
        refuse_changes(folder, read_record(folder), record)
    else:
        _refuse_place(folder, record)
    check_file_place(folder.record if folder.path.is_dir() else folder.path)


def refuse_changes(folder: JobFolder, before: JobRecord, now: JobRecord) -> None:
    """Refuse to go on with other inputs, weights, settings or another program than a job was begun with.

    Another program may begin anew what has no frame yet.

    Raises:
        JobError: what differs, in one line.
    """
    if (before.software, before.fingerprint) == (now.software, now.fingerprint):
        return
    if not _is_only_another_program(folder, before, now):
        what = next(_differences(before, now), "a setting has changed")
        raise JobError(
            f"{folder.name}: {what} since this job was begun, and its frames would not fit together. "
            "Put it back, or start a new job folder."
        )


def _begin_anew(folder: JobFolder, record: JobRecord) -> JobRecord:
    """Let this program begin what another one has no frame of: what that one prepared is prepared again."""
    with locked(folder):
        before = read_record(folder)
        refuse_changes(folder, before, record)  # whoever was at work before may have made frames
        for told in folder.chunks.glob("*.json"):  # frames that failed then may not fail now
            told.unlink(missing_ok=True)
        job = {**record.job, "output": before.job.get("output")}
        return write_record(folder, record.model_copy(update={"job": job}))


def _is_only_another_program(folder: JobFolder, before: JobRecord, now: JobRecord) -> bool:
    """Whether another program is asked for the same thing, and no frame is there that its frames would have to fit.

    What follows from the program differs with it: the weights it brings along, settings that it alone knows.
    """
    if before.software == now.software or folder.has_frames or folder.result.exists():
        return False
    then, today = before.model or {}, now.model or {}
    is_brought_along = then.get("name") == today.get("name") == RenderJob.model_fields["model"].default
    is_same_model = is_brought_along or then.get("fingerprint") == today.get("fingerprint")
    return is_same_model and not any(_other_inputs(before, now)) and not any(_other_settings(before, now))


def _refuse_place(folder: JobFolder, record: JobRecord) -> None:
    if folder.holds_something_else():
        what = "already holds something else" if folder.path.is_dir() else "is a file, and a job is a folder"
        raise JobError(f"{folder.path}: {what}; give a new folder, or one that holds a job")
    if os.path.realpath(folder.path) == os.path.realpath(record.job["output"]):
        raise JobError(f"{folder.path}: is where the result goes; give the job a folder of its own")


def _changes(before: JobRecord, now: JobRecord, names: Sequence[str]) -> dict[str, Any]:
    """Of the parts of a job called so, those that are others now."""
    return {name: now.job.get(name) for name in names if now.job.get(name) != before.job.get(name)}


def _differences(before: JobRecord, now: JobRecord) -> Iterator[str]:
    if before.software != now.software:
        yield f"the program has changed ({before.software} then, {now.software} now)"
    yield from _other_inputs(before, now)
    if before.generator != now.generator:
        yield f"the generator has changed ({before.generator} then, {now.generator} now)"
    if (before.model or {}).get("fingerprint") != (now.model or {}).get("fingerprint"):
        yield "the model has changed"
    if before.canvas != now.canvas:
        sizes = ["{}x{}".format(*canvas) for canvas in (before.canvas, now.canvas)]
        yield f"the canvas has changed ({sizes[0]} px then, {sizes[1]} px now)"
    yield from _other_settings(before, now)


def _other_inputs(before: JobRecord, now: JobRecord) -> Iterator[str]:
    for name, digest in before.inputs.items():
        if now.inputs.get(name) != digest:
            yield f"the {name} {'have' if name == 'poses' else 'has'} changed ({_file_name(now, name)})"


def _other_settings(before: JobRecord, now: JobRecord) -> Iterator[str]:
    then, today = dict(_flat(before.job)), dict(_flat(now.job))
    compared = {INPUT_SETTINGS.get(role) for role in before.inputs.keys() & now.inputs.keys()}
    for key in sorted((then.keys() | today.keys()) - compared):
        is_new = not any(f"{key}.".startswith(f"{known}.") for known in then)
        if is_new and before.software != now.software:
            continue  # the program then knew no such setting
        if then.get(key) != today.get(key):
            yield f"{key} has changed ({as_toml(then.get(key))} then, {as_toml(today.get(key))} now)"


def _file_name(record: JobRecord, role: str) -> str:
    place: Any = record.job
    for key in INPUT_SETTINGS.get(role, role).split("."):
        place = place.get(key) if isinstance(place, Mapping) else None
    return Path(str(place or role)).name


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of everything that shapes frames; none where nothing was chosen."""
    for key, value in values.items():
        if not prefix and (key in PLACES or key in DELIVERY):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
