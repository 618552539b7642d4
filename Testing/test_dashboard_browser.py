"""The dashboard in a real browser: it asks nothing of a network, fits the window and prints on A4."""

import re
from datetime import timedelta

import numpy as np
import pytest

from SegQCLib.readers.case_read import FindingPath, PlantedRead, RatingRead
from test_dashboard import a_page, a_read, a_segment
from test_report_browser import CHROMIUM, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH"),
]


@pytest.fixture(scope="module")
def page() -> str:
    """Return a dashboard with everything that is wide: long names, seven readers in a matrix, two years of months."""
    model = "Model_" + "m" * 40
    structure = "Lesion_in_segment_VIII_without_spaces_" + "x" * 60
    findings = (FindingPath("a_check_with_a_very_long_name_indeed", structure, True, True, False, False),)
    reads = [
        a_read(
            f"R-{reader}", f"c{n}", 110 * n, (a_segment(structure, 30.0 + n + reader, model, f"{n // 3}", removed=n),),
            findings=findings, ratings=(RatingRead("overall", 1 + (n + reader) % 5),),
        )
        for reader in range(7)
        for n in range(6)
    ]  # fmt: skip
    planted = (PlantedRead("missing_slices", structure, True, 1.0, 12.0),)
    reads += [
        a_read(f"R-{reader}", "t", 1, purpose="training", planted=planted, started=reads[0].started + timedelta(1))
        for reader in range(7)
    ]
    return a_page(reads)


def test_the_browser_shows_every_section_and_asks_for_nothing(page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    document = chromium(path, tmp_path / "profile", "--dump-dom")
    for section in ("records", "effort", "models", "findings", "agreement", "planted", "bias", "methods"):
        assert f'<h2 id="{section}"' in document
    assert not re.search(r"""(?:src|href|action|url)\s*[=(]\s*["']?(?:https?:)?//""", document)


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_is_wider_than_the_window_and_every_plot_is_drawn(page, tmp_path, width):
    # The page's own policy forbids scripts; the copy that is measured goes without it, with all folds open.
    probe = (
        "<script>onload = () => { for (const fold of document.querySelectorAll('details')) fold.open = true;"
        "const plots = [...document.images]; const empty = plots.filter(e => !e.complete || e.naturalWidth < 100).length;"
        "document.body.dataset.measured = [document.documentElement.scrollWidth, innerWidth, plots.length, empty].join(' '); }"
        "</script></body>"
    )
    path = tmp_path / "page.html"
    path.write_text(re.sub(r"<meta http-equiv.*?>", "", page).replace("</body>", probe), encoding="utf-8")
    document = chromium(path, tmp_path / "profile", f"--window-size={width},900", "--dump-dom")
    content, window, plots, empty = map(int, re.search(r'data-measured="(\d+) (\d+) (\d+) (\d+)"', document).groups())
    assert content <= window
    assert plots > 5
    assert empty == 0


def test_the_paper_is_a4_and_folded_tables_stay_folded(page, tmp_path):
    printed = tmp_path / "page.pdf"
    pages = []
    for name, text in (("folded", page), ("open", page.replace("<details>", "<details open>"))):
        path = tmp_path / f"{name}.html"
        path.write_text(text, encoding="utf-8")
        chromium(path, tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={printed}")
        boxes = re.findall(rb"/MediaBox \[([\d. ]+)\]", printed.read_bytes())
        # A4 is 210 mm x 297 mm, 595.28 x 841.89 points of 1/72 inch.
        assert np.allclose([[float(number) for number in box.split()] for box in boxes], (0, 0, 595.28, 841.89), atol=1)
        pages.append(len(boxes))
    assert pages[0] < pages[1]
