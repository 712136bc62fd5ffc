"""Model folders come back as they were written, and nothing that was tampered with is read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from animator.errors import EncodeError, ModelError
from animator.models.bases import with_reference
from animator.models.loading import load_net
from animator.models.manifest import MANIFEST, ValueRanges, read_manifest, write_manifest
from animator.models.subject_model import SubjectModel
from tests.animator.models.tiny import tiny_image_encoder, tiny_model, tiny_unet

UNET_FILE = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_model().save(tmp_path / "model")
    return tmp_path / "model"


def test_a_model_comes_back_as_it_was_saved(folder: Path) -> None:
    before, after = tiny_model(), SubjectModel.load(folder)
    for name, net in before.nets.items():
        loaded = after.nets[name].state_dict()
        assert loaded.keys() == net.state_dict().keys()
        assert all(torch.equal(loaded[key], value) for key, value in net.state_dict().items()), name
    assert after.noise_schedule == before.noise_schedule
    assert after.manifest.model_copy(update={"files": {}}) == before.manifest
    assert not after.unet.training
    assert after.latent_size == (16, 24)


def test_the_manifest_holds_facts_and_a_hash_of_every_file(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["format_version"] == 1
    assert manifest["base"] == {"name": "tiny", "revision": None, "licence": "cc0-1.0"}
    assert (manifest["skeleton"], manifest["num_poses"], manifest["pose_channels"]) == ("blazepose-33", 5, 9)
    assert manifest["canvas"] == [128, 192]
    assert manifest["ranges"]["appearance"] == [-1.0, 1.0]
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == present - {MANIFEST}
    assert all(len(digest) == 64 for digest in manifest["files"].values())


def test_reference_attention_is_saved_hashed_and_loaded_with_the_model(tmp_path: Path) -> None:
    before = tiny_model(reference="trained")
    before.save(tmp_path / "model", dtype=torch.float16)
    after = SubjectModel.load(tmp_path / "model")
    assert after.manifest.reference
    assert "reference/diffusion_pytorch_model.safetensors" in after.manifest.files
    assert before.reference is not None
    assert after.reference is not None
    for name, weight in before.reference.state_dict().items():
        assert torch.equal(after.reference.state_dict()[name], weight.half().float()), name
    assert not any(parameter.requires_grad for parameter in after.reference.parameters())


def test_a_model_says_in_its_manifest_whether_it_looks_at_the_photo() -> None:
    model = tiny_model(reference="untrained")
    with pytest.raises(ModelError, match="not in the manifest"):
        replace(model, reference=None)
    with pytest.raises(ModelError, match="already"):
        with_reference(model)
    other = model.manifest.model_copy(update={"ranges": ValueRanges(appearance=(0.0, 255.0))})
    with pytest.raises(ModelError, match="appearance"):
        replace(model, manifest=other)


def test_half_precision_on_the_disk_leaves_the_model_at_hand_alone(tmp_path: Path) -> None:
    model = tiny_model()
    weight = model.unet.conv_in.weight.clone()
    model.save(tmp_path / "small", dtype=torch.float16, max_shard_size="60KB")
    assert torch.equal(model.unet.conv_in.weight, weight)
    assert len(list((tmp_path / "small" / "unet").glob("*.safetensors"))) > 1
    again = SubjectModel.load(tmp_path / "small")
    assert again.unet.dtype == torch.float32
    assert torch.equal(again.unet.conv_in.weight, weight.half().float())


def test_one_changed_byte_is_noticed(folder: Path) -> None:
    with open(folder / UNET_FILE, "r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(ModelError, match=r"unet/.*was changed"):
        SubjectModel.load(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / UNET_FILE).unlink()
    with pytest.raises(ModelError, match=r"diffusion_pytorch_model.safetensors is missing"):
        SubjectModel.load(folder)


@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model.bin", "unet/model.safetensors", "custom.py"])
def test_a_file_that_could_be_read_in_place_of_another_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"x")
    with pytest.raises(ModelError, match="not in the manifest"):
        SubjectModel.load(folder)


def test_a_note_beside_the_weights_does_no_harm(folder: Path) -> None:
    before = SubjectModel.load(folder).manifest
    (folder / "README.md").write_text("mine")
    assert SubjectModel.load(folder).manifest == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format_version": 2}, "format_version"),
        ({"canvas": [100, 192]}, "canvas"),
        ({"num_poses": 4}, "num_poses"),
        ({"surprise": 1}, "surprise"),
        ({"files": {"../outside": "0" * 64}}, "files"),
    ],
)
def test_an_impossible_manifest_is_refused(folder: Path, change: dict, said: str) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **change}))
    with pytest.raises(ModelError, match=said) as caught:
        read_manifest(folder)
    assert "Value error" not in str(caught.value)  # pydantic's own words


def test_a_manifest_that_is_no_json_is_named(folder: Path) -> None:
    (folder / MANIFEST).write_text("{")
    with pytest.raises(ModelError, match=f"{MANIFEST}: Invalid JSON"):
        read_manifest(folder)


def test_a_manifest_that_does_not_fit_the_weights_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "num_poses": 3}))
    with pytest.raises(ModelError, match="input channels: 54, expected 36"):
        SubjectModel.load(folder)


def test_a_folder_without_manifest_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is missing") as caught:
        SubjectModel.load(tmp_path)
    assert caught.value.exit_code == 4


def test_nothing_is_written_over_and_nothing_is_left_half_written(folder: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(EncodeError, match="already holds something"):
        tiny_model().save(folder)
    model = tiny_model()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model.vae, "save_pretrained", fail)
    with pytest.raises(Exception, match="No space left"):
        model.save(tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    unet = tiny_unet()
    unet.save_config(tmp_path)
    torch.save(unet.state_dict(), tmp_path / "diffusion_pytorch_model.bin")
    with pytest.raises(ModelError, match="is a pickle") as caught:
        load_net(type(unet), tmp_path)
    assert caught.value.exit_code == 4


def test_weights_that_are_incomplete_unknown_or_misshapen_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    unet = tiny_unet()
    for name, change in (
        ("missing", lambda weights: weights.pop("conv_in.bias")),
        ("unknown", lambda weights: weights.update(extra=torch.zeros(1))),
        ("conv_in", lambda weights: weights.update({"conv_in.bias": torch.zeros(3)})),
    ):
        unet.save_pretrained(tmp_path / name)
        path = tmp_path / name / "diffusion_pytorch_model.safetensors"
        weights = load_file(path)
        change(weights)
        save_file(weights, path)
        with pytest.raises(ModelError, match=name):
            load_net(type(unet), tmp_path / name)


@pytest.mark.parametrize(
    ("part", "weight", "shapes"),
    [
        ("unet", "conv_in.weight", r"\[7\], config.json says \[16, 54, 3, 3\]"),
        ("image_encoder", "embeddings.patch_embedding.weight", r"\[7\], config.json says \[32, 3, 32, 32\]"),
    ],
)
def test_another_shape_is_told_in_one_line_of_our_own(
    folder: Path, capfd: pytest.CaptureFixture[str], part: str, weight: str, shapes: str
) -> None:
    """diffusers advises to overwrite the weights; transformers prints a table and names no shape in its error."""
    from safetensors.torch import load_file, save_file

    (path,) = (folder / part).glob("*.safetensors")
    save_file({**load_file(path), weight: torch.zeros(7)}, path, metadata={"format": "pt"})
    write_manifest(folder, read_manifest(folder).model_copy(update={"files": {}}))
    line = rf"model/{part}: weights do not fit .*1 of another shape \(for example {weight}: {shapes}\)\. Copy the model"
    with pytest.raises(ModelError, match=line):
        SubjectModel.load(folder)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"format_version": 2}, "format_version: got 2, expected 1. The folder was made by another version"),
        ({"phase": "late"}, "phase: got 'late', expected 'untrained', 'base' or 'subject'"),
        ({"refinr": True}, "refinr: unknown key; did you mean refiner"),
        ({"ranges": {"pose": [0, "x"]}}, "ranges.pose.1: got 'x', expected a valid number"),
    ],
)
def test_a_manifest_that_says_something_impossible_is_told_with_what_it_says(
    folder: Path, change: dict[str, object], line: str
) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | change))
    with pytest.raises(ModelError, match=f"manifest.json: {re.escape(line)}"):
        read_manifest(folder)


def test_a_manifest_without_a_key_is_told_by_the_key(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["canvas"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"manifest\.json: canvas: missing\. .* copy the model again"):
        read_manifest(folder)


def test_parts_that_do_not_go_together_are_told_with_their_folder(folder: Path) -> None:
    manifest = read_manifest(folder).model_copy(update={"num_poses": 3, "files": {}})
    write_manifest(folder, manifest)
    with pytest.raises(ModelError, match=r"model: the UNet's input channels: 54, expected 36.*Copy the model again"):
        SubjectModel.load(folder)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    unet = tiny_unet()
    unet.save_pretrained(tmp_path)
    path = tmp_path / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ModelError, match="cannot be read as UNet2DConditionModel"):
        load_net(type(unet), tmp_path)


def test_parts_of_different_models_are_refused() -> None:
    model = tiny_model()
    with pytest.raises(ModelError, match="token width: 64, expected 32"):
        SubjectModel(
            unet=model.unet,
            adapter=model.adapter,
            vae=model.vae,
            image_encoder=tiny_image_encoder(64),
            noise_schedule=model.noise_schedule,
            manifest=model.manifest,
        )


def test_the_bases_licence_travels_along(tmp_path: Path) -> None:
    tiny_model().save(tmp_path / "model", texts={"LICENSE": "Do good."})
    assert (tmp_path / "model" / "LICENSE").read_text() == "Do good."
    SubjectModel.load(tmp_path / "model")
    (tmp_path / "model" / "LICENSE").write_text("Do as you like.")
    with pytest.raises(ModelError, match="LICENSE was changed"):
        SubjectModel.load(tmp_path / "model")


def test_a_model_says_nothing_of_where_its_maker_kept_it(folder: Path, tmp_path: Path) -> None:
    """diffusers writes into a configuration which folder the network was read from."""
    SubjectModel.load(folder).save(tmp_path / "again")
    written = sorted((tmp_path / "again").rglob("*.json"))
    assert len(written) > 3
    for path in written:
        assert str(folder) not in path.read_text(encoding="utf-8"), path
    SubjectModel.load(tmp_path / "again")  # hashes and all
