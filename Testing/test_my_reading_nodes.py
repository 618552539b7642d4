"""A reader's own reading in the scene, on Slicer's own nodes: one set, replaced, removable, never saved."""

import zipfile

import numpy as np
import pytest

from own_reading_logs import a_read

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from vtkmodules.util.numpy_support import vtk_to_numpy  # noqa: E402

from SegQCLib.mrml.my_reading_nodes import own_nodes, own_reader  # noqa: E402
from SegQCLib.mrml.my_reading_plots import (  # noqa: E402
    hide_plot,
    plot_is_shown,
    remove_reading,
    show_plot,
    write_reading_plots,
)
from SegQCLib.mrml.my_reading_tables import write_reading_tables  # noqa: E402
from SegQCLib.mrml.scene import load_scene, new_scene, save_scene  # noqa: E402
from SegQCLib.my_reading.own_reading import own_reading  # noqa: E402
from SegQCLib.my_reading.plot_points import reading_plots  # noqa: E402

FOUR_UP = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
FOUR_UP_PLOT = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView


@pytest.fixture
def scene():
    made = new_scene()
    made.AddNewNodeByClass("vtkMRMLLayoutNode").SetViewArrangement(FOUR_UP)
    made.AddNewNodeByClass("vtkMRMLPlotViewNode")
    return made


@pytest.fixture
def own(tmp_path):
    a_read(tmp_path / "logs", 0, active_s=60)
    a_read(tmp_path / "logs", 10, drafted=False, active_s=240)
    return own_reading(tmp_path / "logs", "Dr A", {})


def plots_of(scene, own, simulated=False):
    return write_reading_plots(scene, reading_plots(own.rows, "liver"), own.reader, simulated)


def layout_of(scene):
    return scene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def column(table, name):
    return [table.GetTable().GetColumnByName(name).GetValue(row) for row in range(table.GetNumberOfRows())]


def test_tables_have_a_row_for_each_structure_of_each_read_with_units(scene, own):
    reads, structures = write_reading_tables(scene, own)
    assert column(reads, "active_min") == ["4.0", "1.0"]
    assert column(reads, "dice_with_draft") == ["–", "0.952"]
    assert reads.GetColumnTitle("active_min") == "Active, min"
    assert "min/mL" in reads.GetColumnDescription("minutes_per_ml")
    assert column(structures, "draft") == ["AI-free", "LiverNet 2.0"]
    assert reads.GetLocked()


def test_tables_are_replaced_and_not_added_again(scene, own):
    write_reading_tables(scene, own)
    once = scene.GetNumberOfNodes()
    write_reading_tables(scene, own)
    assert scene.GetNumberOfNodes() == once


def test_a_plot_has_a_series_with_drafts_and_one_without(scene, own):
    chart = plots_of(scene, own)["active_min"]
    names = [chart.GetNthPlotSeriesNode(number).GetName() for number in range(chart.GetNumberOfPlotSeriesNodes())]
    assert names == ["AI-free, n = 1", "AI-anchored, n = 1"]
    series = chart.GetNthPlotSeriesNode(0)
    table = series.GetTableNode().GetTable()
    points = [vtk_to_numpy(table.GetColumnByName(name)) for name in (series.GetXColumnName(), series.GetYColumnName())]
    np.testing.assert_allclose(points, [[10.0], [4.0]])
    assert (chart.GetXAxisTitle(), chart.GetYAxisTitle()) == ("Days since 2026-01-01", "Active time, min")
    assert "SIMULATED" not in chart.GetTitle()
    # The legend lies over the top of the plot.
    assert chart.GetYAxisRange()[1] > 4.0


def test_simulated_reads_are_named_in_every_title(scene, own):
    for chart in plots_of(scene, own, simulated=True).values():
        assert chart.GetTitle().startswith("SIMULATED")


def test_another_structure_takes_the_place_of_the_first_in_the_same_chart(scene, own):
    chart = plots_of(scene, own)["active_min"]
    show_plot(scene, chart)
    once = scene.GetNumberOfNodes()
    assert plots_of(scene, own)["active_min"] is chart
    assert (scene.GetNumberOfNodes(), chart.GetNumberOfPlotSeriesNodes()) == (once, 2)
    assert plot_is_shown(scene)


def test_a_measure_that_nothing_is_known_of_has_no_chart(scene, own, tmp_path):
    plots_of(scene, own)
    a_read(tmp_path / "free", 0, drafted=False)
    assert list(plots_of(scene, own_reading(tmp_path / "free", "Dr A", {}))) == ["active_min"]
    assert [node.GetYAxisTitle() for node in own_nodes(scene, "plot chart")] == ["Active time, min"]


def test_the_layout_before_comes_back(scene, own):
    chart = plots_of(scene, own)["active_min"]
    show_plot(scene, chart)
    assert layout_of(scene).GetViewArrangement() == FOUR_UP_PLOT
    assert plot_is_shown(scene)
    hide_plot(scene)
    assert layout_of(scene).GetViewArrangement() == FOUR_UP
    assert not plot_is_shown(scene)


def test_a_layout_that_was_chosen_meanwhile_stays(scene, own):
    show_plot(scene, plots_of(scene, own)["active_min"])
    red = slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    layout_of(scene).SetViewArrangement(red)
    assert not plot_is_shown(scene)
    hide_plot(scene)
    assert layout_of(scene).GetViewArrangement() == red


def test_the_chart_of_somebody_else_comes_back_into_the_view(scene, own):
    view = scene.GetFirstNodeByClass("vtkMRMLPlotViewNode")
    other = scene.AddNewNodeByClass("vtkMRMLPlotChartNode")
    view.SetPlotChartNodeID(other.GetID())
    charts = plots_of(scene, own)
    show_plot(scene, charts["active_min"])
    show_plot(scene, charts["dice_with_draft"])
    hide_plot(scene)
    assert view.GetPlotChartNodeID() == other.GetID()


def test_removing_leaves_nothing(scene, own):
    before = scene.GetNumberOfNodes()
    write_reading_tables(scene, own)
    show_plot(scene, plots_of(scene, own)["active_min"])
    assert own_reader(scene) == "Dr A"
    remove_reading(scene)
    assert (scene.GetNumberOfNodes(), own_nodes(scene), own_reader(scene)) == (before, [], None)
    assert layout_of(scene).GetViewArrangement() == FOUR_UP


def test_a_saved_scene_has_nothing_of_it(scene, own, tmp_path):
    write_reading_tables(scene, own)
    show_plot(scene, plots_of(scene, own)["active_min"])
    save_scene(scene, tmp_path / "s.mrb")
    back = load_scene(tmp_path / "s.mrb")
    assert own_nodes(back) == []
    assert back.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0
    with zipfile.ZipFile(tmp_path / "s.mrb") as bundle:
        assert not [name for name in bundle.namelist() if b"My reading" in bundle.read(name) or b"liver" in bundle.read(name)]
