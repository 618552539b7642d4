"""Which cases of a worklist are expected to be hard, as saved records say."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from SegQCLib.record import SegmentExpectedAgreement
from SegQCLib.worklist import Worklist, WorklistCase
from SegQCLib.worklist_difficulty import CaseDifficulty, case_difficulties, hard_cases_first
from test_report import a_record

WORKLIST = Worklist(Path("cases.csv"), tuple(WorklistCase(name, Path("image.nrrd")) for name in ("one", "two", "three", "four")))


def predicted(segment, dice) -> SegmentExpectedAgreement:
    threshold = None if dice is None else dice - 0.25
    return SegmentExpectedAgreement(segment, "m 1", dice, dice, dice, 0.9, threshold, "lower", dice is not None)


def save(folder, case, reader, *predictions, age_s=0):
    (folder / case / reader).mkdir(parents=True)
    path = folder / case / reader / "record.json"
    path.write_text(replace(a_record(), expected_agreement=predictions).to_json(), encoding="utf-8")
    os.utime(path, (1_700_000_000 - age_s, 1_700_000_000 - age_s))
    return path


def test_the_hardest_segment_of_the_newest_record_stands_for_a_case(tmp_path):
    save(tmp_path, "one", "Anna", predicted("nodule 1", 0.75), predicted("nodule 2", 0.5), predicted("nodule 3", None))
    save(tmp_path, "one", "Ben", predicted("nodule 1", 0.25), age_s=60)
    assert case_difficulties(WORKLIST, tmp_path) == {"one": CaseDifficulty("nodule 2", 0.5)}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"expected_agreement": [1]}', "{broken"])
def test_a_case_without_prediction_or_with_a_damaged_record_has_no_difficulty(tmp_path, text):
    save(tmp_path, "one", "Anna", predicted("nodule", None))
    save(tmp_path, "two", "Anna").write_text(text)
    assert case_difficulties(WORKLIST, tmp_path) == {}


def test_hard_cases_come_first_and_unknown_ones_last_in_their_order(tmp_path):
    save(tmp_path, "two", "Anna", predicted("nodule", 0.75))
    save(tmp_path, "four", "model", predicted("nodule", 0.5))
    ordered = hard_cases_first(WORKLIST, case_difficulties(WORKLIST, tmp_path))
    assert [entry.case for entry in ordered.cases] == ["four", "two", "one", "three"]
    assert hard_cases_first(WORKLIST, {}) == WORKLIST


def listed(*columns):
    return Worklist(Path("cases.csv"), (WorklistCase("one", Path("image.nrrd"), other=columns),))


def test_a_worklist_s_own_columns_tell_the_difficulty_without_any_record(tmp_path):
    worklist = listed(("site", "Jena"), ("Expected_Dice", "0.625"), ("hardest_segment", "nodule 2"))
    assert case_difficulties(worklist, tmp_path) == {"one": CaseDifficulty("nodule 2", 0.625)}
    assert case_difficulties(listed(("expected_dice", "0,625")), tmp_path) == {"one": CaseDifficulty(None, 0.625)}
    guarded = listed(("expected_dice", "0.5"), ("hardest_segment", "'=nodule"))
    assert case_difficulties(guarded, tmp_path)["one"].segment == "=nodule"


@pytest.mark.parametrize("value", ["", "hard", "nan", "-0.1", "1.01", "62 %"])
def test_a_column_that_is_no_dice_says_nothing(tmp_path, value):
    assert case_difficulties(listed(("expected_dice", value)), tmp_path) == {}


def test_a_saved_record_counts_before_the_column(tmp_path):
    save(tmp_path, "one", "Anna", predicted("nodule", 0.75))
    assert case_difficulties(listed(("expected_dice", "0.5")), tmp_path) == {"one": CaseDifficulty("nodule", 0.75)}
