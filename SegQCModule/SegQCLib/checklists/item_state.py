"""How an item stands, by what files show and what a person said."""

from __future__ import annotations

from collections.abc import Sequence

from SegQCLib.checklists.filled_checklist import ItemState, Reported


def item_state(reported: Sequence[Reported], missing: Sequence[str], not_applicable: bool | None) -> ItemState:
    """Return the state of an item.

    Parameters
    ----------
    reported : sequence of Reported
    missing : sequence of str
    not_applicable : bool or None
        Of a person's answer; None: nobody answered. What files fill alone stays filled beside an answer.
    """
    if not_applicable:
        return ItemState.NOT_APPLICABLE
    if reported and not missing:
        return ItemState.FILLED
    if not_applicable is not None:
        return ItemState.ANSWERED
    return ItemState.PARTLY if reported else ItemState.OPEN
