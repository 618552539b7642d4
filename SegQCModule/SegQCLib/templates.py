"""The templates of SegQC's HTML pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from SegQCLib.resources import resource

if TYPE_CHECKING:
    from jinja2 import Environment


def page_templates() -> Environment:
    """Return the environment that pages are rendered in: all text is escaped, and what a template lacks is an error.

    Raises
    ------
    ImportError
        If jinja2 is not installed.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(resource("Templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
