"""Text fit for one line of a terminal: names of files may hold what a terminal obeys, and no encoding can write."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""`text` with all that is not a printable character written as in Python: `\x1b`, `\n`, `\u202e`, `\udcff`."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )
