"""Slice pictures for the report: the image with the outlines of reference and candidate, in radiological orientation."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from SegQCLib.case import Case, Segment, Segmentation, Volume, WindowLevel
from SegQCLib.geometry import Geometry
from SegQCLib.pairing import Pair, pair_segments
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import QCProtocol
from SegQCLib.record import QCRecord, SliceToView
from SegQCLib.words import UNIT_WORDS

# Enough context to recognise where a lesion of a few voxels lies.
_MARGIN_MM = 15.0
_SMALLEST_SIDE_MM = 70.0
# sin 15 degrees: a smaller tilt does not change what a reader calls the direction.
_OBLIQUE_COMPONENT = 0.26
_SCALE_BARS_MM = (1, 2, 5, 10, 20, 50, 100)
_PERCENTILES = (1, 99)

_PLANES = ("sagittal", "coronal", "axial")
# Directions (LPS) that point to the right and to the bottom of a radiological display: patient right on the
# left of an axial or coronal image, anterior on the left of a sagittal one.
_SCREEN = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
}


@dataclass(frozen=True)
class SliceView:
    """How the slices of a grid are turned for display.

    Attributes
    ----------
    plane : {"axial", "coronal", "sagittal"}
        The plane whose normal is closest to the k axis.
    transposed : bool
        Whether j runs across the screen and i down.
    flipped_rows, flipped_columns : bool
        Applied after transposing.
    row_mm, column_mm : float
        Height and width of a displayed voxel, in mm.
    top, right, bottom, left : str
        Where the display's edges point in the patient: R, L, A, P, S, I; two letters when oblique.
    """

    plane: Literal["axial", "coronal", "sagittal"]
    transposed: bool
    flipped_rows: bool
    flipped_columns: bool
    row_mm: float
    column_mm: float
    top: str
    right: str
    bottom: str
    left: str

    def apply(self, slice_ji: NDArray) -> NDArray:
        """Return a view of a slice (j, i) as (row from the top, column from the left)."""
        turned = slice_ji.T if self.transposed else slice_ji
        return turned[:: -1 if self.flipped_rows else 1, :: -1 if self.flipped_columns else 1]

    def row_column(self, j: float, i: float, size_ji: tuple[int, int]) -> tuple[float, float]:
        """Return where the index (j, i) of a slice of `size_ji` is shown, as (row, column)."""
        row, column = (i, j) if self.transposed else (j, i)
        rows, columns = reversed(size_ji) if self.transposed else size_ji
        return (rows - 1 - row if self.flipped_rows else row), (columns - 1 - column if self.flipped_columns else column)


@dataclass(frozen=True)
class Outline:
    """The outline of a segment on one slice.

    Attributes
    ----------
    role : {"reference", "candidate"}
    name : str
        Reader, model or file.
    path_mm : str
        SVG path on the voxel edges, mm from the picture's top left corner; empty: no voxels on this slice.
    """

    role: Literal["reference", "candidate"]
    name: str
    path_mm: str


@dataclass(frozen=True)
class Picture:
    """One slice picture: everything that a renderer needs to draw it.

    Attributes
    ----------
    png_base64 : str or None
        8-bit grey image, one pixel per voxel, to be stretched to width_mm x height_mm. None: no pixels.
    outlines : tuple of Outline
        Reference first, where there is one, then candidate.
    top, right, bottom, left : str
        Orientation letters of the edges.
    position : str
        Slice number and place.
    window : str
        Window and level with their source.
    alt : str
        The picture in words.
    """

    segment: str
    structure: str | None
    reference_role: str | None
    reason: str
    png_base64: str | None
    width_mm: float
    height_mm: float
    outlines: tuple[Outline, ...]
    top: str
    right: str
    bottom: str
    left: str
    scale_bar_mm: int
    position: str
    window: str
    alt: str


def slice_pictures(case: Case, record: QCRecord, protocol: QCProtocol, progress: Progress = unwatched) -> tuple[Picture, ...]:
    """Return one picture for each of the record's slices to view, in the record's order.

    The window is the protocol's for the structure, else the header's first, else the 1st to 99th
    percentile of the slice; the picture says which.

    Raises
    ------
    ValueError
        If the record names a slice or a reference that this case does not have: it is another case's record.
    """
    view = slice_view(case.image.geometry)
    # The same pairs as were measured, made once: with 117 segments pairing takes longer than drawing.
    pairs = {role: pair_segments(s, case.candidate) for role, s in zip(case.reference_roles(), case.references, strict=True)}
    entries = counted(progress, "Drawing slice pictures", record.slices_to_view)
    return tuple(_picture(case, pairs, entry, protocol, view) for entry in entries)


def slice_view(geometry: Geometry) -> SliceView:
    """Return how to turn the slices (j, i) of a grid so that they show as in a radiological viewer."""
    k_axis, *in_plane = (np.array(axis) for axis in geometry.axes_lps)
    plane = _PLANES[int(np.argmax(np.abs(k_axis)))]
    across, down = (np.array(direction) for direction in _SCREEN[plane])
    j_axis, i_axis = in_plane
    transposed = abs(i_axis @ down) + abs(j_axis @ across) > abs(i_axis @ across) + abs(j_axis @ down)
    row_axis, column_axis = (i_axis, j_axis) if transposed else (j_axis, i_axis)
    flipped_rows, flipped_columns = bool(row_axis @ down < 0), bool(column_axis @ across < 0)
    bottom, right = (-row_axis if flipped_rows else row_axis), (-column_axis if flipped_columns else column_axis)
    _, j_mm, i_mm = geometry.spacing_mm
    row_mm, column_mm = (i_mm, j_mm) if transposed else (j_mm, i_mm)
    return SliceView(
        plane=plane,
        transposed=bool(transposed),
        flipped_rows=flipped_rows,
        flipped_columns=flipped_columns,
        row_mm=row_mm,
        column_mm=column_mm,
        top=orientation_letters(-bottom),
        right=orientation_letters(right),
        bottom=orientation_letters(bottom),
        left=orientation_letters(-right),
    )


def orientation_letters(direction_lps: ArrayLike) -> str:
    """Return the letters of a unit direction (LPS), main one first: L, or AL when it runs obliquely.

    A component counts from 15 degrees of obliqueness on. Letters as in DICOM PS3.3 C.7.6.1.1.1, with S and I
    for head and feet.
    """
    direction = np.asarray(direction_lps, float)
    letters = ""
    for axis in np.argsort(-np.abs(direction), kind="stable"):
        if not letters or abs(direction[axis]) > _OBLIQUE_COMPONENT:
            letters += ("LPS" if direction[axis] > 0 else "RAI")[axis]
    return letters


def outline_path_mm(mask: NDArray[np.bool_], row_mm: float, column_mm: float) -> str:
    """Return the outline of a 2-D mask as an SVG path on its voxel edges, closed loops, in mm.

    Parameters
    ----------
    mask : ndarray of bool, shape (rows, columns)
    row_mm, column_mm : float
        Size of a voxel down and across, in mm.

    Returns
    -------
    str
        Coordinates start at the outer corner of voxel (0, 0). Holes are loops of their own. Voxels that touch
        only at a corner get separate loops. Empty for an empty mask.
    """
    loops = []
    for corners in _outline_loops(mask):
        (row, column), *others = corners
        commands = [f"M{_coordinate(column * column_mm)} {_coordinate(row * row_mm)}"]
        for next_row, next_column in others:
            # Loops turn at every corner, so a step is either across (H) or down (V).
            commands.append(f"H{_coordinate(next_column * column_mm)}" if next_row == row else f"V{_coordinate(next_row * row_mm)}")
            row = next_row
        loops.append("".join(commands) + "Z")
    return "".join(loops)


def _coordinate(mm: float) -> str:
    return f"{mm:.3f}".rstrip("0").rstrip(".")


def _outline_loops(mask: NDArray[np.bool_]) -> list[list[tuple[int, int]]]:
    """Return the corners (row, column) of each loop, clockwise on screen around the mask, counter-clockwise around holes."""
    steps = ((0, 1), (1, 0), (0, -1), (-1, 0))  # east, south, west, north: +1 turns right
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    outside_of = (padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2])  # above, right, below, left
    first_corner = ((0, 0), (0, 1), (1, 1), (1, 0))
    # Insertion order makes the loops deterministic.
    edges = dict.fromkeys(
        (int(row) + first_corner[heading][0], int(column) + first_corner[heading][1], heading)
        for heading, neighbour in enumerate(outside_of)
        for row, column in np.argwhere(inside & ~neighbour)
    )
    loops = []
    while edges:
        row, column, heading = start = next(iter(edges))
        corners: list[tuple[int, int]] = []
        while True:
            row, column = row + steps[heading][0], column + steps[heading][1]
            # Turning right first keeps voxels apart that touch only at a corner.
            ways = ((row, column, (heading + turn) % 4) for turn in (1, 0, 3))
            following = next(way for way in ways if way in edges)
            if following[2] != heading:
                corners.append((row, column))
            if following == start:
                break
            heading = following[2]
            del edges[following]
        del edges[start]
        loops.append(corners)
    return loops


def _picture(case: Case, pairs: dict[str, list[Pair]], entry: SliceToView, protocol: QCProtocol, view: SliceView) -> Picture:
    geometry = case.image.geometry
    k = entry.slice_index
    if not 0 <= k < geometry.size[0]:
        raise ValueError(f"The record shows slice {k}; this image has slices 0 to {geometry.size[0] - 1}. Give its own record.")
    drawn: list[tuple[Literal["reference", "candidate"], Segmentation]] = [("candidate", case.candidate)]
    if entry.reference_role is None:
        segments = [next((segment for segment in case.candidate.segments if segment.name == entry.segment), None)]
    elif entry.reference_role in pairs:
        drawn.insert(0, ("reference", case.references[case.reference_roles().index(entry.reference_role)]))
        pair = next((pair for pair in pairs[entry.reference_role] if pair.name == entry.segment), Pair(None, None))
        segments = [pair.reference, pair.candidate]
    else:
        raise ValueError(
            f"The record compares with {entry.reference_role!r}; this case has {case.reference_roles()}. Give its own record."
        )
    masks = [view.apply(_slice_mask(segmentation, segment, k)) for (_, segmentation), segment in zip(drawn, segments, strict=True)]
    _, j, i = geometry.index_kji(entry.location_lps_mm)
    rows, columns = _crop(masks, view, view.row_column(j, i, geometry.size[1:]))
    outlines = tuple(
        Outline(role, segmentation.name, outline_path_mm(mask[rows, columns], view.row_mm, view.column_mm))
        for (role, segmentation), mask in zip(drawn, masks, strict=True)
    )
    width_mm, height_mm = (columns.stop - columns.start) * view.column_mm, (rows.stop - rows.start) * view.row_mm
    png, window = None, "The contours came without pixels, so no image is shown."
    if case.image.array is not None:
        shown = view.apply(case.image.array[k])
        window_level, window = _window(case.image, entry.structure, protocol, shown)
        png = _png_base64(shown[rows, columns], window_level)
    number = f"{view.plane.capitalize()} slice {k + 1} of {geometry.size[0]} (k = {k} counted from 0)"
    position = f"{number}, at {place_text(entry.location_lps_mm)}."
    lines = " and ".join(
        f"{role} as {'a solid' if role == 'reference' else 'a dashed'} line" if outline.path_mm else f"{role} absent on this slice"
        for (role, _), outline in zip(drawn, outlines, strict=True)
    )
    return Picture(
        segment=entry.segment,
        structure=entry.structure,
        reference_role=entry.reference_role,
        reason=entry.reason,
        png_base64=png,
        width_mm=width_mm,
        height_mm=height_mm,
        outlines=outlines,
        top=view.top,
        right=view.right,
        bottom=view.bottom,
        left=view.left,
        scale_bar_mm=max((bar for bar in _SCALE_BARS_MM if bar <= width_mm / 3), default=_SCALE_BARS_MM[0]),
        position=position,
        window=window,
        alt=f"{position} {entry.segment}: {lines}.",
    )


def _slice_mask(segmentation: Segmentation, segment: Segment | None, k: int) -> NDArray[np.bool_]:
    if segment is None:
        return np.zeros(segmentation.geometry.size[1:], bool)
    return segmentation.mask(segment, (slice(k, k + 1), slice(None), slice(None)))[0]


def _crop(masks: list[NDArray[np.bool_]], view: SliceView, location: tuple[float, float]) -> tuple[slice, slice]:
    """Return rows and columns of a square in mm around the masks, cut at the image's edges."""
    drawn = np.argwhere(np.logical_or.reduce(masks))
    if len(drawn):
        low, high = drawn.min(axis=0), drawn.max(axis=0) + 1
    else:
        low, high = np.array(location), np.array(location) + 1
    voxel_mm = np.array((view.row_mm, view.column_mm))
    side_mm = max(((high - low) * voxel_mm).max() + 2 * _MARGIN_MM, _SMALLEST_SIDE_MM)
    centre, half = (low + high) / 2, side_mm / 2 / voxel_mm
    size = np.array(masks[0].shape)
    first = np.clip(np.floor(centre - half), 0, size - 1).astype(int)
    last = np.clip(np.ceil(centre + half), first + 1, size).astype(int)
    return slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1]))


def _window(image: Volume, structure: str | None, protocol: QCProtocol, shown: NDArray) -> tuple[WindowLevel, str]:
    modality = image.acquisition.modality
    rule = protocol.window_rule(structure or "")
    # A window in a unit that the values do not have shows black or white only.
    if rule is not None and image.acquisition.may_be_in(rule.window.unit):
        unit = f" {UNIT_WORDS.get(rule.window.unit, rule.window.unit)}".rstrip()
        chosen = WindowLevel(rule.apply_window, rule.apply_level)
        return chosen, f"Window {chosen.window:g}, level {chosen.level:g}{unit}, from the protocol ({rule.name})."
    header = image.acquisition.window_levels
    if header and header[0].window > 0:
        unit = " HU" if modality == "CT" else ""
        return header[0], f"Window {header[0].window:g}, level {header[0].level:g}{unit}, from the image header."
    values = shown[np.isfinite(shown)]
    low, high = (float(v) for v in np.percentile(values, _PERCENTILES)) if values.size else (0.0, 1.0)
    chosen = WindowLevel(max(high - low, 1e-6), (low + high) / 2)
    return chosen, (
        f"Window {chosen.window:.4g}, level {chosen.level:.4g}, the 1st to 99th percentile of this slice:"
        " no window of the protocol or of the image header fits this image."
    )


def _png_base64(pixels: NDArray, window: WindowLevel) -> str:
    from PIL import Image

    # DICOM PS3.3 C.11.2.1.3.2, LINEAR_EXACT. Undefined pixels, as outside a field of view, are black.
    grey = (np.nan_to_num(pixels.astype(np.float64), nan=-math.inf) - (window.level - window.window / 2)) / window.window
    content = io.BytesIO()
    Image.fromarray(np.round(np.clip(grey, 0, 1) * 255).astype(np.uint8)).save(content, "PNG", optimize=True)
    return base64.b64encode(content.getvalue()).decode("ascii")


def place_text(location_lps_mm: tuple[float, float, float]) -> str:
    """Return a position (LPS, mm) in letters, so that no sign convention has to be known: L 12.0, A 3.5, I 40.0 mm."""
    letters = (("L", "R"), ("P", "A"), ("S", "I"))
    # No-break spaces: a line must not part a letter from its number, or the number from its unit.
    parts = (f"{pair[value < 0]}\u00a0{abs(value):.1f}" for pair, value in zip(letters, location_lps_mm, strict=True))
    return f"{', '.join(parts)}\u00a0mm"
