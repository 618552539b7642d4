"""Draw the pictures of an atlas: a slice at the protocol's window, with outlines, scale bar and letters, as PNG.

Solid blue is the outline; dashed orange is an error in it, its voxels tinted. The same recipe gives the same file, byte for byte.
"""

from __future__ import annotations

import io
import os
import re
import textwrap
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.alignment import align
from SegQCLib.case import Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.label_names import SHIPPED as SHIPPED_LABELS
from SegQCLib.json_file import read_json_file
from SegQCLib.output import require_writable
from SegQCLib.pictures import SliceView, outline_path_mm, slice_view
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import QCProtocol, WindowRule, load_protocol, shipped_protocols
from SegQCLib.readers.training.course import path_fault
from SegQCLib.readers.training.course_file import COURSE_FILE, CourseFile
from SegQCLib.readers.training.picture_recipe import PICTURES_FILE, PictureRecipe, PictureRecipes
from SegQCLib.readers.training.typical_errors import segment_named, wrong_mask
from SegQCLib.words import UNIT_WORDS

SIDE_PIXELS = 420
# Blue and orange are told apart by readers who do not tell red from green; the dashes by everybody.
CORRECT, WRONG, BESIDE = (90, 200, 255), (255, 150, 20), (240, 228, 66)
SIMULATED = "SIMULATED"
_BANNER, _BANNER_TEXT = (255, 200, 0), (0, 0, 0)
_TINT = 0.35
_DASH_PIXELS = 9
_LINE_PIXELS, _THIN_PIXELS = 2.2, 1.2
_SCALE_BARS_MM = (1, 2, 5, 10, 20, 50, 100)
_PLANES = ("sagittal", "coronal", "axial")
_GREY_STEP = 4


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


def render_pictures(folder: Path, progress: Progress = unwatched) -> tuple[Path, ...]:
    """Make all pictures that a course's pictures.json describes, and return their files.

    A picture that is there already is written only where it differs.

    Parameters
    ----------
    folder : Path
        Of the course, with its images and segmentations.
    progress : callable, optional

    Raises
    ------
    BadDataError
        If pictures.json or something that it names cannot be used.
    """
    recipes = read_json_file(PictureRecipes, folder / PICTURES_FILE, "a file of picture recipes", "See Documentation/training.md.")
    protocol = load_protocol(_inside(folder, recipes.protocol, shipped_protocols())).protocol
    hidden = _exam_outlines(folder)
    files = []
    read: tuple[tuple, Volume, Segmentation] | None = None
    # Pictures of one case follow each other, so that it is read once.
    order = sorted(recipes.pictures, key=lambda recipe: (recipe.image, recipe.segmentation))
    for recipe in counted(progress, "Drawing atlas pictures", order):
        wanted = (recipe.image, recipe.segmentation, recipe.labels)
        for path in wanted[:2]:
            _inside(folder, path)
        if os.path.normpath(recipe.segmentation) in hidden:
            raise BadDataError(
                folder / PICTURES_FILE,
                f"{recipe.file} shows an expert's outline of an exam case, {recipe.segmentation}.",
                "Draw the picture from a practice case: readers see the atlas before the exam.",
            )
        if read is None or read[0] != wanted:
            image = read_image(folder / recipe.image)
            drawn = read_segmentation(folder / recipe.segmentation, labels=_labels(folder, recipe.labels), image=image)
            read = (wanted, image, align(drawn, image.geometry))
        content = picture_png(recipe, read[1], read[2], protocol)
        path = folder / recipe.file
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BadDataError(path, "is behind a link that leads out of the course folder.", "Make it a folder of the course.")
        if not path.is_file() or path.read_bytes() != content:
            require_writable(path.parent)
            temporary = path.with_name(f".{path.name}.part")
            temporary.write_bytes(content)
            temporary.replace(path)
        files.append(path)
    return tuple(sorted(files))


def _inside(folder: Path, name: str, shipped: Container[str] = ()) -> str | Path:
    """Return what comes with SegQC as it is named, and where a file of the course is.

    Raises
    ------
    BadDataError
        If it is neither, or the path leads out of the course.
    """
    if name in shipped:
        return name
    fault = path_fault(folder, name)
    if fault is not None:
        raise BadDataError(folder / PICTURES_FILE, f"{fault}.", "Correct the path, or make the file.")
    return folder / name


def _labels(folder: Path, labels: str | None) -> str | None:
    return None if labels is None else str(_inside(folder, labels, SHIPPED_LABELS))


def _exam_outlines(folder: Path) -> set[str]:
    """Return the paths of the experts' outlines that a course hides until the exam's end; none where there is no course yet."""
    path = folder / COURSE_FILE
    if not path.is_file():
        return set()
    course = read_json_file(CourseFile, path, "a usable course", "See 'segqc training validate'.")
    return {os.path.normpath(one.file) for case in course.cases_of("exam") for one in case.references}


def picture_png(recipe: PictureRecipe, image: Volume, segmentation: Segmentation, protocol: QCProtocol) -> bytes:
    """Return a picture as a PNG file with its title, window, letters, scale bar and legend.

    Raises
    ------
    BadDataError
        If a segment is missing, the image has no pixels, or the protocol has no window for its values.
    """
    from PIL import Image

    rule = _window_rule(recipe, image, protocol)
    drawn = draw_slice(recipe, image, segmentation, rule)
    framed = Image.fromarray(_framed(recipe, drawn, rule))
    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette().ravel().tolist())
    content = io.BytesIO()
    # A palette makes the file a third as large; without dithering, lines stay lines.
    framed.quantize(palette=palette, dither=Image.Dither.NONE).save(content, "PNG", optimize=True)
    return content.getvalue()


def _palette() -> NDArray[np.uint8]:
    """Return the colours of a picture, shape (n, 3): greys, and each colour of a line or letter blended with some of them."""
    greys = np.arange(0, 256, _GREY_STEP)
    colours = [np.repeat(np.append(greys, 255)[:, None], 3, axis=1)]
    for colour in (CORRECT, WRONG, BESIDE, _BANNER):
        grounds = np.array([0, 70, 140, 210])[:, None, None]
        shares = np.array([0.25, 0.5, 0.75, 1.0])[None, :, None]
        colours.append((shares * np.array(colour) + (1 - shares) * grounds).reshape(-1, 3))
    tinted = np.arange(0, 256, 8)[:, None]
    colours.append(_TINT * np.array(WRONG) + (1 - _TINT) * tinted)
    return np.rint(np.concatenate(colours)).astype(np.uint8)


def _window_rule(recipe: PictureRecipe, image: Volume, protocol: QCProtocol) -> WindowRule:
    rule = protocol.window_rule(recipe.structure)
    if rule is None:
        raise BadDataError(
            recipe.file, f"cannot be drawn: the protocol {protocol.id} has no window for {recipe.structure}.", "Add one to it."
        )
    if image.array is None:
        raise BadDataError(recipe.image, "has no pixels.", "Give an image.")
    return rule


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
        pixels[masks[1] ^ correct_shown] *= 1 - _TINT
        pixels[masks[1] ^ correct_shown] += _TINT * np.array(WRONG)
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
    return _with_text(pixels, words, (column, int(rows.mean())), colour, anchor="mm", size=13)


def _with_text(
    pixels: NDArray[np.uint8],
    text: str,
    column_row: tuple[int, int],
    colour: tuple[int, int, int],
    *,
    anchor: str,
    size: int,
    outlined: bool = True,
) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(pixels)
    ImageDraw.Draw(picture).text(
        column_row,
        text,
        fill=colour,
        font=ImageFont.load_default(size=size),
        anchor=anchor,
        stroke_width=2 if outlined else 0,
        stroke_fill=(0, 0, 0),
    )
    return np.array(picture)


def _framed(recipe: PictureRecipe, drawn: DrawnPicture, rule: WindowRule) -> NDArray[np.uint8]:
    """Return the picture with its words: title above; letters and scale bar on it; window, legend and note below."""
    pixels = drawn.pixels
    height, width, _ = pixels.shape
    view = drawn.view
    white = (255, 255, 255)
    for letter, place, anchor in (
        (view.left, (6, height // 2), "lm"),
        (view.right, (width - 6, height // 2), "rm"),
        (view.top, (width // 2, 6), "mt"),
        (view.bottom, (width // 2, height - 6), "mb"),
    ):
        pixels = _with_text(pixels, letter, place, white, anchor=anchor, size=18)
    bar_mm = max((bar for bar in _SCALE_BARS_MM if bar <= width * drawn.pixel_mm / 4), default=_SCALE_BARS_MM[0])
    bar = round(bar_mm / drawn.pixel_mm)
    pixels[height - 14 : height - 8, 12 : 16 + bar] = 0
    pixels[height - 12 : height - 10, 14 : 14 + bar] = 255
    pixels = _with_text(pixels, f"{bar_mm} mm", (14, height - 18), white, anchor="lb", size=14)
    unit = UNIT_WORDS.get(rule.window.unit, rule.window.unit)
    shows_error = recipe.error is not None and not recipe.corrected
    below = [
        (f"{drawn.slice_text}. Window {rule.apply_window:g}, level {rule.apply_level:g} {unit} ({rule.name})", white),
        (f"Solid blue: {recipe.outline}." + (" Dashed orange, tinted: wrong." if shows_error else ""), CORRECT),
        *((line, white) for line in textwrap.wrap(recipe.note, width // 7)),
    ]
    banner = [(SIMULATED + ": image made by a program", _BANNER_TEXT, _BANNER)] if recipe.simulated else []
    strips = [_strip(recipe.title, width, WRONG if shows_error else CORRECT, (0, 0, 0), size=16)]
    strips += [_strip(text, width, colour, ground, size=15) for text, colour, ground in banner]
    strips += [pixels, *(_strip(text[0].upper() + text[1:], width, colour, (0, 0, 0), size=13) for text, colour in below)]
    return np.concatenate(strips)


def _strip(text: str, width: int, colour: tuple[int, int, int], ground: tuple[int, int, int], *, size: int) -> NDArray[np.uint8]:
    strip = np.empty((size + 9, width, 3), np.uint8)
    strip[:] = ground
    return _with_text(strip, text, (8, (size + 9) // 2), colour, anchor="lm", size=size, outlined=False)
