"""An invisible mark in the pictures themselves, which stays where metadata is stripped.

Spread spectrum in the luminance (Cox et al. 1997, "Secure spread spectrum watermarking for multimedia"): five low
frequencies of every 8 x 8 block are raised or lowered by a fixed amount, by signs that only this module knows. Half
of the signs are always the same, and tell that there is a mark; the others carry 32 bits. The reader adds up what
agrees with the signs. It needs neither the original nor the job.

It survives video compression, GIF palettes and WebP, and a cut at the right or the bottom; scaling, turning and other
crops move the blocks away from under it, and it is lost. It is no secret: who reads this can remove it.

Legend: H W pixels, C colour, R rows and Q columns of blocks, F frequencies of a block, N chips in all.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from einops import rearrange

NUM_BITS = 32
_BLOCK = 8
_FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
# Root of the mean square of what is added, in grey levels of 255.
_STRENGTH = 1.0
# BT.709, as the MP4 has it; the mark is added to all three colours alike, so any weights that sum to 1 would do.
_LUMA_C = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
# Contents outweigh the mark in places; beyond this a coefficient says no more than its sign.
_LOUDEST = 4.0
# Standard deviations of chance: one unmarked file in 10^15 has more than 8. A bit has a 32nd of the constant half's
# chips, so its score is around that half's by the root of 32; from 4 on, one code in 1,000 has a wrong bit.
DETECTED_FROM, _CODE_FROM = 8.0, 4 * NUM_BITS**0.5
# Blocks across the widest picture there is: 16,384 px.
_WIDEST = 2048
_SIGN_SEED, _PLACE_SEED = 20_240_611, 20_240_612


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """A mark that was found.

    Attributes:
        code: the 32 bits in hexadecimal, the beginning of a job's fingerprint; None where they are too faint.
        score: how far above chance, in standard deviations.
    """

    code: str | None
    score: float


def embed_watermark(pixels_HWC: np.ndarray, code: str) -> np.ndarray:
    """A copy of a picture with the mark in it; margins of less than a block stay as they are.

    Args:
        pixels_HWC: uint8 RGB [H, W, 3].
        code: hexadecimal, at least 8 digits, of which the first 8 are written.
    """
    height, width = pixels_HWC.shape[0] // _BLOCK * _BLOCK, pixels_HWC.shape[1] // _BLOCK * _BLOCK
    marked_HWC = pixels_HWC.copy()
    if not height or not width:
        return marked_HWC
    pattern_HW = _pattern(height // _BLOCK, width // _BLOCK, code[: NUM_BITS // 4])
    sum_HWC = pixels_HWC[:height, :width] + pattern_HW[..., None]
    marked_HWC[:height, :width] = sum_HWC.round().clip(0, 255).astype(np.uint8)
    return marked_HWC


class WatermarkReader:
    """Adds up the evidence of pictures of one film; other sizes than the first's are passed over."""

    def __init__(self) -> None:
        self._sum_RQF: np.ndarray | None = None

    def add(self, pixels_HWC: np.ndarray) -> None:
        """Look at one picture, uint8 RGB [H, W, 3]."""
        heard_RQF = _coefficients(pixels_HWC).clip(-_LOUDEST, _LOUDEST)
        if self._sum_RQF is None:
            self._sum_RQF = heard_RQF
        elif self._sum_RQF.shape == heard_RQF.shape:
            self._sum_RQF += heard_RQF

    @property
    def result(self) -> Watermark | None:
        """The mark, if there is one."""
        if self._sum_RQF is None or not self._sum_RQF.any():
            return None
        heard_N = self._sum_RQF.ravel()
        signs_N, bits_N = _chips(*self._sum_RQF.shape[:2])
        # For signs that know nothing of the picture, each score has mean 0 and variance 1, whatever the picture.
        agreement = np.bincount(bits_N, signs_N * heard_N, minlength=NUM_BITS + 1)
        chance = np.sqrt(np.bincount(bits_N, heard_N**2, minlength=NUM_BITS + 1))
        scores = agreement / np.maximum(chance, 1e-12)
        if scores[0] < DETECTED_FROM:
            return None
        code = np.packbits(scores[1:] > 0).tobytes().hex() if scores[0] >= _CODE_FROM else None
        return Watermark(code=code, score=float(scores[0]))


@functools.lru_cache(maxsize=2)
def _pattern(rows: int, columns: int, code: str) -> np.ndarray:
    """What is added to each pixel: float32 [8 R, 8 Q] grey levels."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(code), dtype=np.uint8)).astype(np.float32) * 2 - 1
    signs_N, bits_N = _chips(rows, columns)
    amplitude = _STRENGTH * _BLOCK / np.sqrt(len(_FREQUENCIES))
    chips_N = amplitude * signs_N * np.concatenate([[1.0], bits]).astype(np.float32)[bits_N]
    blocks = chips_N.reshape(rows, columns, -1) @ _waves().reshape(len(_FREQUENCIES), -1)
    return rearrange(blocks, "r q (y x) -> (r y) (q x)", y=_BLOCK)


def _coefficients(pixels_HWC: np.ndarray) -> np.ndarray:
    """The frequencies of every whole block of the luminance: float32 [R, Q, F]."""
    height, width = pixels_HWC.shape[0] // _BLOCK * _BLOCK, pixels_HWC.shape[1] // _BLOCK * _BLOCK
    luma_HW = pixels_HWC[:height, :width] @ _LUMA_C
    blocks = rearrange(luma_HW, "(r y) (q x) -> r q (y x)", y=_BLOCK, x=_BLOCK)
    return blocks @ _waves().reshape(len(_FREQUENCIES), -1).T


@functools.cache
def _waves() -> np.ndarray:
    """The basis functions of the orthonormal DCT-II that carry the mark: float32 [F, 8, 8]."""
    place = np.arange(_BLOCK) + 0.5
    waves = [np.sqrt((1 + (order > 0)) / _BLOCK) * np.cos(np.pi * place * order / _BLOCK) for order in range(_BLOCK)]
    return np.stack([np.outer(waves[down], waves[across]) for down, across in _FREQUENCIES]).astype(np.float32)


@functools.lru_cache(maxsize=2)
def _chips(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """(signs ±1 float32 [N], which bit each carries int [N], 0 for the constant half) of so many blocks.

    A block has the same chips in pictures of any size. Raw output of PCG64, which numpy promises never to change.
    """
    count = rows * _WIDEST * len(_FREQUENCIES)
    words = np.random.PCG64(_SIGN_SEED).random_raw((count + 63) // 64).astype("<u8")
    signs = np.unpackbits(words.view(np.uint8))[:count].astype(np.float32) * 2 - 1
    draws = (np.random.PCG64(_PLACE_SEED).random_raw(count) % (2 * NUM_BITS)).astype(np.int64)
    bits = np.maximum(draws - NUM_BITS + 1, 0)
    signs_RQF, bits_RQF = (each.reshape(rows, _WIDEST, -1)[:, :columns] for each in (signs, bits))
    return signs_RQF.ravel(), bits_RQF.ravel()
