"""One mesh for the batched path and the compiled one."""

import numpy as np

from animator.synthesis import renderer
from animator.synthesis.batch_renderer import Job
from animator.synthesis.camera import Camera
from animator.synthesis.lighting import Light, light_frame
from animator.synthesis.mesh import RenderMesh

LIGHT = Light(
    direction_3=light_frame(np.array([0.36, 0.48, 0.8]))[2].astype(np.float64),
    key_3=np.array([0.9, 0.8, 0.7]),
    sky_3=np.array([0.3, 0.35, 0.4]),
    floor_3=np.array([0.25, 0.2, 0.15]),
    fill_3=np.full(3, 0.2),
    softness_m=0.02,
)


def job(mesh: RenderMesh, camera: Camera) -> Job:
    """A mesh where it is, in a fixed light before grey."""
    behind = np.full((camera.height, camera.width, 3), 0.3, np.float32)
    return Job(mesh=mesh, vertices_V3=mesh.vertices_V3, camera=camera, light=LIGHT, background_HW3=behind)


def drawn(one: Job) -> renderer.Layers:
    """By the compiled path."""
    return renderer.draw(
        one.mesh, one.vertices_V3, camera=one.camera, light=one.light, background_HW3=one.background_HW3
    )
