"""Comparing two segmentations: SegQC and its peers side by side, in one process, on the same arrays.

    python Benchmarks/compare.py [--inputs S M L] [--repeats 3] [--scaling] [--hard]

Prints medians in seconds, ratios and equality of values. Inputs are those of ../shared/bench (made at the first
run into --data). Peers: surface-distance (definition surfel), the plain scipy recipe on label crops with two threads
(definition voxel), SimpleITK's overlap filter, and panoptica where it is installed.
--scaling plots time against surface points and threads; --hard runs the bad cases; --memory
measures the peak above the inputs.
"""

import argparse
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import surface_distance
from scipy import ndimage

from SegQCLib.metrics import compare
from SegQCLib.metrics.overlap_counts import overlap_counts

MAKE_INPUTS = Path(__file__).parents[2] / "shared" / "bench" / "make_inputs.py"
TOLERANCES_MM = (1, 2, 3)


def timed(work, repeats):
    """Return the median time in s and the last result."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), result


def labels_of(*maps):
    return sorted({int(value) for array in maps for value in np.unique(array)} - {0})


def by_surface_distance(reference, candidate, spacing_mm, labels):
    """Return (dice, hausdorff, hausdorff 95, assd, surface Dice ...) of every label both maps have."""
    values = {}
    for label in labels:
        r, c = reference == label, candidate == label
        dice = surface_distance.compute_dice_coefficient(r, c)
        if not (r.any() and c.any()):
            continue
        distances = surface_distance.compute_surface_distances(r, c, spacing_mm)
        means = surface_distance.compute_average_surface_distance(distances)
        areas = distances["surfel_areas_gt"].sum(), distances["surfel_areas_pred"].sum()
        values[label] = (
            dice,
            surface_distance.compute_robust_hausdorff(distances, 100),
            surface_distance.compute_robust_hausdorff(distances, 95),
            float(np.dot(means, areas) / sum(areas)),
            *(surface_distance.compute_surface_dice_at_tolerance(distances, t) for t in TOLERANCES_MM),
        )
    return values


def by_scipy(reference, candidate, spacing_mm, labels):
    """Return the same by the voxel definition: distance transforms on label crops, two threads."""
    boxes = [ndimage.find_objects(array) for array in (reference, candidate)]

    def one(label):
        found = [b[label - 1] if label <= len(b) else None for b in boxes]
        if None in found:
            return label, None
        box = tuple(slice(max(0, min(a.start, b.start) - 1), max(a.stop, b.stop) + 1) for a, b in zip(*found, strict=True))
        r, c = reference[box] == label, candidate[box] == label
        dice = 2 * np.count_nonzero(r & c) / (np.count_nonzero(r) + np.count_nonzero(c))
        edges = [mask & ~ndimage.binary_erosion(mask) for mask in (r, c)]
        there = ndimage.distance_transform_edt(~edges[1], sampling=spacing_mm)[edges[0]]
        back = ndimage.distance_transform_edt(~edges[0], sampling=spacing_mm)[edges[1]]
        both = np.concatenate([there, back])
        percentiles = max(np.percentile(there, 95), np.percentile(back, 95))
        return label, (dice, both.max(), percentiles, both.mean(), *(np.mean(both <= t) for t in TOLERANCES_MM))

    with ThreadPoolExecutor(2) as pool:
        return {label: values for label, values in pool.map(one, labels) if values is not None}


def by_simpleitk(reference, candidate, labels):
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(sitk.GetImageFromArray(reference), sitk.GetImageFromArray(candidate))
    return {label: overlap.GetDiceCoefficient(label) for label in labels}


def ours(reference, candidate, spacing_mm, definition, pieces):
    return {
        c.label: (c.dice, c.hausdorff_mm, c.hausdorff_95_mm, c.assd_mm, *(value for _, value in c.surface_dice))
        for c in compare(reference, candidate, spacing_mm, definition=definition, pieces=pieces)
        if c.hausdorff_mm is not None
    }


def largest_differences(a, b):
    """Return the largest difference of ratios (Dice, surface Dice) and of distances in mm."""
    if a.keys() != b.keys():
        raise SystemExit(f"different labels: {sorted(a.keys() ^ b.keys())}")
    differences = np.abs(np.array([np.subtract(a[label], b[label]) for label in a]))
    return differences[:, [0, 4, 5, 6]].max(), differences[:, 1:4].max()


def load(name, data):
    path = data / f"{name}.npz"
    if not path.is_file():
        if not MAKE_INPUTS.is_file():
            raise SystemExit(f"{path} is missing, and so is {MAKE_INPUTS}, which makes it.")
        subprocess.run([sys.executable, str(MAKE_INPUTS), str(data), "--only", name], check=True)
    with np.load(path) as arrays:
        return arrays["reference"], arrays["candidate"], tuple(map(float, arrays["spacing_mm"]))


def side_by_side(name, data, repeats):
    reference, candidate, spacing_mm = load(name, data)
    full_s, surfel = timed(lambda: ours(reference, candidate, spacing_mm, "surfel", False), repeats)
    surfel_s, _ = timed(lambda: ours(reference, candidate, spacing_mm, "surfel", True), repeats)
    voxel_s, voxel = timed(lambda: ours(reference, candidate, spacing_mm, "voxel", False), repeats)
    overlap_s, _ = timed(lambda: overlap_counts(reference, candidate, 2), repeats)
    labels = labels_of(
        reference, candidate
    )  # the peers are told: finding them with np.unique would take them longer than measuring
    peer_repeats = 1 if name == "L" else repeats
    theirs_s, theirs = timed(lambda: by_surface_distance(reference, candidate, spacing_mm, labels), peer_repeats)
    scipy_s, plain = timed(lambda: by_scipy(reference, candidate, spacing_mm, labels), peer_repeats)
    itk_s, _ = timed(lambda: by_simpleitk(reference, candidate, labels), repeats)
    ratios, distances = largest_differences(surfel, theirs)
    plain_ratios, plain_distances = largest_differences(voxel, plain)
    rows = [
        ("full set, surfel", full_s, "surface-distance", theirs_s, f"{ratios:.0e}, {distances:.0e} mm"),
        ("full set, voxel", voxel_s, "scipy on crops, 2 threads", scipy_s, f"{plain_ratios:.0e}, {plain_distances:.0e} mm"),
        ("both definitions, islands, holes, added path", surfel_s + voxel_s, "surface-distance", theirs_s, ""),
        ("overlap only", overlap_s, "SimpleITK LabelOverlapMeasures", itk_s, ""),
    ]
    for what, own_s, peer, peer_s, equality in rows:
        print(f"| {name} | {what} | {own_s:.4f} | {peer} | {peer_s:.3f} | {peer_s / own_s:.1f} | {equality} |", flush=True)
    panoptica_s = by_panoptica(reference, candidate, spacing_mm)
    if panoptica_s:
        print(
            f"| {name} | full set, surfel | {full_s:.4f} | panoptica | {panoptica_s:.3f} | {panoptica_s / full_s:.1f} | |",
            flush=True,
        )


MEMORY = """\
import re, sys
from pathlib import Path
import numpy as np
from SegQCLib.metrics import compare
with np.load(sys.argv[1]) as arrays:
    reference, candidate, spacing_mm = arrays["reference"], arrays["candidate"], arrays["spacing_mm"]
compare(reference[:2], candidate[:2], spacing_mm)
Path("/proc/self/clear_refs").write_text("5")
def kilobytes(key): return int(re.search(key + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = kilobytes("VmRSS")
compare(reference, candidate, spacing_mm, definition=sys.argv[2])
print((kilobytes("VmHWM") - before) * 1024 / 1e6)
"""


def memory(names, data):
    """Print the peak memory above the two inputs (which are in memory) in MB, each in a process of its own."""
    print("| input | definition | memory above the inputs (MB) |\n|---|---|---|")
    for name in names:
        load(name, data)
        for definition in ("surfel", "voxel"):
            command = [sys.executable, "-c", MEMORY, str(data / f"{name}.npz"), definition]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"| {name} | {definition} | {float(done.stdout):.0f} |", flush=True)


def by_panoptica(reference, candidate, spacing_mm):
    """Return the time panoptica takes for Dice, Jaccard, ASSD and HD95 of matched labels, or None where it is not installed."""
    try:
        from panoptica import InputType, Metric, Panoptica_Evaluator
    except ImportError:
        return None
    metrics = [Metric.DSC, Metric.IOU, Metric.ASSD, Metric.HD95]
    evaluator = Panoptica_Evaluator(expected_input=InputType.MATCHED_INSTANCE, instance_metrics=metrics, global_metrics=[])
    seconds, _ = timed(lambda: evaluator.evaluate(candidate, reference, voxelspacing=spacing_mm, verbose=False), 1)
    return seconds


def ball(shape, center, radius):
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    return sum((g - c) ** 2 for g, c in zip(grid, center, strict=True)) <= radius**2


def hard_cases():
    """Yield name and the two maps of cases that break fast paths."""
    shape = (200, 300, 400)
    yield (
        "wrong side (all points far)",
        ball(shape, (100, 150, 90), 70).astype(np.uint8),
        ball(shape, (100, 150, 310), 70).astype(np.uint8),
    )
    full = np.ones(shape, np.uint8)
    smaller = full.copy()
    smaller[:, :, -3:] = 0
    yield "one label fills the volume", full, smaller
    tiny = np.zeros(shape, np.uint16)
    rng = np.random.default_rng(0)
    for label in range(1, 1001):
        k, j, i = (int(rng.integers(0, n - 6)) for n in shape)
        tiny[k : k + 4, j : j + 4, i : i + 4] = label
    yield "1,000 tiny labels", tiny, np.roll(tiny, 1, axis=2)
    board = (np.indices((100, 100, 100)).sum(axis=0) % 2).astype(np.uint8)
    yield "checkerboard of 100^3", board, 1 - board
    large = np.zeros((1500, 512, 512), np.uint8)
    large[100:1400, 60:450, 60:450] = ball((1300, 390, 390), (650, 195, 195), 190)
    yield "512 x 512 x 1500, one organ", large, np.roll(large, 1, axis=1)


def hard():
    print("| hard case | SegQC surfel (s) |\n|---|---|")
    for name, reference, candidate in hard_cases():
        seconds, _ = timed(lambda r=reference, c=candidate: compare(r, c, (1.5, 0.8, 0.8)), 1)
        print(f"| {name} | {seconds:.2f} |", flush=True)


def scaling(plot):
    """Plot time against surface points (balls of growing radius) and against threads (input M)."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    points, seconds = [], []
    for radius in (5, 10, 20, 40, 80, 120):
        size = (2 * radius + 6,) * 3
        reference = ball(size, (radius + 3,) * 3, radius).astype(np.uint8)
        candidate = ball(size, (radius + 3, radius + 3, radius + 2), radius).astype(np.uint8)
        taken, _ = timed(lambda r=reference, c=candidate: compare(r, c, (1.0, 1.0, 1.0)), 3)
        points.append(int(4 * np.pi * radius**2))
        seconds.append(taken)
        print(f"radius {radius}: about {points[-1]} mm2 of surface, {taken:.4f} s", flush=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
    left.loglog(points, seconds, "o-")
    left.set(xlabel="surface area of the ball (mm², 1 mm voxels)", ylabel="time (s)", title="compare(): one label")
    reference, candidate, spacing_mm = load("M", plot.parent)
    threads = (1, 2, 4)
    taken = [timed(lambda n=n: compare(reference, candidate, spacing_mm, workers=n), 3)[0] for n in threads]
    print("threads", dict(zip(threads, taken, strict=True)), flush=True)
    right.plot(threads, taken, "o-")
    right.set(
        xlabel="threads (on 2 cores)",
        ylabel="time (s)",
        title="compare(): 30 labels, 512 x 512 x 300",
        ylim=(0, None),
        xticks=threads,
    )
    figure.tight_layout()
    figure.savefig(plot, dpi=80)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", nargs="*", default=["S", "M", "L"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path("/tmp/segqc-bench"), help="where the inputs are kept")  # noqa: S108
    parser.add_argument("--scaling", type=Path, metavar="PLOT.png")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--hard", action="store_true")
    options = parser.parse_args()
    if options.inputs:
        options.data.mkdir(parents=True, exist_ok=True)
        print("| input | SegQC | median (s) | peer | median (s) | ratio | largest difference (ratios, distances) |")
        print("|---|---|---|---|---|---|---|")
    for name in options.inputs:
        side_by_side(name, options.data, options.repeats)
    if options.memory:
        memory(options.inputs, options.data)
    if options.hard:
        hard()
    if options.scaling:
        scaling(options.scaling)


if __name__ == "__main__":
    main()
