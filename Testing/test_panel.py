"""The module and its panels, as far as their files can be checked without Qt; the rest is tried in the host."""

import ast
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[1] / "SegQCModule"
# The parameter node wrapper connects these classes by their exact type.
BOUND = {"qMRMLNodeComboBox"}
MRML_WIDGETS = {"qMRMLNodeComboBox", "qMRMLTableView", "qMRMLSegmentsTableView", "qMRMLSegmentSelectorWidget"}


def panel_names():
    return [path.stem for path in sorted((MODULE / "SegQCLib" / "panels").glob("*_panel.py"))]


def source(name):
    return ast.parse((MODULE / "SegQCLib" / "panels" / f"{name}.py").read_text(encoding="utf-8"))


def ui_of(name):
    title = "".join(word.capitalize() for word in name.split("_"))
    return ET.parse(MODULE / "Resources" / "UI" / f"{title}.ui").getroot()  # noqa: S314 - a file of this repository


def widgets(ui):
    return {widget.get("name"): widget for widget in ui.iter("widget")}


def layouts(ui):
    return {layout.get("name") for layout in ui.iter("layout")}


def used_widgets(tree):
    """Return the names after `self.ui.`, or after `ui.` where a method says `ui = self.ui`."""
    return {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self.ui", "ui")
    }


def views_on(tree):
    """Return the syntax trees of the views that a panel hands its `ui` to."""
    given = {
        ast.unparse(call.func)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and {"ui", "self.ui"} & set(map(ast.unparse, call.args))
    }
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.startswith("SegQCLib.panels.")]
    return [source(node.module.rpartition(".")[2]) for node in imported if given & {alias.name for alias in node.names}]


def parameter_names():
    tree = source("case_parameters")
    return {
        statement.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "parameterNodeWrapper" in map(ast.unparse, node.decorator_list)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
    }


@pytest.mark.parametrize("name", panel_names())
def test_the_panel_uses_widgets_that_its_ui_file_has(name):
    assert used_widgets(source(name)) <= {*widgets(ui_of(name)), *layouts(ui_of(name))}


@pytest.mark.parametrize("name", panel_names())
def test_every_widget_that_shows_or_takes_something_is_used(name):
    """A widget is used by the code or bound to a parameter; labels beside an input and headings are neither."""
    ui, tree = ui_of(name), source(name)
    heading = {"ctkCollapsibleButton", "ctkCollapsibleGroupBox", "QGroupBox", "QFrame", "QLabel", "QWidget", "qMRMLWidget"}
    row_labels = {item.find("widget").get("name") for item in ui.iter("item") if item.get("column") == "0"}
    active = {key for key, widget in widgets(ui).items() if widget.get("class") not in heading} - row_labels
    bound = {key for key, widget in widgets(ui).items() if widget.find("property[@name='SlicerParameterName']") is not None}
    assert active <= used_widgets(tree).union(bound, *map(used_widgets, views_on(tree)))


@pytest.mark.parametrize("name", panel_names())
def test_bound_widgets_name_a_parameter_that_exists(name):
    for widget in ui_of(name).iter("widget"):
        bound = widget.find("property[@name='SlicerParameterName']")
        if bound is not None:
            assert bound.findtext("string") in parameter_names()
            assert widget.get("class") in BOUND


@pytest.mark.parametrize("name", panel_names())
def test_every_mrml_widget_gets_the_scene(name):
    """Slicer gives the scene to the root; a node selector that is not connected stays empty without a message."""
    ui = ui_of(name)
    root = ui.find("widget")
    assert root.get("class") == "qMRMLWidget"
    receivers = {
        connection.findtext("receiver")
        for connection in ui.iter("connection")
        if connection.findtext("sender") == root.get("name")
        and connection.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)"
        and connection.findtext("slot") == "setMRMLScene(vtkMRMLScene*)"
    }
    assert receivers == {key for key, widget in widgets(ui).items() if widget.get("class") in MRML_WIDGETS}


@pytest.mark.parametrize("name", panel_names())
def test_every_class_that_is_not_qt_s_is_declared(name):
    ui = ui_of(name)
    declared = {custom.findtext("class") for custom in ui.iter("customwidget")}
    assert declared == {widget.get("class") for widget in ui.iter("widget") if not widget.get("class").startswith("Q")}


@pytest.mark.parametrize("name", panel_names())
def test_every_slot_that_is_connected_exists(name):
    """What Qt makes of the signature is seen in the host, where a wrong one raises."""
    tree = source(name)
    methods = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("connect", "disconnect"):
            signal, slot = node.args
            assert re.fullmatch(r"\w+\([\w:*, ]*\)", signal.value), ast.unparse(node)
            # A lambda cannot be disconnected.
            assert not isinstance(slot, ast.Lambda), ast.unparse(node)
            if isinstance(slot, ast.Attribute) and ast.unparse(slot.value) == "self":
                assert slot.attr in methods, ast.unparse(node)


@pytest.mark.parametrize("name", panel_names())
def test_no_panel_brings_colours_or_sizes_of_its_own(name):
    """Slicer has a dark style and readers have large fonts."""
    ui = ui_of(name)
    assert not [p for p in ui.iter("property") if p.get("name") in ("styleSheet", "palette", "geometry")]
    assert "setStyleSheet" not in ast.unparse(source(name))


@pytest.mark.parametrize("name", panel_names())
def test_every_panel_is_a_step_of_the_column(name):
    tree = ast.parse((MODULE / "SegQCLib" / "panels" / "steps.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert f"SegQCLib.panels.{name}" in imported


def test_the_module_file_has_slicer_s_four_classes():
    tree = ast.parse((MODULE / "SegQCModule.py").read_text(encoding="utf-8"))
    bases = {node.name: [ast.unparse(base) for base in node.bases] for node in tree.body if isinstance(node, ast.ClassDef)}
    assert bases == {
        "SegQCModule": ["ScriptedLoadableModule"],
        "SegQCModuleWidget": ["ScriptedLoadableModuleWidget"],
        "SegQCModuleLogic": ["ScriptedLoadableModuleLogic"],
        "SegQCModuleTest": ["ScriptedLoadableModuleTest"],
    }


def test_texts_are_translated_before_values_are_put_in():
    """An f-string inside _() is looked up with the values in it, and never found."""
    for path in [MODULE / "SegQCModule.py", *(MODULE / "SegQCLib" / "panels").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "_":
                assert isinstance(node.args[0], ast.Constant), f"{path.name}, line {node.lineno}"


def test_the_icon_has_the_size_that_the_extensions_catalogue_shows():
    header = (MODULE / "Resources" / "Icons" / "SegQCModule.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(header[16:20]), int.from_bytes(header[20:24])) == (128, 128)
