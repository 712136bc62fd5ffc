"""Characters are costly to make: one per session, shared by the tests."""

import numpy as np
import pytest

pytest.importorskip("anny", reason="needs the extra [synthesis]")

from animator.synthesis.backdrop import Backdrop, make_backdrop
from animator.synthesis.camera import Camera
from animator.synthesis.scene import Character


@pytest.fixture(scope="session")
def character() -> Character:
    return Character.from_seed(3)


@pytest.fixture(scope="session")
def camera() -> Camera:
    return Camera.look_at(np.array([0, 0.93, 0]), distance_m=4.5, elevation_deg=5, height=160, width=128)


@pytest.fixture(scope="session")
def backdrop(camera: Camera) -> Backdrop:
    return make_backdrop(2, camera)
