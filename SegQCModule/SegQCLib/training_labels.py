"""One case as a label map to train on: which structure has which number, and whose work each label is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from SegQCLib.algorithm_type import AlgorithmType
from SegQCLib.case import Segment, Segmentation
from SegQCLib.errors import BadDataError
from SegQCLib.pairing import pair_segments
from SegQCLib.protocol import QCProtocol
from SegQCLib.words import UNFINISHED


class Assessment(StrEnum):
    """Whether a structure was looked for. Background that nobody looked at is no background to train on."""

    PRESENT = "present"
    ABSENT = "assessed, absent"
    NOT_ASSESSED = "not assessed"


@dataclass(frozen=True)
class LabelOrigin:
    """Whose work one label of one case is."""

    structure: str = field(metadata={"doc": "The protocol's name of the structure."})
    label: int = field(metadata={"doc": "Its number in the label maps."})
    assessment: Assessment = field(metadata={"doc": "present; assessed, absent; not assessed."})
    why: str | None = field(metadata={"doc": "Why it counts as not assessed."})
    voxels: int = field(metadata={"doc": "Voxels with this label."})
    segments: tuple[str, ...] = field(metadata={"doc": "Names of its segments."})
    statuses: tuple[str | None, ...] = field(
        metadata={"doc": "For each segment 3D Slicer's Segmentation.Status; null: its file does not say whether it is completed."}
    )
    algorithm_types: tuple[str | None, ...] = field(
        metadata={
            "doc": "For each segment Segment Algorithm Type (0062,0008): AUTOMATIC, nobody touched it; SEMIAUTOMATIC, a person"
            " edited it; MANUAL, a person drew it. null: its file does not say."
        }
    )
    algorithm_names: tuple[str | None, ...] = field(
        metadata={"doc": "For each segment Segment Algorithm Name (0062,0009): the draft's model."}
    )
    algorithm_versions: tuple[str | None, ...] = field(metadata={"doc": "For each segment Algorithm Version (0066,0031)."})
    untouched: bool = field(
        metadata={
            "doc": "Whether a segment of it is an algorithm's output that nobody changed: AUTOMATIC, or voxel for voxel its"
            " draft. A model trained on it learns its own errors."
        }
    )


@dataclass(frozen=True, eq=False)
class TrainingLabels:
    """The label map of one case.

    Attributes
    ----------
    array : ndarray of uint8 or uint16, shape (k, j, i)
        0 is background; structures are numbered from 1 in their order; one more than the last: ignore.
    origins : tuple of LabelOrigin
        One for each structure, in their order.
    ignores : bool
        Whether some voxels are to be ignored.
    """

    array: NDArray[np.unsignedinteger]
    origins: tuple[LabelOrigin, ...]
    ignores: bool


def training_labels(
    candidate: Segmentation,
    draft: Segmentation | None,
    protocol: QCProtocol,
    structures: Sequence[str],
    *,
    ignore_unassessed: bool = False,
    untouched_is_unassessed: bool = False,
) -> TrainingLabels:
    """Return the label map of a case.

    A structure is assessed if the candidate has a segment for it that is not marked as unfinished; an empty one is
    assessed and absent. Segments that are none of the structures are background.

    Parameters
    ----------
    candidate : Segmentation
        On the image's grid.
    draft : Segmentation or None
        What it started from, on the image's grid: a segment with the same voxels is untouched, whatever its file says.
    protocol : QCProtocol
        Says which segment is which structure.
    structures : sequence of str
        Names of the protocol's structures, in the order of their numbers.
    ignore_unassessed : bool
        Give every voxel that no assessed structure has the ignore label if a structure was not assessed: it could be
        that structure. False: raise.
    untouched_is_unassessed : bool
        Take an algorithm's untouched output as not assessed.

    Raises
    ------
    BadDataError
        If a structure was not assessed (see above) or two structures share voxels: nnU-Net has one label per voxel.
    """
    ignore = len(structures) + 1
    array = np.zeros(candidate.geometry.size, np.uint8 if ignore < 256 else np.uint16)
    unchanged = _unchanged(candidate, draft)
    found: dict[str, list[Segment]] = {name: [] for name in structures}
    for segment in candidate.segments:
        structure = protocol.structure_of(segment)
        if structure is not None and structure.name in found:
            found[structure.name].append(segment)
    origins = []
    for label, (name, segments) in enumerate(found.items(), start=1):
        untouched = any(_is_untouched(segment, candidate, unchanged) for segment in segments)
        why = _why_not_assessed(segments, untouched and untouched_is_unassessed)
        voxels = 0 if why else _paint(array, candidate, segments, label, structures)
        assessment = Assessment.NOT_ASSESSED if why else Assessment.PRESENT if voxels else Assessment.ABSENT
        origins.append(
            LabelOrigin(
                structure=name,
                label=label,
                assessment=assessment,
                why=why,
                voxels=voxels,
                segments=tuple(segment.name for segment in segments),
                statuses=tuple(segment.status for segment in segments),
                algorithm_types=tuple(segment.algorithm_type for segment in segments),
                algorithm_names=tuple(segment.algorithm_name for segment in segments),
                algorithm_versions=tuple(segment.algorithm_version for segment in segments),
                untouched=untouched,
            )
        )
    unassessed = [origin for origin in origins if origin.why]
    if unassessed and not ignore_unassessed:
        raise BadDataError(
            candidate.name,
            f"does not say whether {'; '.join(f'{origin.structure} ({origin.why})' for origin in unassessed)} is there.",
            "Background would be trained on where nobody looked: complete these segments (an empty one that is completed says"
            " absent), leave the structures out of the data set, or let the unknown voxels be ignored.",
        )
    if unassessed:
        array[array == 0] = ignore
    return TrainingLabels(array, tuple(origins), bool(unassessed))


def _paint(
    array: NDArray[np.unsignedinteger], candidate: Segmentation, segments: list[Segment], label: int, structures: Sequence[str]
) -> int:
    """Give the voxels of segments their label and return how many there are."""
    for segment in segments:
        box = candidate.box(segment)
        if box is None:
            continue
        mask, part = candidate.mask(segment, box), array[box]
        others = np.unique(part[mask])
        taken = [int(value) for value in others if value not in (0, label)]
        if taken:
            count = int(np.count_nonzero(mask & np.isin(part, taken)))
            names = ", ".join(structures[value - 1] for value in taken)
            raise BadDataError(
                candidate.name,
                f"has {count:,} voxels that are both {structures[label - 1]} and {names}.",
                "nnU-Net has one label for each voxel: correct the outlines (the check 'overlaps' finds such voxels), or put only"
                " one of these structures into the data set.",
            )
        part[mask] = label
    return int(np.count_nonzero(array == label))


def _why_not_assessed(segments: list[Segment], untouched: bool) -> str | None:
    if not segments:
        return "no segment"
    unfinished = [UNFINISHED[segment.status] for segment in segments if segment.status in UNFINISHED]
    if unfinished:
        return f"its segment is {unfinished[0]}"
    return "nobody touched the algorithm's output" if untouched else None


def _is_untouched(segment: Segment, candidate: Segmentation, unchanged: set[str]) -> bool:
    return candidate.box(segment) is not None and (segment.algorithm_type == AlgorithmType.AUTOMATIC or segment.id in unchanged)


def _unchanged(candidate: Segmentation, draft: Segmentation | None) -> set[str]:
    """Return the ids of segments that are voxel for voxel their draft's."""
    if draft is None:
        return set()
    return {
        pair.candidate.id
        for pair in pair_segments(draft, candidate)
        if pair.candidate is not None
        and pair.reference is not None
        and candidate.box(pair.candidate) is not None
        and candidate.box(pair.candidate) == draft.box(pair.reference)
        and np.array_equal(
            candidate.mask(pair.candidate, candidate.box(pair.candidate)), draft.mask(pair.reference, draft.box(pair.reference))
        )
    }
