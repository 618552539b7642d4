"""What kind of lesion a slice belongs to, and how deep in it the slice's pixels lie. SegQC's own descriptors."""

from __future__ import annotations

import functools

import numpy as np

from SegQCLib.difficulty.descriptors import radial, shape_3d
from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline

_OF_SHAPE = ("surface_to_volume_per_mm", "sphericity", "elongation", "flatness")

MEANINGS = {
    **{name: Meaning(f"of the whole lesion: {shape_3d.MEANINGS[name].text}", shape_3d.MEANINGS[name].unit) for name in _OF_SHAPE},
    "radial_variation": Meaning(f"of the whole lesion: {radial.MEANINGS['variation'].text}"),
    "slice_spacing_mm": Meaning("distance between slices", "mm"),
    "maximum_depth_mm": Meaning("depth of the lesion's innermost point below its surface", "mm"),
    "slice_maximum_depth_mm": Meaning("depth of the slice's innermost point below the lesion's surface", "mm"),
    "slice_mean_depth_mm": Meaning("mean depth of the slice below the lesion's surface", "mm"),
    "slice_depth_to_maximum": Meaning("depth of the slice's innermost point relative to the lesion's"),
    "share_beyond": Meaning("part of the lesion's volume on the smaller side of the slice"),
}


def whole_lesion(lesion: Outline, k: int) -> dict[str, float]:
    """Return what slice k's lesion is like, and where in its depth the slice lies.

    surface_to_volume_per_mm, sphericity, elongation and flatness are those of `shape_3d`, radial_variation that of `radial`.
    Depth is the distance in mm in space, between centres, to the nearest voxel outside of the lesion: its maximum over the
    lesion, its maximum and mean over slice k, and the first of these two over that of the lesion, in (0, 1]. share_beyond:
    volume of the slices before k or of those after it, whichever is less, over the lesion's, 0 to 0.5.

    Parameters are those of `slice_context`; undefined (NaN) is what is so in `shape_3d`.
    """
    areas = np.count_nonzero(lesion.mask, axis=(1, 2))
    in_slice_mm = lesion.depth_mm[k]
    depths_mm = in_slice_mm[in_slice_mm > 0]
    maximum_mm = float(lesion.depth_mm.max())
    return {
        **_form(lesion),
        "slice_spacing_mm": lesion.spacing_mm[0],
        "maximum_depth_mm": maximum_mm,
        "slice_maximum_depth_mm": float(depths_mm.max()),
        "slice_mean_depth_mm": float(depths_mm.mean(dtype=float)),
        "slice_depth_to_maximum": float(depths_mm.max()) / maximum_mm,
        "share_beyond": float(min(areas[:k].sum(), areas[k + 1 :].sum()) / areas.sum()),
    }


@functools.lru_cache(maxsize=1)  # a lesion's slices are described one after the other
def _form(lesion: Outline) -> dict[str, float]:
    shape = shape_3d.shape_3d(lesion)
    return {**{name: shape[name] for name in _OF_SHAPE}, "radial_variation": radial.radial(lesion)["variation"]}
