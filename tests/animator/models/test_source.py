"""Models are found by name before a weight is read, and tell one from another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest

from animator.errors import ModelError
from animator.models import source
from animator.models.source import EMBEDDED, find_model, look_up, part_sizes, refuse_unknown
from tests.animator.models.tiny import CANVAS, save_base, tiny_image_encoder, tiny_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in `tiny`, a base in `sd`."""
    folder = tmp_path_factory.mktemp("models")
    tiny_model().save(folder / "tiny")
    save_base(folder / "sd")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return shutil.copytree(made, tmp_path / "models")


def test_a_model_folder_is_found_with_its_manifest(made: Path) -> None:
    found = find_model(made / "tiny")
    assert found.manifest is not None
    assert (found.manifest.canvas, found.title, found.folder) == (CANVAS, "tiny", made / "tiny")


def test_the_title_tells_no_folder_of_the_person_s_home(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    assert [find_model(name).title for name in (made / "tiny", "tiny", "./tiny", "../" + made.name + "/tiny")] == [
        "tiny"
    ] * 4


@pytest.mark.parametrize("name", ["tiny", "sd"])
def test_the_fingerprint_follows_the_weights_and_not_the_place(folder: Path, made: Path, name: str) -> None:
    before = find_model(folder / name).fingerprint()
    assert before == find_model(made / name).fingerprint()
    if name == "tiny":
        path = folder / name / "manifest.json"
        path.write_text(path.read_text().replace('"canvas"', ' "canvas"'))
    else:
        path = folder / name / "vae" / "diffusion_pytorch_model.safetensors"
        path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    assert find_model(folder / name).fingerprint() != before


def test_a_base_with_another_image_encoder_is_another_model(folder: Path) -> None:
    tiny_image_encoder(64).save_pretrained(folder / "clip")
    own, other = find_model(folder / "sd"), find_model(folder / "sd", image_encoder=folder / "clip")
    assert own.fingerprint() != other.fingerprint()


def test_a_base_without_image_encoder_needs_one(folder: Path) -> None:
    shutil.rmtree(folder / "sd" / "image_encoder")
    look_up(folder / "sd")
    with pytest.raises(ModelError, match=r"image_encoder/ is missing.*--image-encoder") as caught:
        find_model(folder / "sd")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("old.pth", "a pickle, which can run code when it is read, and is not opened"),
        ("sd15.ckpt", "a pickle"),
        ("sd15.safetensors", "a file; a model is a folder"),
    ],
)
def test_a_file_is_no_model(tmp_path: Path, name: str, line: str) -> None:
    (tmp_path / name).write_bytes(b"never read")
    with pytest.raises(ModelError, match=line) as caught:
        find_model(tmp_path / name)
    assert caught.value.exit_code == 4


def test_a_name_of_nothing_is_told_and_all_others_are_left_to_whoever_looks_them_up(tmp_path: Path) -> None:
    refuse_unknown(None, "embedded", tmp_path, "CompVis/stable-diffusion-v1-4@main")
    for name in ("nowhere", "./nowhere", "~/nowhere/of/mine", "~not a user/nowhere", str(tmp_path / "nowhere")):
        with pytest.raises(ModelError, match=r"nowhere.*: no such folder, and no hub id"):
            refuse_unknown("embedded", name)


@pytest.mark.parametrize(
    "words",
    [
        ["animate", "me.jpg", "dance.mp4", "-o", "out.mp4", "--model", "nowhere"],
        ["animate", "me.jpg", "dance.mp4", "-o", "out.mp4", "--model", "nowhere", "--dry-run"],
        ["finetune", "me.jpg", "-o", "me", "--base", "nowhere"],
        ["train", "base", "-o", "mine", "--base", "./nowhere"],
    ],
)
def test_on_the_command_line_it_is_told_before_anything_slow_is_loaded(words: list[str], tmp_path: Path) -> None:
    script = (
        "import sys; from animator.cli import main; code = main(sys.argv[1:]);"
        "print([name for name in ('torch', 'diffusers') if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (4, "[]")
    assert "nowhere: no such folder" in done.stderr


def test_a_folder_that_is_neither_model_nor_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a model of ours"):
        find_model(tmp_path)


def test_the_embedded_base_is_found_where_the_package_has_it(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "embedded_folder", lambda: made / "tiny")
    assert find_model(EMBEDDED).title == "embedded"
    monkeypatch.setattr(source, "embedded_folder", lambda: made / "nothing")
    with pytest.raises(ModelError, match=r"not part of this installation.*--generator puppet"):
        find_model(EMBEDDED)


def test_a_hub_id_is_pinned_to_the_commit_that_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "models--owner--name"
    save_base(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    cached = huggingface_hub.snapshot_download
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *args, **options: cached(*args, cache_dir=tmp_path, **options)
    )
    found = find_model("owner/name")
    assert found.name == found.title == f"owner/name@{COMMIT}"
    assert found.fingerprint() == find_model(found.name).fingerprint()


def test_parts_are_counted_and_weighed_without_reading_them(made: Path) -> None:
    model = tiny_model()
    expected = {name: sum(each.numel() for each in net.state_dict().values()) for name, net in model.nets.items()}
    sizes = {part.name: part for part in part_sizes(made / "tiny")}
    assert {name: part.num_parameters for name, part in sizes.items()} == expected
    assert sizes["unet"].dtypes == ("F32",)
    assert sizes["unet"].num_bytes == (made / "tiny/unet/diffusion_pytorch_model.safetensors").stat().st_size


def test_a_part_that_is_no_safetensors_is_named(folder: Path) -> None:
    (folder / "tiny" / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"\x80\x02pickled")
    with pytest.raises(ModelError, match=r"unet/diffusion_pytorch_model\.safetensors: no safetensors file"):
        part_sizes(folder / "tiny")


def test_weights_that_are_none_are_found_with_the_model_and_pipes_not_waited_for(folder: Path) -> None:
    weights = folder / "sd" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(b"\x80\x02pickled")
    with pytest.raises(ModelError, match=r"model\.safetensors: no safetensors file"):
        find_model(folder / "sd")
    weights.unlink()
    os.mkfifo(weights)
    with pytest.raises(ModelError, match=r"model\.safetensors: a folder, pipe, device"):
        find_model(folder / "sd")
