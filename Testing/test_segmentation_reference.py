from dataclasses import replace

import pytest

from phantoms import a_segmentation, a_volume
from SegQCLib.case import Acquisition, Case
from SegQCLib.checks import segmentation_reference
from SegQCLib.checks.segmentation_reference import of_case
from SegQCLib.dicom.series import read_series_headers
from SegQCLib.findings import Status
from SegQCLib.importers import read_segmentation

FRAME, OTHER_FRAME, SERIES, OTHER_SERIES = "1.2.1", "1.2.2", "1.3.1", "1.3.2"
UIDS = (FRAME, OTHER_FRAME, SERIES, OTHER_SERIES)


def findings(frame, series, own_frame, own_series, role="candidate"):
    volume = replace(a_volume(), acquisition=Acquisition(frame_of_reference_uid=frame, series_instance_uid=series))
    named = replace(
        a_segmentation(liver=((1, 4), (2, 9), (3, 8))), frame_of_reference_uid=own_frame, referenced_series_uids=own_series
    )
    plain = a_segmentation(liver=((1, 4), (2, 9), (3, 8)))
    case = Case(volume, named) if role == "candidate" else Case(volume, plain, references=(named,))
    return list(segmentation_reference.run(case, None))


@pytest.mark.parametrize(
    ("own_frame", "own_series", "status", "words"),
    [
        (FRAME, (SERIES,), Status.PASS, "on this series"),
        (FRAME, (OTHER_SERIES, SERIES), Status.PASS, "on this series"),
        (FRAME, (), Status.PASS, "in this image's frame of reference"),
        (None, (SERIES,), Status.PASS, "on this series"),
        (FRAME, (OTHER_SERIES,), Status.WARN, "(3006,0014)), in the same frame of reference"),
        (None, (OTHER_SERIES,), Status.WARN, "no frame of reference tells"),
        (OTHER_FRAME, (OTHER_SERIES,), Status.FAIL, "another patient"),
        (OTHER_FRAME, (), Status.FAIL, "Frame of Reference UID (0020,0052)"),
        (OTHER_FRAME, (SERIES,), Status.WARN, "may have made it up"),
    ],
)
def test_a_segmentation_of_another_frame_of_reference_fails_and_of_another_series_warns(own_frame, own_series, status, words):
    (finding,) = findings(FRAME, SERIES, own_frame, own_series)
    assert (finding.status, words in finding.message) == (status, True), finding.message


@pytest.mark.parametrize(("frame", "series"), [(None, None), ("", ""), (None, SERIES)])
def test_an_image_without_the_uids_is_no_alarm(frame, series):
    (finding,) = findings(frame, series, FRAME, ())
    assert finding.status is Status.NOT_EVALUATED


def test_segmentations_of_two_patients_contradict_each_other_where_the_image_has_no_uids():
    liver = a_segmentation(liver=((1, 4), (2, 9), (3, 8)))
    own, others = (replace(liver, frame_of_reference_uid=frame) for frame in (FRAME, OTHER_FRAME))
    (failed,) = (f for f in of_case(Case(a_volume(), own, (own, others), draft=liver)) if f.status is Status.FAIL)
    assert "Candidate and Reference / Reference 2." in failed.message
    assert [f.status for f in of_case(Case(a_volume(), own, (own,)))] == [Status.NOT_EVALUATED] * 2


def test_a_segmentation_without_uids_has_nothing_to_compare():
    assert findings(FRAME, SERIES, None, ()) == []


def test_a_reference_of_another_patient_is_named_by_its_role():
    (finding,) = findings(FRAME, SERIES, OTHER_FRAME, (), role="reference")
    assert finding.message.startswith("Reference was drawn in another frame of reference")


def test_no_identifier_stands_in_the_message():
    shown = [
        f"{one.message} {one.measured}" for own in (FRAME, OTHER_FRAME) for one in findings(FRAME, SERIES, own, (OTHER_SERIES,))
    ]
    assert not [uid for uid in UIDS for text in shown if uid in text]


def test_a_real_dicom_seg_names_the_frame_of_reference_and_series_of_its_ct(shared_data):
    folder = shared_data / "dcmqi/data/segmentations"
    segmentation, ct = read_segmentation(folder / "liver.dcm"), read_series_headers(folder / "ct-3slice").acquisition
    assert segmentation.frame_of_reference_uid == ct.frame_of_reference_uid is not None
    assert segmentation.referenced_series_uids == (ct.series_instance_uid,)
