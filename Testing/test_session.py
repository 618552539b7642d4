"""What the panels share, and the column they stand in, in the host."""

import time
from functools import partial

import pytest

from slicer_host import a_host, needs_host

pytestmark = needs_host


@pytest.fixture
def host():
    with a_host() as host:
        yield host


def a_case(host):
    from SegQCModule import SegQCModuleLogic

    return SegQCModuleLogic().loadSimulatedCase()


def test_only_one_step_is_open_at_a_time(host):
    column = host.open("SegQCModule").column
    for number in (3, 0, 7):
        column.open(number)
        assert [n for n, heading in enumerate(column.headings) if not heading.collapsed] == [number]
    column.headings[7].collapsed = True
    assert all(heading.collapsed for heading in column.headings)


def test_a_heading_says_number_title_and_standing(host):
    column = host.open("SegQCModule").column
    for number, (panel, heading) in enumerate(zip(column.panels, column.headings, strict=True), 1):
        assert heading.text == f"{number}. {panel.title()}: {panel.standing().words}"


def test_next_leads_to_the_first_open_step(host):
    widget = host.open("SegQCModule")
    widget.session.reader = "Reader 1"
    a_case(host)
    gate_open = [panel.standing().is_open for panel in widget.column.panels].index(True)
    widget.column.onNext()
    assert not widget.column.headings[gate_open].collapsed


def test_where_no_step_is_open_next_leads_through_those_that_are_worth_a_look(host):
    column = host.open("SegQCModule").column
    from SegQCLib.panels.panel import Light, Standing

    attention = {1, 5}
    for number, panel in enumerate(column.panels):
        standing = Standing(Light.ATTENTION if number in attention else Light.DONE, "so")
        panel.standing = partial(lambda standing: standing, standing)
    column.onStandingsChanged()
    assert column._next.text == "All steps done; worth a look: 2, 6"
    opened = []
    for _number in range(3):
        column.onNext()
        opened += [n for n, heading in enumerate(column.headings) if not heading.collapsed]
    assert opened == [1, 5, 1]


def test_the_module_is_small_enough_for_the_next_step_to_stay_in_sight(host):
    """1080 lines less Slicer's menu, tool bars, module heading and data probe leave 780."""
    widget = host.open("SegQCModule")
    widget.session.reader = "Reader 1"
    a_case(host)
    for number in range(len(widget.column.panels)):
        widget.column.open(number)
        host.process_events()
        assert widget.column.widget.sizeHint.height() < 780, widget.column.panels[number].title()


def test_the_reference_does_not_become_the_candidate_when_the_candidate_is_removed(host):
    session = host.open("SegQCModule").session
    case = a_case(host)
    host.process_events()
    host.scene.RemoveNode(case.candidate)
    host.process_events()
    assert session.case.candidate is None
    assert session.case.reference is not None


def test_a_volume_without_voxels_is_said_where_a_candidate_is_asked_for(host):
    widget = host.open("SegQCModule")
    widget.session.case.volume = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "no voxels yet")
    host.process_events()
    panels = {type(panel).__name__: panel for panel in widget.column.panels}
    panels["CasePanel"].onNewCandidate()
    panels["EditingPanel"].onOpenEditor()
    assert "has no voxels" in panels["CasePanel"].ui.messageLabel.text
    assert "has no voxels" in panels["EditingPanel"].ui.stateLabel.text
    assert widget.session.case.candidate is None


def test_results_go_with_their_segmentation(host):
    from SegQCModule import SegQCModuleLogic

    session = host.open("SegQCModule").session
    case = a_case(host)
    SegQCModuleLogic().evaluate(case.volume, case.candidate, case.protocol)
    names = {host.scene.GetNthNode(n).GetName() for n in range(host.scene.GetNumberOfNodes())}
    assert any("SegQC record" in name for name in names)
    host.scene.RemoveNode(session.case.candidate)
    names = {host.scene.GetNthNode(n).GetName() for n in range(host.scene.GetNumberOfNodes())}
    assert not any("SegQC record" in name or "SegQC findings" in name for name in names)


def test_an_edit_outdates_the_record_and_is_told_once(host):
    import slicer

    from SegQCLib.mrml.record_node import is_outdated
    from SegQCModule import SegQCModuleLogic

    session = host.open("SegQCModule").session
    case = a_case(host)
    SegQCModuleLogic().evaluate(case.volume, case.candidate, case.protocol)
    session.watchEdits()
    told = []
    session.observeEdits(told.append)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(case.candidate, "aorta", case.volume)
    mask[0] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, case.candidate, "aorta", case.volume)
    host.process_events()
    assert is_outdated(case.candidate)
    assert len(told) == 1
    session.unobserveEdits(told.append)


def test_an_edit_made_while_looking_away_stands_in_the_record(host):
    import slicer

    from SegQCModule import SegQCModuleLogic

    session = host.open("SegQCModule").session
    case = a_case(host)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(case.candidate, "aorta", case.volume)
    for looking_away, k in ((False, 0), (True, 1)):
        session.looking_away = looking_away
        mask[k] = 0
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, case.candidate, "aorta", case.volume)
        host.process_events()
    session.looking_away = False
    record = SegQCModuleLogic().evaluate(case.volume, case.candidate, case.protocol)
    (finding,) = [finding for finding in record.findings if finding.check == "edited_looking_away"]
    assert finding.message.startswith("1 edit ")


def test_an_edit_of_the_reference_outdates_the_candidate_s_record(host):
    import slicer

    from SegQCLib.mrml.record_node import is_outdated
    from SegQCModule import SegQCModuleLogic

    host.open("SegQCModule")
    case = a_case(host)
    SegQCModuleLogic().evaluate(case.volume, case.candidate, case.protocol, [case.reference])
    host.process_events()
    assert not is_outdated(case.candidate)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(case.reference, "aorta", case.volume)
    mask[0] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, case.reference, "aorta", case.volume)
    host.process_events()
    assert is_outdated(case.candidate)


def test_showing_in_3d_and_renaming_outdate_nothing(host):
    from SegQCLib.mrml.record_node import is_outdated
    from SegQCModule import SegQCModuleLogic

    session = host.open("SegQCModule").session
    case = a_case(host)
    SegQCModuleLogic().evaluate(case.volume, case.candidate, case.protocol)
    session.watchEdits()
    case.candidate.CreateClosedSurfaceRepresentation()
    case.candidate.GetSegmentation().GetSegment("aorta").SetName("Aorta")
    host.process_events()
    assert not is_outdated(case.candidate)


def test_a_faulty_protocol_is_said_and_leaves_no_old_one_in_force(host, tmp_path):
    session = host.open("SegQCModule").session
    a_case(host)
    path = tmp_path / "p.json"
    path.write_text('{"schema": "segqc-protocol"}', encoding="utf-8")
    session.case.protocol = str(path)
    assert session.protocol is None
    assert "p.json" in session.protocol_fault


def test_work_in_the_background_is_told_in_order_and_can_be_cancelled(host):
    host.open("SegQCModule")
    from SegQCLib.panels.background import Background

    def count(progress):
        for number in range(50):
            progress(f"{number}", number / 50)
            time.sleep(0.002)
        return "counted"

    def never(progress):
        while True:
            progress("on", 0.5)
            time.sleep(0.001)

    def fails(_progress):
        raise OSError("no disk")

    def finish(work, cancel=False):
        told, shares = [], []
        background = Background(
            work,
            told.append,
            lambda error: told.append(str(error)),
            lambda _words, share: shares.append(share),
            lambda: told.append("cancelled"),
        )
        while background.running:
            host.process_events()
            if cancel and shares:
                background.cancel()
        return told, shares

    told, shares = finish(count)
    assert told == ["counted"]
    assert shares == sorted(shares)
    assert finish(never, cancel=True)[0] == ["cancelled"]
    assert finish(fails)[0] == ["no disk"]
