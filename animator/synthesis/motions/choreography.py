"""Footwork and gestures put together into a motion."""

from __future__ import annotations

import numpy as np

from animator.synthesis.motions.dials import Dials, hands, upper_rotations
from animator.synthesis.motions.footwork import Footing, solve_footing
from animator.synthesis.motions.motion import Motion


def compose(dials: Dials, footing: Footing) -> Motion:
    """The motion of `dials` above the pelvis and `footing` below it."""
    rotations, roots = solve_footing(footing)
    upper = upper_rotations(dials)
    moved = np.abs(upper - np.eye(3)).max((0, 2, 3)) > 0
    rotations[:, moved] = upper[:, moved]
    curl, spread = hands(dials)
    return Motion(
        rotations_TJ33=rotations,
        roots_T3=roots,
        curl_TSF=curl,
        spread_TS=np.clip(spread, 0, 1),
        smile_T=np.clip(dials["smile"], 0, 1),
        blink_T=np.clip(dials["blink"], 0, 1),
        fps=footing.fps,
    )
