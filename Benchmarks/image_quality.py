"""Time of the image-quality numbers: as a share of an evaluation, and SSIM beside scikit-image, in one process.

    python Benchmarks/image_quality.py [--slices 300] [--repeats 3]

The image is the sample CT's 20 slices, there and back again until there are --slices of them, with the organs of the abdomen
protocol from TotalSegmentator's result. SSIM is that of the image and of itself smoothed, on 40 slices. scikit-image is not a
dependency of SegQC; without it its row is left out.
"""

import argparse
import statistics
import time

import numpy as np
from scipy import ndimage

from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.evaluate import evaluate_prepared
from SegQCLib.geometry import Geometry
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.prepare import PreparedCase, prepare
from SegQCLib.protocol import load_protocol
from SegQCLib.quality.measure_image_quality import measure_image_quality
from SegQCLib.quality.ssim import ssim_map
from SegQCLib.samples import TOTALSEGMENTATOR, sample_folder


def timed(repeats, work):
    """Return the median CPU time of all threads and the median wall time of `repeats` runs, s."""
    taken = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        taken.append((time.process_time() - cpu, time.perf_counter() - wall))
    return tuple(statistics.median(column) for column in zip(*taken, strict=True))


def there_and_back(array, slices):
    both = np.concatenate([array, array[::-1]])
    return np.concatenate([both] * (slices // len(both) + 1))[:slices]


def tall_case(slices) -> PreparedCase:
    files = sample_folder(TOTALSEGMENTATOR, print) / "tests" / "reference_files"
    image = read_image(files / "example_ct_dicom")
    drawn = read_segmentation(files / "example_seg_dicom.nii.gz", labels="totalsegmentator")
    protocol = load_protocol("ct-abdomen-portal-venous").protocol
    flat = prepare(Case(Volume(image.array, image.geometry, image.acquisition), drawn), protocol).case
    grid = flat.image.geometry
    tall = Geometry((slices, *grid.size[1:]), grid.spacing_mm, grid.origin_lps_mm, grid.axes_lps)
    organs = tuple(segment for segment in flat.candidate.segments if protocol.structure_of(segment) and flat.candidate.box(segment))
    layers = tuple(there_and_back(layer, slices) for layer in flat.candidate.layers)
    volume = Volume(there_and_back(image.array, slices), tall, image.acquisition)
    return prepare(Case(volume, Segmentation("draft", tall, layers, organs)), protocol)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    loaded = load_protocol("ct-abdomen-portal-venous")
    prepared = tall_case(options.slices)
    numbers = measure_image_quality(prepared.case, loaded.protocol).measurements
    whole = timed(options.repeats, lambda: evaluate_prepared(prepared, loaded))
    part = timed(options.repeats, lambda: measure_image_quality(prepared.case, loaded.protocol))
    print(f"{len(prepared.case.candidate.segments)} organs, {options.slices} slices of 512 x 512, {len(numbers)} numbers")
    print(f"evaluation, files read before: {whole[1]:.2f} s (CPU {whole[0]:.2f} s)")
    print(f"of it image quality: {part[1]:.2f} s (CPU {part[0]:.2f} s), {part[1] / whole[1]:.0%} of the time")
    one = prepared.case.image.array[:40].astype(np.float64)
    other = ndimage.gaussian_filter(one, 1.0)
    ours = timed(options.repeats, lambda: ssim_map(one, other, data_range=400.0))
    print(f"SSIM, uniform window of 7, 40 slices: {ours[1]:.2f} s")
    try:
        from skimage.metrics import structural_similarity
    except ImportError:
        print("scikit-image is not installed: no row of it")
        return
    theirs = timed(options.repeats, lambda: structural_similarity(one, other, data_range=400.0, win_size=7))
    print(f"scikit-image: {theirs[1]:.2f} s, {theirs[1] / ours[1]:.1f} times ours")


if __name__ == "__main__":
    main()
