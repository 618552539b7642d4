"""What the name of a BIDS file says: entities (sub-01, ses-2, label-tumor, ...), suffix and ending."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

IMAGE_ENDINGS = (".nii.gz", ".nii")
# What a derivative's name adds to that of its source file.
DERIVED_ENTITIES = frozenset(("space", "res", "den", "label", "desc", "seg", "atlas", "scale", "hemi"))


@dataclass(frozen=True)
class BidsName:
    """The name of a file.

    Attributes
    ----------
    path : Path
    entities : tuple of (key, value)
        In their order in the name.
    suffix : str
        What stands between the entities and the ending: T1w, ct, dseg, mask.

    References
    ----------
    Brain Imaging Data Structure specification 1.10, common principles: entities; derivatives: imaging data types.
    """

    path: Path
    entities: tuple[tuple[str, str], ...]
    suffix: str

    @property
    def source(self) -> frozenset[tuple[str, str]]:
        """The entities that a derivative has from its source file."""
        return frozenset(item for item in self.entities if item[0] not in DERIVED_ENTITIES)

    def value(self, key: str) -> str | None:
        return dict(self.entities).get(key)


def bids_name(path: Path, endings: tuple[str, ...] = IMAGE_ENDINGS) -> BidsName | None:
    """Return what a file's name says, or None where it is no name of BIDS with one of these endings."""
    ending = next((ending for ending in endings if path.name.endswith(ending)), None)
    if ending is None:
        return None
    *parts, suffix = path.name[: -len(ending)].split("_")
    pairs = [part.partition("-") for part in parts]
    # A file for all subjects may have no entity: dseg.tsv.
    if not suffix or "-" in suffix or "." in suffix or not all(key and value for key, _, value in pairs):
        return None
    return BidsName(path, tuple((key, value) for key, _, value in pairs), suffix)
