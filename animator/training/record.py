"""Losses as they come: a CSV file, a picture of it, and tensorboard where that is installed."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from types import TracebackType
from typing import Any

_RECENT = 50
# Drawing takes a second: at every checkpoint of a short training it would take longer than the training.
_DRAW_EVERY_S = 60.0
_FIELDS = ("step", "name", "value")


class TrainingRecord:
    """Collects scalars by name and update; `flush` writes them.

    Args:
        folder: gets `losses.csv`, `losses.png` and tensorboard's event files.
        enabled: false in all processes but one.
    """

    def __init__(self, folder: Path, *, enabled: bool = True) -> None:
        self.folder, self._enabled = folder, enabled
        self._rows: list[tuple[int, str, float]] = []
        self._written = 0
        self._drawn_s = time.monotonic()
        self._board: Any = None

    def __enter__(self) -> TrainingRecord:
        if self._enabled:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return self
            self._board = SummaryWriter(str(self.folder / "tensorboard"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
        if self._enabled and self._rows:
            plot(self._rows, self.folder / "losses.png")
        if self._board is not None:
            self._board.close()

    def rewind(self, step: int) -> None:
        """Take up the file of an earlier sitting, up to the update it is resumed at."""
        path = self.folder / "losses.csv"
        if path.is_file():
            with open(path, newline="", encoding="utf-8") as file:
                rows = [_row(row) for row in csv.DictReader(file)]
            self._rows = [row for row in rows if row is not None and row[0] <= step]
            self._written = 0

    def add(self, step: int, values: dict[str, float]) -> None:
        """Note scalars of one update."""
        for name, value in values.items():
            self._rows.append((step, name, value))
            if self._board is not None:
                self._board.add_scalar(name, value, step)

    def recent(self, name: str) -> float:
        """Mean of the last values of `name`; NaN without any."""
        values = [row[2] for row in self._rows if row[1] == name][-_RECENT:]
        return sum(values) / len(values) if values else float("nan")

    def flush(self) -> None:
        """Write the table; draw the picture, unless it was drawn within the last minute."""
        if not self._enabled or not self._rows:
            return
        path = self.folder / "losses.csv"
        with open(path, "a" if self._written else "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if not self._written:
                writer.writerow(_FIELDS)
            writer.writerows(self._rows[self._written :])
        self._written = len(self._rows)
        if time.monotonic() - self._drawn_s > _DRAW_EVERY_S:
            plot(self._rows, self.folder / "losses.png")
            self._drawn_s = time.monotonic()


def _row(fields: dict[str, str]) -> tuple[int, str, float] | None:
    """One line of the table; none if its writing was cut short."""
    try:
        return int(fields["step"]), fields["name"], float(fields["value"])
    except (TypeError, ValueError, KeyError):
        return None


def plot(rows: list[tuple[int, str, float]], path: Path) -> None:
    """Draw every scalar over the updates, noisy ones with their running mean."""
    from matplotlib.figure import Figure

    names = sorted({name for _, name, _ in rows}, key=lambda name: (name != "loss", name))
    height = 2.2 * len(names)
    figure = Figure(figsize=(6, height))
    # Margins in inches; to let the library find them costs more than all the drawing.
    figure.subplots_adjust(left=0.16, right=0.98, bottom=0.5 / height, top=1 - 0.1 / height)
    for axes, name in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True):
        points = [(step, value) for step, which, value in rows if which == name]
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, linewidth=0.5, alpha=0.4)
        width = max(1, len(values) // 50)
        means = [sum(values[max(0, at - width) : at + 1]) / (at + 1 - max(0, at - width)) for at in range(len(values))]
        axes.plot(steps, means)
        axes.set_ylabel(name)
        if min(values) > 0:
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
    axes.set_xlabel("updates")
    figure.savefig(path, dpi=100)
