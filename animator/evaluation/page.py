"""An evaluation as one HTML file that opens anywhere: no scripts, nothing loaded, pictures inlined."""

from __future__ import annotations

import base64
import io
import math
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from animator.evaluation.catalogue import Metric, best_systems, metrics_of
from animator.evaluation.report import ARROWS, about_dashes, write_text
from animator.evaluation.scores import Evaluation

MAX_PICTURE_BYTES = 3_000_000
_MAX_SHEET_WIDTH = 1800
_QUALITIES = (90, 82, 72, 60)

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2329; --soft: #66717d; --paper: #fdfdfc; --line: #dfe3e6;
        --bar: #c3d1e0; --best: #d8eedd; --best-bar: #86c39a; --best-ink: #14532d; --note: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --soft: #98a3ae; --paper: #15191d; --line: #2d343b;
          --bar: #3a4a5b; --best: #183a28; --best-bar: #3f8f62; --best-ink: #a9e5bd; --note: #20262c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 1240px; background: var(--paper); color: var(--ink);
       font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; }
dl.facts dt, .unit, figcaption, .key { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 720px) { .scroll { overflow-x: auto; } }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .34rem .7rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
thead th { border-bottom-width: 2px; } td.value, thead th.value { text-align: right; min-width: 9rem; }
td.value { background: linear-gradient(to left, var(--bar) var(--share), transparent var(--share))
           no-repeat right 0 bottom 0 / 100% 4px; }
td.best { --bar: var(--best-bar); background-color: var(--best); color: var(--best-ink); font-weight: 600; }
.name { position: relative; border-bottom: 1px dotted var(--soft); cursor: help; font-weight: 500; }
.name .note { display: none; position: absolute; left: 0; top: 1.7em; z-index: 2; width: 26rem; max-width: 80vw;
  padding: .6rem .8rem; white-space: normal; font-weight: 400; font-size: .88rem; background: var(--note);
  border: 1px solid var(--line); border-radius: .4rem; box-shadow: 0 4px 16px #0003; }
.name:hover .note, .name:focus .note { display: block; }
figure { margin: 0 0 1.1rem; } figure img { display: block; width: 100%; height: auto; border-radius: .3rem; }
details { margin-top: 1rem; } details dt { font-weight: 500; margin-top: .5rem; }
"""


def write_html(evaluation: Evaluation, path: Path) -> Path:
    """Write the page, whole or not at all; pictures together stay below `MAX_PICTURE_BYTES`."""
    return write_text(path, html_page(evaluation))


def html_page(evaluation: Evaluation) -> str:
    """The page as text."""
    title = "Evaluation against the real clip" if evaluation.mode == "self" else "Evaluation against the wanted pose"
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in evaluation.facts.items())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{escape(title)}</h1><dl class="facts">{facts}</dl>'
        f"{_score_table(evaluation)}{_contact_sheets(evaluation)}{_definitions(evaluation)}</body></html>\n"
    )


def _score_table(evaluation: Evaluation) -> str:
    heads = "".join(f'<th class="value" scope="col">{escape(scores.system)}</th>' for scores in evaluation.scores)
    rows = "".join(_score_row(metric, evaluation) for metric in metrics_of(evaluation.mode))
    return (
        "<h2>Scores</h2>"
        '<p class="key">↑ higher is better, ↓ lower is better, →1 closer to 1 is better; the best of a row is marked; '
        "bars show the value against the largest of its row. Point at a name for what it means."
        f"{''.join(f' {escape(line)}.' for line in about_dashes(evaluation))}</p>"
        f'<div class="scroll"><table><thead><tr><th scope="col">metric</th><th></th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _score_row(metric: Metric, evaluation: Evaluation) -> str:
    values = {scores.system: scores.means.get(metric.key, math.nan) for scores in evaluation.scores}
    best = best_systems(metric, values)
    largest = max((value for value in values.values() if math.isfinite(value)), default=0.0)
    cells = []
    for system, value in values.items():
        share = 100 * max(0.0, value) / largest if math.isfinite(value) and largest > 0 else 0.0
        marks = "value best" if system in best else "value"
        cells.append(f'<td class="{marks}" style="--share:{share:.1f}%">{metric.shown(value)}</td>')
    note = f'<span class="note">{escape(metric.meaning)}</span>'
    unit = f'{ARROWS[metric.better]} <span class="unit">{escape(metric.unit)}</span>'
    return (
        f'<tr><th scope="row"><span class="name" tabindex="0">{escape(metric.title)}{note}</span></th>'
        f"<td>{unit}</td>{''.join(cells)}</tr>"
    )


def _contact_sheets(evaluation: Evaluation) -> str:
    if not evaluation.sheets:
        return ""
    budget = MAX_PICTURE_BYTES // len(evaluation.sheets)
    figures = "".join(
        f"<figure><figcaption>{escape(name)}</figcaption>"
        f'<img alt="frames of {escape(name)}" src="{_inlined(sheet, budget)}"></figure>'
        for name, sheet in evaluation.sheets.items()
    )
    return f"<h2>Contact sheets</h2><p class='key'>The same moments of the clip in every row.</p>{figures}"


def _definitions(evaluation: Evaluation) -> str:
    entries = "".join(
        f"<dt>{escape(metric.title)} {ARROWS[metric.better]}</dt><dd>{escape(metric.meaning)}</dd>"
        for metric in metrics_of(evaluation.mode)
    )
    return f"<details><summary>What the metrics mean</summary><dl>{entries}</dl></details>"


def _inlined(pixels_HWC: np.ndarray, max_bytes: int) -> str:
    """JPEG data URL of at most `max_bytes`: coarser first, then smaller."""
    picture = Image.fromarray(pixels_HWC)
    picture.thumbnail((_MAX_SHEET_WIDTH, picture.height))
    while True:
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=quality, optimize=True)
            encoded = base64.b64encode(buffer.getvalue()).decode()
            if len(encoded) <= max_bytes or max(picture.size) < 64:
                return f"data:image/jpeg;base64,{encoded}"
        picture = picture.resize((picture.width * 3 // 4 or 1, picture.height * 3 // 4 or 1))
