"""Example pictures of the grades of a rating, where an atlas has them."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.protocol import LoadedProtocol, Rating
from SegQCLib.resources import resource

# The scale that SegQC's own pictures were chosen for: 1 severe, 5 none.
_ATLAS_GRADES = [1, 2, 3, 4, 5]


def example_picture(rating: Rating, grade: int, loaded: LoadedProtocol) -> Path | None:
    """Return the file of the picture that shows what a grade means, or None where no atlas has one.

    A protocol's own pictures are `Atlas/ratings/<rating id>/<grade>.png` beside its file. Where it has none, SegQC's own
    (`Resources/Atlas/ratings/<modality>/...`, see `artifact_atlas`) stand for ratings from 1 (severe) to 5 (none) of the
    protocol's modality; on another scale the same picture would say something else.
    """
    # A rating's id is any text that its protocol gives: one with a path in it must not lead out of the atlas.
    if Path(rating.id).name != rating.id:
        return None
    name = Path(rating.id, f"{grade}.png")
    places = [Path(loaded.path).parent / "Atlas" / "ratings" / name]
    if rating.best == "highest" and sorted(item.value for item in rating.grades) == _ATLAS_GRADES:
        modalities = loaded.protocol.modality.values
        places += [
            resource("Protocols").parent / "Atlas" / "ratings" / modality / name for modality in modalities if modality.isalnum()
        ]
    return next((path for path in places if path.is_file()), None)
