"""segqc export seg."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding, Status
from SegQCLib.terminal import LABELS_HELP, say
from SegQCLib.words import UNFINISHED

if TYPE_CHECKING:
    from pydicom import Dataset

    from SegQCLib.case import Segmentation, Volume
    from SegQCLib.readers.session_log import StoredLog

_KINDS = ("automatic", "semiautomatic", "manual")

_EPILOG = """\
Who drew a segment is written as DICOM asks: AUTOMATIC (an algorithm alone), SEMIAUTOMATIC (an algorithm, then a person;
the algorithm stays named) or MANUAL. It follows from the candidate's own tags, from the reader's session log (--log), from
the draft's voxels (--draft: untouched, changed, not in the draft), and from what you say (--drawn-by). Where these
contradict each other, nothing is written.

exit codes: 0 written; 1 it cannot be written (every reason is listed, nothing was written); 2 wrong usage."""


def add_action(actions: Any) -> None:
    """Add `seg` to the actions of segqc export."""
    seg = actions.add_parser(
        "seg",
        help="a segmentation as DICOM SEG",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    seg.add_argument("--image", type=Path, required=True, metavar="I", help="DICOM series that it was drawn on: folder or file")
    seg.add_argument(
        "--candidate", type=Path, required=True, metavar="S", help="segmentation: label map, .seg.nrrd, DICOM SEG or RTSTRUCT"
    )
    seg.add_argument("--labels", metavar="L", help=f"{LABELS_HELP}; also gives its codes to segments of these names")
    seg.add_argument("--protocol", metavar="P", help="protocol whose structures give their codes to segments without codes")
    seg.add_argument("--draft", type=Path, metavar="D", help="AI result that the candidate started from: file or folder")
    add_origin_options(seg)
    seg.add_argument("--out", type=Path, required=True, metavar="F.dcm", help="the DICOM SEG to write")
    seg.set_defaults(run=_export, usage_error=seg.error)


def add_origin_options(command: Any) -> None:
    """Add what says who drew the segments, who answers for them, and how they are stored, to a command or a group of options."""
    command.add_argument("--log", type=Path, metavar="F", help="the reader's session log (.session-log.jsonl) of the candidate")
    command.add_argument(
        "--drawn-by",
        type=_drawn_by,
        action="append",
        default=[],
        metavar="[SEGMENT=]KIND",
        help="automatic, semiautomatic or manual, for one segment or for all that are not named; may be given again",
    )
    command.add_argument("--model", metavar="NAME", help="name of the AI model that drew what was not drawn by hand")
    command.add_argument("--model-version", metavar="V", help="version of that model")
    command.add_argument("--model-parameters", metavar="TEXT", help="parameters that it ran with")
    command.add_argument(
        "--disregard-tags", action="store_true", help="do not believe what the candidate's file says of who drew it"
    )
    command.add_argument(
        "--reader", metavar="NAME", help="who answers for the segmentation (default: the reader of the session log)"
    )
    command.add_argument("--labelmap", action="store_true", help="write a label map (LABELMAP), which few programs read yet")


def _drawn_by(text: str) -> tuple[str | None, str]:
    name, separator, kind = text.rpartition("=")
    if kind.lower() not in _KINDS:
        raise argparse.ArgumentTypeError(f"{text!r} names none of {', '.join(_KINDS)}")
    return (name if separator else None), kind.upper()


def _export(options: argparse.Namespace) -> int:
    from SegQCLib.dicom.write_file import write_dicom_file
    from SegQCLib.importers import read_segmentation

    require_meant(options)
    _refuse_inputs_as_output(options)
    image = _image(options.image)
    candidate = read_segmentation(options.candidate, labels=options.labels, image=image)
    for finding in candidate.findings:
        if finding.status is not Status.PASS:
            say(f"Note: {finding.message}")
    written = segmentation_to_write(image, candidate, options, datetime.now())
    write_dicom_file(written.dataset, options.out)
    _print_written(written.candidate, written.reader, written.representation, options.out)
    return 0


def require_meant(options: argparse.Namespace) -> None:
    """End the program as wrong usage where options of `add_origin_options` need others."""
    if (options.model_version or options.model_parameters) and not options.model:
        options.usage_error("--model-version and --model-parameters belong to --model")


@dataclass(frozen=True, eq=False)
class SegmentationToWrite:
    """A DICOM SEG and what it was made of: the candidate on the image's grid with codes and algorithms, the reader's name."""

    dataset: Dataset
    candidate: Segmentation
    reader: str | None
    representation: Literal["BINARY", "LABELMAP"]


def segmentation_to_write(
    image: Volume, candidate: Segmentation, options: argparse.Namespace, created: datetime
) -> SegmentationToWrite:
    """Return the DICOM SEG of a candidate as its file has it, under the options of a command; notes are told at the terminal.

    Raises
    ------
    BadDataError
        With every reason why it cannot be written.
    """
    from SegQCLib.dicom.seg_candidate import on_series
    from SegQCLib.dicom.seg_description import with_tracking
    from SegQCLib.dicom.seg_preflight import image_export_faults, refuse_faults, seg_export_faults
    from SegQCLib.dicom.source_images import source_images
    from SegQCLib.dicom.write_seg import segmentation_object
    from SegQCLib.readers.session_log import read_log

    log = read_log(options.log) if options.log else None
    faults = [*image_export_faults(image)]
    refuse_faults(faults, candidate)
    images = source_images(image)
    faults += _drawn_on_another_image(candidate, image)
    refuse_faults(faults, candidate)
    candidate = _with_codes(on_series(candidate, image), options)
    candidate, drawn_by_faults, unclear = _with_drawn_by(candidate, image, options, log)
    reader = options.reader or (log.header.reader if log else None)
    representation = "LABELMAP" if options.labelmap else "BINARY"
    faults += [*drawn_by_faults, *_reader_faults(options.reader, log)]
    faults += seg_export_faults(candidate, images, reader=reader, representation=representation, unclear=unclear)
    for fault in faults:
        if fault.status is not Status.FAIL:
            say(f"Note: {fault.message}")
    refuse_faults(faults, candidate)
    dataset = segmentation_object(candidate, images, reader=reader, created=created, representation=representation)
    tracked = with_tracking(candidate, str(images.headers[0].SeriesInstanceUID))
    return SegmentationToWrite(dataset, tracked, reader, representation)


def _refuse_inputs_as_output(options: argparse.Namespace) -> None:
    out = options.out.resolve()
    for path in (options.image, options.candidate, options.draft, options.log):
        if path is not None and path.resolve() == out:
            raise BadDataError(options.out, "is one of the inputs.", "Give --out another name; nothing was written.")


def _image(path: Path) -> Volume:
    """Return the series without its voxels, which nobody needs here; an image that is not DICOM with them."""
    from SegQCLib.dicom.series import read_series_headers
    from SegQCLib.file_header import FileKind, read_file_header
    from SegQCLib.images import read_image

    is_dicom = path.is_dir() or (path.exists() and read_file_header(path).kind is FileKind.DICOM)
    return read_series_headers(path) if is_dicom else read_image(path)


def _drawn_on_another_image(candidate: Segmentation, image: Volume) -> list[Finding]:
    from SegQCLib.case import Case
    from SegQCLib.checks import segmentation_reference

    found = segmentation_reference.of_case(Case(image=image, candidate=candidate))
    return [finding for finding in found if finding.status in (Status.WARN, Status.FAIL)]


def _with_codes(candidate: Segmentation, options: argparse.Namespace) -> Segmentation:
    """Return the candidate with codes for segments that have none, by their names in the label table and the protocol."""
    from SegQCLib.dicom.seg_candidate import with_codes
    from SegQCLib.importers.label_names import read_label_names
    from SegQCLib.protocol import load_protocol

    labels = () if options.labels is None else read_label_names(options.labels).labels
    protocol = None if options.protocol is None else load_protocol(options.protocol).protocol
    return with_codes(candidate, {label.name: label.terminology for label in labels}, protocol)


def _with_drawn_by(
    candidate: Segmentation, image: Volume, options: argparse.Namespace, log: StoredLog | None
) -> tuple[Segmentation, tuple[Finding, ...], frozenset[str]]:
    """Return the candidate with algorithms, what speaks against them, and the names of segments whose sources contradict."""
    from SegQCLib.algorithm_type import AlgorithmType
    from SegQCLib.drawn_by import (
        ARTIFICIAL_INTELLIGENCE,
        claims_of_draft,
        claims_of_log,
        claims_of_tags,
        hearsay_faults,
        stated_claims,
        with_claims,
    )
    from SegQCLib.export_remedies import COMMAND_LINE
    from SegQCLib.importers.draft_algorithm import DraftAlgorithm

    stated_algorithm = DraftAlgorithm(options.model, options.model_version, options.model_parameters)
    family = ARTIFICIAL_INTELLIGENCE if options.model else None
    kinds = {name: AlgorithmType(kind) for name, kind in options.drawn_by}
    stated, faults = stated_claims(candidate, kinds, stated_algorithm, family)
    sources = [stated]
    if not options.disregard_tags:
        sources.append(claims_of_tags(candidate))
    if log is not None:
        sources.append(claims_of_log(log, candidate))
    if options.draft is not None:
        draft, algorithm, draft_family, draft_faults = _draft(options, image)
        if not draft_faults and _was_resampled(candidate):
            draft_faults = (_not_comparable("candidate"),)
        claims, comparison_faults = (
            ({}, draft_faults) if draft_faults else claims_of_draft(draft, candidate, algorithm, draft_family)
        )
        sources.append(claims)
        faults = (*faults, *comparison_faults)
    elif not options.disregard_tags and log is None and not options.drawn_by:
        faults = (*faults, *hearsay_faults(candidate, options.candidate, COMMAND_LINE))
    candidate, contradictions, unclear = with_claims(candidate, sources)
    unclear |= {fault.segment for fault in faults if fault.segment is not None and fault.status is Status.FAIL}
    return candidate, (*faults, *contradictions, *_unused_model(candidate, options.model)), unclear


def _unused_model(candidate: Segmentation, model: str | None) -> Iterator[Finding]:
    from SegQCLib.drawn_by import CHECK_ID

    if model is not None and all(segment.algorithm_type == "MANUAL" for segment in candidate.segments):
        message = f"All segments are MANUAL, which names no algorithm: --model {model} is not written."
        yield Finding(CHECK_ID, Status.WARN, message)


def _draft(options: argparse.Namespace, image: Volume) -> tuple[Segmentation, Any, Any, tuple[Finding, ...]]:
    """Return the draft on the image's grid, its algorithm and family, and what makes it useless for a comparison."""
    from SegQCLib.dicom.seg_candidate import on_series
    from SegQCLib.drawn_by import ARTIFICIAL_INTELLIGENCE
    from SegQCLib.importers import read_segmentation
    from SegQCLib.importers.draft import DraftKind, read_draft

    draft = read_draft(options.draft, image=image)
    segmentation = draft.segmentation
    if draft.kind is DraftKind.LABEL_MAP and options.labels is not None:
        segmentation = read_segmentation(options.draft, labels=options.labels, image=image)
    segmentation = on_series(segmentation, image)
    known_ai = draft.kind in (DraftKind.NNUNET, DraftKind.TOTALSEGMENTATOR, DraftKind.TOTALSEGMENTATOR_FOLDER)
    faults = (_not_comparable("draft"),) if _was_resampled(segmentation) else ()
    return segmentation, draft.algorithm, ARTIFICIAL_INTELLIGENCE if known_ai or options.model else None, faults


def _was_resampled(segmentation: Segmentation) -> bool:
    from SegQCLib.alignment import was_resampled

    return was_resampled(segmentation)


def _not_comparable(which: str) -> Finding:
    from SegQCLib.drawn_by import CHECK_ID

    return Finding(
        CHECK_ID,
        Status.FAIL,
        f"The {which} lies on another grid than the image and had to be resampled, so that voxels do not show what was edited. Give"
        " draft and candidate on the image's grid, or the session log (--log) instead of the draft.",
    )


def _reader_faults(reader: str | None, log: StoredLog | None) -> Iterator[Finding]:
    from SegQCLib.drawn_by import CHECK_ID

    if reader is not None and log is not None and reader.casefold().split() != log.header.reader.casefold().split():
        message = f"--reader says {reader}, the session log is of {log.header.reader}. Give the log of the reader you name."
        yield Finding(CHECK_ID, Status.FAIL, message)


def _print_written(candidate: Segmentation, reader: str | None, representation: str, out: Path) -> None:
    empty = [segment for segment in candidate.segments if candidate.box(segment) is None]
    print(f"  DICOM SEG: {out} ({representation}, {_count(len(candidate.segments))})")
    for kind in (kind.upper() for kind in _KINDS):
        drawn = [segment for segment in candidate.segments if segment.algorithm_type == kind]
        for name in dict.fromkeys(segment.algorithm_name for segment in drawn):
            count = sum(segment.algorithm_name == name for segment in drawn)
            print(f"   - {kind}{f' ({name})' if name else ''}: {_count(count)}")
    unfinished = [segment for segment in empty if segment.status in UNFINISHED]
    if len(unfinished) < len(empty):
        print(f"   - assessed, absent (described, without voxels): {_count(len(empty) - len(unfinished))}")
    if unfinished:
        print(f"   - not finished (described, without voxels): {_count(len(unfinished))}")
    if reader:
        print(f"   - reader: {reader}")


def _count(segments: int) -> str:
    return f"{segments} segment" if segments == 1 else f"{segments} segments"
