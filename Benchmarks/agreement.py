"""Readers of one case against each other: SegQC and its peers side by side, in one process, on the same arrays.

    python Benchmarks/agreement.py [--readers 4] [--input M] [--repeats 3] [--peers]

Prints medians in seconds and ratios. Inputs are those of ../shared/bench (made at the first run into --data): the reference and
as many perturbed copies of it as there are other readers. Rows: every pair and structure by `agreement_of`; the same by
`segqc compare` pair by pair; consensus by STAPLE on crops, by majority, and STAPLE on the whole image as SimpleITK gives it
(one structure); disagreement map; worst slices; pieces of all structures. --peers adds surface-distance and scipy on crops
(two threads) for every pair, with the largest differences to ours (some minutes).
"""

import argparse
import importlib.util
from itertools import combinations
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from compare import MAKE_INPUTS, by_scipy, by_surface_distance, labels_of, largest_differences, load, timed

from SegQCLib.agreement.case_agreement import agreement_of
from SegQCLib.agreement.consensus import consensus
from SegQCLib.agreement.disagreement import disagreement_components, disagreement_map, worst_slices
from SegQCLib.agreement.readers_of_case import readers_of_case
from SegQCLib.case import Segment, Segmentation
from SegQCLib.comparison_report import compare_segmentations
from SegQCLib.geometry import Geometry

AXIAL = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def label_maps(name, readers, data):
    """Return the label maps of the readers and the spacing in mm."""
    reference, candidate, spacing_mm = load(name, data)
    specification = importlib.util.spec_from_file_location("make_inputs", MAKE_INPUTS)
    make_inputs = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(make_inputs)
    more = [make_inputs.perturb(reference, 100 + n) for n in range(readers - 2)]
    return [reference, candidate, *more], spacing_mm


def as_segmentations(maps, spacing_mm):
    geometry = Geometry(maps[0].shape, spacing_mm, (0.0, 0.0, 0.0), AXIAL)
    # Looking for the labels is a part of reading files and would take longer than comparing.
    segments = tuple(Segment(f"s{label}", f"organ {label}", label) for label in range(1, int(max(map(np.max, maps))) + 1))
    return [Segmentation(f"reader {n}", geometry, (array,), segments) for n, array in enumerate(maps, 1)]


def agreement(maps, spacing_mm):
    """Return the agreement of readers whose files were just read: nothing of them is known yet."""
    return agreement_of(readers_of_case(as_segmentations(maps, spacing_mm)))


def pair_by_pair(maps, spacing_mm):
    pairs = combinations(as_segmentations(maps, spacing_mm), 2)
    return [compare_segmentations(reference, candidate, "surfel") for reference, candidate in pairs]


def values_of(pairs):
    """Return Dice, distances and surface Dice of each structure that both readers of a pair drew."""
    return {
        int(pair.structure.split()[1]): (
            pair.dice, pair.hausdorff_mm, pair.hausdorff_95_mm, pair.assd_mm, *(value for _, value in pair.surface_dice)
        )
        for pair in pairs
        if pair.assd_mm is not None
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", default="M")
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--data", type=Path, default=Path("/tmp/segqc-bench"), help="where the inputs are kept")  # noqa: S108
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    maps, spacing_mm = label_maps(options.input, options.readers, options.data)
    case = readers_of_case(as_segmentations(maps, spacing_mm))
    ours_s, ours = timed(lambda: agreement(maps, spacing_mm), options.repeats)
    print(f"| {options.input}, {options.readers} readers | s | times ours |\n|---|---|---|")

    def row(what, seconds, equality=""):
        print(f"| {what} | {seconds:.2f} | {seconds / ours_s:.1f} | {equality}", flush=True)

    row("every pair, every structure, outliers, worst slices", ours_s)
    row("segqc compare, pair by pair (with islands and holes)", timed(lambda: pair_by_pair(maps, spacing_mm), options.repeats)[0])
    if options.peers:
        labels = labels_of(*maps)
        for name, peer in (("surface-distance", by_surface_distance), ("scipy on crops, 2 threads", by_scipy)):
            seconds, theirs = timed(lambda peer=peer: [peer(a, b, spacing_mm, labels) for a, b in combinations(maps, 2)], 1)
            told = ""
            if peer is by_surface_distance:
                by_pair = zip(*(structure.pairs for structure in ours.structures), strict=True)
                largest = [largest_differences(values_of(pairs), other) for pairs, other in zip(by_pair, theirs, strict=True)]
                told = "largest differences {:.0e} (ratios), {:.0e} mm |".format(*np.max(largest, axis=0))
            row(name, seconds, told)
    row("STAPLE consensus of all structures", timed(lambda: consensus(case), 1)[0])
    row("majority consensus of all structures", timed(lambda: consensus(case, "majority"), 1)[0])
    images = [sitk.GetImageFromArray((array == 1).view(np.uint8)) for array in maps]
    row("SimpleITK's STAPLE of the largest structure on the whole image", timed(lambda: sitk.STAPLE(images, 1.0, 1.0, 200), 1)[0])
    row("disagreement map", timed(lambda: disagreement_map(case), 1)[0])
    row("worst slices", timed(lambda: worst_slices(case), 1)[0])
    pieces_s, pieces = timed(lambda: [disagreement_components(case, structure.name) for structure in case.structures], 1)
    row(f"{sum(map(len, pieces))} pieces that readers differ about", pieces_s)


if __name__ == "__main__":
    main()
