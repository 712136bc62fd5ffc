"""What is measured with where nobody says otherwise. Imports no torch."""

from __future__ import annotations

from pathlib import Path


def example_media() -> tuple[Path, Path] | None:
    """The photo and the clip of a checkout's examples; none where the package was installed without them."""
    folder = Path(__file__).resolve().parents[2] / "examples" / "media"
    media = folder / "portrait.png", folder / "walk_turn.mp4"
    return media if all(path.is_file() for path in media) else None
