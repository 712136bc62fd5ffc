"""The sentence about damage."""

from __future__ import annotations

from pose_tracking.damage import Damage


def test_a_sound_clip_needs_no_sentence() -> None:
    assert Damage().describe(48) is None


def test_all_faults_are_told_with_what_could_be_read() -> None:
    damage = Damage(lost_packets=1, broken_frames=10, stopped_by="Input/output error", is_cut_short=True)
    sentence = damage.describe(44)
    assert sentence is not None
    for words in ("cut off", "Input/output error", "1 frame could not", "10 frames marked", "44 frames read"):
        assert words in sentence
    assert "\n" not in sentence
