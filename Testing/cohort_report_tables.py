"""Tables of a cohort written by hand, for tests of its report."""

import pytest

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.tables import TABLES
from SegQCLib.cohort.tables.column import arrow_schema

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'segqc[cohort]'")
pq = pytest.importorskip("pyarrow.parquet")


def write_cohort(path, **rows):
    """Write all tables of a cohort, each from its rows; columns that a row does not name are null."""
    for table in TABLES:
        own = rows.pop(table.name, [])
        schema = arrow_schema(table.name, table.doc, table.columns)
        unknown = {name for row in own for name in row} - set(schema.names)
        assert not unknown, f"{table.name} has no column {unknown}"
        place = path / "tables" / table.name
        place.mkdir(parents=True, exist_ok=True)
        columns = [pa.array([row.get(field.name) for row in own], field.type) for field in schema]
        # Small parts, so that texts have other codes in each.
        pq.write_table(pa.table(columns, schema=schema), place / "part-00000-a.parquet", row_group_size=7)
    assert not rows
    return CohortFolder(path)


def case(name, verdict="ACCEPT", **more):
    facts = {"outcome": "evaluated", "candidate_is_draft": False, "references": 1, "reference_paths": [], "protocol_id": "p"}
    return {"case": name, "verdict": verdict, **facts, "protocol_version": "1", "protocol_sha256": "a" * 64, **more}


def measurement(case, metric, value, segment="liver", structure="liver", reference="reference", unit="1", **more):
    columns = ("case", "metric", "value", "segment", "structure", "reference_role", "unit")
    row = dict(zip(columns, (case, metric, value, segment, structure, reference, unit), strict=True))
    return {"definition": "d", "candidate_role": "candidate", **row, **more}


def finding(case, check, status, message="m", **more):
    return {"case": case, "check": check, "status": status, "message": message, **more}
