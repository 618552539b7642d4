"""What decides where a DICOM file belongs, from the beginning of the file: a hundred thousand files, each opened once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.dicom.counted_reading import CountedFile
from SegQCLib.dicom.dicom_header import DEFLATED, EXPLICIT_BIG, parser_errors, read_dicom_header
from SegQCLib.dicom.encoded_elements import Encoding, elements
from SegQCLib.dicom.header_values import text_of
from SegQCLib.dicom.object_kind import transfer_syntax
from SegQCLib.errors import BadDataError
from SegQCLib.importers.rt_structure_set import RT_STRUCTURE_SET

if TYPE_CHECKING:
    from pydicom import Dataset

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7", RT_STRUCTURE_SET)
_PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
_NOT_IMAGES = ("SEG", "RTDOSE", "RTSTRUCT", "SR", "PR", "KO", "DOC")
# Most headers end in them.
_FIRST_BYTES = 2**16
_ROWS = 0x00280010
_KEYWORDS = {
    0x00080008: "ImageType",
    0x00080016: "SOPClassUID",
    0x00080018: "SOPInstanceUID",
    0x00080060: "Modality",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
    0x00200011: "SeriesNumber",
    0x00280008: "NumberOfFrames",
    _ROWS: "Rows",
}
_OF_A_SEGMENTATION = (
    "SpecificCharacterSet",
    "SeriesDescription",
    "ContentCreatorName",
    "OperatorsName",
    "ReferencedSeriesSequence",
    "ReferencedFrameOfReferenceSequence",
    "SourceImageSequence",
)


@dataclass(frozen=True, slots=True)
class DicomObjectFacts:
    """One DICOM object.

    Attributes
    ----------
    path : Path
    instance, series, study : str
        Their UIDs; "" where de-identification left them empty.
    series_number : str
    modality : str
    is_image : bool
        A file with images of a patient; not so segmentations, doses, parametric maps and documents.
    is_localizer : bool
        Value 3 of Image Type (0008,0008).
    frames : int
        Images in the file, 1 for one that does not say.
    is_segmentation : bool
        SEG, label map SEG or RT Structure Set.
    """

    path: Path
    instance: str
    series: str
    study: str
    series_number: str
    modality: str
    is_image: bool
    is_localizer: bool
    frames: int
    is_segmentation: bool


@dataclass(frozen=True)
class SegmentationFacts:
    """What a SEG or an RT Structure Set says of itself, and what it was drawn on.

    Attributes
    ----------
    description : str
        Series Description (0008,103E).
    reader : str or None
        Content Creator's Name (0070,0084), else Operators' Name (0008,1070).
    series : tuple of str
        Series Instance UIDs that it refers to.
    instances : tuple of str
        SOP Instance UIDs that it refers to; where it names series, the first one of each.
    """

    description: str
    reader: str | None
    series: tuple[str, ...]
    instances: tuple[str, ...]


def dicom_object_facts(path: Path) -> DicomObjectFacts | None:
    """Return what a file is, or None where it is no DICOM file.

    Raises
    ------
    BadDataError
        If it is a DICOM file and its header cannot be read, or the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_FIRST_BYTES)
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror or error}).", "Copy or export it again.") from error
    values = _scanned(content) if content[128:132] == b"DICM" else None
    if values is None:
        # Without a preamble, deflated, with a beginning that is longer than others are, or damaged.
        header = read_dicom_header(path)
        if header is None:
            return None
        values = {keyword: text_of(path, header.dataset, keyword) for keyword in _KEYWORDS.values()}
    return _facts(path, values)


def _scanned(content: bytes) -> dict[str, str] | None:
    """Return the values up to Rows (0028,0010); None: the bytes do not suffice."""
    try:
        syntax, begin = transfer_syntax(content)
        if syntax == DEFLATED:
            return None
        # No length of an element of implicit VR looks like two capital letters here: it would be above 16,000.
        explicit = content[begin + 4 : begin + 6].isalpha() and content[begin + 4 : begin + 6].isupper()
        encoding = Encoding(not explicit, ">" if syntax == EXPLICIT_BIG else "<")
        values: dict[str, str] = {}
        for element in elements(content, begin, len(content), encoding):
            if element.tag > _ROWS:
                return values
            keyword = _KEYWORDS.get(element.tag)
            if keyword is not None:
                values[keyword] = content[element.first : element.last].decode("ascii", "replace").strip("\0 ")
                if element.tag == _ROWS:
                    # A number, of which it matters here that there is one.
                    values[keyword] = "yes" if element.last > element.first else ""
    except (ValueError, RecursionError):
        return None
    # All of a short file, or only elements that go on behind these bytes.
    return values if len(content) < _FIRST_BYTES else None


def _facts(path: Path, values: dict[str, str]) -> DicomObjectFacts:
    def text(keyword: str) -> str:
        return values.get(keyword, "").strip()

    sop_class, modality, frames = text("SOPClassUID"), text("Modality"), text("NumberOfFrames")
    is_segmentation = sop_class in SEGMENTATIONS
    if not values.get("Rows") and not is_segmentation:
        _require_whole(path, sop_class, modality)
    return DicomObjectFacts(
        path,
        instance=text("SOPInstanceUID"),
        series=text("SeriesInstanceUID"),
        study=text("StudyInstanceUID"),
        series_number=text("SeriesNumber"),
        modality=modality,
        is_image=(
            bool(values.get("Rows")) and not is_segmentation and modality not in _NOT_IMAGES and sop_class != _PARAMETRIC_MAP
        ),
        is_localizer=text("ImageType").split("\\")[2:3] == ["LOCALIZER"],
        frames=int(frames) if frames.isascii() and frames.isdigit() and len(frames) < 9 else 1,
        is_segmentation=is_segmentation,
    )


def _require_whole(path: Path, sop_class: str, modality: str) -> None:
    """Raise BadDataError if an object without Rows (0028,0010) has lost it."""
    from pydicom.uid import UID

    if not sop_class and not modality:
        found = "is damaged: it has neither SOP Class UID (0008,0016) nor Modality (0008,0060)."
    elif modality not in _NOT_IMAGES and "Image Storage" in UID(sop_class).name:
        found = "is cut short: an image without Rows (0028,0010)."
    else:
        return
    raise BadDataError(path, found, "Copy or export it again.")


def segmentation_facts(path: Path) -> SegmentationFacts:
    """Return what a segmentation says of itself and of its images.

    Raises
    ------
    BadDataError
        If its header cannot be read.

    References
    ----------
    DICOM PS3.3 C.12.1.3 (Common Instance Reference), C.8.8.5 (Structure Set), C.7.6.16.2.6 (Derivation Image).
    """
    try:
        facts = _segmentation_facts(path, _few_elements(path))
        if facts.series or facts.instances:
            return facts
        header = read_dicom_header(path)
        return facts if header is None else _segmentation_facts(path, header.dataset)
    except parser_errors() as error:
        raise BadDataError(path, f"has unreadable references to its images ({error}).", "Export it again.") from error


def institution(path: Path) -> str | None:
    """Return Institution Name (0008,0080) of a file that was read before, None where there is none."""
    try:
        header = read_dicom_header(path)
        return None if header is None else text_of(path, header.dataset, "InstitutionName").strip() or None
    except BadDataError:
        # What is wrong with the file is said when its images are read.
        return None


def _few_elements(path: Path) -> Dataset:
    """Return what a segmentation says on top level: contours and frames, which can be a hundred thousand, are stepped over."""
    import pydicom

    with CountedFile(path) as file:
        return pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=list(_OF_A_SEGMENTATION))


def _segmentation_facts(path: Path, dataset: Dataset) -> SegmentationFacts:
    def name(keyword: str) -> str:
        # A person name is a sequence of letters to whoever asks.
        return str(dataset.get(keyword) or "").strip("^ ")

    named = list(_referenced_series(dataset))
    series = [uid for uid, _ in named if uid]
    instances = [next(iter(uids), "") for uid, uids in named]
    if not series:
        instances = [uid for _, uids in named for uid in uids] or list(_referenced_instances(dataset))
    return SegmentationFacts(
        text_of(path, dataset, "SeriesDescription").strip(),
        name("ContentCreatorName") or name("OperatorsName") or None,
        tuple(dict.fromkeys(series)),
        tuple(dict.fromkeys(uid for uid in instances if uid)),
    )


def _referenced_series(dataset: Dataset) -> Iterator[tuple[str, list[str]]]:
    for item in dataset.get("ReferencedSeriesSequence") or ():
        yield str(item.get("SeriesInstanceUID") or ""), _instances_in(item, "ReferencedInstanceSequence")
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for item in study.get("RTReferencedSeriesSequence") or ():
                yield str(item.get("SeriesInstanceUID") or ""), _instances_in(item, "ContourImageSequence")


def _instances_in(item: Dataset, keyword: str) -> list[str]:
    return [str(one.get("ReferencedSOPInstanceUID") or "") for one in item.get(keyword) or ()]


def _referenced_instances(dataset: Dataset) -> Iterator[str]:
    """Yield the images that frames and contours were drawn on."""
    for groups in (
        *(dataset.get("SharedFunctionalGroupsSequence") or ()),
        *(dataset.get("PerFrameFunctionalGroupsSequence") or ()),
    ):
        for derivation in groups.get("DerivationImageSequence") or ():
            yield from _instances_in(derivation, "SourceImageSequence")
    yield from _instances_in(dataset, "SourceImageSequence")
    for structure in dataset.get("ROIContourSequence") or ():
        for contour in structure.get("ContourSequence") or ():
            yield from _instances_in(contour, "ContourImageSequence")
