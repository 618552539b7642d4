"""What each measure is called and means, in words for a radiologist: titles, hover texts and definition lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricText:
    """The words of one metric.

    Attributes
    ----------
    id : str
        Metric id, as in the record.
    short_name, long_name : str
        For a column heading and for a list.
    definition : str
        One sentence that says what is measured.
    better : {"higher", "lower", "closer to 0"} or None
        None where neither direction is better.
    values : str
        Which values are possible.
    source : str
        Who described the measure.
    group : {"overlap", "distance", "size", "other"}
        Which table it belongs to.
    shown_as : {"ratio", "signed", "count"}
        How a value of UCUM unit 1 is written. Values with another unit are written with that unit.
    """

    id: str
    short_name: str
    long_name: str
    definition: str
    better: Literal["higher", "lower", "closer to 0"] | None
    values: str
    source: str
    group: Literal["overlap", "distance", "size", "other"]
    shown_as: Literal["ratio", "signed", "count"] = "ratio"

    @property
    def better_text(self) -> str:
        return "neither higher nor lower is better" if self.better is None else f"{self.better} is better"

    @property
    def hover(self) -> str:
        """Return name, definition, direction and possible values in one text."""
        return f"{self.long_name}. {self.definition} Values: {self.values}; {self.better_text}."


_NIKOLOV = "Nikolov et al., J Med Internet Res 2021;23:e26151"
_HEIMANN = "Heimann et al., IEEE Trans Med Imaging 2009;28:1251-1265"
_IBSI = "Voxel-counting volume: Zwanenburg et al. (IBSI), Radiology 2020;295:328-338"


def _surface_dice(metric: str, short: str, tolerance: str) -> MetricText:
    return MetricText(
        metric,
        short,
        f"Surface Dice at {tolerance}",
        f"Share of the two surfaces that lies within {tolerance} of the other surface.",
        "higher",
        "0 to 1",
        _NIKOLOV,
        "overlap",
    )


METRIC_TEXTS = (
    MetricText(
        "dice",
        "Dice",
        "Dice similarity coefficient",
        "Twice the shared volume of candidate and reference, divided by the sum of their volumes.",
        "higher",
        "0 (no overlap) to 1 (identical)",
        "Dice, Ecology 1945;26:297-302",
        "overlap",
    ),
    MetricText(
        "jaccard",
        "Jaccard",
        "Jaccard index (intersection over union)",
        "The shared volume of candidate and reference, divided by the volume that either of them covers.",
        "higher",
        "0 (no overlap) to 1 (identical)",
        "Jaccard, New Phytologist 1912;11:37-50",
        "overlap",
    ),
    _surface_dice("surface_dice_1mm", "Surface Dice, 1\u00a0mm", "1 mm"),
    _surface_dice("surface_dice_2mm", "Surface Dice, 2\u00a0mm", "2 mm"),
    _surface_dice("surface_dice_3mm", "Surface Dice, 3\u00a0mm", "3 mm"),
    _surface_dice("surface_dice_protocol", "Surface Dice, protocol", "the protocol's tolerance for the structure"),
    MetricText(
        "hausdorff_mm",
        "Hausdorff",
        "Hausdorff distance",
        "The largest distance from a point on one surface to the nearest point of the other surface; one stray voxel decides it.",
        "lower",
        "0 mm and above",
        "Huttenlocher et al., IEEE Trans Pattern Anal Mach Intell 1993;15:850-863",
        "distance",
    ),
    MetricText(
        "hausdorff_95_mm",
        "Hausdorff 95 %",
        "95th percentile Hausdorff distance",
        "The distance within which 95 % of a surface lies from the other surface, so that a few stray voxels do not decide it.",
        "lower",
        "0 mm and above",
        f"{_NIKOLOV}; Taha and Hanbury, BMC Med Imaging 2015;15:29",
        "distance",
    ),
    MetricText(
        "assd_mm",
        "Mean surface distance",
        "Average symmetric surface distance",
        "The mean distance from the points of each surface to the nearest point of the other surface.",
        "lower",
        "0 mm and above",
        _HEIMANN,
        "distance",
    ),
    MetricText(
        "added_path_length_mm",
        "Added path length",
        "Added path length",
        "The length of reference contour that the candidate's contour does not follow and that a person would have to draw.",
        "lower",
        "0 mm and above",
        "Vaassen et al., Phys Imaging Radiat Oncol 2020;13:1-6",
        "distance",
    ),
    MetricText(
        "volume_reference_mm3",
        "Volume, reference",
        "Volume of the reference",
        "The volume of the segment in the reference.",
        None,
        "0 mm³ and above",
        _IBSI,
        "size",
    ),
    MetricText(
        "volume_candidate_mm3",
        "Volume, candidate",
        "Volume of the candidate",
        "The volume of the segment in the candidate.",
        None,
        "0 mm³ and above",
        _IBSI,
        "size",
    ),
    MetricText(
        "relative_volume_difference",
        "Volume difference",
        "Relative volume difference",
        "How much larger (+) or smaller (−) the candidate is than the reference, as a share of the reference volume;"
        " 0.100 is 10 % larger, and 0 does not mean that the two overlap.",
        "closer to 0",
        "−1 (candidate empty) and above",
        _HEIMANN,
        "size",
        "signed",
    ),
    MetricText(
        "voxel_count",
        "Voxels",
        "Number of voxels",
        "How many voxels the segment has.",
        None,
        "0 and above",
        "Count on the image grid",
        "size",
        "count",
    ),
    MetricText(
        "slice_count",
        "Slices",
        "Number of slices",
        "On how many slices the segment has voxels.",
        None,
        "0 and above",
        "Count on the image grid",
        "size",
        "count",
    ),
    MetricText(
        "islands",
        "Islands",
        "Islands apart from the largest part",
        "How many pieces of the segment lie apart from its largest piece; 0 means that the segment is in one piece.",
        None,
        "0 and above",
        "Connected components on the image grid",
        "size",
        "count",
    ),
    MetricText(
        "holes",
        "Holes",
        "Number of enclosed holes",
        "How many background regions are enclosed by the segment; how they are counted stands in the definition.",
        None,
        "0 and above",
        "Connected components on the image grid",
        "size",
        "count",
    ),
)

_BY_ID = {text.id: text for text in METRIC_TEXTS}


def metric_text(metric: str) -> MetricText:
    """Return the words of a metric; for an id without words of its own, words that say so."""
    known = _BY_ID.get(metric)
    if known is not None:
        return known
    return MetricText(
        metric,
        metric,
        metric,
        "This report has no description of this measure; the record names its definition.",
        None,
        "not described",
        "not described",
        "other",
    )


def metric_order(metric: str) -> int:
    """Return the place of a metric in tables and lists; metrics without words of their own come last."""
    return list(_BY_ID).index(metric) if metric in _BY_ID else len(_BY_ID)
