"""Damaged clips, photos, job files and pose files end in one line, soon, in bounded memory; or are read all the same.

A change may hit what nobody looks at: then a file reads as before, and a command that ends with 0 has to say so
without a complaint. What counts is that nothing else happens.
"""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animator.encoding import encode, provenance_metadata
from animator.encoding.content_credentials import FileSigner
from pose_tracking.frame import Frame
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17
from tests.animator.encoding.signer import write_signer
from tests.animator.figure import draw_figure, standing_pose
from tests.faults.hostile.mutations import OF_BYTES, OF_TEXT, Mutation
from tests.faults.hostile.sandbox import Sandbox, listing, offences
from tests.pose_tracking.drawn_clips import write_clip

EXAMPLES = Path(__file__).parents[3] / "examples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of input.

    Attributes:
        seeds: sound files.
        mutations: what is done to them.
        words: the command line that reads one, given its name.
        num_short: cases of the short set.
        num_long: cases of the long set.
        may_pass: a changed file may still be a good one for this command.
    """

    seeds: Sequence[Path]
    mutations: Sequence[Mutation]
    words: Callable[[str], list[str]]
    num_short: int
    num_long: int
    may_pass: bool


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound files of every kind; nobody is in the clips, and the photo shows a drawn figure."""
    folder = tmp_path_factory.mktemp("seeds")
    write_clip(folder / "sound.mp4", sound_s=0.5)
    write_clip(folder / "turned.mov", rotation=90)
    write_clip(folder / "film.mkv")
    write_clip(folder / "film.webm", codec="libvpx")
    write_clip(folder / "old.avi", codec="mpeg4")
    write_clip(folder / "stream.ts")
    write_clip(folder / "loop.gif", codec="gif", pixel_format="rgb8")
    picture, opacity = draw_figure(standing_pose(height=180, center_x=80, top=20), (160, 220))
    image = Image.fromarray(picture)
    image.save(folder / "me.png")
    image.save(folder / "me.jpg", exif=_exif())
    image.save(folder / "me.webp")
    image.save(folder / "me.gif")
    image.save(folder / "me.bmp")
    image.save(folder / "me.tiff", compression="tiff_lzw")
    Image.fromarray(np.dstack([picture, (255 * opacity).astype(np.uint8)])).save(folder / "cut.png")
    image.quantize(16).save(folder / "palette.png")
    sequence = PoseSequence(
        keypoints_TK2=np.random.default_rng(0).uniform(0, 200, (20, 17, 2)).astype(np.float32),
        confidence_TK=np.ones((20, 17), np.float32),
        times_s_T=np.arange(20) / 25,
        skeleton=COCO_17,
        frame_size=(320, 240),
    )
    sequence.save(folder / "poses.npz")
    sequence.save(folder / "poses.json")
    people = [{"pose_keypoints_2d": [float(number) for number in range(54)]}]
    (folder / "openpose.json").write_text(json.dumps({"people": people}))
    (folder / "blazepose.json").write_text(json.dumps([[[0.5, 0.25, 0.0]] * 33] * 3))
    write_signed(folder / "signed")
    return folder


def write_signed(folder: Path) -> None:
    """Results with content credentials, which a library in another language reads."""
    folder.mkdir()
    signer = FileSigner(*write_signer(folder))
    mark = provenance_metadata(generator="puppet", source_type="compositeSynthetic", fingerprint="0f3a")
    for name in ("result.mp4", "result.gif", "result.webp"):
        frames = (Frame(pixels_HWC=np.full((64, 64, 3), 9 * n, np.uint8), time_s=n / 10, index=n) for n in range(3))
        seal = partial(signer.sign, metadata=mark)
        encode(frames, folder / name, fps=Fraction(10), metadata=mark, seal=seal)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.fixture(scope="module")
def kinds(seeds: Path) -> dict[str, Kind]:
    clips = sorted(path for path in seeds.iterdir() if path.suffix in (".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts"))
    photos = sorted(path for path in seeds.iterdir() if path.stem in ("me", "cut", "palette"))
    poses = sorted(path for path in seeds.iterdir() if path.suffix in (".npz", ".json"))
    nowhere = ["-o", "out/x.mp4", "--no-preview"]
    return {
        "clip": Kind(
            seeds=[*clips, seeds / "loop.gif"],
            mutations=OF_BYTES,
            words=lambda name: ["inspect", name],
            num_short=36,
            num_long=180,
            may_pass=True,
        ),
        "signed result": Kind(
            seeds=sorted((seeds / "signed").glob("result.*")),
            mutations=OF_BYTES,
            words=lambda name: ["inspect", name],
            num_short=6,
            num_long=60,
            may_pass=True,
        ),
        "clip to animate by": Kind(
            seeds=clips,
            mutations=OF_BYTES,
            words=lambda name: ["animate", str(EXAMPLES / "media" / "portrait.png"), name, *nowhere],
            num_short=6,
            num_long=60,
            may_pass=False,
        ),
        "photo": Kind(
            seeds=photos,
            mutations=OF_BYTES,
            words=lambda name: ["animate", name, str(seeds / "sound.mp4"), *nowhere],
            num_short=14,
            num_long=120,
            may_pass=False,
        ),
        "job file": Kind(
            seeds=sorted((EXAMPLES / "jobs").glob("*.toml")),
            mutations=OF_TEXT,
            words=lambda name: ["render", name, "--set", f"clip={seeds / 'sound.mp4'}", "--set", "output=out/x.mp4"],
            num_short=24,
            num_long=120,
            may_pass=False,
        ),
        "pose file": Kind(
            seeds=poses,
            mutations=(*OF_BYTES, *OF_TEXT),
            words=lambda name: ["inspect", name],
            num_short=20,
            num_long=120,
            may_pass=True,
        ),
    }


def cases(kind: Kind, count: int, name: str) -> Iterator[tuple[str, bytes]]:
    """(file name, damaged content): every seed and mutation in turn, always the same ones."""
    pairs = [(seed, mutation) for mutation in kind.mutations for seed in kind.seeds]
    random.Random(zlib.crc32(name.encode())).shuffle(pairs)
    for number in range(count):
        seed, mutation = pairs[number % len(pairs)]
        content = mutation(seed.read_bytes(), random.Random(f"{name} {number}"))
        yield f"{number:03d}_{mutation.__name__}{seed.suffix}", content


@pytest.mark.parametrize("name", ["clip", "signed result", "clip to animate by", "photo", "job file", "pose file"])
def test_damaged_files_are_refused_in_one_line_or_read(
    sandbox: Sandbox, kinds: dict[str, Kind], tmp_path: Path, is_long: bool, name: str
) -> None:
    kind = kinds[name]
    codes = (0, 3, 7) if kind.may_pass else (2, 3, 7) if name == "job file" else (3, 7)
    ended, slowest, largest, found = Counter[int](), 0.0, 0, []
    for file_name, content in cases(kind, kind.num_long if is_long else kind.num_short, name):
        place = tmp_path / file_name
        place.write_bytes(content)
        before = listing(tmp_path)
        outcome = sandbox.run(kind.words(file_name), folder=tmp_path)
        ended[outcome.code] += 1
        slowest, largest = max(slowest, outcome.work_seconds), max(largest, outcome.peak_bytes)
        wrong = offences(outcome, tmp_path, codes=codes)
        if listing(tmp_path) != before:
            wrong.append("left something behind")
        if wrong:
            found.append((file_name, wrong, outcome.complaint[-1:]))
        place.unlink()
    told = ", ".join(f"{count} x {code}" for code, count in sorted(ended.items()))
    print(
        f"\n{name}: {ended.total()} damaged files, codes {told}; at most {slowest:.1f} s of work, {largest >> 20} MiB"
    )
    assert found == []


def test_undamaged_they_are_read(sandbox: Sandbox, kinds: dict[str, Kind], tmp_path: Path) -> None:
    for name in ("clip", "pose file"):
        for seed in kinds[name].seeds:
            outcome = sandbox.run(kinds[name].words(str(seed)), folder=tmp_path)
            assert (outcome.code, offences(outcome, tmp_path, codes=(0,))) == (0, []), seed.name
    photo = kinds["photo"].seeds[0]
    assert "sound.mp4: nobody in any of" in sandbox.run(kinds["photo"].words(str(photo)), folder=tmp_path).stderr
