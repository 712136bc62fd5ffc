"""What holds of every motion that is kept in the picture: it stays there, and it is left alone where it does anyway."""

from __future__ import annotations

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pose_tracking.limbs import SEEN_CONFIDENCE
from pose_tracking.retargeting import RetargetConfig, reach, retarget
from pose_tracking.sequence import PoseSequence
from tests.pose_tracking.driven_figure import CANVAS, dance, distance, lowest, pose_of, sequence_of, subject

LET_GO = RetargetConfig(stay_in_view=False)
quick = settings(max_examples=15, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
ways = st.tuples(st.floats(-12, 12), st.floats(-4, 4))
growths = st.floats(0.4, 5.0)


def passing(way: tuple[float, float], growth: float, sway: float = 0.2) -> PoseSequence:
    """A dance that goes `way` torsos across and down while the person becomes `growth` times as large."""
    scale = np.geomspace(100.0, 100.0 * growth, 36)
    at = np.linspace((300.0, 500.0), (300.0 + 100 * way[0], 500.0 + 100 * way[1]), 36)
    return sequence_of(dance(num_frames=36, sway=sway), scale=scale, at=at, fps=12.0)


def small() -> PoseSequence:
    """A subject whose widest gesture fits the picture."""
    return sequence_of(pose_of(), scale=100.0, at=(320.0, 700.0), frame_size=CANVAS)


@quick
@given(way=ways, growth=growths)
def test_every_joint_stays_in_the_picture(way: tuple[float, float], growth: float) -> None:
    result = retarget(passing(way, growth), onto=small(), canvas_size=CANVAS)
    points_N2 = result.keypoints_TK2[result.confidence_TK >= SEEN_CONFIDENCE]
    assert points_N2.min() >= -0.01
    assert (points_N2 <= np.array(CANVAS) + 0.01).all()


@quick
@given(way=st.tuples(st.floats(-0.4, 0.4), st.floats(-0.2, 0.2)), growth=st.floats(0.9, 1.05))
def test_a_motion_that_stays_in_the_picture_is_not_touched(way: tuple[float, float], growth: float) -> None:
    motion = passing(way, growth, sway=0.1)
    left, top, right, bottom = reach(motion, onto=small(), config=LET_GO)
    assert min(left, top) > 8
    assert right < CANVAS[0] - 8
    assert bottom < CANVAS[1] - 8
    held = retarget(motion, onto=small(), canvas_size=CANVAS)
    np.testing.assert_array_equal(
        held.keypoints_TK2, retarget(motion, onto=small(), canvas_size=CANVAS, config=LET_GO).keypoints_TK2
    )


@quick
@given(way=ways, growth=growths)
def test_limbs_keep_their_proportions(way: tuple[float, float], growth: float) -> None:
    motion = passing(way, growth)
    held = retarget(motion, onto=small(), canvas_size=CANVAS)
    free = retarget(motion, onto=small(), canvas_size=CANVAS, config=LET_GO)
    shrink_T = distance(held, "left_hip", "left_shoulder") / distance(free, "left_hip", "left_shoulder")
    assert (shrink_T < 1.001).all()
    for limb in (("right_elbow", "right_wrist"), ("left_hip", "left_knee"), ("left_ear", "nose")):
        np.testing.assert_allclose(distance(held, *limb), shrink_T * distance(free, *limb), rtol=1e-3, atol=0.05)


@quick
@given(arms=st.floats(0, 2.8), place=ways)
def test_who_stands_still_is_held_still(arms: float, place: tuple[float, float]) -> None:
    still = np.repeat(pose_of(arms=(arms, arms))[None], 20, axis=0)
    motion = sequence_of(still, at=(300.0 + 100 * place[0], 500.0 + 100 * place[1]))
    result = retarget(motion, onto=subject(), canvas_size=CANVAS)
    assert np.ptp(result.keypoints_TK2, axis=0).max() < 0.01
    assert abs(lowest(result)[0] - 700.0) < 0.5 or lowest(result)[0] > 700.0  # raised hands push down, never up


@quick
@given(way=st.floats(3, 12))
def test_who_walks_across_gets_on_all_the_way_and_slower(way: float) -> None:
    still = np.repeat(pose_of()[None], 36, axis=0)
    motion = sequence_of(still, at=np.linspace((0.0, 500.0), (100.0 * way, 500.0), 36), fps=12.0)
    onto = small()
    steps = np.diff(retarget(motion, onto=onto, canvas_size=CANVAS).joint("nose")[:, 0])
    free = np.diff(retarget(motion, onto=onto, canvas_size=CANVAS, config=LET_GO).joint("nose")[:, 0])
    assert (steps > 0).all()
    assert (steps <= free + 0.01).all()
