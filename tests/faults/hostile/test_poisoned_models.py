"""Weights from strangers: nothing in them is ever executed, and the refusal is one line."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.animator.models.tiny import save_base, tiny_model
from tests.faults.hostile.sandbox import Sandbox, offences
from tests.pose_tracking.drawn_clips import write_clip

PORTRAIT = Path(__file__).parents[3] / "examples" / "media" / "portrait.png"


class Payload:
    """Makes a folder when a trusting reader unpickles it."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.canary),)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion folder (`sd`) and a model of ours (`own`), both tiny and in order."""
    folder = tmp_path_factory.mktemp("models")
    save_base(folder / "sd")
    tiny_model().save(folder / "own")
    return folder


def _code(canary: Path) -> str:
    return f"import os\nos.mkdir({str(canary)!r})\nclass Thing:\n    pass\n"


def _replace_weights(part: Path, name: str, canary: Path) -> None:
    for weights in part.glob("*.safetensors"):
        weights.unlink()
    torch.save({"weight": torch.zeros(1), "bomb": Payload(canary)}, part / name)


def pickle_in_a_base(models: Path, canary: Path) -> list[str]:
    """Pickled weights where safetensors are expected."""
    _replace_weights(models / "sd" / "unet", "diffusion_pytorch_model.bin", canary)
    return ["--model", "sd"]


def pickle_with_a_false_name(models: Path, canary: Path) -> list[str]:
    """A pickle that calls itself safetensors."""
    _replace_weights(models / "sd" / "unet", "diffusion_pytorch_model.safetensors", canary)
    return ["--model", "sd"]


def single_checkpoint(models: Path, canary: Path) -> list[str]:
    """A .ckpt file instead of a folder."""
    torch.save({"state_dict": {"weight": Payload(canary)}}, models / "evil.ckpt")
    return ["--model", "evil.ckpt"]


def lying_header(models: Path, canary: Path) -> list[str]:
    """A safetensors header that points far outside the file."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [1 << 30], "data_offsets": [0, 1 << 32]}}).encode()
    for weights in (models / "sd" / "unet").glob("*.safetensors"):
        weights.write_bytes(struct.pack("<Q", len(header)) + header + bytes(64))
    return ["--model", "sd"]


def manifest_with_code(models: Path, canary: Path) -> list[str]:
    """A manifest that names a module to import, which lies beside it."""
    place = models / "own" / "manifest.json"
    manifest = json.loads(place.read_text())
    place.write_text(json.dumps({**manifest, "class": "evil:Thing", "generator": "evil:Thing"}))
    (models / "own" / "evil.py").write_text(_code(canary))
    return ["--model", "own"]


def manifest_out_of_the_folder(models: Path, canary: Path) -> list[str]:
    """A manifest that lists files above its folder."""
    place = models / "own" / "manifest.json"
    manifest = json.loads(place.read_text())
    manifest["files"]["../evil.safetensors"] = "0" * 64
    place.write_text(json.dumps(manifest))
    return ["--model", "own"]


def configuration_with_code(models: Path, canary: Path) -> list[str]:
    """Configurations that ask for code of their own to be loaded: auto_map, _class_name, custom modules."""
    for part in ("unet", "vae", "image_encoder"):
        place = models / "sd" / part / "config.json"
        settings = json.loads(place.read_text())
        own = {
            "auto_map": {"AutoModel": "evil.Thing", "AutoConfig": "evil.Thing"},
            "_class_name": ["evil", "Thing"],
            "model_type": "evil",
            "trust_remote_code": True,
        }
        place.write_text(json.dumps({**settings, **own}))
        (place.parent / "evil.py").write_text(_code(canary))
        (place.parent / "modeling_evil.py").write_text(_code(canary))
    (models / "sd" / "model_index.json").write_text(
        json.dumps({"_class_name": ["evil", "Thing"], "unet": ["evil", "Thing"]})
    )
    (models / "sd" / "evil.py").write_text(_code(canary))
    return ["--model", "sd"]


def pipe_for_weights(models: Path, canary: Path) -> list[str]:
    """A pipe under the name of the weights, which would be waited on for ever."""
    for weights in (models / "sd" / "unet").glob("*.safetensors"):
        weights.unlink()
        os.mkfifo(weights)
    return ["--model", "sd"]


def linked_weights(models: Path, canary: Path) -> list[str]:
    """Weights of a model of ours that are a link to another file."""
    weights = next((models / "own" / "unet").glob("*.safetensors"))
    weights.unlink()
    weights.symlink_to("/etc/passwd")
    return ["--model", "own"]


POISONS: tuple[Callable[[Path, Path], list[str]], ...] = (
    pickle_in_a_base,
    pickle_with_a_false_name,
    single_checkpoint,
    lying_header,
    manifest_with_code,
    manifest_out_of_the_folder,
    configuration_with_code,
    pipe_for_weights,
    linked_weights,
)


@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: poison.__name__)
def test_nothing_in_a_model_is_executed(
    sandbox: Sandbox, sound: Path, tmp_path: Path, poison: Callable[[Path, Path], list[str]]
) -> None:
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    write_clip(tmp_path / "clip.mp4")
    canary = tmp_path / "executed"
    words = ["animate", str(PORTRAIT), "clip.mp4", "-o", "out/x.mp4", *poison(tmp_path, canary)]
    outcome = sandbox.run(words, folder=tmp_path)
    print(f"\n{poison.__name__}: {outcome.code} in {outcome.seconds:.1f} s: {outcome.complaint[-1:]}")
    assert not canary.exists()
    assert [trace for trace in outcome.run() if trace[0] != "pickle.find_class"] == []
    assert offences(outcome, tmp_path, codes=(3, 4)) == []
    assert outcome.code == 4 or poison is configuration_with_code


def test_a_poisoned_release_is_not_imported(sandbox: Sandbox, sound: Path, tmp_path: Path) -> None:
    canary, release = tmp_path / "executed", tmp_path / "release"
    release.mkdir()
    torch.save({"weight": torch.zeros(1), "bomb": Payload(canary)}, release / "unet_epoch_1.pth")
    torch.save({"weight": Payload(canary)}, release / "adapter_1.pth")
    words = ["import-dreampose", str(release), "-o", "model", "--base", str(sound / "sd")]
    outcome = sandbox.run(words, folder=tmp_path, seconds=90)
    assert not canary.exists()
    assert (outcome.code, len(outcome.complaint)) == (4, 1), outcome.stderr
    assert not (tmp_path / "model").exists()


def test_archives_do_not_unpack_beside_their_place(sandbox: Sandbox, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "slip.npz", "w") as archive:
        for name in ("../executed.npy", "/tmp/animator-executed.npy", "keypoints.npy"):
            with archive.open(name, "w") as member:
                np.lib.format.write_array(member, np.zeros(3, np.float32))
    with zipfile.ZipFile(tmp_path / "pickled.npz", "w") as archive, archive.open("keypoints.npy", "w") as member:
        objects = np.array([Payload(tmp_path / "executed")], dtype=object)
        np.lib.format.write_array(member, objects, allow_pickle=True)
    for name in ("slip.npz", "pickled.npz"):
        outcome = sandbox.run(["inspect", name], folder=tmp_path)
        assert offences(outcome, tmp_path, codes=(3,)) == []
    assert not (tmp_path / "executed").exists()
    assert not (tmp_path.parent / "executed.npy").exists()
    assert not Path("/tmp/animator-executed.npy").exists()
