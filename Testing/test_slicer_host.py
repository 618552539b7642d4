"""The test host is as narrow as Slicer: each refusal here was seen in a running Slicer (PythonQt)."""

import ast
import re
from pathlib import Path

import pytest

from slicer_host import a_host, needs_host

MODULE = Path(__file__).parents[1] / "SegQCModule"
pytestmark = needs_host


@pytest.fixture
def host():
    with a_host() as opened:
        yield opened


def test_a_property_hides_its_getter(host):
    import qt

    button = qt.QPushButton("Evaluate")
    assert button.text == "Evaluate"
    with pytest.raises(TypeError, match="not callable"):
        button.text()
    assert button.isEnabled()


def test_a_property_is_written_by_assignment_and_by_its_setter(host):
    import qt

    label = qt.QLabel()
    label.text = "3 mm"
    assert label.text == "3 mm"
    label.setText("5 mm")
    assert label.text == "5 mm"
    with pytest.raises(AttributeError, match="only be read"):
        label.width = 5


def test_a_plain_widget_takes_no_new_attribute_and_a_subclass_does(host):
    import ctk
    import qt

    combo = qt.QComboBox()
    for widget in (qt.QLabel(), ctk.ctkCollapsibleButton(), combo.view()):
        with pytest.raises(AttributeError, match="no new attribute 'segment'"):
            widget.segment = "liver"

    class Light(qt.QWidget):
        pass

    light = Light()
    light.segment = "liver"
    assert light.segment == "liver"


def test_calls_to_qt_take_no_keywords(host):
    import qt

    parent = qt.QWidget()
    with pytest.raises(ValueError, match="positional arguments only"):
        qt.QLabel("Image", parent=parent)
    with pytest.raises(ValueError, match="positional arguments only"):
        parent.setToolTip(arg__1="x")


@pytest.mark.parametrize("signal", ["clicked(int)", "click()", "currentIndexChanged(int)", "clicked"])
def test_a_wrong_signal_signature_raises(host, signal):
    import qt

    with pytest.raises(ValueError, match="has no signal"):
        qt.QPushButton().connect(signal, print)


def test_slots_get_as_many_arguments_as_the_signature_and_they_take(host):
    import qt

    calls = []
    button = qt.QPushButton()
    button.connect("clicked(bool)", lambda checked: calls.append(("bool", checked)))
    button.connect("clicked()", lambda *values: calls.append(("nothing", *values)))
    button.clicked.connect(lambda: calls.append(("cut",)))
    button.click()
    assert sorted(calls, key=str) == [("bool", False), ("cut",), ("nothing",)]


def test_disconnecting_what_is_not_connected_raises(host):
    import qt

    button = qt.QPushButton()
    calls = []
    button.connect("clicked()", calls.clear)
    assert button.disconnect("clicked()", calls.clear)
    with pytest.raises(ValueError, match="is not connected"):
        button.disconnect("clicked()", calls.clear)


def test_an_unknown_attribute_or_class_is_missing(host):
    import ctk
    import qt

    with pytest.raises(AttributeError):
        qt.QPushButton().textt  # noqa: B018
    with pytest.raises(AttributeError):
        qt.QNoSuchWidget  # noqa: B018
    with pytest.raises(AttributeError):
        ctk.ctkNoSuchWidget  # noqa: B018


def test_an_exception_in_a_slot_fails_the_test():
    def leave_a_broken_slot():
        with a_host() as host:
            import qt

            button = qt.QPushButton("x")
            button.connect("clicked()", lambda: 1 / 0)
            button.click()
            assert len(host.errors) == 1

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        leave_a_broken_slot()


def test_a_dialogue_without_an_answer_fails_and_nothing_waits(host):
    import qt
    import slicer

    host.answers.append("draft.nrrd")
    assert qt.QFileDialog.getOpenFileName(None, "Draft", "", "*.nrrd") == "draft.nrrd"
    with pytest.raises(AssertionError, match="gave no answer"):
        qt.QFileDialog.getSaveFileName(None, "Report")
    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile("/folder/report.html"))
    assert ("openUrl", "file:///folder/report.html") in host.displays
    assert slicer.util.mainWindow() is host.window


def test_nothing_stays_of_a_closed_host():
    import sys

    import slicer

    before = set(vars(slicer)), {name for name in sys.modules if name.startswith(("qt", "ctk", "slicer."))}
    with a_host() as opened:
        assert "qt" in sys.modules
        assert slicer.mrmlScene is opened.scene
    assert before == (set(vars(slicer)), {name for name in sys.modules if name.startswith(("qt", "ctk", "slicer."))})


def test_ctk_properties_are_assigned_where_slicer_has_no_setter(host):
    import ctk
    import slicer

    button = ctk.ctkCollapsibleButton()
    button.collapsed = True
    button.setText("Findings")
    with pytest.raises(AttributeError):
        button.setCollapsed(True)
    selector = slicer.qMRMLNodeComboBox()
    selector.noneEnabled = True
    with pytest.raises(AttributeError):
        selector.setNoneEnabled(True)


def test_what_only_qt_6_or_pyside_has_is_missing(host):
    import qt

    with pytest.raises(AttributeError, match="in Slicer"):
        qt.QCheckBox().checkStateChanged  # noqa: B018
    assert qt.QVBoxLayout().contentsMargins().left() >= 0


def test_lists_from_qt_are_tuples_and_children_are_found_by_class_name(host):
    import qt

    parent = qt.QWidget()
    button = qt.QPushButton("x", parent)
    button.name = "evaluate"
    assert parent.findChildren("QPushButton") == (button,)
    assert parent.children() == (button,)
    assert parent.evaluate is button


def test_panels_do_not_ask_for_a_qt_class():
    """In PythonQt no class is a subclass of another: isinstance(button, qt.QWidget) is False."""
    for path in sorted((MODULE / "SegQCLib" / "panels").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
                asked = ast.unparse(node.args[1])
                assert not re.search(r"\b(qt|ctk)\.|slicer\.q", asked), f"{path.name}, line {node.lineno}"
