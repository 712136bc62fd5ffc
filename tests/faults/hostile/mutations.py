"""Files gone wrong: what storage, transfers and ill will do to bytes and to text."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]

_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def flip_bits(content: bytes, chance: random.Random) -> bytes:
    """One to thirty wrong bits."""
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 4, 30))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, chance: random.Random) -> bytes:
    """The end is missing."""
    return content[: chance.randrange(1, len(content))]


def splice(content: bytes, chance: random.Random) -> bytes:
    """A part stands in another place, too."""
    start, place = chance.randrange(len(content)), chance.randrange(len(content))
    return content[:place] + content[start : start + chance.randrange(1, 4096)] + content[place:]


def cut_out(content: bytes, chance: random.Random) -> bytes:
    """A part in the middle is missing."""
    start = chance.randrange(len(content))
    return content[:start] + content[start + chance.randrange(1, 4096) :]


def blank(content: bytes, chance: random.Random) -> bytes:
    """A part is zeros or noise."""
    start = chance.randrange(len(content))
    length = min(len(content) - start, chance.randrange(1, 2048))
    filling = bytes(length) if chance.random() < 0.5 else chance.randbytes(length)
    return content[:start] + filling + content[start + length :]


def set_fields(content: bytes, chance: random.Random) -> bytes:
    """Numbers of the head or the tail, where formats keep sizes and counts, are extreme."""
    damaged = bytearray(content)
    reach = min(len(damaged) - 4, 1024)
    for _ in range(chance.choice((1, 3))):
        place = chance.randrange(reach) if chance.random() < 0.6 else len(damaged) - 4 - chance.randrange(reach)
        value = chance.choice(_EXTREMES)
        damaged[place : place + 4] = value.to_bytes(4, chance.choice(("big", "little")))
    return bytes(damaged)


def change_text(content: bytes, chance: random.Random) -> bytes:
    """A value of TOML or JSON is of another kind, or absurd."""
    values = ("-1", "0", "1e308", "nan", "inf", "true", '""', '"\\u0000"', "[]", "{}", "[[1, 2], 3]", "9" * 400, "null")
    places = list(re.finditer(rb"(?<=[:=\[,] )?-?\d+(\.\d+)?|\"[^\"\n]*\"", content))
    if not places:
        return flip_bits(content, chance)
    for place in sorted(chance.sample(places, min(len(places), 2)), key=lambda found: -found.start()):
        content = content[: place.start()] + chance.choice(values).encode() + content[place.end() :]
    return content


OF_BYTES: tuple[Mutation, ...] = (flip_bits, truncate, splice, cut_out, blank, set_fields)
OF_TEXT: tuple[Mutation, ...] = (change_text, flip_bits, truncate, splice, cut_out)
