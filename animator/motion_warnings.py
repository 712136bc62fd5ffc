"""What a person should know about the motion of a clip: cuts, absences, and times of which only a part is seen."""

from __future__ import annotations

from pose_tracking.clip import DrivingClip
from pose_tracking.report import list_cuts

Spans = tuple[tuple[float, float], ...]


def motion_warnings(clip: DrivingClip, *, cuts_s: tuple[float, ...], absences: Spans, passages: Spans) -> list[str]:
    """One line for each kind of trouble there is.

    Args:
        clip: the driving clip.
        cuts_s: when another shot begins.
        absences: (start, end) of times at which nobody is in view.
        passages: of those at which only a part of the person is.
    """
    # Told as the clip's own times, which --start and --end take, whatever was left out before.
    begin_s, _ = clip.trim_s
    warnings = []
    if cuts_s:
        cuts = list_cuts(tuple(begin_s + cut_s for cut_s in cuts_s))
        warnings.append(f"{clip.path.name}: cuts to another shot at {cuts}; each is carried over by itself.")
    if absences:
        warnings.append(
            f"{clip.path.name}: nobody in view at {_listed(absences, begin_s)}; the pose is held. "
            "Leave it out with --start/--end."
        )
    if passages:
        warnings.append(
            f"{clip.path.name}: only part of the person in view, coming, leaving or in a close-up, "
            f"at {_listed(passages, begin_s)}; taken for not in view."
        )
    return warnings


def _listed(spans: Spans, begin_s: float) -> str:
    """The first of these spans, seconds after `begin_s`, and how many more there are."""
    listed = ", ".join(f"{begin_s + start:.1f}-{begin_s + end:.1f} s" for start, end in spans[:4])
    return listed + (f" and {len(spans) - 4} more" if len(spans) > 4 else "")
