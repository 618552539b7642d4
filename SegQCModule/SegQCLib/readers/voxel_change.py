"""How far a segment is from the draft it began as, in voxels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VoxelChange:
    """Voxels of a segment against its draft, on the segment's grid.

    Attributes
    ----------
    voxels : int
        Of the segment now.
    draft_voxels : int
        Of the draft's segment; 0 where the draft has no such segment.
    added, removed : int
        In the segment but not in the draft, and the other way round.
    """

    voxels: int
    draft_voxels: int
    added: int
    removed: int

    @property
    def kept(self) -> int:
        """Number of voxels that both have."""
        return self.draft_voxels - self.removed
