"""The My reading panel in the test host: the reader's own logs in, rows, plots and tables out, and nobody else's."""

import pytest

from own_reading_logs import a_read
from slicer_host import a_host, needs_host

pytestmark = needs_host


@pytest.fixture(scope="module")
def opened():
    """One host for all: opening all panels takes longer than a test."""
    with a_host() as host:
        host.open("SegQCModule")
        yield host


@pytest.fixture
def host(opened, tmp_path):
    import slicer

    slicer.mrmlScene.Clear()
    opened.displays.clear()
    session = slicer.modules.SegQCModuleWidget.session
    session.log_editing = False
    session.records_folder = tmp_path
    session.reader = "Dr A"
    opened.process_events()
    return opened


@pytest.fixture
def session(host):
    import slicer

    return slicer.modules.SegQCModuleWidget.session


@pytest.fixture
def panel(host):
    import slicer

    column = slicer.modules.SegQCModuleWidget.column
    panel = next(panel for panel in column.panels if type(panel).__name__ == "MyReadingPanel")
    column.open(column.panels.index(panel))
    return panel


@pytest.fixture
def logs(session):
    """Two reads of Dr A, one with a draft and one without, and one of Dr B."""
    folder = session.logs_folder
    a_read(folder, 0, active_s=60)
    a_read(folder, 10, drafted=False, active_s=240)
    a_read(folder, 5, reader="Dr B", case="Of B")
    return folder


def done(host, panel):
    host.wait_until(lambda: not panel._work.busy, 60)


def read(host, panel):
    host.click(panel.ui.readButton)
    done(host, panel)
    assert panel._own is not None, panel.ui.messageLabel.text


def cells(table):
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def names(host, class_name):
    return [host.scene.GetNthNodeByClass(n, class_name).GetName() for n in range(host.scene.GetNumberOfNodesByClass(class_name))]


def test_nothing_is_read_before_it_is_asked_for(host, panel, logs):
    assert not panel.ui.resultsFrame.visible
    assert panel.standing().words == "not read yet"
    assert not panel.standing().is_open


def test_own_reads_are_shown_and_nobody_else_s(host, panel, logs):
    read(host, panel)
    rows = cells(panel.ui.readsTable)
    assert [row[1:4] for row in rows] == [["Case 10", "liver", "AI-free"], ["Case 0", "liver", "LiverNet 2.0"]]
    assert [row[4] for row in rows] == ["4.0", "1.0"]
    assert [row[:3] for row in cells(panel.ui.structuresTable)] == [["liver", "AI-free", "1"], ["liver", "LiverNet 2.0", "1"]]
    assert panel.ui.summaryLabel.text.startswith("Your reading: 2 reads of 2 cases")
    assert panel.standing().words == "2 reads"
    # Why there is no trend is told where it would stand.
    assert "at least 5" in panel.ui.structuresTable.item(0, 4).toolTip()


def test_reading_adds_nothing_to_the_scene(host, panel, logs):
    before = host.scene.GetNumberOfNodes()
    read(host, panel)
    assert host.scene.GetNumberOfNodes() == before


def test_without_a_name_there_is_nothing_to_read(host, panel, session, logs):
    session.reader = ""
    assert not panel.ui.readButton.enabled
    assert "Enter your name" in panel.ui.summaryLabel.text
    assert not panel.ui.deleteButton.enabled


def test_the_next_reader_finds_nothing_of_the_one_before(host, panel, session, logs):
    read(host, panel)
    host.click(panel.ui.tablesButton)
    host.click(panel.ui.plotButton)
    assert len(names(host, "vtkMRMLPlotChartNode")) == 2
    session.reader = "Dr B"
    assert names(host, "vtkMRMLTableNode") == names(host, "vtkMRMLPlotChartNode") == []
    assert cells(panel.ui.readsTable) == []
    assert panel.ui.draftsBrowser.toPlainText() == ""
    assert not panel.ui.resultsFrame.visible
    read(host, panel)
    assert [row[1] for row in cells(panel.ui.readsTable)] == ["Of B"]


def test_tables_and_plots_come_with_a_click_and_go_with_another(host, panel, logs):
    read(host, panel)
    before = host.scene.GetNumberOfNodes()
    host.click(panel.ui.tablesButton)
    assert names(host, "vtkMRMLTableNode") == ["My reading, reads", "My reading, structures"]
    host.click(panel.ui.plotButton)
    assert sorted(names(host, "vtkMRMLPlotSeriesNode")) == ["AI-anchored, n = 1", "AI-anchored, n = 1", "AI-free, n = 1"]
    host.click(panel.ui.removeButton)
    assert host.scene.GetNumberOfNodes() == before
    assert not panel.ui.removeButton.enabled


def test_the_switch_is_that_of_the_editing_panel(host, panel, session):
    import slicer

    editing = next(p for p in slicer.modules.SegQCModuleWidget.column.panels if type(p).__name__ == "EditingPanel")
    assert panel.ui.logLabel.text.startswith("Off.")
    host.click(panel.ui.logCheckBox)
    assert (session.log_editing, editing.ui.logCheckBox.checked) == (True, True)
    assert "sends nothing from this computer" in panel.ui.logLabel.text
    assert str(session.logs_folder) in panel.ui.logLabel.text
    editing.ui.logCheckBox.setChecked(False)
    assert (session.log_editing, panel.ui.logCheckBox.checked) == (False, False)


def test_deletion_asks_and_says_what_stays(host, panel, session, logs):
    import qt

    read(host, panel)
    host.click(panel.ui.tablesButton)
    host.answers.append(qt.QMessageBox.Cancel)
    host.click(panel.ui.deleteButton)
    assert len(list(logs.glob("*.jsonl"))) == 3
    session.log_editing = True
    host.answers.append(qt.QMessageBox.Yes)
    host.click(panel.ui.deleteButton)
    done(host, panel)
    (left,) = logs.glob("*.jsonl")
    assert "Dr-B" in left.name
    assert len(list(logs.glob("*.session-deleted.json"))) == 2
    assert panel.ui.messageLabel.text == "2 logs were deleted, and logging is off."
    assert not session.log_editing
    assert names(host, "vtkMRMLTableNode") == []
    read(host, panel)
    assert "no session log of yours" in panel.ui.summaryLabel.text


def test_own_logs_are_copied_to_the_folder_that_is_chosen(host, panel, logs, tmp_path):
    host.answers.append(str(tmp_path / "mine"))
    host.click(panel.ui.exportButton)
    done(host, panel)
    assert sorted(path.name.split("_")[0] for path in (tmp_path / "mine").iterdir()) == ["Case-0", "Case-10", "session-logs.json"]
    assert "2 logs were copied" in panel.ui.messageLabel.text


def test_the_check_finds_a_changed_log(host, panel, logs):
    path = next(logs.glob("Case-0_*"))
    path.write_bytes(path.read_bytes().replace(b'"mouse": 1', b'"mouse": 9', 1))
    host.click(panel.ui.verifyButton)
    done(host, panel)
    assert panel.ui.messageLabel.text.startswith("1 of your 2 logs is not as SegQC wrote it:")


def test_a_folder_that_is_not_there_is_said_and_nothing_breaks(host, panel):
    host.click(panel.ui.verifyButton)
    done(host, panel)
    assert "is no folder" in panel.ui.messageLabel.text
    read(host, panel)
    assert "no session log of yours" in panel.ui.summaryLabel.text


def test_reading_can_be_stopped(host, panel, session):
    for day in range(30):
        a_read(session.logs_folder, day)
    # Not with clicks: each lets the window answer, and the work may be over by then.
    panel.onRead()
    assert panel.ui.cancelButton.enabled
    panel.onCancel()
    assert not panel._work.busy
    assert panel.ui.messageLabel.text.startswith("Stopped.")
    assert panel._own is None
    read(host, panel)
    assert panel.standing().words == "30 reads"


def test_the_folder_button_opens_the_nearest_folder_that_exists(host, panel, session, tmp_path):
    host.click(panel.ui.folderButton)
    assert [str(tmp_path) in text for _kind, text in host.displays] == [True]
