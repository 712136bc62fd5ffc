import numpy as np

from animator.synthesis.spring import SwaySpring


def test_the_spring_trails_a_sudden_step_and_comes_to_rest() -> None:
    spring = SwaySpring()
    path = [np.array([0.0, 1, 0])] * 3 + [np.array([0.04 * min(t, 5), 1, 0]) for t in range(1, 120)]
    sways = np.array([spring.step(hips, dt_s=1 / 30) for hips in path])
    assert sways[3:6, 0].min() < -0.02
    assert np.abs(sways[-1]).max() < 0.005
