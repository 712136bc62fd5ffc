"""The shared options about what is written: the result, and what it says of its origin. Part of `choice_table`."""

from __future__ import annotations

from typing import Any

from animator.commands.option import Choice, in_panel


def _no_preview(_: bool) -> dict[str, Any]:
    return {"preview.contact_sheet": False, "preview.side_by_side": False}


RESULT = in_panel(
    "Result",
    Choice(
        flags=("--fps",),
        sets="motion.fps",
        kind=str,
        metavar="RATE",
        text="Frames per second of the result: 25, 23.976, 30000/1001.",
        default="the clip's",
    ),
    Choice(
        flags=("--crf",),
        sets="encode.crf",
        kind=int,
        text="Quality of an MP4, 1 to 51; lower is better and larger.",
        default="16",
    ),
    Choice(
        flags=("--no-audio",),
        sets=lambda _: {"encode.keep_audio": False},
        kind=bool,
        text="Leave the clip's sound out.",
        default="sound is kept",
    ),
    Choice(
        flags=("--no-preview",),
        sets=_no_preview,
        kind=bool,
        text="No contact sheet, no side-by-side video.",
        default="both are written",
    ),
)

ORIGIN = in_panel(
    "Origin of the result",
    Choice(
        flags=("--provenance",),
        sets="provenance.kind",
        kind=str,
        metavar="KIND",
        text="How the result says that it was made: xmp, or c2pa, signed content credentials, too.",
        default="xmp",
    ),
    Choice(
        flags=("--c2pa-cert",),
        sets="provenance.certificate",
        kind=str,
        metavar="FILE",
        text="Certificate chain for c2pa, PEM.",
        default="none",
    ),
    Choice(
        flags=("--c2pa-key",),
        sets="provenance.key",
        kind=str,
        metavar="FILE",
        text="Private key for c2pa, PEM.",
        default="none",
    ),
    Choice(
        flags=("--watermark",),
        sets="provenance.watermark",
        kind=bool,
        text="An invisible mark in the pictures, too.",
        default="off",
    ),
    Choice(
        flags=("--consent",),
        sets="provenance.consent",
        kind=str,
        metavar="TEXT",
        text="Who agreed to what; recorded with the result.",
        default="none",
    ),
    Choice(
        flags=("--no-sidecar",),
        sets=lambda _: {"provenance.sidecar": False},
        kind=bool,
        text="No OUTPUT.json about the making.",
        default="it is written",
    ),
)
