"""Begin a course: a folder with a course.json that says what is left to do."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.dataclass_json import to_json, to_plain
from SegQCLib.errors import BadDataError
from SegQCLib.output import require_writable, write_files
from SegQCLib.protocol import LoadedProtocol, Structure, shipped_protocols
from SegQCLib.readers.training.course_file import (
    COURSE_FILE,
    AtlasPage,
    CourseCase,
    CourseFile,
    ExpertReference,
    PassRule,
    RefreshRule,
)

TODO = "TO DO"


def new_course(folder: Path, protocol: LoadedProtocol, course_id: str) -> CourseFile:
    """Make a new or empty folder a course with a page for each structure of a protocol, and return what its course.json says.

    Pages are there and say that they are to be written; one practice and one exam case name files that are not there yet, so
    that `course_check.course_faults` lists what is left to do.

    Raises
    ------
    BadDataError
        If the folder holds anything, cannot be written to, or the id is not one.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise BadDataError(folder, "is not empty.", "Give a new or empty folder.")
    rules = protocol.protocol
    shipped = protocol.path == str(shipped_protocols().get(rules.id))
    pages = tuple(_page(number, structure) for number, structure in enumerate(rules.structures, 1))
    file = CourseFile(
        schema="segqc-course",
        schema_version="1.0",
        id=course_id,
        version="0.1.0",
        title=f"{TODO}: title of the course",
        about=f"{TODO}: what is learned, from which data, and what of it is simulated.",
        protocol=rules.id if shipped else "protocol.json",
        pages=pages,
        cases=(_case("practice-1", "practice", rules.structures[0]), _case("exam-1", "exam", rules.structures[0])),
        pass_rule=PassRule(source=f"{TODO}: who decided on the rule"),
        valid_months=12,
        refresh=RefreshRule(after_months=6),
    )
    faults = list(file.faults())
    if faults:
        raise BadDataError(course_id, f"is no id of a course: {faults[0][1]}.", "Name another with --id.")
    texts = {page.file: _page_text(page) for page in pages}
    require_writable(folder / "atlas")
    write_files(folder / "atlas", {Path(name).name: text for name, text in texts.items()})
    whole = {} if shipped else {"protocol.json": Path(protocol.path).read_text(encoding="utf-8-sig")}
    write_files(folder, {COURSE_FILE: to_json(file), **whole})
    return file


def _page(number: int, structure: Structure) -> AtlasPage:
    title = structure.name.replace("_", " ").capitalize()
    return AtlasPage(
        structure=structure.name,
        title=title,
        include=(f"{TODO}: what belongs to it",),
        exclude=(f"{TODO}: what does not belong to it",),
        file=f"atlas/{number:02d}-{structure.name}.md",
    )


def _page_text(page: AtlasPage) -> str:
    return (
        f"# {page.title}\n\n{TODO}: where it begins and ends, what it looks like in the protocol's window, and where readers err.\n"
    )


def _case(case_id: str, mode: str, structure: Structure) -> CourseCase:
    folder = f"cases/{case_id}"
    return CourseCase(
        id=case_id,
        title=f"{TODO}: title",
        mode=mode,
        image=f"{folder}/image.nii.gz",
        structures=(structure.name,),
        references=tuple(ExpertReference(f"Expert {name}", f"{folder}/expert-{name.lower()}.seg.nrrd") for name in "ABC"),
        source=f"{TODO}: where image and outlines come from, and their licence",
    )


def to_do(file: CourseFile) -> tuple[str, ...]:
    """Return where a course still says that something is to do: paths in course.json."""
    return tuple(_places(to_plain(file), ""))


def _places(value: object, path: str) -> list[str]:
    if isinstance(value, dict):
        return [place for key, item in value.items() for place in _places(item, f"{path}.{key}" if path else key)]
    if isinstance(value, list):
        return [place for n, item in enumerate(value) for place in _places(item, f"{path}[{n}]")]
    return [path] if isinstance(value, str) and value.startswith(TODO) else []
