"""Worklists of a cohort: who reads which case, and that the Case step opens what is written."""

import csv
import hashlib
import shutil
from dataclasses import replace

import pytest

from SegQCLib.cohort.case_outcome import CaseCost, CaseOutcome, Outcome
from SegQCLib.cohort.cohort_case import CaseFault, CohortCase
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.routing import CaseForecast, Route, RoutingRule, route_cases
from SegQCLib.record import SegmentExpectedAgreement, Verdict
from SegQCLib.resources import resource
from SegQCLib.worklist import read_worklist
from SegQCLib.worklist_difficulty import CaseDifficulty, case_difficulties
from test_report import a_record

pytest.importorskip("pyarrow")

from SegQCLib.cohort.cohort_worklists import NOT_LISTED, SPOT_CHECKS, WORKLIST, WorklistChoice, write_worklists
from SegQCLib.cohort.result_store import ResultStore
from SegQCLib.cohort.tables.write_tables import write_tables


def forecasts(**dice):
    return [CaseForecast(case, "nodule", value) if value is not None else CaseForecast(case) for case, value in dice.items()]


def senior(routed):
    return [one.forecast.case for one in routed if one.route is Route.SENIOR]


def test_cases_below_the_limit_go_to_senior_readers_and_one_on_it_does_not():
    routed = route_cases(forecasts(a=0.7, b=0.6999, c=0.8), RoutingRule(senior_below=0.7))
    assert [one.forecast.case for one in routed] == ["b", "a", "c"]
    assert senior(routed) == ["b"]
    # Three decimals would say that 0.700 is below 0.700.
    assert routed[0].reason == "Expected Dice 0.6999 is below the limit 0.7000."
    assert routed[1].reason == "Expected Dice 0.700 is not below the limit 0.700."


@pytest.mark.parametrize(
    ("share", "count", "expected"), [(0.25, 8, 2), (0.25, 9, 3), (0.0, 8, 0), (1.0, 8, 8), (0.07, 100, 7), (0.25, 1, 1)]
)
def test_a_share_is_rounded_up_to_whole_cases(share, count, expected):
    routed = route_cases(forecasts(**{f"c{n}": n / 200 for n in range(count)}), RoutingRule(senior_share=share))
    assert senior(routed) == [f"c{n}" for n in range(expected)]


def test_cases_with_the_same_expected_dice_stay_together():
    routed = route_cases(forecasts(d=0.6, c=0.6, b=0.6, a=0.9), RoutingRule(senior_share=0.25))
    assert senior(routed) == ["b", "c", "d"]
    assert routed[0].reason == "Expected Dice 0.600 is among the lowest 1 of 4 (up to 0.600)."


@pytest.mark.parametrize("to", list(Route))
def test_cases_without_prediction_go_where_the_person_says_on_top_of_the_share(to):
    routed = route_cases(forecasts(a=0.5, b=0.6, c=0.7, d=0.8, x=None), RoutingRule(unpredicted=to))
    assert [one.forecast.case for one in routed] == ["a", "b", "c", "d", "x"]
    assert senior(routed) == (["a", "x"] if to is Route.SENIOR else ["a"])
    assert routed[-1].reason == "Nobody knows how hard it is: No expected expert agreement was predicted."


def test_the_reason_says_where_the_interval_holds_the_cut():
    across = CaseForecast("a", "nodule", 0.72, 0.6, 0.8, 0.9)
    above = CaseForecast("b", "nodule", 0.85, 0.75, 0.9, 0.9)
    first, second = route_cases([across, above], RoutingRule(senior_below=0.7))
    assert first.route is Route.GENERAL
    assert first.reason.endswith("Its 90 % interval is 0.600 to 0.800 and holds the limit: the other side is possible.")
    assert second.reason.endswith("Its 90 % interval is 0.750 to 0.900.")


@pytest.mark.parametrize("wrong", [{"senior_below": 0.0}, {"senior_below": 1.01}, {"senior_share": -0.1}, {"senior_share": 1.5}])
def test_a_cut_that_no_dice_or_share_can_have_is_refused(wrong):
    with pytest.raises(ValueError, match="senior_"):
        RoutingRule(**wrong)


class Cohort:
    """Results as a run keeps them, one after the other."""

    def __init__(self, folder):
        self.root, self.folder = folder, CohortFolder(folder / "results")
        self.store = ResultStore(self.folder)
        self.cases, self.outcomes = [], []

    def files(self, case):
        for role in ("image", "candidate", "reference"):
            path = self.root / "source" / case / f"{role}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"only its name matters here")
        return self.root / "source" / case

    def add(self, case, verdict=Verdict.REVIEW, dice=None, **changes):
        at = self.files(case)
        planned = CohortCase(case, at / "image.nii.gz", at / "candidate.nii.gz", protocol="ct-lung-nodule")
        key = hashlib.sha256(case.encode()).hexdigest()
        found = () if dice is None else (
            SegmentExpectedAgreement("nodule", "m 1", dice, dice - 0.05, dice + 0.05, 0.9, dice - 0.1, "lower", True),
        )  # fmt: skip
        record = replace(a_record(), verdict=verdict, expected_agreement=found)
        kept = self.store.keep(case, key, record, CaseCost("2026-11-22T12:00:00+00:00", 1.0, 0.5, None, "here"))
        self.cases.append(replace(planned, **changes))
        self.outcomes.append(kept.as_outcome(kept=False))

    def fail(self, case):
        self.cases.append(CohortCase(case, self.root / f"{case}.nii.gz", None))
        self.outcomes.append(
            CaseOutcome(case, None, Outcome.FAILED, fault=CaseFault(case, "=took too much memory.", "Give workers more."))
        )

    def write(self, choice=None, to=None):
        write_tables(self.folder, self.cases, self.outcomes)
        return write_worklists(self.folder, choice or WorklistChoice(), to)


@pytest.fixture
def cohort(tmp_path):
    return Cohort(tmp_path)


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_lists_open_as_worklists_with_the_hardest_case_first(cohort):
    for case, dice in (("easy", 0.9), ("hard", 0.4), ("middle", 0.7), ("fair", 0.8), ("unknown", None)):
        cohort.add(case, dice=dice)
    cohort.write()
    worklist = read_worklist(cohort.folder.path / WORKLIST)
    assert [entry.case for entry in worklist.cases] == ["hard", "middle", "fair", "easy", "unknown"]
    hardest = worklist.cases[0]
    assert hardest.image.read_bytes() == (cohort.root / "source/hard/image.nii.gz").read_bytes()
    assert (hardest.candidate.name, hardest.protocol, hardest.draft) == ("candidate.nii.gz", "ct-lung-nodule", None)
    assert [entry.case for entry in read_worklist(cohort.folder.path / "worklist-senior.csv").cases] == ["hard", "unknown"]
    assert [entry.case for entry in read_worklist(cohort.folder.path / "worklist-general.csv").cases] == ["middle", "fair", "easy"]
    told = case_difficulties(worklist, cohort.root / "no records")
    assert told["hard"] == CaseDifficulty("nodule", 0.4)
    assert "unknown" not in told


def test_every_path_is_found_after_all_of_it_was_moved(cohort, tmp_path_factory):
    protocol = cohort.root / "my protocol.json"
    protocol.write_text(resource("Protocols/ct-lung-nodule.json").read_text())
    (cohort.root / "names.json").write_text('{"liver": 5}')
    at = cohort.files("a")
    references = (at / "reference.nii.gz", at / "candidate.nii.gz")
    cohort.add("a", protocol=str(protocol), labels=str(cohort.root / "names.json"), references=references)
    cohort.write()
    moved = tmp_path_factory.mktemp("moved") / "all"
    shutil.move(cohort.root, moved)
    (entry,) = read_worklist(moved / "results" / WORKLIST).cases
    assert entry.reference.resolve() == moved / "source/a/reference.nii.gz"
    assert dict(entry.other)["reference_2"] == "../source/a/candidate.nii.gz"


def test_lists_in_a_folder_that_is_a_link_find_their_files(cohort, tmp_path_factory):
    cohort.add("a")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "deep" / "lists"
    elsewhere.mkdir(parents=True)
    (cohort.root / "lists").symlink_to(elsewhere)
    cohort.write(to=cohort.root / "lists")
    (entry,) = read_worklist(cohort.root / "lists" / WORKLIST).cases
    assert entry.image.samefile(cohort.root / "source/a/image.nii.gz")


def test_a_draft_that_nobody_had_read_comes_as_the_draft(cohort):
    cohort.add("a", candidate_is_draft=True)
    cohort.write()
    (entry,) = read_worklist(cohort.folder.path / WORKLIST).cases
    assert (entry.candidate, entry.draft.name) == (None, "candidate.nii.gz")


def test_accepted_cases_are_listed_only_where_somebody_asks(cohort):
    cohort.add("good", Verdict.ACCEPT, 0.5)
    cohort.add("bad", Verdict.REJECT, 0.6)
    assert [one.forecast.case for one in cohort.write().routed] == ["bad"]
    assert [one.forecast.case for one in cohort.write(WorklistChoice(accepted=True)).routed] == ["good", "bad"]
    assert [row["verdict"] for row in rows(cohort.folder.path / WORKLIST)] == ["ACCEPT", "REJECT"]


def test_cases_that_cannot_be_opened_stand_in_a_table_of_their_own(cohort):
    cohort.add("here")
    cohort.add("away")
    cohort.fail("broken")
    shutil.rmtree(cohort.root / "source" / "away")
    written = cohort.write()
    assert [one.forecast.case for one in written.routed] == ["here"]
    assert set(written.not_listed) == {"away", "broken"}
    told = {row["case"]: row for row in rows(cohort.folder.path / NOT_LISTED)}
    # A spreadsheet would run it as a formula.
    assert told["broken"]["error_found"] == "'=took too much memory."
    assert told["away"]["error_found"] == "is not there now."


def test_no_list_of_a_reader_tells_which_cases_are_spot_checks(cohort):
    for n in range(20):
        references = (cohort.files(f"good{n}") / "reference.nii.gz",)
        cohort.add(f"good{n}", Verdict.ACCEPT, 0.5 + n / 50, references=references)
    cohort.add("bad", Verdict.REJECT, 0.6)
    to = cohort.root / "for readers"
    written = cohort.write(WorklistChoice(spot_check_share=0.11), to)
    assert (len(written.spot_checks), len(written.routed)) == (3, 4)
    assert sorted(path.name for path in to.iterdir()) == ["worklist-general.csv", "worklist-senior.csv", "worklist.csv"]
    texts = [path.read_text("utf-8-sig") for path in to.iterdir()]
    assert not [told for told in ("ACCEPT", "REJECT", "verdict", "reference") for text in texts if told in text]
    assert [row["case"] for row in rows(cohort.folder.path / SPOT_CHECKS)] == list(written.spot_checks)
    again = cohort.write(WorklistChoice(spot_check_share=0.11), to)
    others = cohort.write(WorklistChoice(spot_check_share=0.11, seed=1), to)
    assert again == written
    assert others.spot_checks != written.spot_checks
    cohort.write()
    assert not (cohort.folder.path / SPOT_CHECKS).exists()


def test_spot_checks_are_no_choice_where_all_accepted_cases_are_listed():
    with pytest.raises(ValueError, match="none of them is a spot check"):
        WorklistChoice(accepted=True, spot_check_share=0.1)


def test_a_cohort_whose_cases_are_all_accepted_has_empty_lists(cohort):
    cohort.add("good", Verdict.ACCEPT)
    assert cohort.write().routed == ()
    assert rows(cohort.folder.path / "worklist-senior.csv") == []
