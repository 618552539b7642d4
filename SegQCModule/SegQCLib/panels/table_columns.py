"""The columns of a table: titles that say at the mouse what stands in them."""

import qt


def set_columns(table, titles):
    """Give a table its columns from pairs of (title, tip)."""
    table.setColumnCount(len(titles))
    for column, (title, tip) in enumerate(titles):
        item = qt.QTableWidgetItem(title)
        item.setToolTip(tip)
        table.setHorizontalHeaderItem(column, item)
    table.horizontalHeader().setHighlightSections(False)
