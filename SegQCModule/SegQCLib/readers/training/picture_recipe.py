"""How the pictures of an atlas are made, as data: which case, which slice, which outlines, which error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

PICTURES_FILE = "pictures.json"


ErrorKind = Literal[
    "island",
    "missing_slices",
    "left_right",
    "shrunken",
    "cut_end",
    "grown",
    "closed",
    "includes",
    "leaks",
    "leaves_out",
]


@dataclass(frozen=True)
class DrawnError:
    """An error to draw, so that a reader knows it when it happens."""

    kind: ErrorKind = field(
        metadata={
            "doc": "island, missing_slices, left_right, shrunken, cut_end: as errors are planted into drafts. grown: too large by"
            " reach_mm. closed: notches and gaps up to twice reach_mm filled. includes: takes in other structures."
            " leaks: runs into tissue of like value nearby."
            " leaves_out: lacks its voxels of certain values, such as its vessels."
        }
    )
    structures: tuple[str, ...] = field(default=(), metadata={"doc": "includes: which structures are taken in."})
    reach_mm: float | None = field(default=None, metadata={"doc": "grown, closed, includes, leaks: how far, mm."})
    values: tuple[float, float] | None = field(
        default=None, metadata={"doc": "leaks, leaves_out: lowest and highest image value, in the image's unit (CT: HU)."}
    )
    seed: int = field(default=0, metadata={"doc": "Where there is a choice of place, it decides."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.kind == "includes" and not self.structures:
            yield "structures", "is empty; name what is taken in"
        if self.kind in ("grown", "closed", "leaks") and not (self.reach_mm or 0) > 0:
            yield "reach_mm", f"is {self.reach_mm}; {self.kind} needs millimetres above 0"
        if self.kind in ("leaks", "leaves_out") and self.values is None:
            yield "values", f"is missing; {self.kind} needs the lowest and the highest image value"


@dataclass(frozen=True)
class PictureRecipe:
    """One picture."""

    file: str = field(metadata={"doc": "PNG file to make, relative to the course folder."})
    title: str = field(metadata={"doc": "Line above the picture."})
    image: str = field(metadata={"doc": "Image file or DICOM folder, relative to the course folder."})
    segmentation: str = field(metadata={"doc": "Segmentation whose outlines are drawn, relative to the course folder."})
    structure: str = field(metadata={"doc": "Segment that the picture is about: its slice and its middle are shown."})
    labels: str | None = field(default=None, metadata={"doc": "What label values mean, as in course.json."})
    plane: Literal["axial", "coronal", "sagittal"] = field(default="axial", metadata={"doc": "Plane."})
    at: float | None = field(
        default=None,
        metadata={
            "doc": "Slice as a part of the structure's extent: 0 is its first one (inferior, anterior or right), 1 its last; null:"
            " the slice with its largest area."
        },
    )
    beside: tuple[str, ...] = field(default=(), metadata={"doc": "Other segments to outline thinly, with their names."})
    zoom_mm: float | None = field(default=None, metadata={"doc": "Side of the square shown, mm; null: the whole slice."})
    error: DrawnError | None = field(default=None, metadata={"doc": "Error to draw beside the correct outline; null: none."})
    corrected: bool = field(
        default=False,
        metadata={"doc": "True: the place of the error, but only what is correct: the picture to put beside the error."},
    )
    names: bool = field(default=True, metadata={"doc": "Whether the names of `beside` are written on the picture."})
    outline: str = field(default="drawn correctly", metadata={"doc": "What the outline is, for the legend below the picture."})
    simulated: bool = field(default=False, metadata={"doc": "True puts SIMULATED on the picture."})
    note: str = field(default="", metadata={"doc": "What must be known of the image or outline, below the picture."})

    def faults(self) -> Iterator[tuple[str, str]]:
        path = PurePosixPath(self.file)
        if path.suffix != ".png" or path.is_absolute() or ".." in path.parts:
            yield "file", f"{self.file!r} is no .png inside the course folder"
        if self.at is not None and not 0 <= self.at <= 1:
            yield "at", f"{self.at:g} is not in [0, 1]"
        if self.corrected and self.error is None:
            yield "corrected", "is true, but there is no error to correct"
        if self.zoom_mm is not None and not self.zoom_mm > 0:
            yield "zoom_mm", f"{self.zoom_mm:g} is not above 0 mm"


@dataclass(frozen=True)
class PictureRecipes:
    """The recipes of all pictures of a course."""

    schema: Literal["segqc-course-pictures"] = field(metadata={"doc": "Always segqc-course-pictures."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this file format."})
    protocol: str = field(
        metadata={"doc": "Protocol whose windows are used: id of a shipped one, or a JSON file relative to the course folder."}
    )
    pictures: tuple[PictureRecipe, ...] = field(metadata={"doc": "One recipe for each picture."})

    def faults(self) -> Iterator[tuple[str, str]]:
        files = [recipe.file.casefold() for recipe in self.pictures]
        for file in sorted({file for file in files if files.count(file) > 1}):
            yield "pictures", f"{file!r} is made {files.count(file)} times; keep one recipe"
