"""Bases are found by name, and what cannot serve is refused with a reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from transformers import CLIPConfig, CLIPModel

from animator.conditioning.conditioning import Conditioner, predict
from animator.errors import ModelError
from animator.models import source
from animator.models.bases import card_licence, open_base, with_refiner
from animator.models.warp_refiner import WarpRefiner
from tests.animator.models.tiny import CANVAS, WIDTH, save_base, tiny_image_encoder, tiny_model, tiny_unet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_base(tmp_path / "sd")


def test_a_stable_diffusion_folder_is_opened_widened_and_untrained(folder: Path) -> None:
    model = open_base(folder, canvas=CANVAS)
    assert model.manifest.base.name == "sd"
    assert model.manifest.licence == "creativeml-openrail-m"
    assert model.manifest.phase == "untrained"
    assert model.unet.config.in_channels == 4 + 5 * 9 + 5
    assert model.noise_schedule["beta_schedule"] == "scaled_linear"


def test_before_training_the_base_draws_as_before_whatever_pose_and_warp(folder: Path) -> None:
    model = open_base(folder, canvas=CANVAS)
    draws = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 4, 24, 16, generator=draws)
    conditioner = Conditioner(model)
    features = conditioner.features(torch.rand(1, 3, 192, 128, generator=draws))
    conditioning = conditioner.condition(
        conditioner.tokens(features),
        torch.rand(1, 45, 24, 16, generator=draws),
        torch.rand(1, 5, 24, 16, generator=draws),
    )
    expected = tiny_unet()(latents, torch.tensor(300), encoder_hidden_states=features.clip_BLD).sample
    assert torch.allclose(predict(model.unet, latents, torch.tensor(300), conditioning), expected, atol=1e-5)


def test_a_model_folder_is_a_base_too(tmp_path: Path) -> None:
    tiny_model().save(tmp_path / "mine")
    assert open_base(tmp_path / "mine").manifest.base.name == "tiny"


def test_a_missing_image_encoder_is_asked_for_and_taken_from_elsewhere(tmp_path: Path) -> None:
    folder = save_base(tmp_path / "sd", image_encoder=False)
    with pytest.raises(ModelError, match=r"image_encoder/ is missing.*--image-encoder") as caught:
        open_base(folder, canvas=CANVAS)
    assert caught.value.exit_code == 4
    tiny_image_encoder().save_pretrained(tmp_path / "clip")
    model = open_base(folder, canvas=CANVAS, clip=tmp_path / "clip")
    assert model.image_encoder.config.hidden_size == WIDTH


def test_a_whole_clip_model_serves_as_image_encoder(tmp_path: Path) -> None:
    vision = tiny_image_encoder().config.to_dict()
    text = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    whole = CLIPModel(CLIPConfig(vision_config=vision, text_config={**text, "vocab_size": 20}, projection_dim=8))
    whole.save_pretrained(tmp_path / "clip")
    folder = save_base(tmp_path / "sd", image_encoder=False)
    model = open_base(folder, canvas=CANVAS, clip=tmp_path / "clip")
    pixels = torch.rand(1, 3, 64, 64)
    expected = whole.eval().vision_model(pixel_values=pixels).last_hidden_state
    assert torch.allclose(model.image_encoder(pixel_values=pixels).last_hidden_state, expected, atol=1e-6)


def test_an_image_encoder_of_another_width_is_refused(tmp_path: Path) -> None:
    folder = save_base(tmp_path / "sd", image_encoder=False)
    tiny_image_encoder(64).save_pretrained(tmp_path / "clip")
    with pytest.raises(ModelError, match="64 wide, the UNet takes 32"):
        open_base(folder, canvas=CANVAS, clip=tmp_path / "clip")


def test_a_canvas_that_is_no_multiple_of_64_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="multiples of 64 px, for example 128x192"):
        open_base(folder, canvas=(120, 200))


def test_pickled_weights_are_refused(folder: Path) -> None:
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    path.rename(path.with_suffix(".bin"))
    with pytest.raises(ModelError, match=r"vae: diffusion_pytorch_model.bin is a pickle"):
        open_base(folder, canvas=CANVAS)


def test_an_inpainting_model_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "unet")
    tiny_unet(in_channels=9).save_pretrained(folder / "unet")
    with pytest.raises(ModelError, match="takes 9 channels and gives 4"):
        open_base(folder, canvas=CANVAS)


def test_a_folder_with_half_precision_only_is_read(folder: Path) -> None:
    shutil.rmtree(folder / "unet")
    tiny_unet().half().save_pretrained(folder / "unet", variant="fp16")
    model = open_base(folder, canvas=CANVAS)
    assert torch.equal(model.unet.conv_in.weight[:, :4], tiny_unet().conv_in.weight.half().float())


@pytest.mark.parametrize("name", ["no/such/folder/here", "nothing", "./owner/name"])
def test_what_is_neither_folder_nor_hub_id_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        open_base(name)


def test_an_empty_folder_is_no_base(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a model of ours"):
        open_base(tmp_path)


def test_without_embedded_weights_one_is_told_what_to_do(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(source, "embedded_folder", lambda: tmp_path / "weights")
    with pytest.raises(ModelError, match="--generator puppet") as caught:
        open_base("embedded")
    assert caught.value.exit_code == 4


def test_embedded_weights_are_opened_where_the_package_has_them(tmp_path: Path, monkeypatch) -> None:
    tiny_model().save(tmp_path / "weights")
    monkeypatch.setattr(source, "embedded_folder", lambda: tmp_path / "weights")
    assert open_base("embedded").manifest.canvas == CANVAS


def test_a_hub_id_is_opened_from_the_cache_with_its_commit(tmp_path: Path, monkeypatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--owner--name"
    save_base(repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    cached = huggingface_hub.snapshot_download
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *args, **options: cached(*args, cache_dir=tmp_path, **options)
    )
    for name in ("owner/name", f"owner/name@{commit}"):
        model = open_base(name, canvas=CANVAS)
        assert (model.manifest.base.name, model.manifest.base.revision) == ("owner/name", commit)
        assert model.manifest.base.licence == "creativeml-openrail-m"


def test_a_model_of_ours_is_fetched_with_all_its_parts(tmp_path: Path, monkeypatch) -> None:
    """The hub's own matching of names decides what comes."""
    trained = with_refiner(tiny_model(reference="trained"), WarpRefiner(widths=(8, 8), pose_width=8))
    trained.save(tmp_path / "online")
    commit = tmp_path / ("b" * 40)

    def fetched(repo_id: str, *, allow_patterns: list[str], **_: object) -> str:
        assert repo_id == "someone/dancer"
        paths = [path.relative_to(tmp_path / "online") for path in (tmp_path / "online").rglob("*") if path.is_file()]
        for path in huggingface_hub.utils.filter_repo_objects(
            [str(path) for path in paths], allow_patterns=allow_patterns
        ):
            (commit / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / "online" / path, commit / path)
        return str(commit)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    opened = open_base("someone/dancer")
    assert opened.nets.keys() == trained.nets.keys()


def test_offline_a_hub_id_that_is_not_cached_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set") as caught:
        open_base("owner/never-fetched")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("---\nlicense: mit\n---\nlicense: gpl", "mit"),
        ("---\ntags: [a]\nlicense: 'openrail'\n---", "openrail"),
        ("license: mit", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_licence_is_read_from_the_card(tmp_path: Path, text: str, licence: str) -> None:
    (tmp_path / "README.md").write_text(text)
    assert card_licence(tmp_path) == licence
