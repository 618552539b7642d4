"""The page of a cohort: complete where much is missing, safe whatever names say, with pictures of what was evaluated."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import SimpleITK as sitk

from cohort_report_tables import case, finding, measurement, write_cohort
from SegQCLib.cli import main
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.read_case import read_case
from SegQCLib.cohort.report.write_report import write_report
from SegQCLib.evaluate import evaluate
from SegQCLib.protocol import load_protocol

PROTOCOL = "ct-abdomen-portal-venous"
NASTY = """<script>alert("x")</script> & 'q' <img src=x onerror=alert(1)>"""


def page(folder, worst=12):
    return write_report(folder, worst).path.read_text(encoding="utf-8")


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.text.append(data)


def words(text):
    """Return what a person reads, without styles and with single spaces."""
    shown = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    return " ".join("".join(Elements(shown).text).split())


def test_nothing_that_cases_name_becomes_part_of_the_page(tmp_path):
    facts = dict.fromkeys(("patient", "site", "manufacturer", "model", "modality"), NASTY)
    rows = [
        case(NASTY, "REJECT", **facts, failed_findings=1, protocol_id=NASTY, image_sha256="1"),
        case(f"{NASTY}2", "REVIEW", image_sha256="1"),
        case("bad", None, outcome="refused", error_where=NASTY, error_found=NASTY, error_remedy=NASTY),
    ]
    verdict = {"case": NASTY, "segment": NASTY, "structure": NASTY, "verdict": "REJECT", "reasons": [NASTY]}
    values = [measurement(f"{NASTY}{n}", "dice", 0.8 + 0.01 * (n % 5) if n else 0.1, NASTY, NASTY) for n in range(30)]
    costs = [{"case": NASTY, "kept": False, "seconds": 1.0, "reading_s": 0.5, "host": NASTY}]
    text = page(
        write_cohort(
            tmp_path,
            cases=rows,
            verdicts=[verdict],
            findings=[finding(NASTY, NASTY, "FAIL", NASTY), finding(NASTY, "modality", "FAIL", NASTY)],
            measurements=values,
            costs=costs,
        )
    )
    found = Elements(text)
    assert "script" not in found.tags
    assert not [tag for tag, name, _ in found.attributes if name.startswith("on")]
    assert "alert" in words(text)


def test_the_page_loads_nothing_and_allows_no_script(tmp_path):
    text = page(write_cohort(tmp_path, cases=[case("a")]))
    found = Elements(text)
    policy = next(value for _, name, value in found.attributes if name == "content" and "default-src" in value)
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    loaded = [value for _, name, value in found.attributes if name in ("src", "href", "data", "action")]
    assert all(value.startswith(("#", "data:")) for value in loaded)
    anchors = {value for _, name, value in found.attributes if name == "id"}
    assert {value[1:] for value in loaded if value.startswith("#")} <= anchors


@pytest.mark.parametrize("outcome", ["refused", "failed"])
def test_a_cohort_without_an_evaluated_case_says_so_in_every_section(tmp_path, outcome):
    rows = [case(f"c{n}", None, outcome=outcome, error_found="is empty (0 bytes).", protocol_id=None) for n in range(3)]
    told = words(page(write_cohort(tmp_path, cases=rows)))
    for sentence in (
        "No case was evaluated, so none was judged by a protocol.",
        "No case was evaluated, so there is no verdict.",
        "is empty (0 bytes).",
        "No case was evaluated, so none can be worst.",
        "no number has 20 values or more",
        "No case was evaluated, so there is nothing to compare.",
        "No case was evaluated, so no image was judged.",
        "No case has a known running time.",
    ):
        assert sentence in told


def test_one_accepted_case_without_reference_scanner_site_or_patient_says_what_is_not_known(tmp_path):
    values = [measurement("a", "volume_candidate_mm3", 1500000.0, reference=None, unit="mm3")]
    told = words(page(write_cohort(tmp_path, cases=[case("a", references=0)], measurements=values)))
    for sentence in (
        "Cohort of 1 case",
        "All cases were evaluated.",
        "No check failed.",
        "All evaluated cases are accepted",
        "No case has a reference, so no agreement was measured.",
        "1 500.0 mL",
        "the protocol names no difficulty model",
        "cases cannot be told by scanner",
        "The source of the cases names no site.",
        "names no patients",
        "No two evaluated cases have the same image file",
    ):
        assert sentence in told


def test_simulated_cases_are_said_first(tmp_path):
    text = page(write_cohort(tmp_path, cases=[case("a", simulated=True), case("b", simulated=False)]))
    assert "<title>SIMULATED: " in text
    assert words(text.partition("<body>")[2]).startswith(
        "SIMULATED: 1 of 2 cases says that images, readers or models are simulated."
    )


def test_empty_segments_are_told_beside_the_verdicts_of_their_structure(tmp_path):
    cases = [case(name) for name in "abc"]
    sizes = [measurement(name, "voxel_count", 5.0 * (name == "a"), reference=None) for name in "abc"]
    verdicts = [{"case": name, "segment": "liver", "structure": "liver", "verdict": "ACCEPT", "reasons": []} for name in "abc"]
    told = words(page(write_cohort(tmp_path, cases=cases, measurements=sizes, verdicts=verdicts)))
    assert "liver32 emptyfew003100 %" in told
    assert "agree that the structure is absent, and nothing was drawn" in told


def test_equal_values_are_said_to_have_no_z_score(tmp_path):
    values = [measurement(f"c{n}", "islands", float(n == 3), reference=None) for n in range(30)]
    told = words(page(write_cohort(tmp_path, cases=[case(f"c{n}") for n in range(30)], measurements=values)))
    assert "more than half of the values are the same" in told
    assert "1 of 30" in told


def test_long_lists_are_cut_and_say_where_the_rest_is(tmp_path):
    rows = [case(f"c{n}", None, outcome="refused", error_found="is empty.") for n in range(500)]
    findings = [finding("a", f"check {n}", "FAIL") for n in range(60)]
    folder = write_cohort(tmp_path, cases=[*rows, case("a", "REVIEW", failed_findings=60)], findings=findings)
    told = words(page(folder))
    assert "and 488 more" in told
    assert "Shown are the first 40 of 60 checks; all of them are in tables/findings." in told


def written_case(folder, shift=3):
    """Write a CT of 16 slices with a sphere of liver density, and its outline shifted along i; return the case."""
    folder.mkdir()
    k, j, i = np.mgrid[:16, :40, :40]
    sphere = (k - 8) ** 2 * 4 + (j - 20) ** 2 + (i - 18) ** 2 < 100
    image = np.where(sphere, 110, -50).astype(np.int16)
    for name, array in (("image", image), ("reference", sphere), ("candidate", np.roll(sphere, shift, axis=2))):
        stored = sitk.GetImageFromArray(array.astype(np.int16))
        stored.SetSpacing((2.0, 2.0, 4.0))
        sitk.WriteImage(stored, str(folder / f"{name}.nii.gz"))
    (folder / "names.json").write_text('{"liver": 1}')
    labels = str(folder / "names.json")
    return CohortCase(
        "shifted",
        folder / "image.nii.gz",
        folder / "candidate.nii.gz",
        (folder / "reference.nii.gz",),
        protocol=PROTOCOL,
        labels=labels,
    )


@pytest.fixture
def evaluated(tmp_path):
    """Return the folder of a cohort with one evaluated case and its files."""
    from SegQCLib.cohort.case_outcome import CaseOutcome, Outcome
    from SegQCLib.cohort.tables import TABLES
    from SegQCLib.cohort.tables.table import CaseResult
    from SegQCLib.record import Verdict

    files = written_case(tmp_path / "files")
    record = evaluate(read_case(files), load_protocol(PROTOCOL))
    result = CaseResult(
        files,
        CaseOutcome(files.case, "0" * 64, Outcome.EVALUATED, verdict=Verdict(record.verdict)),
        json.loads(record.to_json()),
        None,
    )
    names = {table.name: [column.name for column in table.columns] for table in TABLES}
    rows = {table.name: [dict(zip(names[table.name], row, strict=True)) for row in table.rows(result)] for table in TABLES}
    folder = write_cohort(tmp_path / "out", **rows)
    folder.case(files.case).mkdir(parents=True)
    folder.record(files.case).write_text(record.to_json())
    return folder, files


def test_the_worst_case_is_drawn_with_both_outlines_window_and_slice(evaluated):
    folder, _ = evaluated
    text = page(folder)
    assert text.count("data:image/png;base64,") == 1
    assert {'class="outline reference line"', 'class="outline candidate line"'} <= set(
        re.findall(r'class="outline \w+ line"', text)
    )
    told = words(text)
    assert re.search(r"Axial slice \d+ of 16 \(k = \d+ counted from 0\)", told)
    assert "Window" in told
    assert "from the protocol" in told
    assert "Solid blue: reference (reference). Dashed orange: candidate (candidate)." in told
    assert "Abdominal organs on portal venous CT" in told


def test_a_segmentation_that_changed_since_is_not_drawn_and_it_is_said(evaluated):
    folder, files = evaluated
    other = sitk.ReadImage(str(files.candidate))
    sitk.WriteImage(sitk.Cast(other > 5, sitk.sitkInt16), str(files.candidate))
    written = write_report(folder, 3)
    text = written.path.read_text(encoding="utf-8")
    assert "data:image/png" not in text
    assert "The candidate: has changed since it was evaluated" in words(text)
    assert len(written.notes) == 1


def test_a_lost_image_is_said_and_the_page_is_whole(evaluated):
    folder, files = evaluated
    files.image.unlink()
    told = words(page(folder))
    assert "Not drawn:" in told
    assert "does not exist" in told
    assert "Running time" in told


def test_the_command_writes_the_page_and_says_where(evaluated, capsys):
    folder, _ = evaluated
    assert main(["cohort", "report", str(folder.path), "--worst", "1"]) == 0
    assert str(folder.path / "report.html") in capsys.readouterr().out
    assert (folder.path / "report.html").stat().st_size < 500_000


def test_the_command_refuses_a_folder_that_is_no_cohort_s(tmp_path, capsys):
    assert main(["cohort", "report", str(tmp_path)]) == 1
    assert "segqc cohort" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("count", ["-1", "101", "many"])
def test_the_command_refuses_a_count_that_is_none(tmp_path, capsys, count):
    with pytest.raises(SystemExit) as stopped:
        main(["cohort", "report", str(tmp_path), "--worst", count])
    assert stopped.value.code == 2
    assert "0 to 100" in capsys.readouterr().err
