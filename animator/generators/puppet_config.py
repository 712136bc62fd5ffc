"""How the puppet draws, as written in a job file. Imports no torch, so that jobs can be checked quickly."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

# Off: it costs up to half as much again as the warp (benchmarks/results/self_evaluation_cpu_202611.md).
EXPOSURE_S = 0.0


class PuppetConfig(BaseModel):
    """Every choice of the `puppet` generator."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    exposure_s: float = Field(
        default=EXPOSURE_S,
        ge=0,
        le=1,
        description="seconds for which a camera would expose each frame, smearing what moves; at most a whole frame; "
        "0: everything stays sharp; 0.016 is usual for video",
    )
