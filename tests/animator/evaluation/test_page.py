import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

from animator.evaluation.catalogue import metrics_of
from animator.evaluation.page import MAX_PICTURE_BYTES, html_page, write_html
from animator.evaluation.scores import Evaluation, Scores

_VOID = {"meta", "img"}


class _Balance(HTMLParser):
    """Collects cells, and fails on tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[tuple[str, str]] = []
        self._marks: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        self._marks = (dict(attrs).get("class") or "") if tag == "td" else None

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._marks and "value" in self._marks:
            self.cells.append((self._marks, data))


def _evaluation(**sheets: np.ndarray) -> Evaluation:
    scores = (
        Scores(system="hold", num_frames=2, means={"psnr": 12.5, "person_psnr": float("nan")}),
        Scores(system="puppet", num_frames=2, means={"psnr": 25.0, "person_psnr": 14.0}),
    )
    return Evaluation(mode="self", facts={"clip": "<b>walk & run</b>.mp4"}, scores=scores, sheets=sheets)


def _parsed(page: str) -> _Balance:
    parser = _Balance()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_the_page_is_well_formed_and_escapes_file_names() -> None:
    page = html_page(_evaluation())
    _parsed(page)
    assert "&lt;b&gt;walk &amp; run&lt;/b&gt;.mp4" in page
    assert "<b>" not in page


def test_the_best_of_a_row_is_marked() -> None:
    cells = _parsed(html_page(_evaluation())).cells
    assert ("value", "12.50") in cells
    assert ("value best", "25.00") in cells
    assert ("value best", "14.00") in cells


def test_bars_show_the_share_of_the_rows_largest_value() -> None:
    assert re.search(r"--share:50\.0%\">12\.50<", html_page(_evaluation()))


def test_every_metric_says_what_it_means() -> None:
    page = html_page(_evaluation())
    assert all(metric.title in page for metric in metrics_of("self"))


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = html_page(_evaluation(hold=np.zeros((20, 60, 3), np.uint8)))
    assert "<script" not in page
    assert "http" not in page
    assert re.findall(r'src="([a-z]+:[a-z/]+);', page) == ["data:image/jpeg"]


def test_pictures_stay_within_their_budget_even_when_they_do_not_compress(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (700, 2400, 3), dtype=np.uint8)
    path = write_html(_evaluation(a=noise, b=noise, c=noise, d=noise), tmp_path / "page.html")
    assert path.stat().st_size < MAX_PICTURE_BYTES + 50_000


def test_a_sheet_keeps_its_picture() -> None:
    sheet = np.zeros((90, 300, 3), np.uint8)
    sheet[:, :150] = (200, 40, 40)
    encoded = re.search(r"base64,([^\"]+)", html_page(_evaluation(hold=sheet)))
    assert encoded is not None
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded[1]))))
    assert picture.shape == (90, 300, 3)
    assert np.abs(picture[:, 10:140].astype(int) - (200, 40, 40)).max() < 12
