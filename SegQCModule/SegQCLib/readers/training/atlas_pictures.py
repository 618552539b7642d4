"""Draw the pictures of an atlas: a slice at the protocol's window, with outlines, scale bar and letters, as PNG.

Solid blue is the outline; dashed orange is an error in it, its voxels tinted. The same recipe gives the same file, byte for byte.
"""

from __future__ import annotations

import io
import os
import textwrap
from collections.abc import Container
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from SegQCLib.alignment import align
from SegQCLib.case import Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.label_names import SHIPPED as SHIPPED_LABELS
from SegQCLib.json_file import read_json_file
from SegQCLib.output import require_writable
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import QCProtocol, WindowRule, load_protocol, shipped_protocols
from SegQCLib.readers.training.course import path_fault
from SegQCLib.readers.training.course_file import COURSE_FILE, CourseFile
from SegQCLib.readers.training.drawn_slice import BESIDE, CORRECT, TINT, WRONG, DrawnPicture, draw_slice
from SegQCLib.readers.training.lettering import with_text
from SegQCLib.readers.training.picture_recipe import PICTURES_FILE, PictureRecipe, PictureRecipes
from SegQCLib.words import UNIT_WORDS

_BANNER, _BANNER_TEXT = (255, 200, 0), (0, 0, 0)
_SCALE_BARS_MM = (1, 2, 5, 10, 20, 50, 100)
_GREY_STEP = 4


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
    colours.append(TINT * np.array(WRONG) + (1 - TINT) * tinted)
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
        pixels = with_text(pixels, letter, place, white, anchor=anchor, size=18)
    bar_mm = max((bar for bar in _SCALE_BARS_MM if bar <= width * drawn.pixel_mm / 4), default=_SCALE_BARS_MM[0])
    bar = round(bar_mm / drawn.pixel_mm)
    pixels[height - 14 : height - 8, 12 : 16 + bar] = 0
    pixels[height - 12 : height - 10, 14 : 14 + bar] = 255
    pixels = with_text(pixels, f"{bar_mm} mm", (14, height - 18), white, anchor="lb", size=14)
    unit = UNIT_WORDS.get(rule.window.unit, rule.window.unit)
    shows_error = recipe.error is not None and not recipe.corrected
    below = [
        (f"{drawn.slice_text}. Window {rule.apply_window:g}, level {rule.apply_level:g} {unit} ({rule.name})", white),
        (f"Solid blue: {recipe.outline}." + (" Dashed orange, tinted: wrong." if shows_error else ""), CORRECT),
        *((line, white) for line in textwrap.wrap(recipe.note, width // 7)),
    ]
    banner = [("SIMULATED: image made by a program", _BANNER_TEXT, _BANNER)] if recipe.simulated else []
    strips = [_strip(recipe.title, width, WRONG if shows_error else CORRECT, (0, 0, 0), size=16)]
    strips += [_strip(text, width, colour, ground, size=15) for text, colour, ground in banner]
    strips += [pixels, *(_strip(text[0].upper() + text[1:], width, colour, (0, 0, 0), size=13) for text, colour in below)]
    return np.concatenate(strips)


def _strip(text: str, width: int, colour: tuple[int, int, int], ground: tuple[int, int, int], *, size: int) -> NDArray[np.uint8]:
    strip = np.empty((size + 9, width, 3), np.uint8)
    strip[:] = ground
    return with_text(strip, text, (8, (size + 9) // 2), colour, anchor="lm", size=size, outlined=False)
