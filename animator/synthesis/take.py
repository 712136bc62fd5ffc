"""A take: one person doing one motion before one camera and backdrop, frame by frame.

Legend: T frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from animator.synthesis.backdrop import Backdrop
from animator.synthesis.camera import Camera
from animator.synthesis.motions.legs import fit_to_body
from animator.synthesis.motions.motion import Motion
from animator.synthesis.scene import Character, RenderedFrame, render_frame
from animator.synthesis.skirt import SkirtSpring


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Take:
    """Everything a frame needs; any frame can be rendered without the others.

    Attributes:
        character: who.
        motion: what, already fitted to the character's legs.
        sway_T2: lag of skirt and hair, radians.
        camera, backdrop: where.
    """

    character: Character
    motion: Motion
    sway_T2: np.ndarray
    camera: Camera
    backdrop: Backdrop

    def __len__(self) -> int:
        return len(self.motion)

    def frame(self, index: int) -> RenderedFrame:
        """One picture with its ground truth."""
        return render_frame(self.character, self.motion[index], self.camera, self.backdrop, sway_2=self.sway_T2[index])

    def __iter__(self) -> Iterator[RenderedFrame]:
        return (self.frame(index) for index in range(len(self)))


def fit_motion(character: Character, motion: Motion) -> Motion:
    """`motion` on the character's own proportions; see `legs.fit_to_body`."""
    return fit_to_body(motion, character.body.rest_J3)


def make_take(character: Character, motion: Motion, *, camera: Camera, backdrop: Backdrop) -> Take:
    """A take of a motion already fitted to `character` (see `fit_motion`); lets what hangs swing."""
    spring, hips = SkirtSpring(), motion.roots_T3 * character.body.rest_J3[0, 1]
    sways = [spring.step(place, dt_s=1 / motion.fps) for place in hips]
    return Take(character=character, motion=motion, sway_T2=np.stack(sways), camera=camera, backdrop=backdrop)
