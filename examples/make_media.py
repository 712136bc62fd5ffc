"""Makes examples/media anew: a fashion portrait, a walk with a turn, and a dance with music.

    python examples/make_media.py [FOLDER]

Needs the extra [synthesis]. People, moves and music are all computed here; the results are CC0.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import numpy as np
from PIL import Image

from animator.encoding import AudioSource, EncodeConfig, encode
from animator.synthesis.backdrop import make_backdrop
from animator.synthesis.motions.choreography import compose
from animator.synthesis.motions.dials import Dials, relaxed_dials
from animator.synthesis.motions.footwork import plan_footing, shift_weight
from animator.synthesis.motions.framing import frame_points, outline_points
from animator.synthesis.motions.gestures import (
    arm_poses,
    breathe,
    key_arms,
    key_dial,
    set_arm,
    stay_upright,
    swing_arms,
    window,
)
from animator.synthesis.motions.motion import Motion
from animator.synthesis.motions.route import Route
from animator.synthesis.scene import Character
from animator.synthesis.take import Take, fit_motion, make_take
from pose_tracking.frame import Frame

FPS = 25
BEAT_S = 0.5
PORTRAIT, WALKER, DANCER = 53, 65, 57
STUDIO = {PORTRAIT: 11, WALKER: 3, DANCER: 8}
SAMPLE_HZ = 44_100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "media")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    portrait = film(PORTRAIT, portrait_pose(), height=960, width=768, margin=0.06)
    Image.fromarray(portrait.frame(0).image_HWC).save(folder / "portrait.png", optimize=True)
    config = EncodeConfig(crf=20, preset="slow")
    encode(frames(film(WALKER, walk_and_turn())), folder / "walk_turn.mp4", config, fps=FPS)
    with tempfile.TemporaryDirectory() as temporary:
        sound = write_music(Path(temporary) / "music.mka", seconds=12 * BEAT_S)
        audio = AudioSource(path=sound)
        encode(frames(film(DANCER, dance())), folder / "dance.mp4", config, fps=FPS, audio=audio)
    for path in sorted(folder.iterdir()):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def film(seed: int, motion: Motion, *, height: int = 480, width: int = 384, margin: float = 0.06) -> Take:
    """The person with this seed in its studio, whole in every frame."""
    character = Character.from_seed(seed)
    fitted = fit_motion(character, motion)
    points = outline_points(fitted, character.body.rest_J3) + np.array([0.0, character.lift_m, 0.0])
    camera = frame_points(points, height=height, width=width, margin=margin, distance_m=6.0)
    return make_take(character, fitted, camera=camera, backdrop=make_backdrop(STUDIO[seed], camera))


def frames(take: Take):  # type: ignore[no-untyped-def]
    for index, rendered in enumerate(take):
        yield Frame(pixels_HWC=rendered.image_HWC, time_s=index / FPS, index=index)


def portrait_pose() -> Motion:
    """Standing at ease with the weight on one leg and a slight smile."""
    footing = plan_footing([], num_frames=1, fps=FPS, stance=0.11, toes_out_deg=12)
    shift_weight(footing, np.full(1, 0.25), list_deg=4)
    dials = relaxed_dials(1)
    for side, more in (("left", 7.0), ("right", 4.0)):
        dials[f"{side}_raise"] += more
    dials["smile"] += 0.15
    dials["tilt"] += 2.0
    stay_upright(dials, footing)
    return compose(dials, footing)


def walk_and_turn() -> Motion:
    """Five steps to the camera, a turn to one side and the other, a hand on the hip, a look aside."""
    num_frames = 150
    route = Route(z=-0.5, time_s=0.15, interval_s=0.48).walk(5, stride=0.24)
    route.interval_s, route.lift = 0.42, 0.05
    route.turn(58, 2).pause(0.3).turn(-93, 3).pause(0.05).turn(35, 2)
    footing = plan_footing(route.steps, num_frames=num_frames, fps=FPS, start_z=-0.5, stance=route.stance)
    dials = relaxed_dials(num_frames)
    swing_arms(dials, footing, amount=1.1, elbow=1.2)
    stay_upright(dials, footing)
    set_arm(dials, 0, arm_poses()["hip"], window(2.9, 4.7, num_frames=num_frames, fps=FPS, ramp_s=0.6))
    glances = [(0, 0), (2.5, 0), (3.1, -22), (3.7, -25), (4.3, 18), (5.0, 18), (5.6, 0)]
    dials["look"] += key_dial(glances, num_frames=num_frames, fps=FPS)
    dials["smile"] += 0.5 * window(3.0, 9.0, num_frames=num_frames, fps=FPS)
    breathe(dials, np.random.default_rng(4), fps=FPS)
    return compose(dials, footing)


def dance() -> Motion:
    """Twelve beats: step-touches with arms, wide steps with raised arms, a sway of the hips."""
    num_frames = round(12 * BEAT_S * FPS)
    route = Route(x=-0.11, time_s=0.02, interval_s=BEAT_S, lift=0.06)
    for width in (0.22, -0.22, 0.22, -0.22):
        route.aside(width)
    footing = plan_footing(route.steps, num_frames=num_frames, fps=FPS, start_x=-0.11, sway=0.75, stance=route.stance)
    beats = np.arange(num_frames) / FPS / BEAT_S
    swaying = window(8.3 * BEAT_S, 99, num_frames=num_frames, fps=FPS, ramp_s=0.4)
    hips = 0.5 + 0.42 * np.sin(np.pi * (beats - 8))
    shift_weight(footing, footing.weight_T * (1 - swaying) + hips * swaying, sway=0.75, list_deg=7)
    footing.drop_T += 0.035 * (0.5 - 0.5 * np.cos(2 * np.pi * beats))
    dials = relaxed_dials(num_frames)
    arm_track(dials, 0, "hang box low_v box low_v high_v hip high_v hip crown cactus crown high_v")
    arm_track(dials, 1, "hang box low_v box low_v hip high_v hip high_v crown cactus crown high_v")
    dials["side"] += 5 * np.sin(np.pi * beats)
    dials["twist"] += 7 * np.sin(np.pi * beats + 0.6)
    dials["nod"] += 3 * np.cos(2 * np.pi * beats)
    dials["smile"] += 0.7
    stay_upright(dials, footing)
    breathe(dials, np.random.default_rng(11), fps=FPS)
    return compose(dials, footing)


def arm_track(dials: Dials, side: int, names: str) -> None:
    """One arm pose on every beat."""
    keys = [(beat * BEAT_S, arm_poses()[name]) for beat, name in enumerate(names.split())]
    key_arms(dials, side, keys, fps=FPS)


def write_music(path: Path, *, seconds: float) -> Path:
    """A bar of drums, bass and chords, over and over, written losslessly for the encoder to pick up."""
    stereo = np.clip(music(seconds), -1, 1)
    pcm = (stereo * 32767).astype("<i2").tobytes()
    command = ffmpeg.input("pipe:", format="s16le", ar=SAMPLE_HZ, ac=2).output(str(path), acodec="pcm_s16le")
    command.run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), input=pcm, quiet=True, overwrite_output=True)
    return path


def music(seconds: float) -> np.ndarray:
    """[N, 2] samples: 120 beats a minute, four chords, one bar each."""
    rng, total = np.random.default_rng(7), round(seconds * SAMPLE_HZ)
    left, right = np.zeros(total), np.zeros(total)

    def add(sound: np.ndarray, beat: float, *, gain: float, pan: float = 0.0) -> None:
        start = round(beat * BEAT_S * SAMPLE_HZ)
        end = min(start + len(sound), total)
        left[start:end] += gain * (1 - pan) * sound[: end - start]
        right[start:end] += gain * (1 + pan) * sound[: end - start]

    roots = (45, 41, 48, 43)  # A minor, F, C, G as MIDI notes
    for beat in range(round(seconds / BEAT_S)):
        root = roots[beat // 4 % 4]
        add(kick(), beat, gain=0.55)
        if beat % 2:
            add(noise(rng, 0.16, decay_s=0.05), beat, gain=0.22, pan=0.1)
        for half in (0.0, 0.5):
            add(noise(rng, 0.06, decay_s=0.012, bright=True), beat + half, gain=0.10 + 0.06 * half, pan=-0.3)
            add(tone(root - 12, 0.22, decay_s=0.16), beat + half, gain=0.22)
        if beat % 4 == 0:
            third = 3 if root == 45 else 4
            for note in (root + 12, root + 12 + third, root + 19):
                add(tone(note, 4 * BEAT_S, decay_s=1.6), beat, gain=0.07, pan=0.25)
        add(tone(root + 24 + (0, 7, 12, 7)[beat % 4], 0.4, decay_s=0.2), beat + 0.5, gain=0.06, pan=0.4)
    fade = np.clip((total - np.arange(total)) / (0.25 * SAMPLE_HZ), 0, 1)
    return np.tanh(np.stack([left, right], axis=1) * 1.2) * fade[:, None]


def kick() -> np.ndarray:
    time = np.arange(round(0.25 * SAMPLE_HZ)) / SAMPLE_HZ
    return np.sin(2 * np.pi * (48 * time + 6 * (1 - np.exp(-time / 0.03)))) * np.exp(-time / 0.09)


def noise(rng: np.random.Generator, seconds: float, *, decay_s: float, bright: bool = False) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_HZ)) / SAMPLE_HZ
    hiss = rng.normal(size=len(time))
    return np.exp(-time / decay_s) * (np.diff(hiss, prepend=0) if bright else hiss)


def tone(note: float, seconds: float, *, decay_s: float) -> np.ndarray:
    """A soft plucked note with a few overtones."""
    time = np.arange(round(seconds * SAMPLE_HZ)) / SAMPLE_HZ
    pitch = 440 * 2 ** ((note - 69) / 12)
    wave = sum(np.sin(2 * np.pi * pitch * k * time) / k**1.6 for k in (1, 2, 3, 4))
    return wave * np.exp(-time / decay_s) * np.minimum(time / 0.008, 1)


if __name__ == "__main__":
    main()
