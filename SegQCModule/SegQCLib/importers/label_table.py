"""What the numbers of a label map mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from SegQCLib.case import Terminology


@dataclass(frozen=True)
class LabelName:
    """One number of a label map and the structure it stands for."""

    number: int = field(metadata={"doc": "Voxel value, 1 or above."})
    name: str = field(metadata={"doc": "Name of the structure, as its source spells it."})
    color_rgb: tuple[int, int, int] | None = field(default=None, metadata={"doc": "Display colour, red, green, blue, 0 to 255."})
    terminology: Terminology | None = field(default=None, metadata={"doc": "Codes of the structure."})

    @property
    def color(self) -> tuple[float, float, float] | None:
        """Return the colour as red, green, blue from 0 to 1."""
        return None if self.color_rgb is None else tuple(value / 255 for value in self.color_rgb)

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.number < 1:
            yield "number", f"{self.number} is not 1 or above; 0 is the background"
        if not self.name.strip():
            yield "name", "is empty"


@dataclass(frozen=True)
class LabelTable:
    """All numbers that a model or a study uses."""

    title: str = field(metadata={"doc": "How the table is called in messages."})
    source: str = field(metadata={"doc": "Where it comes from, with its licence where it has one."})
    labels: tuple[LabelName, ...] = field(metadata={"doc": "The labels, without the background."})
    ignored: int | None = field(default=None, metadata={"doc": "Value of voxels that nobody annotated (nnU-Net: ignore)."})

    def faults(self) -> Iterator[tuple[str, str]]:
        for number, count in Counter(label.number for label in self.labels).items():
            if count > 1:
                names = ", ".join(label.name for label in self.labels if label.number == number)
                yield "labels", f"number {number} has {count} names ({names}); a voxel value means one structure"
