"""Image quality in the QC report panel, in the test host on the simulated case."""

import time
from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_segmentation
from SegQCLib.quality.quality_measurement import QualityMeasurement, StudyPosition
from slicer_host import a_host, needs_host

pytestmark = needs_host

PLACE = StudyPosition(-1.5, 34, 12.5, 1.25, "Vendor Model (serial number 7), protocol test 1.0.0")


@pytest.fixture(scope="module")
def opened():
    with a_host() as host:
        host.open("SegQCModule")
        yield host


@pytest.fixture
def host(opened):
    import slicer

    slicer.mrmlScene.Clear()
    opened.displays.clear()
    opened.process_events()
    return opened


@pytest.fixture
def panel(host):
    import slicer

    from SegQCLib.panels.report_panel import ReportPanel

    return next(one for one in slicer.modules.SegQCModuleWidget.column.panels if isinstance(one, ReportPanel))


@pytest.fixture
def case(panel, host):
    """The simulated case, evaluated."""
    import slicer

    widget = slicer.modules.SegQCModuleWidget
    chosen = widget.logic.loadSimulatedCase()
    widget.column.open(widget.column.panels.index(panel))
    host.process_events()
    panel.ui.evaluateButton.click()
    end = time.monotonic() + 60
    while panel._work is not None:
        assert time.monotonic() < end, panel.ui.progressBar.text
        host.process_events()
    return chosen


def cells(part):
    table = part.ui.qualityTable
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def test_the_evaluated_case_has_its_numbers_with_unit_and_meaning(panel, case):
    part = panel._quality
    assert panel.ui.qualityButton.text == f"Image quality ({len(panel._record.image_quality)} numbers)"
    assert not part.widget.visible
    panel.ui.qualityButton.setChecked(True)
    rows = cells(part)
    defined = [m for m in panel._record.image_quality if m.value is not None]
    assert len(rows) == len(defined) > 0
    noise = next(row for row in rows if row[1] == "Noise (SD)\ncore")
    assert noise[2].endswith(" HU")
    assert "core of the segment" in noise[5]
    tip = part.ui.qualityTable.item(rows.index(noise), 0).toolTip()
    assert "Computed as:" in tip
    assert "lower is better" in tip.casefold()
    assert case.candidate is not None


def test_the_scene_has_the_numbers_as_a_table_that_goes_with_the_results(panel, case):
    import slicer

    from SegQCLib.mrml.remove_results import remove_results
    from SegQCLib.mrml.results_table import IMAGE_QUALITY_ROLE, IMAGE_QUALITY_TITLES, write_image_quality

    table = case.candidate.GetNodeReference(IMAGE_QUALITY_ROLE)
    assert table.GetNumberOfRows() == len(panel._record.image_quality)
    assert all(table.GetColumnDescription(name) for name in IMAGE_QUALITY_TITLES)
    first = panel._record.image_quality[0]
    assert table.GetCellText(0, list(IMAGE_QUALITY_TITLES).index("voxels")) == str(first.voxels)
    assert write_image_quality(slicer.mrmlScene, replace(panel._record, image_quality=()), case.candidate) is None
    assert not slicer.mrmlScene.IsNodePresent(table)
    again = write_image_quality(slicer.mrmlScene, panel._record, case.candidate)
    remove_results(slicer.mrmlScene, case.candidate)
    assert not slicer.mrmlScene.IsNodePresent(again)


def test_refused_numbers_are_counted_and_their_reasons_told(panel, case):
    label = panel._quality.ui.refusedLabel
    missing = sum(m.value is None for m in panel._record.image_quality)
    assert label.text.startswith(f"{missing} numbers do not apply here")
    assert "SNR (air)" in label.toolTip


def test_z_scores_and_broken_limits_are_shown_first(panel, case):
    from SegQCLib.protocol import ImageQualityLimit, Range
    from SegQCLib.quality_lines import quality_lines

    record = panel._record
    (*others, last) = [m for m in record.image_quality if m.value is not None and m.measure == "noise" and m.method == "sd"]
    limit = ImageQualityLimit("noise", last.structure, Range("[hnsf'U]", "the study's phantom", None, last.value / 2))
    protocol = replace(panel.session.protocol.protocol, image_quality=(limit,))
    in_hu = replace(last, in_study=PLACE, unit="[hnsf'U]")
    numbers = tuple(in_hu if m == last else m for m in record.image_quality)
    first, *rest = quality_lines(replace(record, image_quality=numbers), protocol)
    assert (first.segment, first.kept, first.z) == (last.segment, False, "−1.5")
    assert "the study's phantom" in first.tip
    assert "34 other cases" in first.tip
    assert all(line.kept is None for line in rest)
    assert others


def against_background(record):
    number = QualityMeasurement(
        "liver", "liver", "cnr", "background_sd", "|difference| / SD", "whole", 27, 2.5, "1", "spleen sphere", 8
    )
    return replace(record, image_quality=(*record.image_quality, number))


def test_background_regions_are_a_segmentation_of_their_own_that_can_be_hidden_and_removed(panel, case):
    import slicer

    from SegQCLib.mrml.agreement_readers import segmentations_on
    from SegQCLib.mrml.background_nodes import background_of

    background = a_segmentation(panel._prepared.case.image.geometry, sphere=((1, 3), (1, 3), (1, 3)))
    before = case.candidate.GetSegmentation().GetNumberOfSegments()
    part = panel._quality
    part.follow(against_background(panel._record), background)
    part.ui.backgroundButton.click()
    node = background_of(case.candidate)
    assert node.GetName() == f"{case.candidate.GetName()} background regions"
    (segment_id,) = node.GetSegmentation().GetSegmentIDs()
    assert np.count_nonzero(slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, case.volume)) == 8
    assert case.candidate.GetSegmentation().GetNumberOfSegments() == before
    # Nobody's reading, and not offered as one.
    assert node not in segmentations_on(slicer.mrmlScene, case.volume)
    part.ui.backgroundButton.click()
    assert not node.GetDisplayVisibility()
    part.ui.backgroundButton.click()
    assert background_of(case.candidate) is node
    assert node.GetDisplayVisibility()
    part.ui.removeButton.click()
    assert background_of(case.candidate) is None
    assert not slicer.mrmlScene.IsNodePresent(node)
    assert not part.ui.removeButton.enabled


def test_without_a_background_there_is_no_button(panel, case):
    part = panel._quality
    part.follow(replace(panel._record, image_quality=panel._record.image_quality[:1]), None)
    assert part.ui.backgroundButton.isHidden()
    assert part.count() == 1


def test_background_regions_go_with_the_results_of_the_candidate(panel, case):
    import slicer

    from SegQCLib.mrml.background_nodes import background_of, show_background
    from SegQCLib.mrml.remove_results import remove_results

    background = a_segmentation(panel._prepared.case.image.geometry, sphere=((1, 3), (1, 3), (1, 3)))
    for _ in range(2):
        show_background(slicer.mrmlScene, background, case.candidate, case.volume, "Background regions", {})
    assert slicer.mrmlScene.GetNodesByName("Background regions").GetNumberOfItems() == 1
    remove_results(slicer.mrmlScene, case.candidate)
    assert background_of(case.candidate) is None
    assert slicer.mrmlScene.GetNodesByName("Background regions").GetNumberOfItems() == 0
