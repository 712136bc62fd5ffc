"""Light and its encoding: sRGB both ways, and highlights that roll off instead of clipping."""

import numpy as np
import pytest

from animator.synthesis.shading import LINEAR, encode_srgb

CODES = np.arange(256)
# IEC 61966-2-1, computed in other programs.
KNOWN = {0: 0.0, 10: 0.0030353, 64: 0.0512695, 128: 0.2158605, 188: 0.5028865, 255: 1.0}


@pytest.mark.parametrize("code", KNOWN)
def test_codes_stand_for_srgb_s_light(code: int) -> None:
    assert LINEAR[code] == pytest.approx(KNOWN[code], abs=1e-6)


def test_every_code_below_the_highlights_comes_back() -> None:
    below = LINEAR <= 0.8
    assert (encode_srgb(LINEAR)[below] == CODES[below]).all()
    assert below.sum() > 220


def test_highlights_keep_their_differences_and_end_in_white() -> None:
    shown = encode_srgb(np.array([0.8, 0.9, 1.0, 1.2, 1.5, 9.0])).astype(int)
    assert (np.diff(shown) > 0).all()
    assert shown[2] < 250
    assert shown[-1] == 255
