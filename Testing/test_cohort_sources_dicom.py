"""Cohorts from folders of DICOM studies: what belongs together, what it is called, and what is missing."""

import shutil

import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, generate_uid

from dicom_series import write_series
from rt_structure_sets import write_structure_set
from SegQCLib.cohort.sources.find_cases import find_cases
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.errors import BadDataError
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
POSITIONS = (0, 2, 4)


def item(**attributes):
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def write_seg(path, *, series=None, instances=(), description="model A", number=None, syntax=ExplicitVRLittleEndian, **attributes):
    """Write the header of a SEG: finding cases reads no more of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    little = syntax != ExplicitVRBigEndian
    dataset = FileDataset(path, {}, b"\0" * 128, FileMetaDataset(), is_implicit_VR=False, is_little_endian=little)
    dataset.file_meta.FileMetaInformationGroupLength = 0
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SEG
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID, dataset.Modality, dataset.SeriesDescription = generate_uid(), "SEG", description
    dataset.Rows = dataset.Columns = 16
    if number is not None:
        dataset.SeriesNumber = number
    named = [item(ReferencedSOPInstanceUID=uid) for uid in instances]
    if series is not None:
        dataset.ReferencedSeriesSequence = [item(SeriesInstanceUID=series, ReferencedInstanceSequence=named)]
    elif named:
        frame = item(DerivationImageSequence=[item(SourceImageSequence=named)])
        dataset.PerFrameFunctionalGroupsSequence = [frame]
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


def a_study(folder, *, uid=None, ct="ct", **attributes):
    uid = uid or generate_uid()
    write_series(folder / ct, POSITIONS, series_uid=uid, **attributes)
    return uid


def found(root, **options):
    return find_cases(root, SourceOptions(kind="dicom", **options))


def named(cases):
    return {case.case: case for case in cases}


def test_a_segmentation_belongs_to_the_series_that_it_refers_to_wherever_it_lies(tmp_path):
    one, two = a_study(tmp_path / "p1"), a_study(tmp_path / "p2")
    first = write_seg(tmp_path / "all segmentations/1.bin", series=two)
    second = write_seg(tmp_path / "all segmentations/2", series=one)
    cases = named(found(tmp_path).cases)
    assert {name: case.candidate for name, case in cases.items()} == {"p1/ct": second, "p2/ct": first}
    assert [case.image for case in cases.values()] == [tmp_path / "p1/ct", tmp_path / "p2/ct"]
    assert not any(case.fault for case in cases.values())


def test_a_segmentation_that_names_images_alone_belongs_to_their_series(tmp_path):
    paths = write_series(tmp_path / "a/x", POSITIONS)
    write_series(tmp_path / "b/x", POSITIONS)
    uid = pydicom.dcmread(paths[1], stop_before_pixels=True).SOPInstanceUID
    write_seg(tmp_path / "seg.dcm", instances=[generate_uid(), uid])
    (case,) = [case for case in found(tmp_path).cases if case.fault is None]
    assert case.case == "a/x"


def test_a_structure_set_is_a_candidate_like_a_seg(tmp_path):
    uid = a_study(tmp_path / "p1")
    path = write_structure_set(tmp_path / "p1/RS.dcm", series_uid=uid)
    (case,) = found(tmp_path).cases
    assert (case.case, case.candidate, case.fault) == ("p1/ct", path, None)


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_other_transfer_syntaxes_are_understood(tmp_path, syntax):
    uid = a_study(tmp_path / "p1")
    path = write_seg(
        tmp_path / "p1/seg.dcm", series=uid, syntax=syntax, description="Modell für Leber", SpecificCharacterSet="ISO_IR 100"
    )
    (case,) = found(tmp_path, candidate_series="*für*").cases
    assert case.candidate == path


def test_each_segmentation_is_a_case_with_its_series_number_or_else_its_file(tmp_path):
    one, two = a_study(tmp_path / "p1"), a_study(tmp_path / "p2")
    write_seg(tmp_path / "p1/a.dcm", series=one, number=301)
    write_seg(tmp_path / "p1/b.dcm", series=one, number=302)
    write_seg(tmp_path / "p2/a.dcm", series=two, number=7)
    write_seg(tmp_path / "p2/b.dcm", series=two, number=7)
    assert [case.case for case in found(tmp_path).cases] == [
        "p1/ct segmentation 301",
        "p1/ct segmentation 302",
        "p2/ct segmentation a.dcm",
        "p2/ct segmentation b.dcm",
    ]


def test_the_reference_is_chosen_by_its_description_with_wildcards_in_any_case(tmp_path):
    uid = a_study(tmp_path / "p1")
    candidate = write_seg(tmp_path / "p1/1.dcm", series=uid, description="Model [v2] liver")
    references = [
        write_seg(tmp_path / "p1/2.dcm", series=uid, description="Reader A, liver"),
        write_seg(tmp_path / "p1/3.dcm", series=uid, description="reader B, liver"),
    ]
    (case,) = found(tmp_path, reference_series="READER*").cases
    assert (case.case, case.candidate, case.references) == ("p1/ct", candidate, tuple(references))
    (case,) = found(tmp_path, candidate_series="model [v2]*").cases
    assert (case.candidate, case.references) == (candidate, ())


def test_two_candidates_beside_a_reference_and_a_reference_alone_are_faults(tmp_path):
    one, two = a_study(tmp_path / "p1"), a_study(tmp_path / "p2")
    for name in ("x", "y"):
        write_seg(tmp_path / f"p1/{name}.dcm", series=one, description=f"model {name}")
    for number, uid in enumerate((one, two)):
        write_seg(tmp_path / f"reader{number}.dcm", series=uid, description="reader")
    first, second = found(tmp_path, reference_series="reader").cases
    assert "2 segmentations where one candidate is wanted: x.dcm (model x), y.dcm (model y)" in first.fault.found
    assert "no candidate" in second.fault.found
    (case, _) = found(tmp_path, reference_series="reader", candidate_series="*y").cases
    assert (case.fault, case.candidate.name) == (None, "y.dcm")


def test_series_in_one_folder_are_known_by_a_file_and_named_by_their_numbers(tmp_path):
    folder = tmp_path / "study"
    uids = [generate_uid(), generate_uid()]
    for number, uid in enumerate(uids, start=2):
        write_series(folder, POSITIONS, series_uid=uid, prefix=f"s{number}_", SeriesNumber=number, rows=8 + number)
        write_seg(folder / f"seg{number}", series=uid)
    cases = found(tmp_path).cases
    assert [case.case for case in cases] == ["study series 2", "study series 3"]
    # The image that is read from the chosen file is that series and no other.
    assert [read_image(case.image).geometry.size for case in cases] == [(3, 10, 12), (3, 11, 12)]


def test_a_series_whose_images_lie_in_several_folders_is_read_as_one(tmp_path):
    uid = generate_uid()
    write_series(tmp_path / "p1/ct/1", (0, 2), series_uid=uid)
    write_series(tmp_path / "p1/ct/2", (4, 6), series_uid=uid)
    write_seg(tmp_path / "p1/seg.dcm", series=uid)
    (case,) = found(tmp_path).cases
    assert (case.case, case.image) == ("p1/ct", tmp_path / "p1/ct")
    assert read_image(case.image).geometry.size == (4, 16, 12)


def test_copies_of_a_series_are_cases_of_their_own_with_the_nearest_segmentation(tmp_path):
    uid = a_study(tmp_path / "p1")
    write_seg(tmp_path / "p1/seg.dcm", series=uid)
    shutil.copytree(tmp_path / "p1", tmp_path / "p2")
    shutil.copytree(tmp_path / "p1/ct", tmp_path / "p3/ct")
    first, second, third = found(tmp_path).cases
    assert [first.candidate, second.candidate] == [tmp_path / "p1/seg.dcm", tmp_path / "p2/seg.dcm"]
    assert (third.case, third.fault.found) == ("p3/ct", "has no segmentation.")


def test_what_is_missing_is_a_row_with_what_to_do(tmp_path):
    a_study(tmp_path / "without segmentation")
    write_seg(tmp_path / "without image/seg.dcm", series="1.2.3")
    write_seg(tmp_path / "says nothing/seg.dcm")
    cases = named(found(tmp_path).cases)
    assert cases["without segmentation/ct"].fault.found == "has no segmentation."
    assert "of series 1.2.3, which is not in this folder" in cases["without image/seg.dcm"].fault.found
    assert "does not say on which images" in cases["says nothing/seg.dcm"].fault.found
    assert all(case.fault.remedy for case in cases.values())


def test_localizers_single_images_and_further_series_are_told_of_and_are_no_cases(tmp_path):
    study = generate_uid()
    uid = a_study(tmp_path / "p1", StudyInstanceUID=study)
    write_seg(tmp_path / "p1/seg.dcm", series=uid)
    a_study(tmp_path / "p1", ct="scout", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], StudyInstanceUID=study)
    write_series(tmp_path / "p1/dose report", (0,), StudyInstanceUID=study)
    a_study(tmp_path / "p1", ct="bone kernel", StudyInstanceUID=study)
    result = found(tmp_path)
    assert [case.case for case in result.cases] == ["p1/ct"]
    assert "2 series of localizers or of a single image were passed over." in result.notes
    assert "1 image series without a segmentation, of studies that have one, were passed over." in result.notes


def test_patients_names_and_numbers_of_the_header_are_in_no_name(tmp_path):
    uid = a_study(tmp_path / "case 7", PatientName="Doe^John", PatientID="MRN123")
    write_seg(tmp_path / "case 7/seg.dcm", series=uid, PatientName="Doe^John", PatientID="MRN123")
    write_seg(tmp_path / "orphan.dcm", series="1.2", PatientName="Doe^John", PatientID="MRN123")
    text = repr(found(tmp_path))
    assert "Doe" not in text
    assert "MRN123" not in text


def test_the_site_is_the_institution_and_the_reader_the_content_creator(tmp_path):
    uid = a_study(tmp_path / "p1", InstitutionName="Jena")
    write_seg(tmp_path / "p1/seg.dcm", series=uid, ContentCreatorName="Reader^One")
    (case,) = found(tmp_path).cases
    assert (case.site, case.reader) == ("Jena", "Reader^One")


def test_series_without_uid_are_told_apart_by_their_folders(tmp_path):
    for name in ("a", "b"):
        write_series(tmp_path / name, POSITIONS, SeriesInstanceUID="", StudyInstanceUID="", SeriesNumber=1)
    assert [case.case for case in found(tmp_path).cases] == ["a", "b"]


def test_a_damaged_file_is_a_note_and_stops_nothing(tmp_path):
    uid = a_study(tmp_path / "p1")
    write_seg(tmp_path / "p1/seg.dcm", series=uid)
    (tmp_path / "p1/notes.txt").write_text("no DICOM")
    (tmp_path / "p1/damaged.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x08\x00\x08\x00CS\xff\xff" + b"x" * 20)
    whole = (tmp_path / "p1/ct/slice000.dcm").read_bytes()
    (tmp_path / "p1/cut.dcm").write_bytes(whole[: whole.index(b"\x20\x00\x0d\x00UI")])
    (tmp_path / "p1/dangling.dcm").symlink_to(tmp_path / "nowhere")
    result = found(tmp_path)
    assert [case.fault for case in result.cases] == [None]
    assert sum("damaged.dcm" in note for note in result.notes) == 1
    assert sum("cut.dcm: is cut short: an image without Rows" in note for note in result.notes) == 1
    assert sum("dangling.dcm" in note for note in result.notes) == 1


def test_a_folder_without_dicom_is_an_error_that_lists_the_forms(tmp_path):
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(BadDataError, match=r"holds no case(.|\n)*no DICOM file \(1 other files\)(.|\n)*nnU-Net data set"):
        find_cases(tmp_path)


def test_real_segs_of_dcmqi_are_read_with_the_images_that_were_found_for_them(shared_data):
    cases = named(found(shared_data / "dcmqi/data/segmentations").cases)
    assert set(cases) == {
        "23x38x3/image",
        *(f"24x38x3/image segmentation {name}" for name in ("label.seg", "sparse-labelmap-noppv.dcm", "sparse-labelmap-ppv5.dcm")),
        "ct-3slice segmentation 1",
        "ct-3slice segmentation 100",
    }
    case = cases["23x38x3/image"]
    image = read_image(case.image)
    assert image.geometry.size == (3, 38, 23) == read_segmentation(case.candidate, image=image).geometry.size
    image = read_image(cases["ct-3slice segmentation 1"].image)
    candidate = read_segmentation(cases["ct-3slice segmentation 1"].candidate, image=image)
    assert [segment.name for segment in candidate.segments] == ["Liver"]


def test_real_structure_sets_find_their_images_by_series_or_by_instances_alone(shared_data):
    cases = found(shared_data / "rt_utils/tests/mock_data").cases
    assert {case.candidate.name for case in cases} == {"rt.dcm", "invalid_reference_rt.dcm", "non_existent_reference_rt.dcm"}
    # The third names no series; the contours of all were drawn on this one.
    assert {case.image.name for case in cases} == {"ct_1.dcm"}


def test_a_real_ct_whose_uids_were_emptied_is_one_case(totalsegmentator):
    (case,) = found(totalsegmentator / "example_ct_dicom").cases
    assert (case.case, case.image) == ("example_ct_dicom", totalsegmentator / "example_ct_dicom")
    assert case.fault.found == "has no segmentation."
