"""A picture of the simulated study for the documentation: slices, readers' outlines, uncertainty maps.

    python Benchmarks/difficulty_simulated_slices.py OUT.png [--patients 12] [--seed 0]

Twelve slices in the order of the readers' agreement. Of each: the CT with its implanted lesion (window -60 to 180 HU); the
outlines of simulated reader 1 (red), 2 (green), 3 (blue), reader 1's second reading (orange) and the stand-in AI (yellow);
the uncertainty map, black 0 to white 0.5.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from SegQCLib.difficulty.agreement_target import agreement_target
from SegQCLib.difficulty.host_scans import host_scans
from SegQCLib.difficulty.simulated_study import SimulatedSlice, simulate_study, slices_of
from SegQCLib.difficulty.simulated_table import PAPER_TARGET
from SegQCLib.samples import TOTALSEGMENTATOR, sample_folder

COLOURS = ((255, 70, 70), (80, 255, 80), (90, 150, 255), (255, 165, 60), (255, 255, 0))
SIDE, ZOOM, SHOWN, COLUMNS = 72, 4, 12, 2


def main() -> None:
    """Simulate, choose slices spread evenly over the agreement, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    hosts = host_scans(sample_folder(TOTALSEGMENTATOR, print) / "tests" / "reference_files")
    study = simulate_study(hosts, patients=options.patients, slices_per_patient=8, seed=options.seed)
    slices = sorted(
        ((agreement_target(one.readers, PAPER_TARGET), one) for made in study for one in slices_of(made)), key=lambda pair: pair[0]
    )
    chosen = [slices[n] for n in np.linspace(0, len(slices) - 1, SHOWN).round().astype(int)]
    rows = [np.hstack([tile(*pair) for pair in chosen[n : n + COLUMNS]]) for n in range(0, SHOWN, COLUMNS)]
    sheet = Image.fromarray(np.vstack(rows))
    ImageDraw.Draw(sheet).text(
        (6, sheet.height - 16), "SIMULATED readers on a real CT with implanted lesions", fill=(255, 255, 255)
    )
    sheet.save(options.out)


def tile(agreement: float, one: SimulatedSlice) -> np.ndarray:
    """Return image, outlines and uncertainty of a slice side by side, shape (j, i, 3)."""
    grey = enlarged(np.clip((one.image + 60) / 240, 0, 1) * 255)
    plain = np.stack([grey] * 3, axis=-1).astype(np.uint8)
    outlined = plain.copy()
    for outline, colour in zip((*one.readers, one.candidate), COLOURS, strict=True):
        mask = enlarged(outline)
        outlined[mask & ~ndimage.binary_erosion(mask)] = colour
    uncertainty = np.stack([enlarged(one.uncertainty * 2 * 255)] * 3, axis=-1).astype(np.uint8)
    picture = Image.fromarray(np.hstack([plain, outlined, uncertainty]))
    ImageDraw.Draw(picture).text((6, 4), f"agreement (mean Dice) {agreement:.2f}", fill=(255, 255, 255))
    return np.pad(np.array(picture), ((0, 4), (0, 4), (0, 0)), constant_values=60)


def enlarged(plane: np.ndarray) -> np.ndarray:
    """Return the middle of a plane, padded with 0 to SIDE, each pixel ZOOM times as large."""
    cut = plane[tuple(slice(max(0, (size - SIDE) // 2), max(0, (size - SIDE) // 2) + SIDE) for size in plane.shape)]
    room = [SIDE - size for size in cut.shape]
    padded = np.pad(cut, [(free // 2, free - free // 2) for free in room])
    return padded.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)


if __name__ == "__main__":
    main()
