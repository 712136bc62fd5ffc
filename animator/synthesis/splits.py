"""Held-out data by construction: everything random about a picture has an identity, and its hash decides its split.

What is drawn from numbers without end (bodies, garments, hair, backdrops) is split number by number. What comes from
a short list of names (assets, motion files, moves) is split within strata, so that both splits have some of every
kind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

TRAIN, HELD_OUT = "train", "held-out"
SPLITS = (TRAIN, HELD_OUT)
# One identity in eight is never shown to training.
_HELD_OUT_OF = 8


def split_of(kind: str, identity: str | int) -> str:
    """The split of e.g. ("garment", 1234); the same on every machine and for ever."""
    return HELD_OUT if _hash(kind, identity) % _HELD_OUT_OF == 0 else TRAIN


def draw_identity(rng: np.random.Generator, kind: str, split: str) -> int:
    """A random identity of `kind` that belongs to `split`."""
    while True:
        candidate = int(rng.integers(1 << 31))
        if split_of(kind, candidate) == split:
            return candidate


def stratum_of_split(kind: str, names: Iterable[str], split: str, *, share: float = 1 / _HELD_OUT_OF) -> list[str]:
    """Those of the `names` of one stratum that belong to `split`, sorted.

    Held out are those with the smallest hashes: `share` of them, rounded, but one at least; a name that is alone goes
    to training. Unlike `split_of` this depends on the names beside it: a stratum that grows may move some.
    """
    ranked = sorted(set(names), key=lambda name: (_hash(kind, name) % _HELD_OUT_OF, _hash(kind, name)))
    held_out = max(round(share * len(ranked)), 1) if len(ranked) > 1 else 0
    return sorted(ranked[:held_out] if split == HELD_OUT else ranked[held_out:])


def _hash(kind: str, identity: str | int) -> int:
    return int.from_bytes(hashlib.sha256(f"{kind}:{identity}".encode()).digest()[:8], "big")
