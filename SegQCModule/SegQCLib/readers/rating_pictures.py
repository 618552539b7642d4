"""Example pictures of the grades of a rating, where an atlas has them."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.protocol import Rating
from SegQCLib.resources import resource


def example_picture(rating: Rating, grade: int, protocol_path: str) -> Path | None:
    """Return the file of the picture that shows what a grade means, or None where no atlas has one.

    It is `Atlas/ratings/<rating id>/<grade>.png`, in the folder of the protocol's file or in SegQC's Resources; the
    protocol's own comes first.
    """
    relative = Path("Atlas", "ratings", rating.id, f"{grade}.png")
    # A rating's id is any text that its protocol gives: one with a path in it must not lead out of the atlas.
    if Path(rating.id).name != rating.id:
        return None
    folders = (Path(protocol_path).parent, resource("Protocols").parent)
    return next((folder / relative for folder in folders if (folder / relative).is_file()), None)
