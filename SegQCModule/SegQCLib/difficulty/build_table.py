"""From lesions with several readers to the table that models are fitted on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.agreement_target import TargetDefinition, target_pairs
from SegQCLib.difficulty.descriptors.describe import GROUPS, describe_lesion, describe_slice
from SegQCLib.difficulty.read_lesion import ReadLesion
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, unwatched


@dataclass(frozen=True)
class _Row:
    unit: str
    patient: str
    reader: int
    pairs: NDArray[np.float64]
    descriptors: dict[str, float]


def build_table(
    lesions: Sequence[ReadLesion],
    definition: TargetDefinition,
    *,
    names: Collection[str] | None = None,
    groups: Collection[str] = GROUPS,
    workers: int = 1,
    progress: Progress = unwatched,
) -> StudyTable:
    """Return one row per lesion (or slice) and reader who outlined it, where the agreement is defined.

    Parameters
    ----------
    lesions : sequence of ReadLesion
    definition : TargetDefinition
        Its unit says whether rows are lesions or slices.
    names, groups : collection of str
        Which descriptors; see `describe_lesion`. By default all that the arrays of the lesions allow.
    workers : int
        Processes, 1 or more. With more than one, a script that calls this needs the usual `if __name__ == "__main__"`.
    progress : callable

    Returns
    -------
    StudyTable
        The same for any number of workers. A slice is called after its lesion and its number in the lesion's array, from 0.

    Raises
    ------
    ValueError
        If no row is left, or lesions allow different descriptors, because one of them lacks an image or a map.
    BadDataError
        If a lesion cannot be described, with its id and reader.
    """
    rows: list[_Row] = []
    with _mapping(workers) as mapped:
        described = mapped(partial(_describe, definition=definition, names=names, groups=groups), lesions)
        for number, of_lesion in enumerate(described):
            progress(f"Describing lesions: {number + 1} of {len(lesions)}", number / len(lesions))
            rows += of_lesion
    if not rows:
        raise ValueError(
            f"None of {len(lesions)} lesions has {definition.least_readers} readers who outlined the same {definition.unit}."
        )
    columns = tuple(rows[0].descriptors)
    for row in rows:
        if tuple(row.descriptors) != columns:
            differing = sorted(set(columns).symmetric_difference(row.descriptors))
            raise ValueError(
                f"{row.unit} and {rows[0].unit} have different descriptors ({', '.join(differing[:3])}, ...): give image,"
                " healthy region and uncertainty map for all lesions or for none."
            )
    return StudyTable(
        unit=definition.unit,
        names=columns,
        values=np.array([list(row.descriptors.values()) for row in rows], np.float64),
        units=tuple(row.unit for row in rows),
        patients=tuple(row.patient for row in rows),
        describing_reader=np.array([row.reader for row in rows], np.int64),
        target=np.array([row.pairs.mean() for row in rows]),
        pairs=tuple(row.pairs for row in rows),
        simulated=any(lesion.simulated for lesion in lesions),
    )


@contextmanager
def _mapping(workers: int) -> Iterator:
    if workers == 1:
        yield map
        return
    # "spawn" everywhere: a forked child of a program with threads, as 3D Slicer is one, can hang
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=8)


def _describe(
    lesion: ReadLesion, definition: TargetDefinition, names: Collection[str] | None, groups: Collection[str]
) -> list[_Row]:
    arrays = {name: getattr(lesion, name) for name in ("image", "healthy", "uncertainty") if getattr(lesion, name) is not None}
    rows = []
    for reader, mask in enumerate(lesion.readers):
        try:
            rows += _rows_of(lesion, reader, mask, arrays, definition, names, groups)
        except BadDataError as error:
            raise BadDataError(f"{lesion.id}, reader {reader + 1}: {error.where}", error.found, error.remedy) from error
    return rows


def _rows_of(
    lesion: ReadLesion,
    reader: int,
    mask: NDArray[np.bool_],
    arrays: dict[str, NDArray],
    definition: TargetDefinition,
    names: Collection[str] | None,
    groups: Collection[str],
) -> Iterator[_Row]:
    """Yield what one reader's outline gives: a row for the lesion, or one for each slice."""
    if definition.unit == "lesion":
        pairs = target_pairs(lesion.readers, definition, reader)
        if mask.any() and len(pairs):
            descriptors = describe_lesion(mask, lesion.spacing_mm, **arrays, names=names, groups=groups)
            yield _Row(lesion.id, lesion.patient, reader, pairs, descriptors)
        return
    for k in np.flatnonzero(mask.any(axis=(1, 2))):
        pairs = target_pairs(lesion.readers[:, k], definition, reader)
        if len(pairs):
            descriptors = describe_slice(mask, int(k), lesion.spacing_mm, **arrays, names=names, groups=groups)
            yield _Row(f"{lesion.id} slice {k}", lesion.patient, reader, pairs, descriptors)
