"""What a DICOM RT Structure Set says: its structures, their contours in patient space, and what they were drawn on."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.algorithm_type import ALGORITHM_TYPES
from SegQCLib.case import Code, Segment, Terminology
from SegQCLib.dicom.counted_reading import CountedBytes, require_few_items
from SegQCLib.dicom.dicom_header import DEFLATED, EXPLICIT_BIG
from SegQCLib.dicom.encoded_elements import Element, Encoding, elements
from SegQCLib.dicom.object_kind import transfer_syntax
from SegQCLib.errors import BadDataError
from SegQCLib.importers.dicom_segment import code_from_item, code_of, first_item, text_of
from SegQCLib.importers.label_image import MOST_LABELS
from SegQCLib.importers.roi_contours import ROI_CONTOURS, EncodedContour, RoiContours, roi_contours

if TYPE_CHECKING:
    from pydicom import Dataset

RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
_AGAIN = "Export the structure set again."
# PS3.3 C.8.8.6.1 has CLOSEDPLANAR_XOR; the third spelling is met in files and means the same.
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR")
# Nobody is 10 m away from the origin of a scanner's coordinates.
_FARTHEST_MM = 1e4
_LEAST_POINTS = 3

_LONGEST_META = 2**18
# Coordinates as text deflate to a tenth, contours that repeat from slice to slice to a thirtieth.
_MOST_EXPANDED = 100
_LONGEST_INFLATED = 2**30
_UNDEFINED_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True, eq=False)
class Contours:
    """The closed contours of one structure.

    Attributes
    ----------
    points_lps_mm : ndarray, shape (n, 3)
        Contour Data (3006,0050) of one contour after the other.
    lengths : ndarray of int, shape (contours,)
        Points of each, three or more.
    """

    points_lps_mm: NDArray[np.float64]
    lengths: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Return where each contour begins among the points."""
        return np.cumsum(self.lengths) - self.lengths

    def only(self, contours: NDArray[np.bool_]) -> Contours:
        """Return some of the contours, shape (contours,)."""
        return Contours(self.points_lps_mm[np.repeat(contours, self.lengths)], self.lengths[contours])


@dataclass(frozen=True, eq=False)
class Structure:
    """A region of interest (ROI) as the file describes it.

    Attributes
    ----------
    segment : Segment
        Without voxels: name, colour, codes and algorithm; `label_value` counts the structures from 1.
    number : int
        ROI Number (3006,0022).
    interpreted_type : str or None
        RT ROI Interpreted Type (3006,00A4), for example ORGAN, GTV, EXTERNAL, MARKER.
    frame_of_reference_uid : str or None
        Referenced Frame of Reference UID (3006,0024).
    contours : Contours
        Those that are closed and enclose something.
    others : Counter of str
        How many contours it has of each Contour Geometric Type (3006,0042) that encloses nothing: POINT, OPEN_PLANAR ...
    short, repeated, miscounted : int
        Closed contours with fewer than three points and copies of an earlier contour, both left out; contours whose Number of
        Contour Points (3006,0046) is not the number of points in Contour Data, which are used as the data say.
    fault : str or None
        Why its contours cannot be used at all, to follow its name.
    """

    segment: Segment
    number: int
    interpreted_type: str | None
    frame_of_reference_uid: str | None
    contours: Contours
    others: Counter[str]
    short: int
    repeated: int
    miscounted: int
    fault: str | None

    @property
    def is_volume(self) -> bool:
        """Return whether it encloses something, or is empty: assessed, absent."""
        return len(self.contours.lengths) > 0 or not (self.others or self.short)

    @property
    def others_in_words(self) -> str:
        """Return which contours it has that enclose nothing, for a sentence."""
        kinds = [f"{count} x {kind}" for kind, count in sorted(self.others.items())]
        return ", ".join([*kinds, *([f"{self.short} x closed contour with fewer than three points"] if self.short else [])])


@dataclass(frozen=True, eq=False)
class StructureSet:
    """An RT Structure Set.

    Attributes
    ----------
    structures : tuple of Structure
        In the order of Structure Set ROI Sequence (3006,0020), one or more.
    series_uids : tuple of str
        Series Instance UID (0020,000E) of RT Referenced Series Sequence (3006,0014).
    undescribed : tuple of int
        Numbers of ROIs that have contours and are not in Structure Set ROI Sequence.
    """

    structures: tuple[Structure, ...]
    series_uids: tuple[str, ...]
    undescribed: tuple[int, ...]

    def frame_of_reference_uid(self, expected: str | None) -> str | None:
        """Return the frame of reference of its structures: `expected` if any is in it, else that of the first that has one."""
        frames = [one.frame_of_reference_uid for one in self.structures if one.frame_of_reference_uid is not None]
        return expected if expected in frames else next(iter(frames), None)


def read_structure_set(path: Path) -> StructureSet:
    """Return what a DICOM RT Structure Set says.

    Raises
    ------
    BadDataError
        If it is cut short, describes no ROI or has no ROI Contour Sequence (3006,0039), or ROI Numbers (3006,0022) are missing
        or not unique.

    References
    ----------
    DICOM PS3.3 C.8.8.5 (Structure Set), C.8.8.6 (ROI Contour), C.8.8.8 (RT ROI Observations).
    """
    dataset, contoured = _read(path)
    _require_whole(dataset, path)
    items = dataset.get("StructureSetROISequence") or []
    if not items:
        raise BadDataError(path, "describes no structure: Structure Set ROI Sequence (3006,0020) is empty or missing.", _AGAIN)
    if len(items) > MOST_LABELS:
        raise BadDataError(path, f"describes {len(items):,} structures; read are up to {MOST_LABELS:,}.", _AGAIN)
    if contoured is None:
        # Required even where nothing was drawn. Without it every structure would look assessed and absent.
        raise BadDataError(path, "has no contours: ROI Contour Sequence (3006,0039) is missing.", _AGAIN)
    numbers = [_integer(item.get("ROINumber")) for item in items]
    if None in numbers or len(set(numbers)) != len(numbers):
        raise BadDataError(path, f"has ROI Numbers (3006,0022) that are missing or not unique: {numbers}.", _AGAIN)
    observations = {_integer(item.get("ReferencedROINumber")): item for item in dataset.get("RTROIObservationsSequence") or []}
    drawn: dict[int, list[EncodedContour]] = defaultdict(list)
    colors: dict[int, bytes] = {}
    for item in contoured:
        if item.number:
            number = int(item.number)
            drawn[number] += item.contours
            colors.setdefault(number, item.color)
        elif item.contours:
            raise BadDataError(path, "has contours of no structure: Referenced ROI Number (3006,0084) is missing.", _AGAIN)
    return StructureSet(
        structures=tuple(
            _structure(item, order, observations.get(number), colors.get(number, b""), drawn[number])
            for order, (item, number) in enumerate(zip(items, numbers, strict=True), start=1)
        ),
        series_uids=tuple(dict.fromkeys(_series_uids(dataset))),
        undescribed=tuple(sorted(n for n, contours in drawn.items() if contours and n not in numbers)),
    )


def _read(path: Path) -> tuple[Dataset, list[RoiContours] | None]:
    """Return the items of ROI Contour Sequence (3006,0039), None where there is none, and all other attributes."""
    import pydicom

    encoded, encoding = _data_set(path)
    at, sequence = 0, None
    for element in elements(encoded, 0, len(encoded), encoding):
        if element.tag >= ROI_CONTOURS:
            sequence = element if element.tag == ROI_CONTOURS else None
            break
        at = element.last + _delimiter(encoded, element)
    if sequence is not None:
        contoured = roi_contours(encoded, sequence, encoding)
        encoded = encoded[:at] + encoded[sequence.last + _delimiter(encoded, sequence) :]
    require_few_items(encoded)
    dataset = pydicom.filereader.read_dataset(CountedBytes(encoded), encoding.implicit_vr, encoding.byte_order == "<")
    return dataset, None if sequence is None else contoured


def _delimiter(encoded: bytes, element: Element) -> int:
    """Return the bytes of the delimiter that follows a value of undefined length, 0 where the length is given."""
    return 8 if encoded[element.first - 4 : element.first] == b"\xff" * 4 else 0


def _data_set(path: Path) -> tuple[bytes, Encoding]:
    """Return the encoded data set, inflated where it is deflated."""
    content = path.read_bytes()
    syntax, begin = transfer_syntax(content)
    encoded = _inflated(path, content[begin:]) if syntax == DEFLATED else content[begin:]
    # Some files are written in another way than they say. No length of an element of implicit VR looks like two letters here.
    explicit = encoded[4:6].isalpha() and encoded[4:6].isupper()
    return encoded, Encoding(not explicit, ">" if syntax == EXPLICIT_BIG else "<")


def _inflated(path: Path, deflated: bytes) -> bytes:
    most = min(_MOST_EXPANDED * len(deflated) + _LONGEST_META, _LONGEST_INFLATED)
    try:
        plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(deflated, most)
    except zlib.error as error:
        raise ValueError(f"the deflated data set cannot be inflated: {error}") from error
    if len(plain) == most:
        raise BadDataError(
            path,
            f"inflates to more than {_MOST_EXPANDED} times its size, or a gigabyte, which contours do not.",
            "It is damaged, or made to fill a computer's memory; export it again.",
        )
    return plain


def _require_whole(dataset: Dataset, path: Path) -> None:
    # pydicom returns what there is of an element that the file ends in, and contours that are missing would not be noticed.
    for tag in dataset.keys():  # noqa: SIM118 - iterating over the data set itself converts every element
        element = dataset.get_item(tag)
        length, value = getattr(element, "length", _UNDEFINED_LENGTH), element.value
        if length != _UNDEFINED_LENGTH and isinstance(value, bytes) and len(value) < length:
            raise BadDataError(
                path, f"is cut short in element {element.tag}: {len(value):,} of its {length:,} bytes are there.", "Copy it again."
            )


def _structure(item: Dataset, order: int, observation: Dataset | None, color: bytes, contours: list[EncodedContour]) -> Structure:
    number = int(item.ROINumber)
    closed, others = [], Counter()
    for contour in contours:
        kind = contour.kind.decode("ascii", "replace")
        if kind in _CLOSED:
            closed.append(contour)
        else:
            others[kind or "no Contour Geometric Type (3006,0042)"] += 1
    read = _read_contours(closed)
    return Structure(
        segment=_segment(item, order, observation, color),
        number=number,
        interpreted_type=text_of(observation, "RTROIInterpretedType"),
        frame_of_reference_uid=text_of(item, "ReferencedFrameOfReferenceUID"),
        others=others,
        **read,
    )


def _read_contours(closed: list[EncodedContour]) -> dict[str, object]:
    """Return the fields of a structure that are made of its closed contours."""
    texts = [contour.data for contour in closed]
    counts = np.array([text.count(b"\\") + 1 if text else 0 for text in texts], np.int64)
    promised = [_integer_text(contour.points) for contour in closed]
    faulty = {"contours": Contours(np.empty((0, 3)), np.empty(0, np.int64)), "short": 0, "repeated": 0, "miscounted": 0}
    if np.any(counts % 3):
        which = int(np.flatnonzero(counts % 3)[0])
        place = f"its contour {which + 1} of {len(closed)}"
        fault = f"has {counts[which]} numbers in Contour Data (3006,0050) of {place}, not three for each point"
        return {**faulty, "fault": fault}
    try:
        values = np.array(b"\\".join(text for text in texts if text).split(b"\\") if counts.any() else [], np.float64)
    except ValueError as error:
        return {**faulty, "fault": f"has something in Contour Data (3006,0050) that is no number ({error})"}
    if not np.all(np.abs(values) <= _FARTHEST_MM):
        wrong = values[~(np.abs(values) <= _FARTHEST_MM)][0]
        return {**faulty, "fault": f"has a contour with a point at {wrong:g} mm, which is no position in a patient"}
    lengths = counts // 3
    contours = Contours(values.reshape(-1, 3), lengths)
    long = lengths >= _LEAST_POINTS
    first = _first_of_its_kind(texts)
    return {
        "contours": contours.only(long & first),
        "short": int(np.count_nonzero(~long)),
        "repeated": int(np.count_nonzero(long & ~first)),
        "miscounted": sum(points is not None and points != length for points, length in zip(promised, lengths, strict=True)),
        "fault": None,
    }


def _first_of_its_kind(texts: Iterable[bytes]) -> NDArray[np.bool_]:
    # By the even-odd rule a contour that was exported twice would be nothing at all.
    seen: set[bytes] = set()
    return np.array([not (text in seen or seen.add(text)) for text in texts], bool)


def _segment(item: Dataset, order: int, observation: Dataset | None, color: bytes) -> Segment:
    number, algorithm_type = int(item.ROINumber), text_of(item, "ROIGenerationAlgorithm")
    algorithm = first_item(item, "ROIDerivationAlgorithmIdentificationSequence")
    return Segment(
        id=f"roi_{number}",
        name=text_of(item, "ROIName") or f"ROI {number}",
        label_value=order,
        terminology=_terminology(observation),
        color=_color(color),
        algorithm_type=algorithm_type if algorithm_type in ALGORITHM_TYPES else None,
        algorithm_name=text_of(algorithm, "AlgorithmName") or text_of(item, "ROIGenerationDescription"),
        algorithm_version=text_of(algorithm, "AlgorithmVersion"),
        algorithm_parameters=text_of(algorithm, "AlgorithmParameters"),
        algorithm_family=code_of(algorithm, "AlgorithmFamilyCodeSequence"),
    )


def _terminology(observation: Dataset | None) -> Terminology | None:
    """Return the codes of an observation; without a category only an organ's is known: an anatomical structure."""
    kind = first_item(observation, "RTROIIdentificationCodeSequence")
    code = code_from_item(kind)
    if code is None:
        return None
    category = code_of(observation, "SegmentedPropertyCategoryCodeSequence")
    if category is None and text_of(observation, "RTROIInterpretedType") == "ORGAN":
        category = Code("123037004", "SCT", "Anatomical Structure")
    if category is None:
        return None
    return Terminology(category, code, code_of(kind, "SegmentedPropertyTypeModifierCodeSequence"))


def _color(text: bytes) -> tuple[float, float, float] | None:
    parts = [_integer_text(part) for part in text.split(b"\\")]
    return None if len(parts) != 3 or None in parts else tuple(min(max(part, 0), 255) / 255 for part in parts)


def _series_uids(dataset: Dataset) -> Iterable[str]:
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or []:
        for study in frame.get("RTReferencedStudySequence") or []:
            for series in study.get("RTReferencedSeriesSequence") or []:
                uid = text_of(series, "SeriesInstanceUID")
                if uid is not None:
                    yield uid


def _integer_text(text: bytes) -> int | None:
    try:
        return int(text.strip(b" \0"))
    except ValueError:
        return None


def _integer(value: object) -> int | None:
    return None if value is None or value == "" else int(value)
