"""Code blocks of a page in Documentation, so that tests run what the page says."""

import re
from pathlib import Path

PAGES = Path(__file__).parents[1] / "Documentation"


def blocks(page, language):
    """Return the code blocks of a language in a page, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (PAGES / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def block(page, language, holding):
    """Return the only code block of a language that holds a text."""
    (found,) = [text for text in blocks(page, language) if holding in text]
    return found
