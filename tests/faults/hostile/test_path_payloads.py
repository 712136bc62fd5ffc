"""Names that mean more than a file: nothing is written elsewhere, fetched, or waited for."""

from __future__ import annotations

import json
import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.hostile.sandbox import Sandbox, listing, offences
from tests.pose_tracking.drawn_clips import write_clip

PORTRAIT = Path(__file__).parents[3] / "examples" / "media" / "portrait.png"
SECRET = "the secret of the house"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A folder to work in, between things that are none of the job's business.

    Attributes:
        folder: the job's.
        beside: holds `folder`, and a secret.
        url: of a server that counts who calls.
    """

    folder: Path
    beside: Path
    url: str


class _Counter(socketserver.ThreadingTCPServer):
    daemon_threads, calls = True, 0

    def process_request(self, request: object, client_address: object) -> None:
        type(self).calls += 1
        self.shutdown_request(request)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def server() -> Iterator[_Counter]:
    with _Counter(("127.0.0.1", 0), socketserver.BaseRequestHandler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def house(tmp_path: Path, server: _Counter) -> House:
    folder = tmp_path / "job"
    folder.mkdir()
    write_clip(folder / "clip.mp4")
    (folder / "me.png").write_bytes(PORTRAIT.read_bytes())
    (tmp_path / "secret.txt").write_text(SECRET)
    write_clip(tmp_path / "secret.mp4")
    return House(folder=folder, beside=tmp_path, url=f"http://127.0.0.1:{server.server_address[1]}")


def job(house: House, **values: str) -> list[str]:
    """Render a job file with these values; JSON's strings are TOML's."""
    given = {"photo": "me.png", "clip": "clip.mp4", "output": "out/x.mp4", **values}
    lines = [f"{key.replace('__', '.')} = {json.dumps(value)}" for key, value in given.items()]
    (house.folder / "job.toml").write_text("\n".join(lines))
    return ["render", "job.toml", "--no-preview"]


def file(house: House, name: str, content: bytes) -> str:
    (house.folder / name).write_bytes(content)
    return name


def pipe(house: House, name: str) -> str:
    os.mkfifo(house.folder / name)
    return name


def link(house: House, name: str, target: str) -> str:
    (house.folder / name).symlink_to(target)
    return name


def clips_in(house: House, text: str, name: str) -> list[str]:
    """A playlist as the driving clip."""
    return job(house, clip=file(house, name, text.encode()))


PAYLOADS: dict[str, Callable[[House], list[str]]] = {
    "photo is a URL": lambda house: job(house, photo=f"{house.url}/me.png"),
    "clip is a URL": lambda house: job(house, clip=f"{house.url}/clip.mp4"),
    "clip is a file URL": lambda house: job(house, clip=f"file:{house.beside}/secret.mp4"),
    "clip is a concatenation": lambda house: job(house, clip=f"concat:{house.beside}/secret.mp4|clip.mp4"),
    "clip is a pipe of libav": lambda house: job(house, clip="pipe:0"),
    "clip is data": lambda house: job(house, clip="data:video/mp4;base64,AAAAIGZ0eXBpc29t"),
    "clip is an archive of libav": lambda house: job(house, clip=f"subfile,,end,9,,:{house.beside}/secret.mp4"),
    "clip is an HLS playlist": lambda house: clips_in(
        house, f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{house.url}/a.ts\n#EXT-X-ENDLIST\n", "list.m3u8"
    ),
    "clip is a playlist called MP4": lambda house: clips_in(
        house, f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{house.beside}/secret.mp4\n", "list.mp4"
    ),
    "clip is a list of ffmpeg": lambda house: clips_in(
        house, f"ffconcat version 1.0\nfile {house.beside}/secret.mp4\n", "list.ffconcat"
    ),
    "clip is a DASH manifest": lambda house: clips_in(
        house,
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
        f'<Period><AdaptationSet><Representation id="1" bandwidth="1"><BaseURL>{house.url}/</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        "list.mpd",
    ),
    "clip is a device without end": lambda house: job(house, clip="/dev/zero"),
    "clip is a camera": lambda house: job(house, clip="/dev/video0"),
    "clip is a pipe": lambda house: job(house, clip=pipe(house, "clip.pipe.mp4")),
    "photo is a pipe": lambda house: job(house, photo=pipe(house, "me.pipe.png")),
    "poses are a pipe": lambda house: job(house, tracker__recorded=pipe(house, "poses.json")),
    "clip is a pattern of numbers": lambda house: job(house, clip="%06d.png"),
    "clip is called like an option": lambda house: job(house, clip="-i"),
    "photo links to a secret": lambda house: job(house, photo=link(house, "linked.png", "../secret.txt")),
    "photo holds a NUL": lambda house: job(house, photo="me.png\x00.txt"),
    "output holds a NUL": lambda house: job(house, output="out\x00/x.mp4"),
    "output is a URL": lambda house: job(house, output=f"{house.url}/x.mp4"),
    "output is a device": lambda house: job(house, output="/dev/full.mp4/../full"),
    "output is a pipe": lambda house: job(house, output=pipe(house, "x.mp4")),
    "output is a link to the photo": lambda house: job(house, output=link(house, "x.mp4", "me.png")),
    "output has a very long name": lambda house: job(house, output="x" * 300 + ".mp4"),
    "output breaks the line": lambda house: job(house, output="x\nerror: all is well.mp4", clip="missing.mp4"),
    "photo speaks to the terminal": lambda house: job(house, photo="\x1b]0;mine\x07\x1b[2J.png"),
    "output turns its letters round": lambda house: job(house, output="x\u202e4pm.exe"),
    "job file is a pipe": lambda house: ["render", pipe(house, "job.toml")],
    "job file is a device": lambda house: ["render", "/dev/zero"],
    "model leads out of the folder": lambda house: job(house, model="../../../../etc"),
    "poses lead to a secret": lambda house: job(house, tracker__recorded="../secret.txt"),
    "key leads to a secret": lambda house: job(
        house, provenance__kind="c2pa", provenance__certificate="../secret.txt", provenance__key="/etc/shadow"
    ),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_name_leads_nowhere_but_to_a_file_of_the_job(
    sandbox: Sandbox, house: House, server: _Counter, name: str
) -> None:
    words = PAYLOADS[name](house)
    calls, before = server.calls, listing(house.beside)
    outcome = sandbox.run(words, folder=house.folder)
    print(f"\n{name}: {outcome.code} in {outcome.seconds:.1f} s: {outcome.complaint[-1:]}")
    assert offences(outcome, house.folder, codes=(3, 4)) == []
    assert server.calls == calls
    assert outcome.run() == []
    assert SECRET not in outcome.stdout + outcome.stderr
    after = listing(house.beside)
    assert {key: value for key, value in after.items() if not key.startswith("job")} == {
        key: value for key, value in before.items() if not key.startswith("job")
    }
    assert set(after) == set(before)


def test_a_sound_clip_with_a_strange_name_is_only_a_file(sandbox: Sandbox, house: House) -> None:
    """Colons, percent signs, quotes and dashes are letters like others."""
    for name in ("take:2.mp4", "concat:a|b.mp4", "100%06d.mp4", "-i.mp4", "'; rm -rf .mp4", "dance\n.mp4", "人.mp4"):
        write_clip(house.folder / name, sound_s=0.5)
        outcome = sandbox.run(["inspect", "--", name], folder=house.folder)
        assert offences(outcome, house.folder, codes=(0,)) == [], name
        assert "num frames" in outcome.stdout
