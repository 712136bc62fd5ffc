"""Where the previews of a result lie: beside it, under its name."""

from __future__ import annotations

from pathlib import Path


def contact_sheet_path(output: Path) -> Path:
    """`out.contact.png` for `out.mp4`."""
    return output.with_name(f"{output.stem}.contact.png")


def side_by_side_path(output: Path) -> Path:
    """`out.side.mp4` for `out.mp4`."""
    return output.with_name(f"{output.stem}.side.mp4")


def preview_paths(output: Path, *, contact_sheet: bool, side_by_side: bool) -> tuple[Path, ...]:
    """The previews that are asked for."""
    wanted = ((contact_sheet, contact_sheet_path), (side_by_side, side_by_side_path))
    return tuple(path_of(output) for is_wanted, path_of in wanted if is_wanted)
