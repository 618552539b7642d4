"""The dashboard of readers' records: its numbers follow from reads made by hand, and it tells nobody's name or alert."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest

from SegQCLib.agreement.bland_altman import bland_altman
from SegQCLib.agreement.gwet import gwet_ac
from SegQCLib.agreement.kappa import cohen_kappa
from SegQCLib.agreement.study_agreement import MatrixCell, StudyAgreement
from SegQCLib.automation_bias.signs import percent
from SegQCLib.cli import main
from SegQCLib.dashboard.activity import activity
from SegQCLib.dashboard.agreement_matrix import rating_matrices, volume_matrices
from SegQCLib.dashboard.finding_funnel import CheckFunnel, finding_funnels
from SegQCLib.dashboard.model_course import model_courses
from SegQCLib.dashboard.reader_labels import reader_labels
from SegQCLib.dashboard.records_report import OTHERS, records_report, report_schema
from SegQCLib.dashboard.report_page import render_records_report
from SegQCLib.dashboard.report_source import ReportSource, from_database, from_folder
from SegQCLib.dataclass_json import from_json
from SegQCLib.errors import BadDataError
from SegQCLib.readers.case_read import CaseRead, FindingPath, PlantedRead, RatingRead, SegmentRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.readers.simulated_logs import LOGS, simulate_department
from SegQCLib.resources import resource

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
SECRET = "0" * 64


def a_segment(name="liver", active_s=60.0, model="LiverNet", version="1.0", voxels=1000, removed=0, accuracy=None):
    """Voxels of 1 mL each; with a draft of 1000 voxels nothing is added, so Dice is 2 * voxels / (voxels + 1000)."""
    if model is None:
        return SegmentRead(name, Seconds(active=active_s), {}, None, None, True, voxels, 0, voxels, 0, 1000.0, accuracy=accuracy)
    kept = 1000 - removed
    return SegmentRead(
        name, Seconds(active=active_s), {}, model, version, removed > 0, kept, 1000, 0, removed, 1000.0, accuracy=accuracy
    )


def a_read(reader, case, day=0.0, segments=(), **changes):
    started = START + timedelta(days=day)
    segments = segments or (a_segment(),)
    active = Seconds(active=sum(segment.seconds.active for segment in segments))
    read = CaseRead(
        reader, case, 1, (f"{reader}{case}{day}",), "clinical", started, started, True, None, None, active, 100, 50, True, None,
        tuple(segments),
    )  # fmt: skip
    return replace(read, **changes)


def a_report(reads, reader=None, names=None, **options):
    source = ReportSource(tuple(reads), len(reads), (), 0, names or {}, SECRET)
    labels = reader_labels({read.reader for read in reads}, names)
    return records_report(source, labels, created=START, software={"SegQC": "test"}, reader=reader, **options)


def a_page(*arguments, **options):
    return render_records_report(a_report(*arguments, **options))


def text_of(page):
    body = re.sub(r"(?s)<style>.*?</style>", "", page)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def plots_of(page):
    """The plots of a page as their own text."""
    return [base64.b64decode(found).decode() for found in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)]


# Numbers.


def test_reads_are_counted_by_month_with_empty_months_between():
    reads = [a_read("R-1", "a"), a_read("R-1", "b", 1), a_read("R-2", "c", 60, (a_segment(model=None),))]
    reads += [a_read("R-1", "d", finished=False), a_read("R-1", "e", purpose="training")]
    found = activity(reads)
    assert (found.unit, found.periods) == ("month", ("2026-01", "2026-02", "2026-03"))
    assert [(row.reader, row.reads, row.anchored) for row in found.readers] == [("R-1", (2, 0, 0), 2), ("R-2", (0, 0, 1), 0)]


@pytest.mark.parametrize(
    ("days", "unit", "first", "number"), [(700, "month", "2026-01", 24), (800, "quarter", "2026 Q1", 9), (3000, "year", "2026", 9)]
)
def test_many_months_become_quarters_and_many_quarters_years(days, unit, first, number):
    found = activity([a_read("R-1", "a"), a_read("R-1", "b", days)])
    assert (found.unit, found.periods[0], len(found.periods)) == (unit, first, number)
    assert sum(found.readers[0].reads) == 2


def test_a_read_near_midnight_counts_in_the_month_of_utc():
    moment = datetime.fromisoformat("2026-02-01T00:30:00+01:00")
    assert activity([a_read("R-1", "a", started=moment)]).periods == ("2026-01",)


def test_every_finding_is_repaired_kept_or_left_open():
    paths = [(True, True, False), (True, True, True), (False, False, True), (True, False, False), (False, False, False)]
    found = tuple(FindingPath("islands", f"s{n}", True, *steps) for n, steps in enumerate(paths))
    reads = [a_read("R-1", "a", findings=found), a_read("R-1", "b", finished=False, findings=found)]
    # Viewed 3; repaired the first two; kept the third alone; one left open after a look, one without.
    assert finding_funnels(reads) == (CheckFunnel("islands", 5, 3, 2, 1, 1, 1),)


def test_months_of_a_version_are_medians_of_dice():
    reads = [
        a_read("R-1", f"c{n}", day, (a_segment(removed=removed),)) for n, (day, removed) in enumerate([(0, 0), (1, 500), (40, 0)])
    ]
    reads.append(a_read("R-1", "new", 41, (a_segment(version="2.0", removed=500),)))
    (course,) = model_courses(reads)
    assert [(start.version, start.first[:10], start.reads) for start in course.versions] == [
        ("1.0", "2026-01-05", 3),
        ("2.0", "2026-02-15", 1),
    ]
    half = 2 * 500 / 1500
    assert [(month.month, month.version, month.dice_with_draft.median) for month in course.structures[0].months] == [
        ("2026-01", "1.0", pytest.approx((1 + half) / 2)),
        ("2026-02", "1.0", 1.0),
        ("2026-02", "2.0", pytest.approx(half)),
    ]


def test_volumes_of_two_readers_are_compared_under_one_condition_only():
    free = [
        a_read(reader, f"c{n}", n, (a_segment(model=None, voxels=voxels),))
        for n, pair in enumerate([(100, 110), (200, 190)])
        for reader, voxels in zip(("R-1", "R-2"), pair, strict=True)
    ]
    anchored = [a_read("R-1", "d"), a_read("R-2", "d", 1)]
    mixed = [a_read("R-1", "e"), a_read("R-2", "e", 1, (a_segment(model=None),))]
    found = {matrix.anchoring: matrix for matrix in volume_matrices(free + anchored + mixed)}
    assert found.keys() == {"AI-free", "AI-anchored"}
    (cell,) = found["AI-free"].cells
    # 100 x (100 - 110) / 105 and 100 x (200 - 190) / 195.
    assert cell.value.value == pytest.approx((-1000 / 105 + 1000 / 195) / 2)
    assert cell.lower_limit == bland_altman([100, 200], [110, 190], "%", percent=True).lower_limit.value
    assert (cell.first, cell.second, cell.cases) == ("R-1", "R-2", 2)
    assert found["AI-anchored"].cells[0].cases == 1


def test_ratings_of_two_readers_are_those_of_gwet_and_cohen():
    first, second = [1, 2, 3, 4, 5, 3, 2, 4], [1, 2, 4, 4, 5, 3, 3, 4]
    reads = [
        a_read(reader, f"c{n}", n, ratings=(RatingRead("overall", grade),), protocol="ct-lung-nodule")
        for reader, grades in (("R-1", first), ("R-2", second))
        for n, grade in enumerate(grades)
    ]
    reads.append(a_read("R-2", "c0", 50, repeat=2, ratings=(RatingRead("overall", 5),), protocol="ct-lung-nodule"))
    reads.append(a_read("R-3", "z", ratings=(RatingRead("overall", None),), protocol="ct-lung-nodule"))
    between, within = rating_matrices(reads)
    assert (between.relation, between.anchoring, between.scale, between.scale_is_known) == (
        "inter-reader",
        "AI-anchored",
        (1, 5),
        True,
    )
    (cell,) = between.cells
    assert cell.value == gwet_ac(list(zip(first, second, strict=True)), range(1, 6), "quadratic")
    assert cell.kappa == cohen_kappa(first, second, range(1, 6), "quadratic")
    assert between.shared_cases == 8
    assert (within.relation, within.cells[0].cases) == ("intra-reader", 1)


def test_a_scale_that_nobody_knows_is_that_of_the_grades_and_says_so():
    reads = [
        a_read(reader, f"c{n}", ratings=(RatingRead("own scale", grade),))
        for n, grade in enumerate((2, 4))
        for reader in ("R-1", "R-2")
    ]
    (matrix,) = rating_matrices(reads)
    assert (matrix.scale, matrix.scale_is_known) == ((2, 4), False)
    assert "no shipped protocol has this scale" in a_page(reads)


def test_the_page_s_numbers_follow_from_the_reads():
    reads = [a_read("R-1", f"c{n}", n, (a_segment(active_s=60.0 * (n + 1)),)) for n in range(3)]
    reads += [a_read("R-2", f"d{n}", n, (a_segment(active_s=300.0, model=None),)) for n in range(2)]
    report = a_report(reads)
    assert (report.clinical_reads, report.anchored_reads, report.cases, report.readers) == (5, 3, 5, ("R-1", "R-2"))
    assert [(e.reader, e.ai_anchored, e.active_minutes.median) for e in report.case_effort] == [
        ("R-1", True, 2.0),
        ("R-2", False, 5.0),
    ]
    shown = text_of(render_records_report(report))
    # Quartiles of 1, 2, 3 min are 1.5 and 2.5.
    assert "not known R-1 with AI draft 3 2.00 (1.50 to 2.50)" in shown
    assert "LiverNet (1.0: 3 reads from 2026-01-05)" in shown


def test_readers_are_compared_on_the_cases_that_both_read_and_not_on_the_page_of_one():
    # R-1 takes twice as long on each of ten shared cases: every resample of the ratios has the median 2.
    reads = [a_read("R-1", f"c{n}", n, (a_segment(active_s=120.0 * (n + 1)),)) for n in range(10)]
    reads += [a_read("R-2", f"c{n}", n, (a_segment(active_s=60.0 * (n + 1)),)) for n in range(10)]
    assert "liver with AI draft R-1 R-2 10 10 10 2.00 (2.00 to 2.00)" in text_of(a_page(reads))
    assert a_report(reads, reader="R-1").differences == ()


def test_planted_errors_are_counted_with_wilson_s_interval():
    planted = [PlantedRead("island", "liver", n < 8, 1.0, 10.0 if n < 8 else None) for n in range(10)]
    reads = [a_read("R-1", f"t{n}", n, purpose="training", planted=(one,)) for n, one in enumerate(planted)]
    shown = text_of(a_page(reads))
    # 8 of 10: 49 to 94 %, Brown, Cai, DasGupta 2001 (doi:10.1214/ss/1009213286), equation 4.
    assert "R-1 island 8 of 10 80 % (49 to 94) 10.0 (10.0 to 10.0)" in shown


def test_structures_beyond_the_twelve_that_were_read_most_are_counted():
    reads = [a_read("R-1", f"c{n}", n, [a_segment(f"s{k}") for k in range(n + 1)]) for n in range(15)]
    report = a_report(reads)
    assert [(one.name, one.reads) for one in report.structures] == [(f"s{k}", 15 - k) for k in range(12)]
    assert report.structures_not_shown == 3
    assert {effort.structure for effort in report.effort} == {f"s{k}" for k in range(12)}


# Privacy.


def over_reliant(reader="R-1", reads=30):
    """Faster and closer to the draft from read to read; planted errors are missed."""
    own = [
        a_read(reader, f"{reader} {n}", 4 * n, (a_segment(active_s=200 * 0.95**n + n % 3, removed=90 - 3 * n + n % 2),))
        for n in range(reads)
    ]
    missed = [
        a_read(reader, f"t{reader} {n}", 4 * n + 1, purpose="training",
               planted=(PlantedRead("island", "liver", n < 10, 1.0, 5.0 if n < 10 else None),))
        for n in range(0, reads, 1)
    ]  # fmt: skip
    return own + missed


def steady(reader, reads=30):
    return [
        a_read(reader, f"{reader} {n}", 4 * n, (a_segment(active_s=200 + 10 * (n % 3), removed=60 + n % 4),)) for n in range(reads)
    ]


@pytest.fixture(scope="module")
def own(department):
    report = a_report(department, "R-1")
    return report, render_records_report(report)


@pytest.fixture(scope="module")
def whole(department):
    report = a_report(department)
    return report, render_records_report(report)


@pytest.fixture(scope="module")
def department():
    return [*over_reliant(), *(read for reader in ("R-2", "R-3", "R-4") for read in steady(reader))]


def test_a_department_s_page_has_nobody_s_alert_nor_their_number(whole):
    report, page = whole
    assert report.alerts == ()
    shown = text_of(page)
    assert "No alert stands here, and not even how many there are." in shown
    assert "You may be relying on the drafts" not in shown


def test_a_reader_s_page_has_the_alert_with_evidence_other_explanations_and_advice(own):
    report, page = own
    assert [alert.level.value for alert in report.alerts] == ["alert"]
    shown = text_of(page)
    for words in (
        "This page belongs to R-1",
        "LiverNet 1.0: alert",
        "Another explanation",
        "Did the cases become easier?",
        "What helps:",
    ):
        assert words in shown


def test_a_reader_s_page_shows_others_as_one_and_from_three_on_only(own, department):
    report, page = own
    assert report.others == 3
    assert {effort.reader for effort in report.effort} == {"R-1", OTHERS}
    assert not re.search(r"R-[234]", page)
    two = a_report([read for read in department if read.reader != "R-4"], "R-1")
    assert two.others is None
    assert {effort.reader for effort in two.effort} == {"R-1"}


def test_a_reader_s_page_does_not_have_others_disagreement():
    reads = [a_read(f"R-{n}", "shared", n, ratings=(RatingRead("overall", n),)) for n in range(1, 6)]
    report = a_report(reads, "R-1")
    assert report.ratings == report.volumes == ()
    assert a_report(reads).volumes


def test_labels_are_the_shortest_keys_that_differ_and_names_only_if_asked_for():
    keys = ["R-abcdef000000", "R-abcdee000000", "R-123400000000"]
    assert reader_labels(keys) == {key: key[:8] for key in keys}
    names = dict.fromkeys(keys[:2], "Ann") | {keys[2]: "Bob"}
    assert set(reader_labels(keys, names).values()) == {"Ann (R-abcdef)", "Ann (R-abcdee)", "Bob"}


def test_a_reader_is_found_by_name_key_or_the_beginning_of_a_key():
    source = ReportSource((), 0, None, None, {}, SECRET)
    key = source.study_keys(["Ann"])["Ann"]
    source = replace(source, reads=(a_read(key, "a"), a_read("R-other", "a")))
    assert source.key_of("Ann") == source.key_of(key) == source.key_of(key[:6]) == key
    with pytest.raises(BadDataError, match="there are no reads of 'Bob'"):
        source.key_of("Bob")
    with pytest.raises(BadDataError, match="beginning of 2 keys"):
        source.key_of("R-")


# The page.


def test_a_name_is_text_and_never_markup_or_a_formula():
    evil = "<script>alert(1)</script> $x$"
    reads = [a_read(evil, f"c{n}", 3 * n, (a_segment(evil, model=evil, version=evil, removed=n),)) for n in range(12)]
    page = a_page(reads, evil)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert all("<script" not in plot for plot in plots_of(page))
    assert "Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"" in page
    assert not re.search(r"""(?:src|href|action|url)\s*[=(]\s*["']?(?:https?:)?//""", page)


def test_one_simulated_read_marks_the_page_and_every_plot():
    reads = steady("R-1", 12)
    page = a_page([replace(reads[0], simulated=True), *reads[1:]])
    assert "SIMULATED: 1 read was made up" in text_of(page)
    assert "<title>SIMULATED: " in page
    plots = plots_of(page)
    assert len(plots) > 3
    assert all("SIMULATED" in plot for plot in plots)


def test_real_reads_are_not_called_simulated(whole):
    assert "SIMULATED" not in whole[1]


@pytest.mark.parametrize(
    "reads",
    [
        pytest.param([], id="no reads"),
        pytest.param([a_read("R-1", "a", finished=False)], id="unfinished only"),
        pytest.param([a_read("R-1", "a")], id="one read"),
        pytest.param([a_read("R-1", "a", segments=[replace(a_segment(), seconds=Seconds())])], id="no time at all"),
        pytest.param([replace(a_read("R-1", "a"), segments=())], id="no segments"),
        pytest.param(steady("R-1", 12), id="one reader"),
        pytest.param([a_read("R-1", f"c{n}", n, (a_segment(model=None),)) for n in range(6)], id="AI-free only"),
        pytest.param([a_read("R-1", f"c{n}", n) for n in range(6)], id="all drafts unchanged"),
        pytest.param([a_read("R-1", "a", segments=[a_segment(version=None)])], id="model without version"),
        pytest.param([a_read("R-1", "t", purpose="training")], id="training only"),
        pytest.param([a_read("R-1", f"{n}", 0, (a_segment(removed=1000),)) for n in range(6)], id="drafts deleted, at one moment"),
    ],
)
def test_every_page_of_few_reads_can_be_made(reads):
    report = a_report(reads)
    page = render_records_report(report)
    assert "How it was computed" in page
    assert not re.search(r"\b(nan|None|inf)\b", text_of(page))
    jsonschema.validate(json.loads(report.to_json()), report_schema())


@pytest.mark.parametrize("reads", [[a_read("R-1", "a")], [a_read("R-1", "a", segments=[a_segment(model=None)])], steady("R-1", 6)])
def test_a_reader_s_page_of_few_reads_can_be_made(reads):
    report = a_report(reads, "R-1")
    assert not re.search(r"\b(nan|None|inf)\b", text_of(render_records_report(report)))
    jsonschema.validate(json.loads(report.to_json()), report_schema())


def test_forty_readers_and_very_long_names_still_make_a_page_of_less_than_5_mb():
    long = "Lesion in segment VIII after embolisation, " * 8
    reads = [a_read(f"R-{n:012x}", f"c{case}", n, (a_segment(long, model=None),)) for n in range(40) for case in range(2)]
    page = a_page(reads)
    assert len(page) < 5_000_000
    # No matrix of 40 columns: pairs in a list, the first of 780.
    assert "The 60 pairs with most cases of 780." in text_of(page)


def test_a_pair_without_a_case_in_common_is_empty_and_not_0():
    reads = [
        a_read(reader, case, n)
        for case, readers in (("a", "12"), ("b", "23"))
        for n, reader in enumerate(map("R-{}".format, readers))
    ]
    page = a_page(reads)
    rows = re.findall(r'<table class="matrix">(.*?)</table>', page, re.DOTALL)
    assert len(rows) == 1
    assert re.findall(r'<td class="(blank|few)"', rows[0]) == ["few", "blank", "few"]


def test_json_keeps_to_its_schema_and_the_schema_is_shipped(whole, own):
    schema = report_schema()
    shipped = json.loads(resource("Schemas/records_report.schema.json").read_text(encoding="utf-8"))
    assert shipped == schema
    for report, _ in (whole, own):
        jsonschema.validate(json.loads(report.to_json()), schema)


def test_the_same_reads_give_the_same_bytes():
    reads = steady("R-1", 3)
    assert a_page(reads) == a_page(reads)


def test_a_trend_on_the_page_is_that_of_the_report(whole):
    report, page = whole
    one = next(one for one in report.trends if one.reader == "R-1" and one.measure.id == "log_active_time")
    number = f"{percent(one.trend.slope_per_30_days):+.1f}".replace("-", "−")
    assert f"R-1 LiverNet 1.0 Active time, % 30 {number} %" in text_of(page).replace("\u202f", " ")


# From logs, through a database, to files.


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    simulate_department(folder, readers=3, models=1, cases=8, seed=1)
    return folder


@pytest.fixture(scope="module")
def database(simulated, tmp_path_factory):
    """URL and file of names of a database of the simulated department."""
    folder = tmp_path_factory.mktemp("database")
    url = f"sqlite:///{(folder / 'records.sqlite').as_posix()}"
    assert main(["records", "ingest", str(simulated / LOGS), "--db", url]) == 0
    return url, folder / "records.names.json"


def run(*arguments):
    return main(["records", "report", *map(str, arguments)])


def test_a_folder_and_a_database_of_it_have_the_same_reads(database, simulated):
    url, names = database
    before = names.read_bytes()
    of_database, of_folder = from_database(url), from_folder(simulated / LOGS, names)
    assert of_database.reads == of_folder.reads
    assert (of_database.sessions, of_database.names) == (of_folder.sessions, of_folder.names)
    assert (of_database.left_out, of_folder.left_out) == (None, ())
    assert names.read_bytes() == before


def test_a_page_has_names_only_if_asked_for(database, tmp_path, capsys):
    url, names = database
    assert run("--db", url, "--names", names, "--out", tmp_path / "a.html", "--json", tmp_path / "a.json") == 0
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["simulated_reads"] > 0
    assert capsys.readouterr().out.startswith("SIMULATED: ")
    assert "Simulated reader" not in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Simulated reader" not in (tmp_path / "a.json").read_text(encoding="utf-8")
    source = from_database(url)
    labels = reader_labels(source.names, source.names)
    assert "Simulated reader" in records_report(source, labels, created=START, software={}, named=True).readers[0]


def test_damaged_logs_are_told_without_the_names_in_their_paths(simulated, tmp_path, capsys):
    folder = tmp_path / "logs"
    folder.mkdir()
    paths = sorted((simulated / LOGS).glob("*.jsonl"))[:6]
    for path in paths:
        (folder / path.name).write_bytes(path.read_bytes())
    broken = folder / paths[0].name
    broken.write_bytes(broken.read_bytes().replace(b'"activity"', b'"activitx"', 1))
    source = from_folder(folder)
    (text,) = source.left_out
    assert text.startswith(f"Log …{broken.name.removesuffix('.session-log.jsonl')[-8:]}")
    assert "imulated" not in text
    assert source.sessions == 5


def test_what_cannot_be_used_is_said(tmp_path, capsys):
    for arguments in (["--out", "x.html"], [str(tmp_path), "--db", "sqlite:///x.sqlite", "--out", "x.html"]):
        with pytest.raises(SystemExit) as stopped:
            run(*arguments)
        assert stopped.value.code == 2
    assert run(tmp_path, "--out", tmp_path / "x.html") == 1
    assert "holds no session logs" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()
    with pytest.raises(BadDataError, match="holds no readers' records"):
        from_database(f"sqlite:///{(tmp_path / 'none.sqlite').as_posix()}")
    (tmp_path / "agreement.json").write_text("{}", encoding="utf-8")
    assert run(tmp_path, "--agreement", tmp_path / "agreement.json", "--out", tmp_path / "x.html") == 1
    assert "is not an agreement of a study" in capsys.readouterr().err


def test_agreement_of_segmentations_comes_from_its_file_under_the_readers_keys(tmp_path):
    table = tmp_path / "reads.csv"
    lines = ["case,reader,structure,volume_ml"]
    lines += [f"c{n},{reader},liver,{100 + n + k}" for n in range(3) for k, reader in enumerate(("Anna Other", "Ben Other"))]
    table.write_text("\n".join(lines), encoding="utf-8")
    assert main(["agreement", "--study", str(table), "--out", str(tmp_path)]) == 0
    study = from_json(StudyAgreement, (tmp_path / "agreement.json").read_text(encoding="utf-8"))
    # Volumes alone have no Dice; put one in, as a study of files has it.
    (group,) = study.structures
    group = replace(group, matrix=(MatrixCell("Anna Other", "Ben Other", 3, 0.875),))
    source = ReportSource((), 0, (), 0, {}, SECRET)
    keys = source.study_keys(study.readers)
    page = a_page([a_read(keys["Anna Other"], "a")], study=replace(study, structures=(group,)), study_label=keys.get)
    assert "0.875" in page
    assert "Anna" not in page
