"""`animator inspect` and `animator doctor`: what a file is, what this machine can do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from animator.commands.console import Console

if TYPE_CHECKING:
    from animator.doctor import Finding

_MARKS = {"ok": "ok     ", "missing": "missing", "failed": "FAILED "}


def inspect(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Clip, photo, pose file, or a result (its folder for PNG).")
    ],
) -> None:
    """Say what FILE is, what is wrong with it, and whether it was generated."""
    from animator.inspection import inspect_file
    from animator.origin import Origin, find_origin

    console = Console.of(context)
    inspection = inspect_file(file, progress=console.progress())
    origin = Origin() if inspection.kind == "poses" else find_origin(file)
    fields = {"path": str(file), **dataclasses.asdict(inspection), **origin.as_dict()}
    facts = {name.replace("_", " "): _words(value) for name, value in inspection.facts.items()}
    found = dict(origin.lines())
    width = max(map(len, [*facts, *origin.mark, *found, "problem"]))
    lines = [f"{file}: {inspection.kind}"]
    lines += [f"  {name:<{width}}  {value}" for name, value in facts.items()]
    lines += [f"  {'problem':<{width}}  {problem}" for problem in inspection.problems]
    if origin.mark:
        lines.append("origin, as the file itself says:")
        lines += [f"  {name.replace('_', ' '):<{width}}  {_one_line(value)}" for name, value in origin.mark.items()]
    if found:
        lines.append("origin, as was checked:")
        lines += [f"  {name:<{width}}  {_one_line(value)}" for name, value in found.items()]
    console.result("inspection", fields, lines)


def doctor(context: typer.Context) -> None:
    """Check Python, packages, codecs, devices, memory and disk; say how to mend what is missing."""
    from animator.doctor import examine, is_fit

    console = Console.of(context)
    findings = []
    for finding in examine():
        findings.append(finding)
        console.result("check", dataclasses.asdict(finding), _finding_lines(finding))
    fit = is_fit(findings)
    num_failed = sum(finding.status == "failed" for finding in findings)
    verdict = "everything that is needed works" if fit else f"{num_failed} to mend, see the fixes above"
    console.result("doctor", {"ok": fit, "failed": num_failed}, [verdict])
    if not fit:
        raise typer.Exit(1)


def _finding_lines(finding: Finding) -> list[str]:
    line = f"{_MARKS[finding.status]}  {finding.name:<22} {finding.detail}"
    return [line, f"         {'':<22} fix: {finding.fix}"] if finding.fix else [line]


def _one_line(text: str) -> str:
    """What a file says, fit for a terminal: it may hold control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _words(value: object) -> str:
    if value is None:
        return "not told"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
