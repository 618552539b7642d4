"""The worklist: the cases that a reader goes through, from a CSV file or from a folder with one sub-folder for each case."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
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
    if not path.exists():
        raise BadDataError(path, "does not exist.", "Give a CSV file or a folder of cases.")
    faults: list[str] = []
    read, rule = (_folder_cases, _FOLDER_RULE) if path.is_dir() else (_csv_cases, _CSV_RULE)
    try:
        cases = tuple(read(path, faults))
    except OSError as error:
        raise BadDataError(path, f"cannot be read as a worklist ({error.strerror}).", rule) from error
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise BadDataError(path.name, "is not a usable worklist.", f"{rule} Correct:\n{listed}")
    if not cases:
        raise BadDataError(path.name, "names no case.", rule)
    training_set = training_set_in(path if path.is_dir() else path.parent)
    if training_set is not None:
        cases = tuple(replace(entry, training_set=training_set.id) for entry in cases)
    return Worklist(path, cases)


def _csv_cases(path: Path, faults: list[str]) -> Iterator[WorklistCase]:
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
            yield from _csv_case(path.parent, line, columns, row, lines_of, faults)


def _csv_case(
    folder: Path, line: int, columns: list[str], row: list[str], lines_of: dict[str, int], faults: list[str]
) -> Iterator[WorklistCase]:
    if any(row[len(columns) :]):
        faults.append(f"line {line}: has {len(row)} values for {len(columns)} columns; put a value with separators in quotes")
        return
    values = dict(zip(columns, row, strict=False))
    case, before = values["case"], len(faults)
    first_line = lines_of.setdefault(case.casefold(), line)
    if not case:
        faults.append(f"line {line}: the case has no name")
    elif first_line != line:
        faults.append(f"line {line}: the case {case!r} is already in line {first_line}; give each case a name of its own")
    if not values.get("image"):
        faults.append(f"line {line}: the image is missing")
    paths = {name: folder / values[name] for name in _FILE_COLUMNS if values.get(name)}
    faults.extend(f"line {line}: {name}: {path} does not exist" for name, path in paths.items() if not path.exists())
    protocol, labels = values.get("protocol") or None, values.get("labels") or None
    if protocol is not None and protocol not in shipped_protocols():
        protocol = str(folder / protocol)
    if protocol is not None:
        faults.extend(f"line {line}: protocol: {fault}" for fault in _protocol_faults(protocol))
    if labels is not None and labels not in SHIPPED_LABELS:
        labels = str(folder / labels)
        if not Path(labels).is_file():
            faults.append(f"line {line}: labels: {labels} is neither a file nor one of {', '.join(SHIPPED_LABELS)}")
    if len(faults) == before:
        other = tuple((name, value) for name, value in values.items() if name and name not in COLUMNS)
        yield WorklistCase(case=case, **paths, protocol=protocol, labels=labels, other=other)


def _protocol_faults(protocol: str) -> tuple[str, ...]:
    return _protocol_faults_at(protocol, Path(protocol).stat().st_mtime_ns if Path(protocol).is_file() else 0)


@lru_cache(maxsize=64)  # a worklist of a thousand lines names one protocol or two
def _protocol_faults_at(protocol: str, _changed_ns: int) -> tuple[str, ...]:
    try:
        load_protocol(protocol)
    except BadDataError as error:
        return (str(error),)
    return ()


def _folder_cases(folder: Path, faults: list[str]) -> Iterator[WorklistCase]:
    protocol, labels = folder / "protocol.json", folder / "labels.json"
    if protocol.is_file():
        faults.extend(_protocol_faults(str(protocol)))
    names = sorted((item.name for item in _sub_folders(folder) if item.name != RECORDS_FOLDER_NAME), key=_by_number)
    spelled: dict[str, str] = {}
    for name in names:
        before = len(faults)
        if spelled.setdefault(name.casefold(), name) != name:
            faults.append(f"{name}: differs from {spelled[name.casefold()]} only in upper and lower case; rename one")
        image = _image_in(folder / name, faults)
        found = {
            role: _one_file(folder / name, role, _SEGMENTATION_ENDINGS, faults) for role in ("candidate", "reference", "draft")
        }
        if len(faults) == before and image is not None:
            yield WorklistCase(
                case=name,
                image=image,
                **found,
                protocol=str(protocol) if protocol.is_file() else None,
                labels=str(labels) if labels.is_file() else None,
            )


def _sub_folders(folder: Path) -> list[Path]:
    return [item for item in folder.iterdir() if item.is_dir() and not item.name.startswith(".")]


def _by_number(name: str) -> list[tuple[int, str]]:
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
    faults.append(f"{folder.name}: holds no image, or more than one")
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
        faults.append(f"{folder.name}: has {' and '.join(item.name for item in found)}; keep one")
        return None
    return found[0] if found else None
