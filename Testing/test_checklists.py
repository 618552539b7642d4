"""Checklists: what a data set of 20 simulated cases fills by itself, and that nothing else is ever filled."""

import csv
import io
import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from phantoms import AXIAL
from SegQCLib.acquisition import Acquisition, Span
from SegQCLib.agreement.study_agreement import StudyAgreement
from SegQCLib.case import Case, Segment, Segmentation, Volume
from SegQCLib.checklists.answers import (
    Answer,
    ChecklistAnswers,
    answers_schema,
    open_items,
    read_answers,
    set_answer,
    template,
    with_answers,
)
from SegQCLib.checklists.checklist import checklist_schema, load_checklist, shipped_checklists
from SegQCLib.checklists.fill import SIMULATED, fill_checklist
from SegQCLib.checklists.filled_checklist import FilledChecklist, ItemState, filled_checklist_schema
from SegQCLib.checklists.filled_csv import COLUMNS, filled_csv
from SegQCLib.checklists.filled_page import filled_page
from SegQCLib.checklists.fillers import FILLERS
from SegQCLib.checklists.methods_text import methods_text
from SegQCLib.checklists.study_facts import StudyFacts, collect_facts
from SegQCLib.cli import main
from SegQCLib.dataclass_json import from_json
from SegQCLib.deidentify import deidentified_case, marked_deidentified
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import load_protocol
from SegQCLib.pseudonyms import Pseudonyms
from SegQCLib.readers.ratings import give_grade
from SegQCLib.readers.simulated_logs import LOGS, simulate_department
from SegQCLib.resources import resource

PROTOCOL = "ct-abdomen-portal-venous"
CASES = 20
HOSTILE = '<script>alert("x")</script>'


@cache
def structure_codes():
    return {structure.name: structure.terminology for structure in load_protocol(PROTOCOL).protocol.structures}


def a_segmentation(name, geometry, missing_rows):
    """Liver of 12 x 16 x 12 voxels; spleen of 12 x (16 - missing_rows) x 10."""
    codes = structure_codes()
    layer = np.zeros(geometry.size, np.uint8)
    layer[4:16, 10:26, 6:18] = 1
    layer[4:16, 10 : 26 - missing_rows, 24:34] = 2
    segments = (
        Segment("liver", "liver", 1, terminology=codes["liver"], algorithm_type="MANUAL"),
        Segment("spleen", "spleen", 2, terminology=codes["spleen"], algorithm_type="MANUAL"),
    )
    return Segmentation(name, geometry, (layer,), segments)


def a_case(number, **facts):
    geometry = Geometry((20, 40, 40), (3.0, 2.0, 2.0), (0.0, 0.0, 0.0), AXIAL)
    acquisition = Acquisition(
        source="SIMULATED header",
        modality="CT",
        manufacturer="SIMULATED maker",
        model="SIMULATED scanner",
        slice_thicknesses_mm=(3.0,),
        slice_positions_mm=tuple(3.0 * k for k in range(20)),
        slice_displacement_mm=0.0,
        stack_tilt_deg=0.0,
        kvp=120.0,
        convolution_kernel=("B30f",),
        exposure_mas=Span(100.0, 100.0 + number),
        contrast_agent="SIMULATED",
        value_unit="HU",
    )
    array = np.random.default_rng(number).normal(60, 10, geometry.size).astype(np.int16)
    return Case(
        Volume(array, geometry, replace(acquisition, **facts)),
        a_segmentation("SIMULATED candidate", geometry, number % 4),
        (a_segmentation("SIMULATED reference", geometry, 0),),
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """20 simulated cases evaluated under a shipped protocol, and the logs of 3 simulated readers."""
    folder = tmp_path_factory.mktemp("study")
    protocol = load_protocol(PROTOCOL)
    for number in range(CASES):
        own = folder / "records" / f"case{number:02}"
        own.mkdir(parents=True)
        (own / "record.json").write_text(evaluate(a_case(number), protocol).to_json(), encoding="utf-8")
    simulate_department(folder, readers=3, models=1, cases=CASES, seed=1)
    return folder


@pytest.fixture(scope="module")
def facts(study):
    return collect_facts(records=study / "records", logs=study / LOGS)


@pytest.fixture(scope="module")
def claim(facts):
    return fill_checklist(load_checklist("claim-2024"), facts)


def of_state(filled, *states):
    return [item for item in filled.items if item.state in states]


def numbers(filled, state):
    return {item.number for item in of_state(filled, state)}


def item_of(filled, number):
    return next(item for item in filled.items if item.number == number)


def texts(item):
    return " ".join(one.text for one in item.reported)


# What 20 simulated cases with logs fill by themselves: the number of each item and why it stands so. All others are open.
FILLED = {
    "claim-2024": {
        "13": "every header names scanner, slice thickness, tube voltage, exposure and kernel",
    },
    "clear": {},
    "ridge": {},
}
PARTLY = {
    "claim-2024": {
        "9": "unit of values and resampling are in the records; what the model's pre-processing did is not",
        "12": "what could not be checked is counted; what was done about it is not known",
        "14": "protocol and number of references are known; how a reference came about is not",
        "16": "readers and reads are counted and the course is named; nobody's qualification is in a file",
        "17": "tools, drafts and times are logged; logs of the simulation name no version of 3D Slicer, nor is a test set marked",
        "18": "double reads are counted; their agreement was not computed",
        "23": "versions of the evaluation are known; those of the model under study are not",
        "28": "measures and definitions are known; which one is primary is not",
        "35": "evaluated cases are counted; those that were screened are not",
        "37": "candidates were compared with references; whose candidates they are is not known",
        "39": "cases that were not accepted are counted with the failed checks; why is not known",
        "42": "protocol, version and SHA-256 are known; where the study protocol can be read is not",
    },
    "clear": {
        "7": "this checklist is one; others are asked",
        "16": "headers name the acquisition; preparation of patients is in none",
        "19": "protocol, tools and drafts are known; margins and figures are not",
        "20": "readers are counted; their experience is not known",
        "21": "unit of values and resampling are in the records; further steps are not",
        "31": "double reads are counted; their agreement was not computed",
        "45": "evaluated cases are counted; those that were screened are not",
    },
    "ridge": {
        "M-3": "headers name the acquisition; where images come from is in none",
        "M-6": "protocol, structures, readers and drafts are known; how a reference came about is not",
        "M-9": "tools and models are logged; the simulation names no version of 3D Slicer",
    },
}


@pytest.mark.parametrize("name", FILLED)
def test_twenty_simulated_cases_fill_exactly_these_items(name, facts):
    checklist = load_checklist(name)
    filled = fill_checklist(checklist, facts)
    assert numbers(filled, ItemState.FILLED) == set(FILLED[name])
    assert numbers(filled, ItemState.PARTLY) == set(PARTLY[name])
    everything = {item.number for item in checklist.items}
    assert numbers(filled, ItemState.OPEN) == everything - set(FILLED[name]) - set(PARTLY[name])
    for item in of_state(filled, ItemState.FILLED, ItemState.PARTLY):
        assert all(one.text.startswith(SIMULATED) and one.evidence for one in item.reported)
    assert all(item.missing for item in of_state(filled, ItemState.PARTLY))
    assert not any(item.reported for item in of_state(filled, ItemState.OPEN))


def test_numbers_follow_from_the_cases(claim):
    acquisition = texts(item_of(claim, "13"))
    assert "20 images by modality (number of images): CT (20)." in acquisition
    assert "Slice thickness of CT images: 3 mm; in the header of 20 of 20." in acquisition
    assert "Exposure or tube current of CT images: 100 to 119 mAs over all slices; in the header of 20 of 20." in acquisition
    # 20 slices, 3 mm apart.
    assert "covered length 60 mm" in acquisition
    # Rows of the spleen that lack: 0, 1, 2, 3 of 16 in turn, so Dice 1, 30/31, 28/30, 26/29: median of the middle two.
    assert (
        f"spleen, candidate against reference, medians over cases: Dice similarity coefficient {(30 / 31 + 28 / 30) / 2:.3f}"
        in (texts(item_of(claim, "37")))
    )
    assert "liver (20), spleen (20)" in texts(item_of(claim, "14"))
    assert "20 cases with 1 reference." in texts(item_of(claim, "14"))


def test_readers_are_counted_and_never_named(facts, study, claim):
    names = {json.loads(line)["reader"] for path in (study / LOGS).iterdir() for line in path.read_text().splitlines()[:1]}
    assert len(names) == 3
    for name in FILLED:
        filled = fill_checklist(load_checklist(name), facts)
        for written in (filled.to_json(), filled_page(filled), filled_csv(filled), methods_text(filled)):
            assert not any(reader in written for reader in names)
            assert not any(key in written for key in facts.reads.readers)
    counts = [sum(read.reader == key for read in facts.reads.reads) for key in facts.reads.readers]
    said = ", ".join(f"reader {n}: {count}" for n, count in enumerate(counts, 1))
    assert f"3 readers segmented {len(facts.reads.cases)} cases in {sum(counts)} finished reads ({said})" in texts(
        item_of(claim, "16")
    )


def test_missing_annotation_items_are_named_first(claim):
    assert [item.number for item in claim.missing_annotation] == ["14", "15", "16", "17", "18"]
    asked = open_items(claim)
    assert [item.annotation for item in asked] == sorted((item.annotation for item in asked), reverse=True)
    page = filled_page(claim)
    assert page.index("Annotation items that are still open") < page.index("All items")


def test_methods_paragraph_has_placeholders_and_no_number_that_files_do_not_have(claim, facts):
    text = methods_text(claim)
    assert text.startswith("[SIMULATED DATA")
    assert "Images segmented and evaluated: 20 (by modality: CT (20))." in text
    assert "Structures (number of cases): liver (20), spleen (20)." in text
    assert "[to be completed: qualifications and years of experience of each reader]" in text
    assert "Disagreements were resolved by [to be completed: " in text
    bare = methods_text(fill_checklist(load_checklist("claim-2024"), StudyFacts()))
    assert not re.search(r"\d", bare.replace("95 %", ""))


# What is added, and what it fills.


def test_other_files_fill_more(facts, study, tmp_path):
    read_apart = fill_checklist(load_checklist("claim-2024"), replace(facts, reads=None))
    assert "Session logs of the readers were not given" in " ".join(item_of(read_apart, "17").missing)
    # That the protocol allows a model is no evidence that it was used.
    assert item_of(read_apart, "17").state is ItemState.OPEN
    alone = fill_checklist(load_checklist("claim-2024"), StudyFacts(protocol=load_protocol(PROTOCOL)))
    assert numbers(alone, ItemState.PARTLY) == {"14", "16", "42"}


def an_agreement(groups):
    empty = {
        "schema": "segqc-study-agreement", "schema_version": "1.0", "software": {}, "exchangeable_readers": False,
        "surface_tolerance_mm": 2.0, "definition": "surfel", "readers": ["Anna Someone", "Ben Other"], "cases": 20, "patients": 20,
        "reads": 40, "structures": groups, "ratings": [], "outliers": [], "read_once": [], "rules": [],
    }  # fmt: skip
    return from_json(StudyAgreement, json.dumps(empty))


def a_group(relation):
    median = {
        "statistic": "median over cases of Dice", "value": 0.912, "lower": 0.9, "upper": 0.93, "cases": 20,
        "method": "percentile bootstrap over patients",
    }  # fmt: skip
    summary = {"median": median, "lower_quartile": 0.9, "upper_quartile": 0.93, "pairs": 20, "undefined_pairs": 0}
    measure = {
        "measure": "dice", "title": "Dice", "unit": "1", "definition": "", "all_pairs": summary, "without_outliers": None,
    }  # fmt: skip
    presence = {"present_by_all": 20, "absent_by_all": 0, "disputed": 0, "no_segment": 0, "statistics": []}
    return {
        "structure": "liver", "relation": relation, "anchoring": "AI-free", "readers": ["Anna Someone", "Ben Other"], "models": [],
        "cases": 20, "patients": 20, "pairs": 20, "measures": [measure], "matrix": [], "volumes": [], "icc": [],
        "presence": presence, "notes": [],
    }  # fmt: skip


def test_agreement_of_readers_fills_variability_with_its_interval(facts):
    between = fill_checklist(load_checklist("claim-2024"), replace(facts, agreement=an_agreement([a_group("inter-reader")])))
    item = item_of(between, "18")
    assert "liver, between readers, both without AI (2 readers, 20 cases, 20 pairs of reads): Dice, median over cases 0.912" in (
        texts(item)
    )
    assert "(95 % CI 0.900 to 0.930)" in texts(item)
    assert "No reader read a case twice: variability of a reader with herself or himself is not known." in item.missing
    assert item_of(between, "29").state is ItemState.PARTLY
    assert "percentile bootstrap over patients" in texts(item_of(between, "29"))
    assert "Someone" not in between.to_json()
    both = [a_group("inter-reader"), a_group("intra-reader")]
    within = item_of(fill_checklist(load_checklist("claim-2024"), replace(facts, agreement=an_agreement(both))), "18")
    assert within.missing == ("How discrepancies were lessened and resolved.",)


def a_dataset(folder, patients, splits):
    protocol = {"id": PROTOCOL, "version": "1.0.0", "title": "", "sha256": "0" * 64}
    cases = [
        {
            "case": f"case{n}", "patient": patient, "reader": "Anna Someone", "verdict": "ACCEPT", "evaluated_under": None,
            "image_sha256": None, "segmentation_sha256": None, "draft_sha256": None, "resampled": False, "value_unit": "HU",
            "labels": [
                {
                    "structure": "liver", "label": 1, "assessment": "present", "why": None, "voxels": 5, "segments": ["liver"],
                    "statuses": [None], "algorithm_types": ["SEMIAUTOMATIC"], "algorithm_names": ["M"],
                    "algorithm_versions": [None], "untouched": False,
                }
            ],
        }
        for n, patient in enumerate(patients)
    ]  # fmt: skip
    data = {
        "schema": "segqc-training-provenance", "schema_version": "1.0", "created": "2026-11-22T10:00:00+00:00", "software": {},
        "dataset": "Dataset001_X", "protocol": protocol, "labels": {"liver": 1}, "simulated": True, "cases": cases,
        "left_out": [{"case": "case9", "reason": "Nobody finished it."}], "warnings": [],
    }  # fmt: skip
    folder.mkdir()
    (folder / "provenance.json").write_text(json.dumps(data))
    (folder / "splits_final.json").write_text(json.dumps(splits))
    return collect_facts(dataset=folder)


def test_folds_by_patient_fill_the_level_of_partitions(tmp_path):
    splits = [{"train": ["case0", "case1"], "val": ["case2"]}, {"train": ["case2"], "val": ["case0", "case1"]}]
    facts = a_dataset(tmp_path / "apart", ["1", "1", "2"], splits)
    claim = fill_checklist(load_checklist("claim-2024"), facts)
    assert item_of(claim, "20").state is ItemState.FILLED
    assert "3 cases of 2 patients were divided into 2 folds; no patient is in training and in validation" in (
        texts(item_of(claim, "20"))
    )
    assert item_of(claim, "19").state is ItemState.PARTLY
    assert "1 were left out. 1 x: Nobody finished it." in texts(item_of(claim, "35"))
    assert "3 an algorithm's result that a person edited" in texts(item_of(claim, "16"))
    assert "Someone" not in claim.to_json()


@pytest.mark.parametrize("patients", [["1", "2", "2"], [None, "1", "2"]])
def test_folds_that_do_not_show_patients_apart_fill_nothing(tmp_path, patients):
    splits = [{"train": ["case0", "case1"], "val": ["case2"]}]
    claim = fill_checklist(load_checklist("claim-2024"), a_dataset(tmp_path / "data", patients, splits))
    assert item_of(claim, "20").state is ItemState.OPEN
    assert "do not show that patients are kept apart" in " ".join(item_of(claim, "20").missing)


def test_a_header_that_says_less_leaves_acquisition_partly_filled(facts):
    protocol = load_protocol(PROTOCOL)
    bare = evaluate(a_case(0, kvp=None, model=None), protocol)
    filled = fill_checklist(load_checklist("claim-2024"), replace(facts, records=(*facts.records, bare)))
    item = item_of(filled, "13")
    assert item.state is ItemState.PARTLY
    assert item.missing == (
        "The scanner model of CT images (Manufacturer's Model Name (0008,1090)) is not in the header of 1 of 21.",
        "The tube voltage of CT images (KVP (0018,0060)) is not in the header of 1 of 21.",
    )


@pytest.mark.parametrize(
    ("said", "texts_of", "missing"),
    [
        (
            {"modality": "MR", "magnetic_field_strength_t": 3.0, "scanning_sequence": ("SE", "IR"), "echo_time_ms": 90.0},
            ("Field strength of MR images: 3 T; in", "Sequence of MR images: SE / IR (1); in", "Echo time of MR images: 90 ms; in"),
            "repetition time of MR images (Repetition Time (0018,0080)) is not in the header of 1 of 1.",
        ),
        (
            {"modality": "PT", "radiopharmaceutical": "FDG", "injected_dose_bq": 2.5e8, "reconstruction_method": "OSEM"},
            ("Injected activity of PT images: 250 MBq; in", "Radiopharmaceutical of PT images: FDG (1); in"),
            "uptake time of PT images",
        ),
    ],
)
def test_settings_are_those_of_the_modality(said, texts_of, missing):
    record = evaluate(a_case(0, kvp=None, convolution_kernel=(), exposure_mas=None, **said), load_protocol(PROTOCOL))
    item = item_of(fill_checklist(load_checklist("claim-2024"), StudyFacts(records=(record,))), "13")
    assert all(text in texts(item) for text in texts_of)
    assert missing in " ".join(item.missing)
    assert "Tube voltage" not in texts(item)


def test_readers_who_rate_are_counted(facts):
    protocol = load_protocol(PROTOCOL)
    motion = next(rating for rating in protocol.protocol.ratings if rating.unusable)
    answers = tuple(give_grade(motion, motion.unusable[0], reader) for reader in ("Anna Someone", "Ben Other"))
    rated = replace(facts.records[0], ratings=answers)
    filled = fill_checklist(load_checklist("claim-2024"), replace(facts, records=(rated, *facts.records[1:])))
    assert "2 readers rated the image quality of 1 case." in texts(item_of(filled, "16"))
    assert "propose to exclude the image of 1 case." in texts(item_of(filled, "35"))
    assert "Someone" not in filled.to_json()


def test_uniformity_and_quality_of_a_study_are_told_beside_the_acquisition(facts, study, tmp_path):
    for command, name in ((["study"], "study.json"), (["quality", "study"], "quality.json")):
        assert main([*command, str(study / "records"), "--json", str(tmp_path / name)]) == 0
    more = collect_facts(
        records=study / "records", consistency=tmp_path / "study.json", quality=tmp_path / "quality.json"
    )  # fmt: skip
    said = texts(item_of(fill_checklist(load_checklist("claim-2024"), more), "13"))
    assert "Kind of image 1 (CT), 20 series: " in said
    assert "no differing fact" in said
    assert "Image quality was measured over 20 cases." in said


def test_the_standing_of_readers_is_counted(facts):
    protocol = load_protocol(PROTOCOL)
    passed = Finding("reader_training", Status.PASS, "", "valid")
    trained = tuple(replace(record, findings=(*record.findings, passed)) for record in facts.records[:3])
    filled = fill_checklist(load_checklist("claim-2024"), StudyFacts(records=trained, protocol=protocol))
    assert "when it was evaluated (number of cases): valid (3)." in texts(item_of(filled, "16"))


# Robustness.


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(BadDataError, match=r"has no record\.json"):
        collect_facts(records=tmp_path)
    with pytest.raises(BadDataError, match="is no folder"):
        collect_facts(records=tmp_path / "nowhere")


def test_damaged_records_are_left_out_and_counted_without_their_names(study, tmp_path):
    for name, text in (("Doe_John", "{"), ("good", (study / "records/case00/record.json").read_text())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text(text)
    facts = collect_facts(records=tmp_path)
    assert len(facts.records) == 1
    assert "Doe_John" in facts.unreadable[0]
    filled = fill_checklist(load_checklist("claim-2024"), facts)
    assert any("1 file named record.json could not be read" in note for note in filled.notes)
    assert "Doe_John" not in filled.to_json()


def test_records_of_several_protocols_are_told(facts):
    other = replace(facts.records[0].protocol, version="2.0.0", sha256="0" * 64)
    mixed = replace(facts.records[0], protocol=other)
    several = replace(facts, records=(mixed, *facts.records[1:]))
    filled = fill_checklist(load_checklist("claim-2024"), several)
    assert any("made under 2 protocols" in note for note in filled.notes)
    assert "1 of 20 cases was evaluated under another protocol file" in " ".join(item_of(filled, "14").missing)
    without = fill_checklist(load_checklist("claim-2024"), replace(several, protocol=None))
    assert "give one of them with --protocol" in " ".join(item_of(without, "14").missing)


def test_a_case_evaluated_twice_is_told(facts, study):
    hashed = [
        replace(record, inputs=(replace(record.inputs[0], role="image", sha256="a" * 64), *record.inputs[1:]))
        for record in facts.records[:2]
    ]
    filled = fill_checklist(load_checklist("claim-2024"), StudyFacts(records=tuple(hashed)))
    assert any("2 records are of 1 image" in note for note in filled.notes)


def test_reads_under_other_protocols_do_not_count(study):
    facts = collect_facts(protocol="ct-lung-nodule", logs=study / LOGS)
    assert facts.reads.reads == ()
    assert facts.reads.other_protocols > 0
    filled = fill_checklist(load_checklist("claim-2024"), facts)
    assert any("are under other protocols and do not count" in note for note in filled.notes)
    assert "The session logs have no finished clinical read." in item_of(filled, "16").missing


def test_a_database_of_the_logs_says_the_same(facts, study, tmp_path):
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    assert main(["records", "ingest", str(study / LOGS), "--db", url, "--names", str(tmp_path / "names.json")]) == 0
    stored = collect_facts(protocol=PROTOCOL, database=url, names=tmp_path / "names.json").reads
    assert (len(stored.reads), stored.sessions, stored.not_counted) == (
        len(facts.reads.reads), facts.reads.sessions, facts.reads.not_counted,
    )  # fmt: skip
    assert stored.software == facts.reads.software
    assert stored.source == "record store"


def test_hostile_names_stay_text(facts):
    hostile = tuple(
        replace(
            record,
            case=replace(
                record.case, acquisition=replace(record.case.acquisition, manufacturer=HOSTILE, model="=cmd|' /C calc'!A0")
            ),
        )
        for record in facts.records
    )
    filled = fill_checklist(load_checklist("claim-2024"), replace(facts, records=hostile))
    answers = set_answer(ChecklistAnswers(), item_of(filled, "44").question, "=cmd()", "A", when="2026-11-22")
    answers = set_answer(answers, item_of(filled, "7").question, HOSTILE, "A", when="2026-11-22")
    filled = with_answers(filled, answers)
    assert "<script" not in filled_page(filled)
    assert "&lt;script&gt;" in filled_page(filled)
    rows = list(csv.reader(io.StringIO(filled_csv(filled).removeprefix("\ufeff"), newline="")))
    assert rows[0] == list(COLUMNS)
    assert len(rows) == 1 + 44
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert next(row for row in rows if row[1] == "44")[COLUMNS.index("answer")] == "'=cmd()"


def test_de_identified_records_fill_what_they_keep(facts):
    protocol, pseudonyms = load_protocol(PROTOCOL), Pseudonyms(None)
    record = evaluate(deidentified_case(a_case(1), protocol.protocol, pseudonyms), protocol)
    records = (marked_deidentified(record, pseudonyms),)
    filled = fill_checklist(load_checklist("claim-2024"), replace(facts, records=records))
    assert item_of(filled, "13").state is ItemState.FILLED
    item = item_of(filled, "11")
    assert item.state is ItemState.PARTLY
    assert "1 of 1 records were de-identified." in texts(item)
    # The profile speaks of records; what was done to the images is another matter.
    assert item.missing == ("How the images themselves were de-identified.",)


# Answers.


def test_an_answer_stands_beside_the_evidence(claim):
    question = item_of(claim, "16").question
    answers = set_answer(ChecklistAnswers(), question, "Reader 1: radiologist, 9 years.", "A. Author", when="2026-11-22")
    filled = with_answers(claim, answers)
    item = item_of(filled, "16")
    assert item.state is ItemState.ANSWERED
    assert item.reported == item_of(claim, "16").reported
    assert item.answer.text == "Reader 1: radiologist, 9 years."
    assert "3 readers (Reader 1: radiologist, 9 years) segmented" in methods_text(filled)
    # Who answered stays in the file of answers.
    assert "A. Author" not in filled.to_json()
    # Taken back, everything is as before.
    assert with_answers(filled, ChecklistAnswers()) == claim


def test_one_answer_serves_all_checklists_that_ask_the_same(facts, claim):
    answers = set_answer(ChecklistAnswers(), item_of(claim, "5").question, "retrospective", "A", when="2026-11-22")
    for name, number in (("claim-2024", "5"), ("clear", "10"), ("ridge", "M-1")):
        filled = with_answers(fill_checklist(load_checklist(name), facts), answers)
        assert item_of(filled, number).state is ItemState.ANSWERED


def test_what_does_not_apply_needs_a_reason(claim):
    question = item_of(claim, "34").question
    with pytest.raises(ValueError, match="say why the question does not apply"):
        set_answer(ChecklistAnswers(), question, " ", "A", not_applicable=True)
    answers = set_answer(ChecklistAnswers(), question, "No trial.", "A", not_applicable=True)
    assert item_of(with_answers(claim, answers), "34").state is ItemState.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("number", "value", "what"),
    [("5", "retrospectiv", "did you mean 'retrospective'"), ("44", "  ", "an empty answer"), ("5", "=x", "is not one of")],
)
def test_an_answer_that_does_not_fit_is_refused(claim, number, value, what):
    with pytest.raises(ValueError, match=what):
        set_answer(ChecklistAnswers(), item_of(claim, number).question, value, "A")


def test_a_number_is_asked_as_a_number(facts):
    question = item_of(fill_checklist(load_checklist("clear"), facts), "27").question
    with pytest.raises(ValueError, match="is not a number"):
        set_answer(ChecklistAnswers(), question, "many", "A")
    assert set_answer(ChecklistAnswers(), question, "107", "A").answers[0].value == "107"


def test_all_faults_of_a_file_of_answers_are_listed(claim, tmp_path):
    wrong = ChecklistAnswers(
        answers=(
            Answer("fundin", value="x", who="A", when="2026-11-22"),
            Answer("study_design", value="sideways", who="A", when="2026-11-22"),
        )
    )
    path = tmp_path / "answers.json"
    path.write_text(wrong.to_json())
    with pytest.raises(BadDataError) as error:
        read_answers(path, load_checklist("claim-2024").questions())
    assert "answers[0].question: 'fundin' is asked by no item; did you mean 'funding'?" in str(error.value)
    assert "answers[1].value: 'sideways' is not one of 'prospective'" in str(error.value)
    path.write_text(json.dumps({**json.loads(wrong.to_json()), "answers": [{"question": "funding", "value": "x"}]}))
    with pytest.raises(BadDataError) as error:
        read_answers(path, {})
    assert "answers[0].who: is empty; say who answered" in str(error.value)
    assert "answers[0].when: '' is not a date" in str(error.value)


def test_a_template_has_every_open_question_once_and_answers_nothing(claim, tmp_path):
    path = tmp_path / "answers.json"
    path.write_text(template(claim).to_json())
    read = read_answers(path, {})
    assert [answer.question for answer in read.answers] == [item.question.id for item in open_items(claim)]
    assert len({answer.question for answer in read.answers}) == len(read.answers)
    assert with_answers(claim, read) == claim


# The checklists themselves.


@pytest.mark.parametrize(("name", "count", "of"), [("claim-2024", 44, 44), ("clear", 58, 58), ("ridge", 8, None)])
def test_every_item_is_verified_and_the_rest_is_left_out_by_name(name, count, of):
    checklist = load_checklist(name)
    assert len(checklist.items) == count
    assert checklist.items_in_source == of
    if of is None:
        assert checklist.left_out
        assert not {item.number for item in checklist.items} & {one.number for one in checklist.left_out}
    else:
        assert [item.number for item in checklist.items] == [str(n) for n in range(1, of + 1)]
        assert not checklist.left_out
    assert all(item.verified and item.annotation is not None for item in checklist.items)


def test_items_about_annotation_are_marked():
    marked = {name: [item.number for item in load_checklist(name).items if item.annotation] for name in shipped_checklists()}
    assert marked == {
        "claim-2024": ["14", "15", "16", "17", "18"],
        "clear": ["18", "19", "20", "31", "53"],
        "ridge": ["M-6", "M-9"],
    }


def test_a_question_is_the_same_in_every_checklist():
    asked = {}
    for name in shipped_checklists():
        for key, question in load_checklist(name).questions().items():
            assert asked.setdefault(key, question) == question


def test_every_filler_is_named_by_an_item_and_has_an_id_of_its_own():
    named = {filler for name in shipped_checklists() for item in load_checklist(name).items for filler in item.fillers}
    assert named == {filler.ID for filler in FILLERS}
    assert len(named) == len(FILLERS)


def test_faults_of_a_checklist_are_told_all_at_once(tmp_path):
    data = json.loads(resource("Checklists/ridge.json").read_text(encoding="utf-8"))
    data["items"][0]["verified"] = ["nowhere"]
    data["items"][1]["number"] = "I-1"
    data["items"][2]["verified"] = []
    path = tmp_path / "own.json"
    path.write_text(json.dumps(data))
    with pytest.raises(BadDataError) as error:
        load_checklist(path)
    assert all(text in str(error.value) for text in ("'nowhere' is not in", "item I-1 is there 2 times", "nobody verified"))
    with pytest.raises(BadDataError, match="Did you mean claim-2024"):
        load_checklist("claim2024")


def test_an_unknown_filler_is_told(tmp_path):
    data = json.loads(resource("Checklists/ridge.json").read_text(encoding="utf-8"))
    data["items"][0]["fillers"] = ["readers_named"]
    path = tmp_path / "own.json"
    path.write_text(json.dumps(data))
    with pytest.raises(BadDataError, match="names the filler 'readers_named'"):
        fill_checklist(load_checklist(path), StudyFacts())


@pytest.mark.parametrize(
    ("name", "schema"),
    [("checklist", checklist_schema), ("filled_checklist", filled_checklist_schema), ("checklist_answers", answers_schema)],
)
def test_the_shipped_schema_is_the_dataclass_s(name, schema):
    shipped = resource(f"Schemas/{name}.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def test_a_filled_checklist_comes_back_from_its_file(claim):
    assert from_json(FilledChecklist, claim.to_json()) == claim


# The command line.


def test_fill_answer_and_export_on_the_command_line(study, tmp_path, capsys, monkeypatch):
    out = tmp_path / "claim"
    arguments = ["--records", str(study / "records"), "--logs", str(study / LOGS), "--out", str(out)]
    assert main(["checklist", "fill", "--checklist", "claim-2024", *arguments]) == 0
    told = capsys.readouterr().out
    assert "SIMULATED: claim-2024, 44 items: 1 filled, 12 partly, 31 to answer." in told
    assert "annotation item 15 is open (to answer)" in told
    assert {path.name for path in out.iterdir()} == {
        "checklist.json", "checklist.html", "checklist.csv", "methods.txt", "answers.json",
    }  # fmt: skip
    # The first question is item 14's; item 15 is left for later, and then nobody types any more.
    monkeypatch.setattr("sys.stdin", io.StringIO("Two readers in consensus.\n\nq\n"))
    assert main(["checklist", "answer", str(out / "checklist.json"), "--who", "A. Author"]) == 0
    assert "1 answered" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("na: no reference was needed\n"))
    assert main(["checklist", "answer", str(out / "checklist.json"), "--who", "A. Author"]) == 0
    told = capsys.readouterr().out
    # It goes on where it was left.
    assert "1 of 42. Item 15 (annotation)" in told
    assert "1 not applicable" in told
    supplement = tmp_path / "supplement"
    given = ["--answers", str(out / "answers.json"), "--out", str(supplement)]
    assert main(["checklist", "export", str(out / "checklist.json"), *given]) == 0
    page = (supplement / "checklist.html").read_text(encoding="utf-8")
    assert "Two readers in consensus." in page
    assert "A. Author" not in page


def test_list_and_show(capsys):
    assert main(["checklist", "list"]) == 0
    assert "ridge         8 items, a part of the source; 2 about annotation." in capsys.readouterr().out
    assert main(["checklist", "show", "ridge"]) == 0
    shown = capsys.readouterr().out
    assert "M-6  How the reference was annotated" in shown
    assert "M-13, M-17: A public summary names both" in shown


def test_something_to_fill_it_from_is_needed(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["checklist", "fill", "--checklist", "clear", "--out", str(tmp_path / "out")])
    assert "give something to fill it from" in capsys.readouterr().err
