"""What to do about each fault of an export: the same fault is solved by an option on the command line, by a step in 3D Slicer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remedies:
    """Sentences that follow the fault.

    Attributes
    ----------
    codes : str
        Segments have no codes.
    origin : str
        Nobody knows who or what drew a segment.
    contradiction : str
        Two sources do not agree on that.
    hearsay : str
        Only another program's file says it.
    same_name : str
        Draft and candidate name one structure in two ways.
    algorithm_name, algorithm_version : str
        An algorithm has no name; no version or family.
    reader : str
        No reader is named.
    """

    codes: str
    origin: str
    contradiction: str
    hearsay: str
    same_name: str
    algorithm_name: str
    algorithm_version: str
    reader: str


COMMAND_LINE = Remedies(
    codes="Give a label table with codes (--labels totalsegmentator, totalsegmentator_mr or your own, by name), a protocol whose"
    " structures have these names (--protocol), or choose the terminology in 3D Slicer's Segment Editor and save again.",
    origin="Give the AI result that it started from (--draft), the reader's session log (--log), or say it: --drawn-by automatic,"
    " semiautomatic or manual.",
    contradiction="Leave out what is wrong (--disregard-tags for what the file says: some programs write MANUAL or AUTOMATIC"
    " whatever was done).",
    hearsay="Confirm it by --draft, --log or --drawn-by.",
    same_name="Give both the same name (--labels says what numbers mean).",
    algorithm_name="Name it with --model.",
    algorithm_version="Give --model with --model-version.",
    reader="Name the reader with --reader.",
)
