"""segqc archive evaluate: from a real archive and back to it."""

import json

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dicom_series import write_series
from dicom_tools import dcentvfy, dciodvfy
from orthanc import PASSWORD, USER, Reply
from SegQCLib.archive.archive_url import archive_url
from SegQCLib.archive.connection import open_archive
from SegQCLib.archive.credentials import Credentials
from SegQCLib.archive.fetch import fetch_series
from SegQCLib.archive.search import find_series
from SegQCLib.archive.store import store_files
from SegQCLib.cli import main
from SegQCLib.geometry import sitk_image
from SegQCLib.images import read_image

pytest_plugins = ["archive_fixtures"]
pytest.importorskip("dicomweb_client")
pytest.importorskip("highdicom", reason="SEG and SR are written by highdicom")

pytestmark = pytest.mark.usefixtures("environment")

# Type 2 attributes: images have them, empty or not.
STUDY = {
    "AccessionNumber": "", "StudyID": "1", "PatientBirthDate": "", "ReferringPhysicianName": "", "PatientSex": "O",
    "StudyDate": "20260101", "StudyTime": "101112", "PatientName": "Phantom^Simulated", "SeriesNumber": 3,
}  # fmt: skip


@pytest.fixture
def archive(orthanc):
    return open_archive(archive_url(orthanc.url), Credentials(USER, PASSWORD))


@pytest.fixture
def labels(tmp_path):
    """Return the options that say what the label maps hold and who drew them."""
    (tmp_path / "names.json").write_text('{"liver": 5}')
    return ["--labels", str(tmp_path / "names.json"), "--drawn-by", "manual", "--reader", "Röntgen^Wilhelm"]


@pytest.fixture
def image(archive, tmp_path, request):
    """Return the headers of a simulated CT that is in the archive, and a folder with label maps of a liver in it."""
    headers = [pydicom.dcmread(path) for path in _write_series(tmp_path / "source", request.node.name[:60])]
    store_files(archive, sorted((tmp_path / "source").glob("*.dcm")))
    return headers[0]


def _write_series(folder, patient):
    planes = np.full((6, 16, 12), 1024)
    planes[1:5, 4:12, 3:9] = 1124
    return write_series(folder, np.arange(6) * 2.0, planes=list(planes), PatientID=patient, **STUDY)


def label_map(tmp_path, columns):
    geometry = read_image(tmp_path / "source").geometry
    labels = np.zeros(geometry.size, np.uint8)
    labels[1:5, 4:12, columns] = 5
    path = tmp_path / f"liver{columns.start}.nrrd"
    sitk.WriteImage(sitk_image(labels, geometry), str(path))
    return path


def arguments(url, image, tmp_path, candidate, *more):
    return [
        *["archive", "evaluate", "--url", url, "--series", str(image.SeriesInstanceUID), "--candidate", str(candidate)],
        *["--protocol", "ct-abdomen-portal-venous", "--out", str(tmp_path / "out"), *more],
    ]


def series_of_study(archive, image):
    return {one.modality: one for one in find_series(archive, {"StudyInstanceUID": str(image.StudyInstanceUID)})}


def test_a_candidate_on_disk_comes_back_from_the_archive_as_seg_and_sr(orthanc, archive, image, tmp_path, labels, capsys):
    candidate, reference = label_map(tmp_path, slice(3, 9)), label_map(tmp_path, slice(4, 9))
    run = arguments(orthanc.url, image, tmp_path, candidate, "--reference", str(reference), "--store", *labels)
    assert main(run) == 0
    out = capsys.readouterr().out
    assert "seg.dcm: stored" in out
    assert "sr.dcm: stored" in out
    study = series_of_study(archive, image)
    assert {modality: one.instances for modality, one in study.items()} == {"CT": 6, "SEG": 1, "SR": 1}

    files = {one: fetch_series(archive, study[one], tmp_path / one).files[0] for one in ("SEG", "SR")}
    for path in files.values():
        assert dciodvfy(path).errors == ()
    segmentation, report = pydicom.dcmread(files["SEG"]), pydicom.dcmread(files["SR"])
    assert report.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID == image.StudyInstanceUID
    assert str(segmentation.SOPInstanceUID) in str(report)
    assert not [line for line in dcentvfy([*sorted((tmp_path / "source").glob("*.dcm")), *files.values()]) if "Error" in line]
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    (dice,) = [one["value"] for one in record["measurements"] if one["metric"] == "dice"]
    # 6 and 5 columns of the same box: 2 * 5 / 11.
    assert dice == pytest.approx(10 / 11)


def test_run_again_it_fetches_evaluates_and_stores_nothing_twice(orthanc, front, archive, image, tmp_path, labels, capsys):
    counting = front(orthanc, lambda _: None)
    run = arguments(counting.url, image, tmp_path, label_map(tmp_path, slice(3, 9)), "--store", *labels)
    assert main(run) == 0
    before = (tmp_path / "out" / "record.json").read_bytes()
    counting.requests.clear()
    capsys.readouterr()
    assert main(run) == 0
    assert (tmp_path / "out" / "record.json").read_bytes() == before
    assert not [one for one in counting.requests if one.method == "POST" or "/instances/" in one.path]
    said = capsys.readouterr()
    assert "The same was evaluated before" in said.err
    assert said.out.count("the archive has it already") == 2
    # Asked for something else, it is evaluated anew: another report, the same segmentation.
    assert main([*run, "--reference", str(label_map(tmp_path, slice(4, 9)))]) == 0
    assert {one: found.instances for one, found in series_of_study(archive, image).items() if one != "SR"} == {"CT": 6, "SEG": 1}


def test_a_store_that_failed_is_taken_up_without_a_second_report(orthanc, front, archive, image, tmp_path, labels, capsys):
    posts = []

    def full_at_the_report(request):
        if request.method == "POST":
            posts.append(request)
        return Reply(507) if request.method == "POST" and len(posts) == 2 else None

    flaky = front(orthanc, full_at_the_report)
    run = arguments(flaky.url, image, tmp_path, label_map(tmp_path, slice(3, 9)), "--store", *labels)
    assert main(run) == 1
    assert "is full (507). The file is" in capsys.readouterr().err
    assert sorted(series_of_study(archive, image)) == ["CT", "SEG"]
    assert main(run) == 0
    assert "seg.dcm: the archive has it already" in capsys.readouterr().out
    found = find_series(archive, {"StudyInstanceUID": str(image.StudyInstanceUID)})
    assert sorted(one.modality for one in found) == ["CT", "SEG", "SR"]


@pytest.mark.parametrize("by", ["SOPInstanceUID", "SeriesInstanceUID"])
def test_a_seg_of_the_archive_is_evaluated_by_its_uid_and_not_stored_again(orthanc, archive, image, tmp_path, labels, capsys, by):
    candidate = label_map(tmp_path, slice(3, 9))
    seg = tmp_path / "their.dcm"
    exported = ["export", "seg", "--image", str(tmp_path / "source"), "--candidate", str(candidate), "--out", str(seg), *labels]
    exported += ["--protocol", "ct-abdomen-portal-venous"]
    assert main(exported) == 0
    store_files(archive, [seg])
    uid = str(pydicom.dcmread(seg)[by].value)
    assert main(arguments(orthanc.url, image, tmp_path, uid, "--store", "--reader", "Röntgen^Wilhelm", "--fail-on", "review")) in (
        0,
        3,
    )
    out = capsys.readouterr().out
    assert "the archive has it already" in out
    assert "sr.dcm: stored" in out
    assert not (tmp_path / "out" / "seg.dcm").exists()
    assert uid in str(pydicom.dcmread(tmp_path / "out" / "sr.dcm"))
    assert {one: found.instances for one, found in series_of_study(archive, image).items()} == {"CT": 6, "SEG": 1, "SR": 1}
    with pytest.raises(SystemExit):
        main(arguments(orthanc.url, image, tmp_path, uid, "--store", "--drawn-by", "manual"))
    assert "is a DICOM SEG and is not written again: --drawn-by does nothing" in capsys.readouterr().err


def test_what_is_neither_a_file_nor_a_uid_of_the_study_is_refused(orthanc, image, tmp_path, labels, capsys):
    assert main(arguments(orthanc.url, image, tmp_path, "missing.nrrd", "--dicom")) == 1
    assert "missing.nrrd: is neither a file nor a UID" in capsys.readouterr().err
    assert main(arguments(orthanc.url, image, tmp_path, "1.2.3.4", "--dicom")) == 1
    assert "has neither an instance nor a series with the UID 1.2.3.4" in capsys.readouterr().err


def test_what_cannot_succeed_is_said_before_anything_is_fetched(front, image, tmp_path, labels, capsys):
    asked = front(None, lambda _: Reply(500))
    with pytest.raises(SystemExit):
        main(arguments(asked.url, image, tmp_path, label_map(tmp_path, slice(3, 9)), *labels))
    assert "does nothing without --dicom or --store" in capsys.readouterr().err
    run = arguments(asked.url, image, tmp_path, label_map(tmp_path, slice(3, 9)), "--store", *labels)
    assert main([*run, "--protocol", "no-such-protocol"]) == 1
    assert "no-such-protocol" in capsys.readouterr().err
    assert asked.requests == []


def test_the_archive_s_series_gives_the_same_record_as_its_files(orthanc, image, tmp_path, labels):
    candidate, reference = label_map(tmp_path, slice(3, 9)), label_map(tmp_path, slice(4, 9))
    assert main(arguments(orthanc.url, image, tmp_path, candidate, "--reference", str(reference), *labels[:2])) == 0
    of_files = ["evaluate", "--image", str(tmp_path / "source"), "--candidate", str(candidate), "--reference", str(reference)]
    of_files += ["--protocol", "ct-abdomen-portal-venous", "--out", str(tmp_path / "files"), *labels[:2]]
    assert main(of_files) == 0
    records = [json.loads((tmp_path / folder / "record.json").read_text()) for folder in ("out", "files")]
    for record in records:
        # When it was made, and the names of the files, which their SHA-256 covers.
        del record["created"]
        assert record["inputs"].pop(0)["role"] == "image"
    assert records[0] == records[1]


def test_another_series_needs_another_folder(orthanc, archive, image, tmp_path, labels, capsys):
    candidate = label_map(tmp_path, slice(3, 9))
    assert main(arguments(orthanc.url, image, tmp_path, candidate, *labels[:2])) == 0
    before = (tmp_path / "out" / "record.json").read_bytes()
    other = write_series(tmp_path / "other", range(2), PatientID="another", **STUDY)
    store_files(archive, other)
    assert main(arguments(orthanc.url, pydicom.dcmread(other[0]), tmp_path, candidate, *labels[:2])) == 1
    assert "which the archive does not list in this series. Use another folder" in capsys.readouterr().err
    assert (tmp_path / "out" / "record.json").read_bytes() == before


def test_without_store_nothing_is_stored(orthanc, front, image, tmp_path, labels):
    counting = front(orthanc, lambda _: None)
    assert main(arguments(counting.url, image, tmp_path, label_map(tmp_path, slice(3, 9)), "--dicom", *labels)) == 0
    assert {one.method for one in counting.requests} == {"GET"}
    assert (tmp_path / "out" / "sr.dcm").is_file()
    assert (tmp_path / "out" / "seg.dcm").is_file()
