"""The background regions that were placed automatically, as a segmentation that can be looked at and kept."""

from __future__ import annotations

from collections.abc import Sequence

from SegQCLib import __version__
from SegQCLib.case import Code, Segment, Segmentation, Terminology
from SegQCLib.geometry import Geometry
from SegQCLib.quality.background import Background, laid_out

BACKGROUND_NAME = "background.seg.nrrd"

# DICOM CID 7150 and CID 7151 (Segmentation Property Categories and Types).
_REFERENCE_REGION = Terminology(
    Code("309825002", "SCT", "Spatial and Relational Concept"), Code("C94970", "NCIt", "Reference Region")
)


def background_segmentation(backgrounds: Sequence[Background], grid: Geometry) -> Segmentation | None:
    """Return one segment per region, under the name that measurements give it; None if there is no region.

    Parameters
    ----------
    backgrounds : sequence of Background
    grid : Geometry
        The image's.
    """
    if not backgrounds:
        return None
    layers, numbers = laid_out(backgrounds, grid)
    segments = tuple(
        Segment(
            id=f"background_{value}",
            name=background.name,
            label_value=value,
            layer=number,
            terminology=_REFERENCE_REGION,
            algorithm_type="AUTOMATIC",
            algorithm_name="SegQC background placement",
            algorithm_version=__version__,
        )
        for value, (background, number) in enumerate(zip(backgrounds, numbers, strict=True), 1)
    )
    return Segmentation("SegQC image-quality background", grid, tuple(layers), segments)
