"""The script for the rows that need a GPU goes through all its steps, on any machine."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_suite(output: Path, *options: str, timeout_s: float) -> dict[str, list[dict[str, object]]]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu_suite.py"), "-o", str(output), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    sections: dict[str, list[dict[str, object]]] = {}
    for row in json.loads(output.read_text())["rows"]:
        sections.setdefault(row["section"], []).append(row)
    return sections


def test_the_suite_fills_every_section_with_a_tiny_network(tmp_path: Path) -> None:
    sections = run_suite(tmp_path / "suite.json", "--small", timeout_s=300)
    assert set(sections) == {"matmul", "parity", "unet", "attention", "frame", "reuse", "memory", "suite"}
    for name in ("matmul", "parity", "unet", "frame", "reuse"):
        assert all(math.isfinite(float(row["value"])) and row["value"] for row in sections[name]), sections[name]
    assert any(math.isfinite(float(row["value"])) for row in sections["attention"])
    assert sections["parity"][0]["value"] < 0.05


@pytest.mark.gpu
def test_bfloat16_on_the_gpu_strays_little_from_float32(tmp_path: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        if os.environ.get("FAIL_WITHOUT_GPU") == "1":
            pytest.fail("FAIL_WITHOUT_GPU=1, and torch sees no GPU")
        pytest.skip("torch sees no GPU")
    sections = run_suite(tmp_path / "suite.json", timeout_s=500)
    assert sections["parity"][0]["value"] < 0.05
    assert float(sections["memory"][-1]["value"]) == pytest.approx(1, abs=0.05)
