"""The command line of agreement over many cases: segqc agreement --study."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib import cli_deidentify
from SegQCLib.progress import part
from SegQCLib.terminal import say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.agreement.study_agreement import StudyAgreement
    from SegQCLib.agreement.study_reads import StudyRating, StudyRead
    from SegQCLib.pseudonyms import Pseudonyms

JSON_NAME, CSV_NAME, HTML_NAME = "agreement.json", "agreement.csv", "agreement.html"
_NUMBERED = re.compile(r"(reader|rater|observer|r)?[ _-]?\d{1,2}", re.IGNORECASE)
# Options of one case that mean nothing for a table.
_OF_ONE_CASE = ("image", "names", "ai_anchored", "protocol", "consensus", "consensus_of", "map", "map_structure", "json", "csv")


def add_options(command: Any) -> None:
    """Add the options of a study to `segqc agreement`."""
    command.add_argument(
        "--study",
        type=Path,
        metavar="READS.csv",
        help="a table with one line per read and the columns case, reader, repeat, model, patient, structure, path,"
        " image, volume_ml, ratings, rating:NAME:1-5 (Documentation/agreement.md)",
    )
    command.add_argument(
        "--out", type=Path, metavar="DIR", help=f"with --study: where {JSON_NAME}, {CSV_NAME} and {HTML_NAME} are written"
    )
    command.add_argument("--tolerance", type=float, metavar="MM", help="tolerance of the surface Dice, mm (default: 2)")
    command.add_argument(
        "--exchangeable-readers",
        action="store_true",
        help="'reader 1' of two cases is not one person, so nothing that needs to know who read is computed",
    )
    command.add_argument("--simulated", action="store_true", help="reads are simulated, and everything written says so")


def run(options: argparse.Namespace) -> int:
    """Evaluate a study, where `options.study` is given."""
    from SegQCLib.agreement.measured_study import measure_study
    from SegQCLib.agreement.study_agreement import study_agreement
    from SegQCLib.agreement.study_csv import study_csv
    from SegQCLib.agreement.study_reads import read_study_table
    from SegQCLib.agreement.study_report import render_study
    from SegQCLib.deidentify import deidentification
    from SegQCLib.evaluate import software_versions
    from SegQCLib.output import require_writable, write_files

    _require_usable(options)
    pseudonyms = cli_deidentify.pseudonyms_for(options)
    require_writable(options.out)
    progress = terminal_progress()
    table = read_study_table(options.study)
    reads, ratings = table.reads, table.ratings
    readers = {entry.reader for entry in (*reads, *ratings)}
    if not options.exchangeable_readers and all(_NUMBERED.fullmatch(reader) for reader in readers):
        say(
            "Readers are called by numbers here. If 'reader 1' of two cases may be two persons, give --exchangeable-readers:"
            " two-way intraclass correlation, Bland-Altman and kappa of two readers then mean nothing and are left out."
        )
    if pseudonyms is not None:
        reads, ratings = _without_names(reads, ratings, pseudonyms)
    tolerance_mm = 2.0 if options.tolerance is None else options.tolerance
    measured = measure_study(reads, labels=options.labels, tolerance_mm=tolerance_mm, progress=part(progress, 0.0, 0.6))
    study = study_agreement(
        measured,
        ratings,
        exchangeable=options.exchangeable_readers,
        simulated=options.simulated,
        software=software_versions("pingouin", "statsmodels", "matplotlib"),
        progress=part(progress, 0.6, 0.9),
    )
    if pseudonyms is not None:
        study = replace(study, deidentification=deidentification(pseudonyms))
    page = render_study(study, part(progress, 0.9, 1.0))
    write_files(options.out, {JSON_NAME: study.to_json(), CSV_NAME: study_csv(study), HTML_NAME: page})
    progress("Done", 1.0)
    print(_told(study))
    if pseudonyms is None:
        print(f"  report:  {options.out / HTML_NAME}")
    for outlier in study.outliers:
        say(f"{outlier.case}, {outlier.structure}: {outlier.reader} (read {outlier.repeat}), {outlier.evidence}")
    return 0


def _require_usable(options: argparse.Namespace) -> None:
    given = [f"--{name.replace('_', '-')}" for name in _OF_ONE_CASE if getattr(options, name, None) is not None]
    if given:
        options.usage_error(f"{', '.join(given)} is for the readers of one case and does nothing with --study.")
    if options.out is None:
        options.usage_error("--study needs --out: the folder to write to.")
    if options.tolerance is not None and not 0 < options.tolerance < float("inf"):
        options.usage_error(f"--tolerance {options.tolerance:g} is not a distance in mm above 0.")


def _without_names(
    reads: tuple[StudyRead, ...], ratings: tuple[StudyRating, ...], pseudonyms: Pseudonyms
) -> tuple[tuple[StudyRead, ...], tuple[StudyRating, ...]]:
    def hidden(entry):
        case = pseudonyms.of("case", entry.case)
        # A case that is its own patient stays so.
        patient = case if entry.patient == entry.case else pseudonyms.of("patient", entry.patient)
        return replace(entry, case=case, patient=patient, reader=pseudonyms.of("reader", entry.reader))

    return tuple(map(hidden, reads)), tuple(map(hidden, ratings))


def _told(study: StudyAgreement) -> str:
    """Return what the terminal shows: one line for each structure and kind of pairs."""
    simulated = "SIMULATED: " if study.simulated else ""
    lines = [f"{simulated}{_number(study.cases, 'case')}, {_number(study.reads, 'read')}"]
    absent = study.absent
    for group in study.structures:
        if group.structure not in absent:
            dice = group.measures[0].all_pairs.median if group.measures else None
            if dice is None or dice.value is None:
                told = "no Dice"
            elif dice.lower is None:
                told = f"median Dice {dice.value:.3f}, too few cases for an interval"
            else:
                told = f"median Dice {dice.value:.3f} ({dice.lower:.3f} to {dice.upper:.3f})"
            about = f"{group.structure}, {group.relation}, {group.anchoring}"
            lines.append(f"  {about}: {told}; {_number(group.cases, 'case')}, {_number(group.pairs, 'pair')}")
    if absent:
        lines.append(f"  {_number(len(absent), 'structure')} that nobody drew in any case")
    return "\n".join(lines)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"
