from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_tracking.escaping import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tänzerin 人.png", "tänzerin 人.png"),
        ("\x1b]0;mine\x07.png", r"\x1b]0;mine\x07.png"),
        ("two\nlines\t\r", r"two\nlines\t\r"),
        ("\x9b31m", r"\x9b31m"),
        ("gnp.\u202eexe", r"gnp.\u202eexe"),
        (os.fsdecode(b"\xff.png"), r"\udcff.png"),
    ],
)
def test_what_a_terminal_obeys_is_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_the_result_is_one_line_that_any_utf8_stream_takes(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode("utf-8")
