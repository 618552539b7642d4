"""The Protocol step when Slicer closes: what was not saved is kept and opened again."""

import gc

from SegQCLib.protocol import load_protocol
from slicer_host import a_host, needs_host

pytestmark = needs_host


def test_unsaved_work_is_kept_when_slicer_closes(tmp_path):
    records = tmp_path / "records"
    for turn in range(2):
        with a_host() as other:
            widget = other.open("SegQCModule")
            widget.session.records_folder = records
            (panel,) = [one for one in widget.column.panels if type(one).__name__ == "ProtocolPanel"]
            widget.column.open(widget.column.panels.index(panel))
            panel.enter()
            if turn == 0:
                panel.openCopy("ct-lung-nodule")
                panel.edit.set_value("title", "Half done")
            else:
                panel.openKeptWork()
                assert panel.opened.document["title"] == "Half done"
                panel.ui.tabs.setCurrentIndex(1)
                other.process_events()
                other.answers.append(str(tmp_path / "done.json"))
                other.click(panel.ui.saveAsButton)
                assert load_protocol(tmp_path / "done.json").protocol.title == "Half done"
                assert not list(records.glob("*.json"))
            del widget, panel
            other.unload()
            gc.collect()
            assert not other.held()
            assert not other.errors
