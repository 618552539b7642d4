"""The sample CT of 117 segments as SEG and SR: what segqc evaluate --dicom writes, read by other programs."""

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage

from dicom_tools import dciodvfy, tid1500reader
from SegQCLib.cli import main
from SegQCLib.dicom import private_codes

STUDY = "2.25.21"


@pytest.fixture(scope="module")
def written(totalsegmentator, tmp_path_factory):
    """What is written of the sample, whose de-identification removed all UIDs: it gets new ones here."""
    folder = tmp_path_factory.mktemp("sample")
    (folder / "ct").mkdir()
    for number, path in enumerate(sorted((totalsegmentator / "example_ct_dicom").iterdir())):
        dataset = pydicom.dcmread(path, force=True)
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{STUDY}.1.{number}"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = STUDY, f"{STUDY}.1", f"{STUDY}.2"
        dataset.save_as(folder / "ct" / f"{number}.dcm")
    seg = str(totalsegmentator / "example_seg_dicom.nii.gz")
    words = [
        "evaluate", "--image", str(folder / "ct"), "--candidate", seg, "--reference", seg, "--labels", "totalsegmentator",
        "--protocol", "ct-abdomen-portal-venous", "--out", str(folder / "out"), "--dicom", "--drawn-by", "automatic",
        "--model", "TotalSegmentator", "--model-version", "2.18.0",
    ]  # fmt: skip
    assert main(words) == 0
    return folder / "out"


def test_dciodvfy_finds_no_error(written):
    judgement = dciodvfy(written / "sr.dcm")
    assert judgement.errors == ()
    known = ("<99SEGQC>", "<SECTRA>", "needed to build DICOMDIR")  # private schemes, ours and the hospital's; what is not known
    assert [line for line in judgement.warnings if not any(word in line for word in known)] == []


def test_each_of_117_segments_has_its_numbers_or_is_absent(written, totalsegmentator, tmp_path):
    labels = nibabel.load(totalsegmentator / "example_seg_dicom.nii.gz")
    counts = np.bincount(np.asarray(labels.dataobj).astype(np.uint8).ravel(), minlength=118)[1:]
    voxel_mm3 = abs(np.linalg.det(labels.affine[:3, :3]))
    groups = tid1500reader(written / "sr.dcm", tmp_path / "out")["Measurements"][:-1]
    assert len(groups) == 117
    # 3D Slicer's table has the first segment's headings, and puts the others' numbers under them by their places: image quality,
    # of which segments lack one number or another, comes last.
    quality = {"113060", "126039", *(code.value for code in private_codes.QUALITY_CODES.values())}
    sequences = [
        [(item["quantity"]["CodeValue"], item.get("measurementModifiers")) for item in group["measurementItems"]]
        for group in groups
    ]
    measures = [[entry for entry in sequence if entry[0] not in quality] for sequence in sequences]
    assert all(sequence[: len(own)] == own for sequence, own in zip(sequences, measures, strict=True))
    assert all(other == measures[0][: len(other)] for other in measures[1:])
    assert len(sequences[0]) > len(measures[0])
    present = [number for number, count in enumerate(counts, 1) if count]
    absent = [number for number, count in enumerate(counts, 1) if not count]
    for place, (group, number) in enumerate(zip(groups, [*present, *absent], strict=True), 1):
        count = counts[number - 1]
        found = {item["quantity"]["CodeValue"]: float(item["value"]) for item in group["measurementItems"]}
        assert found["118565006"] == pytest.approx(count * voxel_mm3, rel=1e-5)
        assert found["m-voxels"] == count
        assert group.get("ReferencedSegment") == (place if count else None)
        assert found.get("m-dice") == (1 if count else None)


def test_a_series_without_uids_is_refused_with_the_missing_tags(totalsegmentator, tmp_path, capsys):
    seg = str(totalsegmentator / "example_seg_dicom.nii.gz")
    image = str(totalsegmentator / "example_ct_dicom")
    words = ["evaluate", "--image", image, "--candidate", seg, "--protocol", "ct-abdomen-portal-venous", "--out", str(tmp_path)]
    assert main([*words, "--dicom"]) == 1
    said = capsys.readouterr().err
    assert "no StudyInstanceUID (0020,000D)" in said
    assert "refers to images by their UIDs" in said
    assert list(tmp_path.iterdir()) == []
