"""Numbers as people read them, in the report and on screen alike."""

from __future__ import annotations

# Narrow no-break space: a number must not break over two lines.
_THIN_SPACE = "\u202f"


def grouped(value: float, decimals: int) -> str:
    """Return a number with thin spaces between thousands; a value that only rounding makes 0 says so."""
    if value and abs(value) < 0.5 * 10**-decimals:
        return f"{'<' if value > 0 else '>'}{_THIN_SPACE}{'' if value > 0 else '−'}{10**-decimals:.{decimals}f}"
    return f"{value:,.{decimals}f}".replace(",", _THIN_SPACE).replace("-", "−")


def ratio(value: float) -> str:
    """Return a share with 3 decimals; only a true 1 reads 1.000, only a true 0 reads 0.000."""
    if value != 1 and f"{value:.3f}" == "1.000":
        return f"{'>' if value < 1 else '<'}{_THIN_SPACE}{'0.999' if value < 1 else '1.001'}"
    return grouped(value, 3)


def beside(value: float, *limits: float) -> tuple[str, ...]:
    """Return a share and the limits it is compared with, 3 decimals each or as many more as it takes.

    A value below a limit never reads as if it were on it or above it, and the other way round.
    """

    def order(a: float, b: float) -> int:
        return 0 if abs(a - b) <= 1e-6 else 1 if a > b else -1

    for decimals in range(3, 8):
        texts = tuple(f"{number:.{decimals}f}" for number in (value, *limits))
        if all(order(float(texts[0]), float(text)) == order(value, limit) for text, limit in zip(texts[1:], limits, strict=True)):
            break
    return texts


def signed(value: float, decimals: int = 3) -> str:
    """Return a difference with its sign."""
    text = grouped(value, decimals)
    return f"+{text}" if value > 0 and text[0].isdigit() else text


def millilitres(mm3: float) -> str:
    """Return a volume given in mm3 in mL, with three digits where there are as many, and its unit."""
    ml = mm3 / 1000
    return f"{grouped(ml, 1 if ml >= 10 else 2 if ml >= 1 else 3)} mL"


def volume(mm3: float) -> str:
    """Return a volume given in mm3 in mL and in mm3."""
    if mm3 == 0:
        return "0 (no voxels)"
    return f"{millilitres(mm3)} ({grouped(mm3, 0 if mm3 >= 100 else 1)} mm³)"
