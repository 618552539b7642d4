"""The command line of image quality over many cases: segqc quality study."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.progress import part
from SegQCLib.terminal import say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.quality.quality_study import QualityStudy
    from SegQCLib.quality.study_norms import QualityNorms

_STUDY = """\
Compare the image-quality numbers of a study's cases: robust z-scores (median, MAD) within scanner and protocol, from 20 cases on,
and their rank correlation with readers' ratings.

FOLDER holds the --out folders of segqc evaluate: every record.json in it and below it is read. Nothing is measured again and
nothing is judged: no published limit says which z-score makes an image unusable.

Example:
  segqc quality study evaluations --protocol ct-abdomen-portal-venous --html quality.html --csv quality.csv"""
_MOST_SHOWN = 10


def add_action(actions: Any) -> None:
    """Add the action to the subparsers of segqc quality."""
    study = actions.add_parser(
        "study",
        help="image quality of many evaluated cases: z-scores within scanner and protocol, correlation with ratings",
        description=_STUDY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    study.add_argument("folder", type=Path, metavar="FOLDER", help="folder with evaluated cases; folders below it count")
    study.add_argument(
        "--protocol", metavar="P", help="whose limits are shown beside the numbers: a shipped protocol's id or a file"
    )
    study.add_argument("--json", metavar="F", help="write everything as JSON; - for standard output")
    study.add_argument("--csv", type=Path, metavar="F", help="write one line per case and number, and one per correlation")
    study.add_argument("--html", type=Path, metavar="F", help="write a page with tables and plots that needs no network")
    study.set_defaults(run=_study, usage_error=study.error)


def add_option(command: Any) -> None:
    """Add --study to a command that evaluates one case."""
    command.add_argument(
        "--study",
        type=Path,
        metavar="DIR",
        help="folder with the study's evaluated cases: image-quality numbers then have robust z-scores within scanner and protocol",
    )


def norms(options: argparse.Namespace) -> QualityNorms | None:
    """Return the image-quality numbers of the study that --study names; None without it. What cannot be read is said.

    Raises
    ------
    BadDataError
        If the folder cannot be listed or holds no usable record.
    """
    from SegQCLib.quality.study_norms import quality_norms
    from SegQCLib.quality.study_records import read_study_records

    if options.study is None:
        return None
    read = read_study_records(options.study)
    for text in read.left_out:
        say(text)
    return quality_norms([entry.record for entry in read.records])


def _study(options: argparse.Namespace) -> int:
    from SegQCLib.evaluate import software_versions
    from SegQCLib.output import require_writable, write_files
    from SegQCLib.protocol import load_protocol
    from SegQCLib.quality.quality_study import quality_study
    from SegQCLib.quality.quality_study_csv import quality_study_csv
    from SegQCLib.quality.quality_study_page import render_quality_study
    from SegQCLib.quality.study_records import read_study_records

    json_file = None if options.json in (None, "-") else Path(options.json)
    outputs = [path for path in (json_file, options.csv, options.html) if path is not None]
    if len({path.resolve() for path in outputs}) < len(outputs):
        options.usage_error("--json, --csv and --html name one file.")
    for path in outputs:
        require_writable(path.parent)
    protocol = None if options.protocol is None else load_protocol(options.protocol)
    progress = terminal_progress()
    read = read_study_records(options.folder, part(progress, 0.0, 0.5))
    study = quality_study(
        read.records,
        None if protocol is None else protocol.protocol,
        read.left_out,
        software_versions(),
        part(progress, 0.5, 0.8),
    )
    page = render_quality_study(study, part(progress, 0.8, 1.0)) if options.html is not None else ""
    for path, text in ((json_file, study.to_json()), (options.csv, quality_study_csv(study)), (options.html, page)):
        if path is not None:
            # Excel takes UTF-8 for something else without the mark.
            write_files(path.parent, {path.name: f"\ufeff{text}" if path is options.csv else text})
    progress("Done", 1.0)
    for text in study.left_out:
        say(text)
    if protocol is not None and not any(number.limits for number in study.numbers):
        say(f"{protocol.protocol.id} {protocol.protocol.version} sets no limit on a number of these records.")
    if options.json == "-":
        print(study.to_json(), end="")
        return 0
    print(_told(study))
    if options.html is not None:
        print(f"  page:  {options.html}")
    return 0


def _told(study: QualityStudy) -> str:
    """Return what the terminal shows: how much there is, and the cases that stand furthest from the others."""
    from SegQCLib.quality.quality_study import furthest
    from SegQCLib.quality.quality_texts import number_name, signed_z, value_text

    simulated = "SIMULATED: " if study.simulated else ""
    cases = f"{study.cases} case{'s' if study.cases != 1 else ''} from {study.records} record{'s' if study.records != 1 else ''}"
    lines = [f"{simulated}{cases}, {len(study.numbers)} image-quality number{'s' if len(study.numbers) != 1 else ''}"]
    if study.superseded:
        lines.append(f"  older records of the same examinations, which do not count: {len(study.superseded)}")
    if study.without_numbers:
        lines.append(f"  cases without image-quality numbers, to be evaluated again: {len(study.without_numbers)}")
    far = furthest(study)
    if far:
        lines.append("  furthest from the other cases of their scanner and protocol (no judgement):")
    for case, numbers in list(far.items())[:_MOST_SHOWN]:
        first = numbers[0]
        value = value_text(first.case.value, first.number.unit)
        named = f"{number_name(first.number.measure, first.number.method)}, {first.number.structure}"
        lines.append(f"    {case}: {named} {value}, z {signed_z(first.case.z)}")
    if not far:
        reasons = dict.fromkeys(stratum.why_no_z for number in study.numbers for stratum in number.strata if stratum.why_no_z)
        lines += [f"  no z-score: {reason}" for reason in list(reasons)[:3]]
    return "\n".join(lines)
