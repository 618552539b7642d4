"""Blinded adjudication: a reader who is none of the compared decides, piece by piece, what belongs to a structure.

Pieces are those of `disagreement_components`. They come in a shuffled order that is stored, and who drew a piece is
not told before the adjudication is closed: neither name nor number of readers, and the letters A and B change sides at
random. The file keeps readers as the checksum of their voxels until then, so that not even opening it tells.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from SegQCLib.agreement.disagreement import DisagreementComponent, Holders, disagreement_components, holders_of
from SegQCLib.agreement.readers_of_case import ReadersOfCase
from SegQCLib.algorithm_type import AlgorithmType
from SegQCLib.case import Box, Segment, Segmentation
from SegQCLib.dataclass_json import FaultyJSONError, from_json, json_schema, to_json
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Vector, part_of
from SegQCLib.importers.layer_stack import LayerStack
from SegQCLib.progress import Progress, unwatched
from SegQCLib.voxel_hash import voxels_sha256

ADJUDICATION_SCHEMA_ID = "https://segqc.invalid/schemas/adjudication.schema.json"
Decision = Literal["accept", "reject", "undecided"]
Side = Literal["A", "B"]

# DICOM Segment Algorithm Name of the result: pieces are cut by the program and chosen by a person.
ALGORITHM_NAME = "SegQC adjudication"
PIECE_ID = "piece"
# Told apart by readers who do not see red and green apart, and on grey.
_PIECE_COLOR, _A_COLOR, _B_COLOR = (1.0, 0.9, 0.2), (0.2, 0.75, 1.0), (1.0, 0.45, 0.85)


@dataclass(frozen=True)
class BlindedReader:
    """One of the compared readers."""

    voxels_sha256: str = field(metadata={"doc": "SHA-256 of the voxels of this reader's segments, hexadecimal."})
    name: str | None = field(metadata={"doc": "Name; null until the adjudication is closed: it is blinded."})


@dataclass(frozen=True)
class AdjudicationItem:
    """One piece about which readers differ, and what was decided of it."""

    structure: str = field(metadata={"doc": "Structure that some readers count the piece to."})
    component: int = field(metadata={"doc": "Number of the piece in its structure, from 1, the largest first."})
    drawn_by: tuple[int, ...] = field(metadata={"doc": "Places in `readers`, from 0, of those who drew it."})
    drawn_side: Side = field(metadata={"doc": "Letter of the outline that has the piece; the other one goes without it."})
    voxels: int = field(metadata={"doc": "Voxels of the piece."})
    size_ml: float = field(metadata={"doc": "Volume of the piece, mL."})
    location_lps_mm: Vector = field(metadata={"doc": "A voxel of the piece near its centre, LPS, in mm."})
    decision: Decision | None = field(
        default=None, metadata={"doc": "accept: it belongs to the structure; reject: it does not; null: not looked at yet."}
    )
    comment: str | None = field(default=None, metadata={"doc": "What the adjudicator noted."})
    decided: str | None = field(default=None, metadata={"doc": "When it was last decided, ISO 8601 with time zone."})


@dataclass(frozen=True)
class Adjudication:
    """A blinded adjudication of one case, open or closed."""

    schema: Literal["segqc-adjudication"] = field(metadata={"doc": "Always segqc-adjudication."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    case: str = field(metadata={"doc": "Name of the case."})
    adjudicator: str = field(metadata={"doc": "Who decides: none of the compared readers."})
    created: str = field(metadata={"doc": "When it began, ISO 8601 with time zone."})
    seed: int = field(metadata={"doc": "Seed by which pieces, letters and readers were shuffled."})
    smallest_ml: float = field(
        metadata={"doc": "Pieces below this volume, mL, are not shown: more than half of the readers decide."}
    )
    not_shown: int = field(metadata={"doc": "How many pieces that concerns."})
    not_shown_ml: float = field(metadata={"doc": "Their volume together, mL."})
    readers: tuple[BlindedReader, ...] = field(metadata={"doc": "The compared readers, shuffled."})
    items: tuple[AdjudicationItem, ...] = field(metadata={"doc": "The pieces in the order in which they are shown."})
    closed: str | None = field(default=None, metadata={"doc": "When it was closed and unblinded, ISO 8601; null: it is open."})

    def faults(self) -> Iterator[tuple[str, str]]:
        for n, item in enumerate(self.items):
            if not item.drawn_by or not set(item.drawn_by) < set(range(len(self.readers))):
                yield f"items[{n}].drawn_by", f"{list(item.drawn_by)} are not some of the {len(self.readers)} readers"

    @property
    def decided(self) -> int:
        """How many items have a decision, undecided after a look included."""
        return sum(item.decision is not None for item in self.items)

    @property
    def next_open(self) -> int | None:
        """The place of the first item without a decision, from 0; None: there is none."""
        return next((n for n, item in enumerate(self.items) if item.decision is None), None)


@dataclass(frozen=True)
class ReaderOutcome:
    """What was decided of one reader's pieces; told after closing only.

    Attributes
    ----------
    reader : str
    drew_accepted, drew_rejected : int
        Pieces that this reader drew and some other did not.
    left_out_accepted, left_out_rejected : int
        Pieces that this reader left out and some other drew.
    undecided : int
        Pieces of both kinds that stayed undecided.
    """

    reader: str
    drew_accepted: int
    drew_rejected: int
    left_out_accepted: int
    left_out_rejected: int
    undecided: int

    @property
    def confirmed(self) -> int:
        """Decisions that are as this reader drew."""
        return self.drew_accepted + self.left_out_rejected

    @property
    def decided(self) -> int:
        return self.confirmed + self.drew_rejected + self.left_out_accepted


def all_components(case: ReadersOfCase, progress: Progress = unwatched) -> tuple[DisagreementComponent, ...]:
    """Return the pieces of all structures, structure by structure, the largest of each first."""
    found: list[DisagreementComponent] = []
    for number, structure in enumerate(case.structures):
        progress(structure.name, number / len(case.structures))
        found += disagreement_components(case, structure.name)
    return tuple(found)


def begin_adjudication(
    case: ReadersOfCase,
    components: Sequence[DisagreementComponent],
    name: str,
    adjudicator: str,
    *,
    smallest_ml: float = 0.0,
    seed: int | None = None,
    checksums: tuple[str, ...] | None = None,
) -> Adjudication:
    """Return a new, open adjudication with its pieces in shuffled order.

    Parameters
    ----------
    case : ReadersOfCase
    components : sequence of DisagreementComponent
        See `all_components`.
    name : str
        Of the case.
    adjudicator : str
        Who will decide.
    smallest_ml : float
        Pieces below this volume are not shown; more than half of the readers decide about them, half are not enough.
    seed : int, optional
        Default: a random one.
    checksums : tuple of str, optional
        What `voxel_checksums` gives of the case, if it is known already: it takes a second for large segmentations.

    Raises
    ------
    BadDataError
        If the adjudicator is one of the compared readers, who would know their own outline.
    ValueError
        If no adjudicator is named, or `smallest_ml` is negative.
    """
    if not adjudicator.strip():
        raise ValueError("An adjudication is somebody's: give the adjudicator's name or code.")
    if smallest_ml < 0:
        raise ValueError(f"smallest_ml is {smallest_ml}; a volume is 0 or more.")
    if _plain(adjudicator) in map(_plain, case.names):
        raise BadDataError(
            adjudicator,
            "is one of the compared readers, who would know their own outline again.",
            "Adjudication needs a further reader: enter that reader's name or code, or compare without this one.",
        )
    seed = secrets.randbelow(2**32) if seed is None else seed
    # Not for secrecy: the same seed gives the same order.
    shuffle = random.Random(seed)  # noqa: S311
    order = list(range(len(case.readers)))
    shuffle.shuffle(order)
    place = {case.names[n]: position for position, n in enumerate(order)}
    shown = [component for component in components if component.size_ml >= smallest_ml]
    shuffle.shuffle(shown)
    small = [component for component in components if component.size_ml < smallest_ml]
    items = tuple(
        AdjudicationItem(
            structure=component.structure,
            component=component.number,
            drawn_by=tuple(sorted(place[holder] for holder in component.holders)),
            drawn_side=shuffle.choice(("A", "B")),
            voxels=component.voxels,
            size_ml=component.size_ml,
            location_lps_mm=component.location_lps_mm,
        )
        for component in shown
    )
    checksums = voxel_checksums(case) if checksums is None else checksums
    return Adjudication(
        schema="segqc-adjudication",
        schema_version="1.0",
        case=name,
        adjudicator=adjudicator.strip(),
        created=_now(),
        seed=seed,
        smallest_ml=smallest_ml,
        not_shown=len(small),
        not_shown_ml=sum(component.size_ml for component in small),
        readers=tuple(BlindedReader(checksums[n], None) for n in order),
        items=items,
    )


def voxel_checksums(case: ReadersOfCase) -> tuple[str, ...]:
    """Return the SHA-256 of each reader's voxels, in the order of the case's readers."""
    return tuple(voxels_sha256(reader.segmentation) for reader in case.readers)


def decide(adjudication: Adjudication, place: int, decision: Decision, comment: str | None = None) -> Adjudication:
    """Return the adjudication with a decision about the item at a place, from 0, in place of an earlier one.

    Raises
    ------
    ValueError
        If it is closed: then the readers are known, and a decision would no longer be blinded. Or there is no such place.
    """
    if adjudication.closed is not None:
        raise ValueError("The adjudication is closed: readers are known now. Begin another one to decide again.")
    if not 0 <= place < len(adjudication.items):
        raise ValueError(f"There is no item {place}; they are 0 to {len(adjudication.items) - 1}.")
    text = (comment or "").strip() or None
    changed = replace(adjudication.items[place], decision=decision, comment=text, decided=_now())
    return replace(adjudication, items=(*adjudication.items[:place], changed, *adjudication.items[place + 1 :]))


def close_adjudication(adjudication: Adjudication, case: ReadersOfCase) -> Adjudication:
    """Return the adjudication closed, with the readers' names.

    Raises
    ------
    ValueError
        If an item has no decision yet, or it is closed already.
    BadDataError
        If the case is not the one that it was begun with (see `reader_places`), or its adjudicator is among its readers.
    """
    if adjudication.closed is not None:
        raise ValueError("The adjudication is closed already.")
    if adjudication.next_open is not None:
        raise ValueError(f"{len(adjudication.items) - adjudication.decided} pieces have no decision yet.")
    places = reader_places(adjudication, case)
    named = list(adjudication.readers)
    for name, place in zip(case.names, places, strict=True):
        if _plain(name) == _plain(adjudication.adjudicator):
            raise BadDataError(
                name, "has adjudicated and is one of the compared readers.", "Give the reader's name that this outline is by."
            )
        named[place] = replace(named[place], name=name)
    return replace(adjudication, readers=tuple(named), closed=_now())


def reader_places(adjudication: Adjudication, case: ReadersOfCase, checksums: tuple[str, ...] | None = None) -> tuple[int, ...]:
    """Return the place in `adjudication.readers` of each of the case's readers, found by their voxels.

    `checksums` is what `voxel_checksums` gives of the case, if it is known already.

    Raises
    ------
    BadDataError
        If a segmentation was changed since it was begun, or another one is compared: decisions would be about other pieces.
    """
    left = [reader.voxels_sha256 for reader in adjudication.readers]
    places = []
    for name, checksum in zip(case.names, voxel_checksums(case) if checksums is None else checksums, strict=True):
        if checksum not in left:
            raise BadDataError(
                name,
                f"was changed since the adjudication was begun ({adjudication.created[:10]}), or is another segmentation.",
                "Compare the same segmentations again, unchanged, or begin another adjudication.",
            )
        places.append(left.index(checksum))
        left[places[-1]] = ""
    if any(left):
        raise BadDataError(
            adjudication.case,
            f"is compared with {len(case.readers)} readers; its adjudication was begun with {len(adjudication.readers)}.",
            "Compare the same segmentations again, or begin another adjudication.",
        )
    return tuple(places)


@dataclass(frozen=True, eq=False)
class PieceOutlines:
    """What is shown of one item: the piece, and the two outlines of its structure.

    Attributes
    ----------
    box : tuple of slice
        The part (k, j, i) of the case's grid that is shown.
    piece, a, b : ndarray of bool, shape (k, j, i) of the box
    """

    box: Box
    piece: NDArray[np.bool_]
    a: NDArray[np.bool_]
    b: NDArray[np.bool_]


def piece_outlines(item: AdjudicationItem, component: DisagreementComponent, case: ReadersOfCase) -> PieceOutlines:
    """Return the outlines of an item.

    One of A and B is what all who drew the piece have in common, the other what anybody drew who did not draw the piece: with
    two readers, these are the readers' own outlines. With more, neither tells how many drew it.

    Parameters
    ----------
    item : AdjudicationItem
    component : DisagreementComponent
        The item's.
    case : ReadersOfCase
    """
    segments = case.structure(item.structure).segments
    boxes = [
        box
        for reader, segment in zip(case.readers, segments, strict=True)
        if segment is not None and (box := reader.segmentation.box(segment)) is not None
    ]
    # All of the structure: the edge of a part would be taken for somebody's outline.
    box = tuple(slice(min(one[axis].start for one in boxes), max(one[axis].stop for one in boxes)) for axis in range(3))
    shape = [part.stop - part.start for part in box]
    all_who_drew, anybody_else = np.ones(shape, bool), np.zeros(shape, bool)
    for reader, segment in zip(case.readers, segments, strict=True):
        mask = np.zeros(shape, bool) if segment is None else reader.segmentation.mask(segment, box)
        if reader.name in component.holders:
            all_who_drew &= mask
        else:
            anybody_else |= mask
    piece = np.zeros(shape, bool)
    piece[tuple(slice(c.start - b.start, c.stop - b.start) for c, b in zip(component.box, box, strict=True))] = component.mask
    a, b = (all_who_drew, anybody_else) if item.drawn_side == "A" else (anybody_else, all_who_drew)
    return PieceOutlines(box, piece, a, b)


def outlines_segmentation(outlines: PieceOutlines, case: ReadersOfCase) -> Segmentation:
    """Return the piece and its outlines as a segmentation on the part of the grid that they fill; no name tells a reader."""
    start = [part.start for part in outlines.box]
    # The piece last: it is drawn over the outlines.
    segments = (
        Segment("A", "A", 1, 0, color=_A_COLOR),
        Segment("B", "B", 1, 1, color=_B_COLOR),
        Segment(PIECE_ID, "Piece", 1, 2, color=_PIECE_COLOR),
    )
    layers = tuple(mask.astype(np.uint8) for mask in (outlines.a, outlines.b, outlines.piece))
    return Segmentation("Adjudication", part_of(case.geometry, start, outlines.piece.shape), layers, segments)


def component_of(item: AdjudicationItem, components: Sequence[DisagreementComponent]) -> DisagreementComponent:
    """Return the piece that an item is about.

    Raises
    ------
    BadDataError
        If it is not among them: another version of SegQC may have cut the pieces otherwise.
    """
    for component in components:
        if (component.structure, component.number, component.voxels) == (item.structure, item.component, item.voxels):
            return component
    raise BadDataError(
        f"{item.structure}, piece {item.component}",
        f"of {item.voxels} voxels is not among the pieces.",
        "Begin another adjudication.",
    )


def adjudicated_segmentation(
    adjudication: Adjudication, case: ReadersOfCase, components: Sequence[DisagreementComponent], progress: Progress = unwatched
) -> Segmentation:
    """Return what all readers share together with the accepted pieces; rejected and undecided ones are not in it.

    Of the pieces that were too small to be shown, those are in it that more than half of the readers drew.
    Structures that remain without voxels are kept, empty.

    Parameters
    ----------
    adjudication : Adjudication
        Closed.
    case : ReadersOfCase
        With the readers that it was begun with.
    components : sequence of DisagreementComponent
        See `all_components`.

    Raises
    ------
    ValueError
        If it is open.
    BadDataError
        See `component_of`.
    """
    if adjudication.closed is None:
        raise ValueError("The adjudication is open: close it first.")
    accepted = [component_of(item, components) for item in adjudication.items if item.decision == "accept"]
    accepted += [
        component
        for component in components
        if component.size_ml < adjudication.smallest_ml and len(component.holders) > len(component.others)
    ]
    stack = LayerStack(case.geometry.size, max(len(case.structures), 1))
    segments = []
    for number, structure in enumerate(case.structures, start=1):
        progress(structure.name, (number - 1) / len(case.structures))
        pieces = [component for component in accepted if component.structure == structure.name]
        held = holders_of(case, structure.name)
        layer = stack.add({} if held is None else _planes(held, pieces, case.geometry.size), number)
        segments.append(_adjudicated_segment(structure.name, number, layer, [s for s in structure.segments if s is not None]))
    name = f"{adjudication.case} adjudicated by {adjudication.adjudicator}"
    return Segmentation(name, case.geometry, stack.layers, tuple(segments))


def reader_outcomes(adjudication: Adjudication) -> tuple[ReaderOutcome, ...]:
    """Return what was decided of each reader's pieces, by name.

    Raises
    ------
    ValueError
        If the adjudication is open: then nobody is told.
    """
    if adjudication.closed is None:
        raise ValueError("The adjudication is open: readers are told after it is closed.")
    outcomes = []
    for place, reader in enumerate(adjudication.readers):
        counts = {(drew, decision): 0 for drew in (True, False) for decision in ("accept", "reject", "undecided")}
        for item in adjudication.items:
            counts[place in item.drawn_by, item.decision] += 1
        outcomes.append(
            ReaderOutcome(
                reader.name,
                counts[True, "accept"],
                counts[True, "reject"],
                counts[False, "accept"],
                counts[False, "reject"],
                counts[True, "undecided"] + counts[False, "undecided"],
            )
        )
    return tuple(sorted(outcomes, key=lambda outcome: outcome.reader))


def adjudication_schema() -> dict[str, Any]:
    """Return the JSON Schema of an adjudication."""
    return json_schema(Adjudication, title="SegQC blinded adjudication of one case", identifier=ADJUDICATION_SCHEMA_ID)


def adjudication_text(adjudication: Adjudication) -> str:
    """Return an adjudication as JSON text."""
    return to_json(adjudication)


def adjudication_from_text(text: str, where: object) -> Adjudication:
    """Return the adjudication in a JSON text; `where` is the node or file that messages name.

    Raises
    ------
    BadDataError
        With every fault, if the text is not one of an adjudication.
    """
    try:
        return from_json(Adjudication, text)
    except FaultyJSONError as error:
        listed = "\n".join(f"  {fault}" for fault in error.faults)
        raise BadDataError(where, "is no usable adjudication.", f"Correct:\n{listed}") from error


def _planes(held: Holders, pieces: Sequence[DisagreementComponent], size: tuple[int, int, int]) -> dict[int, NDArray[np.bool_]]:
    """Return the slices (j, i) by k of what all share and of some pieces."""
    voxels = held.code == held.everybody
    for piece in pieces:
        inside = tuple(slice(p.start - h.start, p.stop - h.start) for p, h in zip(piece.box, held.box, strict=True))
        voxels[inside] |= piece.mask
    planes = {}
    for k, plane in enumerate(voxels, start=held.box[0].start):
        if plane.any():
            planes[k] = np.zeros(size[1:], bool)
            planes[k][held.box[1:]] = plane
    return planes


def _adjudicated_segment(name: str, number: int, layer: int, drawn: Sequence[Segment]) -> Segment:
    coded = next((segment.terminology for segment in drawn if segment.terminology is not None), None)
    return Segment(
        id=f"adjudicated_{number}",
        name=name,
        label_value=number,
        layer=layer,
        terminology=coded,
        color=drawn[0].color,
        algorithm_type=str(AlgorithmType.SEMIAUTOMATIC),
        algorithm_name=ALGORITHM_NAME,
    )


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")
