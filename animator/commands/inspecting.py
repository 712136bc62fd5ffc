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
    from animator.inspection import inspect_file, provenance_of

    console = Console.of(context)
    inspection = inspect_file(file, progress=console.progress())
    provenance = {} if inspection.kind == "poses" else provenance_of(file)
    fields = {"path": str(file), **dataclasses.asdict(inspection), "provenance": provenance}
    facts = {name.replace("_", " "): _words(value) for name, value in inspection.facts.items()}
    width = max(map(len, [*facts, *provenance, "problem"]))
    lines = [f"{file}: {inspection.kind}"]
    lines += [f"  {name:<{width}}  {value}" for name, value in facts.items()]
    lines += [f"  {'problem':<{width}}  {problem}" for problem in inspection.problems]
    if provenance:
        lines.append("origin, as the file itself says:")
        lines += [f"  {name.replace('_', ' '):<{width}}  {value}" for name, value in provenance.items()]
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


def _words(value: object) -> str:
    if value is None:
        return "not told"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
