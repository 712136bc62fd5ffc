import numpy as np

from animator.synthesis.mesh import Piece, without_cut_away


def sheet(alpha: np.ndarray) -> Piece:
    """A flat sheet of 8 x 8 quads with the given alpha over it."""
    steps = np.linspace(0, 1, 9)
    u, v = np.meshgrid(steps, steps)
    corner = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
    faces = np.concatenate([corner[:, None] + [0, 1, 10], corner[:, None] + [0, 10, 9]])
    points = np.stack([u, v, np.zeros_like(u)], axis=-1).reshape(-1, 3)
    return Piece(
        part="hair",
        vertices_V3=points,
        weights_VB=np.ones((81, 1), np.float32),
        faces_F3=faces.astype(np.int32),
        uv_F32=points[faces][..., :2].astype(np.float32),
        texture_HW4=np.concatenate([np.full((*alpha.shape, 3), 90), alpha[..., None]], axis=-1).astype(np.uint8),
    )


def test_faces_that_are_cut_away_wholly_go_and_all_others_stay() -> None:
    alpha = np.zeros((64, 64))
    alpha[:32] = 255  # the upper half: v > 0.5
    kept = without_cut_away(sheet(alpha))
    assert kept.vertices_V3[:, 1].max() == 1
    assert 0.25 <= kept.vertices_V3[:, 1].min() <= 0.5
    assert len(kept.uv_F32) == len(kept.faces_F3)
    np.testing.assert_allclose(kept.vertices_V3[kept.faces_F3][..., :2], kept.uv_F32, atol=1e-6)


def test_one_solid_texel_keeps_its_face() -> None:
    alpha = np.zeros((64, 64))
    alpha[20, 43] = 255
    kept = without_cut_away(sheet(alpha))
    low, high = kept.vertices_V3[:, :2].min(0), kept.vertices_V3[:, :2].max(0)
    assert (low <= [43.5 / 64, 1 - 20.5 / 64]).all()
    assert (high >= [43.5 / 64, 1 - 20.5 / 64]).all()


def test_a_solid_piece_stays_as_it_is() -> None:
    piece = sheet(np.full((64, 64), 255.0))
    kept = without_cut_away(piece)
    np.testing.assert_array_equal(kept.vertices_V3, piece.vertices_V3)
    np.testing.assert_array_equal(kept.faces_F3, piece.faces_F3)
