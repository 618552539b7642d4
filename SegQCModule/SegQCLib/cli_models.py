"""The command line of two models against each other on one cohort: segqc models."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SegQCLib.errors import BadDataError
from SegQCLib.progress import part
from SegQCLib.terminal import LABELS_HELP, say, terminal_progress

_EXIT_DONE = 0
_DESCRIPTION = """\
Compare two AI models by their outputs on the same cases: Dice, surface Dice at 2 mm and 95 % Hausdorff distance of each
structure, their paired difference with its interval, and a test corrected for the number of structures.

  segqc models old new --reference experts --labels totalsegmentator --out comparison

Files of one case have the same name in all three folders. What the numbers mean: Documentation/models.md."""


def add_commands(commands: Any) -> None:
    """Add the command to the subparsers of segqc."""
    models = commands.add_parser(
        "models",
        help="compare two models' outputs on one cohort: table, paired tests, forest plot",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    models.add_argument("a", type=Path, metavar="A_DIR", help="segmentations of model A, one file for each case")
    models.add_argument("b", type=Path, metavar="B_DIR", help="segmentations of model B; a case has the same file name")
    models.add_argument("--reference", type=Path, required=True, metavar="R_DIR", help="reference segmentations of the same cases")
    models.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="output folder: models.html, models.csv, models.json"
    )
    models.add_argument("--names", metavar="A,B", help="names of the two models, with a comma between; default: the folders' names")
    models.add_argument(
        "--patients", type=Path, metavar="F", help="CSV with the columns case and patient, where patients have several cases"
    )
    models.add_argument("--labels", metavar="L", help=LABELS_HELP)
    models.set_defaults(run=_models)


def _models(options: argparse.Namespace) -> int:
    from SegQCLib.model_comparison.cohort import match_cohort
    from SegQCLib.model_comparison.measured_cohort import measure_cohort
    from SegQCLib.model_comparison.model_comparison import compare_models, models_csv
    from SegQCLib.model_comparison.models_page import render_models_page
    from SegQCLib.output import require_writable, write_files

    names = _names(options)
    require_writable(options.out)
    progress = terminal_progress()
    progress("Matching files", 0.0)
    cohort = match_cohort(options.a, options.b, options.reference, options.patients)
    measured = measure_cohort(cohort, labels=options.labels, progress=part(progress, 0.0, 0.9))
    comparison = compare_models(
        cohort, measured, names, patients_given=options.patients is not None, progress=part(progress, 0.9, 0.97)
    )
    progress("Drawing", 0.97)
    page = render_models_page(comparison)
    # All or none: whoever stops it leaves no half of a comparison.
    write_files(options.out, {"models.json": comparison.to_json(), "models.csv": models_csv(comparison), "models.html": page})
    progress("Done", 1.0)
    for one in comparison.left_out:
        say(f"segqc: not compared: {one.case}: {one.reason}")
    for name, lacking in ((comparison.model_a, comparison.not_in_a), (comparison.model_b, comparison.not_in_b)):
        if lacking:
            say(f"segqc: not compared, because {name} has it in no case: {', '.join(lacking)}.")
    if comparison.same_files:
        say(f"segqc: both models' files are the same in {len(comparison.same_files)} of {comparison.cases} cases.")
    print(f"{comparison.model_a} (A) and {comparison.model_b} (B), {comparison.cases} cases, Dice:")
    rows = [("structure", "n", "mean A", "mean B", "A - B (95 % interval)", "p (Holm)", "")]
    rows += [_row(comparison, structure) for structure in comparison.structures]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"  page: {options.out / 'models.html'}")
    return _EXIT_DONE


def _names(options: argparse.Namespace) -> tuple[str, str]:
    if options.names is None:
        a, b = options.a.resolve().name, options.b.resolve().name
        return (a, b) if a != b else (str(options.a), str(options.b))
    names = [name.strip() for name in options.names.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise BadDataError(
            "--names", f"is {options.names!r}.", "Give two different names with one comma between, such as 'old,new'."
        )
    return names[0], names[1]


def _row(comparison, structure) -> tuple[str, ...]:
    one = structure.of("dice")
    difference = one.difference

    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    interval = "" if difference.lower is None else f" ({difference.lower:+.3f} to {difference.upper:+.3f})"
    shown = "-" if difference.value is None else f"{difference.value:+.3f}{interval}"
    words = {"A better": f"{comparison.model_a} better", "B better": f"{comparison.model_b} better"}
    return (
        structure.structure,
        str(one.pairs),
        number(one.mean_a.value),
        number(one.mean_b.value),
        shown,
        number(one.test.p_holm),
        words.get(one.conclusion, one.conclusion),
    )
