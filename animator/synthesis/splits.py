"""Held-out data by construction: everything random about a picture has an identity, and its hash decides its split."""

from __future__ import annotations

import hashlib

import numpy as np

TRAIN, HELD_OUT = "train", "held-out"
SPLITS = (TRAIN, HELD_OUT)
# One identity in eight is never shown to training.
_HELD_OUT_OF = 8


def split_of(kind: str, identity: str | int) -> str:
    """The split of e.g. ("garment", 1234) or ("motion", "walk"); the same on every machine and for ever."""
    digest = hashlib.sha256(f"{kind}:{identity}".encode()).digest()
    return HELD_OUT if int.from_bytes(digest[:8], "big") % _HELD_OUT_OF == 0 else TRAIN


def draw_identity(rng: np.random.Generator, kind: str, split: str) -> int:
    """A random identity of `kind` that belongs to `split`."""
    while True:
        candidate = int(rng.integers(1 << 31))
        if split_of(kind, candidate) == split:
            return candidate
