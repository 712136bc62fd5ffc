"""The embedded base's autoencoder: starts as principal components, survives saving, has its own scaling."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from einops import rearrange

from animator.errors import ModelError
from animator.models.bases import open_base
from animator.models.loading import quiet
from animator.models.patch_autoencoder import SPREAD_CELLS, PatchAutoencoder
from animator.models.vae import LatentCodec, has_preview, load_autoencoder
from animator.training.autoencoder import set_unit_spread


def waves(count: int = 6) -> torch.Tensor:
    """Smooth pictures [count, 3, 32, 48] in [0, 1]."""
    rng = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 5, 7, generator=rng)
    return torch.nn.functional.interpolate(coarse, (32, 48), mode="bicubic", align_corners=True).clamp(0, 1)


@pytest.fixture
def vae() -> PatchAutoencoder:
    torch.manual_seed(0)
    vae = PatchAutoencoder(latent_channels=12, widths=(8, 16, 16)).eval().requires_grad_(False)
    vae.start_from(waves() * 2 - 1)
    return vae


def test_starts_as_the_principal_components_of_patches(vae: PatchAutoencoder) -> None:
    error = (LatentCodec(vae).decode(LatentCodec(vae).encode(waves())) - waves()).square().mean()
    patches = rearrange(waves(), "b c (h i) (w j) -> (b h w) (c i j)", i=8, j=8)
    # No linear transform to twelve numbers loses less than the components left out (Eckart & Young 1936); what is
    # lost beyond that is the mean patch of these few pictures, which is not flat.
    lost = torch.linalg.eigvalsh(torch.cov(patches.T))[:-12].sum() / patches.shape[1]
    assert float(lost) < float(error) < 2 * float(lost)
    latents = LatentCodec(vae).encode(waves())
    assert torch.allclose(latents.std((0, 2, 3)), torch.ones(12), atol=0.05)
    assert torch.allclose(latents.mean((0, 2, 3)), torch.zeros(12), atol=0.05)


def test_eight_pixels_are_one_cell_and_other_sizes_are_refused(vae: PatchAutoencoder) -> None:
    codec = LatentCodec(vae)
    assert codec.reduction == 8
    assert codec.encode(waves(1)).shape == (1, 12, 4, 6)
    with pytest.raises(ModelError, match="multiples of 8"):
        codec.encode(waves(1)[..., :-4])


def test_scaling_factor_brings_latents_to_unit_spread(vae: PatchAutoencoder) -> None:
    with torch.no_grad():
        vae.analysis.weight.mul_(5)
        vae.analysis.bias.mul_(5)
    set_unit_spread(vae, waves())
    assert float(LatentCodec(vae).encode(waves()).std()) == pytest.approx(1, abs=1e-3)
    assert LatentCodec(vae).scaling_factor == pytest.approx(0.2, rel=0.05)


def test_saved_and_loaded_it_gives_the_same(vae: PatchAutoencoder, tmp_path: Path) -> None:
    vae.save_pretrained(tmp_path / "vae")
    loaded = load_autoencoder(tmp_path / "vae")
    assert isinstance(loaded, PatchAutoencoder)
    assert torch.equal(LatentCodec(loaded).encode(waves()), LatentCodec(vae).encode(waves()))


def test_autoencoder_of_an_unknown_class_is_refused(tmp_path: Path) -> None:
    from diffusers import AutoencoderTiny

    with quiet():
        AutoencoderTiny(encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(1, 1),
                        num_decoder_blocks=(1, 1)).save_pretrained(tmp_path)  # fmt: skip
    with pytest.raises(ModelError, match="'AutoencoderTiny'"):
        load_autoencoder(tmp_path)


@pytest.mark.parametrize("named", ['["evil", "Thing"]', "{}", "7", "null"])
def test_an_autoencoder_whose_class_is_no_name_is_refused(tmp_path: Path, named: str) -> None:
    (tmp_path / "config.json").write_text(f'{{"_class_name": {named}}}')
    with pytest.raises(ModelError, match="an autoencoder of class"):
        load_autoencoder(tmp_path)


def test_a_preview_decoder_starts_as_the_linear_transform_alone(vae: PatchAutoencoder) -> None:
    latents = LatentCodec(vae).encode(waves())
    vae.add_preview(8)
    made = LatentCodec(vae, preview=True).decode(latents)
    assert torch.allclose(made * 2 - 1, vae.synthesis(latents / vae.config.scaling_factor), atol=1e-6)
    assert not torch.equal(made, LatentCodec(vae).decode(latents + 1))


def test_a_preview_decoder_survives_saving_and_can_be_dropped(vae: PatchAutoencoder, tmp_path: Path) -> None:
    torch.manual_seed(3)
    vae.add_preview(8)
    torch.nn.init.normal_(vae.preview_decoder.last.weight, std=0.1)
    with quiet():
        vae.save_pretrained(tmp_path / "with")
        read = load_autoencoder(tmp_path / "with")
        latents = LatentCodec(vae).encode(waves())
        assert torch.equal(
            LatentCodec(read, preview=True).decode(latents), LatentCodec(vae, preview=True).decode(latents)
        )
        vae.drop_preview()
        vae.save_pretrained(tmp_path / "without")
        read = load_autoencoder(tmp_path / "without")
    assert not has_preview(read)
    assert torch.equal(LatentCodec(read, preview=True).decode(latents), LatentCodec(vae).decode(latents))
    with pytest.raises(ValueError, match="no preview decoder"):
        read.decode_preview(latents)


def test_a_preview_decoder_sees_no_farther_than_the_cells_that_are_decoded_around_a_change() -> None:
    torch.manual_seed(0)
    vae = PatchAutoencoder(latent_channels=4, widths=(8, 16, 16), preview_width=8)
    torch.nn.init.normal_(vae.preview_decoder.last.weight, std=0.1)
    latents = torch.randn(1, 4, 16, 16)
    changed = latents.clone()
    changed[..., 8, 8] += 1
    codec = LatentCodec(vae, preview=True)
    with torch.no_grad():
        felt = (codec.decode(changed) - codec.decode(latents)).abs().amax((0, 1)) > 0
    rows = felt.any(1).nonzero()
    assert int(rows.min()) >= 8 * (8 - SPREAD_CELLS)
    assert int(rows.max()) < 8 * (9 + SPREAD_CELLS)


@torch.inference_mode()
def test_the_shipped_preview_decoder_makes_nearly_the_decoder_s_pictures() -> None:
    vae = open_base("embedded").vae
    assert has_preview(vae)
    latents = LatentCodec(vae).encode(torch.nn.functional.interpolate(waves(), scale_factor=4, mode="bicubic"))
    full, preview = LatentCodec(vae).decode(latents), LatentCodec(vae, preview=True).decode(latents)
    assert float(-10 * torch.log10((full - preview).square().mean())) > 36
    assert sum(each.numel() for each in vae.preview_decoder.parameters()) * 2 < 1_000_000  # bytes, as shipped
