"""The Training step in the test host, on small courses of boxes."""

import numpy as np

from training_courses import GEOMETRY, ROWS


def training_panel(host):
    import slicer

    column = slicer.modules.SegQCModuleWidget.column
    panel = next(panel for panel in column.panels if type(panel).__name__ == "TrainingPanel")
    column.open(column.panels.index(panel))
    return panel


def wait(host, panel):
    host.wait_until(lambda: not panel._work.busy and not panel._watch.busy, 60)


def open_course(host, panel, folder):
    panel.openCourse(folder)
    wait(host, panel)
    assert panel._course is not None, panel.ui.courseMessageLabel.text


def tab(host, panel, number):
    panel.ui.tabs.setCurrentIndex(number)
    host.process_events()


def draw(host, panel, shift=0, structures=tuple(ROWS), slices=(2, 10)):
    """Draw boxes like the experts', some columns beside them, as the Segment Editor leaves them."""
    import slicer

    nodes = panel.case.nodes
    segmentation = nodes.candidate.GetSegmentation()
    for segment_id in segmentation.GetSegmentIDs():
        name = segmentation.GetSegment(segment_id).GetName()
        mask = np.zeros(GEOMETRY.size, np.uint8)
        if name in structures:
            mask[slice(*slices), slice(*ROWS[name]), 15 + shift : 25 + shift] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, nodes.candidate, segment_id, nodes.volume)
    host.process_events()


def cells(table):
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def segmentations():
    import slicer

    return [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]


def logged(session):
    events = []
    session.event_writer = lambda kind, facts: events.append((str(kind), facts))
    return events


def yes(host):
    import qt

    host.answers.append(qt.QMessageBox.Ok)


def no(host):
    import qt

    host.answers.append(qt.QMessageBox.Cancel)
