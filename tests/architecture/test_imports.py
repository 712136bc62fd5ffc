"""A foreign library has one door: the files that may import it, and no others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("pose_tracking", "temporal", "animator")

# Where a library may be imported: a file, or a folder with everything in it. Nothing: nowhere.
DOORS: dict[str, tuple[str, ...]] = {
    "accelerate": ("animator/training/loop.py",),
    "av": (
        "pose_tracking/clip.py",
        "pose_tracking/decoding.py",
        "pose_tracking/random_access.py",
        "animator/encoding/mp4.py",
    ),
    "c2pa": ("animator/encoding/content_credentials.py",),
    "cryptography": ("animator/encoding/content_credentials.py",),
    "cv2": (
        "pose_tracking/cuts.py",
        "pose_tracking/optical_flow.py",
        "animator/synthesis/",
        "animator/training/augmentation.py",
        "animator/training/pictures.py",
    ),
    "decord": ("pose_tracking/random_access.py",),
    "diffusers": ("animator/",),
    "ffmpeg": ("animator/encoding/audio.py",),
    "gradio": ("animator/web/",),
    "imageio_ffmpeg": ("animator/encoding/audio.py",),
    "matplotlib": ("animator/benchmarking/chart.py", "animator/training/record.py"),
    "mediapipe": ("pose_tracking/trackers/graphs.py",),
    "numba": ("animator/synthesis/",),
    "peft": ("animator/training/lora.py",),
    "psutil": ("animator/device.py", "animator/doctor.py"),
    "ray": ("animator/jobs/executors/ray.py",),
    "tomlkit": ("animator/job_file.py",),
    "torch": ("animator/",),
    "torchmetrics": ("animator/evaluation/",),
    "torchvision": (),
    "tqdm": ("animator/progress.py",),
    "transformers": ("animator/",),
    "typer": ("animator/cli.py", "animator/commands/"),
}


def imported_libraries(source: str) -> Iterator[tuple[int, str]]:
    """(line, top-level module) of every import statement, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.partition(".")[0]


def is_door(path: str, library: str) -> bool:
    return any(path == door or (door.endswith("/") and path.startswith(door)) for door in DOORS[library])


def strangers(path: str, source: str) -> list[str]:
    """Imports in `source` that belong behind another door."""
    return [
        f"{path}:{line} imports {library}; its door is {' or '.join(DOORS[library]) or 'nowhere'}"
        for line, library in imported_libraries(source)
        if library in DOORS and not is_door(path, library)
    ]


def test_every_foreign_library_comes_through_its_door() -> None:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) > 10
    found = [
        line
        for path in files
        for line in strangers(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("temporal/motion.py", "import torch"),
        ("animator/pipeline.py", "def f():\n    from mediapipe.tasks import vision"),
        ("animator/cli.py", "if True:\n    import av.codec"),
        ("pose_tracking/clip.py", "import os, decord"),
    ],
)
def test_an_import_elsewhere_is_reported_even_inside_a_function(path: str, source: str) -> None:
    assert len(strangers(path, source)) == 1


def test_a_module_of_ours_with_a_stranger_s_name_is_no_stranger() -> None:
    assert strangers("animator/jobs/plan.py", "from animator.jobs.executors import ray\nfrom . import torch") == []
