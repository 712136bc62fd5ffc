import numpy as np

from animator.synthesis.camera import Camera


def test_target_lies_in_the_middle_at_the_asked_distance() -> None:
    camera = Camera.look_at(np.array([0.2, 1.0, -0.1]), distance_m=4, elevation_deg=20, yaw_deg=30)
    np.testing.assert_allclose(camera.project(np.array([[0.2, 1.0, -0.1]])), [[128, 160, 4]], atol=1e-9)


def test_up_is_up_and_the_persons_left_is_on_the_right() -> None:
    camera = Camera.look_at(np.array([0, 1.0, 0]), distance_m=4, view_height_m=2, height=320)
    middle, above, left = camera.project(np.array([[0, 1.0, 0], [0, 1.5, 0], [0.5, 1.0, 0]]))
    np.testing.assert_allclose(above[:2] - middle[:2], [0, -80], atol=1e-9)
    np.testing.assert_allclose(left[:2] - middle[:2], [80, 0], atol=1e-9)


def test_rays_pass_through_the_points_that_project_onto_the_pixel_centres() -> None:
    camera = Camera.look_at(np.array([0, 1.0, 0]), distance_m=3, elevation_deg=12, height=8, width=6)
    rays = camera.rays()
    points = camera.position_3 + 2.5 * rays.reshape(-1, 3)
    x, y = np.meshgrid(np.arange(6) + 0.5, np.arange(8) + 0.5)
    np.testing.assert_allclose(camera.project(points)[:, :2], np.stack([x.ravel(), y.ravel()], 1), atol=1e-9)
