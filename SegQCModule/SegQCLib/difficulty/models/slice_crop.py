"""A slice around a candidate as channels of fixed size: what the ResNet sees."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.errors import BadDataError

# Five halvings of the resolution leave one position of 32 pixels.
_SMALLEST_SIDE_PX = 32
_LARGEST_SIDE_PX = 1024


@dataclass(frozen=True)
class SliceCrop:
    """How a slice becomes input channels: a square around the candidate, always of one size in mm.

    The size is fixed because the size of a lesion is among the strongest reasons for disagreement: a crop scaled to
    the lesion would hide it. The slice is shown to a margin around the candidate only, because images of a study are often
    cut around everything its readers outlined: where such an image ends would tell how far the readers went.
    """

    window: tuple[float, float] = field(
        metadata={"doc": "Grey values (HU for CT) that become 0 and 1 in the image channel; what is below or above is clipped."}
    )
    uncertainty: bool = field(metadata={"doc": "Whether the uncertainty map is the third channel."})
    side_px: int = field(default=96, metadata={"doc": "Side of the square in pixels, 32 to 1024."})
    pixel_mm: float = field(default=1.0, metadata={"doc": "Side of a pixel of the square in mm."})
    margin_mm: float = field(default=10.0, metadata={"doc": "How far around the candidate's bounding box the slice is shown."})

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, in order."""
        return ("image", "candidate", "uncertainty") if self.uncertainty else ("image", "candidate")

    def __post_init__(self) -> None:
        side_fits = _SMALLEST_SIDE_PX <= self.side_px <= _LARGEST_SIDE_PX
        if not (self.window[0] < self.window[1] and side_fits and self.pixel_mm > 0 and self.margin_mm >= 0):
            raise ValueError(
                f"{self} is no crop: the window must go from a lower to a higher grey value, side_px be in"
                f" [{_SMALLEST_SIDE_PX}, {_LARGEST_SIDE_PX}], pixel_mm above 0 and margin_mm 0 or more."
            )


def slice_channels(
    image: NDArray,
    candidate: NDArray[np.bool_],
    uncertainty: NDArray | None,
    spacing_mm: tuple[float, float],
    crop: SliceCrop,
) -> NDArray[np.float32]:
    """Return one slice as the channels that `crop` describes.

    All channels are resampled alike, linearly, to square pixels around the centre of the candidate's bounding box, after
    a Gaussian of (f - 1) / 2 pixels along each axis whose pixels become f > 1 times larger. Beyond the margin
    and the field of view the image has the lower end of the window, and the candidate and the uncertainty are 0.

    Parameters
    ----------
    image : ndarray, shape (j, i)
        Grey values, HU for CT.
    candidate : ndarray of bool, shape (j, i)
        The outline that is described.
    uncertainty : ndarray or None, shape (j, i)
        A model's uncertainty, 0 or more, unit as in training; read only where the crop has the channel.
    spacing_mm : tuple of float
        (j, i).
    crop : SliceCrop

    Returns
    -------
    ndarray of float32, shape (channel, side_px, side_px)
        Image and candidate 0 to 1 (a pixel of the candidate's border holds the covered share), uncertainty unchanged.

    Raises
    ------
    BadDataError
        If the candidate is empty or does not fit into the crop.
    ValueError
        If shapes differ, or the crop needs an uncertainty map and none is given.
    """
    if image.ndim != 2 or candidate.shape != image.shape or (uncertainty is not None and uncertainty.shape != image.shape):
        shapes = [image.shape, candidate.shape, None if uncertainty is None else uncertainty.shape]
        raise ValueError(f"Image, candidate and uncertainty of a slice are {shapes}; one shape (j, i) is needed.")
    if crop.uncertainty and uncertainty is None:
        raise ValueError("This crop has an uncertainty channel, and no uncertainty map is given.")
    found = ndimage.find_objects(candidate.astype(np.uint8))
    if not found:
        raise BadDataError("The candidate", "has no pixel in this slice.", "Choose a slice in which it is outlined.")
    (box,) = found
    side_mm = crop.side_px * crop.pixel_mm
    extent_mm = [(part.stop - part.start) * step for part, step in zip(box, spacing_mm, strict=True)]
    if max(extent_mm) > side_mm:
        raise BadDataError(
            "The candidate",
            f"spans {max(extent_mm):.1f} mm in this slice, the network sees {side_mm:g} mm.",
            "Use a network that was trained with a larger crop.",
        )
    margins = [round(crop.margin_mm / step) for step in spacing_mm]
    shown = tuple(slice(max(0, part.start - px), part.stop + px) for part, px in zip(box, margins, strict=True))
    scale = [crop.pixel_mm / step for step in spacing_mm]
    # Positions are those of pixel centres: the middle of the pixels 2 to 4 is 3, not 3.5.
    middle = [(part.start + part.stop - 1) / 2 - cut.start for part, cut in zip(box, shown, strict=True)]
    offset = [centre - factor * (crop.side_px - 1) / 2 for centre, factor in zip(middle, scale, strict=True)]
    smoothing = [max(0.0, (factor - 1) / 2) for factor in scale]
    lower, upper = crop.window

    def resampled(array: NDArray, beyond: float) -> NDArray[np.float32]:
        smooth = ndimage.gaussian_filter(array[shown].astype(np.float32), smoothing, mode="nearest")
        return ndimage.affine_transform(
            smooth, scale, offset, output_shape=(crop.side_px, crop.side_px), order=1, mode="constant", cval=beyond
        )

    channels = [np.clip((resampled(image, lower) - lower) / (upper - lower), 0, 1), resampled(candidate, 0.0)]
    if crop.uncertainty:
        channels.append(resampled(uncertainty, 0.0))
    return np.stack(channels).astype(np.float32)
