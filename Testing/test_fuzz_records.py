"""Records that were damaged or written by strangers: a message that says where, what and what to do, and nothing half written.

Every file that a command reads is changed at random: bytes are flipped, cut and doubled, or a value of its JSON becomes
another one, in logs with all hashes put right again, so that what reads the facts is reached.
"""

import copy
import json
import random
import shutil
from contextlib import suppress
from dataclasses import replace

import pytest

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib import cli
from SegQCLib.agreement.adjudication import adjudication_from_text, adjudication_text, all_components, begin_adjudication
from SegQCLib.agreement.readers_of_case import readers_of_case
from SegQCLib.case_files import CANDIDATE
from SegQCLib.errors import BadDataError
from SegQCLib.readers.log_lines import START, LogEvent, sealed
from SegQCLib.readers.planted_cases import plant_in_case
from SegQCLib.readers.planted_errors import PlantedErrorKind
from SegQCLib.readers.planted_result import finish_planted_case
from SegQCLib.readers.planted_truth import draft_path
from SegQCLib.readers.session_log import write_log
from SegQCLib.segmentation_file import write_segmentation
from SegQCLib.training_set import new_training_set
from SegQCLib.written_image import write_image
from session_logs import header_at

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed: pip install 'segqc[records]'")

READER = "Dr. Anna Bíró"
SEGMENT = {"id": "s1", "name": "liver"}
COUNTED = {**SEGMENT, "voxels": 900, "draft_voxels": 1000, "added": 50, "removed": 150}
MEASURED = COUNTED | {
    "added_path_length_mm": 31.5,
    "slices": [10, 19],
    "accuracy": 0.91,
    "expected_dice": 0.9,
    "threshold": 0.8,
}
EVENTS = [
    ("logging_started", {}),
    ("idle_limit", {"seconds": 30.0}),
    ("case_opened", {"case": "case 1", "candidate": "worklist"}),
    ("draft_shown", {"algorithm": "nnU-Net", "version": "2.5", "segments": [SEGMENT]}),
    ("context", {"segment": SEGMENT, "effect": "Paint"}),
    ("activity", {"mouse": 3}),
    ("edit", {"segments": [SEGMENT], "effect": "Paint", "looking_away": False}),
    ("voxels", {"segments": [COUNTED]}),
    ("slices_seen", {"volume": "CT", "slices": 40, "seen": [[5, 24]], "scrolled": True}),
    (
        "rating",
        {"rating": "motion", "grade": 3, "scale": "1-5", "not_assessable": False, "comment": "", "proposes_exclusion": False},
    ),
    (
        "evaluated",
        {
            "verdict": "REVIEW",
            "protocol": "p",
            "outdated": False,
            "findings": [{"check": "c", "segment": "liver", "status": "FAIL"}],
        },
    ),
    ("finding_kept", {"check": "c", "segment": "liver", "message": "m", "reason": "r"}),
    ("segments_measured", {"voxel_volume_mm3": 2.0, "segments": [MEASURED]}),
    ("planted_error", {"error": "island", "segment": "liver", "corrected": 1.0, "detected": True, "seconds": 12.0}),
    ("case_finished", {"case": "case 1"}),
    ("logging_stopped", {}),
]
VALUES = [
    None, True, False, -1, 0, 1, 2.5, 1e308, -1e308, 10**12, 2**63, 10**30, 10**400, "", "\0", "\ud800", "x" * 5000, "é", "e\u0301",
    "<script>alert(1)</script>", "=1+1", "../../x", "0001-01-01T00:00:00.000+14:00", "9999-12-31T23:59:59.999-14:00",
    "2026-02-30T25:61:61.000+99:99", [], {}, [[]], [None], [5, -5], [[0, 10**9]], {"": None}, {"id": 1, "name": 2},
]  # fmt: skip
FEW, MANY = range(6), range(1000, 1060)


def chances(seed):
    return random.Random(seed)  # noqa: S311 - no secret is made of it


def damaged(chance, content):
    """Return bytes with some flipped, cut out, put in or doubled, or the end cut off."""
    content = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(content) + 1)
        match chance.randrange(5):
            case 0 if at < len(content):
                content[at] ^= 1 << chance.randrange(8)
            case 1:
                del content[at : at + chance.randrange(1, 40)]
            case 2:
                content[at:at] = chance.randbytes(chance.randrange(1, 8))
            case 3:
                content[at:at] = content[at : at + chance.randrange(1, 60)]
            case 4:
                del content[at:]
    return bytes(content)


def places(value, place=()):
    """Yield where values stand in plain JSON."""
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*place, key))


def other_value(chance):
    # A list of which a part becomes the list itself would be no JSON.
    return copy.deepcopy(chance.choice(VALUES))


def with_other_values(chance, value):
    """Return a copy of plain JSON in which some value is another one, gone, or under a key that is not known."""
    value = json.loads(json.dumps(value))
    for _ in range(chance.choice([1, 1, 2])):
        place = chance.choice([place for place in places(value) if place] or [None])
        if place is None:
            return other_value(chance)
        holder = value
        for key in place[:-1]:
            holder = holder[key]
        what = chance.random()
        if what < 0.15:
            del holder[place[-1]]
        elif what < 0.25 and isinstance(holder, dict):
            holder[chance.choice(["x", "", "$schema"])] = other_value(chance)
        else:
            holder[place[-1]] = other_value(chance)
    return value


def as_bytes(chance, value):
    return json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")


def changed_file(chance, content):
    """Return the bytes of a JSON file, damaged or with other values."""
    if chance.random() < 0.35:
        return damaged(chance, content)
    return as_bytes(chance, with_other_values(chance, json.loads(content)))


def changed_log(chance, content):
    """Return the bytes of a log, damaged or with other values and hashes that fit."""
    if chance.random() < 0.25:
        return damaged(chance, content)
    lines = [json.loads(line) for line in content.splitlines()]
    for _ in range(chance.choice([1, 2, 5])):
        number = chance.randrange(len(lines))
        facts = lines[number].get("facts") if isinstance(lines[number], dict) else None
        if facts and chance.random() < 0.8:
            lines[number]["facts"] = with_other_values(chance, facts)
        else:
            lines[number] = with_other_values(chance, lines[number])
    before, resealed = START, b""
    for line in lines:
        body = {key: value for key, value in line.items() if key != "sha256"} if isinstance(line, dict) else {}
        sealed_line, before = sealed(as_bytes(chance, body or {"x": 1})[:-1], before)
        resealed += sealed_line
    return resealed


def a_log(folder, case="case 1", reader=READER, minute=0):
    folder.mkdir(parents=True, exist_ok=True)
    events = [
        LogEvent(number, f"2026-11-22T08:{minute:02d}:{number:02d}.000+01:00", 60.0 * minute + number, kind, facts)
        for number, (kind, facts) in enumerate(EVENTS, start=1)
    ]
    return write_log(folder, replace(header_at(minute, reader, case), simulated=True), events)


@pytest.fixture
def logs(tmp_path):
    a_log(tmp_path / "logs")
    a_log(tmp_path / "logs", "case 2", "Dr. Bo", 10)
    return tmp_path / "logs"


def told(capsys, *arguments):
    """Run a command that may refuse what it is given; anything but a message and exit code 0 or 1 is a fault."""
    code = cli.main(list(map(str, arguments)))
    printed = capsys.readouterr()
    assert code in (0, 1), arguments
    assert code == 0 or printed.out or printed.err
    return code


def nothing_half_written(folder):
    return not [path for path in folder.rglob(".*") if not path.name.startswith(".deleted_")]


def seeds(function):
    """Run a test with a few seeds, and nightly with many."""
    nightly = pytest.param(MANY, marks=pytest.mark.nightly, id="many")
    return pytest.mark.parametrize("seeds", [pytest.param(FEW, id="few"), nightly])(function)


@seeds
def test_logs(logs, tmp_path, seeds, capsys):
    whole = {path: path.read_bytes() for path in sorted(logs.iterdir())}
    for seed in seeds:
        chance = chances(seed)
        path = chance.choice(list(whole))
        path.write_bytes(changed_log(chance, whole[path]))
        told(capsys, "records", "verify", logs, "--receipt", tmp_path / "receipt.json", "--json", "-")
        told(capsys, "records", "ingest", logs)
        told(capsys, "records", "verify", logs, "--against", tmp_path / "receipt.json")
        if seed % 4 == 0:
            told(capsys, "records", "export", logs, "--reader", READER, "--out", tmp_path / "out")
            told(capsys, "records", "delete", logs, "--reader", READER, "--yes")
            told(capsys, "records", "ingest", logs)
        assert nothing_half_written(tmp_path)
        for made in [*tmp_path.glob("segqc-records*"), *logs.iterdir()]:
            made.unlink()
        for one, content in whole.items():
            one.write_bytes(content)


def test_a_report_of_any_logs_is_whole_or_not_there(logs, tmp_path, capsys):
    whole = {path: path.read_bytes() for path in sorted(logs.iterdir())}
    page = tmp_path / "page.html"
    for seed in (3,):
        chance = chances(seed)
        for path, content in whole.items():
            path.write_bytes(changed_log(chance, content))
        code = told(capsys, "records", "report", logs, "--out", page)
        assert page.exists() == (code == 0)
        if page.exists():
            assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
            assert "<script>alert" not in page.read_text(encoding="utf-8")
            page.unlink()


@seeds
@pytest.mark.parametrize("which", ["receipt", "names", "deleted"])
def test_files_beside_logs(logs, tmp_path, which, seeds, capsys):
    told(capsys, "records", "verify", logs, "--receipt", tmp_path / "receipt.json")
    told(capsys, "records", "ingest", logs)
    told(capsys, "records", "delete", logs, "--reader", "Dr. Bo", "--yes")
    path, commands = {
        "receipt": (tmp_path / "receipt.json", [("verify", "--against", tmp_path / "receipt.json")]),
        "names": (tmp_path / "segqc-records.names.json", [("ingest",), ("export", "--reader", READER, "--out", tmp_path / "out")]),
        "deleted": (next(logs.glob("deleted_*")), [("verify",), ("ingest",)]),
    }[which]
    whole = path.read_bytes()
    for seed in seeds:
        chance = chances(seed)
        path.write_bytes(changed_file(chance, whole))
        if which == "deleted" and seed % 2:
            body = json.loads(whole)
            del body["sha256"]
            other = with_other_values(chance, body)
            path.write_bytes(sealed(as_bytes(chance, other or {"x": 1})[:-1], "segqc-deleted-session 1.0")[0])
        for action, *options in commands:
            told(capsys, "records", action, logs, *options)
        assert nothing_half_written(tmp_path)


@seeds
def test_databases(logs, tmp_path, seeds, capsys):
    told(capsys, "records", "ingest", logs)
    database = tmp_path / "segqc-records.sqlite"
    whole = database.read_bytes()
    for seed in seeds:
        chance = chances(seed)
        content = bytearray(whole)
        for _ in range(chance.choice([1, 5, 50])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        database.write_bytes(content[: chance.randrange(len(content))] if seed % 5 == 4 else content)
        told(capsys, "records", "ingest", logs)
        told(capsys, "records", "export", logs, "--reader", READER, "--out", tmp_path / "out")


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    """Return a training set with one planted case, and a reader's final segmentation beside its result."""
    folder = tmp_path_factory.mktemp("practice")
    grid = a_geometry(size=(20, 24, 30), spacing_mm=(2.0, 1.0, 1.0))
    draft = a_segmentation(grid, "model", liver=((4, 16), (5, 18), (6, 20)))
    new_training_set(folder / "set")
    write_segmentation(folder / "draft.seg.nrrd", draft)
    write_image(folder / "image.nii.gz", a_volume(grid).array, grid)
    plant_in_case(
        folder / "set",
        "case 1",
        PlantedErrorKind.CUT_END,
        "liver",
        1,
        draft=folder / "draft.seg.nrrd",
        image=folder / "image.nii.gz",
    )
    work = folder / "records" / "case 1" / "anna"
    work.mkdir(parents=True)
    shutil.copy(draft_path(folder / "set", "case 1"), work / CANDIDATE)
    finish_planted_case(folder / "set", "case 1", "anna", work)
    return folder


@seeds
@pytest.mark.parametrize("which", ["truth/*.json", "training-set.json", "cases.csv", "planted_errors.json"])
def test_training_sets(practice, tmp_path, which, seeds, capsys):
    (path,) = (path for path in practice.rglob("*") if path.match(which))
    whole = path.read_bytes()
    what = ["--records", practice / "records"]
    if which != "planted_errors.json":
        what = ["--case", "case 1", "--final", practice / "records" / "case 1" / "anna" / CANDIDATE]
    try:
        for seed in seeds:
            chance = chances(seed)
            path.write_bytes(damaged(chance, whole) if which == "cases.csv" else changed_file(chance, whole))
            out = tmp_path / f"{seed}.json"
            code = told(capsys, "training", "score", "--set", practice / "set", *what, "--json", out)
            assert out.exists() == (code == 0)
    finally:
        path.write_bytes(whole)


CELLS = [
    "", "-1", "1e999", "nan", "0", "'", '"', 'a"b', "é", "\0", "../x", "1" * 400, "=1+1", "rating:x:1-99999999", "none", "³", "1,5",
]  # fmt: skip


def a_table():
    lines = ["case,reader,repeat,model,structure,volume_ml,rating:motion:1-5"]
    lines += [
        f"{case},{reader},1,{model},liver,{1000 + 10 * case + 3 * len(reader)},{1 + (case + len(reader)) % 5}"
        for case in range(4)
        for reader, model in (("Anna", ""), ("Bo", "net"), ("=cmd|' /C calc'!A0", ""), ("<script>alert(1)</script>", "net"))
    ]
    return "\n".join(lines)


def changed_table(chance, text):
    if chance.random() < 0.5:
        return damaged(chance, text.encode())
    lines = [line.split(",") for line in text.split("\n")]
    for _ in range(chance.choice([1, 2, 4])):
        line = chance.choice(lines)
        line[chance.randrange(len(line))] = chance.choice(CELLS)
    return "\n".join(",".join(line) for line in lines).encode()


@seeds
def test_tables_of_reads(tmp_path, seeds, capsys):
    table = tmp_path / "reads.csv"
    for seed in seeds:
        table.write_bytes(changed_table(chances(seed), a_table()))
        out = tmp_path / str(seed)
        code = told(capsys, "agreement", "--study", table, "--out", out)
        assert len(list(out.glob("*"))) == (3 if code == 0 else 0)
        if code == 0:
            assert "<script>alert" not in (out / "agreement.html").read_text(encoding="utf-8")


def test_agreements_given_to_a_report(logs, tmp_path, capsys):
    (tmp_path / "reads.csv").write_text(a_table(), encoding="utf-8")
    told(capsys, "agreement", "--study", tmp_path / "reads.csv", "--out", tmp_path / "study")
    study, page = tmp_path / "study" / "agreement.json", tmp_path / "page.html"
    whole = study.read_bytes()
    for seed in range(3):
        study.write_bytes(changed_file(chances(seed), whole))
        code = told(capsys, "records", "report", logs, "--agreement", study, "--out", page)
        assert page.exists() == (code == 0)
        page.unlink(missing_ok=True)


@seeds
def test_adjudications(seeds):
    boxes = {"Ada": ((1, 5), (2, 7), (3, 8)), "Ben": ((1, 4), (2, 8), (3, 8)), "Cyd": ((1, 4), (2, 8), (3, 8))}
    case = readers_of_case([a_segmentation(name=name, liver=box) for name, box in boxes.items()], names=list(boxes))
    whole = adjudication_text(begin_adjudication(case, all_components(case), "case 1", "Third", seed=7))
    for seed in seeds:
        chance = chances(seed)
        text = changed_file(chance, whole.encode()).decode("utf-8", "replace")
        with suppress(BadDataError):
            assert adjudication_from_text(text, "case 1").readers


def test_a_planted_error_without_voxels_is_told(practice, capsys):
    (path,) = (practice / "set" / "truth").glob("*.json")
    whole = path.read_bytes()
    truth = json.loads(whole)
    truth["errors"][0]["voxels"] = []
    path.write_text(json.dumps(truth), encoding="utf-8")
    final = practice / "records" / "case 1" / "anna" / CANDIDATE
    try:
        assert cli.main(["training", "score", "--set", str(practice / "set"), "--case", "case 1", "--final", str(final)]) == 1
        assert "names an error without any voxel. Plant the errors again." in capsys.readouterr().err
    finally:
        path.write_bytes(whole)
