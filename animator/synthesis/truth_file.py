"""Ground truth of a take as one .npz, written frame by frame: its memory does not grow with the take's length."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from gzip import GzipFile
from pathlib import Path
from types import TracebackType
from typing import IO, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

_PIECE_BYTES = 1 << 18


class TruthFile:
    """Takes arrays frame by frame and stacks each name along time in an .npz that `numpy.load` reads.

    A zip holds one member after the other, but frames bring a piece of each: until all are there, maps wait in
    nameless files of the output's folder, lightly compressed, and only rows of a few numbers in memory. The bytes are
    a function of the arrays alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[str, list[np.ndarray]] = {}
        self._maps: dict[str, _Spool] = {}
        self._stack = ExitStack()

    def __enter__(self) -> TruthFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def append(self, rows: Mapping[str, np.ndarray], maps: Mapping[str, np.ndarray]) -> None:
        """Add a frame: small arrays and large ones; each name keeps its dtype and shape."""
        for name, row in rows.items():
            self._rows.setdefault(name, []).append(row)
        for name, array in maps.items():
            if name not in self._maps:
                self._maps[name] = self._stack.enter_context(_Spool(self._folder, array))
            self._maps[name].append(array)

    def save(self, path: Path, labels: Mapping[str, np.ndarray]) -> None:
        """Write `labels` and all frames; nothing can be added afterwards."""
        small = {**labels, **{name: np.stack(rows) for name, rows in self._rows.items()}}
        with ZipFile(path, "w") as archive:
            for name, array in small.items():
                with archive.open(_member(name), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
            for name, spool in self._maps.items():
                with archive.open(_member(name), "w", force_zip64=True) as member:
                    spool.copy_to(member)


class _Spool:
    """One name's frames, packed in a nameless file."""

    def __init__(self, folder: Path, like: np.ndarray) -> None:
        self._dtype, self._shape, self._count = like.dtype, like.shape, 0
        self._file = cast("IO[bytes]", tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - `__exit__` closes it
        self._packed = GzipFile(fileobj=self._file, mode="wb", compresslevel=1)

    def __enter__(self) -> _Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, array: np.ndarray) -> None:
        assert (array.dtype, array.shape) == (self._dtype, self._shape)
        self._packed.write(np.ascontiguousarray(array).data)
        self._count += 1

    def copy_to(self, member: IO[bytes]) -> None:
        self._packed.close()
        self._file.seek(0)
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._count, *self._shape),
        }
        np.lib.format.write_array_header_1_0(member, header)
        with GzipFile(fileobj=self._file, mode="rb") as frames:
            shutil.copyfileobj(frames, member, _PIECE_BYTES)


def _member(name: str) -> ZipInfo:
    # Made by hand, a member carries no date.
    member = ZipInfo(f"{name}.npy")
    member.compress_type = ZIP_DEFLATED
    return member
