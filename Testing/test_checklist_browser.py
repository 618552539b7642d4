"""The page of a filled checklist in a browser: it loads nothing, and nothing of it is cut off."""

import pytest

from SegQCLib.checklists.checklist import load_checklist
from SegQCLib.checklists.fill import fill_checklist
from SegQCLib.checklists.filled_page import filled_page
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.protocol import load_protocol
from test_report_browser import CHROMIUM, chromium

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH")


@pytest.fixture(scope="module")
def page():
    return filled_page(fill_checklist(load_checklist("claim-2024"), StudyFacts(protocol=load_protocol("ct-abdomen-portal-venous"))))


@pytest.mark.parametrize("width", [480, 1200])
def test_the_page_is_no_wider_than_the_window(page, tmp_path, width):
    # Wide tables scroll in their own box.
    allowed = page.replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'")
    script = "const page = document.documentElement; document.title = page.scrollWidth + ' of ' + page.clientWidth"
    measured = allowed.replace("</body>", f"<script>{script}</script></body>")
    path = tmp_path / "checklist.html"
    path.write_text(measured, encoding="utf-8")
    document = chromium(path, tmp_path / "profile", f"--window-size={width},900", "--dump-dom")
    title = document.partition("<title>")[2].partition("</title>")[0]
    needed, _, there = title.partition(" of ")
    assert int(needed) <= int(there)


def test_it_prints_as_a_supplement(page, tmp_path):
    path, printed = tmp_path / "checklist.html", tmp_path / "checklist.pdf"
    path.write_text(page, encoding="utf-8")
    chromium(path, tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    assert printed.read_bytes().startswith(b"%PDF")
    assert "src=" not in page
    assert 'href="http' not in page
