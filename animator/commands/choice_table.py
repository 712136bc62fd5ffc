"""Every option that `animate`, `render` and their kin share, panel by panel; `choices.py` makes parameters of them.

One table, so that flags, help and keys cannot drift apart. The defaults live in the configuration, which `--help`
does not import; they are repeated here in words, and a test compares the two.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import typer

from animator.commands.option import Choice, in_panel, size_of
from animator.commands.result_choices import ORIGIN, RESULT


def _canvas(text: str) -> dict[str, Any]:
    width, height = size_of("--canvas", text)
    return {"canvas.width": width, "canvas.height": height}


def person_of(key: str, flag: str) -> Callable[[str], dict[str, Any]]:
    """A reader of `largest`, `2` (the third from the left), or `0.3,0.5` (a point, fractions of width and height)."""

    def changes(text: str) -> dict[str, Any]:
        if text in ("largest", "center"):
            return {key: text}
        if re.fullmatch(r"\d{1,9}", text):
            return {key: int(text)}
        with suppress(ValueError):
            x, y = (float(part) for part in text.split(","))
            if 0 <= x <= 1 and 0 <= y <= 1:
                return {key: [x, y]}
        raise typer.BadParameter(
            f"{flag}: got {reprlib.repr(text)}, expected largest, center, a number from the left (0, 1, ...), or X,Y: "
            "a point, both from 0 to 1 (fractions of width and height)"
        )

    return changes


_PICTURE = in_panel(
    "Picture",
    Choice(
        flags=("--canvas",),
        sets=_canvas,
        kind=str,
        metavar="WxH",
        text="Size of the result in px.",
        default="what the model was made for, else 512x640",
    ),
    Choice(
        flags=("--fit/--fill",),
        sets=lambda fit: {"canvas.fit": "fit" if fit else "fill"},
        kind=bool,
        text="Show the whole photo, or fill the canvas and crop.",
        default="between the two, around the person",
    ),
    Choice(
        flags=("--photo-person",),
        sets=person_of("photo_person", "--photo-person"),
        kind=str,
        metavar="WHO",
        text="Whom of the photo to animate: largest, center, 0 (leftmost), 1, ... or X,Y (fractions of the picture).",
        default="largest",
    ),
    Choice(
        flags=("--background",),
        sets="background",
        kind=str,
        metavar="WHAT",
        text="Behind the person: keep (the photo's own), generate (diffusion may paint it), or a picture's FILE.",
        default="keep",
    ),
    Choice(
        flags=("--model", "--base"),
        sets=lambda model: {"generator": "diffusion", "model": model},
        kind=str,
        metavar="NAME",
        text="Weights to draw with: a model folder, a Stable Diffusion 1.x folder, or a hub id (owner/name@commit).",
        default="the embedded base",
    ),
    Choice(
        flags=("--generator",),
        sets="generator",
        kind=str,
        metavar="NAME",
        text="What makes the pictures: puppet, or diffusion, which --model means.",
        default="puppet",
    ),
    Choice(
        flags=("--seed",),
        sets="seed",
        kind=int,
        text="Same seed, same pictures.",
        default="0",
    ),
    Choice(
        flags=("--device",),
        sets="device",
        kind=str,
        metavar="NAME",
        text="Where to compute: cpu, cuda, cuda:1, mps.",
        default="auto",
    ),
)

_DIFFUSION = in_panel(
    "Diffusion",
    Choice(
        flags=("--quality",),
        sets="sampler.quality",
        kind=str,
        metavar="NAME",
        text="How much time each frame gets: draft, standard, best.",
        default="standard",
    ),
    Choice(
        flags=("--low-vram",),
        sets="low_vram",
        kind=bool,
        text="Compute as little as possible at once: slower, for small graphics cards.",
        default="off",
    ),
    Choice(
        flags=("--steps",),
        sets="sampler.steps",
        kind=int,
        text="Evaluations of the network per frame and branch, instead of a quality.",
        default="the base's own",
    ),
    Choice(
        flags=("--scheduler",),
        sets="sampler.scheduler",
        kind=str,
        metavar="NAME",
        text="How to step: dpm++, unipc, euler, ddim; lcm or tcd for models made for them.",
        default="dpm++",
    ),
    Choice(
        flags=("--reuse",),
        sets="sampler.reuse",
        kind=int,
        metavar="N",
        text="Compute the network's deep layers in every N-th step only.",
        default="4 for drafts, else 1",
    ),
    Choice(
        flags=("--decoder",),
        sets="sampler.decoder",
        kind=str,
        metavar="NAME",
        text="What makes pictures of latents: full, or preview, a quick one where the model has it.",
        default="preview for drafts, else full",
    ),
    Choice(
        flags=("--guidance-image",),
        sets="sampler.guidance_image",
        kind=float,
        text="How strongly the photo steers; 1 as trained.",
        default="1.0",
    ),
    Choice(
        flags=("--guidance-pose",),
        sets="sampler.guidance_pose",
        kind=float,
        text="How strongly the pose steers; 1 as trained.",
        default="1.0",
    ),
    Choice(
        flags=("--repair",),
        sets="sampler.repair",
        kind=float,
        text="0 keeps the photo as the puppet carries it, 1 lets the network repaint everything.",
        default="the base's own, else 0.5",
    ),
    Choice(
        flags=("--noise",),
        sets="sampler.noise",
        kind=str,
        metavar="KIND",
        text="Starting noise of the frames: shared, independent or mixed.",
        default="shared",
    ),
    Choice(
        flags=("--image-encoder",),
        sets="image_encoder",
        kind=str,
        metavar="NAME",
        text="CLIP vision encoder, folder or hub id, for a base that has none.",
        default="the base's own",
    ),
)

_MOTION = in_panel(
    "Motion",
    Choice(
        flags=("--start",),
        sets="start_s",
        kind=float,
        metavar="SECONDS",
        text="Where in the clip to begin.",
        default="its start",
    ),
    Choice(
        flags=("--end",),
        sets="end_s",
        kind=float,
        metavar="SECONDS",
        text="Where in the clip to stop.",
        default="its end",
    ),
    Choice(
        flags=("--person",),
        sets=person_of("tracker.person", "--person"),
        kind=str,
        metavar="WHO",
        text="Whom of the clip to follow: largest, center, 0 (leftmost), 1, ... or X,Y (fractions of the picture).",
        default="largest",
    ),
    Choice(
        flags=("--tracker",),
        sets="tracker.kind",
        kind=str,
        metavar="KIND",
        text="Tracker: blazepose, holistic (hands and face, too), or a MediaPipe .task file.",
        default="blazepose",
    ),
    Choice(
        flags=("--no-pose-cache",),
        sets=lambda _: {"pose_cache": False},
        kind=bool,
        text="Track the clip even if it was tracked before, and keep nothing of it.",
        default="poses are kept for the next render of the clip",
    ),
    Choice(
        flags=("--exposure",),
        sets="puppet.exposure_s",
        kind=float,
        metavar="SECONDS",
        text="For how long a camera would expose each of the puppet's frames, smearing what moves; usual is 0.016.",
        default="off",
    ),
    Choice(
        flags=("--smoother",),
        sets="motion.smoother",
        kind=str,
        metavar="NAME",
        text="Smoothing: savitzky-golay, one-euro, kalman or none.",
        default="savitzky-golay",
    ),
    Choice(
        flags=("--leave-view",),
        sets=lambda given: {"retarget.stay_in_view": not given},
        kind=bool,
        text="Let the person walk out of the picture and grow beyond it, as in the clip.",
        default="off",
    ),
    Choice(
        flags=("--lock-root",),
        sets="retarget.lock_root",
        kind=bool,
        text="Keep the person in place.",
        default="off",
    ),
)

CHOICES = (*_PICTURE, *_DIFFUSION, *_MOTION, *RESULT, *ORIGIN)
