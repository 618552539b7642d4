"""A slice of an image with outlines on it, at a protocol's window."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Segmentation, Volume
from SegQCLib.pictures import SliceView, outline_path_mm, slice_view
from SegQCLib.protocol import WindowRule
from SegQCLib.readers.training.lettering import with_text
from SegQCLib.readers.training.picture_recipe import PictureRecipe
from SegQCLib.readers.training.typical_errors import segment_named, wrong_mask

SIDE_PIXELS = 420
# Blue and orange are told apart by readers who do not tell red from green; the dashes by everybody.
CORRECT, WRONG, BESIDE = (90, 200, 255), (255, 150, 20), (240, 228, 66)
TINT = 0.35
_DASH_PIXELS = 9
_LINE_PIXELS, _THIN_PIXELS = 2.2, 1.2
_PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, eq=False)
class DrawnPicture:
    """A picture before its words are added.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (rows, columns, 3)
        The slice with outlines.
    pixel_mm : float
        Side of a pixel of it, mm.
    view : SliceView
        Which way it is turned.
    slice_text : str
        Which slice it is.
    """

    pixels: NDArray[np.uint8]
    pixel_mm: float
    view: SliceView
    slice_text: str


def draw_slice(recipe: PictureRecipe, image: Volume, segmentation: Segmentation, rule: WindowRule) -> DrawnPicture:
    """Return the slice with its outlines, `SIDE_PIXELS` wide.

    Grey is 255 clip((value - (level - window / 2)) / window, 0, 1), DICOM PS3.3 C.11.2.1.3.2 (LINEAR_EXACT), of values
    interpolated linearly. An outline is the 0.5 line of the mask interpolated likewise: on a straight border exactly the
    voxels' edge.

    Parameters
    ----------
    recipe : PictureRecipe
    image : Volume
        With pixels.
    segmentation : Segmentation
        On the image's grid.
    rule : WindowRule
        Its `apply_window` and `apply_level` are used.

    Raises
    ------
    BadDataError
        If a segment is missing.
    """
    axis = _axis(image, recipe.plane)
    correct = segmentation.mask(segment_named(segmentation, recipe.structure))
    wrong = None if recipe.error is None else wrong_mask(segmentation, recipe.structure, recipe.error, image)
    number = _slice_number(correct, wrong, axis, recipe, image)
    view = _view(image, axis)
    # An exchange of sides shows both organs, any other picture its own one.
    shown = correct if wrong is None else correct | wrong
    if recipe.corrected:
        wrong = None
    planes = [
        view.apply(np.take(mask, number, axis=axis))
        for mask in (correct, wrong, *(segmentation.mask(segment_named(segmentation, name)) for name in recipe.beside))
        if mask is not None
    ]
    rows_mm, columns_mm, pixel_mm = _field(view.apply(np.take(shown, number, axis=axis)), view, recipe.zoom_mm)
    at = np.meshgrid(rows_mm / view.row_mm - 0.5, columns_mm / view.column_mm - 0.5, indexing="ij")
    values = view.apply(np.take(image.array, number, axis=axis)).astype(np.float64)
    low = rule.apply_level - rule.apply_window / 2
    # Values are windowed after interpolation, as a viewer does.
    grey = np.clip((ndimage.map_coordinates(values, at, order=1, cval=values.min()) - low) / rule.apply_window, 0, 1)
    pixels = np.repeat((255 * grey)[:, :, None], 3, axis=2)
    masks = [ndimage.map_coordinates(plane.astype(np.float64), at, order=1, cval=0.0) >= 0.5 for plane in planes]
    correct_shown, others = masks[0], masks[1 if wrong is None else 2 :]
    for mask in others:
        _draw_line(pixels, mask, BESIDE, _THIN_PIXELS)
    if wrong is not None:
        pixels[masks[1] ^ correct_shown] *= 1 - TINT
        pixels[masks[1] ^ correct_shown] += TINT * np.array(WRONG)
    _draw_line(pixels, correct_shown, CORRECT, _LINE_PIXELS)
    if wrong is not None:
        _draw_line(pixels, masks[1], WRONG, _LINE_PIXELS, dashed=True)
    written = np.rint(pixels).astype(np.uint8)
    for name, mask in zip(recipe.beside if recipe.names else (), others if recipe.names else (), strict=True):
        written = _named(written, mask, name, BESIDE)
    if wrong is not None and recipe.error.kind == "left_right":
        # The outline is perfect; only its name shows the error.
        written = _named(written, masks[1], f"named {recipe.structure}", WRONG)
    return DrawnPicture(written, pixel_mm, view, f"{recipe.plane} slice {number + 1} of {correct.shape[axis]}")


def _axis(image: Volume, plane: str) -> int:
    """Return the array axis that is closest to the plane's normal."""
    normal = _PLANES.index(plane)
    return int(np.argmax([abs(axis[normal]) for axis in image.geometry.axes_lps]))


def _view(image: Volume, axis: int) -> SliceView:
    order = (axis, *(other for other in range(3) if other != axis))
    geometry = image.geometry
    turned = {name: tuple(getattr(geometry, name)[n] for n in order) for name in ("size", "spacing_mm", "axes_lps")}
    return slice_view(replace(geometry, **turned))


def _slice_number(
    correct: NDArray[np.bool_], wrong: NDArray[np.bool_] | None, axis: int, recipe: PictureRecipe, image: Volume
) -> int:
    others = tuple(other for other in range(3) if other != axis)
    areas = np.count_nonzero(correct, axis=others)
    if recipe.at is None:
        # An error is shown where it is largest: an island can be beyond the structure's own slices.
        differing = areas if wrong is None else np.count_nonzero(correct ^ wrong, axis=others)
        return int(np.argmax(differing if differing.any() else areas))
    held = np.flatnonzero(areas)
    part = recipe.at
    if image.geometry.axes_lps[axis][_PLANES.index(recipe.plane)] < 0:
        part = 1 - part
    return int(held[round(part * (len(held) - 1))])


def _field(
    mask: NDArray[np.bool_], view: SliceView, zoom_mm: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return where the picture's pixel rows and columns are, mm from the slice's top left corner, and a pixel's side in mm."""
    rows, columns = mask.shape
    height_mm, width_mm = rows * view.row_mm, columns * view.column_mm
    top_mm = left_mm = 0.0
    if zoom_mm is not None:
        places = np.argwhere(mask)
        middle = (places.min(axis=0) + places.max(axis=0) + 1) / 2 if len(places) else np.array(mask.shape) / 2
        top_mm, left_mm = middle[0] * view.row_mm - zoom_mm / 2, middle[1] * view.column_mm - zoom_mm / 2
        height_mm = width_mm = zoom_mm
    pixel_mm = width_mm / SIDE_PIXELS
    return (
        top_mm + (np.arange(round(height_mm / pixel_mm)) + 0.5) * pixel_mm,
        left_mm + (np.arange(SIDE_PIXELS) + 0.5) * pixel_mm,
        pixel_mm,
    )


def _draw_line(
    pixels: NDArray[np.float64],
    mask: NDArray[np.bool_],
    colour: tuple[int, int, int],
    width: float,
    *,
    dashed: bool = False,
) -> None:
    if not mask.any():
        return
    padded = np.pad(mask, 1)
    away = np.where(padded, ndimage.distance_transform_edt(padded), ndimage.distance_transform_edt(~padded)) - 0.5
    cover = np.clip(width / 2 + 0.5 - away, 0, 1)[1:-1, 1:-1]
    if dashed:
        cover *= _dashes(mask)
    pixels *= 1 - cover[:, :, None]
    pixels += cover[:, :, None] * np.array(colour)


def _dashes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pixels lie nearest to a part of the outline where the dashed line is drawn."""
    run = np.full(np.add(mask.shape, 1), -1, np.int64)
    for loop in outline_path_mm(mask, 1, 1).split("Z"):
        steps = re.findall(r"([MHV])(\d+)(?: (\d+))?", loop)
        length, row, column = 0, 0, 0
        for command, first, second in [*steps, ("Z", "0", "")] if steps else []:
            if command == "M":
                row, column = int(second), int(first)
                start = (row, column)
                continue
            to_row = int(first) if command == "V" else row if command == "H" else start[0]
            to_column = int(first) if command == "H" else column if command == "V" else start[1]
            count = max(abs(to_row - row), abs(to_column - column))
            path = np.arange(count + 1)
            run[row + np.sign(to_row - row) * path, column + np.sign(to_column - column) * path] = length + path
            length, row, column = length + count, to_row, to_column
    nearest = ndimage.distance_transform_edt(run < 0, return_distances=False, return_indices=True)
    return (run[tuple(nearest)] // _DASH_PIXELS % 2 == 0)[:-1, :-1]


def _named(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], name: str, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    if not mask.any():
        return pixels
    rows, columns = np.nonzero(mask)
    words = name.replace("_", " ")
    # Half a letter is about 3.5 pixels: a name stays on the picture, beside the letters of its edges.
    margin = min(30 + 3.5 * len(words), pixels.shape[1] / 2)
    column = int(np.clip(columns.mean(), margin, pixels.shape[1] - margin))
    return with_text(pixels, words, (column, int(rows.mean())), colour, anchor="mm", size=13)
