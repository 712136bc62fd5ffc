import numpy as np

from animator.synthesis.rasterizer import rasterize, shadow_depth, vertex_normals
from animator.synthesis.textures import pack_textures

# Two triangles over the lower left half of an 8 x 8 sample grid, clockwise on screen (front-facing), one nearer.
CORNERS = np.array([[0, 8], [0, 0], [8, 8]], np.float32)


def draw(
    order: list[float], alpha: int = 255, flip: bool = False, two_sided: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    screen = np.concatenate([np.c_[CORNERS, np.full(3, near)] for near in order]).astype(np.float32)
    faces = np.arange(3 * len(order), dtype=np.int32).reshape(-1, 3)
    faces = faces if flip else faces[:, ::-1].copy()
    texture = np.full((8, 8, 4), 255, np.uint8)
    texture[..., 3] = alpha
    pack = pack_textures([texture])
    uv = np.tile(np.array([[0, 0], [0, 1], [1, 0]], np.float32), (len(order), 1, 1))
    depth, face = np.zeros((8, 8), np.float32), np.full((8, 8), -1, np.int32)
    rasterize(
        screen, faces, uv, np.zeros(len(order), np.int32), np.zeros(1, np.int32), np.array([True]),
        np.array([two_sided]), pack.texels_N4, pack.table_TL3, depth, face, np.zeros(len(order), np.float32),
    )  # fmt: skip
    return depth, face


def test_samples_inside_the_triangle_are_covered_and_others_are_not() -> None:
    depth, face = draw([0.5], two_sided=True)
    y, x = np.mgrid[0:8, 0:8] + 0.5
    np.testing.assert_array_equal(face >= 0, x <= y)
    assert np.unique(depth[face >= 0]).tolist() == [0.5]


def test_the_nearer_triangle_wins_in_either_order() -> None:
    assert set(np.unique(draw([0.5, 0.9], two_sided=True)[1])) == {-1, 1}
    assert set(np.unique(draw([0.9, 0.5], two_sided=True)[1])) == {-1, 0}


def test_back_faces_are_drawn_only_where_the_piece_is_two_sided() -> None:
    front, back = draw([0.5])[1], draw([0.5], flip=True)[1]
    assert (front >= 0).any() != (back >= 0).any()
    assert (draw([0.5], flip=True, two_sided=True)[1] >= 0).any()


def test_half_transparent_texture_covers_half_of_the_samples() -> None:
    _, face = draw([0.5], alpha=128, two_sided=True)
    kept = face[4:, :4] >= 0
    assert kept.mean() == 0.5
    assert not (draw([0.5], alpha=0, two_sided=True)[1] >= 0).any()


def test_shadow_map_keeps_the_surface_nearest_to_the_light() -> None:
    square = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], np.float32)
    vertices = np.concatenate([square, square * 0.5 + [0, 1, 0]]).astype(np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)
    frame = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]], np.float32)
    heights = shadow_depth(vertices, faces, frame, np.zeros(3, np.float32), 8.0, 32)
    assert heights[16, 16] == 1.0
    assert heights[16, 10] == 0.0
    assert heights[2, 2] < -1e8


def test_normals_of_a_flat_square_point_up() -> None:
    vertices = np.array([[0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0]], np.float32)
    normals = vertex_normals(vertices, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    np.testing.assert_allclose(normals, np.tile([0, 1, 0], (4, 1)), atol=1e-6)
