"""The lag of cloth and hair behind the body they hang on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(slots=True)
class SwaySpring:
    """The lag of a skirt or of long hair over a clip: a damped pendulum driven by the acceleration of what it hangs on.

    `gain` is the angle's acceleration for one metre per second squared. Call `step` once per frame in order; it
    returns the sway [2] (radians along world x and z) for that frame.
    """

    frequency_hz: float = 1.6
    damping: float = 0.45
    gain: float = 0.9
    _sway: np.ndarray | None = None
    _speed: np.ndarray | None = None
    _hips: list[np.ndarray] | None = None

    def step(self, hips_3: np.ndarray, *, dt_s: float) -> np.ndarray:
        """Advances by one frame of `dt_s` seconds to hips at `hips_3` (metres)."""
        history = self._hips = [*(self._hips or []), np.asarray(hips_3, float)[[0, 2]]][-3:]
        sway = self._sway if self._sway is not None else np.zeros(2)
        speed = self._speed if self._speed is not None else np.zeros(2)
        push = np.zeros(2)
        if len(history) == 3:
            push = -(history[2] - 2 * history[1] + history[0]) / dt_s**2
        omega = 2 * np.pi * self.frequency_hz
        for _ in range(4):
            speed = speed + dt_s / 4 * (push * self.gain - omega**2 * sway - 2 * self.damping * omega * speed)
            sway = np.clip(sway + dt_s / 4 * speed, -0.35, 0.35)
        self._sway, self._speed = sway, speed
        return sway
