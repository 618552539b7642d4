"""segqc export nnunet: data sets that nnU-Net reads, with whose work each label is."""

import json
from dataclasses import replace

import jsonschema
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dicom_series import write_series
from phantoms import a_geometry, a_segmentation, box_array
from SegQCLib.case import Case
from SegQCLib.case_files import reader_folder, save_candidate
from SegQCLib.cli import main
from SegQCLib.dataclass_json import from_json
from SegQCLib.evaluate import evaluate
from SegQCLib.geometry import geometry_of, sitk_image
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.protocol import load_protocol
from SegQCLib.record import Verdict
from SegQCLib.resources import resource
from SegQCLib.seg_nrrd import LabelPiece, NrrdSegment, NrrdSegmentation
from SegQCLib.training_cases import identifiers
from SegQCLib.training_folds import patient_splits
from SegQCLib.training_labels import training_labels
from SegQCLib.training_provenance import TrainingCase, TrainingProvenance, provenance_schema
from SegQCLib.worklist import read_worklist
from SegQCLib.worklist_progress import CaseState, write_state

PROTOCOL = "ct-abdomen-portal-venous"
GRID = a_geometry(size=(6, 12, 10))
LIVER, SPLEEN = ((1, 4), (2, 8), (1, 5)), ((1, 3), (2, 6), (6, 9))


def tags(status="completed", kind="MANUAL", name=None, version=None):
    parts = {"Segmentation.Status": status, "DICOM.SegmentAlgorithmType": kind}
    parts |= {"DICOM.SegmentAlgorithmName": name, "DICOM.AlgorithmVersion": version}
    return "".join(f"{key}:{value}|" for key, value in parts.items() if value is not None)


def a_drawing(geometry=GRID, **segments) -> NrrdSegmentation:
    """One segment per keyword: (box or None, tags)."""
    pieces, listed = [], []
    for number, (name, (box, its_tags)) in enumerate(segments.items()):
        if box is not None:
            pieces.append(LabelPiece(tuple(low for low, _ in box), np.ones([high - low for low, high in box], np.uint8)))
        keys = {"ID": f"s{number}", "Name": name, "Tags": its_tags}
        listed.append(NrrdSegment(None if box is None else len(pieces) - 1, 1, keys))
    return NrrdSegmentation(geometry, tuple(pieces), tuple(listed))


def both(**changed):
    return a_drawing(**{"liver": (LIVER, tags()), "spleen": (SPLEEN, tags()), **changed})


class Study:
    """A worklist of DICOM series on disk, with what readers save of it."""

    def __init__(self, folder, cases=("p1", "p2"), **header):
        self.folder, self.records = folder, folder / "segqc-records"
        rng = np.random.default_rng(1)
        for number in range(len(cases)):
            planes = rng.integers(0, 2000, (6, 12, 10))
            own = {"PatientID": f"ID{number:05}", "PatientName": f"Family{number}^Given", **header}
            size = {"rows": 12, "columns": 10, "pixel_spacing_mm": (1, 1)}
            write_series(folder / f"series{number}", range(0, 12, 2), planes=planes, **size, **own)
        lines = [f"{case},series{number},{PROTOCOL}" for number, case in enumerate(cases)]
        (folder / "cases.csv").write_text("\n".join(["case,image,protocol", *lines]), encoding="utf-8")
        self.worklist = read_worklist(folder / "cases.csv")

    def save(self, case, drawing, reader="Anna"):
        entry = self.worklist.cases[self.worklist.number(case)]
        save_candidate(reader_folder(self.records, case, reader), drawing, read_image(entry.image).source.sha256)

    def export(self, *more, structures=("liver", "spleen")):
        arguments = ["export", "nnunet", "--worklist", self.folder / "cases.csv", "--dataset", 501, "--name", "Organs"]
        arguments += ["--out", self.folder / "raw", *(("--structures", *structures) if structures else ()), *more]
        return main([str(argument) for argument in arguments])

    @property
    def dataset(self):
        return self.folder / "raw" / "Dataset501_Organs"

    def json(self, name="dataset.json"):
        return json.loads((self.dataset / name).read_text(encoding="utf-8"))

    def label_map(self, case):
        return sitk.GetArrayFromImage(sitk.ReadImage(self.dataset / "labelsTr" / f"{case}.nii.gz"))


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


def test_a_data_set_has_the_files_and_the_json_that_nnu_net_wants(study):
    study.save("p1", both())
    study.save("p2", both(spleen=(None, tags())))
    assert study.export() == 0
    files = sorted(str(path.relative_to(study.dataset)) for path in study.dataset.rglob("*") if path.is_file())
    images, labels = ["imagesTr/p1_0000.nii.gz", "imagesTr/p2_0000.nii.gz"], ["labelsTr/p1.nii.gz", "labelsTr/p2.nii.gz"]
    assert files == ["dataset.json", *images, *labels, "provenance.json"]
    dataset = study.json()
    assert dataset["channel_names"] == {"0": "CT"}
    assert dataset["labels"] == {"background": 0, "liver": 1, "spleen": 2}
    assert (dataset["numTraining"], dataset["file_ending"]) == (2, ".nii.gz")
    expected = box_array(GRID.size, *LIVER) + 2 * box_array(GRID.size, *SPLEEN)
    assert np.array_equal(study.label_map("p1"), expected)
    # Completed and empty: assessed, absent.
    assert np.array_equal(study.label_map("p2"), box_array(GRID.size, *LIVER))


def test_the_sidecar_is_what_its_shipped_schema_says(study):
    study.save("p1", both())
    study.save("p2", both())
    assert study.export() == 0
    jsonschema.Draft202012Validator(provenance_schema()).validate(study.json("provenance.json"))
    shipped = resource("Schemas/training_provenance.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(provenance_schema(), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(("modality", "channel"), [("CT", "CT"), ("MR", "MR")])
def test_the_channel_is_the_modality_by_which_nnu_net_normalises(tmp_path, modality, channel):
    study = Study(tmp_path, cases=("p1",), Modality=modality)
    study.save("p1", both())
    assert study.export() == 0
    assert study.json()["channel_names"] == {"0": channel}
    assert study.export("--channel", "noNorm", "--out", tmp_path / "other") == 0
    dataset = json.loads((tmp_path / "other" / "Dataset501_Organs" / "dataset.json").read_text(encoding="utf-8"))
    assert dataset["channel_names"] == {"0": "noNorm"}


C, S = np.cos(0.3), np.sin(0.3)


@pytest.mark.parametrize(
    "orientation",
    [
        pytest.param((1, 0, 0, 0, 1, 0), id="axial"),
        pytest.param((0, 1, 0, 0, 0, -1), id="sagittal"),
        pytest.param((1, 0, 0, 0, 0, -1), id="coronal"),
        pytest.param((-1, 0, 0, 0, -1, 0), id="prone"),
        pytest.param((C, S, 0, -S * C, C * C, S), id="oblique"),
        pytest.param((0, 0, 1, 1, 0, 0), id="rows to head"),
    ],
)
def test_every_voxel_is_where_dicom_puts_it_in_every_orientation(tmp_path, orientation):
    rows = np.array(orientation, float).reshape(2, 3)
    normal = np.cross(*rows)
    planes = np.arange(5 * 7 * 4).reshape(5, 7, 4)
    positions = [np.array([10.5, -20.25, 33.3]) + 2.5 * k * normal for k in range(5)]
    write_series(tmp_path / "s", [0] * 5, rows=7, columns=4, orientation=orientation, pixel_spacing_mm=(0.8, 0.7), planes=planes)
    for path, position in zip(sorted((tmp_path / "s").iterdir()), positions, strict=True):
        dataset = pydicom.dcmread(path)
        dataset.ImagePositionPatient = [f"{value:.9g}" for value in position]
        dataset.save_as(path)
    image = read_image(tmp_path / "s")
    label = np.zeros(image.geometry.size, np.uint8)
    label[1:3, 2:4, 1:3] = 1
    sitk.WriteImage(sitk_image(label, image.geometry), tmp_path / "candidate.nrrd")
    (tmp_path / "names.json").write_text('{"liver": 1}')
    arguments = ["export", "nnunet", "--case", tmp_path / "s", tmp_path / "candidate.nrrd", "--labels", tmp_path / "names.json"]
    arguments += ["--protocol", PROTOCOL, "--structures", "liver", "--dataset", 7, "--name", "X", "--out", tmp_path / "raw"]
    assert main([str(argument) for argument in arguments]) == 0
    folder = tmp_path / "raw" / "Dataset007_X"
    read = nibabel.load(folder / "imagesTr" / "case_0001_0000.nii.gz")
    values = np.asarray(read.dataobj)
    drawn = nibabel.load(folder / "labelsTr" / "case_0001.nii.gz")
    assert np.array_equal(read.affine, drawn.affine)
    assert np.array_equal(np.asarray(drawn.dataobj).transpose(), label)
    to_lps = np.diag([-1, -1, 1, 1]) @ read.affine
    for k, position in enumerate(positions):
        for j, i in ((0, 0), (6, 3), (2, 1)):
            # DICOM PS3.3 C.7.6.2.1.1: the row vector runs along columns.
            where = position + rows[0] * 0.7 * i + rows[1] * 0.8 * j
            index = np.rint(np.linalg.inv(to_lps) @ [*where, 1]).astype(int)[:3]
            assert np.allclose((to_lps @ [*index, 1])[:3], where, atol=1e-3)
            assert values[tuple(index)] == planes[k, j, i] - 1024
    names = ("imagesTr/case_0001_0000.nii.gz", "labelsTr/case_0001.nii.gz")
    assert len({geometry_of(sitk.ReadImage(folder / name)) for name in names}) == 1


def test_a_structure_that_nobody_looked_for_is_never_background(study, capsys):
    study.save("p1", both())
    study.save("p2", a_drawing(liver=(LIVER, tags())))
    assert study.export() == 0
    assert "left out: p2: does not say whether spleen (no segment) is there" in capsys.readouterr().out
    assert [one["case"] for one in study.json("provenance.json")["left_out"]] == ["p2"]
    assert study.json()["numTraining"] == 1


UNFINISHED = [("notstarted", "not started"), ("inprogress", "in progress"), ("flagged", "flagged for review")]


@pytest.mark.parametrize(("status", "words"), UNFINISHED)
def test_unfinished_segments_are_not_assessed(study, capsys, status, words):
    study.save("p1", both())
    study.save("p2", both(spleen=(SPLEEN, tags(status))))
    assert study.export() == 0
    assert f"spleen (its segment is {words}" in capsys.readouterr().out


def test_an_empty_structure_of_which_no_file_says_that_it_was_looked_for_is_told(study, capsys):
    study.save("p1", both())
    study.save("p2", both(spleen=(None, tags(status=None))))
    assert study.export() == 0
    assert "count as looked for and absent, though their files do not say that anybody looked" in capsys.readouterr().err
    (_, second) = study.json("provenance.json")["cases"]
    assert [label["statuses"] for label in second["labels"]] == [["completed"], [None]]


def test_with_the_ignore_label_unknown_voxels_teach_no_background(study, capsys):
    study.save("p1", both())
    study.save("p2", both(spleen=(SPLEEN, tags("inprogress"))))
    assert study.export("--ignore-unassessed") == 0
    assert study.json()["labels"] == {"background": 0, "liver": 1, "spleen": 2, "ignore": 3}
    expected = np.where(box_array(GRID.size, *LIVER) == 1, 1, 3)
    assert np.array_equal(study.label_map("p2"), expected)
    assert 3 not in study.label_map("p1")
    assert "have the ignore label" in capsys.readouterr().err


def test_structures_that_share_voxels_are_refused_with_their_count(study, capsys):
    study.save("p1", both())
    study.save("p2", both(spleen=(((1, 3), (2, 6), (4, 9)), tags())))
    assert study.export() == 0
    # Columns 4 of rows 2 to 5 in slices 1 and 2.
    assert "left out: p2: has 8 voxels that are both spleen and liver" in capsys.readouterr().out


def test_whose_work_a_label_is_stands_beside_the_data_and_untouched_output_is_called_so(study, capsys):
    study.save("p1", both(liver=(LIVER, tags(kind="AUTOMATIC", name="TotalSegmentator", version="2.4.0"))))
    study.save("p2", both(liver=(LIVER, tags(kind="SEMIAUTOMATIC", name="TotalSegmentator", version="2.4.0"))), "Ben")
    assert study.export() == 0
    provenance = from_json(TrainingProvenance, (study.dataset / "provenance.json").read_text(encoding="utf-8"))
    assert [case.reader for case in provenance.cases] == ["Anna", "Ben"]
    assert [case.labels[0].algorithm_types for case in provenance.cases] == [("AUTOMATIC",), ("SEMIAUTOMATIC",)]
    assert [case.labels[0].untouched for case in provenance.cases] == [True, False]
    livers = [case.labels[0] for case in provenance.cases]
    assert {liver.algorithm_names + liver.algorithm_versions for liver in livers} == {("TotalSegmentator", "2.4.0")}
    assert [case.labels[1].algorithm_types for case in provenance.cases] == [("MANUAL",), ("MANUAL",)]
    assert [case.labels[1].voxels for case in provenance.cases] == [2 * 4 * 3] * 2
    images = [read_image(entry.image).source.sha256 for entry in study.worklist.cases]
    assert [case.image_sha256 for case in provenance.cases] == images
    assert provenance.protocol.sha256 == load_protocol(PROTOCOL).sha256
    warning = "1 label in 1 of 2 cases are an algorithm's output that nobody changed (p1)"
    assert warning in capsys.readouterr().err
    assert warning in provenance.warnings[0]


def test_untouched_output_can_be_left_out(study, capsys):
    study.save("p1", both(liver=(LIVER, tags(kind="AUTOMATIC", name="TotalSegmentator"))))
    study.save("p2", both())
    assert study.export("--without-automatic") == 0
    assert "left out: p1: does not say whether liver (nobody touched the algorithm's output)" in capsys.readouterr().out
    assert study.json()["numTraining"] == 1


def test_a_segment_with_its_drafts_voxels_is_untouched_whatever_its_file_says(tmp_path):
    protocol = load_protocol(PROTOCOL).protocol
    draft = a_segmentation(GRID, liver=LIVER, spleen=SPLEEN)
    candidate = a_segmentation(GRID, liver=LIVER, spleen=((1, 3), (2, 6), (6, 8)))
    candidate = replace(candidate, segments=tuple(replace(s, algorithm_type="MANUAL") for s in candidate.segments))
    labels = training_labels(candidate, draft, protocol, ("liver", "spleen"))
    assert [origin.untouched for origin in labels.origins] == [True, False]


def test_of_several_readers_one_is_chosen_by_name_and_never_silently(study, capsys):
    study.save("p1", both())
    study.save("p1", both(liver=(((1, 2), (2, 8), (1, 5)), tags())), "Ben")
    study.save("p2", both())
    assert study.export() == 0
    printed = capsys.readouterr().out
    assert "p1: was segmented by 2 readers (Anna, Ben)" in printed
    assert study.json()["numTraining"] == 1
    for path in sorted(study.dataset.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    study.dataset.rmdir()
    assert study.export("--reader", "Ben", "--reader", "Anna") == 0
    assert [case["reader"] for case in study.json("provenance.json")["cases"]] == ["Ben", "Anna"]
    assert np.count_nonzero(study.label_map("p1") == 1) == 1 * 6 * 4


def test_cases_are_taken_by_verdict_and_by_what_readers_marked_as_done(study, capsys):
    for case in ("p1", "p2"):
        study.save(case, both())
    folder = reader_folder(study.records, "p1", "Anna")
    protocol = load_protocol(PROTOCOL)
    read = Case(read_image(study.worklist.cases[0].image), read_segmentation(folder / "candidate.seg.nrrd"))
    record = replace(evaluate(read, protocol), verdict=Verdict.REJECT)
    (folder / "record.json").write_text(record.to_json(), encoding="utf-8")
    assert study.export() == 0
    assert "left out: p1: has the verdict REJECT" in capsys.readouterr().out
    assert study.export("--verdict", "accept", "--out", study.folder / "none") == 1
    assert "p2: has no verdict" in capsys.readouterr().err
    assert not list((study.folder / "none").iterdir())
    write_state(study.worklist, "Anna", study.records, "p1", CaseState.DONE)
    assert study.export("--verdict", "any", "--done-only", "--out", study.folder / "done") == 0
    (case,) = json.loads((study.folder / "done" / "Dataset501_Organs" / "provenance.json").read_text(encoding="utf-8"))["cases"]
    assert (case["case"], case["verdict"], case["evaluated_under"]["sha256"]) == ("p1", "REJECT", protocol.sha256)


def test_nothing_is_overwritten_and_nothing_is_left_behind(study, capsys):
    study.save("p1", both())
    study.save("p2", both())
    assert study.export() == 0
    before = {path: path.read_bytes() for path in study.dataset.rglob("*") if path.is_file()}
    assert study.export() == 1
    assert study.export("--name", "Other") == 1
    assert "has Dataset501_Organs already" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in study.dataset.rglob("*") if path.is_file()} == before
    assert [path.name for path in (study.folder / "raw").iterdir()] == ["Dataset501_Organs"]


def test_a_full_disk_leaves_no_half_data_set(study, monkeypatch, capsys):
    study.save("p1", both())
    study.save("p2", both())
    write, written = sitk.WriteImage, []

    def full(image, name, **options):
        written.append(name)
        if len(written) == 3:
            raise RuntimeError("sitk::ERROR: No space left on device")
        write(image, name, **options)

    monkeypatch.setattr("SegQCLib.nnunet_dataset.sitk.WriteImage", full)
    assert study.export() == 1
    assert "nothing was written" in capsys.readouterr().err
    assert not list((study.folder / "raw").iterdir())


def test_irregular_slices_are_refused(tmp_path, capsys):
    study = Study(tmp_path)
    study.save("p1", both())
    for path in (tmp_path / "series1").iterdir():
        dataset = pydicom.dcmread(path)
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, y, z + (0.7 if z > 7 else 0)]
        dataset.save_as(path)
    study.save("p2", both())
    assert study.export() == 0
    assert "mm off a regular grid" in capsys.readouterr().out
    assert study.json()["numTraining"] == 1


def test_identifiers_do_not_show_the_patient(tmp_path, capsys):
    study = Study(tmp_path, cases=("family0_baseline", "p2"))
    study.save("family0_baseline", both())
    study.save("p2", both())
    assert study.export() == 1
    assert "has the patient's name or number in its identifier" in capsys.readouterr().err
    assert study.export("--number-cases") == 0
    assert sorted(path.name for path in (study.dataset / "labelsTr").iterdir()) == ["case_0001.nii.gz", "case_0002.nii.gz"]
    for path in study.dataset.rglob("*.json"):
        text = path.read_text(encoding="utf-8").casefold()
        assert "family" not in text
        assert "id0000" not in text
        assert str(tmp_path) not in text


def test_the_sidecar_names_no_file_of_a_case_that_could_not_be_read(tmp_path, capsys):
    study = Study(tmp_path, cases=("Family0 Given", "p2"))
    study.save("Family0 Given", both())
    study.save("p2", both())
    for path in (tmp_path / "series0").iterdir():
        path.write_bytes(path.read_bytes()[:300])
    assert study.export("--number-cases") == 0
    assert f"left out: case_0001 (Family0 Given): {tmp_path / 'series0'}" in capsys.readouterr().out
    (left_out,) = study.json("provenance.json")["left_out"]
    assert left_out == {"case": "case_0001", "reason": "A file of it cannot be used; the command's output said why."}
    assert "amily0" not in (study.dataset / "provenance.json").read_text(encoding="utf-8")


def test_where_the_patients_identity_was_removed_a_study_number_may_name_the_case(tmp_path):
    study = Study(tmp_path, cases=("ID00000", "p2"), PatientIdentityRemoved="YES")
    study.save("ID00000", both())
    study.save("p2", both())
    assert study.export() == 0


def test_names_become_identifiers_that_every_system_can_read():
    assert identifiers(["p1", "Fall 2", "病例", "Fälle", "Fölle", "case_0001"], numbered=False) == [
        "p1", "Fall-2", "case_0002", "case_0003", "case_0004", "case_0001",
    ]  # fmt: skip
    assert identifiers(["p1", "p2"], numbered=True) == ["case_0001", "case_0002"]


def training_case(case, patient):
    return TrainingCase(case, patient, None, None, None, None, None, None, False, None, ())


def test_folds_keep_a_patients_cases_together():
    cases = [training_case(f"c{n:02}", f"patient {n % 7}") for n in range(20)]
    splits = patient_splits(cases)
    assert len(splits) == 5
    assert sorted(case for split in splits for case in split["val"]) == [case.case for case in cases]
    patient_of = {case.case: case.patient for case in cases}
    for split in splits:
        assert sorted(split["train"] + split["val"]) == [case.case for case in cases]
        assert not {patient_of[case] for case in split["train"]} & {patient_of[case] for case in split["val"]}


def test_no_folds_are_made_where_they_say_nothing_or_patients_are_unknown():
    assert patient_splits([training_case(f"c{n}", f"patient {n}") for n in range(9)]) is None
    assert patient_splits([training_case(f"c{n}", f"patient {n % 3}") for n in range(9)]) is None
    assert patient_splits([training_case(f"c{n}", None) for n in range(9)]) is None


def test_the_worklists_own_candidates_are_taken_on_demand(study, capsys):
    lines = ["case,image,candidate,labels,patient"]
    (study.folder / "names.json").write_text('{"liver": 1, "spleen": 2}')
    array = box_array(GRID.size, *LIVER) + 2 * box_array(GRID.size, *SPLEEN)
    for number, case in enumerate(("p1", "p2")):
        sitk.WriteImage(sitk_image(array, GRID), study.folder / f"{case}.nrrd")
        lines.append(f"{case},series{number},{case}.nrrd,names.json,same patient")
    (study.folder / "cases.csv").write_text("\n".join(lines), encoding="utf-8")
    assert study.export("--listed", "--protocol", PROTOCOL, "--reader", "Anna") == 0
    assert [(case["reader"], case["patient"]) for case in study.json("provenance.json")["cases"]] == [("Anna", "patient 1")] * 2
    printed = capsys.readouterr().err
    assert "Of 2 cases the files do not say for every segment whether a person or an algorithm drew it" in printed
    assert "1 patient has several cases, and no folds by patient were made" in printed


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--structures", "liver", "gall"), "gall: not among the protocol's structures"),
        (("--dataset", "1000"), "from 1 to 999"),
        (("--name", "a b"), "is no name for a data set"),
        (("--labels", "totalsegmentator"), "--labels goes with --case"),
        (("--listed", "--done-only"), "--listed takes one --reader"),
    ],
)
def test_options_that_make_no_data_set_are_wrong_usage(study, capsys, more, words):
    with pytest.raises(SystemExit) as stopped:
        study.export(*more, structures=())
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_two_modalities_are_not_one_channel(study, capsys):
    study.save("p1", both())
    for path in (study.folder / "series1").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.Modality = "MR"
        dataset.save_as(path)
    study.save("p2", both())
    assert study.export() == 1
    assert "would mix images of several modalities" in capsys.readouterr().err
    assert not list((study.folder / "raw").iterdir())


def test_the_real_ct_keeps_its_voxels_and_its_place(shared_data, tmp_path):
    source = shared_data / "totalsegmentator"
    arguments = ["export", "nnunet", "--case", source / "example_ct_dicom", source / "example_seg_dicom.nii.gz"]
    arguments += ["--labels", "totalsegmentator", "--protocol", PROTOCOL, "--structures", "liver", "spleen"]
    arguments += ["--dataset", "502", "--name", "Real", "--out", tmp_path]
    assert main([str(argument) for argument in arguments]) == 0
    folder = tmp_path / "Dataset502_Real"
    written = sitk.ReadImage(folder / "imagesTr" / "case_0001_0000.nii.gz")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(source / "example_ct_dicom")))
    ct = reader.Execute()
    index = [(0, 0, 0), tuple(size - 1 for size in ct.GetSize()), (100, 200, 3)]
    for one in index:
        where = ct.TransformIndexToPhysicalPoint(one)
        there = written.TransformPhysicalPointToIndex(where)
        assert np.allclose(written.TransformIndexToPhysicalPoint(there), where, atol=1e-3)
        assert written[there] == ct[one]
    # TotalSegmentator's own file numbers the liver 5 and the spleen 1.
    own = nibabel.load(source / "example_seg_dicom.nii.gz")
    exported = nibabel.load(folder / "labelsTr" / "case_0001.nii.gz")
    for number, theirs in ((1, 5), (2, 1)):
        assert np.count_nonzero(np.asarray(exported.dataobj) == number) == np.count_nonzero(np.asarray(own.dataobj) == theirs)
        centres = [
            (volume.affine @ [*np.argwhere(np.asarray(volume.dataobj) == value).mean(axis=0), 1])[:3] if value else None
            for volume, value in ((exported, number), (own, theirs))
        ]
        assert np.allclose(*centres, atol=1e-2)
