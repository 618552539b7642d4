"""The command line of archives: segqc archive."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib import __version__
from SegQCLib.cli_export_seg import add_origin_options, require_meant
from SegQCLib.cli_numbers import whole_from_1
from SegQCLib.errors import BadDataError
from SegQCLib.terminal import LABELS_HELP, say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.archive.connection import Archive
    from SegQCLib.archive.search import SeriesFound

EXIT_DONE, EXIT_VERDICT = 0, 3
CA_VARIABLE = "SEGQC_DICOMWEB_CA"

EPILOG = """\
credentials: SEGQC_DICOMWEB_TOKEN (bearer), or SEGQC_DICOMWEB_USER and SEGQC_DICOMWEB_PASSWORD (basic), in the
environment; or the keyring, where Python's package keyring is installed: service "segqc https://HOST[:PORT]",
the user's name, or the name token for a bearer token. They are sent to the archive's own host only, over https
only (or to this computer), and never written anywhere.

Nothing is sent anywhere unless --url or SEGQC_DICOMWEB_URL names an archive."""

_EVALUATE = """\
The same as segqc archive fetch, segqc evaluate --dicom and segqc archive store, one after the other. Images are kept in
DIR/image, segmentations of the archive in DIR/segmentations.

Interrupted, or run again with the same files and options, it goes on where it ended: nothing is fetched, evaluated or
stored twice. A candidate that is a DICOM SEG is not written again; the report refers to it."""


def add_commands(commands: Any) -> None:
    """Add `archive` and its actions to the subparsers of segqc."""
    text = "query, fetch from and store in a DICOMweb archive"
    archive = commands.add_parser("archive", help=text, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = archive.add_subparsers(metavar="ACTION", required=True)

    query = _add_action(actions, "query", "list series that the archive has", _query)
    query.add_argument("--patient", metavar="ID", help="Patient ID (0010,0020); * and ? stand for any letters")
    query.add_argument("--study", type=_uid, metavar="UID", help="Study Instance UID (0020,000D)")
    query.add_argument("--modality", metavar="M", help="Modality (0008,0060), for example CT or SEG")
    query.add_argument(
        "--date", type=_dates, metavar="D", help="Study Date (0008,0020): 20260131, or a range 20260101-20260131, open at one end"
    )
    query.add_argument("--limit", type=whole_from_1, default=200, metavar="N", help="most series to list (default: 200)")
    query.add_argument("--json", choices=["-"], help="print JSON to standard output")

    fetch = _add_action(actions, "fetch", "fetch a series or all series of a study", _fetch)
    fetch.add_argument("--series", type=_uid, metavar="UID", help="Series Instance UID (0020,000E)")
    fetch.add_argument(
        "--study",
        type=_uid,
        metavar="UID",
        help="Study Instance UID (0020,000D): all its series, one folder for each; with --series that one only,"
        " for archives that list series only of a study that is named",
    )
    fetch.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="output folder; what is there whole is not fetched again"
    )

    evaluate = _add_action(actions, "evaluate", "fetch a series and its segmentations, evaluate them, store SEG and SR", _evaluate)
    evaluate.description = _EVALUATE
    evaluate.add_argument("--series", type=_uid, required=True, metavar="UID", help="Series Instance UID (0020,000E) of the image")
    evaluate.add_argument(
        "--study",
        type=_uid,
        metavar="UID",
        help="its Study Instance UID (0020,000D), for archives that list series only of a study that is named",
    )
    either = "a file, or in the archive the SOP Instance UID (0008,0018), or the Series Instance UID of a series of one"
    evaluate.add_argument("--candidate", required=True, metavar="S", help=f"segmentation under test: {either}")
    evaluate.add_argument(
        "--reference", action="append", default=[], metavar="S", help="segmentation to compare with, likewise; once per reader"
    )
    evaluate.add_argument("--draft", metavar="S", help="AI result that the candidate started from, likewise")
    evaluate.add_argument("--protocol", required=True, metavar="P", help="id of a shipped protocol, or a protocol's JSON file")
    evaluate.add_argument("--labels", metavar="L", help=LABELS_HELP)
    evaluate.add_argument("--ratings", type=Path, metavar="F", help="readers' ratings of the image: a JSON file as SegQC saves it")
    evaluate.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder")
    evaluate.add_argument("--dicom", action="store_true", help="write seg.dcm and sr.dcm too")
    evaluate.add_argument("--store", action="store_true", help="write seg.dcm and sr.dcm and store them in the archive")
    evaluate.add_argument("--fail-on", choices=["review", "reject"], help="exit with 3 if the verdict is this or worse")
    add_origin_options(
        evaluate.add_argument_group("with --dicom or --store", "who drew the segments, as segqc export seg needs it")
    )
    store = _add_action(actions, "store", "store DICOM files that the archive does not have yet", _store)
    store.add_argument("files", type=Path, nargs="+", metavar="FILE", help="DICOM file")


def _add_action(actions: Any, name: str, text: str, run: Callable[[argparse.Namespace, Archive], int]) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=text, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    action.add_argument("--url", metavar="U", help="root of the archive's DICOMweb service; default: SEGQC_DICOMWEB_URL")
    action.add_argument(
        "--ca-bundle",
        type=Path,
        metavar="FILE",
        help=f"certificates (PEM) that the archive's may be signed with; default: {CA_VARIABLE}, or the usual ones",
    )
    action.add_argument(
        "--timeout", type=whole_from_1, default=60, metavar="S", help="seconds that the archive may be silent (default: 60)"
    )
    action.set_defaults(run=lambda options: run(options, _archive(options)), usage_error=action.error)
    return action


def _uid(text: str) -> str:
    from SegQCLib.archive.dicom_json import is_uid

    if not is_uid(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a UID: digits and dots, 64 at most")
    return text


def _dates(text: str) -> str:
    # PS3.5 6.2 DA, and PS3.4 C.2.2.2.5.1 for ranges.
    if not re.fullmatch(r"\d{8}|\d{8}-\d{8}|\d{8}-|-\d{8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a date as 20260131, or a range of two with a hyphen")
    return text


def _archive(options: argparse.Namespace) -> Archive:
    from SegQCLib.archive.archive_url import URL_VARIABLE, archive_url
    from SegQCLib.archive.connection import open_archive
    from SegQCLib.archive.credentials import find_credentials
    from SegQCLib.archive.patience import Limits

    text = options.url or os.environ.get(URL_VARIABLE)
    if not text:
        raise BadDataError("segqc archive", "was given no archive.", f"Name it with --url or in {URL_VARIABLE}.")
    url = archive_url(text)
    if not url.encrypted and not url.loopback:
        say(f"{url.origin}: is not encrypted (http): everybody on the way can read what is asked, fetched and stored.")
    bundle = options.ca_bundle or os.environ.get(CA_VARIABLE)
    limits = Limits(silence_s=options.timeout, request_s=max(Limits.request_s, options.timeout))
    return open_archive(url, find_credentials(url), ca_bundle=Path(bundle) if bundle else None, limits=limits, tell=say)


def _query(options: argparse.Namespace, archive: Archive) -> int:
    from SegQCLib.archive.search import find_series

    given = {
        "PatientID": options.patient,
        "StudyInstanceUID": options.study,
        "Modality": options.modality,
        "StudyDate": options.date,
    }
    # One more than is shown, to know whether there are more.
    found = find_series(archive, {keyword: value for keyword, value in given.items() if value}, options.limit + 1)
    shown = found[: options.limit]
    if options.json:
        print(json.dumps([asdict(series) for series in shown], indent=2, ensure_ascii=False))
    elif not found:
        print("No series matches.")
    else:
        _print_series(shown)
    if len(found) > options.limit:
        say(f"There are more than {options.limit} series: name a patient, study, modality or date, or raise --limit.")
    return EXIT_DONE


def _print_series(found: tuple[SeriesFound, ...]) -> None:
    def study(series: SeriesFound) -> tuple[str, str, str]:
        return (series.patient_id or "", series.study_date or "", series.study_instance_uid)

    for (patient, date, uid), members in groupby(sorted(found, key=study), key=study):
        print(f"Patient {patient or '(no ID)'}, study of {date or '(no date)'}, {uid}")
        for series in members:
            count = "? instances" if series.instances is None else _instances(series.instances)
            description = series.series_description or "(no description)"
            print(f"  {series.modality or '?':<9} {count:>15}  {description}\n    {series.series_instance_uid}")


def _instances(count: int) -> str:
    return f"{count} instance" if count == 1 else f"{count} instances"


def _fetch(options: argparse.Namespace, archive: Archive) -> int:
    from SegQCLib.archive.fetch import fetch_series
    from SegQCLib.archive.search import find_series, series_with_uid

    if not options.series and not options.study:
        options.usage_error("one of the arguments --series --study is required")
    if options.series:
        wanted = [(series_with_uid(archive, options.series, options.study), options.out)]
    else:
        found = find_series(archive, {"StudyInstanceUID": options.study})
        wanted = [
            (series, options.out / series.series_instance_uid) for series in found if series.study_instance_uid == options.study
        ]
        if not wanted:
            raise BadDataError(
                archive.url.origin,
                f"has no series of the study {options.study}.",
                "segqc archive query lists what it has.",
            )
    for series, folder in wanted:
        progress = terminal_progress()
        fetched = fetch_series(archive, series, folder, progress)
        progress("Done", 1.0)
        kept = f", {fetched.kept} of them there before" if fetched.kept else ""
        print(f"{series.modality or 'series'}: {_instances(len(fetched.files))} in {fetched.folder}{kept}")
    return EXIT_DONE


def _evaluate(options: argparse.Namespace, archive: Archive) -> int:
    from SegQCLib.archive.done_before import is_done, note_done
    from SegQCLib.archive.fetch import fetch_series
    from SegQCLib.archive.search import series_with_uid
    from SegQCLib.dicom.sr_inputs import is_dicom_seg, read_record
    from SegQCLib.output import require_writable
    from SegQCLib.protocol import load_protocol

    writes_dicom = options.dicom or options.store
    _require_meant(options, writes_dicom)
    load_protocol(options.protocol)
    require_writable(options.out)
    series = series_with_uid(archive, options.series, options.study)

    def segmentation(text: str) -> Path:
        return _segmentation(archive, text, series.study_instance_uid, options.out / "segmentations")

    candidate = segmentation(options.candidate)
    references = [segmentation(text) for text in options.reference]
    draft = segmentation(options.draft) if options.draft else None
    writes_seg = writes_dicom and not is_dicom_seg(candidate)
    if writes_dicom and not writes_seg:
        _refuse_origin(options, candidate)
    image = options.out / "image"
    progress = terminal_progress()
    fetch_series(archive, series, image, progress)
    progress("Done", 1.0)
    request = _request(options, archive, image, candidate, references, draft)
    if is_done(options.out, request):
        say("The same was evaluated before, and what was written is still there.")
    else:
        _run_segqc(
            ["evaluate", "--image", image, "--candidate", candidate, "--protocol", options.protocol, "--out", options.out],
            {"--reference": references, "--draft": draft, "--labels": options.labels, "--ratings": options.ratings},
            {"dicom": writes_seg, **_origin(options)} if writes_seg else {},
        )
        if writes_dicom and not writes_seg:
            _run_segqc(
                ["export", "sr", "--record", options.out / "record.json", "--image", image, "--candidate", candidate],
                {"--out": options.out / "sr.dcm", "--labels": options.labels, "--reader": options.reader},
            )
        note_done(options.out, request, ["record.json", *["seg.dcm"] * writes_seg, *["sr.dcm"] * writes_dicom])
    if options.store:
        store_and_tell(archive, [options.out / "seg.dcm" if writes_seg else candidate, options.out / "sr.dcm"])
    verdict = read_record(options.out / "record.json").verdict
    severity = ("ACCEPT", "REVIEW", "REJECT")
    if options.fail_on and severity.index(verdict) >= severity.index(options.fail_on.upper()):
        return EXIT_VERDICT
    return EXIT_DONE


def _segmentation(archive: Archive, text: str, study_instance_uid: str, folder: Path) -> Path:
    """Return the file of a segmentation that a user names by its path or, in the archive, by its UID."""
    from SegQCLib.archive.dicom_json import is_uid
    from SegQCLib.archive.fetch import fetch_instance
    from SegQCLib.archive.search import instance_in_study
    from SegQCLib.output import require_writable

    if Path(text).exists():
        return Path(text)
    if not is_uid(text):
        raise BadDataError(text, "is neither a file nor a UID.", "Give a file's name, or the UID that it has in the archive.")
    require_writable(folder)
    instance = instance_in_study(archive, study_instance_uid, text)
    path = folder / f"{instance.sop_instance_uid}.dcm"
    if not path.is_file():
        fetch_instance(archive, instance, path)
    return path


def _origin(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that say who drew the segments."""
    origin = argparse.ArgumentParser(add_help=False)
    add_origin_options(origin)
    return {name: getattr(options, name) for name in vars(origin.parse_args([]))}


def _require_meant(options: argparse.Namespace, writes_dicom: bool) -> None:
    """End the program as wrong usage where options need others."""
    given = [name for name, value in _origin(options).items() if value]
    if given and not writes_dicom:
        options.usage_error(f"--{given[0].replace('_', '-')} does nothing without --dicom or --store.")
    require_meant(options)


def _refuse_origin(options: argparse.Namespace, candidate: Path) -> None:
    """End the program as wrong usage where the origin of a finished DICOM SEG was given: what it says itself stands."""
    for name, value in _origin(options).items():
        if value and name != "reader":
            options.usage_error(f"{candidate} is a DICOM SEG and is not written again: --{name.replace('_', '-')} does nothing.")


def _run_segqc(arguments: Sequence[object], optional: Mapping[str, object], given: Mapping[str, object] | None = None) -> None:
    """Run another command of segqc as a user would, so that both ways always give the same.

    Parameters
    ----------
    arguments : sequence
        Its words.
    optional : mapping
        Options with their value, their list of values, or None.
    given : mapping or None
        What options that were parsed already stand for.
    """
    from SegQCLib.cli import command_line_parser

    words = [str(argument) for argument in arguments]
    for option, value in optional.items():
        words += [f"{option}={one}" for one in (value if isinstance(value, list) else [value]) if one is not None]
    options = command_line_parser().parse_args(words)
    for name, value in (given or {}).items():
        setattr(options, name, value)
    options.run(options)


def _request(
    options: argparse.Namespace, archive: Archive, image: Path, candidate: Path, references: list[Path], draft: Path | None
) -> dict[str, Any]:
    """Return all that the results depend on."""
    from SegQCLib.archive.done_before import contents
    from SegQCLib.protocol import load_protocol

    labels = Path(options.labels) if options.labels else None
    return {
        "segqc": __version__,
        "archive": archive.url.base,
        "series": options.series,
        "image": contents(image),
        "candidate": [candidate.name, contents(candidate)],
        "references": [[path.name, contents(path)] for path in references],
        "draft": draft and [draft.name, contents(draft)],
        "protocol": load_protocol(options.protocol).sha256,
        "labels": contents(labels) if labels and labels.is_file() else options.labels,
        "ratings": contents(options.ratings),
        "origin": {name: contents(value) if isinstance(value, Path) else value for name, value in _origin(options).items()},
        "dicom": options.dicom or options.store,
    }


def _store(options: argparse.Namespace, archive: Archive) -> int:
    return store_and_tell(archive, options.files)


def store_and_tell(archive: Archive, files: list[Path]) -> int:
    """Store files, print what became of each, and return the exit code."""
    from SegQCLib.archive.store import store_files

    progress = terminal_progress()
    stored = store_files(archive, files, progress)
    progress("Done", 1.0)
    for one in stored:
        if one.differences:
            print(f"{one.path}: NOT stored")
        else:
            print(f"{one.path}: {'stored' if one.sent else 'the archive has it already'}")
        for note in one.notes:
            print(f"  {note}")
    others = [one for one in stored if one.differences]
    if others:
        listed = "\n".join(f"  {one.path}: {', '.join(one.differences[:5])}" for one in others)
        raise BadDataError(
            archive.url.origin,
            f"has other contents under the same SOP Instance UID (0008,0018) and was left as it is:\n{listed}\n",
            "Find out which is right; an object that was changed needs a UID of its own.",
        )
    return EXIT_DONE
