"""The Training panel: courses as folders have them, pages with pictures, practice cases as a worklist."""

from pathlib import Path

import pytest

from SegQCLib.errors import BadDataError
from SegQCLib.training_course import page_title, read_course
from slicer_host import a_host, needs_host


@pytest.fixture
def course(tmp_path):
    atlas = tmp_path / "Liver course" / "atlas"
    atlas.mkdir(parents=True)
    (atlas / "01_motion.md").write_text("# Motion\n\nBlurred edges: ![edge](edge.png)\n", encoding="utf-8")
    (atlas / "02-metal.html").write_text("<h1>Metal</h1>", encoding="utf-8")
    icon = Path(__file__).parents[1] / "SegQCModule" / "Resources" / "Icons" / "SegQCModule.png"
    (atlas / "edge.png").write_bytes(icon.read_bytes())
    (tmp_path / "Liver course" / "cases.csv").write_text("case,image\n")
    return tmp_path / "Liver course"


def the_panel(host):
    widget = host.open("SegQCModule")
    return next(panel for panel in widget.column.panels if type(panel).__name__ == "TrainingPanel")


def test_a_course_has_its_pages_by_name_and_its_cases(course):
    read = read_course(course)
    assert [page_title(page) for page in read.pages] == ["motion", "metal"]
    assert read.cases == course / "cases.csv"


def test_a_course_may_have_pages_or_cases_only(course):
    (course / "cases.csv").unlink()
    assert read_course(course).cases is None


def test_a_folder_with_neither_is_no_course(tmp_path):
    with pytest.raises(BadDataError, match="sub-folder atlas"):
        read_course(tmp_path)


@needs_host
def test_pages_are_turned_and_pictures_are_found(course):
    with a_host() as host:
        import qt

        panel = the_panel(host)
        panel.openCourse(course)
        browser = panel.ui.pageBrowser
        assert "Blurred edges" in browser.toPlainText()
        assert browser.loadResource(qt.QTextDocument.ImageResource, qt.QUrl("edge.png")) is not None
        assert not panel.ui.previousPageButton.enabled
        panel.onNextPage()
        assert browser.toPlainText().strip() == "Metal"
        assert not panel.ui.nextPageButton.enabled
        panel.onPreviousPage()
        assert "Blurred edges" in browser.toPlainText()


@needs_host
def test_practice_cases_become_the_session_s_worklist(course):
    with a_host() as host:
        panel = the_panel(host)
        panel.openCourse(course)
        panel.onOpenCases()
        assert panel.session.worklist == course / "cases.csv"


@needs_host
def test_a_folder_that_is_no_course_is_explained_in_the_panel(tmp_path):
    with a_host() as host:
        panel = the_panel(host)
        panel.openCourse(tmp_path)
        assert "is not a training course" in panel.ui.courseMessageLabel.text
        assert not panel.ui.casesButton.enabled


@needs_host
def test_the_panel_says_which_course_the_protocol_asks_for(tmp_path):
    import json

    from SegQCLib.protocol import shipped_protocols

    content = json.loads(next(iter(shipped_protocols().values())).read_text(encoding="utf-8"))
    content["reader_training"] = {
        "course": "Liver course",
        "valid_d": {"unit": "d", "source": "study decision", "minimum": None, "maximum": 365},
    }
    (tmp_path / "mine.json").write_text(json.dumps(content), encoding="utf-8")
    with a_host() as host:
        panel = the_panel(host)
        panel.session.case.protocol = str(tmp_path / "mine.json")
        assert "passed Liver course within the last 365 days" in panel.ui.requirementLabel.text
        assert "does not know yet" in panel.ui.requirementLabel.text
        assert panel.standing().words == "asked for: Liver course"
