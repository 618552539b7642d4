"""What a command tells the person at the terminal while it works."""

from __future__ import annotations

import re
import shutil
import sys

from SegQCLib.printable import printable
from SegQCLib.progress import Progress, unwatched

LABELS_HELP = (
    "what label values mean: totalsegmentator, totalsegmentator_mr, an nnU-Net dataset.json, a names JSON, or a table with codes"
    " (Documentation/dicom.md)"
)

# Paths have one slash where a URL that was taken for one had two.
_PASSWORD = re.compile(r"(:/{1,3}[^\s/:@]*:)[^\s@]+(?=@)|([?&]\w*password=)[^&\s]+")


def without_passwords(text: str) -> str:
    """Return a text with *** for the passwords of the URLs in it: whoever mistypes a command sees it again."""
    return _PASSWORD.sub(lambda found: f"{found[1] or found[2]}***", text)


def say(text: str) -> None:
    """Print a sentence that is not the command's result."""
    print(printable(text), file=sys.stderr, flush=True)


def terminal_progress() -> Progress:
    """Return what keeps one line of the terminal up to date; where there is no terminal, nobody is told."""
    return _show_progress if sys.stderr.isatty() else unwatched


def _show_progress(words: str, share: float) -> None:
    # The last column stays empty: some terminals begin a new line after it.
    width = shutil.get_terminal_size().columns - 1
    text = f"{share:4.0%}  {words}"[:width] if share < 1 else ""
    print(f"\r{text:<{width}}\r", end="", file=sys.stderr, flush=True)
