"""What a difficulty model says of one lesion or slice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExpectedAgreement:
    """The Dice that experts are predicted to reach among themselves on one lesion or slice.

    Two things that must not be mixed up: `lower` and `upper` bound the *mean* over all pairs of experts; `threshold` is
    the Dice that work has to reach.

    Attributes
    ----------
    dice : float or None
        Predicted mean pairwise Dice, 0 to 1; None where the model refuses (`in_domain` is False).
    lower, upper : float or None
        Interval of the mean pairwise Dice, 0 to 1; it holds the true mean with probability `coverage`.
    coverage : float
        Stated coverage of the interval, in (0, 1).
    threshold : float or None
        For the rule `lower`: the value that 90 % of single expert pairs on such an image exceed. For the rule `mean`:
        `dice`, as in Fournel et al.
    in_domain : bool
        False: the image lies outside what the model was fitted on, and none of the numbers above is given.
    reasons : tuple of str
        Sentences: why the prediction is what it is, or why the model refuses.
    """

    dice: float | None
    lower: float | None
    upper: float | None
    coverage: float
    threshold: float | None
    in_domain: bool
    reasons: tuple[str, ...]
