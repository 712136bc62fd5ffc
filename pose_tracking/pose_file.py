"""What a file of poses holds, and how its numbers are read: `.npz`, or JSON in which NaN is null.

`PoseSequence.save` and `load` are its two ends.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from pose_tracking.errors import TrackingError

FORMAT = "pose-sequence/1"
MAX_FILE_BYTES = 512 * 1024 * 1024


def with_nulls(values: np.ndarray) -> list[object]:
    """Nested lists in which NaN became JSON null."""
    nested = values.astype(object)
    nested[np.isnan(values)] = None
    return list(nested.tolist())


def with_nan(values: object) -> np.ndarray:
    """float32 array in which JSON nulls became NaN."""
    if isinstance(values, np.ndarray):
        return values.astype(np.float32)
    return np.array(values, dtype=object).astype(np.float32)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The fields of an `.npz`; nothing in it is unpickled.

    Raises:
        TrackingError: it unpacks to too much, or holds complex numbers.
        Exception: whatever numpy raises on a damaged archive.
    """
    _check_npz_sizes(path)
    with np.load(path, allow_pickle=False) as archive:
        fields: dict[str, np.ndarray] = {name: archive[name] for name in archive.files}
    for name, values in fields.items():
        if values.dtype.kind == "c":  # numpy would drop the imaginary parts
            raise TrackingError(f"{path.name}: {name} holds complex numbers; expected real ones")
    for name in ("format", "skeleton"):
        fields[name] = fields[name].item()
    return fields


def _check_npz_sizes(path: Path) -> None:
    """Refuse an archive that would unpack to more than the cap (zip bombs)."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_FILE_BYTES:
        raise TrackingError(f"{path.name}: unpacks to {unpacked} bytes, at most {MAX_FILE_BYTES} are read")
