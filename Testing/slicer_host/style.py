# ruff: noqa: N801 - the name is Slicer's
"""The distances of Slicer's style, so that a panel is as tall here as there."""

from PySide6.QtWidgets import QProxyStyle, QStyle, QStyleFactory

# Measured in a running Slicer: 3 pixels between the parts of a layout, 6 around it.
SPACING, MARGIN = 3, 6
_METRICS = dict.fromkeys((QStyle.PM_LayoutHorizontalSpacing, QStyle.PM_LayoutVerticalSpacing), SPACING) | dict.fromkeys(
    (QStyle.PM_LayoutLeftMargin, QStyle.PM_LayoutTopMargin, QStyle.PM_LayoutRightMargin, QStyle.PM_LayoutBottomMargin), MARGIN
)


class qSlicerStyle(QProxyStyle):
    def __init__(self):
        QProxyStyle.__init__(self, QStyleFactory.create("Fusion"))

    def pixelMetric(self, metric, option=None, widget=None):
        known = _METRICS.get(metric)
        return QProxyStyle.pixelMetric(self, metric, option, widget) if known is None else known
