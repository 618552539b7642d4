"""Findings that a reader keeps: found again where nothing changed there, and no longer where something did."""

from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_segmentation, a_volume
from SegQCLib.case import Case
from SegQCLib.checks import islands, overlaps
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import Decision, LoadedProtocol, Structure
from SegQCLib.readers.kept_findings import (
    can_be_kept,
    keep,
    kept_findings_from_text,
    kept_findings_text,
    mark_kept,
    with_kept,
    without_kept,
)
from SegQCLib.record import QCRecord, Verdict
from SegQCLib.report import render_report
from test_checks import LIVER, a_protocol, a_range
from test_mrml import PANCREAS

NOON = "2026-11-21T12:00:00+01:00"
BODY = ((2, 8), (2, 10), (2, 10))
ISLAND = ((4, 5), (15, 17), (20, 22))  # 4 voxels


def a_case(*boxes, **changes) -> Case:
    """One segment, liver, made of boxes (k, j, i)."""
    segmentation = a_segmentation(liver=BODY)
    array = np.zeros_like(segmentation.layers[0])
    for box in boxes:
        array[tuple(slice(*part) for part in box)] = 1
    return Case(a_volume(), replace(segmentation, layers=(array,)), **changes)


def island_of(case) -> Finding:
    (finding,) = islands.run(case, a_protocol())
    assert finding.status is Status.WARN
    return finding


def kept_of(finding, reason="accessory lobe") -> tuple:
    return (keep(finding, reason, "Dr A", NOON),)


def is_kept_after(*boxes) -> bool:
    """Return whether the island that was kept is still kept once the segment is made of these boxes."""
    kept = kept_of(island_of(a_case(BODY, ISLAND)))
    (marked,) = mark_kept([island_of(a_case(*boxes))], kept)
    return marked.kept is not None


def test_a_kept_finding_says_reason_reader_and_date():
    finding = island_of(a_case(BODY, ISLAND))
    (marked,) = mark_kept([finding], kept_of(finding))
    assert marked == replace(finding, kept="accessory lobe (Dr A, 2026-11-21)")


def test_it_is_kept_as_long_as_its_place_did_not_change():
    assert is_kept_after(BODY, ISLAND)
    # The body was edited: the sentence gives another distance from it.
    assert is_kept_after(((2, 8), (2, 12), (2, 10)), ISLAND)


@pytest.mark.parametrize(
    "changed",
    [
        ((4, 5), (15, 17), (20, 23)),  # larger
        ((4, 5), (15, 17), (20, 21)),  # smaller
        ((4, 5), (15, 17), (21, 23)),  # moved by a voxel of 1 mm
        ((5, 6), (15, 17), (20, 22)),  # moved by a slice of 2 mm
        ((4, 5), (15, 16), (20, 24)),  # as large, of another shape
    ],
)
def test_it_is_a_new_finding_once_its_place_was_edited(changed):
    assert not is_kept_after(BODY, changed)


def test_a_piece_of_equal_size_and_point_but_other_voxels_is_a_new_finding():
    finding = island_of(a_case(BODY, ISLAND))
    same_point = replace(finding, center_lps_mm=(finding.center_lps_mm[0] + 0.25, *finding.center_lps_mm[1:]))
    assert mark_kept([same_point], kept_of(finding))[0].kept is None


@pytest.mark.parametrize("change", [{"check": "spikes"}, {"segment": "spleen"}])
def test_another_check_or_segment_is_another_finding(change):
    finding = island_of(a_case(BODY, ISLAND))
    assert mark_kept([replace(finding, **change)], kept_of(finding))[0].kept is None


def test_an_overlap_with_one_neighbour_is_not_kept_for_another_in_the_same_voxels():
    overlap = Finding(
        "overlaps", Status.FAIL, "liver and cyst share 4 voxels.", "4 voxels", segment="liver",
        location_lps_mm=(1.0, 2.0, 3.0), center_lps_mm=(1.0, 2.0, 3.0), size_voxels=4,
    )  # fmt: skip
    other = replace(overlap, message="liver and spleen share 4 voxels.")
    assert [finding.kept is None for finding in mark_kept([overlap, other], kept_of(overlap))] == [False, True]


def test_a_finding_without_a_place_is_kept_while_it_measures_the_same():
    missing = Finding("structures", Status.FAIL, "kidney_left is required.", "no segment", "1 segment", segment="kidney_left")
    kept = kept_of(missing, "nephrectomy")
    assert mark_kept([missing], kept)[0].kept == "nephrectomy (Dr A, 2026-11-21)"
    assert mark_kept([replace(missing, measured="0 voxels")], kept)[0].kept is None


@pytest.mark.parametrize(
    "finding",
    [
        Finding("islands", Status.PASS, "No islands.", segment="liver"),
        Finding("islands", Status.NOT_EVALUATED, "Not looked at.", segment="liver"),
        Finding("slice_thickness", Status.FAIL, "Slices are too thick."),
    ],
)
def test_only_warnings_and_failures_about_a_segment_can_be_kept(finding):
    assert not can_be_kept(finding)
    with pytest.raises(ValueError, match="can be kept"):
        keep(finding, "reason", "Dr A")


def test_keeping_needs_a_reason_and_a_reader():
    finding = island_of(a_case(BODY, ISLAND))
    for reason, reader in ((" ", "Dr A"), ("reason", "")):
        with pytest.raises(ValueError, match="by somebody for a reason"):
            keep(finding, reason, reader)


def test_keeping_again_replaces_the_reason_and_can_be_taken_back():
    finding = island_of(a_case(BODY, ISLAND))
    kept = with_kept(kept_of(finding), finding, keep(finding, "cyst", "Dr B", NOON))
    assert [str(item) for item in kept] == ["cyst (Dr B, 2026-11-21)"]
    assert without_kept(kept, finding) == ()


OVERLAPPING = {"liver": BODY, "pancreas": ((2, 8), (8, 14), (2, 10))}


def an_overlap(rejecting=()) -> tuple[Case, LoadedProtocol]:
    case = Case(a_volume(), a_segmentation(**OVERLAPPING), (a_segmentation(name="reference", **OVERLAPPING),))
    image = replace(case.image, array=np.arange(case.image.array.size, dtype=np.int32).reshape(case.image.array.shape))
    protocol = a_protocol(
        (LIVER, Structure("pancreas", PANCREAS)),
        decisions=(Decision("dice", ("*",), a_range(0.9, unit="1")),),
        rejecting_checks=rejecting,
    )
    return replace(case, image=image), LoadedProtocol(protocol, "test.json", "0" * 64)


def keeping_the_overlap(case, loaded) -> Case:
    (finding,) = overlaps.run(case, loaded.protocol)
    return replace(case, kept_findings=kept_of(finding, "tumour grows into the pancreas"))


def test_a_kept_failure_no_longer_changes_the_verdict():
    case, loaded = an_overlap()
    assert evaluate(case, loaded).verdict is Verdict.REVIEW
    record = evaluate(keeping_the_overlap(case, loaded), loaded)
    assert record.verdict is Verdict.ACCEPT
    assert record.reasons[0].startswith("No other check failed")
    assert "tumour grows into the pancreas (Dr A, 2026-11-21)" in record.reasons[1]
    assert QCRecord.from_json(record.to_json()) == record


def test_a_rejecting_check_rejects_whatever_a_reader_keeps():
    case, loaded = an_overlap(rejecting=("overlaps",))
    assert evaluate(keeping_the_overlap(case, loaded), loaded).verdict is Verdict.REJECT


def test_the_report_lists_a_kept_finding_apart_with_reason_and_reader():
    case, loaded = an_overlap()
    page = render_report(evaluate(keeping_the_overlap(case, loaded), loaded), loaded.protocol, ())
    kept = page.partition("<caption>Failed checks and warnings that a reader keeps")[2].partition("</table>")[0]
    assert "tumour grows into the pancreas (Dr A, 2026-11-21)" in kept
    assert "Fail: 0" in page
    assert "Kept by a reader and not in these numbers: 1." in page


def test_texts_that_are_no_kept_findings_are_refused():
    with pytest.raises(BadDataError, match="has no usable list of kept findings"):
        kept_findings_from_text('{"kept": 1}', "node")
    blank = kept_findings_text(kept_of(island_of(a_case(BODY, ISLAND)))).replace("Dr A", " ")
    with pytest.raises(BadDataError, match=r"kept\[0\].reader: is empty"):
        kept_findings_from_text(blank, "node")


def test_kept_findings_come_back_from_a_saved_scene_and_count_there(tmp_path):
    pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")
    from SegQCLib.mrml.evaluate_scene import case_from_nodes, evaluate_in_new_scene
    from SegQCLib.mrml.kept_findings_node import read_kept_findings
    from SegQCLib.mrml.scene import load_scene

    case, loaded = an_overlap()
    case = keeping_the_overlap(case, loaded)
    assert evaluate_in_new_scene(case, loaded, tmp_path / "case.mrb").record.verdict is Verdict.ACCEPT
    scene = load_scene(tmp_path / "case.mrb")
    volume_node, candidate = (scene.GetFirstNodeByName(name) for name in ("Image", "reader"))
    assert read_kept_findings(candidate) == case.kept_findings
    assert read_kept_findings(scene.GetFirstNodeByName("reference")) == ()
    assert case_from_nodes(volume_node, candidate).kept_findings == case.kept_findings


def test_what_is_kept_of_a_real_segmentation_is_kept_after_saving_and_reading_it_again(totalsegmentator, tmp_path):
    import SimpleITK as sitk

    from SegQCLib.checks import run_checks
    from SegQCLib.images import read_image
    from SegQCLib.importers import read_segmentation
    from SegQCLib.prepare import prepare

    def found(path):
        case = Case(read_image(totalsegmentator / "example_ct_sm.nii.gz"), read_segmentation(path, labels="totalsegmentator"))
        return tuple(run_checks(prepare(case, a_protocol()).case, a_protocol()))

    image = sitk.ReadImage(totalsegmentator / "example_seg.nii.gz")
    labels = sitk.GetArrayFromImage(image)
    # A hole or an island wherever a random voxel is another label's.
    places = tuple(np.random.default_rng(4).integers(0, labels.shape, (2000, 3)).T)
    labels[places] = np.where(labels[places] > 0, 0, 5)
    damaged = sitk.GetImageFromArray(labels)
    damaged.CopyInformation(image)
    sitk.WriteImage(damaged, tmp_path / "damaged.nii.gz")
    before = found(tmp_path / "damaged.nii.gz")
    kept = tuple(keep(finding, "checked", "Dr A", NOON) for finding in before if can_be_kept(finding))
    # The same voxels, with flipped rows and float32 positions as other programs write them.
    sitk.WriteImage(sitk.Flip(damaged, (True, True, False)), tmp_path / "flipped.nii.gz")
    after = mark_kept(found(tmp_path / "flipped.nii.gz"), kept)
    assert len(kept) > 20
    assert sum(finding.kept is not None for finding in after) == len(kept)
    # A kept finding is about one finding: nothing is excused that was not looked at.
    assert all(sum(item.is_about(finding) for item in kept) <= 1 for finding in before)
