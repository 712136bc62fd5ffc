import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from animator.evaluation import metrics


def _picture(seed: int, height: int = 200, width: int = 176) -> np.ndarray:
    """Smooth colours with edges and a little grain: what SSIM and gradients are made for."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.uniform(0, 255, (height, width, 3)), (8, 8, 0))
    smooth = (smooth - smooth.min()) / np.ptp(smooth) * 200
    smooth[height // 4 : height // 2, width // 4 : width // 2] += 50
    return np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)


def _noisy(pixels: np.ndarray, sigma: float, seed: int = 9) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def _tensors(a: np.ndarray, b: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    return metrics.frame_tensor(a), metrics.frame_tensor(b)


def _disk(height: int = 200, width: int = 176) -> torch.Tensor:
    y, x = np.mgrid[:height, :width]
    return metrics.region_tensor((y - 100) ** 2 + (x - 90) ** 2 < 60**2)


def test_identical_pictures_get_the_perfect_score_of_every_metric() -> None:
    picture, same = _tensors(_picture(1), _picture(1))
    pyramid = metrics.similarity_pyramid(picture, same)
    for region in (None, _disk()):
        assert metrics.l1(picture, same, region) == 0
        assert metrics.psnr(picture, same, region) == metrics.MAX_PSNR_DB
        assert metrics.ssim(pyramid, region) == pytest.approx(1, abs=1e-6)
        assert metrics.ms_ssim(pyramid, region) == pytest.approx(1, abs=1e-6)
        assert metrics.gmsd(picture, same, region) == pytest.approx(0, abs=1e-6)
        assert metrics.sharpness_ratio(picture, same, region) == pytest.approx(1)


def test_a_constant_shift_has_its_analytic_l1_and_psnr() -> None:
    dark = np.full((32, 40, 3), 100, np.uint8)
    picture, shifted = _tensors(dark, dark + np.uint8(51))
    assert metrics.l1(shifted, picture) == pytest.approx(0.2)
    assert metrics.psnr(shifted, picture) == pytest.approx(-20 * math.log10(0.2), abs=1e-4)


def test_the_region_alone_decides_its_score() -> None:
    real = _picture(2)
    damaged = real.copy()
    damaged[:, :88] = 255 - damaged[:, :88]
    left, right = np.zeros((2, 200, 176), np.float32)
    left[:, :88], right[:, 88:] = 1, 1
    generated, target = _tensors(damaged, real)
    assert metrics.l1(generated, target, metrics.region_tensor(right)) == 0
    half = metrics.l1(generated, target, metrics.region_tensor(left))
    assert half == pytest.approx(2 * metrics.l1(generated, target), rel=1e-5)


@pytest.mark.parametrize("sigma", [2.0, 12.0, 40.0])
def test_ssim_and_psnr_equal_torchmetrics(sigma: float) -> None:
    real = _picture(3)
    generated, target = _tensors(_noisy(real, sigma), real)
    pyramid = metrics.similarity_pyramid(generated, target)
    expected = structural_similarity_index_measure(generated, target, data_range=1.0)
    assert metrics.ssim(pyramid) == pytest.approx(float(expected), abs=2e-5)
    expected = peak_signal_noise_ratio(generated, target, data_range=1.0)
    assert metrics.psnr(generated, target) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("size", [(200, 176), (177, 195)])
def test_ms_ssim_with_five_scales_equals_torchmetrics(size: tuple[int, int]) -> None:
    real = _picture(4, *size)
    generated, target = _tensors(_noisy(real, 15), real)
    expected = multiscale_structural_similarity_index_measure(generated, target, data_range=1.0)
    assert metrics.ms_ssim(metrics.similarity_pyramid(generated, target)) == pytest.approx(float(expected), abs=2e-5)


def test_person_ssim_is_the_mean_of_torchmetrics_map_under_the_region() -> None:
    real = _picture(5)
    generated, target = _tensors(_noisy(real, 20), real)
    _, full = structural_similarity_index_measure(generated, target, data_range=1.0, return_full_image=True)
    region = _disk()
    expected = full.mean(1, keepdim=True)[region.bool()].mean()
    assert metrics.ssim(metrics.similarity_pyramid(generated, target), region) == pytest.approx(
        float(expected), abs=2e-5
    )


@pytest.mark.parametrize(("side", "scales"), [(176, 5), (175, 4), (88, 4), (87, 3), (44, 3), (22, 2), (21, 1), (11, 1)])
def test_small_pictures_get_fewer_scales(side: int, scales: int) -> None:
    real = _picture(6, side, side + 30)
    assert len(metrics.similarity_pyramid(*_tensors(real, real))) == scales


def test_ms_ssim_of_a_single_scale_is_not_measured() -> None:
    real = _picture(6, 20, 20)
    assert math.isnan(metrics.ms_ssim(metrics.similarity_pyramid(*_tensors(real, real))))


def test_ms_ssim_with_fewer_scales_weighs_them_to_one() -> None:
    real = _picture(6, 100, 100)
    pyramid = metrics.similarity_pyramid(*_tensors(real, real))
    halved = [(similarity * 0.5, contrast * 0.5) for similarity, contrast in pyramid]
    assert metrics.ms_ssim(halved) == pytest.approx(0.5, abs=1e-6)


def test_pictures_too_small_for_a_window_are_refused() -> None:
    tiny = np.zeros((10, 40, 3), np.uint8)
    with pytest.raises(ValueError, match="11 px"):
        metrics.similarity_pyramid(*_tensors(tiny, tiny))


def _gmsd_in_numpy(a: np.ndarray, b: np.ndarray) -> float:
    """Xue et al. 2014 on the 0..255 scale, by scipy's filters."""
    magnitudes = []
    for pixels in (a, b):
        gray = pixels.astype(np.float64) @ (0.299, 0.587, 0.114)
        gray = (gray[::2, ::2] + gray[1::2, ::2] + gray[::2, 1::2] + gray[1::2, 1::2]) / 4
        across, down = (ndimage.prewitt(gray, axis=axis) / 3 for axis in (1, 0))
        magnitudes.append(np.hypot(across, down)[1:-1, 1:-1])
    first, second = magnitudes
    return float(np.std((2 * first * second + 170) / (first**2 + second**2 + 170)))


@pytest.mark.parametrize("sigma", [3.0, 25.0])
def test_gmsd_equals_an_independent_computation(sigma: float) -> None:
    real = _picture(7)
    noisy = _noisy(real, sigma)
    expected = _gmsd_in_numpy(noisy, real)
    assert expected > 0.003
    assert metrics.gmsd(*_tensors(noisy, real)) == pytest.approx(expected, abs=1e-5)


def test_a_ramp_has_the_gradient_energy_of_its_slope() -> None:
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None], 20, axis=0).repeat(3, axis=2)
    assert metrics.gradient_energy(metrics.frame_tensor(ramp)) == pytest.approx((1 / 255) ** 2, rel=1e-4)


def test_blur_lowers_the_sharpness_ratio_and_more_blur_lowers_it_more() -> None:
    real = _picture(8)
    ratios = [
        metrics.sharpness_ratio(*_tensors(ndimage.gaussian_filter(real, (sigma, sigma, 0)), real), _disk())
        for sigma in (0.0, 0.7, 1.5, 3.0)
    ]
    assert ratios[0] == pytest.approx(1)
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] < 0.3


def test_a_flat_real_picture_has_no_sharpness_ratio() -> None:
    flat = np.full((32, 32, 3), 90, np.uint8)
    assert math.isnan(metrics.sharpness_ratio(*_tensors(_picture(1, 32, 32), flat)))


def test_an_empty_region_is_not_measured() -> None:
    generated, real = _tensors(_picture(1), _picture(2))
    empty = metrics.region_tensor(np.zeros((200, 176)))
    pyramid = metrics.similarity_pyramid(generated, real)
    scores = [metric(generated, real, empty) for metric in (metrics.l1, metrics.psnr, metrics.gmsd)]
    scores += [metrics.ssim(pyramid, empty), metrics.ms_ssim(pyramid, empty), metrics.gradient_energy(real, empty)]
    assert all(math.isnan(score) for score in scores)


@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, 1000), second=st.integers(0, 1000))
def test_symmetric_metrics_do_not_mind_the_order(first: int, second: int) -> None:
    a, b = _tensors(_picture(first, 48, 40), _picture(second, 48, 40))
    for metric in (metrics.l1, metrics.psnr, metrics.gmsd):
        assert metric(a, b) == pytest.approx(metric(b, a), rel=1e-5, abs=1e-7)
    assert metrics.ssim(metrics.similarity_pyramid(a, b)) == pytest.approx(
        metrics.ssim(metrics.similarity_pyramid(b, a)), abs=1e-5
    )
