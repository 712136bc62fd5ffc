"""How the puppet draws, as written in a job file. Imports no torch, so that jobs can be checked quickly."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

# Video is commonly exposed for a fiftieth to a hundredth of a second; on real clips, longer ones dissolve hands.
EXPOSURE_S = 0.016


class PuppetConfig(BaseModel):
    """Every choice of the `puppet` generator."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    exposure_s: float = Field(
        default=EXPOSURE_S,
        ge=0,
        le=1,
        description="seconds for which a camera would expose each frame, smearing what moves; at most a whole frame; "
        "0: everything stays sharp",
    )
