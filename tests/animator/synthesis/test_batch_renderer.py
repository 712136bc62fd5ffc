import os

import numpy as np
import pytest
import torch

from animator.synthesis import renderer
from animator.synthesis.backdrop import Backdrop
from animator.synthesis.batch_renderer import Job, TorchRenderer
from animator.synthesis.camera import Camera
from animator.synthesis.rig import rest_pose, rotation
from animator.synthesis.scene import Character, pose_vertices
from tests.animator.synthesis.poses import pose_from


def compare(device: str, character: Character, camera: Camera, backdrop: Backdrop) -> None:
    """Stated tolerance: image within 4 codes everywhere and 0.02 on average; parts differ in under 0.1 % of pixels."""
    jobs = [
        Job(
            mesh=character.mesh,
            vertices_V3=pose_vertices(character, pose)[0],
            camera=camera,
            light=backdrop.light,
            background_HW3=backdrop.image_HW3,
        )
        for pose in (rest_pose(), pose_from({"pelvis": rotation("y", 50), "left_hip": rotation("x", -30)}))
    ]
    batch = TorchRenderer(device).draw(jobs)
    for number, job in enumerate(jobs):
        single = renderer.draw(
            job.mesh, job.vertices_V3, camera=camera, light=job.light, background_HW3=job.background_HW3
        )
        difference = np.abs(single.image_HWC.astype(int) - batch.image_BHWC[number].cpu().numpy())
        assert difference.mean() < 0.02
        assert np.percentile(difference, 99.9) <= 4
        assert (single.parts_HW != batch.parts_BHW[number].cpu().numpy()).mean() < 1e-3
        assert (single.layers_HW != batch.layers_BHW[number].cpu().numpy()).mean() < 1e-3
        assert np.abs(single.matte_HW - batch.matte_BHW[number].cpu().numpy()).mean() < 1e-3


def test_torch_on_cpu_draws_the_same_pictures(character: Character, camera: Camera, backdrop: Backdrop) -> None:
    compare("cpu", character, camera, backdrop)


@pytest.mark.gpu
def test_torch_on_gpu_draws_the_same_pictures(character: Character, camera: Camera, backdrop: Backdrop) -> None:
    if not torch.cuda.is_available():
        if os.environ.get("FAIL_WITHOUT_GPU") == "1":
            pytest.fail("FAIL_WITHOUT_GPU=1, and torch sees no GPU")
        pytest.skip("no GPU")
    compare("cuda", character, camera, backdrop)
