"""Every reason why a DICOM SEG cannot be written, or would mislead, before anything is written."""

from __future__ import annotations

import importlib.util
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from SegQCLib.algorithm_type import ALGORITHM_TYPES
from SegQCLib.alignment import was_resampled
from SegQCLib.dicom.person_name import person_name
from SegQCLib.dicom.seg_description import is_identified, is_uid
from SegQCLib.dicom.seg_slices import positions_lps_mm, source_slices, stacked_grid
from SegQCLib.errors import BadDataError
from SegQCLib.export_remedies import COMMAND_LINE, Remedies
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM, same_grid
from SegQCLib.regular_grid import slice_displacement_mm
from SegQCLib.words import UNFINISHED, few

if TYPE_CHECKING:
    from SegQCLib.case import Segment, Segmentation, Volume
    from SegQCLib.dicom.source_images import SourceImages

CHECK_ID = "dicom_export"
# Segment Number (0062,0004) is a 16-bit number.
MOST_SEGMENTS = 65535
# Length of Pixel Data in an uncompressed object: 32 bits, even, and all ones means undefined.
MOST_BYTES = 2**32 - 2
_LONGEST_LO = 64
_LONGEST_LT = 10240


def image_export_faults(image: Volume) -> tuple[Finding, ...]:
    """Return why DICOM objects cannot refer to an image, or what they would not say about it."""
    where = image.source.path if image.source else "The image"
    if not image.slice_sources:
        return (_cannot(f"{where} is not a DICOM series. A DICOM SEG refers to DICOM images: give the folder of the series."),)
    duplicates = image.acquisition.duplicate_positions_mm
    if duplicates:
        shown = ", ".join(f"{position:g}" for position in duplicates[:5])
        return (
            _misleads(
                f"The series has more than one image at {len(duplicates)} slice positions ({shown} mm along the normal); the"
                " segmentation refers to the first of each only."
            ),
        )
    return ()


def seg_export_faults(
    candidate: Segmentation,
    images: SourceImages,
    *,
    reader: str | None,
    representation: Literal["BINARY", "LABELMAP"] = "BINARY",
    unclear: Collection[str] = (),
    remedies: Remedies = COMMAND_LINE,
) -> tuple[Finding, ...]:
    """Return everything that speaks against writing a segmentation as DICOM SEG.

    FAIL: it cannot be written. WARN: it can, but would say less than, or something else than, people may think.

    Parameters
    ----------
    candidate : Segmentation
        On the image's grid.
    images : SourceImages
    reader : str or None
        Who answers for it, as typed.
    representation : {"BINARY", "LABELMAP"}
    unclear : collection of str
        Names of segments that have no algorithm type because sources contradict each other: that need not be said again.
    remedies : Remedies
    """
    settled = tuple(segment for segment in candidate.segments if segment.name not in unclear)
    return (
        *_program_faults(),
        *_image_faults(images),
        *_grid_faults(candidate, images),
        *_segment_faults(candidate, images, remedies),
        *_algorithm_faults(settled, remedies),
        *_reader_faults(settled, reader, remedies),
        *(_overlap_faults(candidate) if representation == "LABELMAP" else ()),
    )


def refuse_faults(faults: Iterable[Finding], candidate: Segmentation) -> None:
    """Raise BadDataError with all faults that stop the export, if there are any."""
    stopping = [fault.message for fault in faults if fault.status is Status.FAIL]
    if stopping:
        listed = "\n".join(f"  - {message}" for message in stopping)
        where = candidate.source.path if candidate.source else candidate.name
        raise BadDataError(where, f"cannot be written as DICOM SEG:\n{listed}\n", "Nothing was written.")


def overlapping_pairs(candidate: Segmentation, *, first_only: bool = False) -> list[tuple[Segment, Segment]]:
    """Return the pairs of segments that share a voxel, in the order of the segments; `first_only`: one pair at most."""
    order = {segment.id: number for number, segment in enumerate(candidate.segments)}
    by_value: dict[tuple[int, int], list[Segment]] = {}
    for segment in candidate.segments:
        if candidate.box(segment) is not None:
            by_value.setdefault((segment.layer, segment.label_value), []).append(segment)
    # Two segments of one label value have the same voxels.
    pairs = {(same[a], same[b]) for same in by_value.values() for a in range(len(same)) for b in range(a + 1, len(same))}
    for a in range(len(candidate.layers)):
        for b in range(a + 1, len(candidate.layers)):
            for k in range(candidate.geometry.size[0]):
                if first_only and pairs:
                    break
                for value_a, value_b in _values_in_one_place(candidate.layers[a][k], candidate.layers[b][k]):
                    pairs.update((one, other) for one in by_value.get((a, value_a), ()) for other in by_value.get((b, value_b), ()))
    ordered = (tuple(sorted(pair, key=lambda segment: order[segment.id])) for pair in pairs)
    return sorted(ordered, key=lambda pair: (order[pair[0].id], order[pair[1].id]))


def _values_in_one_place(first: NDArray[np.integer], second: NDArray[np.integer]) -> list[tuple[int, int]]:
    """Return the pairs of values, both not 0, that two planes have at one place."""
    both = (first != 0) & (second != 0)
    if not both.any():
        return []
    others, number = np.unique(second[both], return_inverse=True)
    # One whole number for a pair: sorting pairs as such takes a hundred times as long.
    keys = np.unique(first[both].astype(np.int64) * len(others) + number)
    return [(int(key // len(others)), int(others[key % len(others)])) for key in keys]


def _cannot(message: str, segment: str | None = None) -> Finding:
    return Finding(CHECK_ID, Status.FAIL, message, segment=segment)


def _misleads(message: str, segment: str | None = None) -> Finding:
    return Finding(CHECK_ID, Status.WARN, message, segment=segment)


def _program_faults() -> Iterator[Finding]:
    if importlib.util.find_spec("highdicom") is None:
        yield _cannot(
            "highdicom, which writes the object, is not installed here. Install it with: pip install 'segqc[dicom]' (3D Slicer"
            " 5.12 and later bring it)."
        )


def _image_faults(images: SourceImages) -> Iterator[Finding]:
    give = "give the images with UIDs, or de-identify them again with UIDs replaced, not removed"
    for keyword, tag, what in (
        ("PatientID", "(0010,0020)", "patients"),
        ("StudyInstanceUID", "(0020,000D)", "studies"),
        ("SeriesInstanceUID", "(0020,000E)", "series"),
        ("FrameOfReferenceUID", "(0020,0052)", "frames of reference"),
    ):
        values = sorted({str(header.get(keyword) or "") for header in images.headers})
        if len(values) > 1:
            yield _cannot(
                f"The images belong to different {what}: {keyword} {tag} has {len(values)} values ({', '.join(values[:3])})."
                " A segmentation refers to one: give one series."
            )
        elif values == [""] and keyword == "FrameOfReferenceUID":
            yield _misleads(
                f"{keyword} {tag} is empty or missing in the images, as in some old and some de-identified series. The SEG gets one"
                " of its own; that it fits these images is known from its references to them alone."
            )
        elif values == [""] and keyword != "PatientID":
            yield _cannot(
                f"{keyword} {tag} is empty or missing in the images, as some de-identification tools leave it, and a segmentation"
                f" would refer to nothing: {give}."
            )
    for keyword, tag in (("SOPInstanceUID", "(0008,0018)"), ("SOPClassUID", "(0008,0016)")):
        without = sum(not header.get(keyword) for header in images.headers)
        if without:
            yield _cannot(
                f"{without} of {len(images.headers)} images have no {keyword} {tag}, so nothing can refer to them: {give}."
            )
    uids = Counter(str(header.get("SOPInstanceUID") or "") for header in images.headers)
    repeated = sum(count > 1 for uid, count in uids.items() if uid)
    if repeated:
        yield _cannot(
            f"{repeated} of the SOP Instance UIDs (0008,0018) belong to more than one image of the series, so nobody could say"
            " which one is meant: export the series again from its archive."
        )


def _grid_faults(candidate: Segmentation, images: SourceImages) -> Iterator[Finding]:
    try:
        slices = source_slices(images)
    except BadDataError as error:
        yield _cannot(str(error))
        return
    stack = stacked_grid(slices)
    displacement_mm = slice_displacement_mm(stack, positions_lps_mm(slices))
    irregular = displacement_mm > SAME_GRID_TOLERANCE_MM
    if not same_grid(candidate.geometry, stack):
        why = (
            f"the series is irregular (gantry tilt, missing or unevenly spaced slices: up to {displacement_mm:.2f} mm off a"
            " regular grid), and the segmentation was resampled to a regular one. Give the segmentation as it was drawn, on the"
            " series' own slices"
            if irregular
            else f"the segmentation is on a grid of {_size(candidate.geometry.size)}, the images form one of {_size(stack.size)}"
            " or lie elsewhere. Bring it onto the image's grid first"
        )
        yield _cannot(f"Frames of a DICOM SEG lie on slices of its images, but {why}.")
    elif irregular:
        if candidate.stored is not None and was_resampled(candidate):
            yield _cannot(
                f"The series is irregular (up to {displacement_mm:.2f} mm off a regular grid), and the segmentation was resampled"
                " to it from another grid, so that nobody knows which slice a voxel was drawn on. Give the segmentation as it was"
                " drawn, on the series' own slices."
            )
        else:
            yield _misleads(
                f"Slices lie up to {displacement_mm:.2f} mm off a regular grid (gantry tilt, missing or unevenly spaced slices)."
                " Every frame is written with its own slice's position; programs that stack frames evenly show them displaced."
            )
    elif candidate.stored is not None and was_resampled(candidate):
        yield _misleads(
            "The segmentation was drawn on another grid and resampled to the image's nearest voxels: its surface may have moved"
            " by up to half a voxel."
        )
    voxels = stack.size[1] * stack.size[2]
    boxes = [box for box in map(candidate.box, candidate.segments) if box is not None]
    if sum(box[0].stop - box[0].start for box in boxes) * voxels / 8 > MOST_BYTES:
        yield _cannot(
            "The segments need more than the 4 GB that one object can hold. Export fewer segments at a time, or as a label map."
        )


def _segment_faults(candidate: Segmentation, images: SourceImages, remedies: Remedies) -> Iterator[Finding]:
    segments = candidate.segments
    if not segments:
        yield _cannot("The segmentation has no segment. Name the structures that were looked for, even if they are absent.")
        return
    if len(segments) > MOST_SEGMENTS:
        yield _cannot(f"The segmentation has {len(segments)} segments; one object holds up to {MOST_SEGMENTS}.")
    uncoded = [segment.name for segment in segments if segment.terminology is None]
    if uncoded:
        yield _cannot(
            f"{_named(uncoded)} no codes. DICOM wants to know what a segment is: Segmented Property Category Code Sequence"
            f" (0062,0003) and Type (0062,000F), and a name is no code. {remedies.codes}"
        )
    nameless = sum(not segment.name.strip() for segment in segments)
    if nameless:
        yield _cannot(f"{nameless} of the segments have no name, and Segment Label (0062,0005) is required. Name them.")
    for segment in segments:
        yield from _text_faults(segment)
    yield from _unfinished_faults(candidate)
    repeated = [name for name, count in Counter(segment.name for segment in segments).items() if count > 1]
    if repeated:
        yield _misleads(
            f"More than one segment is called {', '.join(repeated)}: people and programs that go by Segment Label (0062,0005)"
            " cannot tell them apart. Number them."
        )
    for segment in segments:
        if segment.tracking_uid and not is_uid(segment.tracking_uid):
            yield _misleads(
                f"The Tracking UID (0062,0021) of {segment.name} is no UID ({segment.tracking_uid}), so another one is written.",
                segment.name,
            )
    tracked = Counter(segment.tracking_uid for segment in segments if segment.tracking_uid)
    for uid in (uid for uid, count in tracked.items() if count > 1):
        names = ", ".join(segment.name for segment in segments if segment.tracking_uid == uid)
        yield _misleads(f"{names} have the same Tracking UID (0062,0021), which says that they are one and the same lesion.")
    if all(candidate.box(segment) is None for segment in segments):
        yield _misleads(
            "No segment has a voxel. The object describes the segments and holds one empty frame: read it as assessed, absent."
        )
    if not _is_known_modality(images):
        yield _misleads("The images do not say what modality they are: Modality (0008,0060) is empty.")


def _unfinished_faults(candidate: Segmentation) -> Iterator[Finding]:
    for status, word in UNFINISHED.items():
        marked = [segment for segment in candidate.segments if segment.status == status]
        empty = [segment.name for segment in marked if candidate.box(segment) is None]
        if empty:
            yield _misleads(
                f"Without voxels and marked as {word}: {few(empty)}. Who reads the DICOM SEG takes that for assessed and absent."
                " Mark as completed what was looked for, and remove the rest."
            )
    flagged = [segment.name for segment in candidate.segments if segment.status == "flagged"]
    if flagged:
        yield _misleads(f"Flagged for review: {few(flagged)}. DICOM SEG cannot say that; it passes for the reader's finished work.")


def _is_known_modality(images: SourceImages) -> bool:
    return bool(images.headers[0].get("Modality"))


def _text_faults(segment: Segment) -> Iterator[Finding]:
    for what, text, longest in (
        ("Segment Label (0062,0005)", segment.name, _LONGEST_LO),
        ("Segment Algorithm Name (0062,0009)", segment.algorithm_name, _LONGEST_LO),
        ("Algorithm Version (0066,0031)", segment.algorithm_version, _LONGEST_LO),
        ("Algorithm Parameters (0066,0032)", segment.algorithm_parameters, _LONGEST_LT),
    ):
        if text is None:
            continue
        if len(text) > longest:
            yield _cannot(
                f"{what} of segment {segment.name} has {len(text)} characters; DICOM allows {longest}. Shorten it.", segment.name
            )
        wrong = {letter for letter in text if unicodedata.category(letter) == "Cc" or (letter == "\\" and longest == _LONGEST_LO)}
        if wrong and longest == _LONGEST_LO:
            shown = " ".join(sorted(map(repr, wrong)))
            yield _cannot(f"{what} of segment {segment.name} holds {shown}, which DICOM does not allow there.", segment.name)
    meaning = segment.terminology
    codes = () if meaning is None else (meaning.category, meaning.type, meaning.modifier, meaning.region, meaning.region_modifier)
    for code in codes:
        if code is None:
            continue
        if not (code.value and code.scheme and code.meaning) or len(code.meaning) > _LONGEST_LO or len(code.scheme) > 16:
            yield _cannot(
                f"The code {code.scheme}^{code.value}^{code.meaning} of segment {segment.name} is not complete or too long: value,"
                " scheme (up to 16 characters) and meaning (up to 64) are needed.",
                segment.name,
            )


def _algorithm_faults(segments: tuple[Segment, ...], remedies: Remedies) -> Iterator[Finding]:
    unknown = [segment.name for segment in segments if segment.algorithm_type not in ALGORITHM_TYPES]
    if unknown:
        yield _cannot(
            f"Nobody knows who or what drew {few(unknown)}: Segment Algorithm Type (0062,0008) would be a guess. {remedies.origin}"
        )
    by_program = [segment for segment in segments if segment.algorithm_type in ("AUTOMATIC", "SEMIAUTOMATIC")]
    nameless = [segment.name for segment in by_program if not (segment.algorithm_name or "").strip()]
    if nameless:
        yield _cannot(
            f"The algorithm that drew {few(nameless)} has no name, and Segment Algorithm Name (0062,0009) is required"
            f" where a segment is not drawn by hand. {remedies.algorithm_name}"
        )
    half_known = [segment.name for segment in by_program if segment.algorithm_name and not is_identified(segment)]
    if half_known:
        yield _misleads(
            f"Family or version of the algorithm that drew {few(half_known)} is not known: Segmentation Algorithm"
            f" Identification Sequence (0062,0007) is left out and only the name is written. {remedies.algorithm_version}"
        )


def _reader_faults(segments: tuple[Segment, ...], reader: str | None, remedies: Remedies) -> Iterator[Finding]:
    if reader is not None:
        try:
            person_name(reader)
        except ValueError as error:
            yield _cannot(f"The reader cannot be named in Content Creator's Name (0070,0084): {error}.")
        return
    drawn = [segment.name for segment in segments if segment.algorithm_type in ("SEMIAUTOMATIC", "MANUAL")]
    if drawn:
        yield _misleads(
            f"A person drew or corrected {few(drawn)}, and no reader is named: Content Creator's Name (0070,0084) stays"
            f" empty. {remedies.reader}"
        )


def _overlap_faults(candidate: Segmentation) -> Iterator[Finding]:
    pairs = overlapping_pairs(candidate)
    if pairs:
        shown = "; ".join(f"{one.name} and {other.name}" for one, other in pairs[:5]) + ("; ..." if len(pairs) > 5 else "")
        yield _cannot(f"A label map has one segment per voxel, but segments overlap: {shown}. Write it as BINARY.")


def _named(names: list[str]) -> str:
    return f"{few(names)} {'has' if len(names) == 1 else 'have'}"


def _size(size: tuple[int, int, int]) -> str:
    return " x ".join(map(str, size)) + " (k, j, i)"
