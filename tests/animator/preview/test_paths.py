"""Previews lie beside their result, and never where those of another one lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from animator.preview.paths import contact_sheet_path, preview_paths, side_by_side_path


@pytest.mark.parametrize(
    ("output", "called"),
    [
        ("out.mp4", "out"),
        ("out.MP4", "out"),
        ("a.b.mp4", "a.b"),
        ("out.gif", "out.gif"),
        ("out.webp", "out.webp"),
        ("out", "out.frames"),
        ("v1.2.gif", "v1.2.gif"),
    ],
)
def test_previews_are_called_as_their_result(tmp_path: Path, output: str, called: str) -> None:
    assert contact_sheet_path(tmp_path / output) == tmp_path / f"{called}.contact.png"
    assert side_by_side_path(tmp_path / output) == tmp_path / f"{called}.side.mp4"


def test_results_that_differ_in_their_ending_alone_share_no_preview(tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("out.mp4", "out.gif", "out.webp", "out")]
    places = [path for output in outputs for path in preview_paths(output, contact_sheet=True, side_by_side=True)]
    assert len({*places, *outputs}) == len(places) + len(outputs)
