"""The report in a real browser: it shows its verdict, asks nothing of a network, and fits screen and paper."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from SegQCLib.findings import Finding, Status
from SegQCLib.pictures import slice_pictures
from SegQCLib.record import Input, SegmentVerdict, Verdict
from SegQCLib.report import render_report
from test_report import a_case, a_measurement, a_protocol, a_record, a_slice, predicted, words

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH"),
]

METRICS = (
    *(("dice", "1"), ("jaccard", "1"), ("surface_dice_1mm", "1"), ("surface_dice_2mm", "1"), ("surface_dice_3mm", "1")),
    *(("surface_dice_protocol", "1"), ("hausdorff_mm", "mm"), ("hausdorff_95_mm", "mm"), ("assd_mm", "mm")),
    *(("added_path_length_mm", "mm"), ("volume_reference_mm3", "mm3"), ("volume_candidate_mm3", "mm3"), ("islands", "1")),
)


@pytest.fixture(scope="module")
def page() -> str:
    """Return a report with everything that is wide: 117 segments, long names, paths, pictures, undefined values."""
    names = ["liver", "Lesion_in_segment_VIII_without_spaces_" + "x" * 60, *(f"vertebra_{n}" for n in range(115))]
    measurements = tuple(
        a_measurement(metric, None if n == 3 else n / 200, unit, name, "liver" if n < 2 else None, reason="Absent in both.")
        for n, name in enumerate(names)
        for metric, unit in METRICS
    )
    record = a_record(
        measurements=measurements,
        findings=tuple(Finding("islands", Status.WARN, "Two parts.", "2", "1", source="Study plan", segment=n) for n in names),
        verdicts=(SegmentVerdict("liver", "liver", Verdict.REJECT, ("Dice 0.5 is below 0.9.",)),),
        verdict=Verdict.REJECT,
        slices_to_view=(a_slice(), a_slice(k=3)),
        expected_agreement=tuple(predicted(segment=name, model="a-model-with-a-long-name 1.0") for name in names[:2]),
        inputs=(Input("candidate", "Reader 7", "/data/" + "y" * 200 + ".nii.gz", "ab" * 32),),
    )
    return render_report(record, a_protocol(), slice_pictures(a_case(), record, a_protocol()))


def chromium(path, profile, *arguments) -> str:
    finished = subprocess.run(
        [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
            *("--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}"),
            *arguments,
            path.as_uri(),
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_the_browser_shows_the_verdict_and_every_section(page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    document = chromium(path, tmp_path / "profile", "--dump-dom")
    shown = words(document)
    sections = ("REJECT", "Why", "Checks", "Measures", "Expected expert agreement", "Slices to look at", "Methods paragraph")
    assert [section for section in sections if section not in shown] == []
    assert not re.search(r"""(?:src|href|action|url)\s*[=(]\s*["']?(?:https?:)?//""", document)


@pytest.mark.parametrize(("width", "font_percent"), [(1200, 100), (1200, 125), (700, 100), (700, 125)])
def test_nothing_is_wider_than_the_window(page, tmp_path, width, font_percent):
    # The page's own policy forbids scripts; the copy that is measured goes without it, with all folds open.
    probe = (
        f"<script>document.documentElement.style.fontSize='{font_percent}%';"
        "for (const fold of document.querySelectorAll('details')) fold.open = true;"
        "const table = [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1).length;"
        "document.body.dataset.measured = [document.documentElement.scrollWidth, innerWidth, table].join(' ');</script></body>"
    )
    path = tmp_path / "report.html"
    path.write_text(re.sub(r"<meta http-equiv.*?>", "", page).replace("</body>", probe), encoding="utf-8")
    document = chromium(path, tmp_path / "profile", f"--window-size={width},900", "--dump-dom")
    content, window, cut_tables = map(int, re.search(r'data-measured="(\d+) (\d+) (\d+)"', document).groups())
    assert content <= window
    if width == 1200:
        assert cut_tables == 0


def test_folded_tables_open_in_print_and_the_paper_is_a4(page, tmp_path):
    printed = tmp_path / "report.pdf"
    pages = []
    for name, text in (("folded", page), ("without", re.sub(r"(?s)<details>.*?</details>", "", page))):
        path = tmp_path / f"{name}.html"
        path.write_text(text, encoding="utf-8")
        chromium(path, tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={printed}")
        boxes = re.findall(rb"/MediaBox \[([\d. ]+)\]", printed.read_bytes())
        # A4 is 210 mm x 297 mm, 595.28 x 841.89 points of 1/72 inch.
        assert np.allclose([[float(number) for number in box.split()] for box in boxes], (0, 0, 595.28, 841.89), atol=1)
        pages.append(len(boxes))
    # Four tables of 115 rows each take more than four pages.
    assert pages[0] >= pages[1] + 4
