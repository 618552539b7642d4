"""A reader's own reads over time as plot nodes, and the layout in which they are seen."""

from __future__ import annotations

from collections.abc import Sequence

import vtk
from slicer import (
    vtkMRMLPlotChartNode,
    vtkMRMLPlotSeriesNode,
    vtkMRMLPlotViewNode,
    vtkMRMLScene,
    vtkMRMLTableNode,
    vtkSlicerPlotsLogic,
)

from SegQCLib.mrml.my_reading_nodes import ROLE_ATTRIBUTE, add_own_node, own_nodes, remove_own_nodes
from SegQCLib.my_reading.plot_points import AI_ANCHORED, PointSeries, ReadingPlot
from SegQCLib.my_reading.row_texts import AI_FREE

_ROLE = "plot "
_CHART_ROLE = "plot chart "
# Of the layout node, while a plot is shown: the arrangement before, and the one with the plot.
_BEFORE_ATTRIBUTE = "SegQC.LayoutBeforePlot"
# Of a plot view: the chart that it showed before.
_CHART_BEFORE_ATTRIBUTE = "SegQC.ChartBeforePlot"
# Blue and orange, circle and diamond: told apart by readers who do not see all colours, and on grey paper.
_STYLES = {
    AI_FREE: ((0.0, 0.45, 0.70), vtkMRMLPlotSeriesNode.MarkerStyleCircle),
    AI_ANCHORED: ((0.84, 0.37, 0.0), vtkMRMLPlotSeriesNode.MarkerStyleDiamond),
}
_TITLE_POINTS, _AXIS_POINTS, _LEGEND_POINTS = 14, 14, 14
_ROOM = 1.3


def write_reading_plots(
    scene: vtkMRMLScene, plots: Sequence[ReadingPlot], reader: str, simulated: bool
) -> dict[str, vtkMRMLPlotChartNode]:
    """Write one structure's plots in place of earlier ones; return the chart of each measure.

    Parameters
    ----------
    scene : vtkMRMLScene
    plots : sequence of ReadingPlot
    reader : str
        Whose reads they are.
    simulated : bool
        Then each title says so.
    """
    earlier = {node.GetAttribute(ROLE_ATTRIBUTE): node for node in own_nodes(scene, _CHART_ROLE)}
    charts = {}
    for plot in plots:
        role = f"{_CHART_ROLE}{plot.measure}"
        # The chart stays the same node: a view that shows it goes on showing it.
        chart = earlier.get(role) or add_own_node(scene, "vtkMRMLPlotChartNode", "My reading", role, reader)
        charts[plot.measure] = chart
    for node in own_nodes(scene, _ROLE):
        if node not in charts.values():
            scene.RemoveNode(node)
    for plot in plots:
        _fill_chart(scene, charts[plot.measure], plot, reader, simulated)
    return charts


def _fill_chart(scene: vtkMRMLScene, chart: vtkMRMLPlotChartNode, plot: ReadingPlot, reader: str, simulated: bool) -> None:
    mark = "SIMULATED: " if simulated else ""
    modifying = chart.StartModify()
    chart.RemoveAllPlotSeriesNodeIDs()
    chart.SetName(f"{mark}My reading, {plot.structure}, {plot.measure.replace('_', ' ')}")
    kind = f", {_counted(plot.series[0])}" if len(plot.series) == 1 else ""
    chart.SetTitle(f"{mark}{plot.structure}, own reads{kind}")
    chart.SetXAxisTitle(f"Days since {plot.first:%Y-%m-%d}")
    chart.SetYAxisTitle(plot.value_title)
    chart.SetTitleFontSize(_TITLE_POINTS)
    chart.SetAxisTitleFontSize(_AXIS_POINTS)
    chart.SetLegendFontSize(_LEGEND_POINTS)
    # The legend lies over the upper points: a single series has its name in the title, two get room above them.
    chart.SetLegendVisibility(len(plot.series) > 1)
    chart.SetYAxisRangeAuto(len(plot.series) == 1)
    if len(plot.series) > 1:
        chart.SetYAxisRange(0.0, _ROOM * max(value for points in plot.series for value in points.values) or 1.0)
    for points in plot.series:
        role = f"{_ROLE}{plot.measure} {points.name}"
        table = add_own_node(scene, "vtkMRMLTableNode", f"{mark}My reading, {role}", role, reader, listed=False)
        _fill_points(table, points)
        # The legend shows the node's name.
        series = add_own_node(scene, "vtkMRMLPlotSeriesNode", _counted(points), role, reader, listed=False)
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName("day")
        series.SetYColumnName("value")
        series.SetLabelColumnName("read")
        series.SetPlotType(vtkMRMLPlotSeriesNode.PlotTypeScatter)
        color, marker = _STYLES[points.name]
        series.SetColor(*color)
        series.SetMarkerStyle(marker)
        series.SetMarkerSize(9)
        series.SetLineStyle(vtkMRMLPlotSeriesNode.LineStyleNone)
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
    chart.EndModify(modifying)


def _counted(points: PointSeries) -> str:
    return f"{points.name}, n = {len(points.values)}"


def _fill_points(table: vtkMRMLTableNode, points: PointSeries) -> None:
    columns = (
        ("day", vtk.vtkDoubleArray(), points.days),
        ("value", vtk.vtkDoubleArray(), points.values),
        ("read", vtk.vtkStringArray(), points.labels),
    )
    for name, column, values in columns:
        column.SetName(name)
        for value in values:
            column.InsertNextValue(value)
        table.AddColumn(column)
    table.SetLocked(True)


def plot_is_shown(scene: vtkMRMLScene) -> bool:
    """Return whether a plot of the set is in a view of the present layout."""
    charts = {node.GetID() for node in own_nodes(scene, _CHART_ROLE)}
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if layout is None or not charts:
        return False
    arrangement = layout.GetViewArrangement()
    has_plot = vtkSlicerPlotsLogic.GetLayoutWithPlot(arrangement) == arrangement
    return has_plot and any(view.GetPlotChartNodeID() in charts for view in _plot_views(scene))


def show_plot(scene: vtkMRMLScene, chart: vtkMRMLPlotChartNode) -> None:
    """Show a chart in the plot view, in the layout that is nearest to the present one and has a plot view."""
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if layout is not None:
        before = layout.GetViewArrangement()
        with_plot = vtkSlicerPlotsLogic.GetLayoutWithPlot(before)
        if with_plot != before:
            layout.SetAttribute(_BEFORE_ATTRIBUTE, f"{before} {with_plot}")
            layout.SetViewArrangement(with_plot)
    for view in _plot_views(scene):
        if view.GetAttribute(_CHART_BEFORE_ATTRIBUTE) is None:
            view.SetAttribute(_CHART_BEFORE_ATTRIBUTE, view.GetPlotChartNodeID() or "")
        view.SetPlotChartNodeID(chart.GetID())


def hide_plot(scene: vtkMRMLScene) -> None:
    """Give back the layout and the chart that were there before, unless somebody chose another layout since then."""
    for view in _plot_views(scene):
        before = view.GetAttribute(_CHART_BEFORE_ATTRIBUTE)
        if before is not None:
            view.RemoveAttribute(_CHART_BEFORE_ATTRIBUTE)
            view.SetPlotChartNodeID(before if before and scene.GetNodeByID(before) is not None else None)
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    kept = None if layout is None else layout.GetAttribute(_BEFORE_ATTRIBUTE)
    if kept:
        layout.RemoveAttribute(_BEFORE_ATTRIBUTE)
        before, with_plot = map(int, kept.split())
        if layout.GetViewArrangement() == with_plot:
            layout.SetViewArrangement(before)


def remove_reading(scene: vtkMRMLScene) -> None:
    """Give the layout back and remove the whole set, tables included; nothing happens where there is none."""
    hide_plot(scene)
    remove_own_nodes(scene)


def _plot_views(scene: vtkMRMLScene) -> list[vtkMRMLPlotViewNode]:
    class_name = "vtkMRMLPlotViewNode"
    return [scene.GetNthNodeByClass(number, class_name) for number in range(scene.GetNumberOfNodesByClass(class_name))]
