"""How often do real radiologists pass an exam under the pass rule of training courses, and how often do poor readers?

LIDC-IDRI's four readers (shared/data/lidc_readers), development patients only. One reader of a nodule takes the exam, the other
three (or two of them) are the experts. Who is who is not known across patients, so a candidate is a mixture of readers.
Poor readers are that reader's outline, altered: simulated.

    python Benchmarks/training_pass_rule.py /work/shared/data/lidc_readers
"""

from __future__ import annotations

import csv
import hashlib
import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1] / "SegQCModule"))

from SegQCLib.metrics import compare_every_pair
from SegQCLib.readers.training.pass_rule import beside_experts, required_within

NODULES, EXAMS, TOLERANCE_MM = 240, 4000, 2.0


def readers_of(folder):
    with (folder / "nodules.csv").open() as file:
        rows = list(csv.DictReader(file))
    bits = np.load(folder / "masks.npz")["bits"]
    rows = [
        row
        for row in rows
        if row["n_readers"] == "4"
        and row["z_irregular"] == "0"
        and int(hashlib.sha256(row["patient"].encode()).hexdigest(), 16) % 10 not in (0, 1)
    ]
    chosen = np.random.default_rng(1).permutation(len(rows))[:NODULES]
    for row in (rows[n] for n in chosen):
        shape = (4, *(int(row[name]) for name in ("nz", "ny", "nx")))
        start, count = int(row["offset"]), int(row["nbytes"])
        masks = np.unpackbits(bits[start : start + count])[: np.prod(shape)].reshape(shape).astype(bool)
        spacing = (float(row["slice_spacing"]), *[float(row["pixel_spacing"])] * 2)
        yield np.pad(masks, ((0, 0), (3, 3), (6, 6), (6, 6))), spacing


def poor_readers(mask):
    plane = ndimage.generate_binary_structure(3, 1)
    plane[[0, 2]] = False
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    cut = mask.copy()
    cut[slices[: max(1, len(slices) // 3)]] = False
    return {
        "one pixel too large all round": ndimage.binary_dilation(mask, plane),
        "two pixels too large": ndimage.binary_dilation(mask, plane, 2),
        "one pixel too small": ndimage.binary_erosion(mask, plane),
        "a third of the slices left out": cut,
        "two pixels beside": np.roll(mask, 2, axis=2),
    }


def standings(masks, spacing, experts):
    """Return who -> (within by Dice, within by surface Dice) on one nodule."""
    kinds = {"a radiologist": masks[0], **poor_readers(masks[0])}
    outlines = [*masks[1 : 1 + experts], *kinds.values()]
    maps = [{1: (mask.astype(np.uint8), 1)} for mask in outlines]
    pairs = compare_every_pair(maps, spacing, labels=[1], tolerances_mm=(TOLERANCE_MM,), workers=1)
    values = np.ones((2, len(maps), len(maps)))
    for (a, b), (found,) in pairs.items():
        values[:, a, b] = values[:, b, a] = found.dice, found.surface_dice[0][1]
    return {
        kind: [beside_experts(table[experts + n, :experts], table[:experts, :experts]).within for table in values]
        for n, kind in enumerate(kinds)
    }


def main(folder):
    rng = np.random.default_rng(2)
    nodules = [(masks[rng.permutation(4)], spacing) for masks, spacing in readers_of(folder)]
    for experts in (2, 3):
        found = [standings(masks, spacing, experts) for masks, spacing in nodules]
        for structures in (6, 10, 20):
            exams = [rng.permutation(len(found))[:structures] for _ in range(EXAMS)]
            for passes in (0.9, 0.95):
                needed = required_within([experts / (experts + 1)] * structures, passes)
                print(f"\n{experts} experts, {structures} nodules, expert_passes {passes}: {needed} must be within")
                for kind in found[0]:
                    own = np.array([one[kind] for one in found])
                    counts = np.array([own[exam].sum(axis=0) for exam in exams])
                    passed = (counts >= needed).all(axis=1).mean()
                    share = own.mean(axis=0)
                    print(f"  {kind:<32} within {share[0]:.0%} by Dice, {share[1]:.0%} by surface Dice; passes {passed:.1%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
