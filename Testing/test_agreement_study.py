"""Agreement over many cases: who is compared with whom, what is said where nothing can be, and what is written."""

import csv
import html.parser
import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import SimpleITK as sitk

from SegQCLib.agreement.icc import EXCHANGEABLE_REASON
from SegQCLib.agreement.measured_study import (
    MeasuredPair,
    MeasuredRead,
    MeasuredStudy,
    compared_pairs,
    measure_study,
)
from SegQCLib.agreement.study_agreement import StudyAgreement, study_agreement, study_schema
from SegQCLib.agreement.study_csv import study_csv
from SegQCLib.agreement.study_reads import StudyRating, StudyRead, read_study_table
from SegQCLib.agreement.study_report import render_study
from SegQCLib.cli import main
from SegQCLib.dataclass_json import from_json
from SegQCLib.errors import BadDataError
from SegQCLib.resources import resource

FREE, ANCHORED, MIXED = "AI-free", "AI-anchored", "AI-free against AI-anchored"


def read(reader, repeat=1, model=None, volume_ml=10.0, case="c1", structure="liver", **more):
    return MeasuredRead(case, more.pop("patient", case), structure, reader, repeat, model, volume_ml, **more)


def study_of(reads, dice=None):
    """Return a study of reads; `dice` gives that of two reads, default 0.9."""
    by_case = {}
    for one in reads:
        by_case.setdefault((one.case, one.structure), []).append(one)
    pairs = [MeasuredPair(a, b, 0.9 if dice is None else dice(a, b)) for same in by_case.values() for a, b in compared_pairs(same)]
    return MeasuredStudy(tuple(reads), tuple(pairs))


def group(study, relation="inter-reader", anchoring=FREE, structure="liver"):
    return next(
        found
        for found in study.structures
        if (found.structure, found.relation, found.anchoring) == (structure, relation, anchoring)
    )


def simulated_volumes(cases=60, readers=5, seed=11):
    """Return reads whose volumes have variances 400 (cases), 25 (readers) and 100 (rest): ICC(2,1) = 400/525. SIMULATED."""
    random = np.random.default_rng(seed)
    of_reader = random.normal(0, 5, readers)
    return [
        read(f"R{r}", volume_ml=float(200 + case_ml + of_reader[r] + random.normal(0, 10)), case=f"c{c}")
        for c, case_ml in enumerate(random.normal(0, 20, cases))
        for r in range(readers)
    ]


def box_mask(size, grid=(12, 20, 20)):
    mask = np.zeros(grid, np.uint8)
    mask[2 : 2 + size[0], 4 : 4 + size[1], 4 : 4 + size[2]] = 1
    return mask


def write_label_map(path, array):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.0, 1.0, 2.0))
    sitk.WriteImage(image, str(path))


@pytest.fixture(scope="module")
def written_study(tmp_path_factory):
    """Folder with reads.csv: 7 cases, A and B without AI, A again, and B with an AI result in sight."""
    folder = tmp_path_factory.mktemp("study")
    rows = [["case", "reader", "repeat", "model", "path", "rating:motion:1-5"]]
    for case in range(7):
        for reader, repeat, model, width in (("A", 1, "", 8), ("B", 1, "", 9), ("A", 2, "", 8), ("B", 2, "TS 2.4", 10)):
            name = f"case{case}_{reader}{repeat}.nrrd"
            write_label_map(folder / name, box_mask((4 + case % 3, 8, width)))
            rows.append([f"case {case}", reader, repeat, model, name, 1 + case % 5 if repeat == 1 else ""])
    (folder / "reads.csv").write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
    return folder


def test_readers_are_compared_under_one_condition_and_repeats_with_themselves_only():
    reads = [read("A"), read("A", 2), read("B"), read("B", 2, "TS"), read("A", 3, "TS")]
    found = {(a.reader, a.repeat, b.reader, b.repeat): MeasuredPair(a, b) for a, b in compared_pairs(reads)}
    kinds = {key: (pair.relation, pair.anchoring) for key, pair in found.items()}
    assert kinds == {
        ("A", 1, "B", 1): ("inter-reader", FREE),
        ("B", 2, "A", 3): ("inter-reader", ANCHORED),
        ("A", 1, "B", 2): ("inter-reader", MIXED),
        ("B", 1, "A", 3): ("inter-reader", MIXED),
        ("A", 1, "A", 2): ("intra-reader", FREE),
        ("A", 1, "A", 3): ("intra-reader", MIXED),
        ("B", 1, "B", 2): ("intra-reader", MIXED),
    }


def test_kinds_of_pairs_are_never_in_one_mean():
    reads = [
        read(r, n, m, case=f"c{c}")
        for c in range(8)
        for r, n, m in (("A", 1, None), ("B", 1, None), ("A", 2, "TS"), ("B", 2, "TS"))
    ]
    values = {FREE: 0.8, ANCHORED: 0.95, MIXED: 0.7}
    found = study_agreement(study_of(reads, lambda a, b: values[MeasuredPair(a, b).anchoring]))
    for anchoring, dice in values.items():
        assert group(found, anchoring=anchoring).measures[0].all_pairs.median.value == pytest.approx(dice)
    assert {(g.relation, g.anchoring) for g in found.structures} == {
        ("inter-reader", FREE), ("inter-reader", ANCHORED), ("inter-reader", MIXED), ("intra-reader", MIXED),
    }  # fmt: skip
    assert group(found, anchoring=ANCHORED).models == ("TS",)


def test_an_outlier_is_named_and_shown_with_and_without():
    reads = []
    for c in range(9):
        reads += [read(r, case=f"c{c}") for r in "AB"]
        reads.append(read("C", case=f"c{c}", volume_ml=1.0 if c < 5 else 10.0, outlier="wrong side: exchanged" if c < 5 else None))
    found = study_agreement(study_of(reads, lambda a, b: 0.1 if a.outlier or b.outlier else 0.9))
    dice = group(found).measures[0]
    assert dice.all_pairs.median.value == pytest.approx((0.9 + 0.1 + 0.1) / 3)
    assert dice.without_outliers.median.value == pytest.approx(0.9)
    assert (dice.all_pairs.pairs, dice.without_outliers.pairs) == (27, 17)
    assert [(o.case, o.reader) for o in found.outliers] == [(f"c{c}", "C") for c in range(5)]
    with_c = next(v for v in group(found).volumes if v.second == "C")
    assert with_c.absolute.bias.value == pytest.approx(5.0)
    assert with_c.without_outliers.bias.value == pytest.approx(0.0)
    assert group(found).icc[0].without_outliers.left_out == tuple(f"c{c}" for c in range(5))


def test_icc_of_logarithms_is_that_of_volumes_that_vary_by_factors():
    """SIMULATED: on the logarithm volumes have a standard deviation of 1 and errors one of 0.2: ICC = 1 / 1.04."""
    random = np.random.default_rng(3)
    volumes = np.exp(random.normal(3, 1, (60, 1)) + random.normal(0, 0.2, (60, 3)))
    reads = [read(f"R{r}", volume_ml=float(volumes[c, r]), case=f"c{c}") for c in range(60) for r in range(3)]
    found = group(study_agreement(study_of(reads), simulated=True)).icc[0]
    single = found.logarithms.form("ICC(2,1)").estimate
    assert single.lower < 1 / 1.04 < single.upper
    assert found.table.form("ICC(2,1)").estimate.value != single.value
    twice = [replace(one, volume_ml=2 * one.volume_ml) for one in reads]
    doubled = group(study_agreement(study_of(twice), simulated=True)).icc[0]
    assert doubled.logarithms.form("ICC(2,1)").estimate.value == pytest.approx(single.value)


def test_icc_of_a_simulated_study_holds_the_ratio_of_its_variances():
    found = group(study_agreement(study_of(simulated_volumes()), simulated=True)).icc[0]
    agreement = found.table.form("ICC(2,1)").estimate
    assert agreement.lower < 400 / 525 < agreement.upper
    consistency = found.table.form("ICC(3,1)").estimate
    assert consistency.lower < 400 / 500 < consistency.upper


def test_exchangeable_readers_get_nothing_that_needs_to_know_who_read():
    found = group(study_agreement(study_of(simulated_volumes()), exchangeable=True))
    assert [icc.form.shrout_fleiss for icc in found.icc[0].table.forms] == ["ICC(1,1)", "ICC(1,k)"]
    assert found.icc[0].table.not_applicable == EXCHANGEABLE_REASON
    assert (found.matrix, found.volumes) == ((), ())
    assert any("exchangeable" in note for note in found.notes)
    assert not any("Cohen" in entry.estimate.statistic for entry in found.presence.statistics)


def test_exchangeable_readers_in_another_order_give_the_same_numbers():
    reads = simulated_volumes(cases=20, readers=3)
    names = {"R0": "R2", "R1": "R0", "R2": "R1"}
    turned = [read(names[r.reader] if int(r.case[1:]) % 2 else r.reader, volume_ml=r.volume_ml, case=r.case) for r in reads]
    values = [
        group(study_agreement(study_of(each), exchangeable=True)).icc[0].table.form("ICC(1,1)").estimate.value
        for each in (reads, turned)
    ]
    assert values[0] == pytest.approx(values[1])


def test_absent_in_both_is_agreement_in_presence_and_no_volume():
    reads = []
    for c in range(10):
        absent = c < 3
        reads += [
            read("A", case=f"c{c}", volume_ml=0.0 if absent else 10.0 + c),
            read("B", case=f"c{c}", volume_ml=0.0 if c < 4 else 11.0 + c),
        ]
    found = group(study_agreement(study_of(reads, lambda a, b: None if a.volume_ml == b.volume_ml == 0 else 0.9)))
    assert (found.presence.present_by_all, found.presence.absent_by_all, found.presence.disputed) == (6, 3, 1)
    assert found.volumes[0].absolute.bias.cases == 6
    assert found.volumes[0].one_absent == 1
    assert found.volumes[0].absolute.bias.value == pytest.approx(-1.0)
    assert found.measures[0].all_pairs.undefined_pairs == 3
    # 9 of 10 agree; by chance 0.3 x 0.4 + 0.7 x 0.6 = 0.54.
    kappa = next(e.estimate for e in found.presence.statistics if e.estimate.statistic == "Cohen's kappa")
    assert kappa.value == pytest.approx((0.9 - 0.54) / 0.46)


def test_five_cases_have_values_and_no_intervals():
    found = group(
        study_agreement(study_of([read(r, case=f"c{c}", volume_ml=10.0 + c + (r == "B")) for c in range(5) for r in "AB"]))
    )
    estimates = [
        found.measures[0].all_pairs.median,
        found.volumes[0].absolute.bias,
        found.icc[0].table.form("ICC(2,1)").estimate,
    ]
    assert all(e.value is not None and e.lower is None and "Fewer than 6 cases" in e.reason for e in estimates)


def test_ratings_have_weighted_kappa_for_each_two_readers_and_gwet_for_all():
    grades = [(1, 1, 2), (2, 2, 2), (3, 3, 3), (4, 5, 4), (5, 5, 5), (1, 2, 1), (3, 3, 4), (4, 4, 4)]
    ratings = [
        StudyRating(f"c{c}", f"c{c}", r, 1, None, "motion", g, 1, 5)
        for c, row in enumerate(grades)
        for r, g in zip("ABC", row, strict=True)
    ]
    ratings.append(StudyRating("c9", "c9", "A", 1, None, "motion", None, 1, 5))
    (found,) = study_agreement(MeasuredStudy((), ()), ratings).ratings
    names = [entry.estimate.statistic for entry in found.statistics]
    assert names[:2] == ["Fleiss' kappa", "Gwet's AC2 with quadratic weights"]
    assert names.count("Cohen's kappa with linear weights") == 3
    assert (found.answers, found.not_assessable) == (24, 1)


def test_a_reader_s_repeated_ratings_are_compared_with_themselves():
    ratings = [
        StudyRating(f"c{c}", f"c{c}", "A", n, None, "noise", 1 + (c + (n == 2 and c == 0)) % 5, 1, 5)
        for c in range(7)
        for n in (1, 2)
    ]
    (found,) = study_agreement(MeasuredStudy((), ()), ratings).ratings
    assert found.relation == "intra-reader"
    assert {entry.readers for entry in found.statistics} == {("A, repeated",)}


def test_dice_and_volumes_of_files_are_those_of_the_boxes(written_study):
    table = read_study_table(written_study / "reads.csv")
    measured = measure_study(table.reads)
    first = next(p for p in measured.pairs if p.first.case == "case 0" and p.relation == "inter-reader" and p.anchoring == FREE)
    # Boxes of 4 x 8 x 8 and 4 x 8 x 9 voxels of 2 mm3.
    assert (first.first.volume_ml, first.second.volume_ml) == pytest.approx((0.512, 0.576))
    assert first.dice == pytest.approx(2 * 8 / 17)
    again = next(p for p in measured.pairs if p.first.case == "case 0" and p.relation == "intra-reader" and p.anchoring == FREE)
    assert again.dice == 1.0


def test_the_command_writes_json_csv_and_a_page(written_study, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["agreement", "--study", str(written_study / "reads.csv"), "--out", str(out)]) == 0
    study = from_json(StudyAgreement, (out / "agreement.json").read_text(encoding="utf-8"))
    assert group(study, structure="label_1").measures[0].all_pairs.median.value == pytest.approx(16 / 17)
    assert group(study, "intra-reader", structure="label_1").measures[0].all_pairs.median.value == 1.0
    assert len(study.ratings) == 1
    with (out / "agreement.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["anchoring"] for row in rows} == {FREE, MIXED}
    assert all(row["value"] or row["reason"] for row in rows)
    assert "median Dice 0.941" in capsys.readouterr().out
    page = (out / "agreement.html").read_text(encoding="utf-8")
    assert "Bland-Altman" in page


def test_a_deidentified_study_names_no_reader_no_case_and_no_file(written_study, tmp_path, capsys):
    out = tmp_path / "out"
    text = (written_study / "reads.csv").read_text(encoding="utf-8").replace(",A,", ",Ada Lovelace,").replace("case ", "MRN 77")
    (written_study / "named.csv").write_text(text, encoding="utf-8")
    assert main(["agreement", "--study", str(written_study / "named.csv"), "--out", str(out), "--deidentify"]) == 0
    written = "".join(path.read_text(encoding="utf-8") for path in out.iterdir()) + capsys.readouterr().out
    assert "reader 1" in written
    for name in ("Lovelace", "MRN 77", "case0_A1", str(written_study)):
        assert name not in written


def test_simulated_is_said_in_everything_written():
    study = study_agreement(study_of(simulated_volumes(cases=8, readers=2)), simulated=True)
    assert json.loads(study.to_json())["simulated"] is True
    assert "SIMULATED" in study_csv(study).splitlines()[1]
    assert "SIMULATED" in render_study(study)


def test_the_page_loads_nothing_and_escapes_names():
    reads = [
        read(r, case=f"c{c}", volume_ml=10.0 + c, structure="<b>liver</b>") for c in range(8) for r in ("<script>x</script>", "B")
    ]
    page = render_study(study_agreement(study_of(reads)))
    tags = []

    class Tags(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            tags.append((tag, dict(attributes)))

    Tags().feed(page)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in tags}
    sources = [attributes[key] for _, attributes in tags for key in ("src", "href") if key in attributes]
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert all(attributes["alt"] for tag, attributes in tags if tag == "img")


def test_structures_that_nobody_drew_are_one_line():
    reads = [
        read(r, case=f"c{c}", structure=s, volume_ml=v) for c in range(3) for r in "AB" for s, v in (("liver", 9.0), ("cyst", 0.0))
    ]
    study = study_agreement(study_of(reads, lambda a, _: 0.9 if a.volume_ml else None))
    assert study.absent == ("cyst",)
    page = render_study(study)
    assert "Absent in every case by all its readers: cyst." in page
    assert "<h2>cyst</h2>" not in page


def test_the_same_study_gives_the_same_page():
    study = study_agreement(study_of(simulated_volumes(cases=6, readers=2)))
    assert render_study(study) == render_study(study)


def test_a_name_with_a_dollar_sign_is_a_name_and_no_formula():
    reads = [read(r, case=f"c{c}", volume_ml=10.0 + c) for c in range(6) for r in (r"$\bad{$", "$_B", "C")]
    assert "$_B" in render_study(study_agreement(study_of(reads)))


def test_an_exact_agreement_of_readers_is_drawn_too():
    page = render_study(
        study_agreement(study_of([read(r, case=f"c{c}", volume_ml=10.0) for c in range(8) for r in "AB"], lambda *_: 1.0))
    )
    assert "1.000" in page


def test_the_shipped_schema_is_the_one_of_the_code():
    shipped = resource("Schemas/study_agreement.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(study_schema(), indent=2, ensure_ascii=False) + "\n"


def test_a_study_fits_its_schema():
    jsonschema = pytest.importorskip("jsonschema")
    study = study_agreement(study_of(simulated_volumes(cases=7, readers=2)))
    jsonschema.Draft202012Validator(study_schema()).validate(json.loads(study.to_json()))
    assert from_json(StudyAgreement, study.to_json()) == study


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("case,path\nc1,a.nrrd", "the column reader is missing"),
        ("case,reader\nc1,A", "nothing to compare"),
        ("case,reader,volume\nc1,A,3", "unknown column 'volume'"),
        ("case,reader,path\nc1,A,none.nrrd", "line 2: there is no file none.nrrd"),
        ("case,reader,repeat,volume_ml,structure\nc1,A,0,3,liver", "line 2: repeat is '0'"),
        ("case,reader,volume_ml,structure\nc1,A,-3,liver", "line 2: volume_ml is -3"),
        ("case,reader,volume_ml\nc1,A,3", "line 2: volume_ml needs the structure"),
        ("case,reader,volume_ml,structure\nc1,A,3,liver\nc1,A,4,liver", "line 3: A reads c1 twice as repeat 1"),
        ("case,reader,rating:motion:1-5\nc1,A,6", "line 2: rating:motion:1-5 is '6'"),
        ("case,reader,rating:motion:1-5\nc1,A,2\nc1,A,3", "line 3: A answers 'motion' of c1 in two ways"),
        ("case,reader,patient,volume_ml,structure\nc1,A,p1,3,liver\nc1,B,p2,3,liver", "a case is of one patient"),
        ("case,reader,model,volume_ml,structure\nc1,A,None,3,liver", "line 2: model is 'None'; leave it empty"),
        ("case,reader,volume_ml,structure\nc1,Ada,3,liver\nc1,ada,3,liver", "differ in capitals only"),
        ("case,reader,rating:motion:5-1\nc1,A,2", "unknown column 'rating:motion:5-1'"),
    ],
)
def test_a_faulty_table_is_refused_with_line_and_reason(tmp_path, text, found):
    (tmp_path / "reads.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadDataError) as error:
        read_study_table(tmp_path / "reads.csv")
    assert found in str(error.value)


def test_not_assessable_is_an_answer_and_an_empty_cell_is_none(tmp_path):
    (tmp_path / "reads.csv").write_text("case,reader,rating:motion:1-5\nc1,A,Not assessable\nc1,B,\nc1,C,3", encoding="utf-8")
    ratings = read_study_table(tmp_path / "reads.csv").ratings
    assert [(r.reader, r.grade) for r in ratings] == [("A", None), ("C", 3)]


def test_a_structure_that_its_file_lacks_is_an_error_and_a_file_of_one_segment_is_that_structure(tmp_path):
    write_label_map(tmp_path / "one.nrrd", box_mask((3, 5, 5)))
    write_label_map(tmp_path / "two.nrrd", box_mask((3, 5, 5)) + np.roll(box_mask((3, 5, 5)), 8, axis=2) * 2)

    def reads(*names):
        return [StudyRead("c1", "c1", reader, 1, None, "liver", tmp_path / name) for reader, name in zip("AB", names, strict=True)]

    assert measure_study(reads("one.nrrd", "one.nrrd")).pairs[0].dice == 1.0
    with pytest.raises(BadDataError, match="Correct the column structure"):
        measure_study(reads("one.nrrd", "two.nrrd"))


def test_neither_one_reader_s_repeats_nor_an_ai_result_outvote_the_others(tmp_path):
    write_label_map(tmp_path / "there.nrrd", box_mask((4, 6, 6)))
    write_label_map(tmp_path / "elsewhere.nrrd", np.roll(box_mask((4, 6, 6)), 10, axis=2))

    def reads(*entries):
        return [StudyRead("c1", "c1", who, n, model, "liver", tmp_path / f"{name}.nrrd") for who, n, model, name in entries]

    def named(*entries):
        return [(r.reader, r.repeat) for r in measure_study(reads(*entries)).reads if r.outlier is not None]

    repeats = [("A", n, None, "elsewhere") for n in (1, 2, 3)]
    assert named(*repeats, ("B", 1, None, "there")) == []
    assert named(*repeats, ("B", 1, None, "there"), ("C", 1, None, "there")) == [("A", 1), ("A", 2), ("A", 3)]
    saw_it = [(who, 2, "TS", "elsewhere") for who in "ABC"]
    assert named(*saw_it, ("A", 1, None, "there"), ("B", 1, None, "there")) == []
    one_of_three = [("A", 1, None, "there"), ("B", 1, None, "there"), ("C", 1, None, "elsewhere")]
    assert named(*saw_it, *one_of_three) == [("C", 1)]


def test_a_case_that_was_read_once_is_named():
    study = study_agreement(study_of([read("A"), read("A", case="c2"), read("B", case="c2")]))
    assert study.read_once == ("c1",)


def lidc_study(shared_data, most=None):
    """Return the nodules that three readers or more outlined, as reads and pairs; Dice is counted from the bits."""
    folder = shared_data / "lidc_readers"
    bits = np.load(folder / "masks.npz")["bits"]
    reads, pairs, ratings = [], [], []
    with (folder / "nodules.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["n_readers"]) >= 3][:most]
    for number, row in enumerate(rows):
        size = tuple(int(row[name]) for name in ("n_readers", "nz", "ny", "nx"))
        start = int(row["offset"])
        masks = np.unpackbits(bits[start : start + int(row["nbytes"])])[: np.prod(size)].reshape(size[0], -1).astype(bool)
        voxel_ml = float(row["pixel_spacing"]) ** 2 * float(row["slice_spacing"]) / 1000
        own = [
            read(
                f"reader {n + 1}",
                case=f"nodule {number}",
                patient=row["patient"],
                volume_ml=float(mask.sum() * voxel_ml),
                structure="nodule",
            )
            for n, mask in enumerate(masks)
        ]
        reads += own
        for a, b in combinations(range(size[0]), 2):
            total = masks[a].sum() + masks[b].sum()
            pairs.append(MeasuredPair(own[a], own[b], float(2 * (masks[a] & masks[b]).sum() / total) if total else None))
        for n, grade in enumerate(row["malignancy"].split("|")):
            ratings.append(
                StudyRating(f"nodule {number}", row["patient"], f"reader {n + 1}", 1, None, "malignancy", int(grade), 1, 5)
            )
    return MeasuredStudy(tuple(reads), tuple(pairs)), ratings


@pytest.fixture(scope="module")
def lidc(shared_data):
    return lidc_study(shared_data)


def test_real_readers_of_1140_nodules_have_one_way_forms_only(lidc):
    measured, ratings = lidc
    study = study_agreement(measured, ratings, exchangeable=True)
    found = group(study, structure="nodule")
    assert found.cases == 1140
    assert found.patients < found.cases
    assert [icc.form.shrout_fleiss for icc in found.icc[0].table.forms] == ["ICC(1,1)", "ICC(1,k)"]
    single = found.icc[0].table.form("ICC(1,1)").estimate
    # One-way ICC by its definition, from mean squares, on the nodules that are not left out.
    volumes = {}
    for one in measured.reads:
        volumes.setdefault(one.case, []).append(one.volume_ml)
    k = found.icc[0].table.forms[0].readers
    table = np.array([own[:k] for case, own in volumes.items() if case not in set(found.icc[0].table.left_out)])
    between = k * table.mean(axis=1).var(ddof=1)
    within = table.var(axis=1, ddof=1).mean()
    assert single.cases == len(table)
    assert single.value == pytest.approx((between - within) / (between + (k - 1) * within))
    assert single.lower < single.value < single.upper
    dice = found.measures[0].all_pairs
    by_case = {}
    for pair in measured.pairs:
        by_case.setdefault(pair.first.case, []).append(pair.dice)
    assert dice.median.value == pytest.approx(np.median([np.mean(own) for own in by_case.values()]))
    assert dice.median.lower < dice.median.value < dice.median.upper


def test_ratings_of_real_readers_have_fleiss_and_gwet_but_no_kappa_of_persons(lidc):
    _, ratings = lidc
    (found,) = study_agreement(MeasuredStudy((), ()), ratings, exchangeable=True).ratings
    assert [entry.estimate.statistic for entry in found.statistics] == ["Fleiss' kappa", "Gwet's AC2 with quadratic weights"]
    fleiss, gwet = (entry.estimate for entry in found.statistics)
    assert 0 < fleiss.value < gwet.value < 1
    assert gwet.cases == 1140


def test_names_that_are_numbers_bring_up_exchangeable_readers(tmp_path, capsys):
    lines = [f"c{c},{r},{10 + c},liver" for c in range(3) for r in (1, 2)]
    (tmp_path / "reads.csv").write_text("case,reader,volume_ml,structure\n" + "\n".join(lines), encoding="utf-8")
    arguments = ["agreement", "--study", str(tmp_path / "reads.csv"), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "--exchangeable-readers" in capsys.readouterr().err
    assert main([*arguments, "--exchangeable-readers"]) == 0
    assert "--exchangeable-readers" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--study", "reads.csv"], "needs --out"),
        (["--study", "reads.csv", "--out", "x", "--map", "m.nrrd"], "--map is for the readers of one case"),
        (["--study", "reads.csv", "--out", "x", "--tolerance", "-1"], "not a distance"),
        (["a.nrrd", "--study", "reads.csv", "--out", "x"], "give no SEG"),
    ],
)
def test_options_that_contradict_a_study_are_wrong_usage(arguments, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["agreement", *arguments])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
