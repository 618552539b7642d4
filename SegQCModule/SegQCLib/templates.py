"""The templates of SegQC's HTML pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from SegQCLib.resources import resource
from SegQCLib.statistics.missing_package import missing_package

if TYPE_CHECKING:
    from jinja2 import Environment


def page_templates(page: str) -> Environment:
    """Return the environment that pages are rendered in: all text is escaped, and what a template lacks is an error.

    Parameters
    ----------
    page : str
        What is rendered, as an error calls it: "The report".

    Raises
    ------
    BadDataError
        If jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise missing_package(page, error) from error

    return Environment(
        loader=FileSystemLoader(resource("Templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
