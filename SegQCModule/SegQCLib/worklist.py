"""The worklist: the cases that a reader goes through, from a CSV file or from a folder with one sub-folder for each case."""

from __future__ import annotations

import csv
import io
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileKind, read_file_header
from SegQCLib.importers.label_names import SHIPPED as SHIPPED_LABELS
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.training_set import training_set_in

COLUMNS = ("case", "image", "candidate", "reference", "draft", "protocol", "labels")
RECORDS_FOLDER_NAME = "segqc-records"

_FILE_COLUMNS = ("image", "candidate", "reference", "draft")
_SEGMENTATION_ENDINGS = (".seg.nrrd", ".seg.nhdr", ".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm")
_IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
_CSV_RULE = (
    "A worklist is a CSV file whose first line names its columns: case and image, and if there are any"
    " candidate, reference, draft, protocol, labels. Paths may be relative to the CSV file."
)
_FOLDER_RULE = (
    "In a worklist folder each sub-folder is a case. Its image is a file image.nii.gz (.nii, .nrrd, .nhdr, .mha, .mhd),"
    " else the DICOM folder image or dicom, else its only sub-folder, else the DICOM files in it."
    " candidate, reference and draft are files of these names (.seg.nrrd, .nii.gz, ...)."
)


@dataclass(frozen=True)
class WorklistCase:
    """One line of a worklist.

    Attributes
    ----------
    case : str
        How the case is called; unique in its worklist, whatever its upper and lower case.
    image : Path
        A DICOM folder or file, NIfTI, NRRD or MetaImage.
    candidate, reference, draft : Path or None
        Segmentations.
    protocol : str or None
        The id of a shipped protocol or the path of a protocol file.
    labels : str or None
        What the numbers of label maps mean; see `importers.read_segmentation`.
    other : tuple of (column, value)
        Columns that SegQC does not know, as they are.
    training_set : str or None
        Id of the training set that the worklist is in: a case to practise on, of no patient in care.
    """

    case: str
    image: Path
    candidate: Path | None = None
    reference: Path | None = None
    draft: Path | None = None
    protocol: str | None = None
    labels: str | None = None
    other: tuple[tuple[str, str], ...] = ()
    training_set: str | None = None


@dataclass(frozen=True)
class WorklistLine:
    """One line of a worklist as it stands, whether or not its files can be used.

    Attributes
    ----------
    case : str
        How the case is called.
    where : str
        The line of the CSV file or the sub-folder.
    entry : WorklistCase or None
        What it names, whether or not it exists. None: it names no image.
    faults : tuple of str
        What is wrong with this case's files.
    """

    case: str
    where: str
    entry: WorklistCase | None
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Worklist:
    """The cases in their order, and the CSV file or folder that names them."""

    path: Path
    cases: tuple[WorklistCase, ...]

    @property
    def folder(self) -> Path:
        """The folder that the worklist is in; of a folder: itself."""
        return self.path if self.path.is_dir() else self.path.parent

    def number(self, case: str) -> int:
        """Return the place of a case, from 0.

        Raises
        ------
        ValueError
            If the worklist has no such case.
        """
        return [entry.case for entry in self.cases].index(case)

    def step(self, case: str, by: int) -> WorklistCase | None:
        """Return the case `by` places after a case (before it where negative), or None beyond either end."""
        at = self.number(case) + by
        return self.cases[at] if 0 <= at < len(self.cases) else None


def read_worklist(path: Path) -> Worklist:
    """Return the worklist in a CSV file or a folder.

    A CSV file has a first line with the columns case and image, and any of candidate, reference, draft,
    protocol and labels, in any order; other columns are kept. Commas, semicolons (Excel in many countries)
    and tabs separate. The text is UTF-8, with or without byte order mark. Relative paths start at the CSV file.

    In a folder each sub-folder is a case, except hidden ones and `segqc-records`, sorted by name with
    numbers by value. The image is a file `image` (.nii.gz, .nii, .nrrd, .nhdr, .mha, .mhd), else the
    DICOM folder `image` or `dicom`, else the only sub-folder, else the DICOM files of the case's folder itself.
    `candidate`, `reference` and `draft` are files of these names (.seg.nrrd, .nii.gz, .nrrd, ..., .dcm).
    `protocol.json` and `labels.json` in the worklist's folder hold for all its cases.

    Raises
    ------
    BadDataError
        If it cannot be read, names no case, or has faults: then with all of them, each with its line or sub-folder.
    """
    faults: list[str] = []
    cases = []
    for line in _lines(path, faults):
        faults.extend(f"{line.where}: {fault}" for fault in line.faults)
        if line.entry is not None:
            cases.append(line.entry)
    _require_usable(path, faults, cases)
    training_set = training_set_in(path if path.is_dir() else path.parent)
    if training_set is not None:
        cases = [replace(entry, training_set=training_set.id) for entry in cases]
    return Worklist(path, tuple(cases))


def read_worklist_lines(path: Path) -> tuple[WorklistLine, ...]:
    """Return the lines of a worklist, each with the faults of its own files: one broken case does not stop the others.

    Raises
    ------
    BadDataError
        If the worklist cannot be read, names no case, or is faulty as a table: a column or a case's name that is missing or
        there twice, a line with more values than columns, or a protocol for all cases that cannot be used.
    """
    faults: list[str] = []
    lines = tuple(_lines(path, faults))
    _require_usable(path, faults, lines)
    return lines


def is_case_folder(folder: Path) -> bool:
    """Return whether a folder holds a file that is named as those of a case are: image, candidate, reference or draft.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    roles = {"image": _IMAGE_ENDINGS, **dict.fromkeys(("candidate", "reference", "draft"), _SEGMENTATION_ENDINGS)}
    names = {f"{role}{ending}" for role, endings in roles.items() for ending in endings}
    return any(item.name.lower() in names and item.is_file() for item in folder.iterdir())


def _lines(path: Path, faults: list[str]) -> Iterator[WorklistLine]:
    """Yield the lines, and put what is wrong with the table itself into `faults`, each fault before the lines after it."""
    if not path.exists():
        raise BadDataError(path, "does not exist.", "Give a CSV file or a folder of cases.")
    read, rule = (_folder_lines, _FOLDER_RULE) if path.is_dir() else (_csv_lines, _CSV_RULE)
    try:
        yield from read(path, faults)
    except OSError as error:
        raise BadDataError(path, f"cannot be read as a worklist ({error.strerror}).", rule) from error


def _require_usable(path: Path, faults: Sequence[str], cases: Sequence[WorklistCase | WorklistLine]) -> None:
    rule = _FOLDER_RULE if path.is_dir() else _CSV_RULE
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise BadDataError(path.name, "is not a usable worklist.", f"{rule} Correct:\n{listed}")
    if not cases:
        raise BadDataError(path.name, "names no case.", rule)


def _csv_lines(path: Path, faults: list[str]) -> Iterator[WorklistLine]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDataError(path.name, "is not UTF-8 text.", "In Excel, save it as 'CSV UTF-8'.") from error
    first, line_end, rest = text.partition("\n")
    # Excel's own first line that names the separator.
    skipped = 1 if re.fullmatch(r"sep=.\s*", first) else 0
    table = rest if skipped else first + line_end + rest
    separator = max(",;\t", key=table.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(table), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        rows = [(reader.line_num + skipped, [field.strip() for field in row]) for row in reader]
    except csv.Error as error:
        raise BadDataError(path.name, f"cannot be read after line {reader.line_num + skipped} ({error}).", _CSV_RULE) from error
    header = rows.pop(0)[1] if rows else []
    columns = [name.casefold() if name.casefold() in COLUMNS else name for name in header]
    faults.extend(f"line {1 + skipped}: the column {name} is missing" for name in ("case", "image") if name not in columns)
    faults.extend(
        f"line {1 + skipped}: the column {name} is given {columns.count(name)} times; keep one"
        for name in dict.fromkeys(columns)
        if name and columns.count(name) > 1
    )
    if faults:
        return
    lines_of: dict[str, int] = {}
    for line, row in rows:
        if any(row):
            yield from _csv_line(path.parent, line, columns, row, lines_of, faults)


def _csv_line(
    folder: Path, line: int, columns: list[str], row: list[str], lines_of: dict[str, int], faults: list[str]
) -> Iterator[WorklistLine]:
    if any(row[len(columns) :]):
        faults.append(f"line {line}: has {len(row)} values for {len(columns)} columns; put a value with separators in quotes")
        return
    values = dict(zip(columns, row, strict=False))
    case, own = values.get("case", ""), list[str]()
    first_line = lines_of.setdefault(case.casefold(), line)
    if not case:
        faults.append(f"line {line}: the case has no name")
    elif first_line != line:
        faults.append(f"line {line}: the case {case!r} is already in line {first_line}; give each case a name of its own")
    if not values.get("image"):
        own.append("the image is missing")
    paths = {name: folder / values[name] for name in _FILE_COLUMNS if values.get(name)}
    own.extend(f"{name}: {fault}" for name, path in paths.items() if (fault := path_fault(path)) is not None)
    protocol, labels = values.get("protocol") or None, values.get("labels") or None
    if protocol is not None and protocol not in shipped_protocols():
        protocol = str(folder / protocol)
    if protocol is not None:
        own.extend(f"protocol: {fault}" for fault in _protocol_faults(protocol))
    if labels is not None and labels not in SHIPPED_LABELS:
        labels = str(folder / labels)
        if path_fault(Path(labels)) is not None or not Path(labels).is_file():
            own.append(f"labels: {labels} is neither a file nor one of {', '.join(SHIPPED_LABELS)}")
    other = tuple((name, value) for name, value in values.items() if name and name not in COLUMNS)
    entry = WorklistCase(case=case, **paths, protocol=protocol, labels=labels, other=other) if "image" in paths else None
    yield WorklistLine(case, f"line {line}", entry, tuple(own))


def path_fault(path: Path) -> str | None:
    """Return what is wrong with a path where a file or a folder has to be, as the rest of a sentence; None: nothing.

    Nothing is opened: a pipe or a device may never end.
    """
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        # A path with a NUL byte is a ValueError.
        return f"{path} does not exist"
    except OSError as error:
        return f"{path} cannot be looked at ({error.strerror})"
    return None if stat.S_ISREG(kind) or stat.S_ISDIR(kind) else f"{path} is a pipe or a device, not a file"


def _protocol_faults(protocol: str) -> tuple[str, ...]:
    fault = None if protocol in shipped_protocols() else path_fault(Path(protocol))
    if fault is not None:
        return (fault,)
    return _protocol_faults_at(protocol, Path(protocol).stat().st_mtime_ns if Path(protocol).is_file() else 0)


@lru_cache(maxsize=64)  # a worklist of a thousand lines names one protocol or two
def _protocol_faults_at(protocol: str, _changed_ns: int) -> tuple[str, ...]:
    try:
        load_protocol(protocol)
    except BadDataError as error:
        return (str(error),)
    return ()


def _folder_lines(folder: Path, faults: list[str]) -> Iterator[WorklistLine]:
    protocol, labels = folder / "protocol.json", folder / "labels.json"
    if protocol.is_file():
        faults.extend(_protocol_faults(str(protocol)))
    names = sorted((item.name for item in _sub_folders(folder) if item.name != RECORDS_FOLDER_NAME), key=by_number)
    spelled: dict[str, str] = {}
    for name in names:
        own: list[str] = []
        if spelled.setdefault(name.casefold(), name) != name:
            own.append(f"differs from {spelled[name.casefold()]} only in upper and lower case; rename one")
        entry = None
        try:
            image = _image_in(folder / name, own)
            found = {
                role: _one_file(folder / name, role, _SEGMENTATION_ENDINGS, own) for role in ("candidate", "reference", "draft")
            }
        except OSError as error:
            own.append(f"cannot be read ({error.strerror})")
        else:
            if image is not None:
                entry = WorklistCase(
                    case=name,
                    image=image,
                    **found,
                    protocol=str(protocol) if protocol.is_file() else None,
                    labels=str(labels) if labels.is_file() else None,
                )
        yield WorklistLine(name, name, entry, tuple(own))


def _sub_folders(folder: Path) -> list[Path]:
    return [item for item in folder.iterdir() if item.is_dir() and not item.name.startswith(".")]


def by_number(name: str) -> list[tuple[int, str]]:
    """Order case2 before case10."""
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in re.split(r"(\d+)", name)]


def _image_in(folder: Path, faults: list[str]) -> Path | None:
    before = len(faults)
    file = _one_file(folder, "image", _IMAGE_ENDINGS, faults)
    if file is not None or len(faults) > before:
        return file
    sub_folders = _sub_folders(folder)
    named = [item for item in sub_folders if item.name.casefold() in ("image", "dicom")]
    if len(named) == 1 or (not named and len(sub_folders) == 1):
        return (named or sub_folders)[0]
    if any(_is_dicom(item) for item in folder.iterdir() if item.is_file()):
        return folder
    faults.append("holds no image, or more than one")
    return None


def _is_dicom(file: Path) -> bool:
    try:
        return read_file_header(file).kind is FileKind.DICOM
    except BadDataError:
        # An empty or damaged file beside the image is not the image.
        return False


def _one_file(folder: Path, stem: str, endings: tuple[str, ...], faults: list[str]) -> Path | None:
    names = {f"{stem}{ending}" for ending in endings}
    found = sorted(item for item in folder.iterdir() if item.is_file() and item.name.lower() in names)
    if len(found) > 1:
        faults.append(f"has {' and '.join(item.name for item in found)}; keep one")
        return None
    return found[0] if found else None
