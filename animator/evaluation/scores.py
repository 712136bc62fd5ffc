"""What an evaluation hands on: one system's scores, and all systems' scores on one clip."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from animator.evaluation.catalogue import METRICS, Mode


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """One system's scores on one clip; the keys are those of `catalogue.METRICS`.

    Attributes:
        system: name of the generator or baseline.
        num_frames: frames compared.
        means: one value per metric, NaN where nothing could be measured.
        per_frame: float32 [T] for the metrics that exist per frame, NaN where not measured.

    Raises:
        ValueError: a key that is not in the catalogue.
    """

    system: str
    num_frames: int
    means: Mapping[str, float]
    per_frame: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = (self.means.keys() | self.per_frame.keys()) - METRICS.keys()
        if unknown:
            raise ValueError(f"metrics {sorted(unknown)} are not in the catalogue")

    @classmethod
    def from_frames(
        cls, system: str, per_frame: Mapping[str, Sequence[float]], *, whole_clip: Mapping[str, float]
    ) -> Scores:
        """Average what was measured frame by frame, ignoring NaN, and add what exists for the whole clip only."""
        arrays = {key: np.asarray(values, dtype=np.float32) for key, values in per_frame.items()}
        means = {key: mean_of_measured(values) for key, values in per_frame.items()}
        num_frames = max((len(values) for values in arrays.values()), default=0)
        return cls(system=system, num_frames=num_frames, means={**means, **whole_clip}, per_frame=arrays)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """All systems on one clip.

    Attributes:
        mode: `self` against the clip's own frames, `cross` against the pose asked for.
        facts: what a reader wants to know about the run, name to text: clip, photo, canvas, frame rate ...
        scores: one entry per system, in the order of the reports.
        sheets: contact sheets, name to uint8 RGB [H, W, 3]; the real clip among them.
        partial: the clip could be read only in part.
    """

    mode: Mode
    facts: Mapping[str, str]
    scores: tuple[Scores, ...]
    sheets: Mapping[str, np.ndarray] = field(default_factory=dict)
    partial: bool = False


def mean_of_measured(values: Sequence[float]) -> float:
    """Mean without NaN; NaN if nothing is left."""
    measured = [value for value in values if not math.isnan(value)]
    return math.fsum(measured) / len(measured) if measured else math.nan
