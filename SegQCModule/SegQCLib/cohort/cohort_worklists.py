"""Worklists of a cohort: which cases need a reader, and whose list they stand on. The module's Case step opens them."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from SegQCLib.cohort.case_outcome import Outcome
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.routing import CaseForecast, Route, RoutedCase, RoutingRule, route_cases
from SegQCLib.cohort.tables.read_tables import OF_ANOTHER_VERSION, read_table
from SegQCLib.cohort.tables.versions import one_version
from SegQCLib.errors import BadDataError
from SegQCLib.importers.label_names import SHIPPED as SHIPPED_LABELS
from SegQCLib.measurements_csv import inert
from SegQCLib.output import require_writable, write_files
from SegQCLib.protocol import shipped_protocols
from SegQCLib.record import Verdict
from SegQCLib.worklist import COLUMNS
from SegQCLib.worklist_difficulty import DICE_COLUMN, SEGMENT_COLUMN

WORKLIST = "worklist.csv"
ROUTE_WORKLISTS = {Route.SENIOR: "worklist-senior.csv", Route.GENERAL: "worklist-general.csv"}
NOT_LISTED = "worklist-not-listed.csv"
SPOT_CHECKS = "worklist-spot-checks.csv"

_CASE_COLUMNS = (
    "case", "outcome", "verdict", "error_where", "error_found", "error_remedy", "image_path", "candidate_path",
    "candidate_is_draft", "reference_paths", "draft_path", "labels", "protocol",
)  # fmt: skip
# Line breaks, and bytes that are not Unicode.
_UNHELD = re.compile("[\r\n\0\ud800-\udfff]")
_PREDICTED_COLUMNS = ("case", "segment", "dice", "lower", "upper", "coverage", "reasons")


@dataclass(frozen=True)
class WorklistChoice:
    """Which cases are listed, and how they are routed.

    Attributes
    ----------
    rule : RoutingRule
    accepted : bool
        True: accepted cases are listed too.
    spot_check_share : float
        Share of the accepted cases that is listed too, to check the acceptance itself, 0 to 1; rounded up to whole cases.
    seed : int
        Which ones: the same seed and the same accepted cases give the same. As a cohort grows, most stay.

    Raises
    ------
    ValueError
        If the share is none, or all accepted cases are listed anyway.
    """

    rule: RoutingRule = field(default_factory=RoutingRule)
    accepted: bool = False
    spot_check_share: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.spot_check_share <= 1:
            raise ValueError(f"spot_check_share is a share from 0 to 1, not {self.spot_check_share:g}.")
        if self.accepted and self.spot_check_share:
            raise ValueError("Where all accepted cases are listed, none of them is a spot check.")


@dataclass(frozen=True)
class CohortWorklists:
    """What stands on the worklists of a cohort.

    Attributes
    ----------
    routed : tuple of RoutedCase
        Every case that is listed, hardest first.
    spot_checks : tuple of str
        Accepted cases among them that are there to check the acceptance.
    accepted : int
        Cases of the cohort that were accepted.
    not_listed : tuple of str
        Cases that cannot be opened: refused, failed, or files that are no longer there.
    """

    routed: tuple[RoutedCase, ...]
    spot_checks: tuple[str, ...]
    accepted: int
    not_listed: tuple[str, ...]

    def routed_to(self, route: Route) -> tuple[RoutedCase, ...]:
        return tuple(one for one in self.routed if one.route is route)


def write_worklists(folder: CohortFolder, choice: WorklistChoice, to: Path | None = None) -> CohortWorklists:
    """Write the worklists of a cohort: one of all cases that need a reader, one for senior and one for general readers.

    A case needs a reader if its verdict is REVIEW or REJECT. Cases that cannot be opened stand in a table of their own, with the
    reason; it and the names of spot checks stay in the cohort's folder.

    Spot checks are blinded: readers who know that a case was accepted look at it with other eyes. Where there are any, no list
    has the column verdict, nor references, which would tell it as soon as the case is compared with them; and order, route and
    its reason come from the expected agreement alone. Which ones they are stands only in worklist-spot-checks.csv, which is for
    whoever compares what the readers said.

    Paths start at the lists' folder wherever the files have a folder in common with it, so that all of it can be moved.
    Case names are written as they are, because a reader's work is kept by them; every other text is guarded against
    spreadsheets (see `measurements_csv.render_csv`).

    Parameters
    ----------
    folder : CohortFolder
        Of a run.
    choice : WorklistChoice
    to : Path, optional
        Folder for the lists that readers open; default: the cohort's.

    Raises
    ------
    BadDataError
        If there are no tables, or a folder cannot be written to.
    """
    to = folder.path if to is None else to
    with one_version(folder):
        rows = read_table(folder, "cases", _CASE_COLUMNS).to_pylist()
        forecasts = {one.case: one for one in _forecasts(folder, (row["case"] for row in rows if row["verdict"] is not None))}
    _require_known_verdicts(folder, rows)
    apart = [row for row in rows if row["outcome"] != Outcome.EVALUATED]
    accepted = [row for row in rows if row["verdict"] == Verdict.ACCEPT]
    asked = [row for row in rows if row["verdict"] in (Verdict.REVIEW, Verdict.REJECT)]
    listed, spot_checks = [], []
    for row in [*asked, *(accepted if choice.accepted else ())]:
        fault = _fault(row)
        (listed if fault is None else apart).append(row if fault is None else row | fault)
    wanted = math.ceil(round(choice.spot_check_share * len(accepted), 9))
    for row in sorted(accepted, key=lambda row: _drawn(choice.seed, row["case"])):
        if len(spot_checks) == wanted:
            break
        if _fault(row) is None:
            spot_checks.append(row)
    require_writable(to)
    by_name = {row["case"]: row for row in [*listed, *spot_checks]}
    routed = route_cases([forecasts[name] for name in by_name], choice.rule)
    lists = {WORKLIST: routed} | {name: [one for one in routed if one.route is route] for route, name in ROUTE_WORKLISTS.items()}
    write_files(to, {name: _worklist(ones, by_name, to.absolute(), blinded=bool(spot_checks)) for name, ones in lists.items()})
    write_files(folder.path, {NOT_LISTED: _not_listed(apart)})
    names = tuple(one.forecast.case for one in routed if one.forecast.case in {row["case"] for row in spot_checks})
    if names:
        write_files(folder.path, {SPOT_CHECKS: _table(("case", "verdict"), ((name, Verdict.ACCEPT) for name in names))})
    else:
        # Of an earlier choice: it would name cases that are no spot checks any more.
        (folder.path / SPOT_CHECKS).unlink(missing_ok=True)
    return CohortWorklists(routed, names, len(accepted), tuple(row["case"] for row in apart))


def _require_known_verdicts(folder: CohortFolder, rows: Iterable[Mapping[str, Any]]) -> None:
    """Raise BadDataError where a case would be on no list at all."""
    unknown = {str(row["verdict"]) for row in rows if row["outcome"] == Outcome.EVALUATED} - {str(verdict) for verdict in Verdict}
    if unknown:
        raise BadDataError(
            folder.tables / "cases",
            f"has a verdict that this version of SegQC does not know ({', '.join(sorted(unknown))}).",
            OF_ANOTHER_VERSION,
        )


def _drawn(seed: int, case: str) -> bytes:
    # Random order that does not depend on which other cases there are: a growing cohort keeps most of its spot checks.
    return hashlib.sha256(f"{seed}\n{case}".encode("utf-8", "surrogatepass")).digest()


def _forecasts(folder: CohortFolder, cases: Iterable[str]) -> list[CaseForecast]:
    rows_of: dict[str, list[dict[str, Any]]] = {case: [] for case in cases}
    for batch in read_table(folder, "expected_agreement", _PREDICTED_COLUMNS).to_batches(max_chunksize=65_536):
        for row in batch.to_pylist():
            if row["case"] in rows_of:
                rows_of[row["case"]].append(row)
    return [_forecast(case, rows) for case, rows in rows_of.items()]


def _forecast(case: str, rows: Sequence[Mapping[str, Any]]) -> CaseForecast:
    predicted = [row for row in rows if row["dice"] is not None]
    if not predicted:
        reasons = next((row["reasons"] for row in rows if row["reasons"]), [])
        return CaseForecast(case, not_predicted=reasons[0] if reasons else "")
    hardest = min(predicted, key=lambda row: row["dice"])
    numbers = (hardest[name] for name in ("dice", "lower", "upper", "coverage"))
    return CaseForecast(case, hardest["segment"], *numbers, without=len(rows) - len(predicted))


def _files(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of a case by the columns of a worklist."""
    drafted = row["candidate_is_draft"]
    files = {
        "image": row["image_path"],
        "candidate": None if drafted else row["candidate_path"],
        "draft": row["candidate_path"] if drafted else row["draft_path"],
    }
    references = {
        "reference" if number == 1 else f"reference_{number}": path for number, path in enumerate(row["reference_paths"] or (), 1)
    }
    return {column: path for column, path in (files | references).items() if path}


def _fault(row: Mapping[str, Any]) -> dict[str, str] | None:
    """Return why a case cannot stand on a worklist; None: it can."""
    for text in (row["case"], *_files(row).values()):
        if not text or text != text.strip() or _UNHELD.search(text):
            return _error(
                text,
                "has a name that a worklist cannot hold.",
                "Give it a name, without spaces at its ends and without line breaks.",
            )
    for path in _files(row).values():
        if not Path(path).exists():
            return _error(path, "is not there now.", "Is its drive away? Else run the same segqc cohort command again.")
    return None


def _error(where: str, found: str, remedy: str) -> dict[str, str]:
    return {"error_where": where, "error_found": found, "error_remedy": remedy}


def _worklist(routed: Sequence[RoutedCase], rows: Mapping[str, Mapping[str, Any]], folder: Path, *, blinded: bool) -> str:
    named = {*shipped_protocols(), *SHIPPED_LABELS}
    lines = [_line(one, rows[one.forecast.case], folder, named) for one in routed]
    references = max((sum(column.startswith("reference_") for column in line) for line in lines), default=0)
    further = [f"reference_{number}" for number in range(2, references + 2)]
    told = [DICE_COLUMN, SEGMENT_COLUMN, "verdict", "route", "route_reason"]
    hidden = {"verdict", "reference", *further} if blinded else set()
    columns = [column for column in (*COLUMNS, *further, *told) if column not in hidden]
    return _table(columns, ([line.get(column, "") for column in columns] for line in lines))


def _line(one: RoutedCase, row: Mapping[str, Any], folder: Path, named: Collection[str]) -> dict[str, str]:
    rules = {column: row[column] or "" for column in ("protocol", "labels")}
    return {
        "case": row["case"],
        **{column: _from(folder, path) for column, path in _files(row).items()},
        **{column: _from(folder, rule) if rule and rule not in named else rule for column, rule in rules.items()},
        DICE_COLUMN: "" if one.forecast.dice is None else f"{one.forecast.dice:.4f}",
        SEGMENT_COLUMN: inert(one.forecast.segment),
        "verdict": row["verdict"],
        "route": one.route,
        "route_reason": inert(one.reason),
    }


def _from(folder: Path, path: str) -> str:
    """Return a path as it is from a folder, with slashes; absolute where they have nothing but the root in common."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as they are named
    if absolute.anchor != folder.anchor or absolute.parts[1:2] != folder.parts[1:2]:
        return absolute.as_posix()
    relative = Path(os.path.relpath(absolute, folder)).as_posix()
    try:
        # The folder above one that is a link lies elsewhere.
        if not (folder / relative).samefile(absolute):
            return absolute.as_posix()
    except OSError:
        return absolute.as_posix()
    # A spreadsheet runs what starts with = + - @ as a formula.
    return relative if inert(relative) == relative else f"./{relative}"


def _not_listed(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = ("case", "outcome", "error_where", "error_found", "error_remedy")
    return _table(columns, ([inert(row[column]) for column in columns] for row in rows))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    # Without the mark, Excel does not read UTF-8.
    return f"\ufeff{lines.getvalue()}"
