"""A job as one page for people: how far it is, who made what, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from animator.config import RenderReport
from animator.jobs.folder import JobFolder, appearing
from animator.jobs.ledger import ChunkEntry, read_entry
from animator.jobs.record import JobRecord

_STYLE = """
:root { color-scheme: light dark; --line: #8885; }
body { margin: 0 auto; padding: 2rem 1.5rem; max-width: 60rem; font: 16px/1.5 system-ui, sans-serif; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
.gap { color: #c33; }
"""


def write_report(folder: JobFolder, record: JobRecord, result: RenderReport | None) -> None:
    """Write report.html, whole or not at all; no scripts, nothing loaded."""
    with appearing(folder.report) as temporary:
        temporary.write_text(report_page(folder, record, result), encoding="utf-8", errors="replace")


def report_page(folder: JobFolder, record: JobRecord, result: RenderReport | None) -> str:
    """The page as text."""
    entries = [] if record.prepared is None else [read_entry(folder, chunk) for chunk in record.chunks]
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(record, result))
    warnings = "".join(f"<li>{escape(text)}</li>" for text in (result.warnings if result else ()))
    rows = "".join(_row(entry) for entry in entries)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(folder.name)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(folder.name)}</h1><dl>{facts}</dl>"
        + (f"<h2>What to know</h2><ul>{warnings}</ul>" if warnings else "")
        + "<h2>Chunks</h2><table><thead><tr><th>frames<th>made<th>by<th>on<th>batch<th>frames/s<th>notes</tr></thead>"
        f"<tbody>{rows}</tbody></table></html>\n"
    )


def _facts(record: JobRecord, result: RenderReport | None) -> Iterable[tuple[str, str]]:
    job = record.job
    yield "photo", f"{job.get('photo')} ({record.inputs.get('photo', '')[:12]})"
    yield "clip", f"{job.get('clip')} ({record.inputs.get('clip', '')[:12]})"
    yield "generator", record.generator + (f", {record.model['name']}" if record.model else "")
    yield "canvas", f"{record.canvas[0]}x{record.canvas[1]} px"
    if record.prepared is not None:
        yield "frames", f"{record.prepared.num_frames} at {float(record.prepared.rate):.5g}/s"
    yield "fingerprint of the frames", record.fingerprint
    yield "software", record.software
    if result is not None:
        yield "result", str(result.path)
        yield "fingerprint", result.fingerprint
        yield "took", f"{result.seconds:.1f} s in the last sitting"
        if result.gaps:
            yield "gaps", ", ".join(map(str, result.gaps))


def _row(entry: ChunkEntry) -> str:
    sittings = entry.sittings
    seconds = sum(each.seconds for each in sittings)
    made = sum(each.num_frames for each in sittings)
    batches = ", ".join(dict.fromkeys(str(each.batch) for each in sittings if each.batch is not None))
    notes = [*dict.fromkeys(note for each in sittings for note in each.notes)]
    gaps = [f'<span class="gap">frame {index}: {escape(entry.failures[index][-1])}</span>' for index in entry.gaps]
    return (
        f"<tr><td>{entry.first}-{entry.stop - 1}<td>{len(entry.frames)}"
        f"<td>{escape(', '.join(dict.fromkeys(each.worker for each in sittings)))}"
        f"<td>{escape(', '.join(dict.fromkeys(each.device for each in sittings)))}<td>{batches}"
        f"<td>{made / seconds if seconds else 0:.2f}<td>{'<br>'.join([*map(escape, notes), *gaps])}</tr>"
    )
