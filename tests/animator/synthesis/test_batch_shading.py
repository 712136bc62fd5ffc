"""What a material does to the light: the batched path and the compiled one agree, sample by sample.

People show little of some materials, such as the inside of cloth; a bowl of one material shows all of each.
"""

import numpy as np
import pytest

from animator.synthesis.batch_renderer import TorchRenderer
from animator.synthesis.camera import Camera
from animator.synthesis.mesh import Material, Piece, RenderMesh, join_pieces
from tests.animator.synthesis.both_paths import drawn, job

MATERIALS = {
    "tinted": Material(tint=(0.9, 0.5, 0.3)),
    "glossy": Material(gloss=0.3, sharpness=20.0),
    "skin": Material(scatter=0.5),
    "wool": Material(fuzz=0.8),
    "bumpy": Material(bump=2.0),
    "bumpy, mirrored": Material(bump=2.0),
    "seen from inside": Material(two_sided=True),
    "cut out": Material(cutout=True, two_sided=True),
}


def bowl(
    material: Material, *, bumps: bool = False, holes: bool = False, inside: bool = False, mirrored: bool = False
) -> RenderMesh:
    """Half a ball at the height of a chest, its bulge towards the camera, or its hollow."""
    u, v = np.meshgrid(np.linspace(0, 1, 25), np.linspace(0, 1, 25))
    along, up = np.pi * (u - 0.5), np.pi * (v - 0.5)
    ball = np.stack([np.sin(along) * np.cos(up), np.sin(up), np.cos(along) * np.cos(up)], axis=-1).reshape(-1, 3)
    first = (np.arange(24)[:, None] * 25 + np.arange(24)).ravel()
    quads = np.stack([first, first + 1, first + 26, first + 25], axis=1)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    if inside:
        ball, faces = ball * [1, 1, -1], faces[:, ::-1]
    rng = np.random.default_rng(0)
    texture = np.full((64, 64, 4), 255, np.uint8)
    texture[..., :3] = rng.integers(120, 220, (8, 8, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    if holes:
        texture[16:40, 16:32, 3] = 0
    relief = rng.integers(60, 196, (16, 16, 4)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
    return join_pieces(
        [
            Piece(
                part="top",
                vertices_V3=ball * 0.45 + [0.0, 0.9, 0.0],
                weights_VB=np.tile([1.0, 0, 0, 0], (len(ball), 1)),
                faces_F3=faces,
                uv_F32=np.stack([1 - u.ravel() if mirrored else u.ravel(), v.ravel()], axis=-1)[faces],
                texture_HW4=texture,
                bump_HW4=relief if bumps else None,
                material=material,
            )
        ]
    )


@pytest.fixture(scope="module")
def camera() -> Camera:
    return Camera.look_at(np.array([0, 0.9, 0]), distance_m=3.0, elevation_deg=10, height=60, width=48)


def meshes() -> dict[str, RenderMesh]:
    return {
        name: bowl(
            material,
            bumps=name.startswith("bumpy"),
            holes=name == "cut out",
            inside=name in ("seen from inside", "cut out"),
            mirrored=name.endswith("mirrored"),
        )
        for name, material in MATERIALS.items()
    }


def test_both_paths_agree_on_every_material_in_one_batch(camera: Camera) -> None:
    made = meshes()
    jobs = [job(mesh, camera) for mesh in made.values()]
    batch = TorchRenderer("cpu").draw(jobs)
    for number, (name, one) in enumerate(zip(made, jobs, strict=True)):
        single = drawn(one)
        away = np.abs(single.image_HWC.astype(int) - batch.image_BHWC[number].numpy())
        assert away.mean() < 0.05, name
        assert np.percentile(away, 99.5) <= 2, name
        np.testing.assert_allclose(batch.matte_BHW[number].numpy(), single.matte_HW, atol=0.26, err_msg=name)
        assert (batch.matte_BHW[number].numpy() != single.matte_HW).mean() < 2e-3, name
        both = np.isfinite(single.depth_HW) & np.isfinite(batch.depth_BHW[number].numpy())
        assert both.sum() > 300, name
        np.testing.assert_allclose(batch.depth_BHW[number].numpy()[both], single.depth_HW[both], atol=2e-3)


@pytest.mark.parametrize("name", MATERIALS)
def test_every_material_is_seen_so_that_agreeing_means_something(name: str, camera: Camera) -> None:
    plain = {"inside": name in ("seen from inside", "cut out")}
    without = bowl(Material(two_sided=name == "cut out"), **plain)
    before, after = drawn(job(without, camera)), drawn(job(meshes()[name], camera))
    assert (np.abs(before.image_HWC.astype(int) - after.image_HWC) > 3).mean() > 0.01


def test_frames_of_a_batch_do_not_touch_each_other(camera: Camera) -> None:
    made = meshes()
    first, second = job(made["skin"], camera), job(made["bumpy"], camera)
    alone = TorchRenderer("cpu").draw([first])
    beside = TorchRenderer("cpu").draw([second, first])
    assert (alone.image_BHWC[0] == beside.image_BHWC[1]).all()
    assert (alone.uv_BHW2[0] == beside.uv_BHW2[1]).all()
