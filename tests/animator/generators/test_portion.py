"""What is given up first where the memory does not suffice."""

from animator.generators.portion import Portion, ShrinkingPortion


def test_threads_go_first_then_branches_then_half_the_batch_until_nothing_is_left() -> None:
    notes: list[str] = []
    shared = ShrinkingPortion(Portion(batch=3, branches_together=True, workers=2), notes.append)
    tried = []
    while shared.shrink(shared.now):
        tried.append((shared.now.workers, shared.now.branches_together, shared.now.batch))
    assert tried == [(1, True, 3), (1, False, 3), (1, False, 1)]
    assert [note.split(":")[0] for note in notes] == [
        "out of memory with 2 frames side by side",
        "out of memory",
        "out of memory with 3 frames at once",
    ]


def test_threads_that_meet_the_same_end_shrink_it_once() -> None:
    notes: list[str] = []
    shared = ShrinkingPortion(Portion(batch=8, branches_together=False, workers=2), notes.append)
    tried = shared.now
    assert shared.shrink(tried)
    assert shared.shrink(tried)
    assert shared.now == Portion(batch=8, branches_together=False, workers=1)
    assert len(notes) == 1
