from __future__ import annotations

from pathlib import Path

import pytest

from animator.errors import JobError, OptionError
from animator.jobs.batches import read_batch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "c.png", "walk.mp4", "turn.mp4"):
        (tmp_path / name).touch()
    return tmp_path


def test_a_row_of_csv_is_a_job(folder: Path) -> None:
    table = folder / "night.csv"
    table.write_text(
        "photo,clip,output,seed,canvas.width,canvas.height,motion.fps\n"
        "a.jpg,walk.mp4,out/a.mp4,3,128,160,24000/1001\n\n"
        'b.jpg,walk.mp4,"out/b, second.mp4",,,,\n'
    )
    first, second = read_batch([table])
    assert (first.photo, first.output) == (folder / "a.jpg", folder / "out" / "a.mp4")
    assert (first.seed, first.canvas.size, str(first.motion.fps)) == (3, (128, 160), "24000/1001")
    assert (second.output.name, second.seed, second.motion.fps) == ("b, second.mp4", 0, None)


def test_a_cell_names_the_background(folder: Path) -> None:
    table = folder / "night.csv"
    rows = ("a.jpg,walk.mp4,a.mp4,keep", "a.jpg,walk.mp4,b.mp4,2024.jpg", "a.jpg,walk.mp4,c.mp4,")
    table.write_text("\n".join(("photo,clip,output,background", *rows)))
    assert [job.background for job in read_batch([table])] == ["keep", folder / "2024.jpg", "keep"]


def test_photos_and_clips_stand_for_each_with_each(folder: Path) -> None:
    table = folder / "night.toml"
    table.write_text(
        'photos = ["*.jpg", "c.png"]\nclips = ["walk.mp4", "turn.mp4"]\noutput = "out/{clip}/{photo}.mp4"\n'
        "[encode]\ncrf = 20\n"
    )
    jobs = read_batch([table])
    assert [str(job.output.relative_to(folder)) for job in jobs] == [
        f"out/{clip}/{photo}.mp4" for photo in "abc" for clip in ("walk", "turn")
    ]
    assert {job.encode.crf for job in jobs} == {20}


def test_only_what_a_table_says_is_a_pattern_its_own_folder_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "spring [2024] *new"
    (folder / "photos").mkdir(parents=True)
    for name in ("photos/a.jpg", "photos/b.jpg", "walk.mp4"):
        (folder / name).touch()
    table = folder / "t.toml"
    table.write_text(
        f'photos = ["photos/*.jpg", "{tmp_path}/*/photos/b.jpg"]\nclips = ["walk.mp4"]\noutput = "{{photo}}.mp4"\n'
    )
    assert [job.photo for job in read_batch([table])] == [folder / "photos" / "a.jpg", folder / "photos" / "b.jpg"]


def test_job_files_and_tables_mix_and_options_go_for_all(folder: Path) -> None:
    (folder / "one.toml").write_text('photo = "a.jpg"\nclip = "walk.mp4"\noutput = "one.mp4"\nseed = 1\n')
    (folder / "more.csv").write_text("photo,clip,output\nb.jpg,walk.mp4,two.mp4\n")
    jobs = read_batch([folder / "one.toml", folder / "more.csv"], ["encode.crf=9"], changes={"seed": 7})
    assert [(job.output.name, job.seed, job.encode.crf) for job in jobs] == [("one.mp4", 7, 9), ("two.mp4", 7, 9)]
    with pytest.raises(OptionError):
        read_batch([folder / "more.csv"], ["encode.crg=9"])


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("t.csv", "", "its first line names the columns"),
        ("t.csv", "photo,clip\na.jpg,walk.mp4\n", "needed are photo, clip and output"),
        ("t.csv", "photo,clip,output,output\n", "each once"),
        ("t.csv", "photo,clip,output\na.jpg,walk.mp4\n", "line 2 has 2 cells"),
        ("t.csv", "photo,clip,output,sed\na.jpg,walk.mp4,o.mp4,3\n", "line 2.*sed"),
        ("t.csv", "photo,clip,output,seed\na.jpg,walk.mp4,o.mp4,many\n", "line 2: seed"),
        ("t.csv", f"photo,clip,output,seed\na.jpg,walk.mp4,o.mp4,{'9' * 5000}\n", "line 2: seed"),
        ("t.toml", f'photos = ["a.jpg"]\nseed = {"9" * 5000}\n', "not TOML"),
        ("t.csv", "photo,clip,output,seed.x,seed.x.y\na.jpg,walk.mp4,o.mp4,3,4\n", "x is a value, not a table"),
        ("t.csv", "photo,clip,output\na.jpg,walk.mp4,o.mp4\nb.jpg,walk.mp4,./o.mp4\n", "the output of two jobs"),
        ("t.csv", "photo,clip,output\n", "no jobs to render"),
        ("t.csv", 'photo,clip,output\n"a.jpg,walk.mp4,o.mp4\n', "not CSV"),
        ("t.csv", "photo,clip,output,generator\na.jpg,walk.mp4,o.mp4,os:system\n", "would run Python code"),
        ("t.toml", 'photos = ["*.bmp"]\nclips = ["walk.mp4"]\noutput = "{photo}.mp4"\n', r"no file like \*\.bmp"),
        (
            "t.toml",
            'photos = ["~not a user/*.jpg"]\nclips = ["walk.mp4"]\noutput = "{photo}.mp4"\n',
            r"no file like ~not a user",
        ),
        ("t.toml", 'photos = "a.jpg"\nclips = ["walk.mp4"]\noutput = "{photo}.mp4"\n', "expected a list of files"),
        ("t.toml", 'photos = ["*.jpg"]\nclips = ["walk.mp4"]\noutput = "o.mp4"\n', "output must tell photos apart"),
        ("t.toml", 'photos = ["a.jpg"]\nclips = ["walk.mp4", "turn.mp4"]\noutput = "{photo}.mp4"\n', "two jobs"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_in_one_line(folder: Path, name: str, text: str, complaint: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(JobError, match=complaint) as caught:
        read_batch([folder / name])
    assert "\n" not in str(caught.value)


def test_outputs_that_share_a_folder_are_refused(folder: Path) -> None:
    table = folder / "night.csv"
    table.write_text("photo,clip,output\na.jpg,walk.mp4,out/a.mp4\nb.jpg,walk.mp4,out/a.webp\n")
    with pytest.raises(JobError, match=r"a\.webp: shares the folder a\.job with a\.mp4"):
        read_batch([table])


def test_a_placeholder_that_means_nothing_is_named(folder: Path) -> None:
    table = folder / "night.toml"
    table.write_text('photos = ["a.jpg"]\nclips = ["walk.mp4"]\noutput = "out/{foto}.mp4"\n')
    with pytest.raises(JobError, match=r"\{foto\} is unknown; there are \{photo\} and \{clip\}"):
        read_batch([table])


def test_a_table_in_another_alphabet_says_what_to_save_it_as(folder: Path) -> None:
    table = folder / "night.csv"
    table.write_text("photo,clip,output\na.jpg,walk.mp4,a.mp4\n", encoding="utf-16")
    with pytest.raises(JobError, match="save it as CSV in UTF-8"):
        read_batch([table])
