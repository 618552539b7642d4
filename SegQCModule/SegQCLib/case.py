"""One case: the image, its acquisition facts, and the segmentations drawn on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.acquisition import Acquisition, WindowLevel
from SegQCLib.findings import Finding
from SegQCLib.geometry import Geometry
from SegQCLib.training_mark import refuse_outside_training

if TYPE_CHECKING:  # they are made of protocol and findings, which know what a segment is
    from SegQCLib.quality.study_norms import QualityNorms
    from SegQCLib.readers.kept_findings import KeptFinding
    from SegQCLib.readers.ratings import RatingGiven
    from SegQCLib.readers.training.standing import TrainingStanding

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class FileSource:
    """Which file or folder something was read from."""

    path: str
    sha256: str


@dataclass(frozen=True)
class SliceSource:
    """Where in DICOM a slice comes from.

    Attributes
    ----------
    path : Path
    frame : int or None
        Frame number, from 1, in a multi-frame object; None for a file of one image.
    """

    path: Path
    frame: int | None = None


@dataclass(frozen=True, eq=False)
class Volume:
    """An image.

    Attributes
    ----------
    array : ndarray, shape (k, j, i), or None
        Values after rescale (CT: HU). None where only the grid is known, as for reader contours
        published without their pixels.
    geometry : Geometry
    acquisition : Acquisition
    source : FileSource or None
        None for a volume that exists only in memory or in a scene.
    findings : tuple of Finding
        What reading it already showed.
    display : WindowLevel or None
        The window that a viewer shows it with now, where there is a viewer.
    slice_origins_lps_mm : ndarray, shape (k, 3), or None
        Image Position (Patient) of each slice, where slices were read one by one.
    slice_sources : tuple of SliceSource
        The DICOM file (and frame) of each slice, in the order of k; () for an image that is not DICOM.
    training_set : str or None
        Id of the training set whose practice case this is the image of; drafts of that set may be used with it.
    """

    array: NDArray | None
    geometry: Geometry
    acquisition: Acquisition = field(default=Acquisition())
    source: FileSource | None = None
    findings: tuple[Finding, ...] = ()
    display: WindowLevel | None = None
    slice_origins_lps_mm: NDArray[np.float64] | None = None
    slice_sources: tuple[SliceSource, ...] = ()
    training_set: str | None = None

    def __post_init__(self) -> None:
        if self.array is not None and self.array.shape != self.geometry.size:
            raise ValueError(f"Volume array is {self.array.shape}, its geometry says {self.geometry.size} (k, j, i).")


@dataclass(frozen=True)
class Code:
    """A coded concept: DICOM Code Value (0008,0100), Coding Scheme Designator (0008,0102), Code Meaning (0008,0104)."""

    value: str = field(metadata={"doc": "Code Value (0008,0100)."})
    scheme: str = field(metadata={"doc": "Coding Scheme Designator (0008,0102), for example SCT."})
    meaning: str = field(metadata={"doc": "Code Meaning (0008,0104)."})


@dataclass(frozen=True)
class Terminology:
    """What a segment is, in DICOM's three codes (PS3.3 C.8.20.4) and its region."""

    category: Code = field(metadata={"doc": "Segmented Property Category (0062,0003)."})
    type: Code = field(metadata={"doc": "Segmented Property Type (0062,000F)."})
    modifier: Code | None = field(
        default=None, metadata={"doc": "Segmented Property Type Modifier (0062,0011), for example the laterality."}
    )
    region: Code | None = field(default=None, metadata={"doc": "Anatomic Region (0008,2218)."})
    region_modifier: Code | None = field(default=None, metadata={"doc": "Anatomic Region Modifier (0008,2220)."})

    @property
    def structure_codes(self) -> tuple[tuple[str, str] | None, ...]:
        """Scheme and value of type, modifier, region and its modifier: what names an anatomical structure."""
        codes = (self.type, self.modifier, self.region, self.region_modifier)
        return tuple(None if code is None else (code.scheme, code.value) for code in codes)

    def same_structure(self, other: Terminology) -> bool:
        """Return whether both name one anatomical structure: type, modifier and region by code, not by wording."""
        return self.structure_codes == other.structure_codes


@dataclass(frozen=True)
class Segment:
    """One segment of a segmentation.

    Attributes
    ----------
    id : str
        Unique in its segmentation.
    name : str
        DICOM Segment Label (0062,0005).
    layer, label_value : int
        The voxels `layers[layer] == label_value` belong to it.
    terminology : Terminology or None
    color : tuple of three floats or None
        RGB, 0 to 1.
    status : str or None
        Slicer's Segmentation.Status: notstarted, inprogress, completed or flagged.
    algorithm_type : str or None
        DICOM Segment Algorithm Type (0062,0008): AUTOMATIC, SEMIAUTOMATIC or MANUAL.
    algorithm_name : str or None
        DICOM Segment Algorithm Name (0062,0009).
    algorithm_version, algorithm_parameters : str or None
        DICOM Algorithm Version (0066,0031) and Algorithm Parameters (0066,0032).
    algorithm_family : Code or None
        DICOM Algorithm Family Code (0066,002F).
    tracking_id, tracking_uid : str or None
        DICOM Tracking ID (0062,0020) and Tracking UID (0062,0021): the same lesion in other segmentations.
    training_set : str or None
        Id of the training set that it was made for: never for a patient; see `training_mark`.
    """

    id: str
    name: str
    label_value: int
    layer: int = 0
    terminology: Terminology | None = None
    color: tuple[float, float, float] | None = None
    status: str | None = None
    algorithm_type: str | None = None
    algorithm_name: str | None = None
    algorithm_version: str | None = None
    algorithm_parameters: str | None = None
    algorithm_family: Code | None = None
    tracking_id: str | None = None
    tracking_uid: str | None = None
    training_set: str | None = None


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Segments on one grid, kept as label layers so that overlapping segments fit too.

    Attributes
    ----------
    name : str
        The reader, model or file it came from, as it is shown to people.
    geometry : Geometry
    layers : tuple of ndarray of integers, shape (k, j, i)
        Segments that do not overlap share a layer. 0 is background.
    segments : tuple of Segment
        A segment without voxels is allowed: "assessed, absent" is information.
    stored : Segmentation or None
        The segmentation as its file has it, where it had to be brought onto the image's grid.
    frame_of_reference_uid : str or None
        DICOM Frame of Reference UID (0020,0052) of the file; None where it has none, as label maps.
    referenced_series_uids : tuple of str
        DICOM Series Instance UID (0020,000E) of each series that the file names as the one it was drawn on.
    """

    name: str
    geometry: Geometry
    layers: tuple[NDArray[np.integer], ...]
    segments: tuple[Segment, ...]
    source: FileSource | None = None
    findings: tuple[Finding, ...] = ()
    stored: Segmentation | None = None
    frame_of_reference_uid: str | None = None
    referenced_series_uids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for number, layer in enumerate(self.layers):
            if layer.shape != self.geometry.size or not np.issubdtype(layer.dtype, np.integer):
                raise ValueError(
                    f"Layer {number} is {layer.dtype} of shape {layer.shape}; integers of shape {self.geometry.size} are needed."
                )
        ids = [segment.id for segment in self.segments]
        if len(ids) != len(set(ids)):
            raise ValueError(f"Segment ids are not unique: {ids}.")

    @cached_property
    def _boxes(self) -> dict[tuple[int, int], Box]:
        boxes = {}
        for number, layer in enumerate(self.layers):
            # find_objects allocates one entry per value up to the largest: map sparse values to 1..n first.
            values = np.array(sorted({s.label_value for s in self.segments if s.layer == number}), dtype=np.int64)
            if not len(values):
                continue
            found = _find_boxes(layer, values)
            boxes.update({(number, int(value)): box for value, box in zip(values, found, strict=True) if box is not None})
        return boxes

    def box(self, segment: Segment) -> Box | None:
        """Return the bounding box of a segment as slices (k, j, i), or None if it has no voxels."""
        return self._boxes.get((segment.layer, segment.label_value))

    def with_segments(self, segments: tuple[Segment, ...]) -> Segmentation:
        """Return the same voxels described by other segments; where they are is not searched for again."""
        other = replace(self, segments=segments)
        known = {(segment.layer, segment.label_value) for segment in self.segments}
        if all((segment.layer, segment.label_value) in known for segment in segments):
            # Where a cached property keeps its value: a frozen dataclass takes none otherwise.
            vars(other)["_boxes"] = self._boxes
        return other

    def mask(self, segment: Segment, box: Box | None = None) -> NDArray[np.bool_]:
        """Return the voxels of a segment inside `box` (default: the whole grid), made anew at each call.

        Keep one at a time: a 512 x 512 x 600 mask is 157 MB.
        """
        layer = self.layers[segment.layer]
        return (layer if box is None else layer[box]) == segment.label_value

    def cropped_reader(self, segment: Segment) -> Callable[[], tuple[NDArray[np.bool_], tuple[int, int, int]]]:
        """Return what reads a segment's voxels when they are needed: its mask cropped to them, and the first index (k, j, i)."""

        def read() -> tuple[NDArray[np.bool_], tuple[int, int, int]]:
            box = self.box(segment) or (slice(0, 0),) * 3
            return self.mask(segment, box), tuple(s.start for s in box)

        return read

    def voxel_count(self, segment: Segment) -> int:
        box = self.box(segment)
        return 0 if box is None else int(np.count_nonzero(self.mask(segment, box)))


def _find_boxes(layer: NDArray[np.integer], values: NDArray[np.int64]) -> list[Box | None]:
    if values[0] > 0 and values[-1] <= 4096:
        found = ndimage.find_objects(layer, max_label=int(values[-1]))
        return [found[value - 1] for value in values]
    boxes: list[Box | None] = []
    for value in values:
        compact = (layer == value).view(np.int8)
        found = ndimage.find_objects(compact)
        boxes.append(found[0] if found else None)
    return boxes


@dataclass(frozen=True, eq=False)
class Case:
    """What `evaluate` looks at: all segmentations are on the image's grid (see `alignment.align`).

    Attributes
    ----------
    image : Volume
    candidate : Segmentation
        The segmentation under test.
    references : tuple of Segmentation
        None, one, or one per reader. Roles in the record: reference, reference 2, reference 3 ...
    draft : Segmentation or None
        The AI result that the candidate started from.
    ratings : tuple of RatingGiven
        What readers say of the image.
    kept_findings : tuple of KeptFinding
        Findings about the candidate that a reader keeps as they are.
    uncertainty : Volume or None
        A segmentation model's uncertainty, 0 or more, for difficulty models that use it.
    second_image : Volume or None
        A second image registered to the first, for what compares two: a second acquisition, another reconstruction, a
        denoised image. It is taken as it is, never resampled.
    drawn_background : Segmentation or None
        Background regions for image quality that a person drew or changed: one called as a region that is placed automatically
        stands in its place, one called after a segment (Lesion 1 background) is for that one, any other for every lesion.
    quality_norms : QualityNorms or None
        Image-quality numbers of the study's other cases, which this one's are compared with; None: no study was given.
    reader_training : TrainingStanding or None
        Where the candidate's reader stands with the training that the protocol asks for; None: nobody said who read.

    Raises
    ------
    BadDataError
        If a segmentation was made for a training set and the image is of no case of that set.
    """

    image: Volume
    candidate: Segmentation
    references: tuple[Segmentation, ...] = ()
    draft: Segmentation | None = None
    ratings: tuple[RatingGiven, ...] = ()
    kept_findings: tuple[KeptFinding, ...] = ()
    uncertainty: Volume | None = None
    second_image: Volume | None = None
    drawn_background: Segmentation | None = None
    reader_training: TrainingStanding | None = None
    quality_norms: QualityNorms | None = None

    def __post_init__(self) -> None:
        # Whatever is checked, measured, reported or exported is a case first.
        for segmentation in (self.candidate, *self.references, *(() if self.draft is None else (self.draft,))):
            refuse_outside_training(segmentation, self.image)

    def reference_roles(self) -> tuple[str, ...]:
        return tuple("reference" if n == 1 else f"reference {n}" for n in range(1, len(self.references) + 1))

    def segmentations_by_role(self) -> tuple[tuple[str, Segmentation], ...]:
        """Return every segmentation with its role, as a sentence begins with it: Candidate, Reference, Draft."""
        named = [("Candidate", self.candidate), *zip(map(str.capitalize, self.reference_roles()), self.references, strict=True)]
        return (*named, *(() if self.draft is None else (("Draft", self.draft),)))
