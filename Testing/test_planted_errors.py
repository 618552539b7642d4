"""Planted errors: where they go, who refuses them, what counts as detected, and how often readers do."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.case import Case, Segment, Segmentation
from SegQCLib.case_files import CandidateOrigin, open_case
from SegQCLib.cli import main
from SegQCLib.dicom.write_seg import segmentation_object
from SegQCLib.dicom.write_sr import report_object
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import sitk_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.draft import read_draft
from SegQCLib.readers.case_read import PlantedRead
from SegQCLib.readers.planted_cases import plant_in_case, score_case
from SegQCLib.readers.planted_errors import PlantedErrorKind, plant
from SegQCLib.readers.planted_outcome import DETECTION_RULES, score_planted
from SegQCLib.readers.planted_result import finish_planted_case
from SegQCLib.readers.planted_statistics import detection_rates
from SegQCLib.readers.planted_times import seconds_until_corrected
from SegQCLib.readers.planted_truth import draft_path, read_planted
from SegQCLib.readers.session_log import LogEvent, StoredLog, new_header
from SegQCLib.segmentation_file import write_segmentation
from SegQCLib.training_set import new_training_set, require_training_set
from SegQCLib.worklist import read_worklist

GRID = a_geometry(size=(30, 40, 60), spacing_mm=(2.0, 1.0, 1.0))
LEFT, RIGHT = ((5, 25), (10, 30), (40, 52)), ((5, 25), (10, 30), (8, 20))
KINDS = list(PlantedErrorKind)


@pytest.fixture
def training_set(tmp_path):
    return new_training_set(tmp_path / "set")


def kidneys():
    draft = a_segmentation(GRID, "model", kidney_left=LEFT, kidney_right=RIGHT)
    # One label map, as models write them.
    layer = draft.layers[0] + 2 * draft.layers[1]
    segments = tuple(
        Segment(f"s{n}", name, n, color=(0.5, 0.25, 1.0), algorithm_type="AUTOMATIC", algorithm_name="model")
        for n, name in enumerate(("kidney_left", "kidney_right"), start=1)
    )
    return Segmentation("model", GRID, (layer,), segments)


def image_of(training_set):
    return replace(a_volume(GRID), training_set=training_set.id)


def planted(training_set, kind, seed=1, draft=None, **options):
    return plant(
        draft or kidneys(),
        kind,
        "left kidney",
        seed=seed,
        training_set=training_set,
        image=image_of(training_set),
        **options,
    )


def voxels(segmentation, number=0):
    return segmentation.mask(segmentation.segments[number])


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_plants_the_same_error_and_leaves_the_draft_alone(training_set, kind):
    draft = kidneys()
    before = draft.layers[0].copy()
    first, again = planted(training_set, kind, draft=draft), planted(training_set, kind, draft=draft)
    np.testing.assert_array_equal(voxels(first.segmentation), voxels(again.segmentation))
    np.testing.assert_array_equal(draft.layers[0], before)
    assert first.error.volume_ml == again.error.volume_ml > 0


def test_an_island_lies_apart_from_its_structure_and_in_no_other_segment(training_set):
    for seed in range(5):
        outcome = planted(training_set, PlantedErrorKind.ISLAND, seed)
        mask = voxels(outcome.segmentation)
        assert ndimage.label(mask, np.ones((3, 3, 3)))[1] == 2
        (wrong,) = outcome.error.voxels
        own = voxels(kidneys())
        away_mm = ndimage.distance_transform_edt(~own, sampling=GRID.spacing_mm)[mask & ~own]
        assert away_mm.min() >= 4
        assert not wrong.belongs
        np.testing.assert_array_equal(voxels(outcome.segmentation, 1), voxels(kidneys(), 1))
        # 20 x 20 x 12 voxels of 2 mm3 are 9.6 mL; 3 % of it are 0.288 mL.
        assert 0.14 <= outcome.error.volume_ml <= 0.6
        assert outcome.error.volume_ml == pytest.approx(np.count_nonzero(mask & ~own) * 0.002)


def test_an_island_lies_where_the_image_looks_like_the_structure(training_set):
    array = np.full(GRID.size, -1000, np.int16)
    array[5:25, 10:40, 25:60] = 40
    image = replace(image_of(training_set), array=array)
    outcome = plant(kidneys(), PlantedErrorKind.ISLAND, "kidney_left", seed=0, training_set=training_set, image=image)
    assert array[tuple(np.round(GRID.index_kji(outcome.error.centre_lps_mm)).astype(int))] == 40


def test_middle_slices_are_missing_and_both_ends_are_there(training_set):
    for seed in range(5):
        per_slice = voxels(planted(training_set, PlantedErrorKind.MISSING_SLICES, seed).segmentation).sum(axis=(1, 2))
        # 12 % of 20 slices are 2.4.
        assert np.count_nonzero(per_slice == 0) - np.count_nonzero(voxels(kidneys()).sum(axis=(1, 2)) == 0) == 2
        assert per_slice[5:9].all()
        assert per_slice[21:25].all()


def test_an_end_is_cut_off_on_one_side(training_set):
    ends = set()
    for seed in range(8):
        slices = np.flatnonzero(voxels(planted(training_set, PlantedErrorKind.CUT_END, seed).segmentation).any(axis=(1, 2)))
        ends.add((slices[0], slices[-1]))
    # 18 % of 20 slices are 3.6, and the structure was on 5 to 24.
    assert ends == {(9, 24), (5, 20)}


def test_left_and_right_change_places(training_set):
    outcome = planted(training_set, PlantedErrorKind.LEFT_RIGHT)
    np.testing.assert_array_equal(voxels(outcome.segmentation, 0), voxels(kidneys(), 1))
    np.testing.assert_array_equal(voxels(outcome.segmentation, 1), voxels(kidneys(), 0))
    assert (outcome.error.structure, outcome.error.partner) == ("kidney_left", "kidney_right")


def test_a_shrunken_structure_keeps_the_stated_part_from_its_inside(training_set):
    mask = voxels(planted(training_set, PlantedErrorKind.SHRUNKEN, shrunken_to=0.5).segmentation)
    before = voxels(kidneys())
    assert np.count_nonzero(mask) == np.count_nonzero(before) / 2
    depth_mm = ndimage.distance_transform_edt(before, sampling=GRID.spacing_mm)
    assert depth_mm[mask].min() >= depth_mm[before & ~mask].max()


@pytest.mark.parametrize(
    ("kind", "structure", "why"),
    [
        (PlantedErrorKind.LEFT_RIGHT, "liver", "no partner"),
        (PlantedErrorKind.MISSING_SLICES, "thin", "lies on 3 slices"),
        (PlantedErrorKind.SHRUNKEN, "sheet", "mm deep"),
        (PlantedErrorKind.SHRUNKEN, "nothing", "no voxels of nothing"),
        (PlantedErrorKind.ISLAND, "spleen", "has no segments 'spleen'"),
        (PlantedErrorKind.ISLAND, "liver", "leaves no room"),
    ],
)
def test_an_error_that_cannot_be_is_refused(training_set, kind, structure, why):
    draft = a_segmentation(
        GRID, liver=((0, 30), (0, 40), (0, 60)), thin=((2, 5), (1, 20), (1, 20)), sheet=((2, 12), (1, 20), (3, 4)), nothing=None
    )
    with pytest.raises(BadDataError, match=why):
        plant(draft, kind, structure, seed=0, training_set=training_set, image=image_of(training_set))


def test_errors_are_planted_for_a_training_set_only(training_set, tmp_path):
    with pytest.raises(ValueError, match="of a training set only"):
        plant(kidneys(), PlantedErrorKind.ISLAND, "kidney_left", seed=0, training_set=training_set, image=a_volume(GRID))
    (tmp_path / "patients").mkdir()
    with pytest.raises(BadDataError, match="no training set"):
        plant_in_case(tmp_path / "patients", "a", PlantedErrorKind.ISLAND, "kidney_left", 0)


def test_a_folder_that_holds_patients_never_becomes_a_training_set(tmp_path):
    (tmp_path / "cases.csv").write_text("case,image\n")
    with pytest.raises(BadDataError, match=r"holds cases\.csv already"):
        new_training_set(tmp_path)


# A training set on disk.


@pytest.fixture
def folder(tmp_path, training_set):
    sitk.WriteImage(sitk_image(a_volume(GRID).array, GRID), tmp_path / "image.nrrd")
    write_segmentation(tmp_path / "draft.seg.nrrd", kidneys())
    return tmp_path / "set"


def planted_case(folder, kind=PlantedErrorKind.ISLAND, case="one", **options):
    options = {"draft": folder.parent / "draft.seg.nrrd", "image": folder.parent / "image.nrrd"} | options
    return plant_in_case(folder, case, kind, "kidney_left", 1, **options)


def test_a_written_segmentation_reads_back_with_names_colours_and_algorithm(tmp_path):
    write_segmentation(tmp_path / "a.seg.nrrd", kidneys())
    read = read_segmentation(tmp_path / "a.seg.nrrd")
    assert read.segments == kidneys().segments
    np.testing.assert_array_equal(read.layers[0], kidneys().layers[0])


def test_the_worklist_of_a_training_set_opens_the_planted_draft(folder, tmp_path):
    planted_case(folder)
    (entry,) = read_worklist(folder / "cases.csv").cases
    opened = open_case(entry, tmp_path / "records", "Anna", None)
    assert opened.origin is CandidateOrigin.DRAFT
    assert "TRAINING" in opened.draft.name
    assert opened.draft.voxel_count(opened.draft.segments[0]) > 20 * 20 * 12
    # Checking and measuring it is what the reader practises.
    Case(opened.image, opened.candidate, draft=opened.draft)


def test_work_on_a_practice_case_and_on_a_patient_of_the_same_name_are_not_exchanged(folder, tmp_path):
    planted_case(folder)
    (tmp_path / "clinic.csv").write_text("case,image\none,image.nrrd\n")
    (practice,), (patient,) = (read_worklist(path).cases for path in (folder / "cases.csv", tmp_path / "clinic.csv"))
    work = tmp_path / "records" / "one" / "Anna" / "candidate.seg.nrrd"
    write_segmentation(work, kidneys())
    assert open_case(patient, tmp_path / "records", "Anna", None).origin is CandidateOrigin.SAVED
    with pytest.raises(BadDataError, match="work on a patient's case"):
        open_case(practice, tmp_path / "records", "Anna", None)
    write_segmentation(work, read_planted(folder, require_training_set(folder), "one").draft)
    assert open_case(practice, tmp_path / "records", "Anna", None).origin is CandidateOrigin.SAVED
    with pytest.raises(BadDataError, match="work on a practice case"):
        open_case(patient, tmp_path / "records", "Anna", None)


def test_nothing_that_a_reader_gets_says_what_was_planted(folder):
    planted_case(folder)
    draft = draft_path(folder, "one")
    header = draft.read_bytes().partition(b"\n\n")[0].decode().casefold()
    for word in ("island", "planted", "error", "seed"):
        assert word not in header
        assert word not in draft.name.casefold()
        assert word not in (folder / "cases.csv").read_text().casefold()


@pytest.mark.parametrize("read", [read_segmentation, read_draft])
def test_a_planted_draft_is_refused_outside_its_training_set(folder, read):
    planted_case(folder)
    with pytest.raises(BadDataError, match="made for a training set"):
        read(draft_path(folder, "one"))
    with pytest.raises(BadDataError, match="made for a training set"):
        read(draft_path(folder, "one"), image=a_volume(GRID))
    with pytest.raises(BadDataError, match="made for a training set"):
        read(draft_path(folder, "one"), image=replace(a_volume(GRID), training_set="of another set"))


def test_a_worklist_elsewhere_does_not_open_it(folder, tmp_path):
    planted_case(folder)
    (tmp_path / "clinic.csv").write_text(f"case,image,draft\none,image.nrrd,{draft_path(folder, 'one')}\n")
    (entry,) = read_worklist(tmp_path / "clinic.csv").cases
    with pytest.raises(BadDataError, match="made for a training set"):
        open_case(entry, tmp_path / "records", "Anna", None)


@pytest.mark.parametrize("role", ["candidate", "references", "draft"])
def test_no_clinical_case_takes_it_in_any_role(training_set, role):
    marked = planted(training_set, PlantedErrorKind.ISLAND).segmentation
    clean = kidneys()
    roles = {"candidate": clean} | {role: (marked,) if role == "references" else marked}
    with pytest.raises(BadDataError, match="must not be used for a patient"):
        Case(a_volume(GRID), **roles)


def test_no_dicom_object_is_ever_written_from_it(training_set):
    marked = planted(training_set, PlantedErrorKind.ISLAND).segmentation
    with pytest.raises(BadDataError, match="no DICOM object"):
        segmentation_object(marked, None, reader="Anna", created=None)
    with pytest.raises(BadDataError, match="no DICOM object"):
        report_object(None, marked, None, None, reader="Anna", created=None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "--image", "{image}", "--candidate", "{draft}", "--protocol", "ct-abdomen-portal-venous", "--out", "{out}"],
        [
            "evaluate",
            "--image",
            "{image}",
            "--candidate",
            "{clean}",
            "--draft",
            "{draft}",
            "--protocol",
            "ct-abdomen-portal-venous",
            "--out",
            "{out}",
        ],
        ["compare", "{clean}", "{draft}"],
        ["agreement", "{clean}", "{draft}"],
    ],
)
def test_the_command_line_refuses_it(folder, tmp_path, capsys, arguments):
    planted_case(folder)
    places = {
        "image": tmp_path / "image.nrrd",
        "clean": tmp_path / "draft.seg.nrrd",
        "draft": draft_path(folder, "one"),
        "out": tmp_path / "out",
    }
    assert main([argument.format(**places) for argument in arguments]) == 1
    assert "made for a training set" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_no_model_is_trained_on_a_practice_case(folder, tmp_path, capsys):
    planted_case(folder)
    records = tmp_path / "records"
    write_segmentation(
        records / "one" / "Anna" / "candidate.seg.nrrd", read_planted(folder, require_training_set(folder), "one").draft
    )
    arguments = ["--worklist", str(folder / "cases.csv"), "--records", str(records), "--verdict", "any"]
    arguments += ["--protocol", "ct-abdomen-portal-venous", "--dataset", "1", "--name", "X", "--out", str(tmp_path / "out")]
    assert main(["export", "nnunet", *arguments]) == 1
    assert "is a practice case of a training set" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("Dataset*"))


def test_a_case_takes_several_errors_in_different_structures(folder):
    planted_case(folder)
    plant_in_case(folder, "one", PlantedErrorKind.CUT_END, "kidney_right", 2)
    case = read_planted(folder, require_training_set(folder), "one")
    assert [error.kind for error in case.errors] == [PlantedErrorKind.ISLAND, PlantedErrorKind.CUT_END]
    with pytest.raises(BadDataError, match="has an error in kidney_left"):
        plant_in_case(folder, "one", PlantedErrorKind.CUT_END, "kidney_left", 2)
    with pytest.raises(BadDataError, match="has a draft with planted errors"):
        planted_case(folder)


def test_a_draft_that_was_changed_afterwards_is_not_scored(folder, tmp_path):
    planted_case(folder)
    write_segmentation(draft_path(folder, "one"), kidneys())
    with pytest.raises(BadDataError, match="is not the draft"):
        score_case(folder, "one", tmp_path / "draft.seg.nrrd")


def test_other_lines_and_columns_of_the_worklist_stay(folder):
    (folder / "cases.csv").write_text("case;image;note\nzero;../image.nrrd;no error here\none;../image.nrrd;look twice\n")
    planted_case(folder, image=None)
    zero, one = read_worklist(folder / "cases.csv").cases
    assert (zero.draft, dict(zero.other)["note"]) == (None, "no error here")
    assert one.draft.is_file()
    assert dict(one.other)["note"] == "look twice"


# Scoring.


@pytest.mark.parametrize("kind", KINDS)
def test_the_error_left_as_it_is_counts_as_missed_and_the_true_draft_as_found(training_set, kind):
    outcome = planted(training_set, kind)
    missed = score_planted(outcome.error, outcome.segmentation, outcome.segmentation, seconds=3.0)
    assert (missed.corrected, missed.detected, missed.seconds) == (0.0, False, None)
    found = score_planted(outcome.error, outcome.segmentation, kidneys(), seconds=3.0)
    assert (found.corrected, found.detected, found.seconds) == (1.0, True, 3.0)
    assert kind in DETECTION_RULES


def test_half_of_the_lost_voxels_is_enough_and_less_is_not(training_set):
    outcome = planted(training_set, PlantedErrorKind.MISSING_SLICES)
    (wrong,) = outcome.error.voxels
    # Two slices of 20 x 12 voxels are missing.
    for rows, detected in ((10, False), (20, True)):
        layer = outcome.segmentation.layers[0].copy()
        layer[wrong.box][0, :rows, :] = 1
        score = score_planted(outcome.error, outcome.segmentation, replace(outcome.segmentation, layers=(layer,)))
        assert score.corrected == pytest.approx(rows / 40)
        assert score.detected is detected


def test_whoever_deletes_the_whole_structure_has_not_found_the_island(training_set):
    outcome = planted(training_set, PlantedErrorKind.ISLAND)
    without = replace(outcome.segmentation, segments=outcome.segmentation.segments[1:])
    score = score_planted(outcome.error, outcome.segmentation, without)
    assert (score.corrected, score.detected) == (1.0, False)


def test_renaming_two_exchanged_segments_puts_them_right(training_set):
    outcome = planted(training_set, PlantedErrorKind.LEFT_RIGHT)
    a, b = outcome.segmentation.segments
    renamed = outcome.segmentation.with_segments((replace(a, name=b.name), replace(b, name=a.name)))
    assert score_planted(outcome.error, outcome.segmentation, renamed).detected


# Time from the log: the reader draws on for 20 s after the draft was shown.


def log_of(*events):
    header = new_header("one", "Anna", None, {})
    begin = header.monotonic_s
    numbered = enumerate(events, start=1)
    return StoredLog(
        path=Path("one.session-log.jsonl"),
        header=header,
        events=tuple(LogEvent(n, header.started, begin + at_s, kind, facts) for n, (at_s, kind, facts) in numbered),
        torn=None,
        sha256="",
    )


def count(removed=0, added=0):
    return {"segments": [{"id": "s1", "name": "kidney_left", "voxels": 0, "draft_voxels": 0, "added": added, "removed": removed}]}


def test_the_time_runs_from_the_first_sight_of_the_draft_to_the_count_that_corrects_it(training_set):
    error = planted(training_set, PlantedErrorKind.ISLAND).error
    size = int(np.count_nonzero(error.voxels[0].mask))
    edits = [(float(at_s), "activity", {"mouse": 1}) for at_s in range(1, 40)]
    log = log_of(
        (0.0, "logging_started", {}),
        *edits[:9],
        (10.0, "draft_shown", {"algorithm": "model", "version": None, "segments": []}),
        *edits[10:19],
        (20.0, "voxels", count(removed=size // 2 - 1)),
        *edits[20:29],
        (30.0, "voxels", count(removed=size)),
        *edits[30:],
    )
    assert seconds_until_corrected([log], error) == pytest.approx(20.0)
    assert seconds_until_corrected([log_of((0.0, "voxels", count(added=size)))], error) is None


def test_the_first_finish_is_kept_and_a_later_one_changes_nothing(folder, tmp_path):
    planted_case(folder)
    work = tmp_path / "records" / "one" / "Anna"
    write_segmentation(work / "candidate.seg.nrrd", read_planted(folder, require_training_set(folder), "one").draft)
    first, is_first = finish_planted_case(folder, "one", "Anna", work)
    assert is_first
    assert not first.outcomes[0].detected
    write_segmentation(work / "candidate.seg.nrrd", kidneys())
    assert finish_planted_case(folder, "one", "Anna", work) == (first, False)


# Detection rates.


def test_wilson_s_interval_is_that_of_the_literature():
    """Newcombe, Stat Med 1998;17:857-872, table I, method 3 (score, without continuity correction)."""
    published = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0, 0.1611), (1, 29): (0.0061, 0.1718)}
    for (detected, planted_errors), (lower, upper) in published.items():
        reads = [("Anna", PlantedRead("island", "liver", n < detected, 0.0, None)) for n in range(planted_errors)]
        rate = next(one for one in detection_rates(reads) if (one.reader, one.error) == ("Anna", "island"))
        assert (rate.rate_lower, rate.rate_upper) == pytest.approx((lower, upper), abs=5e-5)


def test_a_median_of_few_times_has_no_interval_and_few_errors_are_said():
    reads = [("Anna", PlantedRead("island", "liver", True, 1.0, float(seconds))) for seconds in (10, 20, 60)]
    rate = detection_rates(reads)[0]
    assert (rate.median_s, rate.median_lower_s) == (20.0, None)
    assert "few" in rate.remark


def test_the_interval_of_a_median_is_made_of_order_statistics():
    """For n = 10 the 2nd and 9th of the ordered values cover the median with 97.85 % (binomial, p = 0.5)."""
    reads = [("Anna", PlantedRead("island", "liver", True, 1.0, float(seconds))) for seconds in range(1, 11)]
    rate = detection_rates(reads)[0]
    assert (rate.median_s, rate.median_lower_s, rate.median_upper_s) == (5.5, 2.0, 9.0)
    assert rate.remark == ""


def test_rates_come_by_reader_and_kind_and_for_all_together():
    reads = [
        ("Anna", PlantedRead("island", "liver", True, 1.0, 5.0)),
        ("Anna", PlantedRead("cut_end", "liver", False, 0.0, None)),
        ("Ben", PlantedRead("island", "liver", False, 0.0, None)),
    ]
    rates = {(one.reader, one.error): (one.detected, one.planted) for one in detection_rates(reads)}
    assert rates == {
        ("Anna", "island"): (1, 1),
        ("Anna", "cut_end"): (0, 1),
        ("Anna", "all"): (1, 2),
        ("Ben", "island"): (0, 1),
        ("Ben", "all"): (0, 1),
        ("all", "island"): (1, 2),
        ("all", "cut_end"): (0, 1),
        ("all", "all"): (1, 3),
    }


def test_the_command_line_begins_a_set_plants_and_scores(tmp_path, capsys):
    sitk.WriteImage(sitk_image(a_volume(GRID).array, GRID), tmp_path / "image.nrrd")
    write_segmentation(tmp_path / "draft.seg.nrrd", kidneys())
    the_set = ["--set", str(tmp_path / "set")]
    assert main(["training", "new-set", *the_set]) == 0
    files = ["--image", str(tmp_path / "image.nrrd"), "--draft", str(tmp_path / "draft.seg.nrrd")]
    error = ["--kind", "left_right", "--structure", "kidney left", "--seed", "4"]
    assert main(["training", "plant", *the_set, "--case", "one", *files, *error]) == 0
    capsys.readouterr()
    final = ["--case", "one", "--final", str(tmp_path / "draft.seg.nrrd")]
    assert main(["training", "score", *the_set, *final]) == 0
    assert "kidney_left: detected; 100% of 19.20 mL corrected" in capsys.readouterr().out
    assert main(["training", "score", *the_set, *final, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["outcomes"][0]["detected"] is True
    assert main(["training", "score", *the_set, "--records", str(tmp_path)]) == 1
    assert "no finished case" in capsys.readouterr().err
    work = tmp_path / "records" / "one" / "Anna"
    write_segmentation(work / "candidate.seg.nrrd", kidneys())
    finish_planted_case(tmp_path / "set", "one", "Anna", work)
    assert main(["training", "score", *the_set, "--records", str(tmp_path / "records")]) == 0
    assert "1 of 1" in capsys.readouterr().out


def test_errors_are_planted_into_a_real_abdomen_and_its_true_draft_finds_them(totalsegmentator, training_set, tmp_path):
    folder = tmp_path / "set"
    files = {"image": totalsegmentator / "example_ct_sm.nii.gz", "draft": totalsegmentator / "example_seg_fast.nii.gz"}
    if not all(path.is_file() for path in files.values()):
        pytest.skip("the sample's small scan is not here")
    grid = read_segmentation(files["draft"]).geometry
    assert grid.size
    plant_in_case(folder, "abdomen", PlantedErrorKind.ISLAND, "liver", 0, **files, labels="totalsegmentator")
    plant_in_case(folder, "abdomen", PlantedErrorKind.CUT_END, "spleen", 0)
    read = read_planted(folder, training_set, "abdomen")
    truth = read_segmentation(files["draft"], labels="totalsegmentator")
    for error in read.errors:
        assert score_planted(error, read.draft, truth).detected
        assert not score_planted(error, read.draft, read.draft).detected
