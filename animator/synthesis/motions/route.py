"""A route: steps written down one after the other, each from where the last one ended.

Lengths are in pelvis heights.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from animator.synthesis.motions.footwork import Step


@dataclass(slots=True, kw_only=True)
class Route:
    """Collects steps of a person that walks, turns and steps aside.

    Attributes:
        x, z, yaw_deg: where the person is and faces after the steps so far.
        time_s: when the next step may begin.
        side: the foot that steps next, 0 left, 1 right.
        stance: half the distance of the feet.
        interval_s: from one step to the next; a step takes `airtime` of it.
        lift: height of the ankle in a step.
        steps: what has been collected.
    """

    x: float = 0.0
    z: float = 0.0
    yaw_deg: float = 0.0
    time_s: float = 0.4
    side: int = 0
    stance: float = 0.105
    interval_s: float = 0.5
    airtime: float = 0.78
    lift: float = 0.085
    steps: list[Step] = field(default_factory=list)

    def pause(self, seconds: float) -> Route:
        """Stand still."""
        self.time_s += seconds
        return self

    def step(
        self,
        *,
        forward: float = 0.0,
        left: float = 0.0,
        turn_deg: float = 0.0,
        heel_deg: float = 30.0,
        toe_deg: float = 0.0,
    ) -> Route:
        """The next foot goes to its place beside a body moved `forward` and `left` and turned to the left."""
        self.yaw_deg += turn_deg
        yaw = np.deg2rad(self.yaw_deg)
        self.x += forward * np.sin(yaw) + left * np.cos(yaw)
        self.z += forward * np.cos(yaw) - left * np.sin(yaw)
        beside = self.stance * (1 - 2 * self.side)
        self.steps.append(
            Step(
                side=self.side,
                start_s=self.time_s,
                duration_s=self.interval_s * self.airtime,
                x=self.x + beside * np.cos(yaw),
                z=self.z - beside * np.sin(yaw),
                yaw_deg=self.yaw_deg,
                lift=self.lift,
                heel_deg=heel_deg,
                toe_deg=toe_deg,
            )
        )
        self.time_s += self.interval_s
        self.side = 1 - self.side
        return self

    def walk(self, count: int, *, stride: float) -> Route:
        """`count` steps of `stride`, the last one closing up."""
        for number in range(count):
            closing = number == count - 1
            # A body is half a stride behind the foot that lands.
            self.step(
                forward=stride * (0.5 if number == 0 or closing else 1.0),
                heel_deg=22 + 60 * abs(stride),
                toe_deg=0.0 if closing else 45 * max(stride, 0.0),
            )
        return self

    def turn(self, degrees: float, count: int) -> Route:
        """Turns on the spot in `count` steps, led by the foot on the inside; the last one closes up."""
        self.side = 0 if degrees > 0 else 1
        for number in range(count):
            self.step(turn_deg=degrees / (count - 1) if number < count - 1 else 0.0, heel_deg=18.0)
        return self

    def aside(self, distance: float, *, tap: bool = True) -> Route:
        """A step to the left (negative: to the right), and the other foot comes after it."""
        self.side = 0 if distance > 0 else 1
        self.step(left=distance, heel_deg=12.0)
        if tap:
            self.step(heel_deg=24.0)
        return self
