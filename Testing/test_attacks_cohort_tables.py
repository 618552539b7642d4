"""Hostile sources, tables, reports, worklists and databases of cohorts: an answer in plain words, and no row lost."""

import os
import shutil
import struct
from dataclasses import replace

import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from cohort_results import a_case, a_cohort, a_record, keep
from SegQCLib.cli import main
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.sources.find_cases import find_cases
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.cohort.sources.walk import walk
from SegQCLib.errors import BadDataError
from SegQCLib.file_name import file_name
from SegQCLib.printable import printable
from SegQCLib.worklist import read_worklist

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'segqc[cohort]'")

import pyarrow as pa
import pyarrow.parquet as pq

from SegQCLib.cohort.cohort_worklists import WorklistChoice, write_worklists
from SegQCLib.cohort.report.report_cases import report_cases
from SegQCLib.cohort.report.write_report import write_report
from SegQCLib.cohort.tables.read_tables import read_table
from SegQCLib.cohort.tables.write_tables import write_tables

CT, SEG = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.66.4"


def by_name(source, **options):
    return {case.case: case for case in find_cases(source, SourceOptions(**options)).cases}


def worklist(folder, columns, *values):
    for name in ("image.nii.gz", "candidate.nii.gz"):
        (folder / name).write_bytes(b"")
    lines = ["case,image,candidate," + columns, "good,image.nii.gz,candidate.nii.gz,", *values]
    path = folder / "worklist.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("reference", "r" * 300, "File name too long"),
        ("uncertainty", "u/" * 3000, "File name too long"),
        ("labels", "l" * 300, "is neither a file nor"),
        ("protocol", "p" * 300, "File name too long"),
        ("protocol", "p\0", "does not exist"),
        ("ratings", "candidate.nii.gz/x", "does not exist"),
        ("reference_2", "/dev/zero", "is a pipe or a device"),
        ("protocol", "/dev/zero", "is a pipe or a device"),
    ],
)
def test_a_path_that_no_file_can_have_is_the_fault_of_its_line_alone(tmp_path, column, value, told):
    cases = by_name(worklist(tmp_path, column, f"bad,image.nii.gz,candidate.nii.gz,{value}"))
    assert cases["good"].fault is None
    assert told in cases["bad"].fault.found


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_never_opened(tmp_path):
    (tmp_path / "csv").mkdir()
    source = worklist(
        tmp_path / "csv", "protocol", "bad,pipe.nii.gz,candidate.nii.gz,", "rules,image.nii.gz,candidate.nii.gz,pipe.nii.gz"
    )
    os.mkfifo(tmp_path / "csv" / "pipe.nii.gz")
    cases = by_name(source)
    assert all("is a pipe" in cases[name].fault.found for name in ("bad", "rules"))
    (tmp_path / "dicom").mkdir()
    os.mkfifo(tmp_path / "dicom" / "pipe")
    notes = []
    assert [files for _, files in walk(tmp_path / "dicom", notes)] == [[]]
    assert "is a pipe or a device" in notes[0]
    tree = bids(tmp_path / "bids")
    os.mkfifo(tree / "sub-01_dseg.json")
    os.mkfifo(tree / "dseg.tsv")
    assert by_name(tmp_path / "bids")["sub-01_ct"].fault is None


def test_links_that_lead_back_over_other_links_are_followed_once(tmp_path):
    root, first, second = (tmp_path / name for name in ("root", "first", "second"))
    for folder in (root, first, second):
        folder.mkdir()
    for link, target in ((root / "a", first), (first / "b", second), (second / "c", first), (second / "d", root)):
        link.symlink_to(target)
    assert [folder.relative_to(root).as_posix() for folder, _ in walk(root, [])] == [".", "a", "a/b"]


def bids(root):
    image, drawn = root / "sub-01" / "ct", root / "derivatives" / "ai" / "sub-01" / "ct"
    for folder in (image, drawn):
        folder.mkdir(parents=True)
    (image / "sub-01_ct.nii.gz").write_bytes(b"")
    (drawn / "sub-01_dseg.nii.gz").write_bytes(b"")
    return drawn


@pytest.mark.parametrize(
    "content", ['{"Sources": ["\\u0000"]}', '{"Sources": ["\\ud800"]}', "[" * 100_000, '{"Sources": 1' + "0" * 5000]
)
def test_what_a_bids_sidecar_says_cannot_stop_the_others(tmp_path, content):
    (bids(tmp_path) / "sub-01_dseg.json").write_text(content, encoding="utf-8")
    assert by_name(tmp_path)["sub-01_ct"].fault is None


def test_an_image_that_is_a_link_to_itself_stops_no_other(tmp_path):
    bids(tmp_path)
    loop = tmp_path / "sub-02" / "ct" / "sub-02_ct.nii.gz"
    loop.parent.mkdir(parents=True)
    loop.symlink_to(loop.name)
    assert by_name(tmp_path)["sub-01_ct"].fault is None


def test_a_subject_of_two_sites_has_none(tmp_path):
    bids(tmp_path)
    (tmp_path / "participants.tsv").write_text("participant_id\tsite\nsub-01\tUlm\nsub-01\tBonn\n", encoding="utf-8")
    found = find_cases(tmp_path)
    assert found.cases[0].site is None
    assert "several sites of sub-01" in " ".join(found.notes)


def test_a_channel_number_of_five_thousand_digits_is_passed_over(tmp_path):
    for folder in ("imagesTr", "predictions"):
        (tmp_path / folder).mkdir()
    (tmp_path / "imagesTr" / "a_0000.nii.gz").write_bytes(b"")
    (tmp_path / "predictions" / "a.nii.gz").write_bytes(b"")
    (tmp_path / "dataset.json").write_text('{"channel_names": {"' + "9" * 5000 + '": "CT"}}', encoding="utf-8")
    assert list(by_name(tmp_path)) == ["a"]


def dicom(path, sop_class, instance, series, study, **more):
    found = FileDataset(path, {}, b"\0" * 128, FileMetaDataset(), is_implicit_VR=False, is_little_endian=True)
    found.file_meta.MediaStorageSOPClassUID, found.file_meta.MediaStorageSOPInstanceUID = sop_class, instance
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.SOPClassUID, found.SOPInstanceUID, found.SeriesInstanceUID, found.StudyInstanceUID = sop_class, instance, series, study
    found.Rows = found.Columns = 4
    for keyword, value in more.items():
        setattr(found, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    found.save_as(path)


def study(root, name, series, uid):
    for k in range(3):
        dicom(root / name / f"{k}.dcm", CT, f"{series}.{k}", series, uid, Modality="CT")


def segmentation(path, series, uid, of, description="AI"):
    item = Dataset()
    item.SeriesInstanceUID = of
    dicom(path, SEG, f"{series}.1", series, uid, Modality="SEG", ReferencedSeriesSequence=[item], SeriesDescription=description)


def test_a_segmentation_that_refers_to_another_study_is_told(tmp_path):
    study(tmp_path, "one", "1.1", "1")
    study(tmp_path, "two", "2.1", "2")
    segmentation(tmp_path / "two" / "drawn.dcm", "9.1", "2", "1.1")
    found = find_cases(tmp_path)
    assert any("of another study than the images" in note and "drawn.dcm" in note for note in found.notes)


def test_only_a_star_stands_for_other_text_in_a_series_description(tmp_path):
    study(tmp_path, "ct", "1.1", "1")
    segmentation(tmp_path / "a.dcm", "9.1", "1", "1.1", "reader 1?")
    segmentation(tmp_path / "b.dcm", "9.2", "1", "1.1", "reader 12")
    (case,) = find_cases(tmp_path, SourceOptions(reference_series="reader 1?")).cases
    assert (case.candidate.name, [path.name for path in case.references]) == ("b.dcm", ["a.dcm"])


def test_names_that_had_to_be_told_apart_stay_when_the_source_is_moved(tmp_path):
    for name in ("x", "y"):
        study(tmp_path / "here", "ct", "1.1", "1")
        segmentation(tmp_path / "here" / name / "s.dcm", "9.1", "1", "1.1")
    before = set(by_name(tmp_path / "here"))
    shutil.move(tmp_path / "here", tmp_path / "there" / "here")
    assert set(by_name(tmp_path / "there" / "here")) == before
    assert len(before) == 2


def test_names_cannot_command_the_terminal():
    assert printable("a\x1b[31m\u202eb\r\x00\nÉ\t") == "a\\x1b[31m\\u202eb\\r\\x00\nÉ\t"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cohort").mkdir()
    return CohortFolder(tmp_path / "cohort")


def tables_of(folder, **of_record):
    """Write the tables of a cohort of two cases, of which the first one's record is another."""
    outcomes = [keep(folder, "odd", replace(a_record(), **of_record)), keep(folder, "plain", a_record())]
    write_tables(folder, [a_case("odd"), a_case("plain")], outcomes)
    return folder


def test_a_number_that_no_column_holds_is_null_and_stops_no_table(folder):
    first, second = a_record().measurements
    (rating,) = a_record().ratings
    tables_of(
        folder,
        measurements=(replace(first, value=10**30), replace(second, value=2**53 + 1, reason=None)),
        ratings=(replace(rating, grade=10**30, highest=10**31),),
    )
    assert read_table(folder, "measurements", ["value"]).column(0).to_pylist()[:2] == [1e30, float(2**53)]
    assert read_table(folder, "ratings", ["grade", "highest"]).to_pylist() == [
        {"grade": None, "highest": None},
        {"grade": 4, "highest": 5},
    ]


HOSTILE = "<script>alert(1)</script>\"'&\x00\x1b[31m\u202e\ud800=1+1\r\n</style><!--{{ 7*7 }}"


def test_no_text_commands_the_page_or_the_spreadsheet(folder):
    record = a_record()
    tables_of(
        folder,
        measurements=tuple(replace(one, segment=HOSTILE, structure=HOSTILE, metric=HOSTILE) for one in record.measurements),
        findings=tuple(replace(one, check=HOSTILE, message=HOSTILE) for one in record.findings),
        verdicts=tuple(replace(one, segment=HOSTILE, structure=HOSTILE, reasons=(HOSTILE,)) for one in record.verdicts),
        expected_agreement=tuple(replace(one, segment=HOSTILE, model=HOSTILE) for one in record.expected_agreement),
        image_quality=tuple(
            replace(one, segment=HOSTILE, structure=HOSTILE, measure=HOSTILE, method=HOSTILE) for one in record.image_quality
        ),
    )
    page = write_report(folder, 12).path.read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page
    assert "{{ 7*7 }}" in page
    assert not any(text in page for text in ("<script", "<!--{{", "\x00", "\x1b", "\u202e"))
    case = a_case("=2+3\x1b", patient="\x00@x")
    write_tables(folder, [case], [keep(folder, case.case, None)])
    line = (folder.tables / "cases.csv").read_text(encoding="utf-8-sig").splitlines()[1]
    assert line.startswith("'=2+3\\x1b,refused")
    assert "\\x00@x" in line


def part_of(folder, table):
    return next((folder.tables / table).glob("part-*.parquet"))


def rewritten(path, change):
    table = pq.read_table(path)
    path.unlink()
    pq.write_table(change(table), path)


def refused(function, *arguments):
    with pytest.raises(BadDataError) as raised:
        function(*arguments)
    return str(raised.value)


def test_one_flipped_bit_of_a_table_is_not_read_as_a_number(folder):
    cases, outcomes = a_cohort(folder, 5)
    write_tables(folder, cases, outcomes)
    part = part_of(folder, "measurements")
    column = pq.ParquetFile(part).metadata.row_group(0).column(4)
    assert column.path_in_schema == "value"
    content = bytearray(part.read_bytes())
    content[content.index(struct.pack("<d", 0.8), column.dictionary_page_offset)] ^= 4
    part.write_bytes(content)
    assert "checksum" in refused(read_table, folder, "measurements")
    told = refused(lambda folder: write_report(folder, 12), folder)
    assert "Delete the folder 'tables'" in told
    folder.tables.unlink()
    write_tables(folder, cases, outcomes)
    assert read_table(folder, "measurements", ["value"]).column(0).to_pylist()[::2] == [0.8] * 5


def test_tables_of_another_version_are_refused_with_what_to_do(folder):
    def another(table):
        place = table.schema.get_field_index("verdict")
        return table.set_column(place, "verdict", pa.array(["POSTPONE"] * len(table)))

    tables_of(folder)
    rewritten(part_of(folder, "cases"), another)
    for function in (lambda folder: write_report(folder, 12), lambda folder: write_worklists(folder, WorklistChoice())):
        told = refused(function, folder)
        assert "POSTPONE" in told
        assert "with this version of SegQC" in told
    rewritten(part_of(folder, "cases"), lambda table: table.drop_columns(["reference_paths"]))
    assert "no column reference_paths" in refused(lambda folder: write_worklists(folder, WorklistChoice()), folder)


def test_what_is_read_while_a_run_replaces_the_tables_is_not_told(folder, monkeypatch):
    tables_of(folder)

    def replaced_meanwhile(*arguments):
        found = report_cases(*arguments)
        write_tables(folder, [a_case("other")], [keep(folder, "other", a_record())])
        return found

    monkeypatch.setattr("SegQCLib.cohort.report.cohort_report.report_cases", replaced_meanwhile)
    assert "was replaced while it was read" in refused(lambda folder: write_report(folder, 12), folder)
    assert not (folder.path / "report.html").exists()


def test_a_worklist_of_cases_that_cannot_be_opened_does_not_say_that_none_needs_a_reader(folder, capsys):
    tables_of(folder)
    assert main(["cohort", "worklist", str(folder.path)]) == 0
    told = capsys.readouterr().out
    assert "No case can be listed: 0 accepted, 2 cannot be opened." in told
    assert "needs a reader" not in told


@pytest.fixture
def database(tmp_path):
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed: pip install 'segqc[records]'")
    from SegQCLib.record_store.connect import connect

    return connect(f"sqlite:///{tmp_path / 'records.sqlite'}"), tmp_path / "records.names.json"


def test_another_cohort_of_the_same_name_does_not_take_the_place_of_one(tmp_path, database):
    from SegQCLib.cohort.sql_ingest import ingest_cohort

    for site, names in (("ulm", ("u1", "u2")), ("bonn", ("b1",))):
        folder = CohortFolder(tmp_path / site / "results")
        folder.path.mkdir(parents=True)
        write_tables(folder, [a_case(name) for name in names], [keep(folder, name, a_record()) for name in names])
    assert ingest_cohort(CohortFolder(tmp_path / "ulm" / "results"), *database).loaded == 2
    assert "--name" in refused(ingest_cohort, folder, *database)
    done = ingest_cohort(folder, *database, "bonn")
    assert (done.cases, done.removed) == (1, 0)


def test_rows_of_a_case_that_is_not_there_are_not_loaded(folder, database):
    from SegQCLib.cohort.sql_ingest import ingest_cohort

    tables_of(folder)
    rewritten(
        part_of(folder, "verdicts"), lambda table: table.set_column(0, table.schema.field(0), pa.array(["ghost"] * len(table)))
    )
    assert "of a case that the table cases does not have" in refused(ingest_cohort, folder, *database)


@pytest.mark.parametrize(
    "name", ["=1+1", "@x", "a;b", 'a"b', "a\tb", "sep=;", "\ufeffa", "a\u2028b", "\u202ex\x1b[31m", "'q", "a" * 3000]
)
def test_every_name_that_a_list_holds_comes_back_as_it_is(folder, name):
    place = folder.path.parent / "=x; y"
    place.mkdir()
    files = [place / f"{role}.nii.gz" for role in ("image", "candidate")]
    for file in files:
        file.write_bytes(b"")
    case = CohortCase(name, *files, references=(files[1],))
    write_tables(folder, [case], [keep(folder, name, a_record())])
    write_worklists(folder, WorklistChoice())
    (entry,) = read_worklist(folder.path / "worklist.csv").cases
    assert entry.case == name
    assert [path.resolve() for path in (entry.image, entry.candidate, entry.reference)] == [*files, files[1]]


def test_a_case_without_a_name_makes_no_list_unreadable(folder):
    write_tables(folder, [a_case("")], [keep(folder, "", a_record())])
    assert write_worklists(folder, WorklistChoice()).not_listed == ("",)


def test_a_blank_reader_is_nobody(folder, database):
    from SegQCLib.cohort.sql_ingest import ingest_cohort
    from SegQCLib.cohort.sql_schema import cohort_tables

    (rating,) = a_record().ratings
    write_tables(
        folder, [a_case("a", reader=" ", site="")], [keep(folder, "a", replace(a_record(), ratings=(replace(rating, reader=" "),)))]
    )
    ingest_cohort(folder, *database)
    tables = cohort_tables().tables
    with database[0].reading() as connection:
        for name in ("cohort_cases", "cohort_ratings"):
            assert connection.execute(tables[name].select()).mappings().one()["reader"] is None


def test_long_names_with_one_beginning_have_folders_of_their_own(folder):
    study = "archive/2026/ct-abdomen/1.3.6.1.4.1.14519.5.2.1.6279.6001.298806137288633453246975630178"
    # These two share the digits that `file_name` adds.
    first, second = f"{study}/series 4539", f"{study}/series 4626"
    assert file_name(first) == file_name(second)
    assert folder.case(first) != folder.case(second)
    assert folder.case("plain").name == "plain"


@pytest.mark.parametrize("changed", ["inputs", "protocol"])
def test_a_record_that_is_newer_than_the_tables_is_not_drawn_beside_their_numbers(folder, changed):
    tables_of(folder)
    record = a_record()
    image, candidate = record.inputs
    newer = {
        "inputs": replace(record, inputs=(image, replace(candidate, sha256="dd" * 32))),
        "protocol": replace(record, protocol=replace(record.protocol, sha256="ee" * 32)),
    }
    for name, present in (("odd", newer[changed]), ("plain", record)):
        folder.case(name).mkdir(parents=True)
        folder.record(name).write_text(present.to_json(), encoding="utf-8")
    notes = {note.partition(":")[0]: note for note in write_report(folder, 12).notes}
    assert "evaluated again since the tables were written" in notes["odd"]
    assert "evaluated again" not in notes["plain"]
