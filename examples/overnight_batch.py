"""A night's batch: every photo with every clip, and workers that are started again when they die.

    python examples/overnight_batch.py                                 the figure of examples/media, small
    python examples/overnight_batch.py photos/ --clip walk.mp4 --queue night --workers 2
    python examples/overnight_batch.py photos/ --template my.toml --set canvas.width=512 --queue night

Every photo is a job in a folder of its own; started again after whatever ended it, the same command goes on where it
was. Another machine's terminal may look on: animator jobs list night. The results lie in night/NAME/out.mp4.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from animator.job_file import read_job
from animator.jobs.queue import JobQueue
from animator.photo import read_photo
from animator.pipeline import submit
from pose_tracking.errors import PipelineError

HERE = Path(__file__).parent
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
SMALL = ("canvas.width=192", "canvas.height=256", "end_s=1.0")
DONE, PARTIAL, DISK_FULL = 0, 7, 6
STARTS_PER_WORKER = 20


def main() -> int:
    """Fill the queue, work through it, say what came of it; 0 if every job is done."""
    options = parse_arguments()
    queue = JobQueue(options.queue)
    refused = fill(queue, options)
    code = work(queue, options.workers)
    jobs = queue.jobs()
    for job in jobs:
        what = job.folder / "out.mp4" if job.state in ("done", "partial") else job.folder.name
        print(f"{job.state:<9} {what}{job.message and f': {job.message}'}")
    num_done = sum(job.state == "done" for job in jobs)
    print(f"{num_done} of {len(jobs) + refused} done")
    return code or (DONE if num_done == len(jobs) + refused else PARTIAL)


def parse_arguments() -> argparse.Namespace:
    """What was typed; without photos, a small batch of the examples' media."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", type=Path, help="pictures, or folders of them")
    parser.add_argument("--clip", action="append", type=Path, help="driving clip; may be given more than once")
    parser.add_argument("--template", type=Path, default=HERE / "jobs" / "walk.toml", help="job file for all the rest")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as in animator render")
    parser.add_argument("--queue", type=Path, default=HERE.parent / "out" / "night", help="folder of the jobs")
    parser.add_argument("--workers", type=int, default=1, help="at a time; one per GPU, or per four cores")
    options = parser.parse_args()
    if not options.photos:
        options.photos = [HERE / "media" / "portrait.png"]
        options.clip = options.clip or [HERE / "media" / "walk_turn.mp4", HERE / "media" / "dance.mp4"]
        options.set = [*SMALL, *options.set]
    return options


def fill(queue: JobQueue, options: argparse.Namespace) -> int:
    """Make a job of every photo with every clip, unless it is there; how many were refused."""
    refused = 0
    here, taken = {job.folder.name for job in queue.jobs()}, set[str]()
    for photo in pictures(options.photos):
        for clip in options.clip or [None]:
            name = photo.stem if clip is None else f"{photo.stem}-{clip.stem}"
            if name in taken:
                print(
                    f"refused   {photo}: there is a job {name} already; give the picture another name", file=sys.stderr
                )
                refused += 1
                continue
            taken.add(name)
            if name in here:
                continue
            inputs = [f"photo={photo.absolute()}", *([f"clip={clip.absolute()}"] if clip else [])]
            try:
                job = read_job(options.template, [*inputs, f"output={queue.path / name}.mp4", *options.set])
                read_photo(job.photo)
                queue.add(submit(job, queue.path / name))
            except PipelineError as error:  # told now, while somebody is awake
                print(f"refused   {name}: {error}", file=sys.stderr)
                refused += 1
    return refused


def pictures(places: Sequence[Path]) -> Iterator[Path]:
    """The pictures among these, and in the folders among these."""
    for place in places:
        if place.is_dir():
            yield from sorted(each for each in place.iterdir() if each.suffix.lower() in PICTURES)
        else:
            yield place


def work(queue: JobQueue, num_workers: int) -> int:
    """Have workers empty the queue; one that is killed or breaks is started again. 0, or why the night ended."""
    command = [sys.executable, "-m", "animator", "worker", str(queue.path), "--until-empty", "--quiet"]
    workers = [subprocess.Popen(command) for _ in range(num_workers)]
    starts_left = STARTS_PER_WORKER * num_workers
    try:
        while workers:
            time.sleep(0.5)
            for worker in [each for each in workers if each.poll() is not None]:
                workers.remove(worker)
                if worker.returncode == DISK_FULL:
                    return DISK_FULL
                if worker.returncode not in (DONE, PARTIAL) and starts_left:
                    print(f"a worker ended with code {worker.returncode}; another one starts", file=sys.stderr)
                    starts_left -= 1
                    workers.append(subprocess.Popen(command))
        return 0
    except KeyboardInterrupt:  # the workers heard it, too, and finish the frame in hand
        for worker in workers:
            worker.wait()
        return 130
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PipelineError as error:
        sys.exit(f"error: {error}")
