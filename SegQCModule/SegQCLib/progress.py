"""How long work tells how far it is, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

# Called with what is being done, in a few words for a person, and the share of the work that is done, 0 to 1.
# It stops the work by raising `Cancelled`: nothing is half done then, because work keeps what it makes until its end.
Progress = Callable[[str, float], None]


def unwatched(words: str, share: float) -> None:
    """Tell nobody: the progress of work that is not watched."""


def part(progress: Progress, first: float, last: float) -> Progress:
    """Return the progress of a part of the work: its 0 to 1 is `first` to `last` of the whole."""

    def report(words: str, share: float) -> None:
        progress(words, first + (last - first) * share)

    return report


def counted(progress: Progress, words: str, items: Sequence[Item]) -> Iterator[Item]:
    """Yield the items, telling before each which of how many it is."""
    for number, item in enumerate(items):
        progress(f"{words}: {number + 1} of {len(items)}", number / len(items))
        yield item
