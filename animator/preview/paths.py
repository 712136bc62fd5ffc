"""Where the previews of a result lie: beside it, under its name.

One folder may hold `out.mp4`, `out.gif` and the pictures in `out`, each with previews of its own.
"""

from __future__ import annotations

from pathlib import Path


def contact_sheet_path(output: Path) -> Path:
    """`out.contact.png` for `out.mp4`, `out.gif.contact.png` for `out.gif`."""
    return output.with_name(f"{_name(output)}.contact.png")


def side_by_side_path(output: Path) -> Path:
    """`out.side.mp4` for `out.mp4`, `out.gif.side.mp4` for `out.gif`."""
    return output.with_name(f"{_name(output)}.side.mp4")


def preview_paths(output: Path, *, contact_sheet: bool, side_by_side: bool) -> tuple[Path, ...]:
    """The previews that are asked for."""
    wanted = ((contact_sheet, contact_sheet_path), (side_by_side, side_by_side_path))
    return tuple(path_of(output) for is_wanted, path_of in wanted if is_wanted)


def _name(output: Path) -> str:
    """The name before theirs: an MP4's without its ending, another file's whole, a folder's with `.frames`."""
    if output.suffix.lower() == ".mp4":
        return output.stem
    return output.name if output.suffix else f"{output.name}.frames"
