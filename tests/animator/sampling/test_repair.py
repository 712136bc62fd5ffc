"""Where the warp is trusted."""

from __future__ import annotations

import pytest
import torch

from animator.sampling.repair import trust


def test_the_warp_is_trusted_but_where_it_needs_repair_and_around_there() -> None:
    need = torch.zeros(1, 40, 40)
    need[0, 20, 20] = 1.0
    share = trust(need, 0.5)[0]
    assert float(share[20, 20]) == pytest.approx(0, abs=1e-6)
    assert float(share[20, 24]) < 1
    assert float(share[:, :14].min()) == float(share[30:].min()) == 1
    assert float(trust(need, 0.0).min()) == 1
    assert float(trust(need, 1.0).max()) == pytest.approx(0, abs=1e-6)
