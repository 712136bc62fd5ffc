"""Triangles of every size and place: the batched path and the compiled one draw the same of them."""

import numpy as np
import pytest

from animator.synthesis.batch_renderer import TorchRenderer
from animator.synthesis.camera import Camera
from animator.synthesis.mesh import Material, Piece, RenderMesh, join_pieces
from tests.animator.synthesis.both_paths import drawn, job


def triangle(corners: np.ndarray) -> RenderMesh:
    """One triangle of plain cloth, seen from both sides."""
    return join_pieces(
        [
            Piece(
                part="top",
                vertices_V3=corners,
                weights_VB=np.tile([1.0, 0, 0, 0], (3, 1)),
                faces_F3=np.array([[0, 1, 2]]),
                uv_F32=np.array([[[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]]),
                texture_HW4=np.full((64, 64, 4), (150, 90, 60, 255), np.uint8),
                bump_HW4=None,
                material=Material(two_sided=True),
            )
        ]
    )


@pytest.fixture(scope="module")
def camera() -> Camera:
    return Camera.look_at(np.array([0, 0.9, 0]), distance_m=3.0, elevation_deg=0, height=60, width=48)


@pytest.mark.parametrize(
    ("size_m", "least", "most"),
    [(0.02, 0.0, 0.01), (0.3, 0.01, 0.1), (1.5, 0.2, 0.8), (30.0, 0.999, 1.0)],
    ids=["a pixel", "small", "most of the picture", "more than the picture"],
)
def test_triangles_of_every_size_are_drawn_alike(camera: Camera, size_m: float, least: float, most: float) -> None:
    corners = np.array([[-1.0, -0.6, 0.0], [1.0, -0.6, 0.0], [0.0, 1.0, 0.0]]) * size_m + [0.0, 0.9, 0.0]
    one = job(triangle(corners), camera)
    single, batch = drawn(one), TorchRenderer("cpu").draw([one])
    assert least <= single.matte_HW.mean() <= most
    np.testing.assert_allclose(batch.matte_BHW[0].numpy(), single.matte_HW, atol=0.01)
    assert np.abs(batch.image_BHWC[0].numpy().astype(int) - single.image_HWC).max() <= 2


def test_a_triangle_that_reaches_behind_the_camera_is_left_out(camera: Camera) -> None:
    corners = np.array([[-0.5, 0.7, 0.0], [0.5, 0.7, 0.0], [0.0, 1.2, 9.0]])
    one = job(triangle(corners), camera)
    assert drawn(one).matte_HW.max() == 0
    assert TorchRenderer("cpu").draw([one]).matte_BHW.max() == 0
