"""Which reads of a case are outliers, where readers read it again, or with an AI result in sight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from SegQCLib.agreement.outlier_readers import OutlierReader, outlier_readers
from SegQCLib.agreement.readers_of_case import ReadersOfCase

RULE = (
    "A read is held against the first reads of other readers under the same condition only, so that neither one reader's repeats"
    " nor an AI result that several saw outvotes the others. It takes three readers."
)


@dataclass(frozen=True)
class ReadOfReader:
    """Who made a read of the case, when again, and whether an AI result was in sight."""

    reader: str
    repeat: int
    ai_anchored: bool


def outlier_reads(
    case: ReadersOfCase, reads: Sequence[ReadOfReader], dice: Sequence[Mapping[tuple[int, int], float | None]]
) -> dict[tuple[int, str], str]:
    """Return what was found on outliers, by the number of the read and the name of the structure.

    Parameters
    ----------
    case : ReadersOfCase
        Its "readers" are the reads.
    reads : sequence of ReadOfReader
        In the order of the case.
    dice : sequence of mapping of (read, read) to float or None
        For each structure, by the numbers of two reads, first < second; see `outlier_readers.outlier_readers`.
    """
    firsts: dict[tuple[str, bool], int] = {}
    for number in sorted(range(len(reads)), key=lambda number: reads[number].repeat):
        firsts.setdefault((reads[number].reader, reads[number].ai_anchored), number)
    found: dict[tuple[int, str], str] = {}
    for anchored in (False, True):
        together = sorted(number for (_, seen), number in firsts.items() if seen == anchored)
        _note(found, case, dice, together, together)
        for number, read in enumerate(reads):
            if read.ai_anchored == anchored and number not in together:
                others = [first for first in together if reads[first].reader != read.reader]
                _note(found, case, dice, sorted([*others, number]), [number])
    return found


def _note(
    found: dict[tuple[int, str], str],
    case: ReadersOfCase,
    dice: Sequence[Mapping[tuple[int, int], float | None]],
    together: Sequence[int],
    asked: Sequence[int],
) -> None:
    """Add the outliers among the reads asked for, held against all of those together."""
    if len(together) < 3:
        return
    number_of = {case.names[number]: number for number in together}
    for outlier in _among(case, dice, together):
        if number_of[outlier.reader] in asked:
            for entry in outlier.structures:
                found[number_of[outlier.reader], entry.structure] = f"{outlier.kind}: {outlier.evidence}"


def _among(
    case: ReadersOfCase, dice: Sequence[Mapping[tuple[int, int], float | None]], together: Sequence[int]
) -> tuple[OutlierReader, ...]:
    part = replace(
        case,
        readers=tuple(case.readers[number] for number in together),
        structures=tuple(
            replace(structure, segments=tuple(structure.segments[number] for number in together)) for structure in case.structures
        ),
    )
    pairs = [{(a, b): of_one[together[a], together[b]] for a, b in combinations(range(len(together)), 2)} for of_one in dice]
    return outlier_readers(part, pairs)[0]
