"""The networks of a model that was chosen, brought to the device that they compute on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from animator.canvas import CanvasConfig
from animator.errors import DeviceError
from animator.models.source import ModelSource

if TYPE_CHECKING:
    from animator.device import Precision
    from animator.models.subject_model import SubjectModel


def open_weights(model: ModelSource, canvas: CanvasConfig, device: Any, *, precision: Precision) -> SubjectModel:
    """The networks of a model that was found, on the device and in the number format to compute with.

    Args:
        model: as `find_model` gives it, with an image encoder of its own or another's.
        canvas: that they are to fill, both sides set.
        device: a torch device.
        precision: see `GeneratorSettings`.

    Raises:
        ModelError: damaged, incomplete, or of shapes that do not fit together.
        DeviceError: they do not fit into the device's memory.
    """
    from animator.device import is_out_of_memory, working_dtype
    from animator.models.bases import open_base

    clip = None if model.image_encoder is None else model.image_encoder.name
    try:
        return open_base(model.name, canvas=canvas.size, clip=clip).to(device, working_dtype(device, precision))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            f"{model.title}: its weights do not fit into the memory of {device}; use --device cpu"
        ) from error
