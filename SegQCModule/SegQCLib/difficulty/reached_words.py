"""What a model reached on unseen patients, as lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from SegQCLib.difficulty.in_words import percent

if TYPE_CHECKING:
    from SegQCLib.difficulty.model_file import CrossValidation, Measured


def reached_words(reached: CrossValidation) -> str:
    """Return errors, coverage and pair rates on unseen patients as lines of text."""

    def measured(number: Measured) -> str:
        return f"{number.value:.4f}  (95 % interval over patients {number.lower:.4f} to {number.upper:.4f})"

    def thirds(shares: tuple[float, ...]) -> str:
        return "; thirds by size " + ", ".join(f"{100 * share:.1f} %" for share in shares)

    leak_free = reached.mae_without_describing_reader
    rows = (
        ("mean absolute error (Dice)", measured(reached.mae)),
        ("the same per patient", measured(reached.mae_per_patient)),
        ("the same, one Dice for all", measured(reached.mae_constant)),
        ("pairs without the reader described", "undefined" if leak_free is None else measured(leak_free)),
        (
            f"interval of {percent(reached.stated_coverage)}: share inside",
            f"{100 * reached.coverage:.1f} %{thirds(reached.coverage_by_size)}",
        ),
        ("mean width of the interval (Dice)", f"{reached.interval_width:.3f}"),
        (
            "expert pairs that reach `lower`",
            f"{100 * reached.pairs_reaching_lower:.1f} %{thirds(reached.pairs_reaching_lower_by_size)}",
        ),
        ("expert pairs that reach `mean`", f"{100 * reached.pairs_reaching_mean:.1f} %"),
        ("outlines predicted (in domain)", f"{100 * reached.in_domain:.1f} %"),
    )
    return "\n".join(f"  {name:<38} {value}" for name, value in rows)
