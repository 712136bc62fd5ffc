"""Released pickles become a model folder, and whatever else they hold is refused unread."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from animator.errors import ModelError
from animator.models.adapter import AppearanceAdapter
from animator.models.dreampose_import import DreamPoseFiles, find_files, import_dreampose, present_name
from animator.models.pickles import convert_pickle
from animator.models.subject_model import SubjectModel
from tests.animator.models.tiny import CANVAS, LATENT, WIDTH, save_base, tiny_unet, tiny_vae

OLD_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def old_vae_state() -> dict[str, torch.Tensor]:
    """The autoencoder's weights under the names of 2022."""
    state = {}
    for name, value in tiny_vae().state_dict().items():
        for new, old in OLD_NAMES.items():
            name = name.replace(f".{new}.", f".{old}.")
        state[name] = value + 0.01
    return state


def adapter_state() -> dict[str, torch.Tensor]:
    adapter = AppearanceAdapter(
        num_tokens=5, token_dim=WIDTH, latent_channels=4, latent_height=LATENT[1], latent_width=LATENT[0]
    )
    return {name: value + 0.02 for name, value in adapter.state_dict().items()}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    folder.mkdir()
    unet = {f"module.{name}": value for name, value in tiny_unet(in_channels=4).state_dict().items()}
    first = torch.randn(16, 14, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.save({**unet, "module.conv_in.weight": first}, folder / "unet_epoch_20.pth")
    torch.save(adapter_state(), folder / "adapter_20.pth")
    torch.save(old_vae_state(), folder / "vae_1499.pth")
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_base(tmp_path / "sd")


def test_the_release_becomes_a_model_folder(release: Path, base: Path, tmp_path: Path) -> None:
    reports = import_dreampose(find_files(release), tmp_path / "model", base=base, canvas=CANVAS)
    model = SubjectModel.load(tmp_path / "model")
    first = torch.load(release / "unet_epoch_20.pth", weights_only=True)["module.conv_in.weight"]
    assert torch.equal(model.unet.conv_in.weight, first)
    assert torch.equal(model.adapter.linear1.weight, adapter_state()["linear1.weight"])
    to_q = "encoder.mid_block.attentions.0.to_q.weight"
    assert torch.equal(model.vae.state_dict()[to_q], tiny_vae().state_dict()[to_q] + 0.01)
    facts = model.manifest
    assert (facts.skeleton, facts.num_poses, facts.pose_channels, facts.warp) == ("densepose-uv", 5, 2, False)
    assert facts.licence == "creativeml-openrail-m"
    assert facts.ranges.appearance == (0.0, 255.0)
    assert facts.ranges.pose == (-1.0, 1.0)
    assert [report.part for report in reports] == ["unet", "adapter", "vae"]
    assert reports[0].key_shape == (16, 14, 3, 3)
    assert reports[0].num_renamed == reports[0].num_tensors
    assert reports[2].num_renamed == 2 * 8  # two attention blocks, four layers with weight and bias each


def test_without_a_tuned_autoencoder_the_base_s_own_is_taken(release: Path, base: Path, tmp_path: Path) -> None:
    (release / "vae_1499.pth").unlink()
    import_dreampose(find_files(release), tmp_path / "model", base=base, canvas=CANVAS)
    loaded = SubjectModel.load(tmp_path / "model").vae.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in tiny_vae().state_dict().items())


def test_attention_as_convolution_is_flattened(release: Path, base: Path, tmp_path: Path) -> None:
    state = old_vae_state()
    for name in state:
        if ".query.weight" in name or ".proj_attn.weight" in name:
            state[name] = state[name][..., None, None]
    torch.save(state, release / "vae_1499.pth")
    import_dreampose(find_files(release), tmp_path / "model", base=base, canvas=CANVAS)
    loaded = SubjectModel.load(tmp_path / "model").vae.state_dict()
    attention = [name for name in loaded if ".to_q.weight" in name or ".to_out.0.weight" in name]
    assert len(attention) == 4
    for name in attention:
        old = name.replace("to_q", "query").replace("to_out.0", "proj_attn")
        assert loaded[name].ndim == 2
        assert torch.equal(loaded[name], state[old][..., 0, 0].to(loaded[name].dtype))


def test_the_last_epoch_counts_unless_another_is_asked_for(release: Path) -> None:
    for name in ("unet_epoch_100.pth", "adapter_100.pth", "unet_epoch_x.pth"):
        (release / name).write_bytes(b"")
    assert find_files(release).unet.name == "unet_epoch_100.pth"
    assert find_files(release, epoch=20).adapter.name == "adapter_20.pth"
    with pytest.raises(ModelError, match=r"unet_epoch_7.pth is missing \(epochs 20, 100 are there\)"):
        find_files(release, epoch=7)
    (release / "adapter_100.pth").unlink()
    with pytest.raises(ModelError, match=r"adapter_100.pth is missing"):
        find_files(release)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("module.conv_in.weight", "conv_in.weight"),
        ("decoder.mid_block.attentions.0.query.weight", "decoder.mid_block.attentions.0.to_q.weight"),
        ("decoder.mid_block.attentions.0.proj_attn.bias", "decoder.mid_block.attentions.0.to_out.0.bias"),
        ("mid_block.attentions.0.to_q.weight", "mid_block.attentions.0.to_q.weight"),
        ("key_embedding.weight", "key_embedding.weight"),
    ],
)
def test_names_are_brought_up_to_date(old: str, new: str) -> None:
    assert present_name(old) == new


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("module.conv_out.bias"), "conv_out.bias is missing"),
        (lambda state: state.update(extra=torch.zeros(1)), "extra is unknown"),
        (
            lambda state: state.update({"module.conv_out.bias": torch.zeros(9)}),
            r"conv_out.bias has shape \[9\], expected \[4\]",
        ),
        (lambda state: state.update({"module.conv_in.weight": torch.zeros(16, 13, 3, 3)}), r"\[16, 13, 3, 3\]"),
        (lambda state: state.update({"module.conv_out.bias": torch.full((4,), torch.nan)}), "holds NaN"),
    ],
)
def test_tensors_that_do_not_fit_are_reported_and_nothing_is_written(
    release: Path, base: Path, tmp_path: Path, change: Callable[[dict], None], said: str
) -> None:
    state = torch.load(release / "unet_epoch_20.pth", weights_only=True)
    change(state)
    torch.save(state, release / "unet_epoch_20.pth")
    with pytest.raises(ModelError, match=said):
        import_dreampose(find_files(release), tmp_path / "model", base=base, canvas=CANVAS)
    assert not (tmp_path / "model").exists()


def test_an_adapter_for_another_canvas_is_reported(release: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"vae2clip.weight has shape \[32, 96\], expected \[32, 64\]"):
        import_dreampose(find_files(release), tmp_path / "model", base=base, canvas=(128, 128))


class Bomb:
    """What a crafted pickle does when it is read by a reader that trusts it."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.trace),)


def test_a_pickle_that_would_run_code_does_not(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1), "bomb": Bomb(tmp_path / "trace")}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match="no state dict can be read safely") as caught:
        convert_pickle(tmp_path / "evil.pth", tmp_path / "out.safetensors")
    assert caught.value.exit_code == 4
    assert not (tmp_path / "trace").exists()
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("content", [b"", b"no pickle at all", b"\x80\x02]q\x00."])
def test_files_that_are_no_state_dicts_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.pth").write_bytes(content)
    with pytest.raises(ModelError, match=r"odd\.pth: no state dict"):
        convert_pickle(tmp_path / "odd.pth", tmp_path / "out.safetensors")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    files = DreamPoseFiles(unet=tmp_path / "unet_epoch_1.pth", adapter=tmp_path / "adapter_1.pth", vae=None)
    with pytest.raises(ModelError, match="no such file"):
        convert_pickle(files.unet, tmp_path / "out.safetensors")


def test_reading_takes_no_longer_than_allowed(release: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not read within 0 s"):
        convert_pickle(release / "adapter_20.pth", tmp_path / "out.safetensors", max_seconds=0.05)
