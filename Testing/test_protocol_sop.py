import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from SegQCLib.cli import main
from SegQCLib.dataclass_json import to_json
from SegQCLib.errors import BadDataError
from SegQCLib.protocol import LoadedProtocol, load_protocol, shipped_protocols
from SegQCLib.protocols.sign_off import sign_protocol, signoff_state
from SegQCLib.protocols.sop import course_of, expected_agreement_words, reading_steps, render_sop
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.course_file import AtlasPage, CourseFile, PassRule

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NODULE = load_protocol("ct-lung-nodule")


def sop(loaded, course=None, beside=None) -> str:
    return render_sop(loaded, signoff_state(loaded), course, beside)


def words(html) -> str:
    body = re.sub(r"(?s)<style>.*?</style>", " ", html)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.mark.parametrize("name", shipped_protocols())
def test_every_limit_source_structure_and_grade_of_a_shipped_protocol_is_on_its_page(name):
    loaded = load_protocol(name)
    protocol, shown = loaded.protocol, words(sop(loaded))
    texts = [protocol.title, protocol.purpose, protocol.id, protocol.version, loaded.sha256]
    texts += [f"{one.terminology.type.meaning} (SCT {one.terminology.type.value})" for one in protocol.structures]
    texts += [grade.wording for rating in protocol.ratings for grade in rating.grades]
    texts += [str(rule.window) for rule in protocol.windows]
    texts += re.findall(r'"source": "([^"\\]*)"', to_json(protocol))
    missing = [text for text in texts if " ".join(text.split()) not in shown]
    assert not missing


@pytest.mark.parametrize("name", shipped_protocols())
def test_a_page_loads_nothing_and_has_no_python_words(name):
    page = sop(load_protocol(name))
    assert not re.search(r"""(?:src|href|url)\s*[=(]""", page)
    assert not re.search(r"\bNone\b(?!: no )", page)  # a grade is 'None: no motion'
    assert "default-src 'none'" in page


def test_texts_of_a_protocol_are_escaped():
    strange = replace(NODULE.protocol, title="<script>x</script>", purpose="a & b")
    page = sop(LoadedProtocol(strange, "none.json", "0" * 64))
    assert "<script>" not in page
    assert "a &amp; b" in page


def test_steps_are_those_that_the_protocol_asks_for():
    steps = reading_steps(NODULE.protocol)
    order = ["pass the course ct-lung-nodule", "Open the case", "Rate the image", "Apply the window", "TotalSegmentator"]
    order += ["Segment lung_nodule", "technical errors", "Evaluate"]
    assert len(steps) == len(order)
    for step, text in zip(steps, order, strict=True):
        assert text in step
    bare = replace(NODULE.protocol, reader_training=None, ratings=(), windows=(), ai_tools=())
    assert "allows none" in " ".join(reading_steps(bare))
    assert len(reading_steps(bare)) == 5


def test_a_course_that_nobody_has_made_yet_is_told_in_its_step():
    assert "has to make it first" in sop(load_protocol("mr-brain-lesion"))
    assert "has to make it first" not in reading_steps(NODULE.protocol)[0]


def test_a_limit_of_image_quality_says_by_which_method_and_where():
    assert "Tumour-to-background ratio (mean; whole segment), fdg_avid_lesion against liver" in re.sub(
        "<wbr>", "", sop(load_protocol("pet-ct-fdg-lesion"))
    )


def test_the_image_s_own_threshold_is_explained_in_two_sentences():
    first, second = expected_agreement_words(NODULE.protocol)
    assert first.count(".") == second.count(".") == 1
    assert "90 %" in second
    assert expected_agreement_words(load_protocol("mr-brain-lesion").protocol) is None
    mean = replace(NODULE.protocol, expected_agreement=replace(NODULE.protocol.expected_agreement, rule="mean"))
    assert "about half" in expected_agreement_words(mean)[1]


def test_the_sign_off_is_on_the_page_with_lines_for_who_has_not_signed(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(to_json(replace(NODULE.protocol, id="mine")), encoding="utf-8")
    assert "Not signed off." in words(sop(load_protocol(file)))
    sign_protocol(file, "author", "Ada Muster")
    one = words(sop(load_protocol(file)))
    assert "Ada Muster" in one
    assert "Not signed off." in one
    assert "responsible radiologist" in one
    sign_protocol(file, "responsible radiologist", "Ben Muster")
    both = words(sop(load_protocol(file)))
    assert "Not signed off." not in both
    assert "does not prove who signed" in both


def test_the_atlas_gives_the_rules_of_each_structure_and_a_link(tmp_path):
    page = AtlasPage("lung_nodule", "Nodule", ("the solid part",), ("vessels that enter it",), "atlas/nodule.md")
    rule = PassRule("study")
    file = CourseFile("segqc-course", "1.0", "my-course", "1", "My course", "x", "ct-lung-nodule", (page,), (), rule, 12)
    found = sop(NODULE, Course(tmp_path / "course", file, NODULE), tmp_path)
    assert "the solid part" in words(found)
    assert "vessels that enter it" in words(found)
    assert re.findall(r'href="([^"]*)"', found) == ["course/atlas/nodule.md"]
    assert "href" not in sop(NODULE, Course(tmp_path / "course", file, NODULE))


def test_a_folder_that_is_no_course_is_told_only_where_it_was_asked_for(tmp_path):
    with pytest.raises(BadDataError, match="course"):
        course_of(NODULE, tmp_path)


def test_the_command_writes_the_page(tmp_path, capsys):
    out = tmp_path / "new" / "sop.html"
    assert main(["protocol", "sop", "mr-brain-lesion", "--out", str(out)]) == 0
    assert f"mr-brain-lesion {load_protocol('mr-brain-lesion').protocol.version}" in capsys.readouterr().out
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH")
@pytest.mark.parametrize("name", ["ct-abdomen-portal-venous", "mr-brain-lesion"])
def test_a_page_prints_on_two_to_four_sheets_of_a4(name, tmp_path):
    path, printed = tmp_path / "sop.html", tmp_path / "sop.pdf"
    path.write_text(sop(load_protocol(name)), encoding="utf-8")
    switches = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ]
    switches += [f"--user-data-dir={tmp_path}/profile", "--no-pdf-header-footer", f"--print-to-pdf={printed}"]
    subprocess.run([CHROMIUM, *switches, path.as_uri()], capture_output=True, check=True, timeout=120)
    boxes = re.findall(rb"/MediaBox \[([\d. ]+)\]", printed.read_bytes())
    assert 2 <= len(boxes) <= 4
    # A4 is 210 mm x 297 mm, 595.28 x 841.89 points of 1/72 inch.
    assert np.allclose([[float(number) for number in box.split()] for box in boxes], (0, 0, 595.28, 841.89), atol=1)
