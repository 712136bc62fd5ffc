"""The pictures a render leaves for people: a contact sheet, and photo, clip and result side by side."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from animator.encoding import EncodeConfig, Encoder, open_encoder
from animator.encoding.images import write_png
from animator.preview.caption import resize
from animator.preview.contact_sheet import ContactSheet
from animator.preview.paths import contact_sheet_path, preview_paths, side_by_side_path
from animator.preview.side_by_side import SideBySide, panel_size
from animator.subject import Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.drawing import draw_skeleton
from pose_tracking.frame import ClipInfo, Frame
from pose_tracking.sequence import PoseSequence

CLIP_SIDE_PX = 640
# Pictures of the clip that wait for the frames they are shown beside: while the photo is placed, nothing else keeps a
# second core busy. So many of a clip in 16:9 take these bytes; of one whose panels are larger, fewer wait.
PANELS_AHEAD = 96
PANELS_AHEAD_BYTES = 64 * 2**20


class Previews:
    """Looks at the frames of a render as they pass, and writes its previews when the block ends well.

    Args:
        output: the render's result; previews lie beside it, see `animator.preview.paths`.
        contact_sheet, side_by_side: which of them to make.
        subject: whose photo is shown.
        clip: the driving clip, read once more.
        tracked: its poses, one per frame, in px of the clip.
        num_frames: how many frames the render has.
        fps: its rate.
        panels: what `clip_panels` gives, where that is under way already.
        metadata: what the result says of its making; the previews show its pictures and say the same.

    Attributes:
        paths: the previews that are written.
    """

    def __init__(
        self,
        output: Path,
        *,
        contact_sheet: bool,
        side_by_side: bool,
        subject: Subject,
        clip: DrivingClip,
        tracked: PoseSequence,
        num_frames: int,
        fps: Fraction,
        panels: Iterator[Frame] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self._sheet_path, self._side_path = contact_sheet_path(output), side_by_side_path(output)
        self._output = output
        self._sheet = ContactSheet(num_frames) if contact_sheet else None
        self._wants_side = side_by_side
        self._subject, self._clip, self._tracked, self._fps = subject, clip, tracked, fps
        self._panels, self._metadata = panels, metadata
        self._stack = ExitStack()
        self._composer: SideBySide | None = None
        self._encoder: Encoder | None = None
        self.paths: tuple[Path, ...] = ()

    def __enter__(self) -> Previews:
        if self._wants_side:
            panels = self._panels
            if panels is None:
                panels = self._stack.enter_context(closing(clip_panels(self._clip, self._tracked)))
            self._composer = SideBySide(self._subject.photo_HWC, panels)
            config = EncodeConfig(format="mp4", crf=23, preset="veryfast", keep_audio=False)
            encoder = open_encoder(self._side_path, config, fps=self._fps, metadata=self._metadata)
            self._encoder = self._stack.enter_context(encoder)
        return self

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Hand all frames on, looking at each as it passes."""
        for frame in frames:
            if self._sheet is not None:
                self._sheet.add(frame)
            if self._composer is not None and self._encoder is not None:
                self._encoder.write(self._composer.compose(frame))
            yield frame

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if error is not None:
            return
        self.paths = preview_paths(self._output, contact_sheet=False, side_by_side=self._wants_side)
        if self._sheet is not None:
            write_png(self._sheet_path, self._sheet.draw(), metadata=self._metadata)
        self.paths = preview_paths(self._output, contact_sheet=self._sheet is not None, side_by_side=self._wants_side)


def clip_panels(clip: DrivingClip, tracked: PoseSequence) -> Generator[Frame, None, None]:
    """What `clip_with_skeleton` gives, as large as a panel of `SideBySide`."""
    size: tuple[int, int] | None = None
    with closing(clip_with_skeleton(clip, tracked)) as frames:
        for frame in frames:
            height, width = frame.pixels_HWC.shape[:2]
            size = size or panel_size(height, width)
            yield Frame(pixels_HWC=resize(frame.pixels_HWC, *size), time_s=frame.time_s, index=frame.index)


def panels_ahead(info: ClipInfo) -> int:
    """How many panels of a clip may be drawn before they are needed, one at least."""
    height, width = panel_size(info.height, info.width)
    return max(1, min(PANELS_AHEAD, PANELS_AHEAD_BYTES // (3 * height * width)))


def clip_with_skeleton(clip: DrivingClip, tracked: PoseSequence) -> Generator[Frame, None, None]:
    """The clip's frames, reduced, with the tracked pose drawn over each."""
    for frame in clip.frames(max_side_px=CLIP_SIDE_PX):
        scale = frame.pixels_HWC.shape[1] / tracked.frame_size[0]
        place = min(frame.index, len(tracked) - 1)
        drawn = draw_skeleton(
            frame.pixels_HWC, tracked.keypoints_TK2[place] * scale, tracked.confidence_TK[place], tracked.skeleton
        )
        yield Frame(pixels_HWC=drawn, time_s=frame.time_s, index=frame.index)


def at_even_times(frames: Iterable[Frame], *, fps: Fraction, duration_s: float) -> Generator[Frame, None, None]:
    """What is on screen in the middle of each step of an even rate, as long as the film; the last frame is held.

    Frames of an even film pass one by one, rounded times or not; those of an uneven one are repeated or left out.

    Args:
        frames: in order of time, from 0 s on.
        fps: the even rate.
        duration_s: of the film.
    """
    coming = iter(frames)
    shown = next(coming, None)
    following = next(coming, None)
    for index in range(max(1, round(duration_s * fps))):
        while following is not None and following.time_s <= (index + 0.5) / fps:
            shown, following = following, next(coming, None)
        if shown is not None:
            yield Frame(pixels_HWC=shown.pixels_HWC, time_s=float(index / fps), index=index)
