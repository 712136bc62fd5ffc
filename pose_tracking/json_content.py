"""JSON from strangers: weighed before it is parsed, because a few bytes of text can become a hundred in memory."""

from __future__ import annotations

import json
from typing import Any

from pose_tracking.errors import TrackingError

MAX_PARSED_BYTES = 1 << 30
# What CPython takes for a number and its place in a list, for a list, and for a small table.
_VALUE_BYTES, _LIST_BYTES, _TABLE_BYTES = 32, 72, 136


def parse_json(content: bytes) -> Any:
    """The content of a JSON text.

    Raises:
        TrackingError: it would take more than `MAX_PARSED_BYTES`.
        ValueError: no JSON, or no UTF-8.
        RecursionError: nested too deeply.
    """
    parts = ((b",", _VALUE_BYTES), (b"[", _LIST_BYTES), (b"{", _TABLE_BYTES))
    parsed_bytes = sum(content.count(letter) * size for letter, size in parts)
    if parsed_bytes > MAX_PARSED_BYTES:
        raise TrackingError(
            f"JSON that takes some {parsed_bytes >> 20} MiB when read, at most {MAX_PARSED_BYTES >> 20} are; "
            "save long recordings as .npz"
        )
    return json.loads(content)
