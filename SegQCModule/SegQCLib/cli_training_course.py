"""The command line of training courses: segqc training new, validate, mark, certificate, standing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SegQCLib.terminal import LABELS_HELP

_EXIT_DONE, _EXIT_FAULTS = 0, 1


def add_actions(actions: Any) -> None:
    """Add the actions of courses to the subparsers of `segqc training`."""
    new = actions.add_parser(
        "new", help="begin a course in a new folder: pages for a protocol's structures, a list of what is to do"
    )
    new.add_argument("folder", type=Path, metavar="DIR")
    new.add_argument("--protocol", required=True, metavar="P", help="id of a shipped protocol, or a protocol's JSON file")
    new.add_argument("--id", metavar="ID", help="id of the course (default: from the folder's name)")
    new.set_defaults(run=_new)

    validate = actions.add_parser("validate", help="every fault of a course folder, and what its exam can tell")
    validate.add_argument("folder", type=Path, metavar="DIR", help="course folder")
    validate.set_defaults(run=_validate)

    mark = actions.add_parser("mark", help="score an attempt at a practice case of a course")
    mark.add_argument("folder", type=Path, metavar="DIR", help="course folder")
    mark.add_argument("--case", required=True, metavar="ID")
    mark.add_argument("--candidate", type=Path, required=True, metavar="S", help="the attempt")
    mark.add_argument("--labels", metavar="L", help=f"{LABELS_HELP}; default: as the course says for the case")
    mark.add_argument("--error-map", type=Path, metavar="F", help="write missed and extra voxels as .seg.nrrd")
    mark.add_argument("--json", metavar="F", help="write the score as JSON; - for standard output")
    mark.set_defaults(run=_mark)

    certificate = actions.add_parser("certificate", help="issue the certificate of a passed exam, or verify one")
    what = certificate.add_subparsers(metavar="ACTION", required=True)
    verify = what.add_parser("verify", help="whether a certificate is as it was issued, and what it says")
    verify.add_argument("file", type=Path, metavar="FILE", help="certificate's JSON file")
    verify.set_defaults(run=_verify)
    issue = what.add_parser("issue", help="write the certificate of a passed exam again")
    issue.add_argument("folder", type=Path, metavar="DIR", help="course folder")
    issue.add_argument("--exam", type=Path, required=True, metavar="DIR", help="the exam's folder in the records folder")
    issue.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for JSON and HTML")
    issue.set_defaults(run=_issue)

    standing = actions.add_parser("standing", help="whether a reader's training holds for a protocol")
    standing.add_argument("--reader", required=True, metavar="NAME")
    standing.add_argument("--protocol", required=True, metavar="P")
    standing.add_argument("--certificates", type=Path, required=True, metavar="DIR", help="folder of certificates")
    standing.add_argument("--json", metavar="F", help="write it as JSON; - for standard output")
    standing.set_defaults(run=_standing)


def _new(options: argparse.Namespace) -> int:
    import re

    from SegQCLib.protocol import load_protocol
    from SegQCLib.readers.training.course_check import course_faults
    from SegQCLib.readers.training.new_course import new_course, to_do

    folder = options.folder
    course_id = options.id or re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.casefold()).strip("-")
    file = new_course(folder, load_protocol(options.protocol), course_id)
    print(f"{folder} is a course now. To do:")
    for place in to_do(file):
        print(f"  course.json: {place}")
    for fault in course_faults(folder):
        print(f"  {fault}")
    print(f"Then: segqc training validate {folder}")
    return _EXIT_DONE


def _validate(options: argparse.Namespace) -> int:
    from SegQCLib.readers.training.course import read_course
    from SegQCLib.readers.training.course_check import course_faults, course_remarks
    from SegQCLib.readers.training.new_course import to_do
    from SegQCLib.terminal import terminal_progress

    folder = options.folder
    progress = terminal_progress()
    faults = course_faults(folder, progress)
    progress("Done", 1.0)
    if faults:
        print(f"{folder}: {len(faults)} {'faults' if len(faults) > 1 else 'fault'}")
        for fault in faults:
            print(f"  {fault}")
        return _EXIT_FAULTS
    course = read_course(folder)
    print(f"{folder}: a usable course, {course.file.id} {course.file.version}, SHA-256 {course.sha256}")
    for remark in course_remarks(course):
        print(f"  {remark}")
    for place in to_do(course.file):
        print(f"  To do: {place}")
    return _EXIT_DONE


def _mark(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from SegQCLib.dataclass_json import to_json
    from SegQCLib.errors import BadDataError
    from SegQCLib.images import read_image
    from SegQCLib.importers import read_segmentation
    from SegQCLib.output import require_writable, write_files
    from SegQCLib.readers.training.course import read_course
    from SegQCLib.readers.training.error_map import error_map
    from SegQCLib.readers.training.score import read_references, score_attempt
    from SegQCLib.segmentation_file import write_segmentation
    from SegQCLib.terminal import terminal_progress

    course = read_course(options.folder)
    case = course.case(options.case)
    if case.mode == "exam":
        raise BadDataError(
            options.folder,
            f"{case.id} is an exam case: scores and experts' outlines are shown at the end of the exam.",
            "Take a practice case. Authors try an exam case with the mode practice in a copy of the course.",
        )
    if options.error_map:
        require_writable(options.error_map.parent)
    if options.json and options.json != "-":
        require_writable(Path(options.json).parent)
    progress = terminal_progress()
    progress("Reading the case", 0.0)
    image = replace(read_image(course.path(case.image)), training_set=course.file.id)
    labels = options.labels or course.labels(case)
    candidate = read_segmentation(options.candidate, labels=labels, image=image)
    references = read_references(course, case, image)
    score = score_attempt(course, case, candidate, image, references, progress=progress)
    progress("Done", 1.0)
    if options.json == "-":
        print(to_json(score), end="")
    else:
        _print_score(score)
    if options.json and options.json != "-":
        path = Path(options.json)
        write_files(path.parent, {path.name: to_json(score)})
    if options.error_map:
        from SegQCLib.alignment import align

        drawn = align(candidate, image.geometry)
        write_segmentation(options.error_map, error_map(drawn, references, course.protocol.protocol, case.structures))
    return _EXIT_DONE


def _print_score(score: Any) -> None:
    for one in score.structures:
        print(one.words)
        for other in one.against:
            print(
                f"  {other.expert}: Dice {other.dice:.3f}, surface Dice {other.surface_dice:.3f} at {one.tolerance_mm:g} mm,"
                f" volume {one.volume_ml:.1f} mL (expert {other.volume_ml:.1f} mL)"
            )
        if one.expected is not None and one.expected.dice is not None:
            print(
                f"  Expected expert agreement on this image: Dice {one.expected.dice:.2f} ({one.expected.lower:.2f} to"
                f" {one.expected.upper:.2f}), {one.expected.model}"
            )
    for title, lines in (
        ("Look first at:", [piece.words for piece in score.look_first]),
        ("Technical errors:", [finding.message for finding in score.technical]),
        ("Not asked for, not scored:", list(score.not_asked)),
        ("Note:", list(score.notes)),
    ):
        if lines:
            print(title)
            for line in lines:
                print(f"  {line}")


def _verify(options: argparse.Namespace) -> int:
    from SegQCLib.readers.training.certificate import read_certificate

    one = read_certificate(options.file)
    print(f"{options.file}: as it was issued.")
    print(f"  {one.reader} passed {one.course_title} ({one.course} {one.course_version}) on {one.issued_on}.")
    print(f"  It holds until {one.valid_until}. Protocol {one.protocol} {one.protocol_version}.")
    if one.simulated:
        print("  Images or outlines of the exam were simulated.")
    print("  There is no secret in a certificate: the exam's folder is the evidence.")
    return _EXIT_DONE


def _issue(options: argparse.Namespace) -> int:
    from SegQCLib.readers.training.certificate import issue_certificate, write_certificate
    from SegQCLib.readers.training.course import read_course
    from SegQCLib.readers.training.exam import read_exam

    certificate = issue_certificate(read_course(options.folder), read_exam(options.exam))
    for path in write_certificate(certificate, options.out):
        print(path)
    return _EXIT_DONE


def _standing(options: argparse.Namespace) -> int:
    import json

    from SegQCLib.errors import BadDataError
    from SegQCLib.output import require_writable, write_files
    from SegQCLib.protocol import load_protocol
    from SegQCLib.readers.training.standing import training_standing

    if not options.certificates.is_dir():
        raise BadDataError(options.certificates, "is no folder.", "Give the folder of certificates.")
    protocol = load_protocol(options.protocol)
    standing = training_standing(protocol, options.reader, options.certificates)
    if standing is None:
        content = {"reader": options.reader, "course": None, "state": "not_asked"}
        words = f"The protocol {protocol.protocol.id} asks for no training."
    else:
        content = {
            "reader": standing.reader,
            "course": standing.course,
            "state": standing.state,
            "words": standing.words,
            "valid_until": None if standing.valid_until is None else standing.valid_until.isoformat(),
            "days_left": standing.days_left,
            "refresh_due": standing.refresh_due,
            "refresh_words": standing.refresh_words,
        }
        words = f"{standing.state.replace('_', ' ')}: {standing.words} {standing.refresh_words}".strip()
    text = (
        json.dumps({"schema": "segqc-training-standing", "schema_version": "1.0", **content}, indent=2, ensure_ascii=False) + "\n"
    )
    if options.json == "-":
        print(text, end="")
        return _EXIT_DONE
    print(words)
    if options.json:
        path = Path(options.json)
        require_writable(path.parent)
        write_files(path.parent, {path.name: text})
    return _EXIT_DONE
