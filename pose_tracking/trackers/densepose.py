"""DensePose surface coordinates, one array per frame, read when asked for.

They condition models trained on DensePose (Karras et al. 2023 use its U and V). No keypoints can be had from them.

Legend: C channels (U, V or part index I, U, V), H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose_tracking.errors import TrackingError
from pose_tracking.trackers.recording import MAX_FRAMES, natural_order

_MAX_SIDE_PX = 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class DensePoseSequence:
    """A folder of arrays, in the order of their names.

    Attributes:
        paths: one `.npy` file per frame.
        num_channels: 2 for U, V; 3 for I, U, V.
        frame_size: (width, height) px.
    """

    paths: tuple[Path, ...]
    num_channels: int
    frame_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.paths)

    def uv_frame(self, index: int) -> np.ndarray:
        """Frame `index` as float32 [C, H, W], with the values of the file.

        Raises:
            TrackingError: the file has changed since `open_densepose`, is damaged, or holds values that are not finite.
        """
        array = np.array(_map_array(self.paths[index]), dtype=np.float32)
        width, height = self.frame_size
        if array.shape != (self.num_channels, height, width) or not np.isfinite(array).all():
            raise TrackingError(
                f"{self.paths[index].name}: expected finite values [{self.num_channels}, {height}, {width}], "
                f"got {list(array.shape)}"
            )
        return array


def open_densepose(folder: str | Path) -> DensePoseSequence:
    """Look at the headers of all `.npy` files of a folder.

    Raises:
        TrackingError: no such folder, no arrays, arrays of other or of several shapes.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise TrackingError(f"{folder}: no such folder of DensePose arrays")
    paths = sorted(folder.glob("*.npy"), key=lambda path: natural_order(path.name))
    if not 0 < len(paths) <= MAX_FRAMES:
        raise TrackingError(f"{folder.name}: {len(paths)} .npy files, expected one per frame, at most {MAX_FRAMES}")
    first = _map_array(paths[0]).shape
    for path in paths[1:]:
        if _map_array(path).shape != first:
            raise TrackingError(f"{path.name}: shape {list(_map_array(path).shape)}, {paths[0].name} has {list(first)}")
    return DensePoseSequence(paths=tuple(paths), num_channels=first[0], frame_size=(first[2], first[1]))


def _map_array(path: Path) -> np.ndarray:
    """The array without reading its values."""
    if not path.is_file():
        raise TrackingError(f"{path.name}: a folder, pipe or device, not a NumPy array")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header can raise almost anything inside the parser
        raise TrackingError(f"{path.name}: not a NumPy array ({type(error).__name__})") from error
    if array.ndim != 3 or array.shape[0] not in (2, 3) or array.dtype.kind not in "fiu":
        raise TrackingError(f"{path.name}: {array.dtype} {list(array.shape)}, expected numbers [2 or 3, H, W]")
    if not 0 < min(array.shape) <= max(array.shape) <= _MAX_SIDE_PX:
        raise TrackingError(f"{path.name}: {array.shape[2]} x {array.shape[1]} px, at most {_MAX_SIDE_PX} a side")
    return array
