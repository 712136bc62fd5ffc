"""What README, guides and architecture say is so: commands, options, files and modules that are there."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from animator.cli import app
from animator.job_file import build_job
from animator.jobs.batches import read_batch
from temporal.windows import pose_windows
from tests.animator.generators.scene import drawn_subject, waving

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"))
    if path.name != "CHANGELOG.md"  # it tells of what was
)
PACKAGES = ("pose_tracking", "temporal", "animator")
_ROOT_COMMAND: Any = typer.main.get_command(app)
_COMMAND_LINE = re.compile(r"^(?:[A-Z_]+=\S+ )*animator (?!\.\.\.)(.+)$")
# `animator jobs run`, but not a word of a sentence, nor a folder.
_IN_PASSING = re.compile(r"`animator ([a-z][^`]*)`")
_PLACE = re.compile(r"(?<![\w/.-])(?:benchmarks|docs|examples|tests|animator|pose_tracking|temporal)/[\w./-]*\w")


def command_lines(text: str) -> list[str]:
    """The commands of indented and fenced examples, continued lines put together."""
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    return [match[1] for line in lines if (match := _COMMAND_LINE.match(line))]


def command_of(words: list[str]) -> tuple[Any, list[str], Any]:
    """The command that the words name, the words that are left for it, and the context around it."""
    command, context = _ROOT_COMMAND, None
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        context = command.make_context(command.name, words[:1], parent=context)
        name, *words = words
        command = command.commands[name]
    return command, words, context


def cases(found: Any) -> list[Any]:
    return [
        pytest.param(each, id=f"{path}: {each}"[:90])
        for path in DOCUMENTS
        for each in dict.fromkeys(found((ROOT / path).read_text(encoding="utf-8")))
    ]


@pytest.mark.parametrize("line", cases(command_lines))
def test_a_command_of_the_documents_is_understood(line: str) -> None:
    command, words, context = command_of(shlex.split(line.replace("…", "x"), comments=True))
    made = command.make_context(command.name, words, parent=context)
    if command.name in ("animate", "render", "submit", "resume"):
        media = {"photo": "me.jpg", "clip": "dance.mp4", "output": "out.mp4"}
        build_job(media, made.params["overrides"] or (), trust=True)


@pytest.mark.parametrize("words", cases(_IN_PASSING.findall))
def test_a_command_named_in_passing_has_the_options_that_are_named(words: str) -> None:
    command, rest, _ = command_of(shlex.split(words))
    flags = {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)}
    flags |= {flag for each in _ROOT_COMMAND.params for flag in each.opts}
    assert [word for word in rest if word.startswith("-") and word not in flags] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_files_that_are_named_are_there(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    places = {place.removesuffix("/") for place in _PLACE.findall(text)}
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link}
    there = [ROOT, *(ROOT / package for package in PACKAGES)]
    assert [place for place in sorted(places) if not any((folder / place).exists() for folder in there)] == []
    assert [link for link in sorted(links) if link and not (ROOT / path.parent / link).exists()] == []


def test_every_module_has_its_place_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    names, rooms = set(re.findall(r"\w+", text)), set(re.findall(r"`((?:\w+/)+)`", text)) - {"animator/"}
    modules = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    places = [str(path.relative_to(ROOT)) for path in modules if path.stem not in names and path.stem[:2] != "__"]
    assert [place for place in places if not any(f"/{room}" in f"/{place}" for room in rooms)] == []


def blocks(language: str) -> Any:
    """A finder of a document's fenced examples in that language."""
    return lambda text: re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", cases(blocks("python")))
def test_python_in_the_documents_imports_what_there_is(block: str) -> None:
    imports = [each for each in ast.parse(block).body if isinstance(each, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), "document", "exec"), {})


@pytest.mark.parametrize("block", blocks("toml")((ROOT / "docs" / "job-file.md").read_text(encoding="utf-8")))
def test_jobs_in_the_documents_are_jobs(block: str, tmp_path: Path) -> None:
    for place in ("me.jpg", "dance.mp4", "walk.mp4", "catalogue/a.jpg", "extra/anna.png"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).touch()
    (tmp_path / "job.toml").write_text(block, encoding="utf-8")
    assert all(job.photo.is_file() for job in read_batch([tmp_path / "job.toml"]))


def test_the_classes_of_the_guide_to_extending_do_what_it_says() -> None:
    guide = (ROOT / "docs" / "guides" / "extending.md").read_text(encoding="utf-8")
    scope: dict[str, Any] = {"__name__": "my_gen"}
    exec(blocks("python")(guide)[0], scope)
    rough_TK2 = np.array([0.0, 3.0, 0.0]).reshape(3, 1, 1).repeat(2, axis=2)
    smooth_TK2 = scope["Mean"](window_s=0.2).smooth(rough_TK2, np.arange(3) / 25, np.ones((3, 1)))
    assert smooth_TK2.tolist() == [[[1, 1]], [[1, 1]], [[1, 1]]]
    subject = drawn_subject((96, 128))
    (frame,) = scope["Grey"]().generate(pose_windows(waving((96, 128), 1)), subject)
    assert frame.pixels_HWC.shape == subject.photo_HWC.shape
    assert (np.ptp(frame.pixels_HWC, axis=2) == 0).all()
