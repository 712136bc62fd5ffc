"""Several processes: one training, resumed to the bit, and none waits for one whose memory did not suffice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_two_processes_train_alike_resume_to_the_bit_and_halve_together(tmp_path: Path) -> None:
    # What `accelerate launch` starts on GPUs, and does not start on CPUs.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += [str(Path(__file__).with_name("two_processes.py")), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, env=environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    for rank in range(2):
        found = json.loads((tmp_path / f"process-{rank}.json").read_text(encoding="utf-8"))
        assert found["processes"] == 2
        assert found["learned"]
        assert found["encoder_learned"]
        assert found["alike"]
        assert found["updates_after_resuming"] == 2  # from the checkpoint after update 2
        assert found["resumed_to_the_bit"]
        assert found["scarce_learned_the_same"]
        assert len(found["told"]) == 1
        assert "out of memory with 2 samples at once: going on with 1" in found["told"][0]
