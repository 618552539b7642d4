"""Which algorithm made a draft."""

from __future__ import annotations

from dataclasses import dataclass, replace

from SegQCLib.case import Segmentation


@dataclass(frozen=True)
class DraftAlgorithm:
    """Name, version and parameters of an algorithm; None where nothing says so.

    Attributes
    ----------
    name : str or None
        DICOM Segment Algorithm Name (0062,0009).
    version : str or None
        DICOM Algorithm Version (0066,0031).
    parameters : str or None
        DICOM Algorithm Parameters (0066,0032).
    """

    name: str | None = None
    version: str | None = None
    parameters: str | None = None


def common_algorithm(segmentation: Segmentation) -> DraftAlgorithm:
    """Return what all segments say alike of their algorithm."""

    def common(attribute: str) -> str | None:
        values = {getattr(segment, attribute) for segment in segmentation.segments}
        return values.pop() if len(values) == 1 else None

    return DraftAlgorithm(common("algorithm_name"), common("algorithm_version"), common("algorithm_parameters"))


def made_by(segmentation: Segmentation, algorithm: DraftAlgorithm) -> Segmentation:
    """Return a draft's segmentation with every segment AUTOMATIC and made by an algorithm.

    Where the algorithm says nothing, a segment keeps what its file says. The type is always AUTOMATIC:
    it is common that files of AI results say MANUAL, because their writer did not know better.
    """
    segments = tuple(
        replace(
            segment,
            algorithm_type="AUTOMATIC",
            algorithm_name=algorithm.name or segment.algorithm_name,
            algorithm_version=algorithm.version or segment.algorithm_version,
            algorithm_parameters=algorithm.parameters or segment.algorithm_parameters,
        )
        for segment in segmentation.segments
    )
    return replace(segmentation, segments=segments)
