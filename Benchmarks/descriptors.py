"""Radiomics descriptors: SegQC and its peers side by side in one run, each in a process of its own, on the same regions.

    python Benchmarks/descriptors.py [--pyradiomics PYTHON] [--mirp PYTHON] [--rounds 5]
    python Benchmarks/descriptors.py --paper [--slices 7740] [--workers 1 2]

PYTHON is the interpreter of an environment in which that peer is installed (default: this one); a peer that is not
there is skipped with a message. Images are simulated: smooth noise in irregular regions. The peers take turns region by
region; printed are medians of CPU seconds on one thread (on a shared machine the clock on the wall says little), ratios,
memory above the inputs, and the largest relative difference of the values.
--paper describes as many slices as Fournel et al. did (7,740, four regions each: lesion, healthy tissue, band inside,
band outside) and prints seconds and memory per worker.
"""

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

REGIONS = {
    "2-D, 2,000 pixels": (2, 2_000),
    "2-D, 20,000 pixels": (2, 20_000),
    "3-D, 30,000": (3, 30_000),
    "3-D, 300,000": (3, 300_000),
}
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1"
)


def irregular_region(dimensions, size, seed=0):
    """Return a simulated image (noise of 60 HU, smooth over about a voxel) and a ball with a rough border of about that size."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    radius = (size / math.pi) ** (1 / 2) if dimensions == 2 else (size * 3 / 4 / math.pi) ** (1 / 3)
    shape = (int(2.8 * radius) + 6,) * dimensions
    distance = np.sqrt(sum((axis - shape[0] / 2) ** 2 for axis in np.ogrid[tuple(slice(0, n) for n in shape)]))
    dents = ndimage.gaussian_filter(rng.normal(size=shape), radius / 5)
    surface = distance * (1 + 0.12 * dents / dents.std())
    mask = surface < np.partition(surface.ravel(), size)[size]
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 1)
    return np.round(40 + 60 * noise / noise.std()).astype(np.int16), mask


def segqc(image, mask):
    from SegQCLib.difficulty.descriptors.outline import outline_of
    from SegQCLib.difficulty.descriptors.radiomics import radiomics
    from SegQCLib.difficulty.descriptors.shape_2d import shape_2d
    from SegQCLib.difficulty.descriptors.shape_3d import shape_3d

    spacing_mm = (1.0,) * image.ndim
    shape = shape_2d if image.ndim == 2 else shape_3d
    return {
        "without shape": lambda: radiomics(image, mask, spacing_mm),
        "with shape": lambda: radiomics(image, mask, spacing_mm) | shape(outline_of(mask, spacing_mm)),
    }


def pyradiomics(image, mask):
    import SimpleITK as sitk
    from radiomics import featureextractor, setVerbosity

    setVerbosity(60)
    image, mask = sitk.GetImageFromArray(image), sitk.GetImageFromArray(mask.astype(np.uint8))
    works = {}
    for name, shape in (("without shape", []), ("with shape", ["shape2D" if image.GetDimension() == 2 else "shape"])):
        extractor = featureextractor.RadiomicsFeatureExtractor(additionalInfo=False)
        extractor.disableAllFeatures()
        for family in ["firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm", *shape]:
            extractor.enableFeatureClassByName(family)
        works[name] = lambda extractor=extractor: snake_case(extractor.execute(image, mask))
    return works


def snake_case(values):
    """Return pyradiomics' values under SegQC's names, but for shape, whose names differ."""
    found = {}
    for name, value in values.items():
        _, family, feature = name.split("_")
        if not family.startswith("shape"):
            family = {"firstorder": "first_order"}.get(family, family)
            found[f"{family}.{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', feature).lower()}"] = float(value)
    return found


def mirp(image, mask):
    from mirp import extract_features

    flat = image.ndim == 2
    image, mask = (array[None] if flat else array for array in (image.astype(float), mask.astype(np.uint8)))
    families = ["statistics", "intensity_histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm"]
    average, whole = ("2d_average", "2d") if flat else ("3d_average", "3d")
    settings = {
        "by_slice": flat,
        "base_discretisation_method": "fixed_bin_size",
        "base_discretisation_bin_width": 25.0,
        "resegmentation_intensity_range": [-1000.0, 3000.0],
        "write_features": False,
        "export_features": True,
        "glcm_spatial_method": average,
        "glrlm_spatial_method": average,
        **{f"{family}_spatial_method": whole for family in ("glszm", "ngtdm", "ngldm")},
    }
    works = {}
    for name, shape in (("without shape", []), ("with shape", [] if flat else ["morphological"])):

        def work(asked=(*families, *shape)):
            extract_features(image=image, mask=mask, base_feature_families=list(asked), **settings)
            return {}

        works[name] = work
    return works


PEERS = {"SegQC": segqc, "pyradiomics": pyradiomics, "mirp": mirp}


def kilobytes(key):
    return int(re.search(key + r":\s+(\d+)", Path("/proc/self/status").read_text())[1])


def serve(peer, folder):
    """Compute what the lines of standard input ask for; answer on standard output with seconds, megabytes and values."""
    answers, sys.stdout = sys.stdout, sys.stderr  # peers print
    works = {}
    for number in range(len(REGIONS)):
        with np.load(folder / f"{number}.npz") as arrays:
            works[number] = PEERS[peer](arrays["image"], arrays["mask"])
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        number, name = json.loads(line)
        Path("/proc/self/clear_refs").write_text("5")
        before, started = kilobytes("VmRSS"), time.process_time()
        values = works[number][name]()
        seconds = time.process_time() - started
        megabytes = max(0, kilobytes("VmHWM") - before) * 1024 / 1e6
        print(json.dumps([seconds, megabytes, {key: float(value) for key, value in values.items()}]), file=answers, flush=True)


def start(peer, python, folder):
    """Return a process that serves a peer, or None where the peer is not installed."""
    command = [python, __file__, "--serve", peer, "--folder", str(folder)]
    environment = os.environ | ONE_THREAD
    if peer == "SegQC":
        environment["PYTHONPATH"] = str(Path(__file__).parents[1] / "SegQCModule")
    log = folder / f"{peer}.log"
    with log.open("w") as lines:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=lines, text=True, env=environment)
    if process.stdout.readline().strip() == "ready":
        return process
    process.wait()
    print(f"{peer} is skipped: {log.read_text().strip().splitlines()[-1]}", flush=True)
    return None


def side_by_side(pythons, rounds):
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        for number, (dimensions, size) in enumerate(REGIONS.values()):
            image, mask = irregular_region(dimensions, size)
            np.savez(folder / f"{number}.npz", image=image, mask=mask)
        processes = {peer: start(peer, python, folder) for peer, python in pythons.items()}
        processes = {peer: process for peer, process in processes.items() if process}
        print("| region | shape | SegQC ms | SegQC MB | peer | ms | MB | ratio | largest relative difference |\n|" + "---|" * 9)
        for number, region in enumerate(REGIONS):
            for name in ("without shape", "with shape"):
                found = {peer: [] for peer in processes}
                for turn in range(rounds + 1):
                    for peer, process in processes.items():
                        if peer == "mirp" and turn > 1:  # it takes seconds
                            continue
                        print(json.dumps([number, name]), file=process.stdin, flush=True)
                        line = process.stdout.readline()
                        if not line:
                            raise SystemExit(f"{peer} failed:\n{(folder / f'{peer}.log').read_text()[-2000:]}")
                        answer = json.loads(line)
                        if turn:  # the first warms up
                            found[peer].append(answer)
                report(region, name, found)
        for process in processes.values():
            process.communicate()


def report(region, name, found):
    own_ms, own_mb, own = middle(found["SegQC"])
    for peer, answers in found.items():
        if peer != "SegQC":
            ms, megabytes, values = middle(answers)
            differences = [abs(own[key] - value) / max(abs(value), 1e-9) for key, value in values.items() if key in own]
            equality = f"{max(differences):.0e} ({len(differences)} values)" if differences else "not compared"
            print(
                f"| {region} | {name} | {own_ms:.1f} | {own_mb:.0f} | {peer} | {ms:.1f} | {megabytes:.0f} | {ms / own_ms:.1f} |"
                f" {equality} |",
                flush=True,
            )


def middle(answers):
    return 1e3 * statistics.median(a[0] for a in answers), max(a[1] for a in answers), answers[0][2]


def simulated_slice(seed):
    """Return the image, the lesion and the healthy tissue of a simulated 512 x 512 slice, each of shape (1, j, i)."""
    rng = np.random.default_rng(seed)
    size = int(np.clip(rng.lognormal(math.log(1500), 0.9), 60, 15_000))
    crop, lesion = irregular_region(2, size, seed)
    image = np.full((1, 512, 512), -850, np.int16)
    image += rng.normal(0, 40, image.shape).astype(np.int16)
    mask = np.zeros(image.shape, bool)
    corner = rng.integers(100, 412 - min(crop.shape[0], 300), 2)
    place = (0, slice(corner[0], corner[0] + len(crop)), slice(corner[1], corner[1] + len(crop)))
    mask[place] = lesion
    image[place][lesion] = crop[lesion] - 400
    healthy = np.zeros(image.shape, bool)
    healthy[0, 20:80, 200:300] = True
    return image, mask, healthy


def describe_slices(seeds):
    """Describe simulated slices; return CPU seconds and the process's highest memory in MB."""
    from SegQCLib.difficulty.descriptors.describe import describe_slice

    seconds = 0.0
    for seed in seeds:
        image, mask, healthy = simulated_slice(seed)
        started = time.process_time()
        values = describe_slice(mask, 0, (1.0, 0.8, 0.8), image, healthy, groups=("texture", "imaging", "border"))
        seconds += time.process_time() - started
    return seconds, kilobytes("VmHWM") * 1024 / 1e6, len(values)


def paper_volume(slices, worker_counts):
    print(
        "| slices | workers | wall s | CPU s of describing | ms per slice | descriptors per slice | highest MB of a worker |\n|"
        + "---|" * 7
    )
    for workers in worker_counts:
        portions = [range(first, slices, workers) for first in range(workers)]
        started = time.perf_counter()
        with ProcessPoolExecutor(workers) as pool:
            done = list(pool.map(describe_slices, portions))
        wall = time.perf_counter() - started
        seconds = sum(d[0] for d in done)
        print(
            f"| {slices:,} | {workers} | {wall:.0f} | {seconds:.0f} | {1e3 * seconds / slices:.1f} | {done[0][2]} |"
            f" {max(d[1] for d in done):.0f} |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pyradiomics", default=sys.executable)
    parser.add_argument("--mirp", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--paper", action="store_true")
    parser.add_argument("--slices", type=int, default=7740)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--serve", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.folder)
    elif asked.paper:
        os.environ.update(ONE_THREAD)
        paper_volume(asked.slices, asked.workers)
    else:
        side_by_side({"SegQC": sys.executable, "pyradiomics": asked.pyradiomics, "mirp": asked.mirp}, asked.rounds)


if __name__ == "__main__":
    main()
