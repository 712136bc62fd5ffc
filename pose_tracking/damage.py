"""What could not be read of a clip, gathered while it streams and told in one sentence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Damage:
    """Faults met so far.

    Attributes:
        lost_packets: packets that were incomplete or that the decoder refused.
        broken_frames: frames the decoder delivered but marked as wrong.
        stopped_by: the error that ended reading before the end of the file; None when there was none.
        is_cut_short: whether the file ends before its own headers say it does.
    """

    lost_packets: int = 0
    broken_frames: int = 0
    stopped_by: str | None = None
    is_cut_short: bool = False

    def describe(self, num_frames: int) -> str | None:
        """One sentence for a person, or None when nothing is wrong.

        Args:
            num_frames: frames that were read all the same.
        """
        faults = []
        if self.is_cut_short:
            faults.append("the file is cut off before its end")
        if self.stopped_by:
            faults.append(f"reading stopped early ({self.stopped_by})")
        if self.lost_packets:
            faults.append(f"{_frames(self.lost_packets)} could not be decoded")
        if self.broken_frames:
            faults.append(f"{_frames(self.broken_frames)} marked as damaged, and those built on them may be wrong")
        if not faults:
            return None
        return f"{', '.join(faults)}; {_frames(num_frames)} read. Copy the clip again from its source if you can."


def _frames(number: int) -> str:
    return "1 frame" if number == 1 else f"{number} frames"
