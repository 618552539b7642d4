"""What an import would make of each segment: which structure of the protocol it is, by what it was recognised, and its codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from SegQCLib.case import Segment, Segmentation, Terminology
from SegQCLib.protocol import QCProtocol, Structure, plain_name


class RecognisedBy(StrEnum):
    """Where a segment's structure comes from."""

    CODES = "codes"
    NAME = "name"
    ALIAS = "alias"
    READER = "reader"
    NOTHING = "unknown"


@dataclass(frozen=True)
class PreviewRow:
    """One segment before it is imported.

    Attributes
    ----------
    segment_id : str
    label_value : int
    name : str
        As its file has it.
    structure : str or None
        The structure of the protocol; None: the protocol does not know it, or there is no protocol.
    terminology : Terminology or None
        The codes that the imported segment will have: the file's own, else the structure's.
    recognised_by : RecognisedBy
    is_empty : bool
        Whether the draft has no voxel of it: looked for, not found.
    """

    segment_id: str
    label_value: int
    name: str
    structure: str | None
    terminology: Terminology | None
    recognised_by: RecognisedBy
    is_empty: bool = False

    @property
    def is_unknown(self) -> bool:
        return self.recognised_by is RecognisedBy.NOTHING


def preview(segmentation: Segmentation, protocol: QCProtocol | None) -> tuple[PreviewRow, ...]:
    """Return a row for each segment, in their order."""
    return tuple(_row(segment, segmentation.box(segment) is None, protocol) for segment in segmentation.segments)


def _row(segment: Segment, is_empty: bool, protocol: QCProtocol | None) -> PreviewRow:
    structure = None if protocol is None else protocol.structure_of(segment)
    return PreviewRow(
        segment_id=segment.id,
        label_value=segment.label_value,
        name=segment.name,
        structure=structure and structure.name,
        terminology=segment.terminology or (structure and structure.terminology),
        recognised_by=_recognised_by(segment, structure),
        is_empty=is_empty,
    )


def _recognised_by(segment: Segment, structure: Structure | None) -> RecognisedBy:
    if structure is None:
        return RecognisedBy.NOTHING
    if segment.terminology is not None and structure.terminology.same_structure(segment.terminology):
        return RecognisedBy.CODES
    own_name, name = plain_name(structure.name), plain_name(segment.name)
    # 'Lesion 2' has the name of a structure that may have many segments.
    return RecognisedBy.NAME if own_name in (name, name.rstrip("#0123456789 ")) else RecognisedBy.ALIAS


def with_structure(row: PreviewRow, structure: Structure | None) -> PreviewRow:
    """Return a row as the reader corrects it: another structure of the protocol, or none."""
    return replace(
        row,
        structure=structure and structure.name,
        terminology=structure and structure.terminology,
        recognised_by=RecognisedBy.READER,
    )


def as_previewed(segmentation: Segmentation, rows: tuple[PreviewRow, ...], protocol: QCProtocol | None) -> Segmentation:
    """Return the segmentation with the codes of its preview; names too where the reader chose a structure.

    A name stays as the file has it where the reader chose nothing, or a structure that may have many segments.

    Raises
    ------
    ValueError
        If the rows are not those of the segmentation.
    """
    if [row.segment_id for row in rows] != [segment.id for segment in segmentation.segments]:
        raise ValueError("as_previewed needs the rows that `preview` returned for this segmentation.")
    structures = {} if protocol is None else {structure.name: structure for structure in protocol.structures}
    segments = []
    for segment, row in zip(segmentation.segments, rows, strict=True):
        structure = structures.get(row.structure)
        chosen = row.recognised_by is RecognisedBy.READER and structure is not None and not structure.many
        segments.append(replace(segment, terminology=row.terminology, name=structure.name if chosen else segment.name))
    return replace(segmentation, segments=tuple(segments))


def structures_named_twice(rows: tuple[PreviewRow, ...], protocol: QCProtocol) -> tuple[str, ...]:
    """Return the structures that several segments would be, although the protocol allows one, in the protocol's order."""
    names = [row.structure for row in rows]
    return tuple(structure.name for structure in protocol.structures if not structure.many and names.count(structure.name) > 1)


def terminology_words(terminology: Terminology | None) -> str:
    """Return codes in words: 'Kidney, Right', 'Lymph node of Neck'; empty for none."""
    if terminology is None:
        return ""
    words = terminology.type.meaning
    if terminology.modifier is not None:
        words += f", {terminology.modifier.meaning}"
    if terminology.region is not None:
        words += f", in {terminology.region.meaning}"
        if terminology.region_modifier is not None:
            words += f", {terminology.region_modifier.meaning}"
    return words
