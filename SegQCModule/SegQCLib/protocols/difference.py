"""One change between two versions of a protocol, in words, and what it means for earlier results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from SegQCLib.dataclass_json import to_json
from SegQCLib.record import ProtocolIdentity

DifferenceKind = Literal["added", "removed", "tighter", "looser", "changed", "wording"]
Affects = Literal["acquisition", "segmentation", "measurement", "verdict", "reading", "texts"]

# In the order in which a study looks at them.
LOOK_AGAIN: dict[Affects, tuple[str, str]] = {
    "acquisition": (
        "Which images are allowed",
        "Evaluate earlier cases again: an image that was allowed may not be now, or the other way round. Nothing is drawn again.",
    ),
    "segmentation": (
        "What is segmented",
        "Look at earlier segmentations: they were drawn for other structures, or structures were recognised otherwise.",
    ),
    "measurement": ("What is measured", "Evaluate earlier cases again: their numbers were measured otherwise."),
    "verdict": ("What decides", "Evaluate earlier cases again: the numbers stay, the verdict may change."),
    "reading": (
        "How readers work",
        "Earlier reads were made under the earlier rule: say so where you compare them. Nothing is computed again.",
    ),
    "texts": ("Texts", "Nothing has to be looked at again."),
}


@dataclass(frozen=True)
class Difference:
    """One thing that differs between two versions of a protocol."""

    path: str = field(
        metadata={"doc": "Where, as in structures[2].aliases: the place in the new version; of what was removed, in the old."}
    )
    words: str = field(metadata={"doc": "What changed, in a sentence without full stop."})
    kind: DifferenceKind = field(
        metadata={
            "doc": "added, removed; tighter: what is allowed now was allowed before, but not the other way round; looser: the"
            " opposite; changed: neither or both; wording: words and sources, while what is required stays."
        }
    )
    affects: Affects = field(
        metadata={
            "doc": "Which earlier results must be looked at again: acquisition (which images are allowed), segmentation (what is"
            " segmented), measurement, verdict, reading (how readers work), texts (none)."
        }
    )


@dataclass(frozen=True)
class ProtocolComparison:
    """All differences between two protocol files."""

    schema: Literal["segqc-protocol-diff"] = field(metadata={"doc": "Always segqc-protocol-diff."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    old: ProtocolIdentity = field(metadata={"doc": "The earlier protocol."})
    new: ProtocolIdentity = field(metadata={"doc": "The later protocol."})
    differences: tuple[Difference, ...] = field(metadata={"doc": "What differs; empty: nothing but the formatting of the file."})
    version_remark: str | None = field(metadata={"doc": "What is wrong with the version of the new one; null: nothing."})

    def to_json(self) -> str:
        return to_json(self)
