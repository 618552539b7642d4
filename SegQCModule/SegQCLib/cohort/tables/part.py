"""A part of a cohort's tables: some hundred cases, which one task writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from SegQCLib.cohort.case_outcome import CaseOutcome
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.tables.column import Column

# A part ends behind a case of which the hash of its name is a multiple of this, and not before the least and after the most
# cases. So the cases alone say where parts end, and a new case in the middle of a cohort changes its own part only.
_MEAN_CASES, _LEAST_CASES, _MOST_CASES = 256, 64, 512
# Of the rows that a result becomes; another number writes every part anew.
_FORMAT = 1


@dataclass(frozen=True)
class PartCase:
    """A case of a part."""

    case: CohortCase
    outcome: CaseOutcome


def parts_of(cases: Sequence[PartCase]) -> Iterator[tuple[PartCase, ...]]:
    """Yield the cases in parts, in their order; no case is one empty part, so that tables are there all the same."""
    taken: list[PartCase] = []
    for item in cases:
        taken.append(item)
        ends = int.from_bytes(hashlib.sha256(item.case.case.encode("utf-8", "surrogatepass")).digest()[:4]) % _MEAN_CASES == 0
        if (ends and len(taken) >= _LEAST_CASES) or len(taken) == _MOST_CASES:
            yield tuple(taken)
            taken = []
    if taken or not cases:
        yield tuple(taken)


def rows_hash(cases: Sequence[PartCase], *, has_costs: bool) -> str:
    """Return what says which rows some cases become, before any is read: results never change under their key.

    Parameters
    ----------
    cases : sequence of PartCase
    has_costs : bool
        Whether rows say what a case took, which differs from run to run.
    """
    said = [[*_said_of_case(item.case), *_said_of_outcome(item.outcome, has_costs)] for item in cases]
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()


def part_hash(table: str, columns: Sequence[Column], rows: str) -> str:
    """Return 32 hexadecimal digits that say what is in a table's part.

    Parameters
    ----------
    table : str
    columns : sequence of Column
    rows : str
        Of `rows_hash`.
    """
    import pyarrow as pa

    said = {
        "format": _FORMAT,
        "pyarrow": pa.__version__,
        "table": table,
        "columns": [asdict(column) for column in columns],
        "rows": rows,
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _said_of_case(case: CohortCase) -> list[object]:
    return [
        case.case, str(case.image), str(case.candidate), case.candidate_is_draft, [str(path) for path in case.references],
        str(case.draft), case.labels, case.protocol, case.patient, case.site, case.reader,
    ]  # fmt: skip


def _said_of_outcome(outcome: CaseOutcome, has_costs: bool) -> list[object]:
    said: list[object] = [outcome.key, outcome.outcome, outcome.verdict]
    said += [None] if outcome.fault is None else [outcome.fault.where, outcome.fault.found, outcome.fault.remedy]
    return [*said, outcome.kept, None if outcome.cost is None else asdict(outcome.cost)] if has_costs else said
