"""Read a training course from its folder, or say everything that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from SegQCLib.checks import CHECKS
from SegQCLib.complete_file import data_files
from SegQCLib.dataclass_json import FaultyJSONError, from_json
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import read_file_header
from SegQCLib.hashing import sha256_of_files
from SegQCLib.importers.label_names import SHIPPED as SHIPPED_LABELS
from SegQCLib.protocol import LoadedProtocol, load_protocol, shipped_protocols
from SegQCLib.readers.training.course_file import COURSE_FILE, AtlasPage, CourseCase, CourseFile
from SegQCLib.readers.training.pass_rule import required_within
from SegQCLib.samples import cache_folder

_PAGE_ENDINGS = (".md", ".html", ".htm")
_PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".svg")


@dataclass(frozen=True, eq=False)
class Course:
    """A course as its folder has it.

    Attributes
    ----------
    folder : Path
    file : CourseFile
    protocol : LoadedProtocol
    """

    folder: Path
    file: CourseFile
    protocol: LoadedProtocol

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of what the course consists of: of course.json, the protocol and every file that course.json names.

        Pictures that only a page of the atlas names are not among them. Looked at once: read the course again to see a change.
        BadDataError is raised if one of the files cannot be read.
        """
        named = {COURSE_FILE, *(path for _, path in _named_files(self.file)), *_labels_files(self.file)}
        if self.file.protocol not in shipped_protocols():
            named.add(self.file.protocol)
        paths: set[Path] = set()
        for relative in named:
            path = self.folder / relative
            paths.update(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else paths.add(path)
        try:
            return sha256_of_files(paths, self.folder)
        except OSError as error:
            raise BadDataError(
                error.filename or self.folder,
                f"cannot be read ({error.strerror}), and belongs to the course {self.file.id}.",
                "Check the course with 'segqc training validate'.",
            ) from error

    def path(self, relative: str) -> Path:
        """Return where a file that the course names is."""
        return self.folder / relative

    def labels(self, case: CourseCase) -> str | None:
        """Return what label values of a case mean, as `importers.read_segmentation` takes it."""
        return case.labels if case.labels is None or case.labels in SHIPPED_LABELS else str(self.path(case.labels))

    def case(self, case_id: str) -> CourseCase:
        """Return a case by its id.

        Raises
        ------
        BadDataError
            If there is no such case.
        """
        for case in self.file.cases:
            if case.id == case_id:
                return case
        known = ", ".join(case.id for case in self.file.cases) or "none"
        raise BadDataError(self.folder, f"has no case {case_id!r}.", f"Cases of the course {self.file.id}: {known}.")


def is_course(folder: Path) -> bool:
    """Return whether a folder has a course.json; one without can still be a simple course (see `training_course`)."""
    try:
        return (folder / COURSE_FILE).is_file()
    except OSError:  # no name of a folder, or none that may be looked into
        return False


def shipped_courses() -> dict[str, Path]:
    """Return the courses that come with SegQC and were made on this computer (see `build_course`): folder names and folders."""
    # One that is being made has a dot before its name.
    return {path.parent.name: path.parent for path in sorted((cache_folder() / "courses").glob(f"[!.]*/{COURSE_FILE}"))}


def read_course(folder: Path) -> Course:
    """Return the course in a folder. Images and segmentations are not opened: `course_check.course_faults` does that.

    Raises
    ------
    BadDataError
        If there is no course.json, or with all the faults of it: unknown structures, missing files, paths that lead out
        of the folder, exam cases that cannot be judged.
    """
    try:
        text = (folder / COURSE_FILE).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadDataError(
            folder,
            f"is no training course: {COURSE_FILE} cannot be read ({error.strerror}).",
            "Begin one with 'segqc training new'.",
        ) from error
    except UnicodeDecodeError as error:
        raise BadDataError(folder / COURSE_FILE, "is not UTF-8 text.", "Save it as UTF-8.") from error
    try:
        file = from_json(CourseFile, text)
        course = Course(folder, file, _protocol(folder, file))
        faults = list(_faults(course))
    except FaultyJSONError as error:
        faults = [str(fault) for fault in error.faults]
    except _UnusableProtocolError as error:
        faults = [f"protocol: {error}", *_file_faults(folder, file)]
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise BadDataError(folder / COURSE_FILE, "is not a usable course.", f"Correct:\n{listed}")
    return course


class _UnusableProtocolError(Exception):
    """The protocol cannot be used; the text says why."""


def _protocol(folder: Path, file: CourseFile) -> LoadedProtocol:
    if file.protocol in shipped_protocols():
        return load_protocol(file.protocol)
    fault = path_fault(folder, file.protocol)
    if fault is not None:
        raise _UnusableProtocolError(f"{fault}; nor is it one of the shipped protocols, {', '.join(shipped_protocols())}")
    try:
        return load_protocol(folder / file.protocol)
    except BadDataError as error:
        raise _UnusableProtocolError(str(error)) from error


def path_fault(folder: Path, relative: str) -> str | None:
    """Return what is wrong with the path of a file or folder of a course, or None.

    It is relative, with / between its parts, leads to something that is there, and not out of the folder, by links neither.
    """
    pure = PurePosixPath(relative)
    if not relative.strip() or pure.is_absolute() or ".." in pure.parts or "\\" in relative or ":" in relative:
        return f"{relative!r} is not a path within the course folder, such as cases/liver/image.nii.gz"
    path = folder / pure
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        exists = path.exists()
    except (OSError, RuntimeError, ValueError):  # links in a circle, a name that is too long, a NUL in it
        return f"{relative!r} cannot be found"
    if not inside:
        return f"{relative!r} is a link that leads out of the course folder"
    return None if exists else f"{relative!r} does not exist"


def _named_files(file: CourseFile) -> Iterator[tuple[str, str]]:
    """Yield where in course.json each file is named, and its path; without protocol and labels, which may be shipped ones."""
    for n, page in enumerate(file.pages):
        if page.file is not None:
            yield f"pages[{n}].file", page.file
        for m, picture in enumerate(page.pictures):
            yield f"pages[{n}].pictures[{m}].file", picture.file
        for m, error in enumerate(page.typical_errors):
            yield f"pages[{n}].typical_errors[{m}].wrong.file", error.wrong.file
            yield f"pages[{n}].typical_errors[{m}].right.file", error.right.file
    for n, case in enumerate(file.cases):
        yield f"cases[{n}].image", case.image
        for m, reference in enumerate(case.references):
            yield f"cases[{n}].references[{m}].file", reference.file
        if case.draft is not None:
            yield f"cases[{n}].draft", case.draft


def _in_two_files(path: Path) -> bool:
    """Return whether a file has its voxels elsewhere; what cannot be read is told where it is read."""
    try:
        return path.is_file() and len(data_files(read_file_header(path))) > 1
    except (BadDataError, OSError):
        return False


def _labels_files(file: CourseFile) -> set[str]:
    return {case.labels for case in file.cases if case.labels is not None and case.labels not in SHIPPED_LABELS}


def _file_faults(folder: Path, file: CourseFile) -> Iterator[str]:
    for where, relative in _named_files(file):
        fault = path_fault(folder, relative)
        if fault is None and not where.endswith(".image") and (folder / relative).is_dir():
            fault = f"{relative!r} is a folder; name a file"
        endings = _PICTURE_ENDINGS if ".pictures[" in where or ".typical_errors[" in where else None
        endings = _PAGE_ENDINGS if where.endswith("].file") and where.count("[") == 1 else endings
        if fault is None and where.startswith("cases") and _in_two_files(folder / relative):
            # The hash over what course.json names would not see a change of the other one.
            fault = f"{relative!r} keeps its voxels in another file; save it as one file, .nrrd or .nii.gz"
        if fault is None and endings is not None and not relative.lower().endswith(endings):
            fault = f"{relative!r} does not end in {', '.join(endings)}"
        if fault is not None:
            yield f"{where}: {fault}"
    for relative in sorted(_labels_files(file)):
        fault = path_fault(folder, relative)
        if fault is not None:
            yield f"labels: {fault}; nor is it one of {', '.join(SHIPPED_LABELS)}"


def _faults(course: Course) -> Iterator[str]:
    file, rules = course.file, course.protocol.protocol
    known = [structure.name for structure in rules.structures]
    yield from _file_faults(course.folder, file)
    for n, page in enumerate(file.pages):
        yield from _page_faults(f"pages[{n}]", page, known)
    for n, case in enumerate(file.cases):
        for name in case.structures:
            if name not in known:
                yield f"cases[{n}].structures: {name!r} is no structure of the protocol {rules.id}; known: {', '.join(known)}"
        if case.mode == "exam":
            yield from _unjudged(f"cases[{n}]", case)
        files = [os.path.normpath(reference.file) for reference in case.references]
        if len(set(files)) < len(files):
            yield f"cases[{n}].references: one file is given for several experts"
        if case.draft is not None and os.path.normpath(case.draft) in files:
            yield f"cases[{n}].draft: is an expert's outline; the draft that a reader begins with is not the truth"
    yield from _shown_before_the_exam(file)
    exams = file.cases_of("exam")
    if not exams:
        yield "cases: has no exam case; without one nobody can pass the course"
    elif not course_has_power(file):
        yield (
            "cases: the exam has too few structures: a reader like the experts would often be outside of their range in all of"
            " them, so none could be asked for. Add exam cases, experts, or limits"
        )
    checks = {check.ID for check in CHECKS}
    for name in file.pass_rule.failing_checks:
        if name not in checks:
            yield f"pass_rule.failing_checks: {name!r} is no check; known: {', '.join(sorted(checks))}"


def _shown_before_the_exam(file: CourseFile) -> Iterator[str]:
    """Yield where an expert's outline of an exam case is shown in practice, or as a starting draft."""
    hidden: dict[str, dict[str, str]] = {}
    for case in file.cases_of("exam"):
        for reference in case.references:
            hidden.setdefault(os.path.normpath(reference.file), {}).update(dict.fromkeys(case.structures, case.id))
    for n, case in enumerate(file.cases):
        shown = [(f"references[{m}]", one.file) for m, one in enumerate(case.references) if case.mode == "practice"]
        if case.draft is not None and case.mode == "practice":
            shown.append(("draft", case.draft))
        for where, path in shown:
            exams = hidden.get(os.path.normpath(path), {})
            for name in case.structures:
                if name in exams:
                    yield f"cases[{n}].{where}: shows the {name} of the exam case {exams[name]} before the exam"


def course_has_power(file: CourseFile) -> bool:
    """Return whether the exam asks for anything: at least one structure within the experts' range, or an explicit limit."""
    exams = file.cases_of("exam")
    ranges = expert_within(file)
    limits = any(case.limit_for(name) is not None for case in exams for name in case.structures)
    return limits or required_within(ranges, file.pass_rule.expert_passes) > 0


def expert_within(file: CourseFile) -> tuple[float, ...]:
    """Return, for each exam structure with two experts or more, how often a reader like them is within their range."""
    return tuple(
        len(case.references) / (len(case.references) + 1)
        for case in file.cases_of("exam")
        if len(case.references) > 1
        for _ in case.structures
    )


def _page_faults(where: str, page: AtlasPage, known: list[str]) -> Iterator[str]:
    if page.structure not in known:
        yield f"{where}.structure: {page.structure!r} is no structure of the protocol; known: {', '.join(known)}"
    if page.file is None and not page.include and not page.exclude:
        yield f"{where}: has neither a page to read nor rules; say what belongs to the structure"


def _unjudged(where: str, case: CourseCase) -> Iterator[str]:
    if len(case.references) > 1:
        return
    for name in case.structures:
        if case.limit_for(name) is None:
            yield (
                f"{where}: {name} has one expert only, so there is no range that a reader could be within. Add an expert,"
                " give a limit with its source, or make it a practice case"
            )
