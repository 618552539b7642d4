"""Letters on a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def with_text(
    pixels: NDArray[np.uint8],
    text: str,
    column_row: tuple[int, int],
    colour: tuple[int, int, int],
    *,
    anchor: str,
    size: int,
    outlined: bool = True,
) -> NDArray[np.uint8]:
    """Return a picture with a text on it.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (rows, columns, 3)
    text : str
    column_row : tuple of int
        Where the text's anchor is, in pixels.
    colour : tuple of int
        Red, green, blue, 0 to 255.
    anchor : str
        Which point of the text lies there, as Pillow names it: "lm" left middle, "mt" middle top.
    size : int
        Height of the letters, pixels.
    outlined : bool
        With a black line around each letter: readable on any ground.
    """
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
