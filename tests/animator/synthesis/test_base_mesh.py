import numpy as np
import pytest

from animator.errors import ModelError
from animator.synthesis.base_mesh import NUM_BODY_VERTICES, load_base_mesh, parse_obj, read_target, triangulate


def test_template_is_in_metres_and_every_body_vertex_is_skinned() -> None:
    mesh = load_base_mesh()
    body = mesh.vertices_V3[:NUM_BODY_VERTICES]
    assert 1.5 < np.ptp(body[:, 1]) < 1.9
    np.testing.assert_allclose(mesh.weights_VJ[:NUM_BODY_VERTICES].sum(1), 1, atol=1e-5)


def test_targets_move_body_vertices_by_centimetres() -> None:
    index, offset = read_target("nose/nose-hump-incr")
    assert index.max() < len(load_base_mesh().vertices_V3)
    assert 0.0005 < np.abs(offset).max() < 0.05


def test_missing_target_is_named() -> None:
    with pytest.raises(ModelError, match="nose/no-such"):
        read_target("nose/no-such")


def test_obj_groups_triangles_and_quads_and_texture_corners() -> None:
    text = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\ng a\nf 1/1 2/2 3/3 4/1\ng b\nf 1/1 2/2 3/3\n"
    vertices, uv, groups = parse_obj(text.splitlines())
    assert vertices.shape == (4, 3)
    assert uv.shape == (3, 2)
    assert groups["a"].quads_F4.tolist() == [[0, 1, 2, 3]]
    assert groups["a"].uv_quads_F4.tolist() == [[0, 1, 2, 0]]
    assert triangulate(groups["b"].quads_F4).tolist() == [[0, 1, 2]]
