"""The steps of the module's column, in the order in which a reader takes them."""

from __future__ import annotations

STEPS = ()
