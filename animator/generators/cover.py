"""People who stand before the person in the photo stay there: they are laid over every frame.

Legend: B frames, H W canvas pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from animator.conditioning.inputs import picture_tensor
from animator.matting import colors_to_draw
from animator.subject import Subject


def subject_cover(subject: Subject, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """Lays those who stand before the subject over frames [B, 3, H, W] in [0, 1]; leaves them alone if nobody does."""
    if subject.cover_HW is None:
        return lambda frames_B3HW: frames_B3HW
    opacity_HW = torch.from_numpy(subject.cover_HW).to(device)
    colors_3HW = colors_to_draw(picture_tensor(subject.photo_HWC, device), opacity_HW)
    return lambda frames_B3HW: torch.lerp(frames_B3HW, colors_3HW, opacity_HW)
