"""What holds for every job and every file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animator.config import RenderJob
from animator.errors import JobError
from animator.job_file import read_job, write_job

_text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)

_paths = _text.map(lambda text: Path("/") / text.replace("\0", "_"))


@st.composite
def _jobs(draw: st.DrawFn) -> RenderJob:
    start_s = draw(st.floats(0, 1e6))
    return RenderJob.model_validate(
        {
            "photo": draw(_paths),
            "clip": draw(_paths),
            "output": draw(_paths),
            "start_s": start_s,
            "end_s": draw(st.none() | st.floats(start_s, 1e9, exclude_min=True)),
            "seed": draw(st.integers(0, 2**63 - 1)),
            "generator": draw(st.sampled_from(["puppet", "diffusion", "my_pkg.mod:Thing"])),
            "model": draw(st.sampled_from(["embedded", "owner/name", "owner/name@0123abc", "/models/me"])),
            "image_encoder": draw(st.none() | st.just("openai/clip-vit-base-patch32")),
            "device": draw(st.sampled_from(["auto", "cpu", "cuda:1"])),
            "sampler": {
                "steps": draw(st.integers(1, 50)),
                "scheduler": draw(st.sampled_from(["dpm++", "lcm"])),
                "guidance_interval": (draw(st.floats(0, 0.5)), draw(st.floats(0.5, 1))),
                "repair": draw(st.floats(0, 1)),
                "densepose": draw(st.none() | _paths),
            },
            "canvas": {"width": 2 * draw(st.integers(32, 2048)), "fit": draw(st.sampled_from(["auto", "fit", "fill"]))},
            "tracker": {
                "person": draw(
                    st.sampled_from(["largest", "center"])
                    | st.integers(0, 99)
                    | st.tuples(st.floats(0, 1), st.floats(0, 1))
                ),
                "recorded": draw(st.none() | _paths),
            },
            "encode": {"crf": draw(st.integers(1, 51)), "keep_audio": draw(st.booleans())},
        }
    )


@settings(deadline=None)  # a busy machine is not a bug
@given(job=_jobs())
def test_a_job_written_and_read_is_the_same_job(tmp_path_factory: pytest.TempPathFactory, job: RenderJob) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.toml"
    assert read_job(write_job(job, path), trust=True) == job


@settings(deadline=None)
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode(errors="replace")))
def test_any_file_gives_a_job_or_a_job_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with pytest.raises(JobError) as caught:
        read_job(path)
    assert len(str(caught.value)) < 2000
